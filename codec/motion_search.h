/* The encoder's search for motion. Not part of the format; the same on every machine and with any number of threads. */
#ifndef VQZ_CODEC_MOTION_SEARCH_H
#define VQZ_CODEC_MOTION_SEARCH_H
#include "base/arena.h"
#include "base/pool.h"
#include "codec/motion.h"

/* Luma of a picture with a border, and of a fourth of it in both directions. */
typedef struct vqz_luma {
    uint8_t *full, *quarter;
} vqz_luma;

typedef struct vqz_search {
    uint32_t width, height;
    uint32_t price;              /* of a bit, in 1/16 of a difference of one in one luma sample */
    vqz_luma now, before;
    vqz_vector *old;             /* of the frame before, each quarter */
    vqz_motion motion;           /* the result; every block is said to be coded */
    struct { uint64_t moved, still; } *cost;     /* of a strip: absolute differences from the prediction, and from the blocks' own means */
} vqz_search;

void vqz_search_layout(vqz_search *s, uint32_t width, uint32_t height, vqz_arena *a);
/* rgb is the picture, ref the decoded one before. fresh: there are no vectors of the frame before. Returns whether the two have little in common. */
bool vqz_search_run(vqz_search *s, vqz_pool *pool, const uint8_t *rgb, const uint8_t *ref, bool fresh);
#endif
