/* Devices, memory and queues of the model. Device memory is the host's, each block on its own, so that AddressSanitizer sees what lies beside it; fresh memory
 * holds junk. Work is done when it is queued, one thread at a time. A test can say how many devices there are, and what goes wrong when. */
#include "cuda/host/fake.h"
#include "cuda/host/block.h"
#include <mutex>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

using namespace vqz_host;

namespace {
enum { LAUNCH_FAILURE = 719, ILLEGAL_ADDRESS = 700, NO_DEVICE = 100, OLD_DRIVER = 35, ALIGNMENT = 256, MAX_DEVICES = 8 };

std::recursive_mutex one;
typedef std::lock_guard<std::recursive_mutex> turn;

unsigned present = 1;
void (*on_start)(void);
bool hollow;
vqz_host_trouble trouble;
unsigned calls_left;                         /* until it comes; 0: it has come, or never will */
struct { int lost, pending; } devices[MAX_DEVICES];  /* errors: reported from now on; to be reported at the next wait */
thread_local unsigned in_use;

/* Counts a call of that kind; whether it is the one that goes wrong. */
bool goes_wrong(vqz_host_trouble kind) { return kind == trouble && calls_left && --calls_left == 0; }
int lost() { return devices[in_use].lost; }

/* Where the host waits for the device it learns of what has happened there. */
int waited() {
    if (devices[in_use].pending) devices[in_use].lost = devices[in_use].pending;
    return lost();
}

struct kept {
    void (*run)(const void *);
    std::vector<uint8_t> params;
    unsigned x, y, z, threads;
};
struct graph { std::vector<kept> kernels; };
struct queue { graph *recording; };

int start_kernel(bool idle, void (*run)(const void *), const void *params, unsigned x, unsigned y, unsigned z, unsigned threads) {
    if (lost()) return lost();
    if (goes_wrong(VQZ_HOST_LAUNCH)) return devices[in_use].lost = LAUNCH_FAILURE;
    if (goes_wrong(VQZ_HOST_ADDRESS)) devices[in_use].pending = ILLEGAL_ADDRESS;
    if (devices[in_use].pending || idle) return 0;
    return launch(run, params, x, y, z, threads);
}
}

int vqz_host::enqueue(void *to, void (*run)(const void *), const void *params, size_t bytes, unsigned x, unsigned y, unsigned z, unsigned threads) {
    turn t(one);
    graph *g = to ? static_cast<queue *>(to)->recording : nullptr;
    if (!g) return start_kernel(hollow && to, run, params, x, y, z, threads);
    const uint8_t *p = static_cast<const uint8_t *>(params);
    g->kernels.push_back({run, std::vector<uint8_t>(p, p + bytes), x, y, z, threads});
    return 0;
}

void vqz_host_devices(unsigned count) { present = count < MAX_DEVICES ? count : static_cast<unsigned>(MAX_DEVICES); }
void vqz_host_fail(vqz_host_trouble kind, unsigned call) {
    turn t(one);
    trouble = kind;
    calls_left = call;
    wrong_mma = kind == VQZ_HOST_MMA || kind == VQZ_HOST_SUMS;
    wrong_dots = kind == VQZ_HOST_SUMS;
    memset(devices, 0, sizeof devices);
}
void vqz_host_hollow(int yes) { hollow = yes; }
void vqz_host_on_start(void (*call)(void)) { on_start = call; }
unsigned vqz_host_calls_left(void) { return calls_left; }

int vqz_cu_devices(unsigned *count) {
    if (on_start) on_start();
    *count = trouble == VQZ_HOST_DRIVER ? 0 : present;
    return trouble == VQZ_HOST_DRIVER ? OLD_DRIVER : present ? 0 : NO_DEVICE;
}
int vqz_cu_describe(unsigned number, vqz_cu_device *device) {
    memset(device, 0, sizeof *device);
    snprintf(device->name, sizeof device->name, "model %u", number);
    device->major = trouble == VQZ_HOST_OLD_DEVICE ? 6 : 8;
    device->memory = (uint64_t)1 << 32;
    return 0;
}
int vqz_cu_use(unsigned number) {
    in_use = number;
    return lost();
}
int vqz_cu_alloc(void **p, size_t bytes) {
    turn t(one);
    *p = nullptr;
    if (lost()) return lost();
    if (goes_wrong(VQZ_HOST_MEMORY) || posix_memalign(p, ALIGNMENT, bytes ? bytes : 1)) return VQZ_CU_OUT_OF_MEMORY;
    memset(*p, 0xa5, bytes);
    return 0;
}
void vqz_cu_free(void *p) { free(p); }
int vqz_cu_pin(void **p, size_t bytes) { return vqz_cu_alloc(p, bytes); }
void vqz_cu_unpin(void *p) { free(p); }
int vqz_cu_queue_open(void **to) {
    *to = lost() ? nullptr : new queue();
    return lost();
}
void vqz_cu_queue_close(void *of) { delete static_cast<queue *>(of); }
int vqz_cu_upload(void *to, const void *from, size_t bytes, void *) {
    if (bytes && !lost()) memcpy(to, from, bytes);
    return lost();
}
int vqz_cu_download(void *to, const void *from, size_t bytes, void *) {
    if (bytes && !lost()) memcpy(to, from, bytes);
    return lost();
}
int vqz_cu_clear(void *p, size_t bytes, void *) {
    if (bytes && !lost()) memset(p, 0, bytes);
    return lost();
}
int vqz_cu_wait(void *) { return waited(); }

int vqz_cu_mark_open(void **mark) {
    *mark = nullptr;
    return lost();
}
void vqz_cu_mark_close(void *) {}
int vqz_cu_mark(void *, void *) { return lost(); }
int vqz_cu_mark_wait(void *) { return waited(); }

int vqz_cu_record(void *of) {
    if (!lost()) static_cast<queue *>(of)->recording = new graph();
    return lost();
}
int vqz_cu_record_end(void *of, void **to) {
    queue *q = static_cast<queue *>(of);
    *to = lost() ? nullptr : q->recording;
    if (lost()) delete q->recording;
    q->recording = nullptr;
    return lost();
}
int vqz_cu_replay(void *of, void *) {
    turn t(one);
    for (const kept &k : static_cast<graph *>(of)->kernels) {
        const int error = start_kernel(hollow, k.run, k.params.data(), k.x, k.y, k.z, k.threads);
        if (error) return error;
    }
    return lost();
}
void vqz_cu_graph_close(void *of) { delete static_cast<graph *>(of); }

const char *vqz_cu_error_text(int error) {
    switch (error) {
    case VQZ_HOST_FAULT: return vqz_host_error();
    case VQZ_CU_OUT_OF_MEMORY: return "out of memory";
    case LAUNCH_FAILURE: return "unspecified launch failure";
    case ILLEGAL_ADDRESS: return "an illegal memory access was encountered";
    case NO_DEVICE: return "no CUDA-capable device is detected";
    case OLD_DRIVER: return "CUDA driver version is insufficient for CUDA runtime version";
    default: return "no error";
    }
}
