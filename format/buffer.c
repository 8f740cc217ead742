#include "format/buffer.h"

vqz_status vqz_buffer_append(vqz_buffer *b, const void *data, size_t n, vqz_error *e) {
    size_t need;
    if (vqz_add(b->size, n, &need)) return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "a buffer exceeds the address space");
    if (need > b->capacity) {
        size_t capacity = b->capacity ? b->capacity : 256;
        while (capacity < need && capacity <= SIZE_MAX / 2) capacity *= 2;
        if (capacity < need) capacity = need;
        void *p;
        VQZ_TRY(vqz_alloc(b->mem, &p, capacity, 1, e));
        if (b->size) memcpy(p, b->data, b->size);
        vqz_free(b->mem, b->data);
        b->data = p;
        b->capacity = capacity;
    }
    if (n) memcpy(b->data + b->size, data, n);
    b->size = need;
    return VQZ_OK;
}

size_t vqz_buffer_drop(vqz_buffer *b, size_t n) {
    size_t left = b->size - n;
    if (n < left) return 0;
    if (left) memmove(b->data, b->data + n, left);
    b->size = left;
    return n;
}

void vqz_buffer_free(vqz_buffer *b) {
    vqz_free(b->mem, b->data);
    b->data = NULL;
    b->size = b->capacity = 0;
}
