#include "cuda/kept.h"
#include "cuda/net.h"

void vqz_cu_room_free(vqz_cu_room *room) {
    if (room->pinned) vqz_cu_unpin(room->p);
    else vqz_cu_free(room->p);
    room->p = NULL;
    room->bytes = 0;
}

vqz_status vqz_cu_room_for(vqz_cu_room *room, size_t bytes, const char *what, vqz_error *e) {
    if (room->p && bytes <= room->bytes) return VQZ_OK;
    vqz_cu_room_free(room);
    if (vqz_add(bytes, bytes / 4, &bytes)) bytes = SIZE_MAX;
    VQZ_TRY(vqz_cu_check(room->pinned ? vqz_cu_pin(&room->p, bytes) : vqz_cu_alloc(&room->p, bytes), what, e));
    room->bytes = bytes;
    return VQZ_OK;
}

vqz_status vqz_cu_queue_graph(void **graph, vqz_cu_work *work, const void *arg, void *queue, vqz_error *e) {
    if (!queue) return work(arg, queue, e);
    if (!*graph) {
        VQZ_TRY(vqz_cu_check(vqz_cu_record(queue), "recording kernels", e));
        vqz_status s = work(arg, queue, e);
        const int error = vqz_cu_record_end(queue, graph);
        if (s == VQZ_OK) s = vqz_cu_check(error, "recording kernels", e);
        if (s != VQZ_OK) {
            vqz_cu_graph_close(*graph);
            *graph = NULL;
            return s;
        }
    }
    return vqz_cu_check(vqz_cu_replay(*graph, queue), "recorded kernels", e);
}
