/* Where a picture hides errors: the encoder takes larger ones in busy blocks and smaller ones in flat ones. Not part of the format. */
#ifndef VQZ_CODEC_MASKING_H
#define VQZ_CODEC_MASKING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VQZ_MASK_MOST = 6 };

/* For every block of 32 x 32 pixels (fewer at the right and lower border) of width x height RGB pixels, rows `stride` bytes apart: its step
 * (codec/steps.h, half octaves of lambda), row by row, -VQZ_MASK_MOST..VQZ_MASK_MOST. Flat blocks get large ones. Returns whether any is not 0. */
bool vqz_masking(const uint8_t *rgb, size_t stride, uint32_t width, uint32_t height, int8_t *steps);
#endif
