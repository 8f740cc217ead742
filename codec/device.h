/* GPUs behind a plug-in: taking turns at them, and whole frames on one of them. */
#ifndef VQZ_CODEC_DEVICE_H
#define VQZ_CODEC_DEVICE_H
#include "base/pool.h"
#include "codec/backend.h"
#include "codec/model/model.h"
#include "format/format.h"

/* A lane of some GPU, with a model on it. */
typedef struct vqz_device_turn {
    const vqz_backend *table;
    unsigned gpu, number;
    void *lane, *model;
} vqz_device_turn;
/* Waits for a lane of the GPU that has most of them free. Between take and give nothing else waits for lanes. */
vqz_status vqz_device_take(vqz_device *d, const vqz_model *m, vqz_device_turn *turn, vqz_error *e);
/* done: what became of it, and why; but for VQZ_OK the lane is made anew, and after VQZ_ERR_DEVICE nobody gets one of that GPU any more. */
void vqz_device_give(vqz_device *d, const vqz_device_turn *turn, vqz_status done, const vqz_error *why);
/* Whether contexts go on without it. */
bool vqz_device_is_optional(const vqz_device *d);

/* ---- frames. VQZ_ERR_DEVICE: it cannot be had on a GPU. VQZ_ERR_CORRUPT: a payload is damaged, the processor's decoder says which and why. ---- */

/* payload: [tiles] of layer 0, latents alone; samples: room for the frame, whose alpha is left as it is. */
vqz_status vqz_device_decode(vqz_device *d, const vqz_model *m, vqz_memory *mem, const vqz_head *head, const vqz_backend_payload *payload, bool verify,
                             uint8_t *samples, vqz_error *e);

typedef struct vqz_device_job {
    const vqz_head *head;
    const vqz_model *model;
    const uint8_t *rgb;                      /* the frame without gaps */
    uint32_t level, lambda;
    uint8_t unit;                            /* rows of a step; 0: no steps */
    bool correct;
    void (*meanwhile)(void *arg);            /* called when the GPU has work */
    void *arg;
} vqz_device_job;
/* payload: [tiles], made, the caller's (vqz_free). */
vqz_status vqz_device_encode(vqz_device *d, const vqz_device_job *job, vqz_memory *mem, vqz_pool *pool, uint8_t **payload, size_t *size, vqz_error *e);
#endif
