/* Steering the model of host/ from a test. A launch that does what hardware does not define fails, and says so. */
#ifndef VQZ_CUDA_HOST_H
#define VQZ_CUDA_HOST_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
enum { VQZ_HOST_FAULT = 1000 };              /* the launch's error, for vqz_cu_error_text */

/* Order of blocks and threads, and what fresh shared memory holds. */
void vqz_host_seed(uint32_t seed);
/* What the last failed launch did; "" before the first one. */
const char *vqz_host_error(void);

/* Places in the source that order things (barriers, waits), as far as kernels have come by. */
unsigned vqz_host_sites(void);
const char *vqz_host_site(unsigned site);
/* Mutation: that place does nothing from now on; VQZ_HOST_NONE: all do. */
enum { VQZ_HOST_NONE = 0xffffffffu };
void vqz_host_drop(unsigned site);

/* The most shared memory that a block has used since the last call. */
unsigned vqz_host_shared_bytes(void);
#ifdef __cplusplus
}
#endif
#endif
