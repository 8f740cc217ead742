/* What analysis makes of middle gray: the latents of blocks of inter frames that are not coded (spec/bitstream.md section 11). */
#ifndef VQZ_CODEC_NEUTRAL_H
#define VQZ_CODEC_NEUTRAL_H
#include "codec/model/model.h"

/* latents: [C]. */
vqz_status vqz_neutral_latents(vqz_model *m, const vqz_kernels *kernels, vqz_memory *mem, int16_t *latents, vqz_error *e);
#endif
