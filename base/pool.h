/* A small pool of threads that run the iterations of one loop. */
#ifndef VQZ_BASE_POOL_H
#define VQZ_BASE_POOL_H
#include "base/memory.h"

typedef struct vqz_pool vqz_pool;
/* `threads` 0: one per core; never more than `most`, the iterations of the longest loop. A pool of one runs everything in the caller. Fewer
 * threads than asked for is not an error. */
vqz_status vqz_pool_create(vqz_pool **pool, vqz_memory *mem, unsigned threads, unsigned most, vqz_error *e);
void vqz_pool_free(vqz_pool *pool);
unsigned vqz_pool_size(const vqz_pool *pool);   /* workers, the caller included; at least 1 */
/* Calls run(arg, i, worker) once for every i in 0..n-1; worker is in 0..size-1 and no two calls with the same
 * worker run at once. Returns when all are done. */
void vqz_pool_run(vqz_pool *pool, size_t n, void (*run)(void *arg, size_t i, unsigned worker), void *arg);
/* For iterations that need what others make: returns when iteration i, one before the caller's own, is done. Iterations begin in the order of
 * their numbers. */
void vqz_pool_wait(vqz_pool *pool, size_t i);
#endif
