/* Tensors to and from the device, for the tests. Include after cmocka.h. */
#ifndef VQZ_CUDA_TESTS_DEVICE_H
#define VQZ_CUDA_TESTS_DEVICE_H
#include "cuda/net.h"
#include <stdlib.h>
#include <string.h>

/* The same tests run on a GPU, where there is no model to steer. */
#ifdef VQZ_CUDA_HARDWARE
static inline void vqz_host_seed(uint32_t seed) { (void)seed; }
static inline bool device_missing(void) {
    unsigned n = 0;
    return vqz_cu_devices(&n) != 0 || n == 0;
}
#else
#include "cuda/host/host.h"
static inline bool device_missing(void) { return false; }
#endif
enum { SKIPPED = 77 };

static inline void must(vqz_status s, const vqz_error *e) {
    if (s != VQZ_OK) fail_msg("%s", e->text);
}

/* Memory on the device with these contents, and contents to the host. */
static inline void *upload(const void *from, size_t bytes) {
    void *p;
    assert_int_equal(vqz_cu_alloc(&p, bytes), 0);
    assert_int_equal(vqz_cu_upload(p, from, bytes, NULL), 0);
    assert_int_equal(vqz_cu_wait(NULL), 0);
    return p;
}
static inline void download(void *to, const void *from, size_t bytes) {
    assert_int_equal(vqz_cu_download(to, from, bytes, NULL), 0);
    assert_int_equal(vqz_cu_wait(NULL), 0);
}

/* An empty tensor, its gaps and its results junk. */
static inline vqz_cu_view device_tensor(const vqz_tensor_def *d, uint32_t h, uint32_t w) {
    vqz_cu_view v = {.h = h, .w = w, .stride = vqz_cu_stride(d->channels, vqz_element_size(d))};
    assert_int_equal(vqz_cu_alloc(&v.data, (size_t)h * w * v.stride * vqz_element_size(d)), 0);
    return v;
}

static inline vqz_cu_view to_device(const vqz_tensor_def *d, const vqz_view *from) {
    const size_t element = vqz_element_size(d);
    vqz_cu_view v = device_tensor(d, from->h, from->w);
    const size_t bytes = (size_t)v.h * v.w * v.stride * element;
    uint8_t *all = malloc(bytes ? bytes : 1);
    assert_non_null(all);
    memset(all, 0x5a, bytes);
    for (size_t i = 0; i < (size_t)v.h * v.w; i++)
        memcpy(all + i * v.stride * element, (const uint8_t *)from->data + i * from->stride * element, d->channels * element);
    assert_int_equal(vqz_cu_upload(v.data, all, bytes, NULL), 0);
    assert_int_equal(vqz_cu_wait(NULL), 0);
    free(all);
    return v;
}

/* The first place where a device tensor differs from `want`: position * channels + channel; -1: none. */
static inline int64_t differs(const vqz_tensor_def *d, const vqz_cu_view *got, const vqz_view *want) {
    const size_t element = vqz_element_size(d), positions = (size_t)got->h * got->w, bytes = positions * got->stride * element;
    uint8_t *all = malloc(bytes ? bytes : 1);
    int64_t at = -1;
    assert_non_null(all);
    if (got->h != want->h || got->w != want->w) fail_msg("%u x %u positions, not %u x %u", got->w, got->h, want->w, want->h);
    download(all, got->data, bytes);
    for (size_t i = 0; i < positions && at < 0; i++)
        for (size_t c = 0; c < d->channels && at < 0; c++)
            if (memcmp(all + (i * got->stride + c) * element, (const uint8_t *)want->data + (i * want->stride + c) * element, element) != 0) at = (int64_t)(i * d->channels + c);
    free(all);
    return at;
}
#endif
