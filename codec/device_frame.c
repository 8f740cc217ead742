/* Whole frames on a GPU. */
#include "base/arena.h"
#include "codec/device.h"
#include "codec/masking.h"
#include "codec/reconstruct.h"
#include "codec/steps.h"
#include <string.h>

/* All tiles of a frame, for the plug-in. */
static vqz_status describe(const vqz_head *head, vqz_memory *mem, vqz_backend_frame *f, void **block, vqz_error *e) {
    const vqz_grid grid = vqz_grid_of(head);
    VQZ_TRY(vqz_alloc(mem, block, (size_t)grid.nx * grid.ny, sizeof(vqz_backend_tile), e));
    vqz_backend_tile *t = *block;
    *f = (vqz_backend_frame){.width = head->width, .height = head->height, .columns = grid.nx, .tiles = grid.nx * grid.ny, .tile = t};
    for (uint32_t i = 0; i < f->tiles; i++) vqz_grid_rect(head, i % grid.nx, i / grid.nx, &t[i].x, &t[i].y, &t[i].w, &t[i].h);
    return VQZ_OK;
}

/* To a caller, all but damage is one thing. */
static vqz_status failed(vqz_status s, const vqz_error *why, vqz_error *e) {
    if (s == VQZ_OK) return s;
    *e = *why;
    return e->status = s == VQZ_ERR_CORRUPT ? s : VQZ_ERR_DEVICE;
}

vqz_status vqz_device_decode(vqz_device *d, const vqz_model *m, vqz_memory *mem, const vqz_head *head, const vqz_backend_payload *payload, bool verify,
                             uint8_t *samples, vqz_error *e) {
    vqz_error why = {.offset = VQZ_NO_OFFSET};
    vqz_device_turn t;
    vqz_backend_frame f;
    void *block;
    VQZ_TRY(describe(head, mem, &f, &block, e));
    vqz_status s = vqz_device_take(d, m, &t, &why);
    if (s == VQZ_OK) {
        s = t.table->decode_start(t.lane, t.model, &f, (vqz_layout)head->layout, payload, verify, &why);
        if (s == VQZ_OK) s = t.table->decode_finish(t.lane, samples, &why);
        vqz_device_give(d, &t, s, &why);
    }
    vqz_free(mem, block);
    return failed(s, &why, e);
}

/* ---- encoding --------------------------------------------------------------------------------- */

typedef struct ordering {
    const vqz_device_job *job;
    const vqz_backend_frame *frame;
    vqz_memory *mem;
    vqz_backend_order *order;                /* [tiles] */
    uint8_t **rows;                          /* [tiles]; what `order` points to is behind them */
    vqz_status *status;
    vqz_error *error;
} ordering;

/* The steps of a tile, as encode_latents has them. */
static vqz_status make_order(const ordering *o, const vqz_backend_tile *t, vqz_backend_order *order, uint8_t **rows, vqz_error *e) {
    const vqz_device_job *j = o->job;
    const size_t stride = (size_t)j->head->width * 3;
    const uint32_t h = vqz_positions(t->h), w = vqz_positions(t->w), blocks = vqz_step_blocks(h) * vqz_step_blocks(w);
    void *block;
    *order = (vqz_backend_order){.level = j->level, .lambda = j->lambda};
    if (!j->unit) return VQZ_OK;
    VQZ_TRY(vqz_alloc(o->mem, &block, (size_t)h * w + blocks, 1, e));
    *rows = block;
    vqz_prior p = {.m = j->model, .h = h, .w = w, .rows = block, .steps = (int8_t *)block + (size_t)h * w};
    if (!vqz_masking(j->rgb + t->y * stride + (size_t)t->x * 3, stride, t->w, t->h, p.steps)) return VQZ_OK;
    vqz_rans_enc rans;
    vqz_rans_enc_init(&rans, o->mem);
    vqz_steps_walk(&p, &rans, NULL, j->level, j->unit);
    void *front;
    const size_t bytes = rans.count * sizeof *rans.symbols;
    vqz_status s = rans.status != VQZ_OK ? vqz_fail(e, rans.status, VQZ_NO_OFFSET, "out of memory") : VQZ_OK;
    if (s == VQZ_OK) s = vqz_alloc(o->mem, &front, (size_t)h * w + bytes, 1, e);
    if (s == VQZ_OK) {                       /* symbols first: they are aligned */
        memcpy(front, rans.symbols, bytes);
        memcpy((uint8_t *)front + bytes, p.rows, (size_t)h * w);
        vqz_free(o->mem, block);
        *rows = front;
        order->unit = j->unit;
        order->front = front;
        order->nfront = (uint32_t)rans.count;
        order->rows = *rows + bytes;
    }
    vqz_rans_enc_free(&rans);
    return s;
}

static void run_order(void *arg, size_t i, unsigned worker) {
    ordering *o = arg;
    (void)worker;
    o->status[i] = make_order(o, &o->frame->tile[i], &o->order[i], &o->rows[i], &o->error[i]);
}

/* A copy of each payload in the caller's memory. */
static vqz_status keep(vqz_memory *mem, const vqz_backend_payload *made, uint32_t tiles, uint8_t **payload, size_t *size, vqz_error *e) {
    vqz_status s = VQZ_OK;
    for (uint32_t i = 0; i < tiles; i++) payload[i] = NULL;
    for (uint32_t i = 0; i < tiles && s == VQZ_OK; i++) {
        void *p;
        s = vqz_alloc(mem, &p, size[i] = made[i].size, 1, e);
        if (s == VQZ_OK) payload[i] = memcpy(p, made[i].data, made[i].size);
    }
    for (uint32_t i = 0; i < tiles && s != VQZ_OK; i++) {
        vqz_free(mem, payload[i]);
        payload[i] = NULL;
    }
    return s;
}

static vqz_status encode(vqz_device *d, ordering *o, uint8_t **payload, size_t *size, vqz_backend_payload *made, vqz_error *why) {
    const vqz_device_job *j = o->job;
    vqz_device_turn t;
    vqz_error own = {.offset = VQZ_NO_OFFSET};
    VQZ_TRY(vqz_device_take(d, j->model, &t, why));
    vqz_status s = t.table->encode_start(t.lane, t.model, o->frame, j->rgb, (vqz_layout)j->head->layout, o->order, j->correct, why), kept = s;
    if (s == VQZ_OK) {
        j->meanwhile(j->arg);
        kept = s = t.table->encode_finish(t.lane, made, why);
    }
    if (s == VQZ_OK) kept = keep(o->mem, made, o->frame->tiles, payload, size, &own);
    vqz_device_give(d, &t, s, why);
    if (s == VQZ_OK && kept != VQZ_OK) *why = own;
    return kept;
}

vqz_status vqz_device_encode(vqz_device *d, const vqz_device_job *job, vqz_memory *mem, vqz_pool *pool, uint8_t **payload, size_t *size, vqz_error *e) {
    vqz_error why = {.offset = VQZ_NO_OFFSET};
    vqz_backend_frame f;
    void *block, *all = NULL;
    VQZ_TRY(describe(job->head, mem, &f, &block, e));
    ordering o = {.job = job, .frame = &f, .mem = mem};
    vqz_backend_payload *made = NULL;
    vqz_arena a = {0};
    vqz_status s = VQZ_OK;
    for (int pass = 0; pass < 2 && s == VQZ_OK; pass++) {
        VQZ_TAKE(&a, o.order, f.tiles);
        VQZ_TAKE(&a, o.rows, f.tiles);
        VQZ_TAKE(&a, o.status, f.tiles);
        VQZ_TAKE(&a, o.error, f.tiles);
        VQZ_TAKE(&a, made, f.tiles);
        if (pass == 0) s = vqz_alloc(mem, &all, a.used, 1, &why);
        a = (vqz_arena){.base = all};
    }
    if (s == VQZ_OK) vqz_pool_run(pool, f.tiles, run_order, &o);
    for (uint32_t i = 0; i < f.tiles && s == VQZ_OK; i++)
        if ((s = o.status[i]) != VQZ_OK) why = o.error[i];
    if (s == VQZ_OK) s = encode(d, &o, payload, size, made, &why);
    for (uint32_t i = 0; all && i < f.tiles; i++) vqz_free(mem, o.rows[i]);
    vqz_free(mem, all);
    vqz_free(mem, block);
    return failed(s, &why, e);
}
