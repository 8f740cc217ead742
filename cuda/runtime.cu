#include "cuda/runtime.h"
#include <cuda_runtime.h>
#include <string.h>

static int code(cudaError_t e) { return static_cast<int>(e); }
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

int vqz_cu_queue_open(void **queue) {
    cudaStream_t s = nullptr;
    const cudaError_t e = cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
    *queue = s;
    return code(e);
}

void vqz_cu_queue_close(void *queue) { cudaStreamDestroy(stream(queue)); }
int vqz_cu_upload(void *to, const void *from, size_t bytes, void *queue) { return code(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream(queue))); }
int vqz_cu_download(void *to, const void *from, size_t bytes, void *queue) { return code(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream(queue))); }
int vqz_cu_clear(void *p, size_t bytes, void *queue) { return code(cudaMemsetAsync(p, 0, bytes, stream(queue))); }
int vqz_cu_wait(void *queue) { return code(cudaStreamSynchronize(stream(queue))); }
const char *vqz_cu_error_text(int error) { return cudaGetErrorString(static_cast<cudaError_t>(error)); }
