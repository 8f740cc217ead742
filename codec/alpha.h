/* Lossless coding of one 8-bit plane (alpha) of a rectangle, on its own: predicted residuals. spec/bitstream.md, "Alpha". */
#ifndef VQZ_CODEC_ALPHA_H
#define VQZ_CODEC_ALPHA_H
#include "base/memory.h"

/* Encodes w x h samples, rows `stride` bytes apart, samples `step` bytes apart. *out is allocated from mem (free with vqz_free).
 * A constant plane costs 2 bytes, any plane at most w * h + 1. */
vqz_status vqz_alpha_encode(vqz_memory *mem, const uint8_t *plane, ptrdiff_t stride, size_t step, uint32_t w, uint32_t h,
                            uint8_t **out, size_t *size, vqz_error *e);
/* Decodes into w x h samples; VQZ_ERR_CORRUPT unless exactly `size` bytes make exactly that many samples. Never reads or
 * writes outside. Bytes in *e->offset are relative to data. */
vqz_status vqz_alpha_decode(vqz_memory *mem, const uint8_t *data, size_t size, uint8_t *plane, ptrdiff_t stride, size_t step,
                            uint32_t w, uint32_t h, vqz_error *e);
#endif
