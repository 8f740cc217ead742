/* Memory of one context: every allocation is counted against the context's limit before it is made. */
#ifndef VQZ_BASE_MEMORY_H
#define VQZ_BASE_MEMORY_H
#include "base/status.h"
#include <stdatomic.h>
#include <stdbool.h>

typedef struct vqz_memory {
    uint64_t limit;                  /* bytes */
    _Atomic uint64_t used, peak;     /* bytes now and at most; several threads may allocate */
} vqz_memory;

/* a*b and a+b with overflow check; true on overflow. */
static inline bool vqz_mul(size_t a, size_t b, size_t *r) { return __builtin_mul_overflow(a, b, r); }
static inline bool vqz_add(size_t a, size_t b, size_t *r) { return __builtin_add_overflow(a, b, r); }

void vqz_memory_init(vqz_memory *m, uint64_t limit);
/* `count` elements of `size` bytes, zeroed, 64-byte aligned. VQZ_ERR_LIMIT above the limit, VQZ_ERR_MEMORY
 * where malloc fails; *p is then NULL. A count of 0 gives a valid pointer. */
vqz_status vqz_alloc(vqz_memory *m, void **p, size_t count, size_t size, vqz_error *e);
void vqz_free(vqz_memory *m, void *p);   /* NULL is allowed */
#endif
