/* Frames on one device, one after the other: codec/backend.h's lanes and models. */
#ifndef VQZ_CUDA_LANE_H
#define VQZ_CUDA_LANE_H
#include "cuda/latents.h"
#include "cuda/transform.h"

typedef struct vqz_cu_gpu {
    unsigned number;
    bool dots;                               /* its networks do without tensor cores: vqz_cu_prove */
    vqz_memory mem;                          /* the host's, for all that is open */
} vqz_cu_gpu;

typedef struct vqz_cu_loaded {
    vqz_cu_gpu *gpu;
    void *data;                              /* the model's bytes */
    vqz_model *model;
    vqz_cu_model *on;
} vqz_cu_loaded;

typedef struct vqz_cu_lane vqz_cu_lane;

vqz_status vqz_cu_lane_open(vqz_cu_lane **lane, vqz_cu_gpu *gpu, vqz_error *e);
void vqz_cu_lane_close(vqz_cu_lane *lane);
vqz_status vqz_cu_lane_decode(vqz_cu_lane *l, const vqz_cu_loaded *m, const vqz_backend_frame *f, unsigned layout, const vqz_backend_payload *payload, bool verify,
                              vqz_error *e);
vqz_status vqz_cu_lane_samples(vqz_cu_lane *l, uint8_t *samples, vqz_error *e);
vqz_status vqz_cu_lane_encode(vqz_cu_lane *l, const vqz_cu_loaded *m, const vqz_backend_frame *f, const uint8_t *rgb, unsigned layout, const vqz_backend_order *order,
                              bool correct, vqz_error *e);
vqz_status vqz_cu_lane_payloads(vqz_cu_lane *l, vqz_backend_payload *payload, vqz_error *e);
#endif
