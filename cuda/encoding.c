#include "base/arena.h"
#include "cuda/latents.h"
#include <string.h>


/* Raw bits of a symbol at most: a number of 2^20 in size. */
enum { MOST_RAW_BYTES = 5 };

static void lay_out(vqz_cu_coding *c, vqz_arena *a, size_t *cleared) {
    const vqz_cu_prior *p = c->prior;
    for (unsigned k = 0; k < p->tiles; k++) {            /* what begins as zeros stands together, first */
        vqz_cu_tile *t = &p->tile[k];
        VQZ_TAKE(a, t->seen, p->batch.tables.rungs);
        t->raw_out = vqz_take(a, (size_t)t->symbols * MOST_RAW_BYTES + 2 * sizeof(uint64_t), 1);
        VQZ_TAKE(a, t->extra, t->symbols);
    }
    *cleared = a->used;
    VQZ_TAKE(a, c->none, p->tiles);
    for (unsigned k = 0; k < p->tiles; k++) {
        vqz_cu_tile *t = &p->tile[k];
        VQZ_TAKE(a, t->symbol, t->symbols);
        VQZ_TAKE(a, t->out, 2 * ((size_t)t->symbols + 2 * VQZ_CU_LANES));
    }
}

/* Sets the tiles up, with memory for all that they make. */
static vqz_status prepare(vqz_cu_coding *c, const vqz_cu_order *order, void *queue, vqz_error *e) {
    vqz_cu_prior *p = c->prior;
    const vqz_cu_tables *m = &p->batch.tables;
    vqz_arena a = {0};
    size_t cleared, positions = 0;
    for (unsigned k = 0; k < p->tiles; k++) {
        vqz_cu_tile *t = &p->tile[k];
        const size_t symbols = order[k].nfront + (size_t)m->Z * t->zh * t->zw + (size_t)t->h * t->w * m->C;
        if (symbols > INT32_MAX) return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "CUDA: a tile of %zu symbols", symbols);
        t->level = order[k].level;
        t->unit = order[k].unit;
        t->lambda = order[k].lambda;
        t->front = order[k].nfront;
        t->symbols = (uint32_t)symbols;
        t->mask = 0;
        t->found = 0;
        memset(t->any, 0, sizeof t->any);
        memset(t->bias, 0, sizeof t->bias);
        positions += (size_t)t->h * t->w;
    }
    lay_out(c, &a, &cleared);
    VQZ_TRY(vqz_cu_check(vqz_cu_alloc(&c->memory, a.overflow ? SIZE_MAX : a.used), "the symbols of a batch", e));
    a = (vqz_arena){.base = c->memory};
    lay_out(c, &a, &cleared);
    VQZ_TRY(vqz_cu_check(vqz_cu_clear(c->memory, cleared, queue), "the symbols of a batch", e));
    VQZ_TRY(vqz_cu_prior_upload(p, queue, e));
    void *rows;
    VQZ_TRY(vqz_alloc(p->mem, &rows, positions, 1, e));
    vqz_status s = VQZ_OK;
    uint8_t *plain = rows;
    for (unsigned k = 0; k < p->tiles && s == VQZ_OK; k++) {
        const vqz_cu_tile *t = &p->tile[k];
        const size_t n = (size_t)t->h * t->w;
        memset(plain, (int)t->level, n);
        s = vqz_cu_check(vqz_cu_upload(t->rows, t->unit ? order[k].rows : plain, n, queue), "rows of levels", e);
        if (s == VQZ_OK && order[k].nfront) s = vqz_cu_check(vqz_cu_upload(t->symbol, order[k].front, order[k].nfront * sizeof(uint32_t), queue), "first symbols", e);
        plain += n;
    }
    if (s == VQZ_OK) s = vqz_cu_check(vqz_cu_wait(queue), "rows of levels", e);          /* what was uploaded may go */
    vqz_free(p->mem, rows);
    return s;
}

static vqz_status encode_slice(vqz_cu_coding *c, uint32_t i, void *queue, vqz_error *e) {
    vqz_cu_prior *p = c->prior;
    for (unsigned pass = 0; pass < 2; pass++) {
        const vqz_cu_pass here = vqz_cu_prior_pass(p, i, pass, NULL);
        VQZ_TRY(vqz_cu_prior_predict(p, i, pass, NULL, queue, e));
        if (pass == 0) VQZ_TRY(vqz_cu_check(vqz_cu_choose_bias(&here, p->most_pass[0], queue), "choosing a bias", e));
        VQZ_TRY(vqz_cu_check(vqz_cu_encode_pass(&here, p->most_pass[pass], queue), "coding", e));
    }
    vqz_cu_pass end = vqz_cu_prior_pass(p, i, 0, NULL);
    end.none = c->none;
    VQZ_TRY(vqz_cu_check(vqz_cu_end_slice(&end, queue), "coding", e));
    /* A slice without anything is left out; the heads of its first pass still stand, those of its second pass are made again. */
    for (unsigned pass = 0; pass < 2; pass++) {
        const vqz_cu_pass drop = vqz_cu_prior_pass(p, i, pass, c->none);
        if (pass == 1) VQZ_TRY(vqz_cu_prior_predict(p, i, 1, c->none, queue, e));
        VQZ_TRY(vqz_cu_check(vqz_cu_drop_pass(&drop, p->most_pass[pass], queue), "coding", e));
    }
    return VQZ_OK;
}

vqz_status vqz_cu_encode_start(vqz_cu_coding *c, vqz_cu_prior *p, const vqz_cu_order *order, const vqz_cu_view *hyper, void *queue, vqz_error *e) {
    *c = (vqz_cu_coding){.prior = p};
    VQZ_TRY(prepare(c, order, queue, e));
    const vqz_cu_hyper from = {.batch = p->batch, .out = hyper};
    VQZ_TRY(vqz_cu_check(vqz_cu_round_hyper(&from, p->most_z, queue), "coding", e));
    VQZ_TRY(vqz_cu_check(vqz_cu_encode_hyper(&p->batch, p->most_z, queue), "coding", e));
    VQZ_TRY(vqz_cu_prior_hyper(p, queue, e));
    for (uint32_t i = 0; i < p->model->m->S; i++) VQZ_TRY(encode_slice(c, i, queue, e));
    VQZ_TRY(vqz_cu_check(vqz_cu_hash(&p->batch, queue), "hashing", e));
    const vqz_cu_finish end = {.batch = p->batch, .small = VQZ_SMALL_TILE_WORDS};
    return vqz_cu_check(vqz_cu_encode_end(&end, queue), "coding", e);
}

/* One tile's payload from its streams. */
static vqz_status make_payload(const vqz_cu_prior *p, const vqz_cu_tile *t, uint8_t **payload, size_t *size, void *queue, vqz_error *e) {
    const vqz_model *m = p->model->m;
    vqz_latent_head h = {.level = (uint8_t)t->level, .lanes = (uint8_t)t->lanes, .mask = (uint16_t)t->mask, .unit = (uint8_t)t->unit, .hash = t->hash, .words = t->out_words};
    for (uint32_t i = 0; i < m->S; i++) h.bias[i] = (int8_t)t->bias[i];
    uint8_t head[VQZ_LATENT_HEAD_MAX];
    const size_t nhead = vqz_latent_head_write(&h, m, head), words = 2 * (size_t)t->out_words, room = 2 * ((size_t)t->symbols + 2 * VQZ_CU_LANES);
    void *block;
    *size = nhead + words + t->raw_bytes;
    VQZ_TRY(vqz_alloc(p->mem, &block, *size, 1, e));
    *payload = memcpy(block, head, nhead);
    VQZ_TRY(vqz_cu_check(vqz_cu_download(*payload + nhead, t->out + room - words, words, queue), "words", e));
    return vqz_cu_check(vqz_cu_download(*payload + nhead + words, t->raw_out, t->raw_bytes, queue), "raw bits", e);
}

vqz_status vqz_cu_encode_finish(vqz_cu_coding *c, uint8_t **payload, size_t *size, void *queue, vqz_error *e) {
    vqz_cu_prior *p = c->prior;
    for (unsigned k = 0; k < p->tiles; k++) payload[k] = NULL;
    VQZ_TRY(vqz_cu_check(vqz_cu_download(p->tile, p->batch.tile, p->tiles * sizeof *p->tile, queue), "tiles", e));
    vqz_status s = vqz_cu_check(vqz_cu_wait(queue), "coding", e);
    for (unsigned k = 0; k < p->tiles && s == VQZ_OK; k++) s = make_payload(p, &p->tile[k], &payload[k], &size[k], queue, e);
    if (s == VQZ_OK) s = vqz_cu_check(vqz_cu_wait(queue), "streams", e);
    for (unsigned k = 0; k < p->tiles && s != VQZ_OK; k++) {
        vqz_free(p->mem, payload[k]);
        payload[k] = NULL;
    }
    return s;
}

void vqz_cu_encode_free(vqz_cu_coding *c) {
    vqz_cu_free(c->memory);
    *c = (vqz_cu_coding){0};
}
