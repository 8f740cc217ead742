/* What tiles of a picture take on the device, stage by stage. Transfers of pixels are not counted, those of payloads are. */
#include "bench/cuda/bench.h"
#include "bench/cuda/clock.h"
#include "codec/transform.h"
#include "cuda/latents.h"
#include "cuda/transform.h"
#include <stdlib.h>

enum { SIDE = 32, MOST = 28, TIMES = 10, LEVEL = 40 };   /* positions of a tile; tiles */
enum { ANALYSIS, CODING, DECODING, SYNTHESIS, STAGES };

typedef struct bench {
    vqz_memory mem;
    vqz_model *m;
    vqz_cu_model *on;
    void *queue, *clock, *plane, *samples, *made;
    uint32_t width, height, side, across, tiles;
    vqz_cu_transform *analysis, *synthesis;
    vqz_cu_prior *coder, *decoder;
    uint64_t ns[STAGES];
} bench;

static uint32_t positions(uint32_t pixels) { return (pixels + VQZ_LATENT_STEP - 1) / VQZ_LATENT_STEP; }

static vqz_rect tile_of(const bench *b, uint32_t k) { return (vqz_rect){k % b->across * b->side, k / b->across * b->side, b->side, b->side}; }

static void make_transform(bench *b, vqz_cu_transform **t, unsigned kind, uint32_t ring, void *samples) {
    vqz_error e = {.text = ""};
    vqz_cu_area area[MOST];
    for (uint32_t k = 0; k < b->tiles; k++) {
        const vqz_rect own = tile_of(b, k), r = vqz_rect_grow(own, ring, positions(b->width), positions(b->height));
        area[k] = (vqz_cu_area){.plane = b->plane, .pitch = positions(b->width), .x = r.x, .y = r.y, .w = r.w, .h = r.h, .tile_x = own.x - r.x, .tile_y = own.y - r.y,
                                .tile_w = own.w, .tile_h = own.h, .width = b->width, .height = b->height, .layout = VQZ_RGB, .row = b->width * 3, .samples = samples};
    }
    must(vqz_cu_transform_create(t, b->on, kind, area, b->tiles, &b->mem, &e), &e);
}

static void make_prior(bench *b, vqz_cu_prior **p) {
    vqz_error e = {.text = ""};
    vqz_cu_place_of place[MOST];
    for (uint32_t k = 0; k < b->tiles; k++) {
        const vqz_rect own = tile_of(b, k);
        const size_t at = (size_t)own.y * positions(b->width) + own.x;
        place[k] = (vqz_cu_place_of){own.h, own.w, (int16_t *)b->plane + at * b->on->tables.latent_stride, positions(b->width)};
    }
    must(vqz_cu_prior_create(p, b->on, place, b->tiles, &b->mem, &e), &e);
}

static void begin(const bench *b) { must_run(bench_clock_start(b->clock, b->queue)); }

static void end(bench *b, unsigned stage) {
    uint64_t took;
    must_run(bench_clock_stop(b->clock, b->queue, &took));
    b->ns[stage] += took;
}

/* The picture forth and back. */
static void go_round(bench *b) {
    vqz_error e = {.text = ""};
    vqz_backend_order order[MOST];
    vqz_backend_payload payload[MOST];
    uint8_t *coded[MOST];
    size_t size[MOST];
    vqz_cu_decoding d;
    const uint32_t level = LEVEL < b->m->nlevels ? LEVEL : 0;
    for (uint32_t k = 0; k < b->tiles; k++) order[k] = (vqz_backend_order){.level = level, .lambda = b->m->level[level].lambda};
    begin(b);
    must(vqz_cu_transform_run(b->analysis, b->queue, &e), &e);
    end(b, ANALYSIS);
    begin(b);
    must(vqz_cu_encode_start(b->coder, order, vqz_cu_transform_hyper(b->analysis), b->queue, &e), &e);
    end(b, CODING);
    must(vqz_cu_encode_finish(b->coder, coded, size, b->queue, &e), &e);
    for (uint32_t k = 0; k < b->tiles; k++) payload[k] = (vqz_backend_payload){coded[k], size[k]};
    begin(b);
    must(vqz_cu_decode_start(&d, b->decoder, payload, b->queue, &e), &e);
    end(b, DECODING);
    must(vqz_cu_decode_finish(&d, true, b->queue, &e), &e);
    for (uint32_t k = 0; k < b->tiles; k++) {
        must(d.result[k].status, &d.result[k].error);
        vqz_free(&b->mem, coded[k]);
    }
    vqz_cu_decode_free(&d);
    begin(b);
    must(vqz_cu_transform_run(b->synthesis, b->queue, &e), &e);
    end(b, SYNTHESIS);
}

static void open_all(bench *b, const picture *p, unsigned gpu) {
    vqz_error e = {.text = ""};
    const size_t bytes = (size_t)p->width * p->height * 3;
    *b = (bench){.width = p->width, .height = p->height, .side = only_checking ? 1 : SIDE};
    b->across = p->width / (b->side * VQZ_LATENT_STEP);
    b->tiles = only_checking ? 1 : b->across * (p->height / (b->side * VQZ_LATENT_STEP));
    if (b->tiles > MOST) b->tiles = MOST;
    vqz_memory_init(&b->mem, UINT64_MAX);
    must_run(vqz_cu_use(gpu));
    must_run(vqz_cu_queue_open(&b->queue));
    must_run(bench_clock_open(&b->clock));
    must(vqz_model_builtin(&b->m, 0, &e), &e);
    must(vqz_cu_model_create(&b->on, b->m, VQZ_NETS_ANALYSIS | VQZ_NETS_CONTEXT | VQZ_NETS_SYNTHESIS, false, &b->mem, &e), &e);
    const size_t latents = (size_t)positions(p->width) * positions(p->height) * b->on->tables.latent_stride * sizeof(int16_t);
    must_run(vqz_cu_alloc(&b->plane, latents));
    must_run(vqz_cu_alloc(&b->samples, bytes));
    must_run(vqz_cu_alloc(&b->made, bytes));
    must_run(vqz_cu_clear(b->plane, latents, b->queue));
    must_run(vqz_cu_upload(b->samples, p->rgb, bytes, b->queue));
    must_run(vqz_cu_wait(b->queue));
    make_transform(b, &b->analysis, VQZ_CU_CORRECTED, VQZ_ANALYSIS_RING, b->samples);
    make_transform(b, &b->synthesis, VQZ_CU_SYNTHESIS, b->m->synthesis_ring, b->made);
    make_prior(b, &b->coder);
    make_prior(b, &b->decoder);
}

static void close_all(bench *b) {
    vqz_cu_prior_free(b->decoder);
    vqz_cu_prior_free(b->coder);
    vqz_cu_transform_free(b->synthesis);
    vqz_cu_transform_free(b->analysis);
    vqz_cu_free(b->made);
    vqz_cu_free(b->samples);
    vqz_cu_free(b->plane);
    vqz_cu_model_free(b->on, &b->mem);
    vqz_model_unref(b->m);
    bench_clock_close(b->clock);
    vqz_cu_queue_close(b->queue);
}

void bench_stages(const picture *p, unsigned gpu) {
    static const char *const name[STAGES] = {"analysis, with its correction", "contexts, choice of codewords, rANS", "rANS, contexts, hash", "synthesis, colour"};
    bench b;
    open_all(&b, p, gpu);
    go_round(&b);                            /* records, and is not counted */
    for (unsigned i = 0; i < STAGES; i++) b.ns[i] = 0;
    const unsigned times = ROUNDS(TIMES);
    for (unsigned k = 0; k < times; k++) go_round(&b);
    say("\n## Stages, %u tiles of %u x %u at once\n\n| | stage | ms | GP/s |\n|---|---|---|---|\n", b.tiles, b.side * VQZ_LATENT_STEP, b.side * VQZ_LATENT_STEP);
    for (unsigned i = 0; i < STAGES; i++) {
        const double ns = (double)b.ns[i] / times, pixels = (double)b.tiles * b.side * b.side * VQZ_LATENT_STEP * VQZ_LATENT_STEP;
        say("| %s | %s | %.3f | %.3f |\n", i <= CODING ? "encode" : "decode", name[i], ns * 1e-6, pixels / ns);
    }
    close_all(&b);
}
