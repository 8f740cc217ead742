#include "cuda/runtime.h"
#include <cuda_runtime.h>
#include <string.h>

static_assert(static_cast<int>(cudaErrorMemoryAllocation) == static_cast<int>(VQZ_CU_OUT_OF_MEMORY), "what is not the end of the device");

/* What has been reported is not to be found again behind a kernel's launch. */
static int code(cudaError_t e) {
    if (e != cudaSuccess) cudaGetLastError();
    return static_cast<int>(e);
}
static cudaStream_t stream(void *queue) { return static_cast<cudaStream_t>(queue); }

int vqz_cu_devices(unsigned *count) {
    int n = 0;
    const cudaError_t e = cudaGetDeviceCount(&n);
    *count = e == cudaSuccess ? static_cast<unsigned>(n) : 0;
    return code(e);
}

int vqz_cu_describe(unsigned number, vqz_cu_device *device) {
    cudaDeviceProp p;
    const cudaError_t e = cudaGetDeviceProperties(&p, static_cast<int>(number));
    if (e != cudaSuccess) return code(e);
    memset(device, 0, sizeof *device);
    for (size_t i = 0; i + 1 < sizeof device->name && p.name[i]; i++) device->name[i] = p.name[i];
    device->major = static_cast<unsigned>(p.major);
    device->minor = static_cast<unsigned>(p.minor);
    device->memory = p.totalGlobalMem;
    return 0;
}

int vqz_cu_use(unsigned number) { return code(cudaSetDevice(static_cast<int>(number))); }
int vqz_cu_alloc(void **p, size_t bytes) { return code(cudaMalloc(p, bytes ? bytes : 1)); }
void vqz_cu_free(void *p) { cudaFree(p); }
int vqz_cu_pin(void **p, size_t bytes) { return code(cudaHostAlloc(p, bytes ? bytes : 1, cudaHostAllocPortable)); }
void vqz_cu_unpin(void *p) { cudaFreeHost(p); }

int vqz_cu_queue_open(void **queue) {
    cudaStream_t s = nullptr;
    const cudaError_t e = cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
    *queue = s;
    return code(e);
}

void vqz_cu_queue_close(void *queue) {
    if (queue) cudaStreamDestroy(stream(queue));
}
int vqz_cu_upload(void *to, const void *from, size_t bytes, void *queue) { return code(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream(queue))); }
int vqz_cu_download(void *to, const void *from, size_t bytes, void *queue) { return code(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream(queue))); }
int vqz_cu_clear(void *p, size_t bytes, void *queue) { return code(cudaMemsetAsync(p, 0, bytes, stream(queue))); }
int vqz_cu_wait(void *queue) { return code(cudaStreamSynchronize(stream(queue))); }

int vqz_cu_mark_open(void **mark) {
    cudaEvent_t e = nullptr;
    const cudaError_t error = cudaEventCreateWithFlags(&e, cudaEventDisableTiming);
    *mark = e;
    return code(error);
}

void vqz_cu_mark_close(void *mark) {
    if (mark) cudaEventDestroy(static_cast<cudaEvent_t>(mark));
}
int vqz_cu_mark(void *mark, void *queue) { return code(cudaEventRecord(static_cast<cudaEvent_t>(mark), stream(queue))); }
int vqz_cu_mark_wait(void *mark) { return code(cudaEventSynchronize(static_cast<cudaEvent_t>(mark))); }

int vqz_cu_record(void *queue) { return code(cudaStreamBeginCapture(stream(queue), cudaStreamCaptureModeThreadLocal)); }

int vqz_cu_record_end(void *queue, void **graph) {
    cudaGraph_t g = nullptr;
    cudaGraphExec_t runs = nullptr;
    cudaError_t e = cudaStreamEndCapture(stream(queue), &g);
    if (e == cudaSuccess) e = cudaGraphInstantiateWithFlags(&runs, g, 0);
    if (g) cudaGraphDestroy(g);
    *graph = e == cudaSuccess ? runs : nullptr;
    return code(e);
}

int vqz_cu_replay(void *graph, void *queue) { return code(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), stream(queue))); }
void vqz_cu_graph_close(void *graph) {
    if (graph) cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph));
}

const char *vqz_cu_error_text(int error) { return cudaGetErrorString(static_cast<cudaError_t>(error)); }
