/* Device memory of the model: the host's, each block on its own, so that AddressSanitizer sees what lies beside it; fresh memory holds junk. */
#include "cuda/runtime.h"
#include "cuda/host/host.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_OF_MEMORY = 2, ALIGNMENT = 256 };

int vqz_cu_devices(unsigned *count) {
    *count = 1;
    return 0;
}
int vqz_cu_describe(unsigned number, vqz_cu_device *device) {
    memset(device, 0, sizeof *device);
    snprintf(device->name, sizeof device->name, "model %u", number);
    device->major = 8;
    device->memory = (uint64_t)1 << 32;
    return 0;
}
int vqz_cu_use(unsigned) { return 0; }
int vqz_cu_alloc(void **p, size_t bytes) {
    *p = nullptr;
    if (posix_memalign(p, ALIGNMENT, bytes ? bytes : 1)) return OUT_OF_MEMORY;
    memset(*p, 0xa5, bytes);
    return 0;
}
void vqz_cu_free(void *p) { free(p); }
int vqz_cu_queue_open(void **queue) {
    *queue = nullptr;
    return 0;
}
void vqz_cu_queue_close(void *) {}
int vqz_cu_upload(void *to, const void *from, size_t bytes, void *) {
    if (bytes) memcpy(to, from, bytes);
    return 0;
}
int vqz_cu_download(void *to, const void *from, size_t bytes, void *) {
    if (bytes) memcpy(to, from, bytes);
    return 0;
}
int vqz_cu_clear(void *p, size_t bytes, void *) {
    if (bytes) memset(p, 0, bytes);
    return 0;
}
int vqz_cu_wait(void *) { return 0; }
const char *vqz_cu_error_text(int error) { return error == VQZ_HOST_FAULT ? vqz_host_error() : error == OUT_OF_MEMORY ? "out of memory" : "no error"; }
