/* TILE payloads <-> latents on the device, for a batch of tiles: vqz_latent_decode and vqz_latent_encode, the same bytes and numbers. */
#ifndef VQZ_CUDA_LATENTS_H
#define VQZ_CUDA_LATENTS_H
#include "codec/backend.h"
#include "codec/latent.h"
#include "cuda/prior.h"

/* What came of one tile; offsets of errors are relative to its payload. */
typedef struct vqz_cu_result {
    vqz_status status;
    vqz_error error;
} vqz_cu_result;

/* A decoding under way. */
typedef struct vqz_cu_decoding {
    vqz_cu_prior *prior;
    uint32_t *hash;                          /* what the files say */
    vqz_cu_result *result;                   /* [tiles] */
} vqz_cu_decoding;
/* Queues all that the payloads, one per tile of the prior, ask for. */
vqz_status vqz_cu_decode_start(vqz_cu_decoding *d, vqz_cu_prior *p, const vqz_backend_payload *payload, void *queue, vqz_error *e);
/* Waits; then d->result says for each tile whether its latents are right. verify: compare the hash. The return value tells of the device only. */
vqz_status vqz_cu_decode_finish(vqz_cu_decoding *d, bool verify, void *queue, vqz_error *e);
/* After start, whatever became of it; d->result is gone then. */
void vqz_cu_decode_free(vqz_cu_decoding *d);

/* Queues the coding of the latents that stand in the tiles' planes, and of the hyper-latents: those of analysis, views of s16 tensors with Z channels, in the
 * device's memory. The planes then hold what a decoder will see. Orders may go when this returns. */
vqz_status vqz_cu_encode_start(vqz_cu_prior *p, const vqz_backend_order *order, const vqz_cu_view *hyper, void *queue, vqz_error *e);
/* Waits, and makes the tiles' payloads, which belong to the caller (vqz_free of the prior's memory): payload[k], size[k]. */
vqz_status vqz_cu_encode_finish(vqz_cu_prior *p, uint8_t **payload, size_t *size, void *queue, vqz_error *e);
#endif
