/* Binary decisions with adaptive probabilities, each one rANS symbol (spec/bitstream.md, "Decisions"). One walk over the data serves encoder
 * and decoder: every decision goes through vqz_bit(), which writes it or reads it; what a decoder passes for it is ignored. */
#ifndef VQZ_CODEC_ADAPTIVE_H
#define VQZ_CODEC_ADAPTIVE_H
#include "base/intmath.h"
#include "codec/rans.h"

enum {
    VQZ_PROB_SLOWEST = 255,         /* most for vqz_bits.slowest */
    VQZ_PROB_NODES = 16             /* of a tree of bits; deeper ones share the last */
};

typedef struct vqz_prob {
    uint32_t one;                   /* probability of a one bit, 31 fractional bits */
    uint32_t count;                 /* decisions so far, up to vqz_bits.slowest */
} vqz_prob;

typedef struct vqz_bits {
    vqz_rans_enc *enc;              /* one of these is NULL */
    vqz_rans_dec *dec;
    uint32_t slowest;               /* decisions after which a probability adapts no slower */
    uint32_t rate[VQZ_PROB_SLOWEST + 1];
} vqz_bits;

static inline void vqz_bits_init(vqz_bits *b, vqz_rans_enc *enc, vqz_rans_dec *dec, uint32_t slowest) {
    b->enc = enc;
    b->dec = dec;
    b->slowest = slowest;
    for (uint32_t n = 0; n <= slowest; n++) b->rate[n] = vqz_prob_rate(n);
}
static inline void vqz_probs_init(vqz_prob *q, size_t n) {
    for (size_t i = 0; i < n; i++) q[i] = (vqz_prob){UINT32_C(1) << 30, 0};
}

static inline bool vqz_bit(vqz_bits *b, vqz_prob *q, bool bit) {
    const uint32_t one = vqz_prob_frequency(q->one);
    if (b->enc) vqz_rans_put_bit(b->enc, bit, one);
    else bit = vqz_rans_get_bit(b->dec, one);
    q->one = vqz_prob_moved(q->one, bit, b->rate[q->count]);
    if (q->count < b->slowest) q->count++;
    return bit;
}

/* v of 1..max: floor(log2(v)) in unary, then the bits below the leading one. */
static inline int vqz_number(vqz_bits *b, vqz_prob *size, vqz_prob (*bits)[VQZ_PROB_NODES], int v, int max) {
    unsigned top = vqz_log2_floor((uint32_t)max), log = v > 0 ? vqz_log2_floor((uint32_t)v) : 0, k = 0;
    while (k < top && vqz_bit(b, &size[k], k < log)) k++;
    int r = 1;
    for (unsigned i = k; i-- > 0;) r = r << 1 | vqz_bit(b, &bits[k][r < VQZ_PROB_NODES - 1 ? r : VQZ_PROB_NODES - 1], v >> i & 1);
    return r < max ? r : max;       /* a damaged stream may say more */
}
#endif
