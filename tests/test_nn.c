/* The layers of the network engine: the scalar reference against numbers worked out by hand, whole networks against their layers
 * one by one, and the choice of kernels. test_kernels.c compares every other variant with the reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "base/cpu.h"
#include "tests/nn_builder.h"

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
    b.tensors[tensor(&b, VQZ_T_S16, 4, 0, 1000)].scale.down = 1;
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

/* ---- whole networks -------------------------------------------------------------------------------------- */

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
        one.tensors[1].scale = (vqz_scale){0, 0};
        const vqz_view of_layer[2] = {views[l->src], one.inputs == 2 ? views[l->add] : views[0]};
        results[i] = run(&one, VQZ_CPU_SCALAR, of_layer, 0, NULL, NULL);
        views[l->dst] = results[i].view;
    }
}

static void test_whole_net(void **state) {
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1}, {7, 10}, {33, 26}};
    for (unsigned n = 0; n < 3; n++) {
        builder b = {.seed = 77 + n};
        residual_net(&b);
        const uint32_t h = sizes[n][0], w = sizes[n][1];
        image in = random_image(&b, &b.tensors[0], h, w, 12, PLAIN), add = random_image(&b, &b.tensors[1], (h + 1) / 2, (w + 1) / 2, 48, PLAIN);
        const vqz_view views[2] = {in.view, add.view};
        image expected[MAX];
        layer_by_layer(&b, views, expected);
        for (unsigned cpu = VQZ_CPU_AUTO; vqz_cpu_name(cpu); cpu++) {
            if (!vqz_kernels_get(cpu)) continue;
            tracer t = {0};
            image out = run(&b, cpu, views, 2, keep, &t);
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

static void test_selection(void **state) {
    (void)state;
    static const struct {
        unsigned cpu, feature;
        const char *name;
    } all[] = {      /* the fastest first */
        {VQZ_CPU_AVX512VNNI, VQZ_FEATURE_AVX512VNNI, "avx512vnni"}, {VQZ_CPU_AVXVNNI, VQZ_FEATURE_AVXVNNI, "avxvnni"}, {VQZ_CPU_AVX2, VQZ_FEATURE_AVX2, "avx2"},
        {VQZ_CPU_NEONDOT, VQZ_FEATURE_NEONDOT, "neondot"}, {VQZ_CPU_NEON, VQZ_FEATURE_NEON, "neon"}, {VQZ_CPU_SCALAR, 0, "scalar"},
        {VQZ_CPU_AMX, VQZ_FEATURE_AMX, "amx"},      /* never chosen unasked */
    };
    const unsigned features = vqz_cpu_features();
    unsigned best = VQZ_CPU_AUTO;
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        const bool here = (features & all[i].feature) == all[i].feature;
        if (here && best == VQZ_CPU_AUTO) best = all[i].cpu;
        assert_int_equal(vqz_cpu_pick(all[i].cpu), here ? all[i].cpu : VQZ_CPU_AUTO);
        assert_true(!vqz_kernels_get(all[i].cpu) == !here);
        assert_string_equal(vqz_cpu_name(all[i].cpu), all[i].name);
    }
    assert_int_equal(vqz_cpu_pick(VQZ_CPU_AUTO), best);
    assert_ptr_equal(vqz_kernels_get(VQZ_CPU_AUTO), vqz_kernels_get(best));
    assert_string_equal(vqz_cpu_name(VQZ_CPU_AUTO), "auto");
    assert_null(vqz_cpu_name(99));
    assert_null(vqz_kernels_get(99));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requantize), cmocka_unit_test(test_padding), cmocka_unit_test(test_reference_layer),
        cmocka_unit_test(test_reference_requant), cmocka_unit_test(test_whole_net), cmocka_unit_test(test_selection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
