/* Whole networks of the built-in model on tiles of a picture: analysis with the correction of the linear path, synthesis with its ring, colour both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "codec/colour.h"
#include "cuda/tests/tile.h"
#include "cuda/transform.h"

enum { WIDTH = 41, HEIGHT = 30, PW = 3, PH = 2, TILES = 2, LEVEL = 50 };
static const vqz_rect tiles[TILES] = {{0, 0, 2, PH}, {2, 0, 1, PH}};
static vqz_model *model;
static uint8_t *model_data;

static int open_all(void **state) {
    (void)state;
    model = open_model(&model_data);
    return 0;
}

static int close_all(void **state) {
    (void)state;
    vqz_model_unref(model);
    free(model_data);
    return 0;
}

/* The processor's tile: latents as encoders begin with them, before and after the correction, hyper-latents. */
static void analyse(cpu_tile *t, const uint8_t *rgb, vqz_rect r, const vqz_latents *plane, int16_t *before) {
    enum { ROLES = VQZ_NETS_ANALYSIS | VQZ_NETS_CONTEXT | VQZ_NETS_SYNTHESIS };
    const vqz_nets *nets;
    vqz_error e = {0};
    must(vqz_model_nets(model, vqz_kernels_get(VQZ_CPU_AUTO), ROLES, &nets, &e), &e);
    *t = (cpu_tile){.h = PH, .w = PW};
    vqz_arena a = {0};
    lay_out_tile(t, model, nets, &a);
    t->block = aligned_alloc(64, a.used);
    assert_non_null(t->block);
    a = (vqz_arena){.base = t->block};
    lay_out_tile(t, model, nets, &a);
    t->prior.zh = (r.h + 3) / 4;
    t->prior.zw = (r.w + 3) / 4;
    const vqz_latents y = {plane->data + r.x * model->C, plane->stride};
    vqz_analyse(&t->analysis, rgb, WIDTH * 3, 0, WIDTH, HEIGHT, r, true, &y, &t->prior, &model->level[LEVEL]);
    for (uint32_t i = 0; i < r.h; i++) memcpy(before + (i * PW + r.x) * model->C, plane->data + (i * PW + r.x) * model->C, r.w * model->C * sizeof(int16_t));
    vqz_analysis_correct(&t->analysis, &t->synthesis, WIDTH, HEIGHT, r, &y);
}

static void open_device(vqz_cu_model **on, vqz_memory *mem, unsigned roles) {
    vqz_error e = {0};
    vqz_memory_init(mem, 1 << 28);
    must(vqz_cu_model_create(on, model, roles, false, mem, &e), &e);
}

static vqz_cu_area area_of(unsigned k, uint32_t ring, int16_t *plane, uint8_t *samples, unsigned layout) {
    const vqz_rect r = vqz_rect_grow(tiles[k], ring, PW, PH);
    return (vqz_cu_area){.plane = plane, .pitch = PW, .x = r.x, .y = r.y, .w = r.w, .h = r.h, .tile_x = tiles[k].x - r.x, .tile_y = tiles[k].y - r.y,
                         .tile_w = tiles[k].w, .tile_h = tiles[k].h, .width = WIDTH, .height = HEIGHT, .layout = layout, .row = WIDTH * layout, .samples = samples};
}

static void run(const vqz_cu_model *on, unsigned kind, const vqz_cu_area *area, vqz_memory *mem, vqz_cu_view *hyper) {
    vqz_cu_transform *t;
    vqz_error e = {0};
    must(vqz_cu_transform_create(&t, on, kind, area, TILES, mem, &e), &e);
    must(vqz_cu_transform_run(t, NULL, &e), &e);
    assert_int_equal(vqz_cu_wait(NULL), 0);
    for (unsigned k = 0; hyper && k < TILES; k++) {      /* copies: the transform's go with it */
        download(&hyper[k], vqz_cu_transform_hyper(t) + k, sizeof *hyper);
        const size_t bytes = (size_t)hyper[k].h * hyper[k].w * hyper[k].stride * 2;
        void *copy = malloc(bytes);
        assert_non_null(copy);
        download(copy, hyper[k].data, bytes);
        hyper[k].data = upload(copy, bytes);
        free(copy);
    }
    vqz_cu_transform_free(t);
}

static void analysis(unsigned layout) {
    uint8_t *given = make_picture(PICTURE_PHOTO, WIDTH, HEIGHT, layout, 8), rgb[WIDTH * HEIGHT * 3];
    for (uint32_t y = 0; y < HEIGHT; y++) vqz_row_in(layout, given + (size_t)y * WIDTH * layout, WIDTH, NULL, rgb + (size_t)y * WIDTH * 3, NULL);
    int16_t *after = malloc(PH * PW * model->C * sizeof *after), *before = malloc(PH * PW * model->C * sizeof *before);
    const vqz_latents plane = {after, PW};
    cpu_tile cpu[TILES];
    for (unsigned k = 0; k < TILES; k++) analyse(&cpu[k], rgb, tiles[k], &plane, before);
    vqz_memory mem;
    vqz_cu_model *on;
    open_device(&on, &mem, VQZ_NETS_ANALYSIS | VQZ_NETS_SYNTHESIS);
    const vqz_tensor_def def = {.type = VQZ_T_S16, .channels = (uint16_t)model->C, .bound = 32768}, zdef = {.type = VQZ_T_S16, .channels = (uint16_t)model->Z, .bound = 32768};
    const vqz_cu_view latents = device_tensor(&def, PH, PW);
    uint8_t *samples = upload(given, (size_t)WIDTH * HEIGHT * layout);
    for (unsigned kind = VQZ_CU_ANALYSIS; kind <= VQZ_CU_CORRECTED; kind++) {
        vqz_cu_view hyper[TILES];
        vqz_cu_area area[TILES];
        for (unsigned k = 0; k < TILES; k++) area[k] = area_of(k, VQZ_ANALYSIS_RING, latents.data, samples, layout);
        vqz_host_seed(kind + layout);
        run(on, kind, area, &mem, hyper);
        const vqz_view want = {kind == VQZ_CU_CORRECTED ? after : before, PH, PW, model->C};
        const int64_t at = differs(&def, &latents, &want);
        if (at >= 0) fail_msg("%s: latent %d of position %d differs", kind == VQZ_CU_CORRECTED ? "corrected" : "analysis", (int)(at % model->C), (int)(at / model->C));
        for (unsigned k = 0; k < TILES; k++) {
            const vqz_view z = {cpu[k].analysis.hyper, hyper[k].h, hyper[k].w, model->Z};
            assert_int_equal(differs(&zdef, &hyper[k], &z), -1);
            vqz_cu_free(hyper[k].data);
        }
    }
    for (unsigned k = 0; k < TILES; k++) drop_tile(&cpu[k]);
    vqz_cu_free(samples);
    vqz_cu_free(latents.data);
    vqz_cu_model_free(on, &mem);
    assert_int_equal(mem.used, 0);
    free(before);
    free(after);
    free(given);
}

static void test_analysis(void **state) {
    (void)state;
    analysis(VQZ_RGB);
    analysis(VQZ_GRAY);
}

static void test_synthesis(void **state) {
    (void)state;
    cpu_tile whole;
    make_tile(&whole, model, PICTURE_PHOTO, WIDTH, HEIGHT, LEVEL, 0, 4);
    memcpy(whole.synthesis.latents, whole.decoded.data, PH * PW * model->C * sizeof(int16_t));
    vqz_synthesise(&whole.synthesis, PH, PW, (vqz_rect){0, 0, WIDTH, HEIGHT});
    vqz_memory mem;
    vqz_cu_model *on;
    open_device(&on, &mem, VQZ_NETS_SYNTHESIS);
    const vqz_tensor_def def = {.type = VQZ_T_S16, .channels = (uint16_t)model->C, .bound = 32768};
    const vqz_view decoded = {whole.decoded.data, PH, PW, model->C};
    const vqz_cu_view latents = to_device(&def, &decoded);
    for (unsigned layout = VQZ_GRAY; layout <= VQZ_RGBA; layout += 3) {
        uint8_t *alpha = layout == VQZ_RGBA ? make_picture(PICTURE_NOISE, WIDTH, HEIGHT, 1, 5) : NULL;
        const size_t bytes = (size_t)WIDTH * HEIGHT * layout;
        uint8_t *want = malloc(bytes), *got = calloc(bytes, 1), *samples;
        for (size_t i = layout - 1; alpha && i < bytes; i += layout) got[i] = alpha[i / layout];
        samples = upload(got, bytes);
        for (uint32_t y = 0; y < HEIGHT; y++)
            vqz_row_out(layout, whole.synthesis.out + (size_t)y * PW * VQZ_LATENT_STEP * 3, alpha ? alpha + y * WIDTH : NULL, WIDTH, want + (size_t)y * WIDTH * layout);
        vqz_cu_area area[TILES];
        for (unsigned k = 0; k < TILES; k++) area[k] = area_of(k, model->synthesis_ring, latents.data, samples, layout);
        vqz_host_seed(layout);
        run(on, VQZ_CU_SYNTHESIS, area, &mem, NULL);
        download(got, samples, bytes);
        for (size_t i = 0; i < bytes; i++)
            if (got[i] != want[i]) fail_msg("layout %u: sample %zu is %u, not %u", layout, i, got[i], want[i]);
        vqz_cu_free(samples);
        free(alpha);
        free(want);
        free(got);
    }
    vqz_cu_free(latents.data);
    vqz_cu_model_free(on, &mem);
    drop_tile(&whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_analysis), cmocka_unit_test(test_synthesis)};
    if (device_missing()) return SKIPPED;
    return cmocka_run_group_tests(tests, open_all, close_all);
}
