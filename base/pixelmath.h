/* Samples and what the encoder makes of them (spec/bitstream.md section 6, codec/analysis.c), shared by every back end. */
#ifndef VQZ_BASE_PIXELMATH_H
#define VQZ_BASE_PIXELMATH_H
#include "base/intmath.h"

enum { VQZ_PIXEL_BITS = 6 };                 /* fractional bits of synthesised samples */
enum { VQZ_MISSING_BITS = 2 };               /* of what synthesis misses, when it goes through the linear path */

/* One sample. */
VQZ_INLINE uint8_t vqz_sample(int32_t v) { return (uint8_t)vqz_clamp32((v + (1 << (VQZ_PIXEL_BITS - 1))) >> VQZ_PIXEL_BITS, 0, 255); }
VQZ_INLINE uint8_t vqz_gray(unsigned r, unsigned g, unsigned b) { return (uint8_t)((r + 2 * g + b + 2) >> 2); }

/* A pixel of three samples as one number below 2^24. */
VQZ_INLINE uint32_t vqz_colour(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16; }

/* pixel: a sample less 128. */
VQZ_INLINE int32_t vqz_missing(int32_t pixel, int32_t made) {
    enum { SHIFT = VQZ_PIXEL_BITS - VQZ_MISSING_BITS };
    return vqz_clamp32(((pixel + 128) * (1 << VQZ_PIXEL_BITS) - made + (1 << (SHIFT - 1))) >> SHIFT, -127, 127);
}
/* A latent, what the linear path makes of what is missing, and what it makes of nothing. */
VQZ_INLINE int32_t vqz_corrected(int32_t latent, int32_t d, int32_t nothing) {
    return vqz_clamp32(latent + ((d - nothing + (1 << (VQZ_MISSING_BITS - 1))) >> VQZ_MISSING_BITS), INT16_MIN, INT16_MAX);
}
#endif
