/* Rows of any layout <-> RGB and alpha. */
#ifndef VQZ_CODEC_COLOUR_H
#define VQZ_CODEC_COLOUR_H
#include "vqz/vqz.h"
#include <stdbool.h>

static inline bool vqz_has_alpha(unsigned layout) { return layout == VQZ_GRAYA || layout == VQZ_RGBA; }
static inline bool vqz_is_gray(unsigned layout) { return layout == VQZ_GRAY || layout == VQZ_GRAYA; }

/* One row in: `rgb` gets width x 3 samples, `alpha` (layouts that have it) width. The colour of fully transparent pixels is replaced by the mean
 * of the filled pixels left and above, so that hidden colour costs nothing; `above` is the filled row before, or NULL. */
void vqz_row_in(unsigned layout, const uint8_t *src, uint32_t width, const uint8_t *above, uint8_t *rgb, uint8_t *alpha);
/* The same, but hidden colour stays. */
void vqz_row_split(unsigned layout, const uint8_t *src, uint32_t width, uint8_t *rgb, uint8_t *alpha);
/* `count` synthesised pixels (three samples with VQZ_PIXEL_BITS fractional bits each) out; alpha NULL where the layout has none. */
void vqz_row_out(unsigned layout, const int16_t *samples, const uint8_t *alpha, uint32_t count, uint8_t *dst);
#endif
