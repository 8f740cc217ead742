/* Where a picture hides errors: the encoder takes more of them in busy blocks and fewer in flat ones. Not part of the format. */
#ifndef VQZ_CODEC_MASKING_H
#define VQZ_CODEC_MASKING_H
#include <stddef.h>
#include <stdint.h>

/* Step s multiplies lambda by 2^((s - VQZ_MASK_NEUTRAL) / 2). */
enum { VQZ_MASK_NEUTRAL = 4, VQZ_MASK_STEPS = 9 };

/* For every block of 16 x 16 pixels (fewer at the right and lower border) of width x height RGB pixels, rows `stride` bytes apart: its step,
 * row by row. Flat blocks get small ones. */
void vqz_masking(const uint8_t *rgb, size_t stride, uint32_t width, uint32_t height, uint8_t *steps);
/* lambda at a step. */
uint32_t vqz_masked_lambda(uint32_t lambda, unsigned step);
#endif
