/* Loops over the channels of a position, or over codewords, compiled for several instruction sets (loops_body.h). */
#ifndef VQZ_CODEC_LOOPS_H
#define VQZ_CODEC_LOOPS_H
#include "codec/model/model.h"

enum {
    VQZ_NEAR = 1 << 14,          /* residuals below this keep squared distances in 31 bits */
    VQZ_BLOCK = 16
};

/* A pair codebook as one lambda sees it, cheapest codewords first; the first one fills the last block. */
typedef struct vqz_block {
    int16_t value[VQZ_BLOCK][2];
    int32_t price[VQZ_BLOCK], symbol[VQZ_BLOCK];
} vqz_block;
typedef struct vqz_shelf {
    const vqz_block *block;
    uint32_t blocks;
    int16_t low[2];              /* residuals that are at least `low` and less than `width` above it surely get codeword `zero`, */
    uint16_t width[2];           /* as most do; width 0: nothing is known */
} vqz_shelf;

/* c channels from `first` on; `heads` holds c means, then c log-scales. */
typedef struct vqz_loops {
    /* Predicted log-scales, the level's gain, the slice's bias (256 a rung) -> rungs. */
    void (*rungs)(const vqz_model *m, const vqz_level *level, uint32_t first, uint32_t c, const int16_t *heads, int32_t bias, uint8_t *rung);
    /* Latents v -> residuals in steps, 8 fractional bits. */
    void (*residuals)(const vqz_model *m, const vqz_level *level, uint32_t first, uint32_t c, const int16_t *heads, const int16_t *v, int32_t *r);
    /* Residuals -> latents: vqz_reconstruct. */
    void (*reconstruct)(const vqz_model *m, const vqz_level *level, uint32_t first, uint32_t c, const int16_t *heads, const int32_t *r, int16_t *v);
    /* Two rows of 2 n RGB pixels -> n cells of 2 x 2: byte c * 4 + dy * 2 + dx. */
    void (*cells)(const uint8_t *upper, const uint8_t *lower, size_t n, uint8_t *cell);
    /* Latents -> what networks see, in storage form (zero point 128). Whole planes go through VQZ_NET_LATQ. */
    void (*latq)(const vqz_model *m, uint32_t first, uint32_t c, const int16_t *v, uint8_t *seen);
    /* The symbol of the codeword that costs least for residuals below VQZ_NEAR, and what it costs. */
    uint32_t (*search)(const vqz_shelf *s, int32_t r0, int32_t r1, int32_t *least);
} vqz_loops;
extern const vqz_loops vqz_loops_c, vqz_loops_avx2, vqz_loops_avx512;

/* Those that go with a variant of the networks. */
const vqz_loops *vqz_loops_get(const vqz_kernels *k);
#endif
