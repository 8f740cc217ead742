/* TILE payloads <-> latents on the device, for a batch of tiles: vqz_latent_decode and vqz_latent_encode, the same bytes and numbers. */
#ifndef VQZ_CUDA_LATENTS_H
#define VQZ_CUDA_LATENTS_H
#include "codec/latent.h"
#include "cuda/prior.h"

typedef struct vqz_cu_payload {
    const uint8_t *data;
    size_t size;
} vqz_cu_payload;

/* What came of one tile; offsets of errors are relative to its payload. */
typedef struct vqz_cu_result {
    vqz_status status;
    vqz_error error;
} vqz_cu_result;

/* A decoding under way. */
typedef struct vqz_cu_decoding {
    vqz_cu_prior *prior;
    void *streams, *host;                    /* words and raw bits of all tiles: the device's, the host's copy */
    uint32_t *hash;                          /* what the files say */
    vqz_cu_result *result;                   /* [tiles] */
} vqz_cu_decoding;
/* Queues all that the payloads, one per tile of the prior, ask for. */
vqz_status vqz_cu_decode_start(vqz_cu_decoding *d, vqz_cu_prior *p, const vqz_cu_payload *payload, void *queue, vqz_error *e);
/* Waits; then d->result says for each tile whether its latents are right. verify: compare the hash. The return value tells of the device only. */
vqz_status vqz_cu_decode_finish(vqz_cu_decoding *d, bool verify, void *queue, vqz_error *e);
/* After start, whatever became of it; d->result is gone then. */
void vqz_cu_decode_free(vqz_cu_decoding *d);
#endif
