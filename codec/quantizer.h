/* The encoder's choice of codewords: least distortion + lambda x bits, in integers (no part of the format).
 * lambda: cost of one bit in squared steps, 16 fractional bits. Of codewords that cost the same the first one wins; the escape only where it
 * costs less than every codeword. */
#ifndef VQZ_CODEC_QUANTIZER_H
#define VQZ_CODEC_QUANTIZER_H
#include "base/arena.h"
#include "codec/prior.h"

/* A choice: symbol n of the book is its escape, then `escape` holds the values; `raw` are the shift bits of a scalar book. */
typedef struct vqz_choice {
    uint32_t symbol;
    int32_t residual[2];         /* decoded residuals, 8 fractional bits */
    int32_t escape[2];
    uint32_t raw;
} vqz_choice;

enum {
    VQZ_NEAR = 1 << 14,          /* residuals below this keep squared distances in 31 bits; pairs with larger ones are escapes */
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

/* What residuals below VQZ_NEAR get: the symbol; *least: what it costs. */
typedef uint32_t vqz_search(const vqz_shelf *s, int32_t r0, int32_t r1, int32_t *least);

/* The inner loops, one set for each instruction set: quantizer_loops.h. */
typedef struct vqz_quantizer_loops {
    /* Rungs (as vqz_rungs) and residuals in steps, 8 fractional bits, of the c latents v; `heads`: c means, then c log-scales. */
    void (*residuals)(const vqz_model *m, const vqz_level *level, uint32_t first, uint32_t c, const int16_t *heads, int32_t bias, const int16_t *v, uint8_t *rung, int32_t *r);
    vqz_search *search;
    /* vqz_reconstruct_all */
    void (*reconstruct)(const vqz_model *m, const vqz_level *level, uint32_t first, uint32_t c, const int16_t *mean, const int32_t *r, int16_t *out);
} vqz_quantizer_loops;
extern const vqz_quantizer_loops vqz_quantizer_loops_c, vqz_quantizer_loops_avx2, vqz_quantizer_loops_avx512;

/* The same for two channels of certain rungs, in their order; width 0 also where they are coded one by one. */
typedef struct vqz_cell {
    int16_t low[2];
    uint16_t width[2];
    uint32_t range;              /* the zero codeword for vqz_rans_put_range: start | freq << 16 */
    int16_t zero[2];             /* and its values */
} vqz_cell;

/* The ladder as one lambda sees it. */
typedef struct vqz_quantizer {
    const vqz_model *m;
    const vqz_quantizer_loops *loops;
    uint32_t lambda;
    vqz_cell *cell;              /* [rungs][rungs] */
    vqz_shelf *shelf;            /* [npairs] */
    vqz_block *blocks;
    struct { int32_t low; uint32_t width; } scalar[VQZ_MAX_RUNGS];    /* the same for scalar books */
} vqz_quantizer;

/* cpu: as for vqz_kernels_get. */
void vqz_quantizer_layout(vqz_quantizer *q, const vqz_model *m, uint32_t cpu, vqz_arena *a);
void vqz_quantizer_set(vqz_quantizer *q, uint32_t lambda);

vqz_choice vqz_choose_pair(const vqz_quantizer *q, uint32_t pair, int32_t r0, int32_t r1);
vqz_choice vqz_choose_scalar(const vqz_codebook *b, int32_t r, uint32_t lambda);
#endif
