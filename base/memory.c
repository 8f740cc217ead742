#include "base/memory.h"
#include <stdlib.h>

/* Size and start of the block stand in a header of one alignment unit before what the caller gets. calloc rather than memset: large
 * blocks come from the system as zeros, and what is never touched takes no memory. */
enum { ALIGN = 64 };
typedef struct header {
    size_t bytes;
    void *block;
} header;

void vqz_memory_init(vqz_memory *m, uint64_t limit) {
    m->limit = limit;
    atomic_init(&m->used, 0);
    atomic_init(&m->peak, 0);
}

vqz_status vqz_alloc(vqz_memory *m, void **p, size_t count, size_t size, vqz_error *e) {
    size_t bytes;
    *p = NULL;
    if (vqz_mul(count, size, &bytes) || vqz_add(bytes, 2 * ALIGN + sizeof(header) - 1, &bytes))
        return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "an allocation of %zu x %zu bytes does not fit in the address space", count, size);
    bytes &= ~(size_t)(ALIGN - 1);
    uint64_t used = atomic_fetch_add(&m->used, bytes) + bytes;
    if (used > m->limit) {
        atomic_fetch_sub(&m->used, bytes);
        return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "%llu bytes of memory are needed, the limit is %llu",
                        (unsigned long long)used, (unsigned long long)m->limit);
    }
    char *block = calloc(bytes, 1);
    if (!block) {
        atomic_fetch_sub(&m->used, bytes);
        return vqz_fail(e, VQZ_ERR_MEMORY, VQZ_NO_OFFSET, "out of memory (%zu bytes)", bytes);
    }
    uint64_t peak = atomic_load(&m->peak);
    while (used > peak && !atomic_compare_exchange_weak(&m->peak, &peak, used)) {}
    char *start = block + sizeof(header) + ALIGN - 1;
    start -= (uintptr_t)start % ALIGN;
    ((header *)start)[-1] = (header){bytes, block};
    *p = start;
    return VQZ_OK;
}

void vqz_free(vqz_memory *m, void *p) {
    if (!p) return;
    const header *h = (header *)p - 1;
    atomic_fetch_sub(&m->used, h->bytes);
    free(h->block);
}
