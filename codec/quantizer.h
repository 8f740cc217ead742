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

/* What is surely zero of two channels of certain rungs, in their order (vqz_shelf says how); nothing where they are coded one by one. */
typedef struct vqz_cell {
    int16_t low[2];
    uint16_t width[2];
    uint32_t range;              /* the zero codeword for vqz_rans_put_range: start | freq << 16 */
    int16_t zero[2];             /* and its values */
} vqz_cell;

/* A codeword of a scalar book without shift bits; around those of a book stand VQZ_BRIM that never win. */
typedef struct vqz_bin {
    int64_t price;
    int32_t value;
} vqz_bin;
enum { VQZ_BRIM = 3 };

/* The ladder as one lambda sees it. */
typedef struct vqz_quantizer {
    const vqz_model *m;
    const vqz_loops *loops;
    uint32_t lambda;
    vqz_cell *cell;              /* [rungs][rungs] */
    vqz_shelf *shelf;            /* [npairs] */
    vqz_block *blocks;
    struct {
        int32_t low;
        uint32_t width;          /* the same for scalar books */
        vqz_bin *bins;           /* [VQZ_BRIM + n + VQZ_BRIM]; NULL: it has shift bits */
        uint64_t escape;         /* price of the symbol */
    } scalar[VQZ_MAX_RUNGS];
} vqz_quantizer;

void vqz_quantizer_layout(vqz_quantizer *q, const vqz_model *m, const vqz_kernels *kernels, vqz_arena *a);
void vqz_quantizer_set(vqz_quantizer *q, uint32_t lambda);

vqz_choice vqz_choose_pair(const vqz_quantizer *q, uint32_t pair, int32_t r0, int32_t r1);
vqz_choice vqz_choose_scalar(const vqz_codebook *b, int32_t r, uint32_t lambda);
/* The residual of that choice for a rung's book. */
int32_t vqz_chosen_scalar(const vqz_quantizer *q, uint32_t rung, int32_t r);
#endif
