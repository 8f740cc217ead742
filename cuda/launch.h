/* Starting kernels. Each returns 0 or an error for vqz_cu_error_text; `stream` is a queue of runtime.h. Pointers inside the structures are the
 * device's, the structures themselves the host's. */
#ifndef VQZ_CUDA_LAUNCH_H
#define VQZ_CUDA_LAUNCH_H
#include "cuda/area.h"
#include "cuda/tile.h"
#ifdef __cplusplus
extern "C" {
#endif

/* A layer over `items`; positions: of the largest item's output, before the shuffle. */
int vqz_cu_conv(const vqz_cu_job *job, unsigned items, uint32_t positions, void *stream);
int vqz_cu_requant(const vqz_cu_job *job, unsigned items, uint32_t positions, void *stream);

/* The prior. positions: of the largest tile: hyper-latents; latents; latents of the pass. */
int vqz_cu_hyper_features(const vqz_cu_hyper *p, uint32_t positions, void *stream);
int vqz_cu_hyper_crop(const vqz_cu_hyper *p, uint32_t positions, void *stream);
int vqz_cu_gather_trunk(const vqz_cu_gather *p, uint32_t positions, uint32_t stride, void *stream);
int vqz_cu_gather_anchors(const vqz_cu_gather *p, uint32_t positions, void *stream);

/* Decoding, in the file's order: begin, steps (which set the rows of positions), hyper, the passes (which also fill in the latents of slices that are not coded), end. */
int vqz_cu_decode_begin(const vqz_cu_batch *p, void *stream);
int vqz_cu_decode_steps(const vqz_cu_batch *p, void *stream);
int vqz_cu_decode_hyper(const vqz_cu_batch *p, void *stream);
int vqz_cu_decode_pass(const vqz_cu_pass *p, void *stream);
/* What is left over goes into tile.failed. */
int vqz_cu_decode_end(const vqz_cu_batch *p, void *stream);
/* Encoding: round, hyper, then for each slice, both passes predicted: bias (of the first one), pass, end, and where the slice is left out, drop. */
int vqz_cu_round_hyper(const vqz_cu_hyper *p, uint32_t positions, void *stream);
int vqz_cu_encode_hyper(const vqz_cu_batch *p, uint32_t positions, void *stream);
int vqz_cu_choose_bias(const vqz_cu_pass *p, uint32_t positions, void *stream);
int vqz_cu_encode_pass(const vqz_cu_pass *p, uint32_t positions, void *stream);
int vqz_cu_end_slice(const vqz_cu_pass *p, void *stream);
int vqz_cu_drop_pass(const vqz_cu_pass *p, uint32_t positions, void *stream);
int vqz_cu_encode_end(const vqz_cu_finish *p, void *stream);

/* Pixels; positions: of the largest area. */
int vqz_cu_pixels_in(const vqz_cu_pixels *p, uint32_t positions, void *stream);
int vqz_cu_take_latents(const vqz_cu_pixels *p, uint32_t positions, void *stream);
int vqz_cu_give_latents(const vqz_cu_pixels *p, uint32_t positions, void *stream);
int vqz_cu_take_missing(const vqz_cu_pixels *p, uint32_t positions, void *stream);
int vqz_cu_correct(const vqz_cu_pixels *p, uint32_t positions, void *stream);
int vqz_cu_pixels_out(const vqz_cu_pixels *p, uint32_t positions, void *stream);

/* tile.hash of the latents. */
int vqz_cu_hash(const vqz_cu_batch *p, void *stream);
#ifdef __cplusplus
}
#endif
#endif
