/* Bands of decisions in a payload (spec/bitstream.md, "Decisions"): the number of words, then the words. */
#ifndef VQZ_CODEC_BANDS_H
#define VQZ_CODEC_BANDS_H
#include "codec/rans.h"

/* What has been collected since the last reset, behind the *size bytes of *out. */
vqz_status vqz_band_append(vqz_rans_enc *rans, void **out, size_t *size, vqz_error *e);
vqz_status vqz_band_open(vqz_rans_dec *dec, vqz_reader *in, vqz_error *e);
#endif
