/* Networks as a whole: sizes, scratch, reach, and every rule of the loader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/nn_builder.h"

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
    assert_int_equal(vqz_net_plan(net, 16384, 16384, &h, &w, &bytes, &e), SIZE_MAX > UINT32_MAX ? VQZ_OK : VQZ_ERR_LIMIT);
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

/* A chain of layers; what the positions want..want + more of its output need of the input. */
typedef struct reach_case { uint8_t k[12], stride[12], shuffle[12]; uint32_t want, more; int32_t from, to; uint32_t down, up; } reach_case;

static void test_reach(void **state) {
    (void)state;
    static const reach_case cases[] = {
        {{1}, {1}, {1}, 0, 0, 0, 0, 0, 0},
        {{3}, {1}, {1}, 0, 0, -1, 1, 0, 0},
        {{3, 5}, {1, 1}, {1, 1}, 7, 0, 4, 10, 0, 0},
        {{3}, {2}, {1}, 1, 0, 1, 3, 1, 0},
        {{3, 3}, {2, 2}, {1, 1}, 0, 0, -3, 3, 2, 0},
        {{5, 3, 3}, {2, 2, 2}, {1, 1, 1}, 0, 0, -8, 8, 3, 0},
        {{1, 3}, {1, 1}, {2, 1}, 0, 1, -1, 1, 0, 1},
        {{1, 3, 3}, {1, 1, 1}, {2, 1, 1}, 0, 1, -1, 1, 0, 1},
        {{1, 3, 3, 3}, {1, 1, 1, 1}, {2, 1, 1, 1}, 0, 1, -2, 2, 0, 1},
        {{3, 1}, {2, 1}, {1, 2}, 1, 0, -1, 1, 1, 1},           /* down and up again: an odd position sees what the even one before it does */
        {{3, 3}, {1, 2}, {2, 1}, 0, 0, -2, 1, 0, 0},           /* up and down again */
        /* synthesis of the warm start: 1x1 up, two bottleneck blocks at 1/8, 1x1 up, two blocks at 1/4, 3x3 up by 4 */
        {{1, 3, 3, 1, 3, 3, 3}, {1, 1, 1, 1, 1, 1, 1}, {2, 1, 1, 2, 1, 1, 4}, 0, 15, -2, 2, 0, 4},
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
        vqz_span n = vqz_net_needs(net, 0, (vqz_span){cases[c].want, cases[c].want + cases[c].more});
        vqz_scale s = vqz_net_scale(net, from);
        if (n.from != cases[c].from || n.to != cases[c].to || s.down != cases[c].down || s.up != cases[c].up)
            fail_msg("case %zu: %d..%d scale %u/%u", c, (int)n.from, (int)n.to, s.up, s.down);
        vqz_net_free(net, &mem);
        drop(&b);
    }
}

static vqz_net *create_residual_net(builder *b, vqz_memory *mem) {
    residual_net(b);
    vqz_memory_init(mem, 1 << 28);
    return create(b, mem, VQZ_CPU_SCALAR);
}

/* Both inputs, the second one at its own scale; and one that nothing reads. */
static void test_reach_of_inputs(void **state) {
    (void)state;
    builder b = {.seed = 1};
    vqz_memory mem;
    vqz_net *net = create_residual_net(&b, &mem);
    vqz_span n = vqz_net_needs(net, 1, (vqz_span){0, 7});
    assert_int_equal(n.from, 0);
    assert_int_equal(n.to, 1);
    n = vqz_net_needs(net, 0, (vqz_span){0, 7});
    assert_int_equal(n.from, -6);
    assert_int_equal(n.to, 8);
    vqz_net_free(net, &mem);
    drop(&b);
    b = (builder){.inputs = 2};
    for (unsigned i = 0; i < 3; i++) tensor(&b, VQZ_T_U8, 1, 0, 0);
    layer(&b, VQZ_OP_CONV, 1, 0, 2, VQZ_NO_TENSOR, 1);
    net = create(&b, &mem, VQZ_CPU_SCALAR);
    n = vqz_net_needs(net, 1, (vqz_span){0, 7});
    assert_true(n.from > n.to);
    vqz_net_free(net, &mem);
    drop(&b);
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
    uint32_t h, w;
    size_t bytes;
    vqz_span n = vqz_net_needs(net, 0, (vqz_span){0, 0});
    assert_int_equal(n.from, -3);
    assert_int_equal(n.to, 3);
    assert_int_equal(vqz_net_scale(net, 3).down + vqz_net_scale(net, 3).up, 0);
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
    for (unsigned cpu = VQZ_CPU_SCALAR; vqz_cpu_name(cpu); cpu++)
        if (vqz_kernels_get(cpu)) compare(&b, vqz_kernels_get(cpu), vqz_cpu_name(cpu), &view, 0, "sums of 2^31 - 1");
    vqz_store32(mutable(l->bias), 65536);
    vqz_memory mem;
    vqz_memory_init(&mem, 1 << 20);
    vqz_net *net;
    vqz_error e;
    assert_int_equal(vqz_net_create(&net, &mem, vqz_kernels_get(VQZ_CPU_SCALAR), "test", b.tensors, 2, 1, b.layers, 1, &e), VQZ_ERR_MODEL_INVALID);
    assert_non_null(strstr(e.text, "2147483648"));
    drop(&b);
}

/* Parts of the output, with the work and the inputs that they take and no more. */
static void test_parts(void **state) {
    (void)state;
    for (uint32_t seed = 1; seed <= 40; seed++) {
        builder b = {.seed = seed * 2654435761u};
        residual_net(&b);
        const uint32_t h = 1 + rnd(&b, 40), w = 1 + rnd(&b, 40);
        image in[2] = {random_image(&b, &b.tensors[0], h, w, 12, PLAIN), random_image(&b, &b.tensors[1], (h + 1) / 2, (w + 1) / 2, 48, PLAIN)};
        const vqz_view views[2] = {in[0].view, in[1].view};
        compare_part(&b, vqz_kernels_get(seed % 2 ? VQZ_CPU_AUTO : VQZ_CPU_SCALAR), "parts", views, "residual net");
        free(in[0].bytes);
        free(in[1].bytes);
        drop(&b);
    }
}

/* What vqz_net_needs tells of both axes, cut to the input. */
static void test_reads(void **state) {
    (void)state;
    builder b = {.seed = 1};
    vqz_memory mem;
    vqz_net *net = create_residual_net(&b, &mem);
    vqz_rect r = vqz_net_reads(net, 0, (vqz_rect){16, 0, 8, 8}, 20, 12);     /* columns 4 and 5 at half size */
    assert_int_equal(r.y, 0);
    assert_int_equal(r.h, 9);
    assert_int_equal(r.x, 2);
    assert_int_equal(r.w, 10);
    r = vqz_net_reads(net, 1, (vqz_rect){16, 0, 8, 8}, 20, 12);
    assert_int_equal(r.x, 4);
    assert_int_equal(r.w, 2);
    vqz_net_free(net, &mem);
    drop(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan), cmocka_unit_test(test_reach), cmocka_unit_test(test_reach_of_inputs), cmocka_unit_test(test_reach_of_addend),
        cmocka_unit_test(test_parts), cmocka_unit_test(test_reads),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_bound_is_tight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
