/* A byte buffer that grows by doubling, so its memory stays in proportion to what was really put in. */
#ifndef VQZ_FORMAT_BUFFER_H
#define VQZ_FORMAT_BUFFER_H
#include "base/bytes.h"
#include "base/memory.h"

typedef struct vqz_buffer {
    vqz_memory *mem;
    uint8_t *data;
    size_t size, capacity;
} vqz_buffer;

/* Appends n bytes; nothing is changed on failure. */
vqz_status vqz_buffer_append(vqz_buffer *b, const void *data, size_t n, vqz_error *e);
/* Drops the first n bytes if what is left is not more than they are, so that on average every byte is moved once at most. Returns how many. */
size_t vqz_buffer_drop(vqz_buffer *b, size_t n);
void vqz_buffer_free(vqz_buffer *b);
#endif
