/* Carving one allocation into arrays. The same function that lays out a structure is run twice: over an arena without
 * memory, which only adds up the bytes (the plan), then over the allocation of that size. */
#ifndef VQZ_BASE_ARENA_H
#define VQZ_BASE_ARENA_H
#include "base/memory.h"

typedef struct vqz_arena vqz_arena;
struct vqz_arena {
    uint8_t *base;               /* NULL while planning */
    size_t used;
    bool overflow;
};

/* `count` elements of `size` bytes, 64-byte aligned; NULL while planning. */
static inline void *vqz_take(vqz_arena *a, size_t count, size_t size) {
    size_t bytes, end;
    if (vqz_mul(count, size, &bytes) || vqz_add(bytes, 63, &bytes) || vqz_add(a->used, bytes & ~(size_t)63, &end)) {
        a->overflow = true;
        return NULL;
    }
    void *p = a->base ? a->base + a->used : NULL;
    a->used = end;
    return p;
}
#define VQZ_TAKE(arena, pointer, count) ((pointer) = vqz_take((arena), (count), sizeof *(pointer)))
#endif
