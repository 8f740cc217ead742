/* bench [SIDE [TILES]]   Times the device on TILES tiles of SIDE x SIDE pixels of a generated picture: payloads -> latents, latents -> pixels, pixels -> latents,
 * latents -> payloads; after a first round that is not counted, the best of five. The latents decoded are compared with the processor's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>
#include "cuda/tests/tile.h"
#include "cuda/transform.h"

enum { ROUNDS = 6, LEVEL = 30 };

typedef struct bench {
    unsigned side, tiles;
    vqz_model *model;
    cpu_tile cpu;
    vqz_memory mem;
    vqz_cu_model *on;
    vqz_cu_prior *prior;
    vqz_cu_transform *synthesis, *analysis;
    vqz_backend_payload *payload;
    vqz_backend_order *order;
    int16_t *plane;
    uint8_t *samples;
    void *queue;
} bench;

static uint64_t microseconds(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void set_up(bench *b) {
    vqz_error e = {0};
    const size_t stride = b->on->tables.latent_stride, latents = (size_t)b->cpu.h * b->cpu.w * stride, bytes = (size_t)b->side * b->side * 3;
    vqz_cu_place_of *place = calloc(b->tiles, sizeof *place);
    vqz_cu_area *area = calloc(b->tiles, sizeof *area);
    b->payload = calloc(b->tiles, sizeof *b->payload);
    b->order = calloc(b->tiles, sizeof *b->order);
    assert_true(place && area && b->payload && b->order);
    assert_int_equal(vqz_cu_alloc((void **)&b->plane, b->tiles * latents * sizeof *b->plane), 0);
    assert_int_equal(vqz_cu_alloc((void **)&b->samples, b->tiles * bytes), 0);
    for (unsigned k = 0; k < b->tiles; k++) {
        int16_t *plane = b->plane + k * latents;
        place[k] = (vqz_cu_place_of){b->cpu.h, b->cpu.w, plane, b->cpu.w};
        area[k] = (vqz_cu_area){.plane = plane, .pitch = b->cpu.w, .w = b->cpu.w, .h = b->cpu.h, .tile_w = b->cpu.w, .tile_h = b->cpu.h, .width = b->side,
                                .height = b->side, .layout = 3, .row = b->side * 3, .samples = b->samples + k * bytes};
        b->payload[k] = (vqz_backend_payload){b->cpu.payload, b->cpu.size};
        b->order[k] = (vqz_backend_order){.level = LEVEL, .lambda = b->model->level[LEVEL].lambda};
    }
    must(vqz_cu_prior_create(&b->prior, b->on, place, b->tiles, &b->mem, &e), &e);
    must(vqz_cu_transform_create(&b->synthesis, b->on, VQZ_CU_SYNTHESIS, area, b->tiles, &b->mem, &e), &e);
    must(vqz_cu_transform_create(&b->analysis, b->on, VQZ_CU_ANALYSIS, area, b->tiles, &b->mem, &e), &e);
    free(place);
    free(area);
}

static void decode(bench *b) {
    vqz_cu_decoding d;
    vqz_error e = {0};
    must(vqz_cu_decode_start(&d, b->prior, b->payload, b->queue, &e), &e);
    must(vqz_cu_decode_finish(&d, true, b->queue, &e), &e);
    for (unsigned k = 0; k < b->tiles; k++) must(d.result[k].status, &d.result[k].error);
    vqz_cu_decode_free(&d);
}

static void transform(bench *b, vqz_cu_transform *t) {
    vqz_error e = {0};
    must(vqz_cu_transform_run(t, b->queue, &e), &e);
    must(vqz_cu_check(vqz_cu_wait(b->queue), "transform", &e), &e);
}

static void encode(bench *b) {
    vqz_error e = {0};
    uint8_t **payload = calloc(b->tiles, sizeof *payload);
    size_t *size = calloc(b->tiles, sizeof *size);
    assert_true(payload && size);
    must(vqz_cu_encode_start(b->prior, b->order, vqz_cu_transform_hyper(b->analysis), b->queue, &e), &e);
    must(vqz_cu_encode_finish(b->prior, payload, size, b->queue, &e), &e);
    for (unsigned k = 0; k < b->tiles; k++) vqz_free(&b->mem, payload[k]);
    free(payload);
    free(size);
}

static void measure(bench *b) {
    static const char *const names[] = {"payloads -> latents", "latents -> pixels", "pixels -> latents", "latents -> payloads"};
    uint64_t best[4] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned part = 0; part < 4; part++) {
            const uint64_t begun = microseconds();
            if (part == 0) decode(b);
            else if (part == 1) transform(b, b->synthesis);
            else if (part == 2) transform(b, b->analysis);
            else encode(b);
            const uint64_t took = microseconds() - begun;
            if (round && took < best[part]) best[part] = took;
        }
    const uint64_t pixels = (uint64_t)b->side * b->side * b->tiles;
    printf("%u tiles of %u x %u\n", b->tiles, b->side, b->side);
    for (unsigned part = 0; part < 4; part++)
        printf("%-20s %8llu us  %8llu pixels/us\n", names[part], (unsigned long long)best[part], (unsigned long long)(pixels / (best[part] ? best[part] : 1)));
}

static void run(void **state) {
    bench *b = *state;
    vqz_error e = {0};
    uint8_t *data;
    vqz_cu_device device;
    b->model = open_model(&data);
    make_tile(&b->cpu, b->model, PICTURE_PHOTO, b->side, b->side, LEVEL, 0, 4);
    must(vqz_cu_check(vqz_cu_describe(0, &device), "the device", &e), &e);
    printf("%s, compute capability %u.%u\n", device.name, device.major, device.minor);
    vqz_memory_init(&b->mem, (uint64_t)1 << 34);
    must(vqz_cu_check(vqz_cu_queue_open(&b->queue), "a queue", &e), &e);
    must(vqz_cu_model_create(&b->on, b->model, VQZ_NETS_ANALYSIS | VQZ_NETS_CONTEXT | VQZ_NETS_SYNTHESIS, false, &b->mem, &e), &e);
    set_up(b);
    decode(b);
    const vqz_tensor_def def = {.type = VQZ_T_S16, .channels = (uint16_t)b->model->C, .bound = 32768};
    const vqz_cu_view got = {b->plane, b->cpu.h, b->cpu.w, b->on->tables.latent_stride, 0};
    const vqz_view want = {b->cpu.decoded.data, b->cpu.h, b->cpu.w, b->model->C};
    assert_int_equal(differs(&def, &got, &want), -1);
    measure(b);
    vqz_cu_transform_free(b->synthesis);
    vqz_cu_transform_free(b->analysis);
    vqz_cu_prior_free(b->prior);
    vqz_cu_model_free(b->on, &b->mem);
    vqz_cu_queue_close(b->queue);
    vqz_cu_free(b->plane);
    vqz_cu_free(b->samples);
    free(b->payload);
    free(b->order);
    drop_tile(&b->cpu);
    vqz_model_unref(b->model);
    free(data);
}

int main(int argc, char **argv) {
    bench b = {.side = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 512, .tiles = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 16};
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(run, &b)};
    if (device_missing()) return SKIPPED;
    return b.side && b.tiles ? cmocka_run_group_tests(tests, NULL, NULL) : 2;
}
