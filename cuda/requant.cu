/* Layers without weights: a thread requantizes four channels of a position. */
#include "cuda/epilogue.cuh"
#include "cuda/launch.h"

enum { THREADS = 128 };

VQZ_KERNEL(THREADS) void vqz_requant(const vqz_cu_job job) {
    const vqz_cu_layer &l = job.layer;
    const unsigned item = vqz_block_z(), quads = (l.cout + 3) / 4;
    if (job.only && !job.only[item]) return;
    const vqz_cu_view in = job.in[item];
    const uint64_t at = static_cast<uint64_t>(vqz_block_x()) * THREADS + vqz_thread();
    if (at >= static_cast<uint64_t>(in.h) * in.w * quads) return;
    const uint32_t position = static_cast<uint32_t>(at / quads), y = position / in.w;
    const vqz_quad quad = vqz_quad_of(l, static_cast<unsigned>(at % quads) * 4);
    int32_t a[4];
    VQZ_UNROLL
    for (unsigned e = 0; e < 4; e++) a[e] = vqz_element(in.data, static_cast<size_t>(position) * in.stride + quad.channel[e].from, l.in16);
    vqz_finish(l, quad, l.add ? &job.addend[item] : nullptr, job.out[item], y, position - y * in.w, a);
}

int vqz_cu_requant(const vqz_cu_job *job, unsigned items, uint32_t positions, void *stream) {
    const uint64_t threads = static_cast<uint64_t>(positions) * ((job->layer.cout + 3) / 4);
    return VQZ_LAUNCH(vqz_requant, static_cast<unsigned>((threads + THREADS - 1) / THREADS), 1, items, THREADS, stream, *job);
}
