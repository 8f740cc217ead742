/* Every layer of every network against what the Python integer simulation wrote (training/vqzint/golden.py describes the file). */
#include "base/bytes.h"
#include "codec/transform.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <zlib.h>

enum { KIND_INPUT, KIND_LAYER, KIND_OUTPUT, KIND_VALUE, ROLE_VALUES = 255, MAX_LAYERS = 64 };
enum { VALUE_PICTURE, VALUE_LATENTS, VALUE_HYPER };

typedef struct record {
    uint8_t role, index, kind, number, type, row;
    uint32_t h, w, c;
    const uint8_t *payload;
} record;

enum { ALL = VQZ_NETS_ANALYSIS | VQZ_NETS_CONTEXT | 1 << VQZ_NET_ANCHOR | VQZ_NETS_SYNTHESIS };

static struct {
    uint8_t *data;
    size_t size;
    vqz_model *model;
} golden;

static size_t width_of(unsigned type) { return type == VQZ_T_S16 ? 2 : 1; }

static bool next_record(vqz_reader *r, record *o) {
    if (!vqz_reader_left(r)) return false;
    o->role = vqz_read8(r);
    o->index = vqz_read8(r);
    o->kind = vqz_read8(r);
    o->number = vqz_read8(r);
    o->type = vqz_read8(r);
    o->row = vqz_read8(r);
    vqz_read16(r);
    o->h = vqz_read32(r);
    o->w = vqz_read32(r);
    o->c = vqz_read32(r);
    o->payload = vqz_read_bytes(r, o->kind == KIND_LAYER ? 4 : (size_t)o->h * o->w * o->c * width_of(o->type));
    assert_false(r->failed);
    return true;
}

static vqz_reader records(void) {
    vqz_reader r = vqz_reader_of(golden.data, golden.size);
    assert_memory_equal(vqz_read_bytes(&r, 4), "VQZG", 4);
    assert_int_equal(vqz_read16(&r), 1);
    vqz_read16(&r);
    assert_memory_equal(vqz_read_bytes(&r, 16), golden.model->id, 16);       /* golden tensors of another model: run vqzint.golden */
    assert_true(vqz_read32(&r) > 100);
    return r;
}

/* The elements of a tensor as the file stores them, in memory of their own with the machine's byte order. */
static void *load(const record *o) {
    size_t n = (size_t)o->h * o->w * o->c;
    uint8_t *p = malloc(n * width_of(o->type) + 64);
    if (o->type == VQZ_T_S16)
        for (size_t i = 0; i < n; i++) ((int16_t *)(void *)p)[i] = (int16_t)vqz_load16(o->payload + 2 * i);
    else memcpy(p, o->payload, n);
    return p;
}

static uint32_t crc_of(const vqz_view *v, const vqz_tensor_def *def) {
    uLong crc = crc32(0, NULL, 0);
    for (size_t i = 0; i < (size_t)v->h * v->w; i++)
        for (uint32_t c = 0; c < def->channels; c++) {
            uint8_t b[2];
            if (def->type == VQZ_T_S16) vqz_store16(b, (uint16_t)((const int16_t *)v->data)[i * v->stride + c]);
            else b[0] = ((const uint8_t *)v->data)[i * v->stride + c];
            crc = crc32(crc, b, def->type == VQZ_T_S16 ? 2 : 1);
        }
    return (uint32_t)crc;
}

typedef struct trace {
    uint32_t crc[MAX_LAYERS], layers;
} trace;

static void on_layer(void *user, unsigned layer, const vqz_tensor_def *def, const vqz_view *result) {
    trace *t = user;
    t->crc[layer] = crc_of(result, def);
    t->layers = layer + 1;
}

/* One run: the inputs have been read; the layers' checksums and the output follow. */
static void run_net(const vqz_nets *nets, record *in, unsigned inputs, vqz_reader *r) {
    const vqz_net *net = nets->net[in[0].role][in[0].index];
    vqz_view view[2], out;
    uint32_t oh, ow;
    size_t scratch;
    trace want = {0}, got = {0};
    record o = {0};
    for (unsigned i = 0; i < inputs; i++) view[i] = (vqz_view){load(&in[i]), in[i].h, in[i].w, in[i].c};
    while (next_record(r, &o) && o.kind == KIND_LAYER) {
        want.crc[o.number] = vqz_load32(o.payload);
        want.layers = o.number + 1u;
    }
    assert_int_equal(o.kind, KIND_OUTPUT);
    assert_int_equal(vqz_net_plan(net, in[0].h, in[0].w, &oh, &ow, &scratch, NULL), VQZ_OK);
    assert_int_equal(oh, o.h);
    assert_int_equal(ow, o.w);
    void *work = aligned_alloc(64, (scratch + 63) / 64 * 64 + 64), *expected = load(&o);
    size_t bytes = (size_t)o.h * o.w * o.c * width_of(o.type);
    out = (vqz_view){malloc(bytes + 64), oh, ow, o.c};
    vqz_net_run_traced(net, view, &out, work, on_layer, &got);
    assert_int_equal(got.layers, want.layers);
    for (uint32_t l = 0; l < want.layers; l++)
        if (got.crc[l] != want.crc[l]) fail_msg("role %u index %u row %u: layer %u differs", in[0].role, in[0].index, in[0].row, l);
    assert_memory_equal(out.data, expected, bytes);
    for (unsigned i = 0; i < inputs; i++) free(view[i].data);
    free(work);
    free(expected);
    free(out.data);
}

static void every_layer(void **state) {
    (void)state;
    for (unsigned cpu = VQZ_CPU_SCALAR; vqz_cpu_name(cpu); cpu++) {
        const vqz_nets *nets;
        if (!vqz_kernels_get(cpu)) {
            print_message("%s: not run, this machine or build lacks it\n", vqz_cpu_name(cpu));
            continue;
        }
        assert_int_equal(vqz_model_nets(golden.model, vqz_kernels_get(cpu), ALL, &nets, NULL), VQZ_OK);
        vqz_reader r = records();
        record in[2], o;
        unsigned inputs = 0, roles = 0;
        while (next_record(&r, &o)) {
            if (o.kind != KIND_INPUT) continue;
            in[inputs++] = o;
            roles |= 1u << o.role;
            if (inputs < golden.model->def[o.role][o.index].inputs) continue;
            run_net(nets, in, inputs, &r);
            inputs = 0;
        }
        assert_int_equal(roles, (1u << VQZ_NET_ROLES) - 1);
    }
}

/* The encoder's way from pixels to latents and hyper-latents. */
static void analysis(void **state) {
    (void)state;
    const vqz_nets *nets;
    assert_int_equal(vqz_model_nets(golden.model, vqz_kernels_get(VQZ_CPU_AUTO), ALL, &nets, NULL), VQZ_OK);
    vqz_reader r = records();
    record o, picture = {0}, latents = {0};
    unsigned compared = 0;
    while (next_record(&r, &o)) {
        if (o.role != ROLE_VALUES) continue;
        if (o.number == VALUE_PICTURE) picture = o;
        if (o.number == VALUE_LATENTS) latents = o;
        if (o.number != VALUE_HYPER) continue;
        vqz_arena plan = {0};
        vqz_analysis a;
        vqz_prior p;
        int16_t *y, *want = load(&latents);
        for (int pass = 0; pass < 2; pass++) {
            if (pass) plan = (vqz_arena){.base = aligned_alloc(64, plan.used)};
            VQZ_TAKE(&plan, y, (size_t)latents.h * latents.w * latents.c);
            assert_int_equal(vqz_prior_layout(&p, golden.model, nets, latents.h, latents.w, &plan, NULL), VQZ_OK);
            assert_int_equal(vqz_analysis_layout(&a, golden.model, nets, latents.h, latents.w, &plan, NULL), VQZ_OK);
        }
        vqz_latents v = {y, latents.w};
        vqz_analyse(&a, picture.payload, (size_t)picture.w * 3, 0, picture.w, picture.h, (vqz_rect){0, 0, latents.w, latents.h}, true, &v, &p, &golden.model->level[o.row]);
        assert_memory_equal(y, want, (size_t)latents.h * latents.w * latents.c * sizeof *y);
        for (size_t i = 0; i < (size_t)o.h * o.w; i++)
            for (uint32_t c = 0; c < o.c; c++) assert_int_equal(p.z[c * o.h * o.w + i], (int16_t)vqz_load16(o.payload + 2 * (i * o.c + c)));
        free(plan.base);
        free(want);
        compared++;
    }
    assert_true(compared > 0);
}

static int setup(void **state) {
    (void)state;
    FILE *f = fopen("tests/data/golden.bin", "rb");
    if (!f) return 1;
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    golden.size = (size_t)ftell(f);
    rewind(f);
    golden.data = malloc(golden.size);
    bool ok = fread(golden.data, 1, golden.size, f) == golden.size;
    assert_int_equal(fclose(f), 0);
    return !ok || vqz_model_builtin(&golden.model, 0, NULL) != VQZ_OK;
}

static int teardown(void **state) {
    (void)state;
    vqz_model_unref(golden.model);
    free(golden.data);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_layer), cmocka_unit_test(analysis)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
