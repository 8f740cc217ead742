/* Latents of whole tiles: what the device decodes is what the processor has coded, and damaged payloads end in the same errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "cuda/tests/tile.h"

enum { TILES = 4 };
static vqz_model *model;
static uint8_t *model_data;
static cpu_tile tile[TILES];

static int open_tiles(void **state) {
    (void)state;
    model = open_model(&model_data);
    make_tile(&tile[0], model, PICTURE_PHOTO, 75, 60, 20, 0, 8);
    make_tile(&tile[1], model, PICTURE_NOISE, 96, 112, model->nlevels - 1, 0, 8);        /* escapes, scalar codebooks, raw bits, enough for four lanes */
    make_tile(&tile[2], model, PICTURE_FLAT, 16, 16, 0, 0, 4);       /* one position, slices left out */
    make_tile(&tile[3], model, PICTURE_CHECKER, 112, 40, 45, 3, 4);  /* steps, as far as the table goes */
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
    unsigned first, tiles;                   /* of `tile` */
} device;

enum { GAP = 3 };                            /* positions beside a tile */

static void open_device(device *d, unsigned first, unsigned tiles) {
    vqz_error e = {0};
    d->first = first;
    d->tiles = tiles;
    vqz_memory_init(&d->mem, 1 << 28);
    must(vqz_cu_model_create(&d->model, model, VQZ_NETS_CONTEXT, false, &d->mem, &e), &e);
    for (unsigned k = 0; k < tiles; k++) {
        const cpu_tile *t = &tile[first + k];
        const uint32_t pitch = t->w + GAP;
        assert_int_equal(vqz_cu_alloc(&d->plane[k], (size_t)t->h * pitch * d->model->tables.latent_stride * sizeof(int16_t)), 0);
        d->place[k] = (vqz_cu_place_of){t->h, t->w, d->plane[k], pitch};
    }
    must(vqz_cu_prior_create(&d->prior, d->model, d->place, tiles, &d->mem, &e), &e);
}

static void close_device(device *d) {
    vqz_cu_prior_free(d->prior);
    for (unsigned k = 0; k < d->tiles; k++) vqz_cu_free(d->plane[k]);
    vqz_cu_model_free(d->model, &d->mem);
    assert_int_equal(d->mem.used, 0);
}

/* What the k-th tile's plane holds; -1: `want`, else the first latent that differs: position * C + channel. */
static int64_t differs_from(const device *d, unsigned k, const vqz_latents *want) {
    const size_t stride = d->model->tables.latent_stride;
    const vqz_cu_place_of *p = &d->place[k];
    int16_t *row = malloc(p->w * stride * sizeof *row);
    int64_t at = -1;
    assert_non_null(row);
    for (uint32_t y = 0; y < p->h; y++) {
        download(row, p->latents + y * p->pitch * stride, p->w * stride * sizeof *row);
        for (uint32_t x = 0; x < p->w && at < 0; x++)
            for (uint32_t c = 0; c < model->C && at < 0; c++)
                if (row[x * stride + c] != want->data[((size_t)y * want->stride + x) * model->C + c]) at = ((int64_t)y * p->w + x) * model->C + c;
    }
    free(row);
    return at;
}

static void same_latents(const device *d, unsigned k, const vqz_latents *want, const char *what) {
    const int64_t at = differs_from(d, k, want);
    if (at >= 0) fail_msg("%s: tile %u: latent %d of position %d differs", what, k, (int)(at % model->C), (int)(at / model->C));
}

static void decode(device *d, const vqz_backend_payload *payload, vqz_cu_decoding *to) {
    vqz_error e = {0};
    must(vqz_cu_decode_start(to, d->prior, payload, NULL, &e), &e);
    must(vqz_cu_decode_finish(to, true, NULL, &e), &e);
}

static void test_decode(void **state) {
    (void)state;
    device d;
    vqz_cu_decoding got;
    vqz_backend_payload payload[TILES];
    open_device(&d, 0, TILES);
    for (unsigned round = 0; round < 2; round++) {       /* the second time with other lanes, in memory that the first has used */
        vqz_host_seed(5 + round);
        for (unsigned k = 0; k < TILES; k++)
            payload[k] = round ? (vqz_backend_payload){tile[k].recoded, tile[k].recoded_size} : (vqz_backend_payload){tile[k].payload, tile[k].size};
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
    unsigned lanes = 0, biases = 0, masked = 0, raw = 0, steps = 0;
    for (unsigned k = 0; k < TILES; k++) {
        vqz_latent_head h;
        vqz_error e = {0};
        vqz_reader r = vqz_reader_of(tile[k].payload, tile[k].size);
        must(vqz_latent_head_read(&h, model, &r, &e), &e);
        lanes |= h.lanes;
        for (uint32_t i = 0; i < model->S; i++) biases += h.bias[i] != 0;
        masked += h.mask != (1u << model->S) - 1;
        raw += vqz_reader_left(&r) > 2 * (size_t)h.words;
        steps += tile[k].nfront;
    }
    assert_int_equal(lanes, 1 | 4);
    assert_true(biases > 0 && masked > 0 && raw > 0 && steps > 20);
}

/* Any damage: the status that the processor gives, and the other tile is as it was. */
static void test_damage(void **state) {
    (void)state;
    enum { FIRST = 2, PAIR = 2 };
    device d;
    uint32_t x = 99;
    unsigned statuses = 0;
    open_device(&d, FIRST, PAIR);
    for (unsigned round = 0; round < 6; round++) {
        vqz_backend_payload payload[PAIR];
        uint8_t *copy[PAIR];
        vqz_cu_decoding got;
        for (unsigned k = 0; k < PAIR; k++) {
            const cpu_tile *t = &tile[FIRST + k];
            payload[k] = (vqz_backend_payload){copy[k] = malloc(t->size), t->size};
            memcpy(copy[k], t->payload, t->size);
            if (round % 3 == k) continue;                /* in most rounds one stays whole */
            for (unsigned n = 0; n < 1 + round % 3; n++) copy[k][test_random(&x) % t->size] ^= (uint8_t)(1 << test_random(&x) % 8);
            if (round == 5) payload[k].size = test_random(&x) % t->size;
        }
        decode(&d, payload, &got);
        for (unsigned k = 0; k < PAIR; k++) {
            cpu_tile *t = &tile[FIRST + k];
            vqz_latents out = {.stride = t->w, .data = malloc((size_t)t->h * t->w * model->C * sizeof(int16_t))};
            vqz_error e = {0};
            const vqz_status want = vqz_latent_decode(&t->prior, payload[k].data, payload[k].size, &out, true, NULL, &e);
            if (got.result[k].status != want) fail_msg("round %u, tile %u: %d (%s), not %d (%s)", round, k, got.result[k].status, got.result[k].error.text, want, e.text);
            if (want == VQZ_OK) same_latents(&d, k, &out, "beside damage");
            statuses |= 1u << want;
            free(out.data);
            free(copy[k]);
        }
        vqz_cu_decode_free(&got);
    }
    assert_int_equal(statuses & ~(1u << VQZ_ERR_HASH), 1u << VQZ_OK | 1u << VQZ_ERR_CORRUPT);
    close_device(&d);
}

/* Codes the device's tiles from what analysis has made of them. payload[k] is NULL where that fails. */
static vqz_status encode(device *d, uint8_t **payload, size_t *size) {
    vqz_error e = {0};
    vqz_backend_order order[TILES];
    vqz_cu_view hyper[TILES];
    void *views;
    const vqz_tensor_def def = {.type = VQZ_T_S16, .channels = (uint16_t)model->Z, .bound = 32768};
    const size_t stride = d->model->tables.latent_stride;
    for (unsigned k = 0; k < d->tiles; k++) {
        const cpu_tile *t = &tile[d->first + k];
        const vqz_view made = {t->analysis.hyper, t->prior.zh, t->prior.zw, model->Z};
        for (uint32_t y = 0; y < t->h; y++)
            for (uint32_t x = 0; x < t->w; x++)
                assert_int_equal(vqz_cu_upload((int16_t *)d->plane[k] + (y * d->place[k].pitch + x) * stride, t->analysed.data + (y * t->w + x) * model->C, model->C * 2, NULL), 0);
        hyper[k] = to_device(&def, &made);
        order[k] = (vqz_backend_order){.level = t->level, .lambda = model->level[t->level].lambda, .unit = t->unit, .rows = t->prior.rows, .front = t->front, .nfront = t->nfront};
        payload[k] = NULL;
    }
    must(vqz_cu_place(&views, hyper, d->tiles * sizeof *hyper, "views", &e), &e);
    vqz_status s = vqz_cu_encode_start(d->prior, order, views, NULL, &e);
    if (s == VQZ_OK) s = vqz_cu_encode_finish(d->prior, payload, size, NULL, &e);
    for (unsigned k = 0; k < d->tiles; k++) vqz_cu_free(hyper[k].data);
    vqz_cu_free(views);
    return s;
}

/* The device's payloads have the processor's bytes, and it then holds the same latents. */
static void test_encode(void **state) {
    (void)state;
    device d;
    uint8_t *payload[TILES] = {NULL};
    size_t size[TILES] = {0};
    open_device(&d, 0, TILES);
    vqz_host_seed(11);
    assert_int_equal(encode(&d, payload, size), VQZ_OK);
    for (unsigned k = 0; k < TILES; k++) {
        same_latents(&d, k, &tile[k].decoded, "coding");
        if (size[k] != tile[k].size) fail_msg("tile %u: %zu bytes, not %zu", k, size[k], tile[k].size);
        for (size_t i = 0; i < size[k]; i++)
            if (payload[k][i] != tile[k].payload[i]) fail_msg("tile %u: byte %zu of %zu differs", k, i, size[k]);
        vqz_free(&d.mem, payload[k]);
    }
    close_device(&d);
}

#ifndef VQZ_CUDA_HARDWARE
/* Decodes or codes tile 3 wrongly, or with an objection. */
static bool goes_wrong(device *d, bool coding) {
    uint8_t *payload = NULL;
    size_t size = 0;
    vqz_error e = {0};
    if (coding) {
        const bool wrong = encode(d, &payload, &size) != VQZ_OK || size != tile[3].size || memcmp(payload, tile[3].payload, size) != 0;
        vqz_free(&d->mem, payload);
        return wrong;
    }
    vqz_cu_decoding got;
    const vqz_backend_payload in = {tile[3].recoded, tile[3].recoded_size};
    const bool wrong = vqz_cu_decode_start(&got, d->prior, &in, NULL, &e) != VQZ_OK || vqz_cu_decode_finish(&got, true, NULL, &e) != VQZ_OK ||
                       got.result[0].status != VQZ_OK || differs_from(d, 0, &tile[3].decoded) >= 0;
    vqz_cu_decode_free(&got);
    return wrong;
}

/* Without any one of the barriers in the kernels of the streams it does. (Those of layers: test_layers.c.) */
static void test_order(void **state) {
    (void)state;
    device d;
    unsigned caught = 0;
    open_device(&d, 3, 1);
    assert_false(goes_wrong(&d, false));
    assert_false(goes_wrong(&d, true));
    for (unsigned s = 0; s < vqz_host_sites(); s++) {
        const bool coding = strstr(vqz_host_site(s), "rans.cu");
        if (!coding && !strstr(vqz_host_site(s), "decode.cu")) continue;
        vqz_host_drop(s);
        const bool wrong = goes_wrong(&d, coding);
        vqz_host_drop(VQZ_HOST_NONE);
        if (!wrong) fail_msg("nothing noticed that %s was missing", vqz_host_site(s));
        caught++;
    }
    print_message("%u mutants, all noticed\n", caught);
    assert_true(caught >= 6);
    close_device(&d);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_variety), cmocka_unit_test(test_decode), cmocka_unit_test(test_damage), cmocka_unit_test(test_encode),
#ifndef VQZ_CUDA_HARDWARE
        cmocka_unit_test(test_order),
#endif
    };
    if (device_missing()) return SKIPPED;
    return cmocka_run_group_tests(tests, open_tiles, close_tiles);
}
