/* What a plug-in for a kind of device offers the codec: frames, from the latents of TILE payloads to samples and back. It is a library of its own, found at run
 * time (codec/device.c), with a copy of its own of what it needs of this one; what crosses between them are plain structures, types of the public header, and
 * the bytes of models. Functions may be called by several threads, but for one lane by one at a time; only *_finish waits for the device. */
#ifndef VQZ_CODEC_BACKEND_H
#define VQZ_CODEC_BACKEND_H
#include "vqz/vqz.h"
#include <stdbool.h>

enum { VQZ_BACKEND_ABI = 2 };                /* of this header */

typedef struct vqz_backend_tile {
    uint32_t x, y, w, h;                     /* pixels; x and y are multiples of 16 */
} vqz_backend_tile;

typedef struct vqz_backend_frame {
    uint32_t width, height;
    uint32_t columns, tiles;                 /* of the grid: how many side by side, how many in all */
    const vqz_backend_tile *tile;            /* row by row */
} vqz_backend_frame;

/* One tile's latents as a decoder finds them. data NULL: it has none, they are zeros. */
typedef struct vqz_backend_payload {
    const uint8_t *data;
    size_t size;
} vqz_backend_payload;

/* How a tile is to be encoded. */
typedef struct vqz_backend_order {
    uint32_t level, lambda;
    uint8_t unit;                            /* rows of a step; 0: no steps, then there are no rows and no front either */
    const uint8_t *rows;                     /* [positions]: each one's row of the level table, as vqz_steps_walk sets them */
    const uint32_t *front;                   /* the symbols that vqz_steps_walk writes */
    uint32_t nfront;
} vqz_backend_order;

/* Where a function fails: VQZ_ERR_DEVICE, the device is lost to this process, and all that is left is to close what is open; VQZ_ERR_CORRUPT, some payload is
 * not right, and a decoder on the processor can say which and why; else (VQZ_ERR_MEMORY, VQZ_ERR_LIMIT) this frame cannot be had here, others may. */
typedef struct vqz_backend {
    uint32_t abi;
    const char *(*version)(void);            /* vqz_version of the library whose arithmetic it has */
    /* At least 1, or VQZ_ERR_DEVICE and why. */
    vqz_status (*devices)(uint32_t *count, vqz_error *e);
    vqz_status (*device_open)(void **device, uint32_t number, vqz_device_info *info, vqz_error *e);
    void (*device_close)(void *device);      /* behind its models and lanes */
    /* A valid model with that id. */
    vqz_status (*model_open)(void **model, void *device, const void *data, size_t size, const uint8_t id[VQZ_MODEL_ID_SIZE], vqz_error *e);
    void (*model_close)(void *model);
    /* Memory and a queue for one frame at a time. What a frame took is kept for the next one. */
    vqz_status (*lane_open)(void **lane, void *device, vqz_error *e);
    void (*lane_close)(void *lane);
    /* payload: [frame->tiles]. All arguments must stay until decode_finish. verify: compare hashes. */
    vqz_status (*decode_start)(void *lane, void *model, const vqz_backend_frame *frame, vqz_layout layout, const vqz_backend_payload *payload, bool verify, vqz_error *e);
    /* samples: the frame in its layout, without gaps; alpha is left as it is. NULL: the samples stay in the device's memory, for the benchmark. */
    vqz_status (*decode_finish)(void *lane, uint8_t *samples, vqz_error *e);
    /* rgb: the frame without gaps; layout: the file's, of gray ones one sample of three is sent; order: [frame->tiles]; correct: as vqz_analysis_correct. All arguments
     * must stay until encode_finish. */
    vqz_status (*encode_start)(void *lane, void *model, const vqz_backend_frame *frame, const uint8_t *rgb, vqz_layout layout, const vqz_backend_order *order,
                               bool correct, vqz_error *e);
    /* payload: [frame->tiles], filled; they live until something else is done with the lane. */
    vqz_status (*encode_finish)(void *lane, vqz_backend_payload *payload, vqz_error *e);
} vqz_backend;

/* What the plug-in exports, by this name. */
#define VQZ_BACKEND_SYMBOL "vqz_backend_get"
typedef const vqz_backend *vqz_backend_getter(void);
#endif
