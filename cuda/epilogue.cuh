/* From sums to stored elements: requantization, addend, activation, shuffle. */
#ifndef VQZ_CUDA_EPILOGUE_CUH
#define VQZ_CUDA_EPILOGUE_CUH
#include "cuda/dialect.h"
#include "cuda/layer.h"

VQZ_DEVICE int32_t vqz_element(const void *data, size_t i, bool wide) {
    return wide ? static_cast<const int16_t *>(data)[i] : static_cast<const uint8_t *>(data)[i];
}

/* Four output channels that a thread stays with. */
struct vqz_quad {
    vqz_cu_channel channel[4];
    unsigned first, count;                   /* 1 to 4 of them exist */
    bool together;                           /* they lie side by side in the output */
    size_t i, j, k;                          /* where the first one stands after the shuffle */
};

VQZ_DEVICE vqz_quad vqz_quad_of(const vqz_cu_layer &l, unsigned first) {
    vqz_quad q;
    q.first = first;
    q.count = l.cout - first < 4 ? l.cout - first : 4;
    VQZ_UNROLL
    for (unsigned e = 0; e < 4; e++) q.channel[e] = l.channel[first + (e < q.count ? e : 0)];
    const unsigned group = first / l.run;
    q.k = first - group * l.run;
    q.i = group / l.shuffle;
    q.j = group - q.i * l.shuffle;
    q.together = q.count == 4 && q.k % 4 == 0 && q.k + 4 <= l.run;
    return q;
}

/* Position (y, x) before the shuffle, whose sums without bias are a[4]. */
VQZ_DEVICE void vqz_finish(const vqz_cu_layer &l, const vqz_quad &q, const vqz_cu_view *add, const vqz_cu_view &out, uint32_t y, uint32_t x, const int32_t (&a)[4]) {
    int32_t v[4] = {0, 0, 0, 0}, r[4];
    if (add) {
        const size_t at = (static_cast<size_t>(y) * add->w + x) * add->stride;
        VQZ_UNROLL
        for (unsigned e = 0; e < 4; e++) v[e] = vqz_element(add->data, at + q.channel[e].from, l.add16) - q.channel[e].addzero;
    }
    VQZ_UNROLL
    for (unsigned e = 0; e < 4; e++) {
        const vqz_cu_channel &c = q.channel[e];
        const int32_t sum = static_cast<int32_t>(static_cast<uint32_t>(a[e]) + static_cast<uint32_t>(c.bias));
        r[e] = vqz_requantize(sum, c.mul, v[e], c.addmul, c.shift, l.leaky, c.lo, c.hi) + c.zero;
    }
    if (q.together) {
        const size_t at = ((static_cast<size_t>(y) * l.shuffle + q.i) * out.w + static_cast<size_t>(x) * l.shuffle + q.j) * out.stride + q.k;
        const uint32_t low = static_cast<uint32_t>(r[0]), second = static_cast<uint32_t>(r[1]), third = static_cast<uint32_t>(r[2]), high = static_cast<uint32_t>(r[3]);
        if (l.out16) vqz_store(static_cast<int16_t *>(out.data) + at, uint2{vqz_bytes(low, second, 0x5410), vqz_bytes(third, high, 0x5410)});
        else vqz_store(static_cast<uint8_t *>(out.data) + at, vqz_bytes(vqz_bytes(low, second, 0x0040), vqz_bytes(third, high, 0x4000), 0x7610));
        return;
    }
    VQZ_UNROLL
    for (unsigned e = 0; e < 4; e++) {
        if (e >= q.count) break;
        const unsigned o = q.first + e, group = o / l.run, i = group / l.shuffle, j = group % l.shuffle;
        const size_t at = ((static_cast<size_t>(y) * l.shuffle + i) * out.w + static_cast<size_t>(x) * l.shuffle + j) * out.stride + (o - group * l.run);
        if (l.out16) static_cast<int16_t *>(out.data)[at] = static_cast<int16_t>(r[e]);
        else static_cast<uint8_t *>(out.data)[at] = static_cast<uint8_t>(r[e]);
    }
}
#endif
