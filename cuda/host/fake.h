/* What the model's devices do wrong, by a test's will. */
#ifndef VQZ_CUDA_HOST_FAKE_H
#define VQZ_CUDA_HOST_FAKE_H
#include "cuda/host/host.h"
#include "cuda/runtime.h"
#ifdef __cplusplus
#include <vector>
extern "C" {
#endif
typedef enum vqz_host_trouble {
    VQZ_HOST_WELL,
    VQZ_HOST_MEMORY,                         /* an allocation finds none left */
    VQZ_HOST_LAUNCH,                         /* a kernel cannot be started: the device is lost */
    VQZ_HOST_ADDRESS,                        /* a kernel goes astray: it is lost, and nobody knows before the next wait */
    VQZ_HOST_DRIVER,                         /* too old */
    VQZ_HOST_OLD_DEVICE,
    VQZ_HOST_MMA,                            /* tensor cores have their fragments in another order */
    VQZ_HOST_SUMS                            /* and dp4a is wrong, too */
} vqz_host_trouble;
/* Kernels of queues but NULL do nothing: for tests of what is around them. */
void vqz_host_hollow(int yes);
/* At the call-th call that it can come at; all devices are well until then, and no other goes wrong after it. */
void vqz_host_fail(vqz_host_trouble kind, unsigned call);
unsigned vqz_host_calls_left(void);          /* 0: it has come */
void vqz_host_devices(unsigned count);       /* 1 at first */
void vqz_host_on_start(void (*call)(void));  /* before devices are counted: when a plug-in is opened */
#ifdef __cplusplus
}
namespace vqz_host {
/* A kernel for that queue: run, or kept where the queue records. */
int enqueue(void *queue, void (*run)(const void *), const void *params, size_t bytes, unsigned x, unsigned y, unsigned z, unsigned threads);
}
#endif
#endif
