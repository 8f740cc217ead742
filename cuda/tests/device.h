/* Tensors to and from the device, for the tests. Include after cmocka.h. */
#ifndef VQZ_CUDA_TESTS_DEVICE_H
#define VQZ_CUDA_TESTS_DEVICE_H
#include "cuda/host/host.h"
#include "cuda/net.h"
#include <stdlib.h>
#include <string.h>

static inline void must(vqz_status s, const vqz_error *e) {
    if (s != VQZ_OK) fail_msg("%s", e->text);
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
    for (size_t i = 0; i < (size_t)v.h * v.w; i++)
        assert_int_equal(vqz_cu_upload((uint8_t *)v.data + i * v.stride * element, (const uint8_t *)from->data + i * from->stride * element, d->channels * element, NULL), 0);
    assert_int_equal(vqz_cu_wait(NULL), 0);
    return v;
}

/* The first place where a device tensor differs from `want`: position * channels + channel; -1: none. */
static inline int64_t differs(const vqz_tensor_def *d, const vqz_cu_view *got, const vqz_view *want) {
    const size_t element = vqz_element_size(d);
    uint8_t *here = malloc(d->channels * element);
    int64_t at = -1;
    assert_non_null(here);
    if (got->h != want->h || got->w != want->w) fail_msg("%u x %u positions, not %u x %u", got->w, got->h, want->w, want->h);
    for (size_t i = 0; i < (size_t)got->h * got->w && at < 0; i++) {
        assert_int_equal(vqz_cu_download(here, (const uint8_t *)got->data + i * got->stride * element, d->channels * element, NULL), 0);
        assert_int_equal(vqz_cu_wait(NULL), 0);
        const uint8_t *ref = (const uint8_t *)want->data + i * want->stride * element;
        for (size_t c = 0; c < d->channels && at < 0; c++)
            if (memcmp(here + c * element, ref + c * element, element) != 0) at = (int64_t)(i * d->channels + c);
    }
    free(here);
    return at;
}
#endif
