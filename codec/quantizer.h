/* The encoder's choice of codewords: least distortion + lambda x bits, in integers (no part of the format). */
#ifndef VQZ_CODEC_QUANTIZER_H
#define VQZ_CODEC_QUANTIZER_H
#include "codec/prior.h"

/* A choice: symbol n of the book is its escape, then `escape` holds the values; `raw` are the shift bits of a scalar book. */
typedef struct vqz_choice {
    uint32_t symbol;
    int32_t residual[2];         /* decoded residuals, 8 fractional bits */
    int32_t escape[2];
    uint32_t raw;
} vqz_choice;

/* Residual of latent y in steps, 8 fractional bits. */
static inline int32_t vqz_residual(const vqz_model *m, const vqz_level *level, uint32_t c, int32_t y, int32_t mean) {
    return (int32_t)(((int64_t)(y - mean) * level->gain[c] + ((int64_t)1 << (m->gain_shift - 1))) >> m->gain_shift);
}
/* lambda: cost of one bit in squared steps, 16 fractional bits. */
vqz_choice vqz_choose_pair(const vqz_codebook *b, int32_t r0, int32_t r1, uint32_t lambda);
vqz_choice vqz_choose_scalar(const vqz_codebook *b, int32_t r, uint32_t lambda);
#endif
