/* What is kept from one use of a batch to the next: memory that grows, kernels recorded as a graph. */
#ifndef VQZ_CUDA_KEPT_H
#define VQZ_CUDA_KEPT_H
#include "base/status.h"
#include <stdbool.h>

typedef struct vqz_cu_room {
    void *p;
    size_t bytes;
    bool pinned;                             /* the host's, else the device's */
} vqz_cu_room;
/* At least so many bytes at room->p; what was there is gone where it grows. */
vqz_status vqz_cu_room_for(vqz_cu_room *room, size_t bytes, const char *what, vqz_error *e);
void vqz_cu_room_free(vqz_cu_room *room);

/* Queues what work(arg) queues, kernels only: the first time it is recorded. The same kernels must be meant each time, until the graph is closed. */
typedef vqz_status vqz_cu_work(const void *arg, void *queue, vqz_error *e);
vqz_status vqz_cu_queue_graph(void **graph, vqz_cu_work *work, const void *arg, void *queue, vqz_error *e);
#endif
