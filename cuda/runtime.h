/* The device's memory and queues. runtime.cu is the hardware's side, host/runtime.cpp the model's. Results are 0 or an error for
 * vqz_cu_error_text; what was queued may fail later, at the latest at vqz_cu_wait. After an error other than VQZ_CU_OUT_OF_MEMORY the device is lost
 * to the process: all that is left is to free and to close. */
#ifndef VQZ_CUDA_RUNTIME_H
#define VQZ_CUDA_RUNTIME_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

enum { VQZ_CU_OUT_OF_MEMORY = 2 };

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
int vqz_cu_pin(void **p, size_t bytes);      /* memory of the host, for copies that run beside it */
void vqz_cu_unpin(void *p);                  /* NULL is allowed */
int vqz_cu_queue_open(void **queue);
void vqz_cu_queue_close(void *queue);
/* The host's memory must stay as it is until vqz_cu_wait. */
int vqz_cu_upload(void *to, const void *from, size_t bytes, void *queue);
int vqz_cu_download(void *to, const void *from, size_t bytes, void *queue);
int vqz_cu_clear(void *p, size_t bytes, void *queue);
int vqz_cu_wait(void *queue);

/* A mark: vqz_cu_mark_wait waits for what was queued before the last vqz_cu_mark. */
int vqz_cu_mark_open(void **mark);
void vqz_cu_mark_close(void *mark);
int vqz_cu_mark(void *mark, void *queue);
int vqz_cu_mark_wait(void *mark);

/* Kernels queued between record and record_end are kept in a graph, which can be queued as a whole, again and again. Not of the queue NULL. */
int vqz_cu_record(void *queue);
int vqz_cu_record_end(void *queue, void **graph);        /* ends the recording whatever it returns */
int vqz_cu_replay(void *graph, void *queue);
void vqz_cu_graph_close(void *graph);        /* NULL is allowed */
const char *vqz_cu_error_text(int error);
#ifdef __cplusplus
}
#endif
#endif
