/* Encoding to a size or a PSNR: repeated encodes of a picture in memory. */
#ifndef VQZ_CLI_TARGET_H
#define VQZ_CLI_TARGET_H
#include "cli/stamp.h"

/* One encode with o->config.settings and the quality given in 1/16; the file is appended to `out`. `from` as in encoder_stamp. */
vqz_status encode_image(const image *im, const options *o, const stamp *from, int quality_x16, sink *out, vqz_error *e);
/* Notes in a file that has just been begun where it comes from; NULL: it does not say. */
vqz_status encoder_stamp(vqz_encoder *encoder, const stamp *from);
/* What an encoder has ready goes to `out`. VQZ_AGAIN, VQZ_END or an error. */
vqz_status encoder_drain(vqz_encoder *encoder, sink *out, vqz_error *e);
vqz_status encoder_failed(const vqz_encoder *encoder, vqz_status s, vqz_error *e);

/* The best file for o->target_size or o->target_psnr, in a memory sink that the caller closes. */
vqz_status target_encode(const image *im, const options *o, const stamp *from, sink *best, int *quality_x16, vqz_error *e);
#endif
