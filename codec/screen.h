/* What of a tile is coded as pixels, and how. */
#ifndef VQZ_CODEC_SCREEN_H
#define VQZ_CODEC_SCREEN_H
#include "codec/pixels.h"

/* The payload of layer 0 of a tile without latents, exact. Its memory belongs to the caller (vqz_free). p->mask is NULL. */
vqz_status vqz_exact_encode(const vqz_pixels *p, vqz_rans_enc *rans, uint8_t **out, size_t *size, vqz_error *e);
#endif
