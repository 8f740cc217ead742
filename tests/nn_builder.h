/* Networks with random contents, and running them, for test_kernels.c, test_nn.c and test_net.c. Include after cmocka.h. */
#ifndef VQZ_TESTS_NN_BUILDER_H
#define VQZ_TESTS_NN_BUILDER_H
#include "base/bytes.h"
#include "base/intmath.h"
#include "codec/nn/nn.h"
#include <stdlib.h>
#include <string.h>

enum { MAX = 16 };

typedef struct builder {
    vqz_tensor_def tensors[MAX];
    vqz_layer_def layers[MAX];
    unsigned ntensors, inputs, nlayers;
    uint8_t *owned[5 * MAX];
    unsigned nowned;
    uint32_t seed;
} builder;

static inline uint32_t rnd(builder *b, uint32_t n) {      /* 0..n-1 */
    b->seed ^= b->seed << 13;
    b->seed ^= b->seed >> 17;
    b->seed ^= b->seed << 5;
    return (uint32_t)(((uint64_t)b->seed * n) >> 32);
}
static inline int32_t rnd_in(builder *b, int32_t lo, int32_t hi) { return lo + (int32_t)rnd(b, (uint32_t)(hi - lo) + 1); }

static inline uint8_t *own(builder *b, size_t size) {
    uint8_t *p = calloc(size ? size : 1, 1);
    assert_non_null(p);
    return b->owned[b->nowned++] = p;
}
static inline void drop(builder *b) {
    while (b->nowned) free(b->owned[--b->nowned]);
}

static inline unsigned tensor(builder *b, vqz_type type, unsigned channels, unsigned zsplit, unsigned bound) {
    b->tensors[b->ntensors] = (vqz_tensor_def){type, (uint16_t)channels, (uint16_t)(type == VQZ_T_MIXED ? zsplit : 0),
                                               (uint16_t)(type == VQZ_T_S16 ? bound : 0), {0, 0}};
    return b->ntensors++;
}

static inline size_t element(const vqz_tensor_def *d) { return d->type == VQZ_T_S16 ? 2 : 1; }

/* A layer with all arrays zero but m = 1, s = 1; the caller fills them through the casts below. */
static inline vqz_layer_def *layer(builder *b, unsigned op, unsigned k, unsigned src, unsigned dst, unsigned add, unsigned shuffle) {
    vqz_layer_def *l = &b->layers[b->nlayers++];
    const unsigned cin = b->tensors[src].channels, cout = b->tensors[dst].channels * shuffle * shuffle;
    *l = (vqz_layer_def){.op = (uint8_t)op, .k = (uint8_t)k, .stride = 1, .shuffle = (uint8_t)shuffle, .src = (uint8_t)src,
                         .dst = (uint8_t)dst, .add = (uint8_t)add, .cin = (uint16_t)cin, .cout = (uint16_t)cout};
    if (op == VQZ_OP_CONV) {
        l->weights = own(b, (size_t)k * k * cin * cout * element(&b->tensors[src]));
        l->bias = own(b, 4 * (size_t)cout);
    }
    l->mul = own(b, 2 * (size_t)cout);
    l->shift = own(b, cout);
    if (add != VQZ_NO_TENSOR) l->addmul = own(b, 4 * (size_t)cout);
    for (unsigned o = 0; o < cout; o++) {
        vqz_store16((uint8_t *)(uintptr_t)l->mul + 2 * o, 1);
        ((uint8_t *)(uintptr_t)l->shift)[o] = 1;
    }
    return l;
}
/* The arrays of a layer under construction are the builder's own. */
static inline uint8_t *mutable(const uint8_t *p) { return (uint8_t *)(uintptr_t)p; }

enum { PLAIN, EXTREME, ANY_SHIFT, CANCEL, STYLES };

static inline void put_weight(const vqz_layer_def *l, bool wide, size_t i, int32_t w) {
    if (wide) vqz_store16(mutable(l->weights) + 2 * i, (uint16_t)w);
    else mutable(l->weights)[i] = (uint8_t)w;
}

/* Arrays at random within the bounds. EXTREME: the largest weights that the bounds allow, of any sign. CANCEL: the same, but over a
 * uniform input they add up to nothing, and results are the sums themselves or a quarter of them: small errors show. */
static inline void fill_layer(builder *b, vqz_layer_def *l, unsigned style) {
    const vqz_tensor_def *in = &b->tensors[l->src], *out = &b->tensors[l->dst];
    const bool wide = in->type == VQZ_T_S16;
    const size_t taps = (size_t)l->k * l->k * l->cin;
    const int64_t top = wide ? in->bound : 255;
    int64_t wmax = wide ? 32767 : 127, reach = top;
    if (l->op == VQZ_OP_CONV) {
        if (wmax > (INT32_MAX / 2) / (top * (int64_t)taps)) wmax = (INT32_MAX / 2) / (top * (int64_t)taps);
        for (size_t i = 0; i < taps * l->cout; i++) {
            const size_t tap = i % taps;
            if (style == CANCEL && tap >= taps / 2) continue;      /* the second half mirrors the first */
            int32_t w = style == EXTREME || style == CANCEL ? (int32_t)(rnd(b, 2) ? wmax : -wmax) : rnd_in(b, -(int32_t)wmax, (int32_t)wmax);
            put_weight(l, wide, i, w);
            if (style == CANCEL) put_weight(l, wide, i + taps - 1 - 2 * tap, -w);
        }
        reach = wmax * top * (int64_t)taps;
        int32_t room = (int32_t)(INT32_MAX - reach), bias = style == EXTREME ? room : (int32_t)(reach / 16);
        for (unsigned o = 0; o < l->cout; o++)
            vqz_store32(mutable(l->bias) + 4 * o, (uint32_t)(style == EXTREME ? (rnd(b, 2) ? bias : -bias) : rnd_in(b, -bias, bias)));
        if (style != EXTREME) reach /= 8;
    }
    const bool quarter = rnd(b, 2);
    for (unsigned o = 0; o < l->cout; o++) {
        const int32_t m = rnd(b, 8) ? rnd_in(b, 1, 32767) : 32767;
        const int64_t range = out->type == VQZ_T_S16 ? out->bound : 128;
        int32_t s = 1;      /* results fill about the output's range */
        while (s < 46 && (reach * m) >> s > range) s++;
        if (style == CANCEL) {
            const uint16_t one = quarter ? 1 << 14 : 2;
            vqz_store16(mutable(l->mul) + 2 * o, one);
            mutable(l->shift)[o] = quarter ? 16 : 1;
            if (l->add != VQZ_NO_TENSOR) vqz_store32(mutable(l->addmul) + 4 * o, one);
            if (l->op == VQZ_OP_CONV) vqz_store32(mutable(l->bias) + 4 * o, (uint32_t)rnd_in(b, -50, 50));
            continue;
        }
        s = style == ANY_SHIFT ? rnd_in(b, 1, 46) : vqz_clamp32(s + rnd_in(b, -1, 1), 1, 46);
        vqz_store16(mutable(l->mul) + 2 * o, (uint16_t)m);
        mutable(l->shift)[o] = (uint8_t)s;
        if (l->add != VQZ_NO_TENSOR) {
            int64_t n = style == PLAIN ? rnd_in(b, -3, 3) * ((int64_t)1 << (s < 30 ? s - 1 : 29)) : (int64_t)(int32_t)(rnd(b, 1u << 16) << 16 | rnd(b, 1u << 16));
            if (style == EXTREME && rnd(b, 2)) n = rnd(b, 2) ? INT32_MIN : INT32_MAX;
            vqz_store32(mutable(l->addmul) + 4 * o, (uint32_t)vqz_clamp64(n, INT32_MIN, INT32_MAX));
        }
    }
}

/* A view of its own exact size: nothing before the first nor after the last element. */
typedef struct image {
    uint8_t *bytes;
    size_t size;
    vqz_view view;
} image;

static inline image image_of(const vqz_tensor_def *d, uint32_t h, uint32_t w, uint32_t stride) {
    image i = {.size = (((size_t)h * w - 1) * stride + d->channels) * element(d)};
    i.bytes = malloc(i.size);
    assert_non_null(i.bytes);
    memset(i.bytes, 0xa5, i.size);
    i.view = (vqz_view){i.bytes, h, w, stride};
    return i;
}

static inline image random_image(builder *b, const vqz_tensor_def *d, uint32_t h, uint32_t w, uint32_t stride, unsigned style) {
    image i = image_of(d, h, w, stride);
    const bool same = rnd(b, 2);      /* CANCEL: the lowest or the highest value everywhere */
    for (size_t e = 0; e < i.size / element(d); e++) {
        if (d->type == VQZ_T_S16) {
            const int32_t hi = d->bound > 32767 ? 32767 : d->bound;
            int32_t v = style == CANCEL ? (same ? hi : -(int32_t)d->bound) : style == EXTREME ? (rnd(b, 2) ? hi : -(int32_t)d->bound) : rnd_in(b, -(int32_t)d->bound, hi);
            ((int16_t *)(void *)i.bytes)[e] = (int16_t)v;
        } else {
            i.bytes[e] = (uint8_t)(style == CANCEL ? 255 * same : style == EXTREME ? 255 * rnd(b, 2) : rnd(b, 256));
        }
    }
    return i;
}

static inline vqz_net *create_on(const builder *b, vqz_memory *mem, const vqz_kernels *kernels) {
    vqz_net *net;
    vqz_error e = {0};
    vqz_status s = vqz_net_create(&net, mem, kernels, "test", b->tensors, b->ntensors, b->inputs, b->layers, b->nlayers, &e);
    if (s != VQZ_OK) fail_msg("%s", e.text);
    return net;
}

static inline vqz_net *create(const builder *b, vqz_memory *mem, unsigned cpu) { return create_on(b, mem, vqz_kernels_get(cpu)); }

/* Scratch of exactly the planned size; *out becomes room for the last layer's output, gap elements more from position to position. */
static inline void *prepare(const builder *b, const vqz_net *net, const vqz_view *in, uint32_t gap, image *out) {
    uint32_t h, w;
    size_t bytes;
    vqz_error e = {0};
    if (vqz_net_plan(net, in[0].h, in[0].w, &h, &w, &bytes, &e) != VQZ_OK) fail_msg("%s", e.text);
    const vqz_tensor_def *d = &b->tensors[b->layers[b->nlayers - 1].dst];
    *out = image_of(d, h, w, d->channels + gap);
    return aligned_alloc(64, (bytes + 63) & ~(size_t)63);
}

static inline image run_on(const builder *b, const vqz_kernels *kernels, const vqz_view *in, uint32_t gap, vqz_net_trace trace, void *user) {
    vqz_memory mem;
    vqz_memory_init(&mem, 1 << 28);
    vqz_net *net = create_on(b, &mem, kernels);
    image out;
    void *scratch = prepare(b, net, in, gap, &out);
    vqz_net_run_traced(net, in, &out.view, scratch, trace, user);
    free(scratch);
    vqz_net_free(net, &mem);
    assert_int_equal(mem.used, 0);
    return out;
}

static inline image run(const builder *b, unsigned cpu, const vqz_view *in, uint32_t gap, vqz_net_trace trace, void *user) {
    return run_on(b, vqz_kernels_get(cpu), in, gap, trace, user);
}

/* A variant gives the reference's bytes, gaps between positions included. */
static inline void compare(const builder *b, const vqz_kernels *kernels, const char *name, const vqz_view *in, uint32_t gap, const char *what) {
    image ref = run(b, VQZ_CPU_SCALAR, in, gap, NULL, NULL), out = run_on(b, kernels, in, gap, NULL, NULL);
    for (size_t i = 0; i < ref.size; i++)
        if (out.bytes[i] != ref.bytes[i]) fail_msg("%s, %s: byte %zu of %zu is %u, not %u", name, what, i, ref.size, out.bytes[i], ref.bytes[i]);
    free(out.bytes);
    free(ref.bytes);
}

static inline vqz_rect random_part(builder *b, uint32_t h, uint32_t w) {
    const uint32_t y = rnd(b, h), x = rnd(b, w);
    return (vqz_rect){x, y, 1 + rnd(b, w - x), 1 + rnd(b, h - y)};
}

/* The bytes of position (y, x). */
static inline uint8_t *at(const vqz_view *v, const vqz_tensor_def *d, uint32_t y, uint32_t x) {
    return (uint8_t *)v->data + ((size_t)y * v->w + x) * v->stride * element(d);
}

/* A part of the output has the reference's bytes, though inputs are nothing but zeros where that part does not depend on them. */
static inline void compare_part(builder *b, const vqz_kernels *kernels, const char *name, const vqz_view *in, const char *what) {
    vqz_memory mem;
    vqz_memory_init(&mem, 1 << 28);
    vqz_net *net = create_on(b, &mem, kernels);
    image ref = run(b, VQZ_CPU_SCALAR, in, 0, NULL, NULL), few[MAX];
    vqz_view views[MAX];
    const vqz_rect part = random_part(b, ref.view.h, ref.view.w);
    for (unsigned t = 0; t < b->inputs; t++) {
        const vqz_tensor_def *d = &b->tensors[t];
        const vqz_rect r = vqz_net_reads(net, t, part, in[0].h, in[0].w);
        few[t] = image_of(d, in[t].h, in[t].w, in[t].stride);
        memset(few[t].bytes, 0, few[t].size);
        for (uint32_t y = r.y; y < r.y + r.h; y++)
            for (uint32_t x = r.x; x < r.x + r.w; x++) memcpy(at(&few[t].view, d, y, x), at(&in[t], d, y, x), d->channels * element(d));
        views[t] = few[t].view;
    }
    image out;
    void *scratch = prepare(b, net, in, 0, &out);
    const vqz_tensor_def *d = &b->tensors[b->layers[b->nlayers - 1].dst];
    vqz_net_run_part(net, views, &out.view, part, scratch);
    for (uint32_t y = part.y; y < part.y + part.h; y++)
        for (uint32_t x = part.x; x < part.x + part.w; x++)
            if (memcmp(at(&out.view, d, y, x), at(&ref.view, d, y, x), d->channels * element(d)) != 0)
                fail_msg("%s, %s: part %ux%u at %u, %u of %ux%u: position %u, %u differs", name, what, part.h, part.w, part.y, part.x, ref.view.h, ref.view.w, y, x);
    free(scratch);
    for (unsigned t = 0; t < b->inputs; t++) free(few[t].bytes);
    free(out.bytes);
    free(ref.bytes);
    vqz_net_free(net, &mem);
}

/* A bottleneck block on an s8 trunk at half size, a linear path beside it, and a shuffle at the end: tensors that live long and
 * short, of several sizes. */
static inline void residual_net(builder *b) {
    b->inputs = 2;
    tensor(b, VQZ_T_S8, 12, 0, 0);                    /* 0: input */
    b->tensors[tensor(b, VQZ_T_S16, 48, 0, 4000)].scale.down = 1;     /* 1: added at the end */
    tensor(b, VQZ_T_S8, 40, 0, 0);                    /* 2: trunk */
    tensor(b, VQZ_T_U8, 20, 0, 0);
    tensor(b, VQZ_T_U8, 20, 0, 0);
    tensor(b, VQZ_T_S8, 40, 0, 0);                    /* 5: trunk + block */
    tensor(b, VQZ_T_S16, 40, 0, 2000);                /* 6: requantized trunk */
    tensor(b, VQZ_T_MIXED, 40, 17, 0);
    tensor(b, VQZ_T_S16, 3, 0, 32768);                /* 8: output */
    layer(b, VQZ_OP_CONV, 5, 0, 2, VQZ_NO_TENSOR, 1)->stride = 2;
    layer(b, VQZ_OP_CONV, 1, 2, 3, VQZ_NO_TENSOR, 1)->act = VQZ_ACT_RELU;
    layer(b, VQZ_OP_CONV, 3, 3, 4, VQZ_NO_TENSOR, 1)->act = VQZ_ACT_RELU;
    layer(b, VQZ_OP_CONV, 1, 4, 5, 2, 1);
    layer(b, VQZ_OP_REQUANT, 1, 5, 6, VQZ_NO_TENSOR, 1)->act = VQZ_ACT_LEAKY;
    layer(b, VQZ_OP_CONV, 1, 6, 7, 5, 1);
    layer(b, VQZ_OP_CONV, 3, 7, 8, 1, 4)->pad_edge = 1;
    for (unsigned i = 0; i < b->nlayers; i++) fill_layer(b, &b->layers[i], PLAIN);
}
#endif
