/* Frames whose pixels stay on the device: what its lanes do without transfers of pixels and without what the processor adds. */
#include "bench/cuda/bench.h"
#include "codec/backend.h"
#include "codec/model/model.h"
#include "format/format.h"
#include <pthread.h>
#include <stdlib.h>

const vqz_backend *vqz_backend_get(void);

typedef struct bench {
    const vqz_backend *table;
    void *device, *model;
    const picture *p;
    vqz_backend_frame frame;
    vqz_backend_payload *payload;            /* of all tiles */
    vqz_backend_order *order;
    unsigned times;
} bench;

static void *decode(void *arg) {
    const bench *b = arg;
    vqz_error e = {.text = ""};
    void *lane;
    must(b->table->lane_open(&lane, b->device, &e), &e);
    for (unsigned i = 0; i < b->times; i++) {
        must(b->table->decode_start(lane, b->model, &b->frame, VQZ_RGB, b->payload, true, &e), &e);
        must(b->table->decode_finish(lane, NULL, &e), &e);
    }
    b->table->lane_close(lane);
    return NULL;
}

static void *encode(void *arg) {
    const bench *b = arg;
    vqz_error e = {.text = ""};
    void *lane;
    vqz_backend_payload *made = calloc(b->frame.tiles, sizeof *made);
    if (!made) exit(1);
    must(b->table->lane_open(&lane, b->device, &e), &e);
    for (unsigned i = 0; i < b->times; i++) {
        must(b->table->encode_start(lane, b->model, &b->frame, b->p->rgb, VQZ_RGB, b->order, true, &e), &e);
        must(b->table->encode_finish(lane, made, &e), &e);
    }
    b->table->lane_close(lane);
    free(made);
    return NULL;
}

static void run(bench *b, const char *what, void *(*work)(void *), unsigned lanes) {
    pthread_t thread[8];
    b->times = ROUNDS(24u);
    const double begun = seconds();
    for (unsigned i = 0; i < lanes; i++) must_run(pthread_create(&thread[i], NULL, work, b));
    for (unsigned i = 0; i < lanes; i++) pthread_join(thread[i], NULL);
    const double took = seconds() - begun, pictures = (double)lanes * b->times;
    say("| %s | %u | %.1f | %.3f |\n", what, lanes, pictures / took, pictures * b->p->width * b->p->height / took * 1e-9);
}

/* The payloads of the picture, which live as long as the lane. */
static void *make_payloads(bench *b) {
    vqz_error e = {.text = ""};
    void *lane;
    must(b->table->lane_open(&lane, b->device, &e), &e);
    must(b->table->encode_start(lane, b->model, &b->frame, b->p->rgb, VQZ_RGB, b->order, true, &e), &e);
    must(b->table->encode_finish(lane, b->payload, &e), &e);
    return lane;
}

void bench_device(const picture *p, unsigned gpu) {
    enum { TILE = 512, LEVEL = 40 };
    vqz_head head = {.width = p->width, .height = p->height, .layout = VQZ_RGB, .tile_width = TILE, .tile_height = TILE};
    const vqz_grid grid = vqz_grid_of(&head);
    bench b = {.table = vqz_backend_get(), .p = p};
    vqz_backend_tile *tile = calloc((size_t)grid.nx * grid.ny, sizeof *tile);
    vqz_error e = {.text = ""};
    vqz_device_info info;
    vqz_model *m;
    b.payload = calloc((size_t)grid.nx * grid.ny, sizeof *b.payload);
    b.order = calloc((size_t)grid.nx * grid.ny, sizeof *b.order);
    if (!tile || !b.payload || !b.order) exit(1);
    must(vqz_model_builtin(&m, 0, &e), &e);
    for (uint32_t i = 0; i < grid.nx * grid.ny; i++) {
        vqz_grid_rect(&head, i % grid.nx, i / grid.nx, &tile[i].x, &tile[i].y, &tile[i].w, &tile[i].h);
        b.order[i] = (vqz_backend_order){.level = LEVEL < m->nlevels ? LEVEL : 0, .lambda = m->level[LEVEL < m->nlevels ? LEVEL : 0].lambda};
    }
    b.frame = (vqz_backend_frame){p->width, p->height, grid.nx, grid.nx * grid.ny, tile};
    must(b.table->device_open(&b.device, gpu, &info, &e), &e);
    must(b.table->model_open(&b.model, b.device, m->data, m->size, m->id, &e), &e);
    void *lane = make_payloads(&b);
    say("\n## %u x %u in tiles of %d: compressed bytes in the host's memory, decoded to RGB in the device's; encoded from the host's\n\n| what | lanes | pictures/s | GP/s |\n|---|---|---|---|\n",
        p->width, p->height, TILE);
    for (unsigned lanes = 1; lanes <= (only_checking ? 1u : 8u); lanes *= 2) {
        run(&b, "decode", decode, lanes);
        run(&b, "encode", encode, lanes);
    }
    b.table->lane_close(lane);
    b.table->model_close(b.model);
    b.table->device_close(b.device);
    vqz_model_unref(m);
    free(tile);
    free(b.payload);
    free(b.order);
}
