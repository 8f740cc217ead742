/* The context model of a batch of tiles on the device, as codec/prior.h is that of one on the processor: the same steps in the same order. */
#ifndef VQZ_CUDA_PRIOR_H
#define VQZ_CUDA_PRIOR_H
#include "cuda/kept.h"
#include "cuda/model.h"

/* A tile of h x w latent positions; its latents stand in the device's memory, rows `pitch` positions apart, positions latent_stride elements. */
typedef struct vqz_cu_place_of {
    uint32_t h, w;
    int16_t *latents;
    uint32_t pitch;
} vqz_cu_place_of;

typedef struct vqz_cu_slice {
    vqz_cu_plan trunk, first, second, heads[2];
} vqz_cu_slice;

typedef struct vqz_cu_prior {
    const vqz_cu_model *model;
    vqz_memory *mem;
    unsigned tiles;
    vqz_cu_tile *tile;                       /* the host's copy of shapes and heads, pinned */
    vqz_cu_batch batch;                      /* batch.tile: the device's */
    void *memory;                            /* the device's, for all tensors */
    uint32_t most_z, most, most_pass[2];     /* positions of the largest tile */
    vqz_cu_plan hyper;
    vqz_cu_slice slice[VQZ_MAX_SLICES];
    /* for decoding.c and encoding.c */
    vqz_cu_room streams, symbols;            /* the device's: words and raw bits of all tiles; what an encoder makes of them */
    vqz_cu_room up, down;                    /* the host's ends of transfers */
    uint32_t *none;                          /* the device's: [tiles] */
    void *decoder, *encoder;                 /* graphs */
    const vqz_cu_view *hyper_seen;           /* that the encoder's was recorded with */
} vqz_cu_prior;

/* model and mem must outlive it. */
vqz_status vqz_cu_prior_create(vqz_cu_prior **prior, const vqz_cu_model *model, const vqz_cu_place_of *tiles, unsigned ntiles, vqz_memory *mem, vqz_error *e);
void vqz_cu_prior_free(vqz_cu_prior *p);
/* Copies p->tile to the device. */
vqz_status vqz_cu_prior_upload(vqz_cu_prior *p, void *queue, vqz_error *e);
/* Each queues its work. Hyper-latents -> features that every context sees. */
vqz_status vqz_cu_prior_hyper(const vqz_cu_prior *p, void *queue, vqz_error *e);
/* Means and log-scales of a pass: vqz_cu_prior_heads. Pass 0 first. */
vqz_status vqz_cu_prior_predict(const vqz_cu_prior *p, uint32_t slice, unsigned pass, const uint32_t *only, void *queue, vqz_error *e);
/* What kernels of the pass need. */
vqz_cu_pass vqz_cu_prior_pass(const vqz_cu_prior *p, uint32_t slice, unsigned pass, const uint32_t *only);
#endif
