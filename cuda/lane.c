/* A frame goes through in groups of tile rows, which bound the memory of networks. Frames of one group, all but very large ones, are queued as a whole,
 * and what was laid out for one serves the next of the same shape; several lanes fill the device, one copying while others calculate. */
#include "cuda/lane.h"
#include "base/arena.h"
#include "codec/transform.h"
#include <string.h>

enum { GROUP_PIXELS = 1 << 24, STAGE = 4 << 20 };

/* What is laid out for a group. */
typedef struct workshop {
    uint32_t first;                          /* its first tile */
    vqz_cu_prior *prior;
    vqz_cu_transform *transform;
} workshop;

struct vqz_cu_lane {
    vqz_cu_gpu *gpu;
    vqz_memory *mem;
    void *queue;
    vqz_cu_room plane, samples;              /* the frame's latents; its pixels */
    vqz_cu_room stage[2];                    /* pinned: transfers go through them in turn */
    void *mark[2];                           /* behind the last transfer of each */
    workshop made;

    /* the frame that is being worked on, and that things are laid out for */
    const vqz_cu_loaded *model;
    unsigned kind, layout;
    vqz_backend_frame frame;                 /* with tiles of our own */
    bool *given;                             /* [tiles]: it has latents */
    vqz_cu_decoding decoding;
    bool verify, right;                      /* right: all payloads so far */
    const vqz_backend_payload *payload;
    const vqz_backend_order *order;
    uint8_t **coded;                         /* [tiles] */
    size_t *coded_size;
    void *block;                             /* behind frame.tile, given, coded and coded_size */
};

static vqz_status check_use(const vqz_cu_lane *l, vqz_error *e) { return vqz_cu_check(vqz_cu_use(l->gpu->number), "the device", e); }

/* ---- memory ----------------------------------------------------------------------------------- */

static void drop_workshop(vqz_cu_lane *l) {
    vqz_cu_prior_free(l->made.prior);
    vqz_cu_transform_free(l->made.transform);
    l->made = (workshop){0};
}

static void drop_payloads(vqz_cu_lane *l) {
    for (uint32_t i = 0; l->block && i < l->frame.tiles; i++) {
        vqz_free(l->mem, l->coded[i]);
        l->coded[i] = NULL;
    }
}

static void drop_frame(vqz_cu_lane *l) {
    drop_workshop(l);
    drop_payloads(l);
    vqz_free(l->mem, l->block);
    l->block = NULL;
    l->frame = (vqz_backend_frame){0};
}

vqz_status vqz_cu_lane_open(vqz_cu_lane **out, vqz_cu_gpu *gpu, vqz_error *e) {
    void *p;
    *out = NULL;
    VQZ_TRY(vqz_alloc(&gpu->mem, &p, 1, sizeof(vqz_cu_lane), e));
    vqz_cu_lane *l = p;
    *l = (vqz_cu_lane){.gpu = gpu, .mem = &gpu->mem, .stage = {{.pinned = true}, {.pinned = true}}};
    vqz_status s = check_use(l, e);
    if (s == VQZ_OK) s = vqz_cu_check(vqz_cu_queue_open(&l->queue), "a queue", e);
    for (unsigned i = 0; i < 2 && s == VQZ_OK; i++) {
        s = vqz_cu_check(vqz_cu_mark_open(&l->mark[i]), "a queue", e);
        if (s == VQZ_OK) s = vqz_cu_room_for(&l->stage[i], STAGE, "memory for transfers", e);
    }
    if (s == VQZ_OK) *out = l;
    else vqz_cu_lane_close(l);
    return s;
}

void vqz_cu_lane_close(vqz_cu_lane *l) {
    if (!l) return;
    vqz_cu_use(l->gpu->number);
    vqz_cu_wait(l->queue);
    vqz_cu_decode_free(&l->decoding);
    drop_frame(l);
    vqz_cu_room_free(&l->plane);
    vqz_cu_room_free(&l->samples);
    for (unsigned i = 0; i < 2; i++) {
        vqz_cu_room_free(&l->stage[i]);
        vqz_cu_mark_close(l->mark[i]);
    }
    vqz_cu_queue_close(l->queue);
    vqz_free(l->mem, l);
}

/* ---- transfers: while one buffer is on its way, the other is filled or emptied ---------------------- */

/* Every step-th byte of `from`. */
static vqz_status send(vqz_cu_lane *l, uint8_t *to, const uint8_t *from, size_t step, size_t bytes, vqz_error *e) {
    for (unsigned i = 0; bytes; i ^= 1) {
        const size_t n = bytes < STAGE ? bytes : STAGE;
        VQZ_TRY(vqz_cu_check(vqz_cu_mark_wait(l->mark[i]), "pixels", e));
        uint8_t *stage = l->stage[i].p;
        if (step == 1) memcpy(stage, from, n);
        else
            for (size_t k = 0; k < n; k++) stage[k] = from[k * step];
        VQZ_TRY(vqz_cu_check(vqz_cu_upload(to, stage, n, l->queue), "pixels", e));
        VQZ_TRY(vqz_cu_check(vqz_cu_mark(l->mark[i], l->queue), "pixels", e));
        to += n;
        from += n * step;
        bytes -= n;
    }
    return VQZ_OK;
}

static vqz_status fetch(vqz_cu_lane *l, uint8_t *to, const uint8_t *from, size_t bytes, vqz_error *e) {
    size_t before = 0;                       /* on its way in the other buffer */
    for (unsigned i = 0; bytes || before; i ^= 1) {
        const size_t n = bytes < STAGE ? bytes : STAGE;
        if (n) {
            VQZ_TRY(vqz_cu_check(vqz_cu_download(l->stage[i].p, from, n, l->queue), "pixels", e));
            VQZ_TRY(vqz_cu_check(vqz_cu_mark(l->mark[i], l->queue), "pixels", e));
        }
        if (before) {
            VQZ_TRY(vqz_cu_check(vqz_cu_mark_wait(l->mark[i ^ 1]), "pixels", e));
            memcpy(to, l->stage[i ^ 1].p, before);
            to += before;
        }
        from += n;
        bytes -= n;
        before = n;
    }
    return VQZ_OK;
}

/* ---- the frame -------------------------------------------------------------------------------- */

static uint32_t positions(uint32_t pixels) { return (pixels + VQZ_LATENT_STEP - 1) / VQZ_LATENT_STEP; }

static bool same_frame(const vqz_cu_lane *l, const vqz_cu_loaded *m, unsigned kind, unsigned layout, const vqz_backend_frame *f, const vqz_backend_payload *payload) {
    if (!l->block || l->model != m || l->kind != kind || l->layout != layout || l->frame.width != f->width || l->frame.height != f->height ||
        l->frame.columns != f->columns || l->frame.tiles != f->tiles || memcmp(l->frame.tile, f->tile, f->tiles * sizeof *f->tile) != 0)
        return false;
    for (uint32_t i = 0; payload && i < f->tiles; i++)
        if (l->given[i] != (payload[i].data != NULL)) return false;
    return true;
}

/* Takes the frame's shape over, with room for its latents and pixels. */
static vqz_status take_frame(vqz_cu_lane *l, const vqz_cu_loaded *m, unsigned kind, unsigned layout, const vqz_backend_frame *f, const vqz_backend_payload *payload,
                             vqz_error *e) {
    const size_t latents = (size_t)positions(f->height) * positions(f->width) * m->on->tables.latent_stride * sizeof(int16_t);
    vqz_cu_decode_free(&l->decoding);
    drop_payloads(l);
    if (same_frame(l, m, kind, layout, f, payload)) return VQZ_OK;
    drop_frame(l);
    vqz_backend_tile *tile;
    vqz_arena a = {0};
    for (int pass = 0; pass < 2; pass++) {
        VQZ_TAKE(&a, tile, f->tiles);
        VQZ_TAKE(&a, l->given, f->tiles);
        VQZ_TAKE(&a, l->coded, f->tiles);
        VQZ_TAKE(&a, l->coded_size, f->tiles);
        if (pass == 0) VQZ_TRY(vqz_alloc(l->mem, &l->block, a.overflow ? SIZE_MAX : a.used, 1, e));
        a = (vqz_arena){.base = l->block};
    }
    tile = l->block;                         /* the first of them */
    memcpy(tile, f->tile, f->tiles * sizeof *tile);
    for (uint32_t i = 0; i < f->tiles; i++) l->given[i] = !payload || payload[i].data;
    l->model = m;
    l->kind = kind;
    l->layout = layout;
    l->frame = *f;
    l->frame.tile = tile;
    VQZ_TRY(vqz_cu_room_for(&l->plane, latents, "the latents of a picture", e));
    return vqz_cu_room_for(&l->samples, (size_t)f->width * f->height * layout, "the pixels of a picture", e);
}

/* Tiles of the group that begins there: whole rows of the grid, one at least. */
static uint32_t group_tiles(const vqz_backend_frame *f, uint32_t first) {
    uint32_t n = 0;
    for (uint64_t pixels = 0; first + n < f->tiles; n += f->columns) {
        pixels += (uint64_t)f->width * f->tile[first + n].h;
        if (n && pixels > GROUP_PIXELS) break;
    }
    return n;
}

static int16_t *latents_at(const vqz_cu_lane *l, const vqz_backend_tile *t) {
    const size_t at = (size_t)(t->y / VQZ_LATENT_STEP) * positions(l->frame.width) + t->x / VQZ_LATENT_STEP;
    return (int16_t *)l->plane.p + at * l->model->on->tables.latent_stride;
}

static vqz_cu_area area_of(const vqz_cu_lane *l, const vqz_backend_tile *t) {
    const vqz_backend_frame *f = &l->frame;
    const uint32_t ring = l->kind == VQZ_CU_SYNTHESIS ? l->model->model->synthesis_ring : VQZ_ANALYSIS_RING, pw = positions(f->width);
    const vqz_rect own = {t->x / VQZ_LATENT_STEP, t->y / VQZ_LATENT_STEP, positions(t->w), positions(t->h)};
    const vqz_rect r = vqz_rect_grow(own, ring, pw, positions(f->height));
    return (vqz_cu_area){.plane = l->plane.p, .pitch = pw, .x = r.x, .y = r.y, .w = r.w, .h = r.h, .tile_x = own.x - r.x, .tile_y = own.y - r.y, .tile_w = own.w,
                         .tile_h = own.h, .width = f->width, .height = f->height, .layout = l->layout, .row = f->width * l->layout, .samples = l->samples.p};
}

/* Lays out what the group needs, unless it is there. The queue is empty where something else has to go. */
static vqz_status make_workshop(vqz_cu_lane *l, uint32_t first, uint32_t n, bool prior, bool transform, vqz_error *e) {
    workshop *w = &l->made;
    if (w->first != first) drop_workshop(l);
    w->first = first;
    if ((!prior || w->prior) && (!transform || w->transform)) return VQZ_OK;
    void *block;
    VQZ_TRY(vqz_alloc(l->mem, &block, n, sizeof(vqz_cu_area) + sizeof(vqz_cu_place_of), e));
    vqz_cu_area *area = block;
    vqz_cu_place_of *place = (vqz_cu_place_of *)(void *)(area + n);
    uint32_t places = 0;
    for (uint32_t i = 0; i < n; i++) {
        const vqz_backend_tile *t = &l->frame.tile[first + i];
        area[i] = area_of(l, t);
        if (l->given[first + i]) place[places++] = (vqz_cu_place_of){positions(t->h), positions(t->w), latents_at(l, t), positions(l->frame.width)};
    }
    vqz_status s = VQZ_OK;
    if (prior && !w->prior && places) s = vqz_cu_prior_create(&w->prior, l->model->on, place, places, l->mem, e);
    if (s == VQZ_OK && transform && !w->transform) s = vqz_cu_transform_create(&w->transform, l->model->on, l->kind, area, n, l->mem, e);
    vqz_free(l->mem, block);
    return s;
}

/* ---- decoding --------------------------------------------------------------------------------- */

static vqz_status start_latents(vqz_cu_lane *l, uint32_t first, uint32_t n, vqz_error *e) {
    void *block;
    uint32_t count = 0;
    if (!l->made.prior) return VQZ_OK;
    VQZ_TRY(vqz_alloc(l->mem, &block, n, sizeof(vqz_backend_payload), e));
    vqz_backend_payload *p = block;
    for (uint32_t i = first; i < first + n; i++)
        if (l->given[i]) p[count++] = l->payload[i];
    const vqz_status s = vqz_cu_decode_start(&l->decoding, l->made.prior, p, l->queue, e);
    vqz_free(l->mem, block);
    return s;
}

static vqz_status finish_latents(vqz_cu_lane *l, vqz_error *e) {
    if (!l->decoding.prior) return vqz_cu_check(vqz_cu_wait(l->queue), "decoding", e);
    const vqz_status s = vqz_cu_decode_finish(&l->decoding, l->verify, l->queue, e);
    for (unsigned i = 0; s == VQZ_OK && i < l->decoding.prior->tiles; i++) l->right &= l->decoding.result[i].status == VQZ_OK;
    vqz_cu_decode_free(&l->decoding);
    return s;
}

vqz_status vqz_cu_lane_decode(vqz_cu_lane *l, const vqz_cu_loaded *m, const vqz_backend_frame *f, unsigned layout, const vqz_backend_payload *payload, bool verify,
                              vqz_error *e) {
    VQZ_TRY(check_use(l, e));
    VQZ_TRY(take_frame(l, m, VQZ_CU_SYNTHESIS, layout, f, payload, e));
    l->payload = payload;
    l->verify = verify;
    l->right = true;
    bool all = true;
    for (uint32_t i = 0; i < f->tiles; i++) all &= l->given[i];
    if (!all) VQZ_TRY(vqz_cu_check(vqz_cu_clear(l->plane.p, l->plane.bytes, l->queue), "latents", e));
    for (uint32_t first = 0, n; first < f->tiles; first += n) {
        n = group_tiles(f, first);
        VQZ_TRY(make_workshop(l, first, n, true, n == f->tiles, e));
        VQZ_TRY(start_latents(l, first, n, e));
        if (n == f->tiles) return vqz_cu_transform_run(l->made.transform, l->queue, e);
        VQZ_TRY(finish_latents(l, e));
    }
    return VQZ_OK;
}

vqz_status vqz_cu_lane_samples(vqz_cu_lane *l, uint8_t *samples, vqz_error *e) {
    const vqz_backend_frame *f = &l->frame;
    const size_t row = (size_t)f->width * l->layout;
    VQZ_TRY(check_use(l, e));
    for (uint32_t first = 0, n; first < f->tiles; first += n) {
        n = group_tiles(f, first);
        if (n == f->tiles) VQZ_TRY(finish_latents(l, e));
        if (!l->right) return vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "CUDA: a payload is damaged");
        if (n < f->tiles) {
            VQZ_TRY(make_workshop(l, first, n, false, true, e));
            VQZ_TRY(vqz_cu_transform_run(l->made.transform, l->queue, e));
        }
        const vqz_backend_tile *t = &f->tile[first], *last = &f->tile[first + n - 1];
        if (!samples) VQZ_TRY(vqz_cu_check(vqz_cu_wait(l->queue), "pixels", e));
        else VQZ_TRY(fetch(l, samples + t->y * row, (const uint8_t *)l->samples.p + t->y * row, (last->y + last->h - t->y) * row, e));
    }
    return VQZ_OK;
}

/* ---- encoding --------------------------------------------------------------------------------- */

static vqz_status finish_group(vqz_cu_lane *l, uint32_t first, vqz_error *e) {
    return vqz_cu_encode_finish(l->made.prior, l->coded + first, l->coded_size + first, l->queue, e);
}

vqz_status vqz_cu_lane_encode(vqz_cu_lane *l, const vqz_cu_loaded *m, const vqz_backend_frame *f, const uint8_t *rgb, unsigned layout, const vqz_backend_order *order,
                              bool correct, vqz_error *e) {
    const bool gray = layout < VQZ_RGB;
    const size_t samples = gray ? 1 : 3;
    VQZ_TRY(check_use(l, e));
    VQZ_TRY(take_frame(l, m, correct ? VQZ_CU_CORRECTED : VQZ_CU_ANALYSIS, gray ? VQZ_GRAY : VQZ_RGB, f, NULL, e));
    VQZ_TRY(send(l, l->samples.p, rgb, gray ? 3 : 1, (size_t)f->width * f->height * samples, e));
    for (uint32_t first = 0, n; first < f->tiles; first += n) {
        n = group_tiles(f, first);
        VQZ_TRY(make_workshop(l, first, n, true, true, e));
        VQZ_TRY(vqz_cu_transform_run(l->made.transform, l->queue, e));
        VQZ_TRY(vqz_cu_encode_start(l->made.prior, order + first, vqz_cu_transform_hyper(l->made.transform), l->queue, e));
        if (n < f->tiles) VQZ_TRY(finish_group(l, first, e));
    }
    return VQZ_OK;
}

vqz_status vqz_cu_lane_payloads(vqz_cu_lane *l, vqz_backend_payload *payload, vqz_error *e) {
    VQZ_TRY(check_use(l, e));
    if (group_tiles(&l->frame, 0) == l->frame.tiles) VQZ_TRY(finish_group(l, 0, e));
    for (uint32_t i = 0; i < l->frame.tiles; i++) payload[i] = (vqz_backend_payload){l->coded[i], l->coded_size[i]};
    return VQZ_OK;
}
