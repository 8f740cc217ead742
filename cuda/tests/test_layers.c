/* Kernels of layers against the scalar reference, bit for bit: every kind of layer, odd shapes, extreme values, several items at once; and each
 * barrier and wait in them is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "cuda/tests/device.h"
#include "tests/nn_builder.h"

enum { ITEMS = 3, MAX_INPUTS = 2 };

/* Runs b's network over items of these sizes on both sides. 0: the same; else an error of the device, or -1 where results differ. */
static int run_both(builder *b, unsigned items, const uint32_t (*size)[2], unsigned style, bool dots, const char *what) {
    vqz_memory mem;
    vqz_error e = {0};
    vqz_memory_init(&mem, 1 << 28);
    vqz_net *net;
    must(vqz_net_create(&net, &mem, NULL, "test", b->tensors, b->ntensors, b->inputs, b->layers, b->nlayers, &e), &e);
    const vqz_tensor_def *d = &b->tensors[b->layers[b->nlayers - 1].dst];
    const unsigned inputs = b->inputs;
    image in[ITEMS][MAX_INPUTS] = {{{0}}}, want[ITEMS] = {{0}};
    vqz_cu_view views[MAX_INPUTS][ITEMS], out[ITEMS];
    for (unsigned k = 0; k < items; k++) {
        vqz_view v[MAX_INPUTS] = {{0}};
        for (unsigned t = 0; t < inputs; t++) {
            const vqz_scale s = vqz_net_scale(net, t);
            in[k][t] = random_image(b, &b->tensors[t], vqz_scaled(size[k][0], s), vqz_scaled(size[k][1], s), b->tensors[t].channels + rnd(b, 3), style);
            v[t] = in[k][t].view;
            views[t][k] = to_device(&b->tensors[t], &v[t]);
        }
        want[k] = run(b, VQZ_CPU_SCALAR, v, 0, NULL, NULL);
        out[k] = device_tensor(d, want[k].view.h, want[k].view.w);
    }
    vqz_cu_net *packed;
    must(vqz_cu_net_create(&packed, net, b->layers, dots, &mem, &e), &e);
    const vqz_cu_binding binding = {.items = items, .in = {views[0], views[1]}, .out = out};
    size_t bytes;
    void *scratch;
    vqz_cu_plan plan;
    must(vqz_cu_plan_size(packed, &binding, &bytes, &e), &e);
    assert_int_equal(vqz_cu_alloc(&scratch, bytes), 0);
    must(vqz_cu_plan_create(&plan, packed, &binding, scratch, &mem, &e), &e);
    int result = vqz_cu_plan_run(&plan, NULL, NULL, &e) == VQZ_OK ? vqz_cu_wait(NULL) : 1;
    for (unsigned k = 0; k < items; k++) {
        const int64_t at = result ? -1 : differs(d, &out[k], &want[k].view);
        if (at >= 0 && what) fail_msg("%s: item %u: channel %d of position %d differs", what, k, (int)(at % d->channels), (int)(at / d->channels));
        if (at >= 0) result = -1;
        for (unsigned t = 0; t < inputs; t++) {
            free(in[k][t].bytes);
            vqz_cu_free(views[t][k].data);
        }
        free(want[k].bytes);
        vqz_cu_free(out[k].data);
    }
    if (result > 0 && what) fail_msg("%s: %s", what, e.text);
    vqz_cu_plan_free(&plan);
    vqz_cu_free(scratch);
    vqz_cu_net_free(packed, &mem);
    vqz_net_free(net, &mem);
    assert_int_equal(mem.used, 0);
    return result;
}

typedef struct layer_case {
    vqz_type in, out, add;                   /* add: VQZ_T_MIXED for none */
    uint8_t op, k, stride, act, edge, shuffle;
    uint16_t cin, cout;
    uint32_t h, w;
    bool dots;
} layer_case;
#define U8 VQZ_T_U8
#define S8 VQZ_T_S8
#define S16 VQZ_T_S16
#define MX VQZ_T_MIXED
#define NONE VQZ_T_MIXED
enum { CONV = VQZ_OP_CONV, REQ = VQZ_OP_REQUANT };

static const layer_case cases[] = {
    {U8, U8, NONE, CONV, 1, 1, VQZ_ACT_RELU, 0, 1, 64, 64, 8, 9, false},
    {S8, S8, NONE, CONV, 3, 1, VQZ_ACT_LEAKY, 1, 1, 33, 70, 5, 13, false},
    {S8, S8, S8, CONV, 3, 1, VQZ_ACT_NONE, 0, 1, 16, 32, 9, 7, false},
    {S8, S8, NONE, CONV, 5, 2, VQZ_ACT_NONE, 1, 1, 12, 64, 11, 12, false},
    {S8, U8, S16, CONV, 3, 2, VQZ_ACT_RELU, 0, 1, 40, 24, 7, 10, false},
    {MX, S16, NONE, CONV, 3, 1, VQZ_ACT_NONE, 0, 1, 37, 128, 4, 5, false},
    {S8, S16, S16, CONV, 3, 1, VQZ_ACT_NONE, 1, 4, 20, 3, 6, 5, false},
    {U8, MX, NONE, CONV, 1, 1, VQZ_ACT_LEAKY, 0, 2, 24, 10, 3, 17, false},
    {S8, S8, U8, CONV, 1, 1, VQZ_ACT_NONE, 1, 2, 8, 16, 3, 4, false},
    {S16, S16, NONE, CONV, 1, 1, VQZ_ACT_NONE, 0, 1, 40, 70, 3, 25, false},
    {S16, S16, NONE, CONV, 1, 1, VQZ_ACT_NONE, 0, 4, 21, 2, 5, 6, false},
    {S16, U8, S8, CONV, 3, 1, VQZ_ACT_RELU, 0, 1, 9, 30, 5, 4, false},
    {S16, S8, NONE, CONV, 5, 2, VQZ_ACT_LEAKY, 1, 1, 5, 33, 6, 9, false},
    {U8, S8, NONE, CONV, 5, 1, VQZ_ACT_NONE, 0, 1, 1, 1, 1, 1, false},
    {S8, S8, NONE, CONV, 3, 1, VQZ_ACT_LEAKY, 0, 1, 19, 35, 4, 5, true},
    {S16, S16, NONE, CONV, 1, 1, VQZ_ACT_NONE, 0, 1, 18, 34, 2, 9, true},
    {S16, U8, NONE, REQ, 1, 1, VQZ_ACT_RELU, 0, 1, 37, 37, 3, 7, false},
    {MX, S16, S8, REQ, 1, 1, VQZ_ACT_LEAKY, 0, 1, 12, 12, 4, 5, false},
    {S8, MX, NONE, REQ, 1, 1, VQZ_ACT_NONE, 0, 2, 20, 20, 3, 3, false},
};

static void one_layer(builder *b, const layer_case *c, unsigned style) {
    const unsigned r2 = c->op == REQ ? (unsigned)c->shuffle * c->shuffle : 1, channels = c->op == REQ ? c->cout / r2 : c->cout;
    const bool add = c->add != NONE;
    b->inputs = add ? 2 : 1;
    tensor(b, c->in, c->cin, (c->cin + 1u) / 2, 1000);
    if (add) {
        tensor(b, c->add, c->op == REQ ? c->cout : (unsigned)c->cout * c->shuffle * c->shuffle, 0, 3000);
        b->tensors[1].scale.down = c->stride == 2;
    }
    const unsigned dst = tensor(b, c->out, channels, (channels + 1) / 2, 32768);
    vqz_layer_def *l = layer(b, c->op, c->k, 0, dst, add ? 1 : VQZ_NO_TENSOR, c->shuffle);
    l->stride = c->stride;
    l->act = c->act;
    l->pad_edge = c->edge;
    fill_layer(b, l, style);
}

static void test_layers(void **state) {
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned style = 0; style < STYLES; style++) {
            builder b = {.seed = 100 * i + style + 1};
            const uint32_t size[ITEMS][2] = {{cases[i].h, cases[i].w}, {1, 2}, {2 * cases[i].w / 3 + 1, 3}};
            char what[40];
            snprintf(what, sizeof what, "case %u, style %u", i, style);
            one_layer(&b, &cases[i], style);
            vqz_host_seed(b.seed);
            run_both(&b, style == PLAIN ? ITEMS : 1, size, style, cases[i].dots, what);
            drop(&b);
        }
}

static void test_net(void **state) {
    (void)state;
    builder b = {.seed = 9};
    static const uint32_t size[ITEMS][2] = {{14, 11}, {3, 20}, {1, 1}};
    residual_net(&b);
    run_both(&b, ITEMS, size, PLAIN, false, "network");
    drop(&b);
}

#ifndef VQZ_CUDA_HARDWARE
/* Without any one of the barriers and waits that the kernels have come by, the model must object, or the result must be wrong. */
static void test_order(void **state) {
    (void)state;
    static const unsigned some[] = {1, 11};
    const unsigned sites = vqz_host_sites();
    assert_true(sites >= 4);
    unsigned caught = 0;
    for (unsigned s = 0; s < sites; s++)
        for (unsigned i = 0; i < 2; i++) {
            builder b = {.seed = 77 + s};
            const uint32_t size[1][2] = {{cases[some[i]].h, cases[some[i]].w}};
            one_layer(&b, &cases[some[i]], PLAIN);
            vqz_host_drop(s);
            const bool wrong = run_both(&b, 1, size, PLAIN, false, NULL) != 0;
            vqz_host_drop(VQZ_HOST_NONE);
            drop(&b);
            if (!wrong) fail_msg("nothing noticed that %s was missing", vqz_host_site(s));
            caught++;
        }
    print_message("%u mutants of %u places, all noticed\n", caught, sites);
}

static void test_memory(void **state) {
    (void)state;
    assert_true(vqz_host_shared_bytes() <= 48 << 10);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers), cmocka_unit_test(test_net),
#ifndef VQZ_CUDA_HARDWARE
        cmocka_unit_test(test_order), cmocka_unit_test(test_memory),
#endif
    };
    if (device_missing()) return SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
