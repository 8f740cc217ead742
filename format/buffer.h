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
void vqz_buffer_free(vqz_buffer *b);
#endif
