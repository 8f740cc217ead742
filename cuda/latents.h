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

/* How a tile is to be coded. */
typedef struct vqz_cu_order {
    uint32_t level, lambda;
    uint8_t unit;                            /* rows of a step; 0: no steps, then there are no rows and no front either */
    const uint8_t *rows;                     /* [h * w]: each position's row of the level table, as vqz_steps_walk sets them */
    const uint32_t *front;                   /* the symbols that vqz_steps_walk writes */
    uint32_t nfront;
} vqz_cu_order;

/* A coding under way. */
typedef struct vqz_cu_coding {
    vqz_cu_prior *prior;
    void *memory;                            /* the device's: symbols and streams of all tiles */
    uint32_t *none;                          /* the device's: [tiles] */
} vqz_cu_coding;
/* Queues the coding of the latents that stand in the tiles' planes, and of the hyper-latents: those of analysis, views of s16 tensors with Z channels, in the
 * device's memory. The planes then hold what a decoder will see. Orders may go when this returns. */
vqz_status vqz_cu_encode_start(vqz_cu_coding *c, vqz_cu_prior *p, const vqz_cu_order *order, const vqz_cu_view *hyper, void *queue, vqz_error *e);
/* Waits, and makes the tiles' payloads, which belong to the caller (vqz_free of the prior's memory): payload[k], size[k]. */
vqz_status vqz_cu_encode_finish(vqz_cu_coding *c, uint8_t **payload, size_t *size, void *queue, vqz_error *e);
/* After start, whatever became of it. */
void vqz_cu_encode_free(vqz_cu_coding *c);
#endif
