#include "bench/cuda/clock.h"
#include "bench/cuda/peak.h"
#include <cuda_runtime.h>

namespace {
struct two { cudaEvent_t begin, end; };
cudaStream_t stream(void *queue) { return static_cast<cudaStream_t>(queue); }
}

int bench_clock_open(void **clock) {
    two *t = new two();
    *clock = t;
    cudaError_t e = cudaEventCreate(&t->begin);
    if (e == cudaSuccess) e = cudaEventCreate(&t->end);
    return static_cast<int>(e);
}
void bench_clock_close(void *clock) {
    two *t = static_cast<two *>(clock);
    cudaEventDestroy(t->begin);
    cudaEventDestroy(t->end);
    delete t;
}
int bench_clock_start(void *clock, void *queue) { return static_cast<int>(cudaEventRecord(static_cast<two *>(clock)->begin, stream(queue))); }
int bench_clock_stop(void *clock, void *queue, uint64_t *nanoseconds) {
    const two *t = static_cast<two *>(clock);
    float milliseconds = 0;
    cudaError_t e = cudaEventRecord(t->end, stream(queue));
    if (e == cudaSuccess) e = cudaEventSynchronize(t->end);
    if (e == cudaSuccess) e = cudaEventElapsedTime(&milliseconds, t->begin, t->end);
    *nanoseconds = static_cast<uint64_t>(static_cast<double>(milliseconds) * 1e6);
    return static_cast<int>(e);
}

int bench_peak(unsigned device, uint32_t rounds, void *room, void *queue, uint64_t *operations) {
    int processors = 0;
    const cudaError_t e = cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, static_cast<int>(device));
    return e != cudaSuccess ? static_cast<int>(e) : start_peak(static_cast<unsigned>(processors) * 8, rounds, room, queue, operations);
}
