/* The network engine: the scalar reference against numbers worked out by hand, every other variant against the reference
 * (op x variant), whole networks layer by layer, and every rule of the loader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/bytes.h"
#include "base/cpu.h"
#include "base/intmath.h"
#include "codec/nn/nn.h"

/* ---- building networks -------------------------------------------------------------------------------- */

enum { MAX = 16 };

typedef struct builder {
    vqz_tensor_def tensors[MAX];
    vqz_layer_def layers[MAX];
    unsigned ntensors, inputs, nlayers;
    uint8_t *owned[5 * MAX];
    unsigned nowned;
    uint32_t seed;
} builder;

static uint32_t rnd(builder *b, uint32_t n) {      /* 0..n-1 */
    b->seed ^= b->seed << 13;
    b->seed ^= b->seed >> 17;
    b->seed ^= b->seed << 5;
    return (uint32_t)(((uint64_t)b->seed * n) >> 32);
}
static int32_t rnd_in(builder *b, int32_t lo, int32_t hi) { return lo + (int32_t)rnd(b, (uint32_t)(hi - lo) + 1); }

static uint8_t *own(builder *b, size_t size) {
    uint8_t *p = calloc(size ? size : 1, 1);
    assert_non_null(p);
    return b->owned[b->nowned++] = p;
}
static void drop(builder *b) {
    while (b->nowned) free(b->owned[--b->nowned]);
}

static unsigned tensor(builder *b, vqz_type type, unsigned channels, unsigned zsplit, unsigned bound) {
    b->tensors[b->ntensors] = (vqz_tensor_def){type, (uint16_t)channels, (uint16_t)(type == VQZ_T_MIXED ? zsplit : 0),
                                               (uint16_t)(type == VQZ_T_S16 ? bound : 0)};
    return b->ntensors++;
}

static size_t element(const vqz_tensor_def *d) { return d->type == VQZ_T_S16 ? 2 : 1; }

/* A layer with all arrays zero but m = 1, s = 1; the caller fills them through the casts below. */
static vqz_layer_def *layer(builder *b, unsigned op, unsigned k, unsigned src, unsigned dst, unsigned add, unsigned shuffle) {
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
static uint8_t *mutable(const uint8_t *p) { return (uint8_t *)(uintptr_t)p; }

enum { PLAIN, EXTREME, ANY_SHIFT, STYLES };

/* Arrays at random within the bounds. EXTREME: the largest weights that the bounds allow, of any sign. */
static void fill_layer(builder *b, vqz_layer_def *l, unsigned style) {
    const vqz_tensor_def *in = &b->tensors[l->src], *out = &b->tensors[l->dst];
    const bool wide = in->type == VQZ_T_S16;
    const size_t taps = (size_t)l->k * l->k * l->cin;
    const int64_t top = wide ? in->bound : 255;
    int64_t wmax = wide ? 32767 : 127, reach = top;
    if (l->op == VQZ_OP_CONV) {
        if (wmax > (INT32_MAX / 2) / (top * (int64_t)taps)) wmax = (INT32_MAX / 2) / (top * (int64_t)taps);
        for (size_t i = 0; i < taps * l->cout; i++) {
            int32_t w = style == EXTREME ? (int32_t)(rnd(b, 2) ? wmax : -wmax) : rnd_in(b, -(int32_t)wmax, (int32_t)wmax);
            if (wide) vqz_store16(mutable(l->weights) + 2 * i, (uint16_t)w);
            else mutable(l->weights)[i] = (uint8_t)w;
        }
        reach = wmax * top * (int64_t)taps;
        int32_t room = (int32_t)(INT32_MAX - reach), bias = style == EXTREME ? room : (int32_t)(reach / 16);
        for (unsigned o = 0; o < l->cout; o++)
            vqz_store32(mutable(l->bias) + 4 * o, (uint32_t)(style == EXTREME ? (rnd(b, 2) ? bias : -bias) : rnd_in(b, -bias, bias)));
        if (style != EXTREME) reach /= 8;
    }
    for (unsigned o = 0; o < l->cout; o++) {
        const int32_t m = rnd(b, 8) ? rnd_in(b, 1, 32767) : 32767;
        const int64_t range = out->type == VQZ_T_S16 ? out->bound : 128;
        int32_t s = 1;      /* results fill about the output's range */
        while (s < 46 && (reach * m) >> s > range) s++;
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

static image image_of(const vqz_tensor_def *d, uint32_t h, uint32_t w, uint32_t stride) {
    image i = {.size = (((size_t)h * w - 1) * stride + d->channels) * element(d)};
    i.bytes = malloc(i.size);
    assert_non_null(i.bytes);
    memset(i.bytes, 0xa5, i.size);
    i.view = (vqz_view){i.bytes, h, w, stride};
    return i;
}

static image random_image(builder *b, const vqz_tensor_def *d, uint32_t h, uint32_t w, uint32_t stride, unsigned style) {
    image i = image_of(d, h, w, stride);
    for (size_t e = 0; e < i.size / element(d); e++) {
        if (d->type == VQZ_T_S16) {
            const int32_t hi = d->bound > 32767 ? 32767 : d->bound;
            int32_t v = style == EXTREME ? (rnd(b, 2) ? hi : -(int32_t)d->bound) : rnd_in(b, -(int32_t)d->bound, hi);
            ((int16_t *)(void *)i.bytes)[e] = (int16_t)v;
        } else {
            i.bytes[e] = (uint8_t)(style == EXTREME ? 255 * rnd(b, 2) : rnd(b, 256));
        }
    }
    return i;
}

static vqz_net *create(const builder *b, vqz_memory *mem, unsigned cpu) {
    vqz_net *net;
    vqz_error e = {0};
    vqz_status s = vqz_net_create(&net, mem, vqz_kernels_get(cpu), "test", b->tensors, b->ntensors, b->inputs, b->layers, b->nlayers, &e);
    if (s != VQZ_OK) fail_msg("%s", e.text);
    return net;
}

/* Runs with scratch of exactly the planned size. */
static image run(const builder *b, unsigned cpu, const vqz_view *in, uint32_t gap, vqz_net_trace trace, void *user) {
    vqz_memory mem;
    vqz_memory_init(&mem, 1 << 28);
    vqz_net *net = create(b, &mem, cpu);
    uint32_t h, w;
    size_t bytes;
    vqz_error e = {0};
    if (vqz_net_plan(net, in[0].h, in[0].w, &h, &w, &bytes, &e) != VQZ_OK) fail_msg("%s", e.text);
    void *scratch = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    const vqz_tensor_def *d = &b->tensors[b->layers[b->nlayers - 1].dst];
    image out = image_of(d, h, w, d->channels + gap);
    vqz_net_run_traced(net, in, &out.view, scratch, trace, user);
    free(scratch);
    vqz_net_free(net, &mem);
    assert_int_equal(mem.used, 0);
    return out;
}

static const unsigned variants[] = {VQZ_CPU_AVX2, VQZ_CPU_AVX512VNNI};
enum { VARIANTS = sizeof variants / sizeof *variants };

/* Every variant that this machine has gives the reference's bytes, gaps between positions included. */
static void compare_variants(const builder *b, const vqz_view *in, uint32_t gap, const char *what) {
    image ref = run(b, VQZ_CPU_SCALAR, in, gap, NULL, NULL);
    for (unsigned v = 0; v < VARIANTS; v++) {
        const vqz_kernels *k = vqz_kernels_get(variants[v]);
        if (!k) continue;
        image out = run(b, variants[v], in, gap, NULL, NULL);
        for (size_t i = 0; i < ref.size; i++)
            if (out.bytes[i] != ref.bytes[i])
                fail_msg("%s, %s: byte %zu of %zu is %u, not %u", vqz_kernels_name(k), what, i, ref.size, out.bytes[i], ref.bytes[i]);
        free(out.bytes);
    }
    free(ref.bytes);
}

/* ---- the reference ------------------------------------------------------------------------------------- */

static void test_requantize(void **state) {
    (void)state;
    assert_int_equal(vqz_requantize(3, 1, 0, 0, 1, false, -128, 127), 2);        /* halves go up */
    assert_int_equal(vqz_requantize(-3, 1, 0, 0, 1, false, -128, 127), -1);
    assert_int_equal(vqz_requantize(-17, 1, 0, 0, 1, true, -128, 127), -1);      /* -17 >> 3 = -3; (-3 + 1) >> 1 */
    assert_int_equal(vqz_requantize(-17, 1, 17, 1, 1, true, -128, 127), 0);
    assert_int_equal(vqz_requantize(10, 3, -2, 100, 2, false, -128, 127), -42);  /* (30 - 200 + 2) >> 2 */
    assert_int_equal(vqz_requantize(1000, 1, 0, 0, 1, false, -128, 127), 127);
    assert_int_equal(vqz_requantize(-1000, 1, 0, 0, 1, false, 0, 255), 0);
    assert_int_equal(vqz_requantize(INT32_MAX, 32767, 32767, INT32_MAX, 46, false, -32768, 32767), 2);   /* 2 * 2^46 less a little */
    assert_int_equal(vqz_requantize(INT32_MIN + 1, 32767, -32768, INT32_MAX, 46, true, -32768, 32767), 0);
    assert_int_equal(vqz_requantize(INT32_MIN + 1, 32767, -32768, INT32_MAX, 33, true, -32768, 32767), -2048);
}

/* 3x3, one channel, all weights 1, on the values 1 2 / 3 4. */
static void test_padding(void **state) {
    (void)state;
    for (unsigned v = 0; v < 4; v++) {      /* zero and edge, u8 and s8 */
        const bool edge = v & 1, s8 = v & 2;
        builder b = {.inputs = 1};
        tensor(&b, s8 ? VQZ_T_S8 : VQZ_T_U8, 1, 0, 0);
        tensor(&b, VQZ_T_S16, 1, 0, 32768);
        vqz_layer_def *l = layer(&b, VQZ_OP_CONV, 3, 0, 1, VQZ_NO_TENSOR, 1);
        l->pad_edge = edge;
        memset(mutable(l->weights), 1, 9);
        vqz_store16(mutable(l->mul), 2);
        vqz_store32(mutable(l->bias), (uint32_t)-5);
        uint8_t in[4];
        for (unsigned i = 0; i < 4; i++) in[i] = (uint8_t)(i + 1 + (s8 ? 128 : 0));
        const vqz_view view = {in, 2, 2, 1};
        image out = run(&b, VQZ_CPU_SCALAR, &view, 0, NULL, NULL);
        const int16_t zero_pad[4] = {5, 5, 5, 5}, edge_pad[4] = {13, 16, 19, 22};
        assert_memory_equal(out.bytes, edge ? edge_pad : zero_pad, 8);
        free(out.bytes);
        drop(&b);
    }
}

/* Stride, mixed input, relu, shuffle and an addend before the shuffle, by hand. */
static void test_reference_layer(void **state) {
    (void)state;
    builder b = {.inputs = 2};
    tensor(&b, VQZ_T_MIXED, 2, 1, 0);
    tensor(&b, VQZ_T_S16, 4, 0, 1000);
    tensor(&b, VQZ_T_S8, 1, 0, 0);
    vqz_layer_def *l = layer(&b, VQZ_OP_CONV, 1, 0, 2, 1, 2);
    l->stride = 2;
    l->act = VQZ_ACT_RELU;
    for (unsigned o = 0; o < 4; o++) {
        mutable(l->weights)[2 * o] = 1;
        mutable(l->weights)[2 * o + 1] = (uint8_t)(o + 1);
        vqz_store16(mutable(l->mul) + 2 * o, 2);
        vqz_store32(mutable(l->addmul) + 4 * o, 2);
    }
    uint8_t in[3 * 2] = {10, 128 + 5, 99, 99, 200, 128 - 100};      /* values 10, 5 and 200, -100 at the even positions */
    int16_t add[2 * 4] = {0, 1, 2, -100, 7, 0, 500, 300};
    const vqz_view views[2] = {{in, 1, 3, 2}, {add, 1, 2, 4}};
    image out = run(&b, VQZ_CPU_SCALAR, views, 0, NULL, NULL);
    /* 15 20 25 30 and 100 0 -100 -200, plus the addend; channel i*2+j at (i, x*2+j) */
    const int values[8] = {15, 21, 107, 0, 27, 0, 127, 100};
    for (unsigned i = 0; i < 8; i++) assert_int_equal(out.bytes[i], values[i] + 128);
    assert_int_equal(out.view.h, 2);
    assert_int_equal(out.view.w, 4);
    free(out.bytes);
    drop(&b);
}

static void test_reference_requant(void **state) {
    (void)state;
    builder b = {.inputs = 1};
    tensor(&b, VQZ_T_S16, 3, 0, 300);
    tensor(&b, VQZ_T_MIXED, 3, 1, 0);
    vqz_layer_def *l = layer(&b, VQZ_OP_REQUANT, 1, 0, 1, VQZ_NO_TENSOR, 1);
    l->act = VQZ_ACT_LEAKY;
    int16_t in[6] = {-300, -300, 300, 300, 99, -1};
    const vqz_view view = {in, 2, 1, 3};
    image out = run(&b, VQZ_CPU_SCALAR, &view, 0, NULL, NULL);
    const uint8_t expected[6] = {0, 128 - 19, 255, 150, 128 + 50, 128};      /* -300 >> 3 = -38 */
    assert_memory_equal(out.bytes, expected, 6);
    free(out.bytes);
    drop(&b);
}

/* ---- op x variant -------------------------------------------------------------------------------------- */

static const uint16_t channel_counts[] = {1, 3, 4, 12, 16, 33, 48, 65, 128};
static const uint16_t shapes[][2] = {{1, 1}, {1, 13}, {3, 5}, {17, 9}, {2, 2}, {9, 1}, {4, 24}};

static unsigned random_tensor(builder *b, unsigned type, unsigned channels) {
    static const uint16_t bounds[] = {32768, 2047, 1, 32767};
    return tensor(b, (vqz_type)type, channels, 1 + rnd(b, channels), bounds[rnd(b, 4)]);
}

static void one_layer(uint32_t seed, unsigned op, unsigned k, unsigned stride, unsigned in, unsigned out, unsigned act, const uint16_t *shape) {
    builder b = {.seed = seed * 2654435761u + 1};
    static const uint8_t shuffles[] = {1, 1, 2, 4};
    const unsigned shuffle = shuffles[rnd(&b, 4)], add = rnd(&b, 6), style = rnd(&b, STYLES);
    unsigned cin = channel_counts[rnd(&b, 9)], kept = channel_counts[rnd(&b, shuffle == 4 ? 7 : 9)];
    if (k == 5 && cin > 65) cin = 65;
    if (op == VQZ_OP_REQUANT) cin = kept * shuffle * shuffle;
    random_tensor(&b, in, cin);
    const bool has_add = add < 4;
    if (has_add) random_tensor(&b, add, kept * shuffle * shuffle);
    b.inputs = b.ntensors;
    const unsigned dst = random_tensor(&b, out, kept);
    vqz_layer_def *l = layer(&b, op, k, 0, dst, has_add ? 1 : VQZ_NO_TENSOR, shuffle);
    l->stride = (uint8_t)stride;
    l->act = (uint8_t)act;
    l->pad_edge = (uint8_t)rnd(&b, 2);
    fill_layer(&b, l, style);
    image images[2] = {{0}, {0}};
    images[0] = random_image(&b, &b.tensors[0], shape[0], shape[1], cin + (rnd(&b, 2) ? 0 : rnd(&b, 320)), style);
    if (has_add)
        images[1] = random_image(&b, &b.tensors[1], (shape[0] + stride - 1) / stride, (shape[1] + stride - 1) / stride, l->cout + rnd(&b, 2) * 7, style);
    const vqz_view views[2] = {images[0].view, images[1].view};
    char what[160];
    snprintf(what, sizeof what, "seed %u: op %u k %u stride %u %ux%u, type %u (%u) to %u (%u), act %u, add %u, shuffle %u, style %u", (unsigned)seed, op,
             k, stride, shape[0], shape[1], in, cin, out, l->cout, act, add, shuffle, style);
    compare_variants(&b, views, rnd(&b, 2) * 5, what);
    free(images[0].bytes);
    free(images[1].bytes);
    drop(&b);
}

static void test_convolutions(void **state) {
    (void)state;
    uint32_t seed = 1;
    for (unsigned k = 1; k <= 5; k += 2)
        for (unsigned stride = 1; stride <= 2; stride++)
            for (unsigned in = 0; in < 4; in++)
                for (unsigned out = 0; out < 4; out++)
                    for (unsigned act = 0; act < 3; act++, seed++) one_layer(seed, VQZ_OP_CONV, k, stride, in, out, act, shapes[seed % 7]);
}

static void test_requants(void **state) {
    (void)state;
    uint32_t seed = 1000;
    for (unsigned in = 0; in < 4; in++)
        for (unsigned out = 0; out < 4; out++)
            for (unsigned act = 0; act < 3; act++)
                for (unsigned i = 0; i < 4; i++, seed++) one_layer(seed, VQZ_OP_REQUANT, 1, 1, in, out, act, shapes[seed % 7]);
}

/* Longer than what one job takes. */
static void test_long_rows(void **state) {
    (void)state;
    static const uint16_t rows[] = {2, 523}, few[] = {2, 251};
    for (uint32_t seed = 2000; seed < 2012; seed++) one_layer(seed, VQZ_OP_CONV, 1, 1 + seed / 2 % 2, seed % 4, seed / 4 % 4, seed % 3, rows);
    for (uint32_t seed = 2012; seed < 2018; seed++) one_layer(seed, VQZ_OP_CONV, 3, 1 + seed % 2, seed % 4, seed / 4 % 4, seed % 3, few);
}

/* ---- whole networks -------------------------------------------------------------------------------------- */

/* A bottleneck block on an s8 trunk at half size, a linear path beside it, and a shuffle at the end: tensors that live long and
 * short, of several sizes. */
static void residual_net(builder *b) {
    b->inputs = 2;
    tensor(b, VQZ_T_S8, 12, 0, 0);                    /* 0: input */
    tensor(b, VQZ_T_S16, 48, 0, 4000);                /* 1: added at the end */
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

typedef struct tracer {
    image results[MAX];
} tracer;

static void keep(void *user, unsigned i, const vqz_tensor_def *def, const vqz_view *result) {
    tracer *t = user;
    image copy = image_of(def, result->h, result->w, def->channels);
    for (size_t p = 0; p < (size_t)result->h * result->w; p++)
        memcpy(copy.bytes + p * def->channels * element(def), (const uint8_t *)result->data + p * result->stride * element(def),
               def->channels * element(def));
    t->results[i] = copy;
}

/* The same layers as networks of their own, each with its own memory: what reuse of scratch must not change. */
static void layer_by_layer(const builder *b, const vqz_view *in, image results[MAX]) {
    vqz_view views[MAX];
    memcpy(views, in, b->inputs * sizeof *in);
    for (unsigned i = 0; i < b->nlayers; i++) {
        const vqz_layer_def *l = &b->layers[i];
        builder one = {.inputs = l->add == VQZ_NO_TENSOR ? 1 : 2, .nlayers = 1};
        one.tensors[one.ntensors++] = b->tensors[l->src];
        if (one.inputs == 2) one.tensors[one.ntensors++] = b->tensors[l->add];
        one.tensors[one.ntensors++] = b->tensors[l->dst];
        one.layers[0] = *l;
        one.layers[0].src = 0;
        one.layers[0].dst = (uint8_t)one.inputs;
        if (one.inputs == 2) one.layers[0].add = 1;
        const vqz_view of_layer[2] = {views[l->src], one.inputs == 2 ? views[l->add] : views[0]};
        results[i] = run(&one, VQZ_CPU_SCALAR, of_layer, 0, NULL, NULL);
        views[l->dst] = results[i].view;
    }
}

static void test_whole_net(void **state) {
    (void)state;
    static const unsigned all[] = {VQZ_CPU_SCALAR, VQZ_CPU_AVX2, VQZ_CPU_AVX512VNNI, VQZ_CPU_AUTO};
    static const uint32_t sizes[][2] = {{1, 1}, {7, 10}, {33, 26}};
    for (unsigned n = 0; n < 3; n++) {
        builder b = {.seed = 77 + n};
        residual_net(&b);
        const uint32_t h = sizes[n][0], w = sizes[n][1];
        image in = random_image(&b, &b.tensors[0], h, w, 12, PLAIN), add = random_image(&b, &b.tensors[1], (h + 1) / 2, (w + 1) / 2, 48, PLAIN);
        const vqz_view views[2] = {in.view, add.view};
        image expected[MAX];
        layer_by_layer(&b, views, expected);
        for (unsigned v = 0; v < 4; v++) {
            if (!vqz_kernels_get(all[v])) continue;
            tracer t = {0};
            image out = run(&b, all[v], views, 2, keep, &t);
            for (unsigned i = 0; i < b.nlayers; i++) {
                assert_int_equal(t.results[i].size, expected[i].size);
                assert_memory_equal(t.results[i].bytes, expected[i].bytes, expected[i].size);
                free(t.results[i].bytes);
            }
            free(out.bytes);
        }
        for (unsigned i = 0; i < b.nlayers; i++) free(expected[i].bytes);
        free(in.bytes);
        free(add.bytes);
        drop(&b);
    }
}

static void test_plan(void **state) {
    (void)state;
    builder b = {.seed = 5};
    residual_net(&b);
    vqz_memory mem;
    vqz_memory_init(&mem, 1 << 28);
    vqz_net *net = create(&b, &mem, VQZ_CPU_SCALAR);
    uint32_t h, w;
    size_t bytes;
    vqz_error e;
    assert_int_equal(vqz_net_plan(net, 64, 31, &h, &w, &bytes, &e), VQZ_OK);
    assert_int_equal(h, 128);
    assert_int_equal(w, 64);
    /* at most the trunk, its sum and the s16 copy are needed at once */
    assert_int_equal(bytes, 32 * 16 * (40 + 40 + 80));
    assert_int_equal(vqz_net_macs(net, 64, 31), 32 * 16 * (25 * 12 * 40 + 40 * 20 + 9 * 20 * 20 + 20 * 40 + 40 * 40 + 9 * 40 * 48));
    assert_int_equal(vqz_net_plan(net, 0, 1, &h, &w, &bytes, &e), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_net_plan(net, 1, 16385, &h, &w, &bytes, &e), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_net_plan(net, 16384, 16384, &h, &w, &bytes, &e), VQZ_OK);
    vqz_net_free(net, &mem);
    vqz_net_free(NULL, &mem);
    /* a memory limit is reported and leaves nothing behind */
    unsigned refused = 0;
    vqz_status s = VQZ_ERR_LIMIT;
    for (uint64_t limit = 0; s != VQZ_OK; limit += 5000) {
        vqz_memory_init(&mem, limit);
        s = vqz_net_create(&net, &mem, vqz_kernels_get(VQZ_CPU_AUTO), "test", b.tensors, b.ntensors, b.inputs, b.layers, b.nlayers, &e);
        if (s == VQZ_OK) break;
        refused++;
        assert_int_equal(s, VQZ_ERR_LIMIT);
        assert_null(net);
        assert_int_equal(mem.used, 0);
    }
    assert_true(refused > 5);
    vqz_net_free(net, &mem);
    assert_int_equal(mem.used, 0);
    drop(&b);
}

typedef struct reach_case { uint8_t k[12], stride[12], shuffle[12]; uint32_t reach, num, den; } reach_case;

static void test_reach(void **state) {
    (void)state;
    static const reach_case cases[] = {
        {{1}, {1}, {1}, 0, 1, 1},
        {{3}, {1}, {1}, 1, 1, 1},
        {{3, 5}, {1, 1}, {1, 1}, 3, 1, 1},
        {{3}, {2}, {1}, 1, 1, 2},
        {{3, 3}, {2, 2}, {1, 1}, 3, 1, 4},
        {{5, 3, 3}, {2, 2, 2}, {1, 1, 1}, 8, 1, 8},
        {{1, 3}, {1, 1}, {2, 1}, 1, 2, 1},
        {{1, 3, 3}, {1, 1, 1}, {2, 1, 1}, 1, 2, 1},
        {{1, 3, 3, 3}, {1, 1, 1, 1}, {2, 1, 1, 1}, 2, 2, 1},
        {{3, 1}, {2, 1}, {1, 2}, 2, 1, 1},           /* down and up again: an odd position sees what the even one before it does */
        /* synthesis of the warm start: 1x1 up, two bottleneck blocks at 1/8, 1x1 up, two blocks at 1/4, 3x3 up by 4 */
        {{1, 3, 3, 1, 3, 3, 3}, {1, 1, 1, 1, 1, 1, 1}, {2, 1, 1, 2, 1, 1, 4}, 2, 16, 1},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        builder b = {.inputs = 1};
        unsigned from = tensor(&b, VQZ_T_U8, 1, 0, 0);
        for (unsigned i = 0; i < 12 && cases[c].k[i]; i++) {
            unsigned to = tensor(&b, VQZ_T_U8, 1, 0, 0);
            layer(&b, VQZ_OP_CONV, cases[c].k[i], from, to, VQZ_NO_TENSOR, cases[c].shuffle[i])->stride = cases[c].stride[i];
            from = to;
        }
        vqz_memory mem;
        vqz_memory_init(&mem, 1 << 20);
        vqz_net *net = create(&b, &mem, VQZ_CPU_SCALAR);
        uint32_t reach, num, den;
        vqz_net_reach(net, &reach, &num, &den);
        if (reach != cases[c].reach || num != cases[c].num || den != cases[c].den)
            fail_msg("case %zu: reach %u scale %u/%u", c, reach, num, den);
        vqz_net_free(net, &mem);
        drop(&b);
    }
}

/* The longer path comes in as an addend, after a way up and down again that ends at the input's size, odd ones too. */
static void test_reach_of_addend(void **state) {
    (void)state;
    builder b = {.inputs = 1};
    for (unsigned i = 0; i < 4; i++) tensor(&b, VQZ_T_U8, 1, 0, 0);
    layer(&b, VQZ_OP_CONV, 5, 0, 1, VQZ_NO_TENSOR, 2);
    layer(&b, VQZ_OP_CONV, 5, 1, 2, VQZ_NO_TENSOR, 1)->stride = 2;
    layer(&b, VQZ_OP_CONV, 1, 0, 3, 2, 1);
    vqz_memory mem;
    vqz_memory_init(&mem, 1 << 20);
    vqz_net *net = create(&b, &mem, VQZ_CPU_SCALAR);
    uint32_t reach, num, den, h, w;
    size_t bytes;
    vqz_net_reach(net, &reach, &num, &den);
    assert_int_equal(reach, 3);
    assert_int_equal(num, 1);
    assert_int_equal(den, 1);
    assert_int_equal(vqz_net_plan(net, 7, 4, &h, &w, &bytes, NULL), VQZ_OK);
    assert_int_equal(h, 7);
    assert_int_equal(w, 4);
    vqz_net_free(net, &mem);
    drop(&b);
}

/* ---- what the loader refuses ------------------------------------------------------------------------------- */

typedef void change(builder *b);
#define CHANGE(name, statement) static void name(builder *b) { statement; }
CHANGE(no_inputs, b->inputs = 0)
CHANGE(no_layers, b->nlayers = 0)
CHANGE(bad_type, b->tensors[3].type = (vqz_type)4)
CHANGE(no_channels, b->tensors[3].channels = 0)
CHANGE(zsplit_u8, b->tensors[3].zsplit = 1)
CHANGE(zsplit_none, b->tensors[7].zsplit = 0)
CHANGE(zsplit_many, b->tensors[7].zsplit = 41)
CHANGE(bound_none, b->tensors[6].bound = 0)
CHANGE(bound_many, b->tensors[6].bound = 32769)
CHANGE(bound_u8, b->tensors[3].bound = 3)
CHANGE(bad_op, b->layers[0].op = 2)
CHANGE(bad_k, b->layers[0].k = 7)
CHANGE(bad_k_requant, b->layers[4].k = 3)
CHANGE(bad_stride, b->layers[0].stride = 3)
CHANGE(bad_stride_requant, b->layers[4].stride = 2)
CHANGE(bad_act, b->layers[0].act = 3)
CHANGE(bad_pad, b->layers[0].pad_edge = 2)
CHANGE(bad_shuffle, b->layers[0].shuffle = 3)
CHANGE(zero_cout, b->layers[0].cout = 0)
CHANGE(no_array, b->layers[3].addmul = NULL)
CHANGE(src_later, b->layers[1].src = 5)
CHANGE(src_none, b->layers[1].src = 9)
CHANGE(add_later, b->layers[3].add = 7)
CHANGE(dst_none, b->layers[1].dst = 9)
CHANGE(dst_input, b->layers[1].dst = 0)
CHANGE(dst_twice, b->layers[2].dst = 3)
CHANGE(bad_cin, b->layers[1].cin = 39)
CHANGE(bad_cout, b->layers[1].cout = 21)
CHANGE(cout_shuffle, b->tensors[8].channels = 4)
CHANGE(requant_shape, b->tensors[6].channels = b->layers[4].cout = 20)
CHANGE(add_size, b->layers[3].add = 0)
CHANGE(add_channels, b->tensors[1].channels = 47)
CHANGE(never_written, tensor(b, VQZ_T_U8, 1, 0, 0))
CHANGE(mul_zero, vqz_store16(mutable(b->layers[2].mul) + 6, 0))
CHANGE(mul_many, vqz_store16(mutable(b->layers[2].mul) + 6, 32768))
CHANGE(shift_zero, mutable(b->layers[4].shift)[39] = 0)
CHANGE(shift_many, mutable(b->layers[4].shift)[39] = 47)
CHANGE(weight_8, mutable(b->layers[1].weights)[0] = 128)
CHANGE(weight_16, vqz_store16(mutable(b->layers[5].weights), 32768))
CHANGE(sum_bias, vqz_store32(mutable(b->layers[0].bias), 0x80000000u))
/* one weight of 32767 times 2000 is 65534000, 32 of them pass 2^31 */
static void sum_wide(builder *b) {
    memset(mutable(b->layers[5].weights), 0, 80);
    vqz_store32(mutable(b->layers[5].bias), 0);
    for (unsigned i = 0; i < 33; i++) vqz_store16(mutable(b->layers[5].weights) + 2 * i, i & 1 ? 32767 : 0x8001);
}

static void test_refusals(void **state) {
    (void)state;
    static const struct { change *change; const char *text; } cases[] = {
        {no_inputs, "test: 9 tensors, 0 inputs, 7 layers"}, {no_layers, "0 layers"}, {bad_type, "tensor 3 has the unknown type 4"},
        {no_channels, "tensor 3 has no channels"}, {zsplit_u8, "tensor 3 of 20 channels has zsplit 1"},
        {zsplit_none, "tensor 7 of 40 channels has zsplit 0"}, {zsplit_many, "zsplit 41"}, {bound_none, "tensor 6 has the bound 0"},
        {bound_many, "bound 32769"}, {bound_u8, "tensor 3 has the bound 3"}, {bad_op, "layer 0 has the unknown op 2"},
        {bad_k, "layer 0 has kernel size 7, allowed is 1, 3 or 5"}, {bad_k_requant, "layer 4 has kernel size 3, allowed is 1"},
        {bad_stride, "layer 0 has stride 3"}, {bad_stride_requant, "layer 4 has stride 2, allowed is 1 for requant"},
        {bad_act, "activation 3"}, {bad_pad, "padding mode 2"}, {bad_shuffle, "shuffle 3"}, {zero_cout, "layer 0 has no channels"},
        {no_array, "layer 3 lacks an array"}, {src_later, "layer 1 reads tensor 5, which nothing has written"},
        {src_none, "layer 1 reads tensor 9, which"}, {add_later, "layer 3 adds tensor 7, which nothing has written"},
        {dst_none, "layer 1 writes tensor 9 of 9"}, {dst_input, "layer 1 writes tensor 0, an input"},
        {dst_twice, "layer 2 writes tensor 3 a second time"}, {bad_cin, "layer 1 takes 39 channels, tensor 2 has 40"},
        {bad_cout, "layer 1 makes 21 channels, shuffle 1; tensor 3 has 20"}, {cout_shuffle, "layer 6 makes 48 channels, shuffle 4; tensor 8 has 4"},
        {requant_shape, "layer 4 makes 20 channels of 40 without weights"}, {add_size, "layer 3 adds tensor 0, which has another size"},
        {add_channels, "layer 6 adds tensor 1 of 47 channels to 48"}, {never_written, "no layer writes tensor 9"},
        {mul_zero, "layer 2, channel 3: multiplier 0"}, {mul_many, "layer 2, channel 3: multiplier 32768"},
        {shift_zero, "layer 4, channel 39: shift 0"}, {shift_many, "layer 4, channel 39: shift 47"},
        {weight_8, "layer 1, channel 0: weight -128 is not allowed"}, {weight_16, "layer 5, channel 0: weight -32768 is not allowed"},
        {sum_bias, "layer 0, channel 0: sums may reach 21"}, {sum_wide, "layer 5, channel 0: sums may reach 2162622000, the limit is 2^31 - 1"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        builder b = {.seed = 9};
        residual_net(&b);
        cases[c].change(&b);
        vqz_memory mem;
        vqz_memory_init(&mem, 1 << 28);
        vqz_error e = {0};
        vqz_net *net;
        vqz_status s = vqz_net_create(&net, &mem, vqz_kernels_get(VQZ_CPU_SCALAR), "test", b.tensors, b.ntensors, b.inputs, b.layers, b.nlayers, &e);
        if (s != VQZ_ERR_MODEL_INVALID || net || !strstr(e.text, cases[c].text)) fail_msg("%s: status %d, \"%s\"", cases[c].text, s, e.text);
        assert_int_equal(mem.used, 0);
        drop(&b);
    }
}

static void test_bound_is_tight(void **state) {
    (void)state;
    builder b = {.inputs = 1};
    tensor(&b, VQZ_T_S16, 2, 0, 32768);
    tensor(&b, VQZ_T_S16, 1, 0, 32768);
    vqz_layer_def *l = layer(&b, VQZ_OP_CONV, 1, 0, 1, VQZ_NO_TENSOR, 1);
    vqz_store16(mutable(l->weights), 32767);
    vqz_store16(mutable(l->weights) + 2, (uint16_t)-32767);
    vqz_store32(mutable(l->bias), 65535);
    int16_t in[4] = {-32768, 32767, 32767, -32768};
    const vqz_view view = {in, 1, 2, 2};
    mutable(l->shift)[0] = 31;
    compare_variants(&b, &view, 0, "sums of 2^31 - 1");
    vqz_store32(mutable(l->bias), 65536);
    vqz_memory mem;
    vqz_memory_init(&mem, 1 << 20);
    vqz_net *net;
    vqz_error e;
    assert_int_equal(vqz_net_create(&net, &mem, vqz_kernels_get(VQZ_CPU_SCALAR), "test", b.tensors, 2, 1, b.layers, 1, &e), VQZ_ERR_MODEL_INVALID);
    assert_non_null(strstr(e.text, "2147483648"));
    drop(&b);
}

static void test_selection(void **state) {
    (void)state;
    const unsigned features = vqz_cpu_features();
    assert_string_equal(vqz_kernels_name(vqz_kernels_get(VQZ_CPU_SCALAR)), "scalar");
    assert_true(!vqz_kernels_get(VQZ_CPU_AVX2) == !(features & VQZ_FEATURE_AVX2));
    assert_true(!vqz_kernels_get(VQZ_CPU_AVX512VNNI) == !(features & VQZ_FEATURE_AVX512VNNI));
    assert_null(vqz_kernels_get(99));
    const vqz_kernels *best = features & VQZ_FEATURE_AVX512VNNI ? vqz_kernels_get(VQZ_CPU_AVX512VNNI)
                              : features & VQZ_FEATURE_AVX2     ? vqz_kernels_get(VQZ_CPU_AVX2) : vqz_kernels_get(VQZ_CPU_SCALAR);
    assert_ptr_equal(vqz_kernels_get(VQZ_CPU_AUTO), best);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requantize), cmocka_unit_test(test_padding), cmocka_unit_test(test_reference_layer),
        cmocka_unit_test(test_reference_requant), cmocka_unit_test(test_convolutions), cmocka_unit_test(test_requants),
        cmocka_unit_test(test_long_rows), cmocka_unit_test(test_whole_net), cmocka_unit_test(test_plan), cmocka_unit_test(test_reach),
        cmocka_unit_test(test_reach_of_addend),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_bound_is_tight), cmocka_unit_test(test_selection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
