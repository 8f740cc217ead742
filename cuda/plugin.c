/* libvqz_cuda.so: the table of codec/backend.h over CUDA. */
#include "cuda/lane.h"
#include "cuda/prove.h"
#include <string.h>

enum { LEAST_MAJOR = 7, LEAST_MINOR = 5 };   /* the oldest architecture that the kernels are compiled for */
static const char SLOW[] = "its tensor cores give other sums than the definition; dp4a gives the right ones, and is slower";

static vqz_status devices(uint32_t *count, vqz_error *e) {
    unsigned n = 0;
    const int error = vqz_cu_devices(&n);
    *count = n;
    if (!error && n) return VQZ_OK;
    return vqz_fail(e, VQZ_ERR_DEVICE, VQZ_NO_OFFSET, "CUDA: %s", error ? vqz_cu_error_text(error) : "there is no device");
}

static vqz_status device_open(void **device, uint32_t number, vqz_device_info *info, vqz_error *e) {
    vqz_cu_device d;
    vqz_memory mem;
    void *p;
    *device = NULL;
    vqz_memory_init(&mem, UINT64_MAX);
    VQZ_TRY(vqz_cu_check(vqz_cu_describe(number, &d), "the device", e));
    if (d.major < LEAST_MAJOR || (d.major == LEAST_MAJOR && d.minor < LEAST_MINOR))
        return vqz_fail(e, VQZ_ERR_DEVICE, VQZ_NO_OFFSET, "CUDA: %s has compute capability %u.%u, %d.%d is needed", d.name, d.major, d.minor, LEAST_MAJOR, LEAST_MINOR);
    bool dots;
    VQZ_TRY(vqz_cu_check(vqz_cu_use(number), "the device", e));
    VQZ_TRY(vqz_cu_prove(&dots, &mem, e));
    VQZ_TRY(vqz_alloc(&mem, &p, 1, sizeof(vqz_cu_gpu), e));
    vqz_cu_gpu *gpu = p;
    gpu->number = number;
    gpu->dots = dots;
    vqz_memory_init(&gpu->mem, UINT64_MAX);
    *info = (vqz_device_info){.number = number, .memory = d.memory};
    memcpy(info->name, d.name, sizeof info->name);
    if (dots) memcpy(info->note, SLOW, sizeof SLOW);
    *device = gpu;
    return VQZ_OK;
}

static void device_close(void *device) {
    vqz_cu_gpu *gpu = device;
    vqz_memory mem = gpu->mem;
    vqz_free(&mem, gpu);
}

static void model_close(void *model) {
    vqz_cu_loaded *m = model;
    if (!m) return;
    vqz_memory *mem = &m->gpu->mem;
    vqz_cu_use(m->gpu->number);
    vqz_cu_model_free(m->on, mem);
    vqz_model_unref(m->model);
    vqz_free(mem, m->data);
    vqz_free(mem, m);
}

static vqz_status model_open(void **model, void *device, const void *data, size_t size, const uint8_t id[VQZ_MODEL_ID_SIZE], vqz_error *e) {
    enum { ALL = VQZ_NETS_ANALYSIS | VQZ_NETS_CONTEXT | VQZ_NETS_SYNTHESIS };
    vqz_cu_gpu *gpu = device;
    void *p;
    *model = NULL;
    VQZ_TRY(vqz_alloc(&gpu->mem, &p, 1, sizeof(vqz_cu_loaded), e));
    vqz_cu_loaded *m = p;
    m->gpu = gpu;
    vqz_status s = vqz_cu_check(vqz_cu_use(gpu->number), "the device", e);
    if (s == VQZ_OK) s = vqz_alloc(&gpu->mem, &m->data, size, 1, e);
    if (s == VQZ_OK) {
        memcpy(m->data, data, size);
        s = vqz_model_open_proven(&m->model, m->data, size, id, e);
    }
    if (s == VQZ_OK) s = vqz_cu_model_create(&m->on, m->model, ALL, gpu->dots, &gpu->mem, e);
    if (s == VQZ_OK) *model = m;
    else model_close(m);
    return s;
}

static vqz_status lane_open(void **lane, void *device, vqz_error *e) {
    vqz_cu_lane *l;
    const vqz_status s = vqz_cu_lane_open(&l, device, e);
    *lane = l;
    return s;
}

static void lane_close(void *lane) { vqz_cu_lane_close(lane); }

static vqz_status decode_start(void *lane, void *model, const vqz_backend_frame *f, vqz_layout layout, const vqz_backend_payload *payload, bool verify, vqz_error *e) {
    return vqz_cu_lane_decode(lane, model, f, layout, payload, verify, e);
}

static vqz_status decode_finish(void *lane, uint8_t *samples, vqz_error *e) { return vqz_cu_lane_samples(lane, samples, e); }

static vqz_status encode_start(void *lane, void *model, const vqz_backend_frame *f, const uint8_t *rgb, vqz_layout layout, const vqz_backend_order *order, bool correct,
                               vqz_error *e) {
    return vqz_cu_lane_encode(lane, model, f, rgb, layout, order, correct, e);
}

static vqz_status encode_finish(void *lane, vqz_backend_payload *payload, vqz_error *e) { return vqz_cu_lane_payloads(lane, payload, e); }

VQZ_API const vqz_backend *vqz_backend_get(void);
const vqz_backend *vqz_backend_get(void) {
    static const vqz_backend table = {
        .abi = VQZ_BACKEND_ABI, .version = vqz_version, .devices = devices, .device_open = device_open, .device_close = device_close, .model_open = model_open,
        .model_close = model_close, .lane_open = lane_open, .lane_close = lane_close, .decode_start = decode_start, .decode_finish = decode_finish,
        .encode_start = encode_start, .encode_finish = encode_finish};
    return &table;
}
