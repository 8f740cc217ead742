/* The device's memory and queues. runtime.cu is the hardware's side, host/runtime.cpp the model's. Results are 0 or an error for
 * vqz_cu_error_text; what was queued may fail later, at the latest at vqz_cu_wait. */
#ifndef VQZ_CUDA_RUNTIME_H
#define VQZ_CUDA_RUNTIME_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct vqz_cu_device {
    char name[64];
    unsigned major, minor;                   /* compute capability */
    uint64_t memory;                         /* bytes in all */
} vqz_cu_device;

int vqz_cu_devices(unsigned *count);
int vqz_cu_describe(unsigned number, vqz_cu_device *device);
int vqz_cu_use(unsigned number);             /* for the calling thread's further calls */

int vqz_cu_alloc(void **p, size_t bytes);    /* 256-byte aligned */
void vqz_cu_free(void *p);                   /* NULL is allowed */
int vqz_cu_queue_open(void **queue);
void vqz_cu_queue_close(void *queue);
/* The host's memory must stay as it is until vqz_cu_wait. */
int vqz_cu_upload(void *to, const void *from, size_t bytes, void *queue);
int vqz_cu_download(void *to, const void *from, size_t bytes, void *queue);
int vqz_cu_clear(void *p, size_t bytes, void *queue);
int vqz_cu_wait(void *queue);
const char *vqz_cu_error_text(int error);
#ifdef __cplusplus
}
#endif
#endif
