#include "base/memory.h"
#include <stdlib.h>
#include <string.h>

/* The block's size stands in a header of one alignment unit before it. */
enum { ALIGN = 64 };

void vqz_memory_init(vqz_memory *m, uint64_t limit) {
    m->limit = limit;
    atomic_init(&m->used, 0);
    atomic_init(&m->peak, 0);
}

vqz_status vqz_alloc(vqz_memory *m, void **p, size_t count, size_t size, vqz_error *e) {
    size_t bytes;
    *p = NULL;
    if (vqz_mul(count, size, &bytes) || vqz_add(bytes, 2 * ALIGN - 1, &bytes))
        return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "an allocation of %zu x %zu bytes does not fit in the address space", count, size);
    bytes &= ~(size_t)(ALIGN - 1);
    uint64_t used = atomic_fetch_add(&m->used, bytes) + bytes;
    if (used > m->limit) {
        atomic_fetch_sub(&m->used, bytes);
        return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "%llu bytes of memory are needed, the limit is %llu",
                        (unsigned long long)used, (unsigned long long)m->limit);
    }
    char *block = aligned_alloc(ALIGN, bytes);
    if (!block) {
        atomic_fetch_sub(&m->used, bytes);
        return vqz_fail(e, VQZ_ERR_MEMORY, VQZ_NO_OFFSET, "out of memory (%zu bytes)", bytes);
    }
    memset(block, 0, bytes);
    *(size_t *)block = bytes;
    uint64_t peak = atomic_load(&m->peak);
    while (used > peak && !atomic_compare_exchange_weak(&m->peak, &peak, used)) {}
    *p = block + ALIGN;
    return VQZ_OK;
}

void vqz_free(vqz_memory *m, void *p) {
    if (!p) return;
    char *block = (char *)p - ALIGN;
    atomic_fetch_sub(&m->used, *(size_t *)block);
    free(block);
}
