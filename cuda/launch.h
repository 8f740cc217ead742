/* Starting kernels. Each returns 0 or an error for vqz_cu_error_text; `stream` is a queue of runtime.h. Pointers inside the structures are the
 * device's, the structures themselves the host's. */
#ifndef VQZ_CUDA_LAUNCH_H
#define VQZ_CUDA_LAUNCH_H
#include "cuda/layer.h"
#ifdef __cplusplus
extern "C" {
#endif

/* A layer over `items`; positions: of the largest item's output, before the shuffle. */
int vqz_cu_conv(const vqz_cu_job *job, unsigned items, uint32_t positions, void *stream);
int vqz_cu_requant(const vqz_cu_job *job, unsigned items, uint32_t positions, void *stream);
#ifdef __cplusplus
}
#endif
#endif
