/* Steps by place: for every block of latent positions of a tile, how much coarser or finer than the tile's level its latents are quantized
 * (spec/bitstream.md section 3). Steps lie in -VQZ_STEP_MOST..VQZ_STEP_MOST; positive ones are finer. */
#ifndef VQZ_CODEC_STEPS_H
#define VQZ_CODEC_STEPS_H
#include "codec/prior.h"
#include "codec/rans.h"

/* Where unit is not 0, writes or reads p->steps (one of enc and dec is NULL). Then sets p->rows: those of a tile whose own row is `level` and where
 * a step is `unit` rows; past the table's ends its first and last row serve. */
void vqz_steps_walk(vqz_prior *p, vqz_rans_enc *enc, vqz_rans_dec *dec, uint32_t level, uint32_t unit);
/* Rows that make half an octave of lambda, a factor of 2^(1/4) in the gains, in the middle of the table; 0: the table is too short. (An encoder's
 * choice, not part of the format.) */
uint32_t vqz_step_unit(const vqz_model *m);
#endif
