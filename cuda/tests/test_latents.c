/* Latents of whole tiles: what the device decodes is what the processor has coded, and damaged payloads end in the same errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "codec/masking.h"
#include "cuda/tests/tile.h"

enum { TILES = 4 };
static vqz_model *model;
static uint8_t *model_data;
static const uint32_t level_of[TILES] = {20, 60, 0, 45};
static cpu_tile tile[TILES];

static int open_tiles(void **state) {
    (void)state;
    model = open_model(&model_data);
    make_tile(&tile[0], model, PICTURE_PHOTO, 75, 60, level_of[0], 8, 1);
    make_tile(&tile[1], model, PICTURE_NOISE, 96, 112, level_of[1], 8, 2);      /* escapes, scalar codebooks, raw bits, enough for four lanes */
    make_tile(&tile[2], model, PICTURE_FLAT, 16, 16, level_of[2], 4, 3);         /* one position, slices left out */
    make_tile(&tile[3], model, PICTURE_CHECKER, 112, 17, level_of[3], 4, 4);
    return 0;
}

static int close_tiles(void **state) {
    (void)state;
    for (unsigned k = 0; k < TILES; k++) drop_tile(&tile[k]);
    vqz_model_unref(model);
    free(model_data);
    return 0;
}

/* The device's tiles, in planes of their own, wider than the tiles. */
typedef struct device {
    vqz_memory mem;
    vqz_cu_model *model;
    vqz_cu_prior *prior;
    vqz_cu_place_of place[TILES];
    void *plane[TILES];
} device;

enum { GAP = 3 };                            /* positions beside a tile */

static void open_device(device *d, unsigned roles) {
    vqz_error e = {0};
    vqz_memory_init(&d->mem, 1 << 28);
    must(vqz_cu_model_create(&d->model, model, roles, false, &d->mem, &e), &e);
    for (unsigned k = 0; k < TILES; k++) {
        const uint32_t pitch = tile[k].w + GAP;
        assert_int_equal(vqz_cu_alloc(&d->plane[k], (size_t)tile[k].h * pitch * d->model->tables.latent_stride * sizeof(int16_t)), 0);
        d->place[k] = (vqz_cu_place_of){tile[k].h, tile[k].w, d->plane[k], pitch};
    }
    must(vqz_cu_prior_create(&d->prior, d->model, d->place, TILES, &d->mem, &e), &e);
}

static void close_device(device *d) {
    vqz_cu_prior_free(d->prior);
    for (unsigned k = 0; k < TILES; k++) vqz_cu_free(d->plane[k]);
    vqz_cu_model_free(d->model, &d->mem);
    assert_int_equal(d->mem.used, 0);
}

static void same_latents(const device *d, unsigned k, const vqz_latents *want, const char *what) {
    const size_t stride = d->model->tables.latent_stride;
    int16_t *row = malloc(tile[k].w * stride * sizeof *row);
    assert_non_null(row);
    for (uint32_t y = 0; y < tile[k].h; y++) {
        assert_int_equal(vqz_cu_download(row, (int16_t *)d->plane[k] + y * d->place[k].pitch * stride, tile[k].w * stride * sizeof *row, NULL), 0);
        assert_int_equal(vqz_cu_wait(NULL), 0);
        for (uint32_t x = 0; x < tile[k].w; x++)
            for (uint32_t c = 0; c < model->C; c++) {
                const int16_t got = row[x * stride + c], ref = want->data[((size_t)y * want->stride + x) * model->C + c];
                if (got != ref) fail_msg("%s: tile %u: latent %u of (%u, %u) is %d, not %d", what, k, c, x, y, got, ref);
            }
    }
    free(row);
}

static void decode(device *d, const vqz_cu_payload *payload, vqz_cu_decoding *to) {
    vqz_error e = {0};
    must(vqz_cu_decode_start(to, d->prior, payload, NULL, &e), &e);
    must(vqz_cu_decode_finish(to, true, NULL, &e), &e);
}

static void test_decode(void **state) {
    (void)state;
    device d;
    vqz_cu_decoding got;
    vqz_cu_payload payload[TILES];
    open_device(&d, VQZ_NETS_CONTEXT);
    for (unsigned round = 0; round < 2; round++) {       /* the second time with other lanes, in memory that the first has used */
        vqz_host_seed(5 + round);
        for (unsigned k = 0; k < TILES; k++)
            payload[k] = round ? (vqz_cu_payload){tile[k].recoded, tile[k].recoded_size} : (vqz_cu_payload){tile[k].payload, tile[k].size};
        decode(&d, payload, &got);
        for (unsigned k = 0; k < TILES; k++) {
            if (got.result[k].status != VQZ_OK) fail_msg("tile %u: %s", k, got.result[k].error.text);
            same_latents(&d, k, &tile[k].decoded, "decoding");
        }
        vqz_cu_decode_free(&got);
    }
    close_device(&d);
}

/* The tiles make use of all that payloads may hold. */
static void test_variety(void **state) {
    (void)state;
    unsigned lanes = 0, biases = 0, masked = 0, raw = 0;
    for (unsigned k = 0; k < TILES; k++) {
        vqz_latent_head h;
        vqz_error e = {0};
        vqz_reader r = vqz_reader_of(tile[k].payload, tile[k].size);
        must(vqz_latent_head_read(&h, model, &r, &e), &e);
        lanes |= h.lanes;
        for (uint32_t i = 0; i < model->S; i++) biases += h.bias[i] != 0;
        masked += h.mask != (1u << model->S) - 1;
        raw += vqz_reader_left(&r) > 2 * (size_t)h.words;
    }
    assert_int_equal(lanes, 1 | 4);
    assert_true(biases > 0 && masked > 0 && raw > 0);
}

/* Any damage: the status that the processor gives, and the other tiles are as they were. */
static void test_damage(void **state) {
    (void)state;
    device d;
    uint32_t x = 99;
    unsigned statuses = 0;
    open_device(&d, VQZ_NETS_CONTEXT);
    for (unsigned round = 0; round < 5; round++) {
        vqz_cu_payload payload[TILES];
        uint8_t *copy[TILES];
        vqz_cu_decoding got;
        for (unsigned k = 0; k < TILES; k++) {
            payload[k] = (vqz_cu_payload){copy[k] = malloc(tile[k].size), tile[k].size};
            memcpy(copy[k], tile[k].payload, tile[k].size);
            if (k == round % TILES) continue;            /* one stays whole */
            for (unsigned n = 0; n < 1 + round % 3; n++) copy[k][test_random(&x) % tile[k].size] ^= (uint8_t)(1 << test_random(&x) % 8);
            if (round % 4 == 2) payload[k].size = test_random(&x) % tile[k].size;
        }
        decode(&d, payload, &got);
        for (unsigned k = 0; k < TILES; k++) {
            vqz_latents out = {.stride = tile[k].w, .data = malloc((size_t)tile[k].h * tile[k].w * model->C * sizeof(int16_t))};
            vqz_error e = {0};
            const vqz_status want = vqz_latent_decode(&tile[k].prior, payload[k].data, payload[k].size, &out, true, NULL, &e);
            if (got.result[k].status != want) fail_msg("round %u, tile %u: %d (%s), not %d (%s)", round, k, got.result[k].status, got.result[k].error.text, want, e.text);
            if (want == VQZ_OK) same_latents(&d, k, &out, "beside damage");
            statuses |= 1u << want;
            free(out.data);
            free(copy[k]);
        }
        vqz_cu_decode_free(&got);
    }
    assert_int_equal(statuses, 1u << VQZ_OK | 1u << VQZ_ERR_CORRUPT | 1u << VQZ_ERR_HASH);
    close_device(&d);
}

/* The device's payloads have the processor's bytes, and it then holds the same latents. */
static void test_encode(void **state) {
    (void)state;
    device d;
    vqz_error e = {0};
    vqz_cu_coding coding;
    vqz_cu_order order[TILES];
    vqz_cu_view hyper[TILES];
    void *views;
    uint8_t *payload[TILES];
    size_t size[TILES];
    const vqz_tensor_def def = {.type = VQZ_T_S16, .channels = (uint16_t)model->Z, .bound = 32768};
    open_device(&d, VQZ_NETS_CONTEXT);
    const size_t stride = d.model->tables.latent_stride;
    for (unsigned k = 0; k < TILES; k++) {
        const cpu_tile *t = &tile[k];
        const vqz_view made = {t->analysis.hyper, t->prior.zh, t->prior.zw, model->Z};
        for (uint32_t y = 0; y < t->h; y++)
            for (uint32_t x = 0; x < t->w; x++)
                assert_int_equal(vqz_cu_upload((int16_t *)d.plane[k] + (y * d.place[k].pitch + x) * stride, t->analysed.data + (y * t->w + x) * model->C, model->C * 2, NULL), 0);
        hyper[k] = to_device(&def, &made);
        order[k] = (vqz_cu_order){.level = level_of[k], .lambda = model->level[level_of[k]].lambda};
    }
    must(vqz_cu_place(&views, hyper, sizeof hyper, "views", &e), &e);
    vqz_host_seed(11);
    must(vqz_cu_encode_start(&coding, d.prior, order, views, NULL, &e), &e);
    must(vqz_cu_encode_finish(&coding, payload, size, NULL, &e), &e);
    for (unsigned k = 0; k < TILES; k++) {
        same_latents(&d, k, &tile[k].decoded, "coding");
        if (size[k] != tile[k].size) fail_msg("tile %u: %zu bytes, not %zu", k, size[k], tile[k].size);
        for (size_t i = 0; i < size[k]; i++)
            if (payload[k][i] != tile[k].payload[i]) fail_msg("tile %u: byte %zu of %zu differs", k, i, size[k]);
        vqz_free(&d.mem, payload[k]);
        vqz_cu_free(hyper[k].data);
    }
    vqz_cu_free(views);
    vqz_cu_encode_free(&coding);
    close_device(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_variety), cmocka_unit_test(test_decode), cmocka_unit_test(test_damage), cmocka_unit_test(test_encode)};
    return cmocka_run_group_tests(tests, open_tiles, close_tiles);
}
