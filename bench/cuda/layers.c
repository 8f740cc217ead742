/* Each layer of the built-in model's networks over a batch of tiles, beside the rate that tensor cores reach on their own. What is in the tensors does not matter. */
#include "bench/cuda/bench.h"
#include "bench/cuda/clock.h"
#include "cuda/prior.h"
#include "cuda/transform.h"
#include <stdio.h>
#include <stdlib.h>

enum { SIDE = 32, TILES = 16, TIMES = 10 };  /* tiles of 512 x 512 pixels */

typedef struct bench {
    vqz_memory mem;
    vqz_model *m;
    vqz_cu_model *on;
    void *queue, *clock;
    double peak;                             /* operations per second */
} bench;

void must_run(int error) {
    if (!error) return;
    fprintf(stderr, "bench_cuda: %s\n", vqz_cu_error_text(error));
    exit(1);
}

/* Nanoseconds of one of TIMES runs, behind one that is not counted. */
static double time_layer(const bench *b, const vqz_cu_plan *plan, unsigned i) {
    const vqz_layer_def *l = &plan->net->net->layers[i].def;
    const vqz_cu_view *views = plan->views;
    const vqz_cu_job job = {.layer = plan->net->layer[i], .in = views + (size_t)l->src * plan->items, .out = views + (size_t)l->dst * plan->items,
                            .addend = l->add == VQZ_NO_TENSOR ? NULL : views + (size_t)l->add * plan->items};
    uint64_t took;
    const unsigned times = ROUNDS(TIMES);
    for (unsigned k = 0; k <= times; k++) {
        if (k == 1) must_run(bench_clock_start(b->clock, b->queue));
        must_run(l->op == VQZ_OP_CONV ? vqz_cu_conv(&job, plan->items, plan->positions[i], b->queue) : vqz_cu_requant(&job, plan->items, plan->positions[i], b->queue));
    }
    must_run(bench_clock_stop(b->clock, b->queue, &took));
    return (double)took / times;
}

static void time_plan(const bench *b, const char *name, const vqz_cu_plan *plan) {
    if (!plan->net) return;
    for (unsigned i = 0; i < plan->net->net->nlayers; i++) {
        const vqz_layer_def *l = &plan->net->net->layers[i].def;
        const double ns = time_layer(b, plan, i), macs = l->op == VQZ_OP_CONV ? (double)l->cin * l->cout * l->k * l->k * plan->positions[i] * plan->items : 0;
        const bool wide = plan->net->layer[i].in16;
        say("| %s | %u | %s %ux%u%s, %u to %u | %.1f | %.2f | %.1f %% |\n", name, i, l->op == VQZ_OP_CONV ? wide ? "16-bit" : "8-bit" : "requantize", l->k, l->k,
            l->stride > 1 ? " in steps" : "", l->cin, l->cout, ns * 1e-3, 2 * macs / ns * 1e-3, 200 * macs / ns * 1e9 / b->peak * (wide ? 4 : 1));
    }
}

static void time_peak(bench *b, unsigned gpu) {
    void *room;
    uint64_t operations, took;
    must_run(vqz_cu_alloc(&room, sizeof(uint32_t)));
    must_run(bench_peak(gpu, 8, room, b->queue, &operations));
    must_run(bench_clock_start(b->clock, b->queue));
    must_run(bench_peak(gpu, only_checking ? 2 : 20000, room, b->queue, &operations));
    must_run(bench_clock_stop(b->clock, b->queue, &took));
    b->peak = (double)operations * 1e9 / (double)took;
    vqz_cu_free(room);
    say("\n## Layers over %d tiles of %d x %d pixels\n\nmma.sync m16n8k32 on bytes in registers: %.1f TOP/s, which is the 100 %% below. A 16-bit product counts as four of bytes in the share, "
        "as one in TOP/s.\n",
        TILES, SIDE * VQZ_LATENT_STEP, SIDE * VQZ_LATENT_STEP, b->peak * 1e-12);
}

static void time_networks(bench *b) {
    vqz_error e = {.text = ""};
    const uint32_t side = only_checking ? 1 : SIDE, tiles = only_checking ? 1 : TILES;
    const size_t latents = (size_t)side * side * b->on->tables.latent_stride, bytes = (size_t)side * side * VQZ_LATENT_STEP * VQZ_LATENT_STEP * 3;
    vqz_cu_place_of place[TILES];
    vqz_cu_area area[TILES];
    void *plane, *samples;
    must_run(vqz_cu_alloc(&plane, tiles * latents * sizeof(int16_t)));
    must_run(vqz_cu_alloc(&samples, tiles * bytes));
    for (unsigned k = 0; k < tiles; k++) {
        int16_t *own = (int16_t *)plane + k * latents;
        place[k] = (vqz_cu_place_of){side, side, own, side};
        area[k] = (vqz_cu_area){.plane = own, .pitch = side, .w = side, .h = side, .tile_w = side, .tile_h = side, .width = side * VQZ_LATENT_STEP,
                                .height = side * VQZ_LATENT_STEP, .layout = 3, .row = side * VQZ_LATENT_STEP * 3, .samples = (uint8_t *)samples + k * bytes};
    }
    vqz_cu_prior *p;
    vqz_cu_transform *t;
    must(vqz_cu_prior_create(&p, b->on, place, tiles, &b->mem, &e), &e);
    must(vqz_cu_transform_create(&t, b->on, VQZ_CU_CORRECTED, area, tiles, &b->mem, &e), &e);
    time_plan(b, "latents as seen", &t->scaled);
    time_plan(b, "synthesis, linear", &t->linear);
    time_plan(b, "synthesis", &t->synthesis);
    time_plan(b, "analysis, linear", &t->analysis_linear);
    time_plan(b, "analysis", &t->analysis);
    time_plan(b, "hyper-analysis", &t->hyper);
    time_plan(b, "hyper-synthesis", &p->hyper);
    for (uint32_t i = 0; i < b->m->S; i++) {
        char name[32];
        snprintf(name, sizeof name, "slice %u, trunk", i);
        time_plan(b, name, &p->slice[i].trunk);
        snprintf(name, sizeof name, "slice %u, first", i);
        time_plan(b, name, &p->slice[i].first);
        snprintf(name, sizeof name, "slice %u, second", i);
        time_plan(b, name, &p->slice[i].second);
        snprintf(name, sizeof name, "slice %u, heads", i);
        time_plan(b, name, &p->slice[i].heads[0]);
    }
    vqz_cu_transform_free(t);
    vqz_cu_prior_free(p);
    vqz_cu_free(plane);
    vqz_cu_free(samples);
}

static void time_kind(bench *b, bool dots) {
    vqz_error e = {.text = ""};
    say("\n%s| network | layer | what | us | TOP/s | share |\n|---|---|---|---|---|---|\n", dots ? "The same by dp4a:\n\n" : "");
    must(vqz_cu_model_create(&b->on, b->m, VQZ_NETS_ANALYSIS | VQZ_NETS_CONTEXT | VQZ_NETS_SYNTHESIS, dots, &b->mem, &e), &e);
    time_networks(b);
    vqz_cu_model_free(b->on, &b->mem);
}

void bench_layers(unsigned gpu) {
    bench b = {.clock = NULL};
    vqz_error e = {.text = ""};
    vqz_memory_init(&b.mem, UINT64_MAX);
    must_run(vqz_cu_use(gpu));
    must_run(vqz_cu_queue_open(&b.queue));
    must_run(bench_clock_open(&b.clock));
    must(vqz_model_builtin(&b.m, 0, &e), &e);
    time_peak(&b, gpu);
    time_kind(&b, false);
    time_kind(&b, true);
    vqz_model_unref(b.m);
    bench_clock_close(b.clock);
    vqz_cu_queue_close(b.queue);
}
