#include "base/arena.h"
#include "cuda/latents.h"
#include <string.h>

/* Raw bits of a symbol at most: a number of 2^20 in size. */
enum { MOST_RAW_BYTES = 5 };

static void lay_out(vqz_cu_prior *p, vqz_arena *a, size_t *cleared) {
    for (unsigned k = 0; k < p->tiles; k++) {            /* what begins as zeros stands together, first */
        vqz_cu_tile *t = &p->tile[k];
        VQZ_TAKE(a, t->seen, p->batch.tables.rungs);
        t->raw_out = vqz_take(a, (size_t)t->symbols * MOST_RAW_BYTES + 2 * sizeof(uint64_t), 1);
        VQZ_TAKE(a, t->extra, t->symbols);
    }
    *cleared = a->used;
    for (unsigned k = 0; k < p->tiles; k++) {
        vqz_cu_tile *t = &p->tile[k];
        VQZ_TAKE(a, t->symbol, t->symbols);
        VQZ_TAKE(a, t->out, 2 * ((size_t)t->symbols + 2 * VQZ_CU_LANES));
    }
}

/* Rows of levels and first symbols, from where they may go when this returns. */
static vqz_status send_orders(vqz_cu_prior *p, const vqz_backend_order *order, size_t bytes, void *queue, vqz_error *e) {
    VQZ_TRY(vqz_cu_room_for(&p->up, bytes, "rows of levels", e));
    uint8_t *at = p->up.p;
    for (unsigned k = 0; k < p->tiles; k++) {
        const vqz_cu_tile *t = &p->tile[k];
        const size_t n = (size_t)t->h * t->w, front = order[k].nfront * sizeof(uint32_t);
        if (t->unit) memcpy(at, order[k].rows, n);
        else memset(at, (int)t->level, n);
        VQZ_TRY(vqz_cu_check(vqz_cu_upload(t->rows, at, n, queue), "rows of levels", e));
        at += n;
        if (!front) continue;
        memcpy(at, order[k].front, front);
        VQZ_TRY(vqz_cu_check(vqz_cu_upload(t->symbol, at, front, queue), "first symbols", e));
        at += front;
    }
    return VQZ_OK;
}

/* Sets the tiles up, with memory for all that they make. */
static vqz_status prepare(vqz_cu_prior *p, const vqz_backend_order *order, void *queue, vqz_error *e) {
    const vqz_cu_tables *m = &p->batch.tables;
    vqz_arena a = {0};
    size_t cleared, bytes = 0;
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
        bytes += (size_t)t->h * t->w + order[k].nfront * sizeof(uint32_t);
    }
    lay_out(p, &a, &cleared);
    VQZ_TRY(vqz_cu_room_for(&p->symbols, a.overflow ? SIZE_MAX : a.used, "the symbols of a batch", e));
    a = (vqz_arena){.base = p->symbols.p};
    lay_out(p, &a, &cleared);
    VQZ_TRY(vqz_cu_check(vqz_cu_clear(p->symbols.p, cleared, queue), "the symbols of a batch", e));
    VQZ_TRY(vqz_cu_prior_upload(p, queue, e));
    return send_orders(p, order, bytes, queue, e);
}

static vqz_status encode_slice(const vqz_cu_prior *p, uint32_t i, void *queue, vqz_error *e) {
    for (unsigned pass = 0; pass < 2; pass++) {
        const vqz_cu_pass here = vqz_cu_prior_pass(p, i, pass, NULL);
        VQZ_TRY(vqz_cu_prior_predict(p, i, pass, NULL, queue, e));
        if (pass == 0) VQZ_TRY(vqz_cu_check(vqz_cu_choose_bias(&here, p->most_pass[0], queue), "choosing a bias", e));
        VQZ_TRY(vqz_cu_check(vqz_cu_encode_pass(&here, p->most_pass[pass], queue), "coding", e));
    }
    vqz_cu_pass end = vqz_cu_prior_pass(p, i, 0, NULL);
    end.none = p->none;
    VQZ_TRY(vqz_cu_check(vqz_cu_end_slice(&end, queue), "coding", e));
    /* A slice without anything is left out; the heads of its first pass still stand, those of its second pass are made again. */
    for (unsigned pass = 0; pass < 2; pass++) {
        const vqz_cu_pass drop = vqz_cu_prior_pass(p, i, pass, p->none);
        if (pass == 1) VQZ_TRY(vqz_cu_prior_predict(p, i, 1, p->none, queue, e));
        VQZ_TRY(vqz_cu_check(vqz_cu_drop_pass(&drop, p->most_pass[pass], queue), "coding", e));
    }
    return VQZ_OK;
}

static vqz_status queue_coding(const void *prior, void *queue, vqz_error *e) {
    const vqz_cu_prior *p = prior;
    const vqz_cu_hyper from = {.batch = p->batch, .out = p->hyper_seen};
    VQZ_TRY(vqz_cu_check(vqz_cu_round_hyper(&from, p->most_z, queue), "coding", e));
    VQZ_TRY(vqz_cu_check(vqz_cu_encode_hyper(&p->batch, p->most_z, queue), "coding", e));
    VQZ_TRY(vqz_cu_prior_hyper(p, queue, e));
    for (uint32_t i = 0; i < p->model->m->S; i++) VQZ_TRY(encode_slice(p, i, queue, e));
    VQZ_TRY(vqz_cu_check(vqz_cu_hash(&p->batch, queue), "hashing", e));
    const vqz_cu_finish end = {.batch = p->batch, .small = VQZ_SMALL_TILE_WORDS};
    return vqz_cu_check(vqz_cu_encode_end(&end, queue), "coding", e);
}

vqz_status vqz_cu_encode_start(vqz_cu_prior *p, const vqz_backend_order *order, const vqz_cu_view *hyper, void *queue, vqz_error *e) {
    VQZ_TRY(prepare(p, order, queue, e));
    if (p->hyper_seen != hyper) {
        vqz_cu_graph_close(p->encoder);
        p->encoder = NULL;
        p->hyper_seen = hyper;
    }
    return vqz_cu_queue_graph(&p->encoder, queue_coding, p, queue, e);
}

/* Words and raw bits of all tiles, one behind the other. */
static vqz_status fetch_streams(vqz_cu_prior *p, void *queue, vqz_error *e) {
    size_t bytes = 0;
    for (unsigned k = 0; k < p->tiles; k++) bytes += 2 * (size_t)p->tile[k].out_words + p->tile[k].raw_bytes;
    VQZ_TRY(vqz_cu_room_for(&p->down, bytes, "streams", e));
    uint8_t *at = p->down.p;
    for (unsigned k = 0; k < p->tiles; k++) {
        const vqz_cu_tile *t = &p->tile[k];
        const size_t words = 2 * (size_t)t->out_words, room = 2 * ((size_t)t->symbols + 2 * VQZ_CU_LANES);
        VQZ_TRY(vqz_cu_check(vqz_cu_download(at, t->out + room - words, words, queue), "words", e));
        at += words;
        VQZ_TRY(vqz_cu_check(vqz_cu_download(at, t->raw_out, t->raw_bytes, queue), "raw bits", e));
        at += t->raw_bytes;
    }
    return vqz_cu_check(vqz_cu_wait(queue), "streams", e);
}

/* One tile's payload from its streams, which end up at *at. */
static vqz_status make_payload(const vqz_cu_prior *p, const vqz_cu_tile *t, const uint8_t **at, uint8_t **payload, size_t *size, vqz_error *e) {
    const vqz_model *m = p->model->m;
    vqz_latent_head h = {.level = (uint8_t)t->level, .lanes = (uint8_t)t->lanes, .mask = (uint16_t)t->mask, .unit = (uint8_t)t->unit, .hash = t->hash, .words = t->out_words};
    for (uint32_t i = 0; i < m->S; i++) h.bias[i] = (int8_t)t->bias[i];
    uint8_t head[VQZ_LATENT_HEAD_MAX];
    const size_t nhead = vqz_latent_head_write(&h, m, head), streams = 2 * (size_t)t->out_words + t->raw_bytes;
    void *block;
    *size = nhead + streams;
    VQZ_TRY(vqz_alloc(p->mem, &block, *size, 1, e));
    *payload = memcpy(block, head, nhead);
    memcpy(*payload + nhead, *at, streams);
    *at += streams;
    return VQZ_OK;
}

vqz_status vqz_cu_encode_finish(vqz_cu_prior *p, uint8_t **payload, size_t *size, void *queue, vqz_error *e) {
    for (unsigned k = 0; k < p->tiles; k++) payload[k] = NULL;
    VQZ_TRY(vqz_cu_check(vqz_cu_download(p->tile, p->batch.tile, p->tiles * sizeof *p->tile, queue), "tiles", e));
    vqz_status s = vqz_cu_check(vqz_cu_wait(queue), "coding", e);
    if (s == VQZ_OK) s = fetch_streams(p, queue, e);
    const uint8_t *at = p->down.p;
    for (unsigned k = 0; k < p->tiles && s == VQZ_OK; k++) s = make_payload(p, &p->tile[k], &at, &payload[k], &size[k], e);
    for (unsigned k = 0; k < p->tiles && s != VQZ_OK; k++) {
        vqz_free(p->mem, payload[k]);
        payload[k] = NULL;
    }
    return s;
}
