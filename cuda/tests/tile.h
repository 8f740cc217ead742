/* Tiles coded by the processor's code, to compare the device with. Include after cmocka.h. */
#ifndef VQZ_CUDA_TESTS_TILE_H
#define VQZ_CUDA_TESTS_TILE_H
#include "codec/latent.h"
#include "codec/steps.h"
#include "codec/transform.h"
#include "cuda/latents.h"
#include "cuda/tests/device.h"
#include "tests/pictures.h"

/* One tile, the whole of a small picture. */
typedef struct cpu_tile {
    uint32_t h, w, width, height;            /* latent positions; pixels */
    uint8_t *rgb;
    void *block;
    vqz_prior prior;
    vqz_analysis analysis;
    vqz_synthesis synthesis;
    vqz_latents analysed, decoded;
    uint8_t *payload, *recoded;              /* recoded: with other lanes */
    size_t size, recoded_size;
    uint32_t level;
    uint8_t unit;
    uint32_t *front;                         /* the symbols of the steps */
    uint32_t nfront;
} cpu_tile;

/* *data: to be freed behind the model. */
static inline vqz_model *open_model(uint8_t **data) {
    vqz_model *m;
    vqz_error e = {0};
    FILE *f = fopen("models/base.vqzm", "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    const size_t size = (size_t)ftell(f);
    *data = malloc(size);
    assert_non_null(*data);
    rewind(f);
    assert_int_equal(fread(*data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
    must(vqz_model_open(&m, *data, size, &e), &e);
    return m;
}

static inline void lay_out_tile(cpu_tile *t, vqz_model *m, const vqz_nets *nets, vqz_arena *a) {
    vqz_error e = {0};
    must(vqz_prior_layout(&t->prior, m, nets, t->h, t->w, a, &e), &e);
    must(vqz_analysis_layout(&t->analysis, m, nets, t->h, t->w, a, &e), &e);
    must(vqz_synthesis_layout(&t->synthesis, m, nets, t->h, t->w, a, &e), &e);
    t->analysed.stride = t->decoded.stride = t->w;
    VQZ_TAKE(a, t->analysed.data, (size_t)t->h * t->w * m->C);
    VQZ_TAKE(a, t->decoded.data, (size_t)t->h * t->w * m->C);
}

/* The payload with another number of lanes. */
static inline void recode(cpu_tile *t, const vqz_model *m, vqz_rans_enc *rans, uint8_t lanes) {
    vqz_error e = {0};
    vqz_latent_head h;
    vqz_reader r = vqz_reader_of(t->payload, t->size);
    const uint8_t *words, *raw;
    size_t nwords, nraw;
    must(vqz_latent_head_read(&h, m, &r, &e), &e);
    must(vqz_rans_finish(rans, h.lanes = lanes, &words, &nwords, &raw, &nraw, &e), &e);
    h.words = (uint32_t)nwords;
    t->recoded = malloc(VQZ_LATENT_HEAD_MAX + 2 * nwords + nraw);
    assert_non_null(t->recoded);
    const size_t n = vqz_latent_head_write(&h, m, t->recoded);
    memcpy(t->recoded + n, words, 2 * nwords);
    memcpy(t->recoded + n + 2 * nwords, raw, nraw);
    t->recoded_size = n + 2 * nwords + nraw;
}

/* Steps that change from block to block, now and then by much. */
static inline void make_steps(cpu_tile *t, uint32_t seed, vqz_memory *mem) {
    const uint32_t h = vqz_step_blocks(t->h), w = vqz_step_blocks(t->w);
    for (uint32_t i = 0; i < h * w; i++) t->prior.steps[i] = (int8_t)(test_random(&seed) % 4 ? (int)(i % 5) - 2 : (int)(test_random(&seed) % 17) - 8);
    vqz_rans_enc rans;
    vqz_rans_enc_init(&rans, mem);
    vqz_steps_walk(&t->prior, &rans, NULL, t->level, t->unit);
    t->nfront = (uint32_t)rans.count;
    t->front = malloc(rans.count * sizeof *rans.symbols);
    assert_non_null(t->front);
    memcpy(t->front, rans.symbols, rans.count * sizeof *rans.symbols);
    vqz_rans_enc_free(&rans);
}

/* Analyses and codes a picture, with steps of `unit` rows; recoded with so many lanes. */
static inline void make_tile(cpu_tile *t, vqz_model *m, test_picture kind, uint32_t width, uint32_t height, uint32_t level, uint8_t unit, uint8_t lanes) {
    enum { ROLES = VQZ_NETS_ANALYSIS | VQZ_NETS_CONTEXT | VQZ_NETS_SYNTHESIS };
    const vqz_kernels *kernels = vqz_kernels_get(VQZ_CPU_AUTO);
    const vqz_nets *nets;
    vqz_error e = {0};
    vqz_memory mem;
    vqz_memory_init(&mem, 1 << 28);
    must(vqz_model_nets(m, kernels, ROLES, &nets, &e), &e);
    *t = (cpu_tile){.h = (height + 15) / 16, .w = (width + 15) / 16, .width = width, .height = height, .level = level, .unit = unit,
                    .rgb = make_picture(kind, width, height, 3, level + 1)};
    vqz_arena a = {0};
    lay_out_tile(t, m, nets, &a);
    t->block = aligned_alloc(64, a.used);
    assert_non_null(t->block);
    a = (vqz_arena){.base = t->block};
    lay_out_tile(t, m, nets, &a);
    const vqz_rect whole = {0, 0, t->w, t->h};
    vqz_analyse(&t->analysis, t->rgb, (size_t)width * 3, 0, width, height, whole, true, &t->analysed, &t->prior, &m->level[level]);
    memcpy(t->decoded.data, t->analysed.data, (size_t)t->h * t->w * m->C * sizeof(int16_t));

    if (unit) make_steps(t, level + 7, &mem);
    vqz_quantizer q;
    vqz_arena plan = {0};
    vqz_quantizer_layout(&q, m, kernels, &plan);
    void *block = aligned_alloc(64, plan.used), *payload;
    plan = (vqz_arena){.base = block};
    vqz_quantizer_layout(&q, m, kernels, &plan);
    vqz_quantizer_set(&q, m->level[level].lambda);
    vqz_rans_enc rans;
    vqz_rans_enc_init(&rans, &mem);
    uint8_t *coded;
    must(vqz_latent_encode(&t->prior, &rans, (uint8_t)level, unit, &q, &t->decoded, &mem, &coded, &t->size, &e), &e);
    payload = malloc(t->size);
    assert_non_null(payload);
    t->payload = memcpy(payload, coded, t->size);
    vqz_free(&mem, coded);
    recode(t, m, &rans, lanes);
    vqz_rans_enc_free(&rans);
    free(block);
}

static inline void drop_tile(cpu_tile *t) {
    free(t->rgb);
    free(t->block);
    free(t->payload);
    free(t->recoded);
    free(t->front);
}
#endif
