/* The model loader: what it accepts, what it refuses and how it says so; levels and ladder on the built-in model. */
#include "base/bytes.h"
#include "codec/model/model.h"
#include "tests/pictures.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static uint8_t *original, *copy;             /* the built-in model's bytes, and a copy to spoil */
static size_t size;

/* Start of a section's payload in `copy`; *n its length. */
static uint8_t *section(const char *type, uint32_t *n) {
    for (size_t at = 8; at + 8 <= size; at += 8 + *n) {
        *n = vqz_load32(copy + at + 4);
        if (memcmp(copy + at, type, 4) == 0) return copy + at + 8;
    }
    fail_msg("section %s not found", type);
    return NULL;
}

/* The spoilt copy must be refused with a text that holds `what`. Restores the copy. */
static void refused(size_t bytes, const char *what) {
    vqz_model *m = (vqz_model *)1;
    vqz_error e = {0};
    vqz_status st = vqz_model_open(&m, copy, bytes, &e);
    memcpy(copy, original, size);
    assert_int_equal(st, VQZ_ERR_MODEL_INVALID);
    assert_null(m);
    if (!strstr(e.text, what)) fail_msg("expected \"%s\" in \"%s\"", what, e.text);
}

static void header(void **state) {
    (void)state;
    uint32_t n;
    copy[0] = 'X';
    refused(size, "VQZM");
    copy[4] = 2;
    refused(size, "version 2");
    refused(3, "VQZM");
    refused(size - 1, "ends inside section ZTAB");
    section("LATQ", &n)[-8] = 'l';
    refused(size, "section LATQ expected");
    memcpy(section("INFO", &n), "nome", 4);
    refused(size, "name is missing");
    section("INFO", &n)[2] = 7;
    refused(size, "control character");
}

static void arch(void **state) {
    (void)state;
    uint32_t n;
    vqz_store16(section("ARCH", &n), 3);
    refused(size, "C 3");
    vqz_store16(section("ARCH", &n) + 10, 18);
    refused(size, "slices have");
    vqz_store16(section("ARCH", &n) + 10, 17);
    refused(size, "must be even");
    vqz_store16(section("ARCH", &n) + n - 2, 1);
    refused(size, "reserved");
}

static void networks(void **state) {
    (void)state;
    uint32_t n;
    section("NETS", &n)[2] = 1;
    refused(size, "network analysis linear expected");
    uint8_t *p = section("NETS", &n) + 2;    /* role, index, tensors, layers, then tensors of 8 bytes */
    p[4] = 1;                                /* type of tensor 0: its weights would be half as long */
    refused(size, "network analysis expected");
    uint8_t *layer = section("NETS", &n) + 2 + 4 + 2 * 8;
    layer[1] = 3;                            /* k: its weights would be nine times as long */
    refused(size, "NETS");
    layer = section("NETS", &n) + 2 + 4 + 2 * 8;
    layer[2] = 3;                            /* stride */
    refused(size, "analysis linear");
    uint32_t cout = vqz_load16(layer + 10);
    layer = section("NETS", &n) + 2 + 4 + 2 * 8;
    vqz_store32(layer + 12 + (size_t)cout * 768 * 2, 0x7fffffff);    /* bias of channel 0 */
    refused(size, "analysis linear");
    layer = section("NETS", &n) + 2 + 4 + 2 * 8;
    vqz_store16(layer + 12 + (size_t)cout * (768 * 2 + 4), 0);       /* its multiplier */
    refused(size, "analysis linear");
    memset(section("NETS", &n) + 2 + 4 + 2 * 8 + 12, 0x7f, (size_t)cout * 768 * 2);
    refused(size, "analysis linear");        /* an accumulator may overflow */
}

/* Where a tensor of a network stands in `copy`. */
static uint8_t *tensor_at(const vqz_model *m, vqz_net_role role, uint32_t i, uint32_t t) {
    const vqz_net_def *d = &m->def[role][i];
    const uint8_t *arrays = d->layers[0].weights ? d->layers[0].weights : d->layers[0].mul;
    return copy + (arrays - m->data) - 12 - 8 * (d->ntensors - t);
}

/* An input's declared bound may not be smaller than what comes in: the proof of the sums rests on it. */
static void bounds(void **state) {
    (void)state;
    static const struct { vqz_net_role role; uint32_t index, tensor, bound; const char *text; } cases[] = {
        {VQZ_NET_ANALYSIS_LINEAR, 0, 0, 127, "analysis linear: tensor 0 has the bound 127, pixels reach 128"},
        {VQZ_NET_ANALYSIS, 0, 1, 32767, "analysis: tensor 1 has the bound 32767, the output of analysis linear that it takes reaches 32768"},
        {VQZ_NET_ANCHOR, 2, 1, 32767, "context anchor 2: tensor 1 has the bound 32767, the output of context trunk that it takes reaches 32768"},
        {VQZ_NET_FIRST, 1, 0, 1, "context first 1: tensor 0 has the bound 1, the output of context trunk that it takes reaches 32768"},
        {VQZ_NET_SYNTHESIS_LINEAR, 0, 0, 32767, "synthesis linear: tensor 0 has the bound 32767, that of latents is 32768"},
        {VQZ_NET_SYNTHESIS, 0, 1, 32000, "synthesis: tensor 1 has the bound 32000, the output of synthesis linear that it takes reaches 32768"},
    };
    static const uint8_t id[VQZ_MODEL_ID_SIZE];
    vqz_model *m, *spoilt;
    assert_int_equal(vqz_model_open(&m, original, size, NULL), VQZ_OK);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        uint8_t *t = tensor_at(m, cases[c].role, cases[c].index, cases[c].tensor);
        assert_int_equal(t[0], VQZ_T_S16);
        vqz_store16(t + 6, (uint16_t)cases[c].bound);
        assert_int_equal(vqz_model_open_proven(&spoilt, copy, size, id, NULL), VQZ_ERR_MODEL_INVALID);
        refused(size, cases[c].text);
    }
    /* a smaller output is no harm to a reader that allows for more */
    vqz_store16(tensor_at(m, VQZ_NET_SYNTHESIS_LINEAR, 0, 1) + 6, 32000);
    vqz_error e = {0};
    if (vqz_model_open(&spoilt, copy, size, &e) != VQZ_OK) fail_msg("%s", e.text);
    memcpy(copy, original, size);
    vqz_model_unref(spoilt);
    vqz_model_unref(m);
}

static void tables(void **state) {
    (void)state;
    uint32_t n;
    vqz_store16(section("LATQ", &n), 0);
    refused(size, "LATQ");
    section("LATQ", &n)[n - 1] = 47;
    refused(size, "LATQ");
    vqz_store16(section("LEVL", &n), 0);
    refused(size, "0 rows");
    vqz_store16(section("LEVL", &n) + 10 + 4, 0);
    refused(size, "gain of channel 0");
    section("LADR", &n)[1] = 200;
    refused(size, "top 200");
    uint8_t *book = section("LADR", &n) + 4;                         /* n, shift, zero, values, freqs */
    uint32_t k = vqz_load16(book);
    vqz_store16(book + 4 + 2 * k, (uint16_t)(vqz_load16(book + 4 + 2 * k) + 1));
    refused(size, "scalar codebook 0");
    book = section("LADR", &n) + 4;
    vqz_store16(book + 4 + 2, vqz_load16(book + 4));
    refused(size, "ascend");
    book = section("LADR", &n);
    vqz_store16(book + n - 2, 0xffff);
    refused(size, "map");
    vqz_store16(section("ZTAB", &n), 0);
    refused(size, "0 tables");
    section("ZTAB", &n)[2] = 200;
    refused(size, "M is 200");
}

/* Anything else that a damaged file may be: opened, or refused with a reason. */
static void random_damage(void **state) {
    (void)state;
    uint32_t s = 5, n, opened = 0;
    size_t tail = (size_t)(section("LATQ", &n) - copy);              /* damaged weights mostly make another valid model */
    for (int i = 0; i < 60; i++) {
        copy[tail + test_random(&s) % (size - tail)] ^= (uint8_t)(1 + test_random(&s) % 255);
        vqz_model *m;
        vqz_error e = {0};
        vqz_status st = vqz_model_open(&m, copy, size, &e);
        if (st == VQZ_OK) opened++;
        else {
            assert_int_equal(st, VQZ_ERR_MODEL_INVALID);
            assert_true(strlen(e.text) > 8);
        }
        vqz_model_unref(m);
        memcpy(copy, original, size);
    }
    assert_true(opened < 60);
}

static void information(void **state) {
    (void)state;
    vqz_model *m, *other;
    vqz_model_info info, changed;
    uint32_t n;
    assert_int_equal(vqz_model_open(&m, original, size, NULL), VQZ_OK);
    vqz_model_get_info(m, &info);
    assert_string_equal(info.name, "base");
    assert_int_equal(info.size, size);
    assert_true(info.levels >= 8);
    assert_in_range(info.mac_per_pixel_decode, 5000, 15000);
    assert_in_range(info.mac_per_pixel_encode, 10000, 40000);
    vqz_store32(section("LEVL", &n) + 10, vqz_load32(section("LEVL", &n) + 10) + 1);     /* another lambda, another model */
    assert_int_equal(vqz_model_open(&other, copy, size, NULL), VQZ_OK);
    vqz_model_get_info(other, &changed);
    assert_memory_not_equal(info.id, changed.id, sizeof info.id);
    vqz_model_unref(other);
    vqz_model_unref(m);
    memcpy(copy, original, size);
}

/* The second pass gets from gathered anchors what the network of the file makes of the plane. */
static void second_pass(void **state) {
    (void)state;
    enum { H = 5, W = 7, MAX_CHANNELS = 512 };
    vqz_model *m;
    const vqz_nets *nets;
    assert_int_equal(vqz_model_open(&m, original, size, NULL), VQZ_OK);
    assert_int_equal(vqz_model_nets(m, vqz_kernels_get(VQZ_CPU_SCALAR), 1 << VQZ_NET_ANCHOR | 1 << VQZ_NET_SECOND, &nets, NULL), VQZ_OK);
    static uint8_t plane[H * W][MAX_CHANNELS], dense[H * W][MAX_CHANNELS], near[VQZ_SECOND_TAPS * MAX_CHANNELS], features[MAX_CHANNELS];
    static int16_t trunk[H * W][MAX_CHANNELS];
    static _Alignas(64) uint8_t scratch[1 << 20];
    uint32_t seed = 3;
    for (uint32_t s = 0; s < m->S; s++) {
        const uint32_t c = m->slice[s], T = m->trunk_channels[s], bound = m->def[VQZ_NET_ANCHOR][s].tensors[1].bound;
        for (uint32_t i = 0; i < H * W; i++) {
            for (uint32_t k = 0; k < c; k++) plane[i][k] = (i / W + i % W) & 1 ? 128 : (uint8_t)(test_random(&seed) >> 24);
            for (uint32_t k = 0; k < T; k++) trunk[i][k] = (int16_t)((int32_t)(test_random(&seed) % bound) - (int32_t)bound / 2);
        }
        vqz_view in[2] = {{plane, H, W, MAX_CHANNELS}, {trunk, H, W, MAX_CHANNELS}}, out = {dense, H, W, MAX_CHANNELS};
        uint32_t oh, ow;
        size_t bytes;
        assert_int_equal(vqz_net_plan(nets->net[VQZ_NET_ANCHOR][s], H, W, &oh, &ow, &bytes, NULL), VQZ_OK);
        assert_true(bytes <= sizeof scratch);
        vqz_net_run(nets->net[VQZ_NET_ANCHOR][s], in, &out, scratch);
        int8_t offset[VQZ_SECOND_TAPS][2];
        unsigned taps = vqz_second_taps(m->def[VQZ_NET_ANCHOR][s].layers->k, offset);
        for (int i = 1; i < H * W; i += 2) {                         /* W is odd: the odd positions */
            for (unsigned t = 0; t < taps; t++) {
                int y = i / W + offset[t][0], x = i % W + offset[t][1];
                if (y >= 0 && y < H && x >= 0 && x < W) memcpy(near + t * c, plane[y * W + x], c);
                else memset(near + t * c, 128, c);
            }
            vqz_view one[2] = {{near, 1, 1, taps * c}, {trunk[i], 1, 1, T}}, result = {features, 1, 1, MAX_CHANNELS};
            vqz_net_run(nets->net[VQZ_NET_SECOND][s], one, &result, scratch);
            assert_memory_equal(features, dense[i], m->feature_channels[s]);
        }
    }
    /* a network that cannot be taken apart so is refused */
    size_t layer = (size_t)(m->def[VQZ_NET_ANCHOR][1].layers[0].weights - m->data) - 12;
    vqz_model_unref(m);
    copy[layer + 4] = 1;                     /* padding by the edge */
    refused(size, "context anchor 1: layer 0");
}

/* What the build found out about the built-in model is what opening the file finds out. */
static void built_in(void **state) {
    (void)state;
    vqz_model *m, *opened;
    assert_int_equal(vqz_model_builtin(&m, 0, NULL), VQZ_OK);
    assert_int_equal(vqz_model_open(&opened, original, size, NULL), VQZ_OK);
    assert_int_equal(m->size, size);
    assert_memory_equal(m->data, original, size);
    assert_memory_equal(m->id, opened->id, sizeof m->id);
    assert_int_equal(m->synthesis_ring, opened->synthesis_ring);
    vqz_model_unref(m);
    vqz_model_unref(opened);
}

/* A proven file is not proven again, and that is all that is left out. */
static void proven(void **state) {
    (void)state;
    vqz_model *m;
    vqz_error e;
    uint32_t n;
    uint8_t id[VQZ_MODEL_ID_SIZE] = "a known id";
    uint8_t *layer = section("NETS", &n) + 2 + 4 + 2 * 8;
    vqz_store32(layer + 12 + (size_t)vqz_load16(layer + 10) * 768 * 2, 0x7fffffff);      /* bias of channel 0 */
    assert_int_equal(vqz_model_open_proven(&m, copy, size, id, &e), VQZ_OK);
    assert_memory_equal(m->id, id, sizeof id);
    vqz_model_unref(m);
    layer[2] = 3;                            /* stride */
    assert_int_equal(vqz_model_open_proven(&m, copy, size, id, &e), VQZ_ERR_MODEL_INVALID);
    assert_null(m);
    memcpy(copy, original, size);
}

/* Networks are packed when a context first asks for them, whoever else is asking. */
static vqz_model *shared;
enum { ASKING = 4 };

static void *ask(void *arg) {
    static const unsigned roles[ASKING] = {VQZ_NETS_ANALYSIS, VQZ_NETS_CONTEXT, VQZ_NETS_CONTEXT | VQZ_NETS_SYNTHESIS, VQZ_NETS_SYNTHESIS};
    unsigned wanted = roles[(uintptr_t)arg];
    const vqz_nets *nets;
    if (vqz_model_nets(shared, vqz_kernels_get(VQZ_CPU_SCALAR), wanted, &nets, NULL) != VQZ_OK) return (void *)1;
    uint32_t oh, ow;
    size_t bytes;
    for (int role = 0; role < VQZ_NET_ROLES; role++)
        if (wanted >> role & 1 && vqz_net_plan(nets->net[role][0], 4, 4, &oh, &ow, &bytes, NULL) != VQZ_OK) return (void *)1;
    return NULL;
}

static void packing(void **state) {
    (void)state;
    const vqz_nets *nets, *again;
    const vqz_kernels *k = vqz_kernels_get(VQZ_CPU_AUTO);
    assert_int_equal(vqz_model_builtin(&shared, 0, NULL), VQZ_OK);
    uint64_t before = shared->mem.used;
    assert_true(before < size / 2);          /* opening packs nothing */
    assert_int_equal(vqz_model_nets(shared, k, VQZ_NETS_SYNTHESIS, &nets, NULL), VQZ_OK);
    uint64_t some = shared->mem.used;
    assert_non_null(nets->net[VQZ_NET_SYNTHESIS][0]);
    assert_null(nets->net[VQZ_NET_ANALYSIS][0]);
    assert_int_equal(vqz_model_nets(shared, k, VQZ_NETS_SYNTHESIS, &again, NULL), VQZ_OK);
    assert_ptr_equal(nets, again);
    assert_true(before < some && shared->mem.used == some);

    pthread_t threads[ASKING];
    for (uintptr_t i = 0; i < ASKING; i++) assert_int_equal(pthread_create(&threads[i], NULL, ask, (void *)i), 0);
    for (int i = 0; i < ASKING; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    vqz_model_unref(shared);
}

static int setup(void **state) {
    (void)state;
    FILE *f = fopen("models/base.vqzm", "rb");
    if (!f) return 1;
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    size = (size_t)ftell(f);
    rewind(f);
    original = malloc(size);
    copy = malloc(size);
    size_t got = fread(original, 1, size, f);
    assert_int_equal(fclose(f), 0);
    memcpy(copy, original, size);
    return got != size;
}

static int teardown(void **state) {
    (void)state;
    free(original);
    free(copy);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(header), cmocka_unit_test(arch), cmocka_unit_test(networks), cmocka_unit_test(bounds), cmocka_unit_test(tables),
                                       cmocka_unit_test(random_damage), cmocka_unit_test(information), cmocka_unit_test(second_pass), cmocka_unit_test(built_in),
                                       cmocka_unit_test(proven), cmocka_unit_test(packing)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
