/* Bytes in, bands out: a tile row is decoded to latents when its tiles are there, and to pixels when the next row's latents are,
 * because pixels at its lower edge depend on them. */
#include "base/arena.h"
#include "base/pool.h"
#include "codec/alpha.h"
#include "codec/colour.h"
#include "codec/latent.h"
#include "codec/settings.h"
#include "codec/transform.h"
#include "format/buffer.h"
#include "format/chunk.h"
#include "format/format.h"
#include <string.h>
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

enum { MAX_MODELS = 16, ROWS_HELD = 3, MAX_TILE_SIDE = 16384 };

/* A tile's payloads while its row is incomplete, and what became of it. */
typedef struct tile {
    vqz_buffer latent, alpha;
    uint64_t latent_offset, alpha_offset;    /* of the chunks */
    bool ok;                                 /* decoded */
    vqz_status status;
    vqz_error error;
} tile;

/* A tile row: latents of the whole width, and alpha. */
typedef struct tile_row {
    bool decoded;
    int16_t *latents;
    uint8_t *alpha;
    bool *ok;                                /* [grid.nx] */
} tile_row;

struct vqz_decoder {
    vqz_memory mem;
    vqz_error error;
    vqz_settings settings;
    vqz_model *models[MAX_MODELS];           /* given ones; built-in ones are opened when a file names them */
    unsigned nmodels;
    vqz_demux *demux;
    vqz_status failed;

    bool have_head, ended, has_pixel_hash;
    vqz_head head;
    vqz_metadata meta;
    vqz_grid grid;
    vqz_model *model;
    const vqz_nets *nets;
    uint64_t planned;                        /* bytes of `block` */
    bool laid_out;
    void *block;
    vqz_pool *pool;
    uint32_t max_h, max_w;                   /* largest tile in pixels */
    uint32_t plane_w;                        /* latent positions in a row of the picture */
    size_t work_bytes;
    uint8_t **work;                          /* [pool size] each work_bytes */
    tile *tiles;                             /* [grid.nx] of the row that is being collected */
    tile_row rows[ROWS_HELD];                /* tile row i is rows[i % ROWS_HELD] */
    uint8_t *band;
    uint32_t collect, deliver;               /* tile rows: being collected, next to be synthesised */
    vqz_event held;                          /* a TILE event whose row's turn may not have come; kind NONE: none */
    vqz_buffer held_payload;                 /* its own copy: the caller may send more bytes before its turn */
    uint64_t pixel_hash;
    XXH64_state_t hash;
};

static vqz_status fail(vqz_decoder *d, vqz_status s) { return d->failed = d->error.status = s; }

static uint32_t positions(uint32_t pixels) { return (pixels + VQZ_LATENT_STEP - 1) / VQZ_LATENT_STEP; }

vqz_status vqz_decoder_open(vqz_decoder **out, const vqz_settings *settings, vqz_error *error) {
    if (!out) return vqz_fail(error, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "vqz_decoder_open: NULL argument");
    *out = NULL;
    vqz_settings s;
    vqz_memory mem;
    void *p;
    VQZ_TRY(vqz_settings_read(&s, settings, error));
    vqz_memory_init(&mem, s.max_memory);
    VQZ_TRY(vqz_alloc(&mem, &p, 1, sizeof(vqz_decoder), error));
    vqz_decoder *d = p;
    d->mem = mem;
    d->settings = s;
    d->held_payload.mem = &d->mem;
    vqz_status status = vqz_demux_create(&d->demux, &d->mem, s.max_pixels, error);
    if (status != VQZ_OK) {
        vqz_decoder_close(d);
        return status;
    }
    *out = d;
    return VQZ_OK;
}

void vqz_decoder_close(vqz_decoder *d) {
    if (!d) return;
    for (uint32_t i = 0; d->tiles && i < d->grid.nx; i++) {
        vqz_buffer_free(&d->tiles[i].latent);
        vqz_buffer_free(&d->tiles[i].alpha);
    }
    vqz_buffer_free(&d->held_payload);
    vqz_pool_free(d->pool);
    vqz_free(&d->mem, d->block);
    vqz_demux_free(d->demux);
    vqz_model_unref(d->model);
    for (unsigned i = 0; i < d->nmodels; i++) vqz_model_unref(d->models[i]);
    vqz_memory mem = d->mem;
    vqz_free(&mem, d);
}

const vqz_error *vqz_decoder_error(const vqz_decoder *d) { return &d->error; }

vqz_status vqz_decoder_add_model(vqz_decoder *d, vqz_model *model) {
    if (!d || !model) return VQZ_ERR_ARGUMENT;
    if (d->nmodels == MAX_MODELS) return vqz_fail(&d->error, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "more than %d models", MAX_MODELS);
    vqz_model_ref(model);
    d->models[d->nmodels++] = model;
    return VQZ_OK;
}

vqz_status vqz_decoder_send(vqz_decoder *d, const uint8_t *data, size_t size) {
    if (!d || (!data && size)) return VQZ_ERR_ARGUMENT;
    if (d->failed) return d->failed;
    vqz_status s = vqz_demux_send(d->demux, data, size, &d->error);
    return s == VQZ_OK ? s : fail(d, s);
}

vqz_status vqz_decoder_flush(vqz_decoder *d) {
    if (!d) return VQZ_ERR_ARGUMENT;
    if (d->failed) return d->failed;
    vqz_demux_flush(d->demux);
    return VQZ_OK;
}

/* ---- the header: model, plan ------------------------------------------------------------------ */

static vqz_status find_model(vqz_decoder *d) {
    for (unsigned i = 0; i < d->nmodels; i++)
        if (memcmp(d->models[i]->id, d->head.model_id, sizeof d->head.model_id) == 0) {
            vqz_model_ref(d->model = d->models[i]);
            return VQZ_OK;
        }
    for (uint32_t i = 0; i < vqz_model_builtin_count(); i++) {
        vqz_model *m;
        VQZ_TRY(vqz_model_builtin(&m, i, &d->error));
        if (memcmp(m->id, d->head.model_id, sizeof m->id) == 0) {
            d->model = m;
            return VQZ_OK;
        }
        vqz_model_unref(m);
    }
    return VQZ_OK;                           /* reported when pixels are asked for: `info` works without */
}

/* A worker's memory: first for the latents of a tile, then, over the same bytes, for the pixels of one. */
static vqz_status layout_work(const vqz_decoder *d, uint8_t *base, size_t *bytes, uint32_t h, uint32_t w, vqz_prior *prior, vqz_synthesis *s, vqz_error *e) {
    vqz_arena a = {.base = base}, b = {.base = base};
    uint32_t ring = 2 * d->nets->synthesis_ring;
    if (prior) VQZ_TRY(vqz_prior_layout(prior, d->model, d->nets, positions(h), positions(w), &a, e));
    if (s) VQZ_TRY(vqz_synthesis_layout(s, d->model, d->nets, positions(h) + ring, positions(w) + ring, &b, e));
    if (a.overflow || b.overflow) return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "tiles of %u x %u do not fit in memory", w, h);
    *bytes = a.used > b.used ? a.used : b.used;
    return VQZ_OK;
}

static void layout_all(vqz_decoder *d, vqz_arena *a, unsigned workers) {
    uint32_t held = d->grid.ny < ROWS_HELD ? d->grid.ny : ROWS_HELD;
    VQZ_TAKE(a, d->tiles, d->grid.nx);
    VQZ_TAKE(a, d->work, workers);
    for (uint32_t i = 0; i < held; i++) {
        VQZ_TAKE(a, d->rows[i].ok, d->grid.nx);
        VQZ_TAKE(a, d->rows[i].latents, (size_t)positions(d->max_h) * d->plane_w * d->model->C);
        if (vqz_has_alpha(d->head.layout)) VQZ_TAKE(a, d->rows[i].alpha, (size_t)d->max_h * d->head.width);
    }
    VQZ_TAKE(a, d->band, (size_t)d->max_h * d->head.width * d->head.layout);
    for (unsigned i = 0; i < workers; i++) {
        uint8_t *p = vqz_take(a, d->work_bytes, 1);
        if (d->work) d->work[i] = p;
    }
}

/* Sizes only: nothing of the picture's size is allocated before this has been held against the limit. */
static vqz_status plan(vqz_decoder *d) {
    vqz_prior prior;
    vqz_synthesis synthesis;
    vqz_arena a = {0};
    d->grid = vqz_grid_of(&d->head);
    d->plane_w = positions(d->head.width);
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t x, y, w, h;
        vqz_grid_rect(&d->head, i ? d->grid.nx - 1 : 0, i ? d->grid.ny - 1 : 0, &x, &y, &w, &h);
        if (w > d->max_w) d->max_w = w;
        if (h > d->max_h) d->max_h = h;
    }
    if (d->max_w > MAX_TILE_SIDE || d->max_h > MAX_TILE_SIDE)
        return vqz_fail(&d->error, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "tiles of %u x %u: at most %d per side", d->max_w, d->max_h, MAX_TILE_SIDE);
    VQZ_TRY(vqz_model_nets(d->model, vqz_kernels_get(d->settings.cpu), &d->nets, &d->error));
    VQZ_TRY(layout_work(d, NULL, &d->work_bytes, d->max_h, d->max_w, &prior, &synthesis, &d->error));
    unsigned threads = d->grid.nx == 1 ? 1 : d->settings.threads;
    VQZ_TRY(vqz_pool_create(&d->pool, &d->mem, threads, &d->error));
    layout_all(d, &a, vqz_pool_size(d->pool));
    d->tiles = NULL;
    d->work = NULL;
    if (a.overflow) return vqz_fail(&d->error, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "a picture of %u x %u does not fit in memory", d->head.width, d->head.height);
    d->planned = a.used;
    return VQZ_OK;
}

static vqz_status take_head(vqz_decoder *d, const vqz_event *ev) {
    d->head = *ev->head;
    d->meta = *ev->meta;
    d->have_head = true;
    XXH64_reset(&d->hash, 0);
    VQZ_TRY(find_model(d));
    return d->model ? plan(d) : VQZ_OK;
}

static vqz_status allocate(vqz_decoder *d) {
    if (!d->model) {
        char id[2 * VQZ_MODEL_ID_SIZE + 1];
        for (int i = 0; i < VQZ_MODEL_ID_SIZE; i++) {
            id[2 * i] = "0123456789abcdef"[d->head.model_id[i] >> 4];
            id[2 * i + 1] = "0123456789abcdef"[d->head.model_id[i] & 15];
        }
        id[2 * VQZ_MODEL_ID_SIZE] = 0;
        return vqz_fail(&d->error, VQZ_ERR_MODEL_UNKNOWN, VQZ_NO_OFFSET, "the file needs model %s, which was not given", id);
    }
    VQZ_TRY(vqz_alloc(&d->mem, &d->block, d->planned, 1, &d->error));
    vqz_arena a = {.base = d->block};
    layout_all(d, &a, vqz_pool_size(d->pool));
    for (uint32_t i = 0; i < d->grid.nx; i++) d->tiles[i].latent.mem = d->tiles[i].alpha.mem = &d->mem;
    d->laid_out = true;
    return VQZ_OK;
}

/* ---- latents ---------------------------------------------------------------------------------- */

static vqz_status decode_tile(vqz_decoder *d, tile *t, uint32_t tx, uint8_t *work) {
    uint32_t x, y, w, h;
    vqz_grid_rect(&d->head, tx, d->collect, &x, &y, &w, &h);
    tile_row *row = &d->rows[d->collect % ROWS_HELD];
    vqz_latents latents = {row->latents + (size_t)(x / VQZ_LATENT_STEP) * d->model->C, d->plane_w};
    if (row->alpha) {
        vqz_status s = t->alpha.size ? vqz_alpha_decode(&d->mem, t->alpha.data, t->alpha.size, row->alpha + x, d->head.width, 1, w, h, &t->error) : VQZ_ERR_CORRUPT;
        if (s != VQZ_OK) return s;
    }
    if (!t->latent.size) return VQZ_ERR_CORRUPT;
    vqz_prior prior;
    size_t bytes;
    VQZ_TRY(layout_work(d, work, &bytes, h, w, &prior, NULL, &t->error));
    if (bytes > d->work_bytes) return vqz_fail(&t->error, VQZ_ERR_INTERNAL, VQZ_NO_OFFSET, "tile of %u x %u: more memory than planned", w, h);
    return vqz_latent_decode(&prior, t->latent.data, t->latent.size, &latents, d->settings.verify != 0, &t->error);
}

/* A tile that is not there: zero latents, opaque. */
static void blank_tile(vqz_decoder *d, uint32_t tx) {
    uint32_t x, y, w, h;
    vqz_grid_rect(&d->head, tx, d->collect, &x, &y, &w, &h);
    tile_row *row = &d->rows[d->collect % ROWS_HELD];
    for (uint32_t i = 0; i < positions(h); i++)
        memset(row->latents + ((size_t)i * d->plane_w + x / VQZ_LATENT_STEP) * d->model->C, 0, (size_t)positions(w) * d->model->C * sizeof *row->latents);
    for (uint32_t i = 0; row->alpha && i < h; i++) memset(row->alpha + (size_t)i * d->head.width + x, 255, w);
}

static void run_decode(void *arg, size_t tx, unsigned worker) {
    vqz_decoder *d = arg;
    tile *t = &d->tiles[tx];
    t->error = (vqz_error){.offset = VQZ_NO_OFFSET};
    t->status = decode_tile(d, t, (uint32_t)tx, d->work[worker]);
    t->ok = t->status == VQZ_OK;
}

/* All that will come of the row that is being collected is there. */
static vqz_status finish_row(vqz_decoder *d) {
    tile_row *row = &d->rows[d->collect % ROWS_HELD];
    vqz_pool_run(d->pool, d->grid.nx, run_decode, d);
    for (uint32_t tx = 0; tx < d->grid.nx; tx++) {
        tile *t = &d->tiles[tx];
        row->ok[tx] = t->ok;
        if (!t->ok && !d->settings.partial) {
            d->error = t->error;
            d->error.offset = t->latent_offset;
            return t->status;
        }
        if (!t->ok) blank_tile(d, tx);
        t->latent.size = t->alpha.size = 0;
    }
    row->decoded = true;
    d->collect++;
    if (d->collect < d->grid.ny) d->rows[d->collect % ROWS_HELD].decoded = false;
    return VQZ_OK;
}

static vqz_status take_tile(vqz_decoder *d, const vqz_event *ev) {
    uint32_t tx = ev->tile.index % d->grid.nx;
    bool alpha = ev->tile.layer == VQZ_LAYER_ALPHA;
    tile *t = &d->tiles[tx];
    *(alpha ? &t->alpha_offset : &t->latent_offset) = ev->offset;
    return vqz_buffer_append(alpha ? &t->alpha : &t->latent, ev->tile.payload, ev->tile.size, &d->error);
}

/* ---- pixels ----------------------------------------------------------------------------------- */

/* Latents of a rectangle of the picture, out of the rows held, without gaps. */
static void gather(const vqz_decoder *d, vqz_rect r, int16_t *to) {
    size_t bytes = (size_t)r.w * d->model->C * sizeof *to;
    uint32_t step = d->head.tile_height / VQZ_LATENT_STEP;
    for (uint32_t y = r.y; y < r.y + r.h; y++, to += bytes / sizeof *to) {
        uint32_t ty = y / step < d->grid.ny ? y / step : d->grid.ny - 1;
        memcpy(to, d->rows[ty % ROWS_HELD].latents + ((size_t)(y - ty * step) * d->plane_w + r.x) * d->model->C, bytes);
    }
}

static void run_synthesis(void *arg, size_t tx, unsigned worker) {
    vqz_decoder *d = arg;
    uint32_t x, y, w, h;
    vqz_grid_rect(&d->head, (uint32_t)tx, d->deliver, &x, &y, &w, &h);
    vqz_rect own = {x / VQZ_LATENT_STEP, y / VQZ_LATENT_STEP, positions(w), positions(h)};
    vqz_rect r = vqz_rect_grow(own, d->nets->synthesis_ring, d->plane_w, positions(d->head.height));
    vqz_synthesis s;
    size_t bytes;
    /* planned for the largest tile and succeeded: cannot fail for this one */
    if (layout_work(d, d->work[worker], &bytes, h, w, NULL, &s, NULL) != VQZ_OK) return;
    gather(d, r, s.latents);
    vqz_synthesise(&s, r.h, r.w);
    const tile_row *row = &d->rows[d->deliver % ROWS_HELD];
    size_t wide = (size_t)r.w * VQZ_LATENT_STEP, left = (size_t)(own.x - r.x) * VQZ_LATENT_STEP, top = (size_t)(own.y - r.y) * VQZ_LATENT_STEP;
    for (uint32_t i = 0; i < h; i++)
        vqz_row_out(d->head.layout, s.out + ((top + i) * wide + left) * 3, row->alpha ? row->alpha + (size_t)i * d->head.width + x : NULL, w,
                    d->band + ((size_t)i * d->head.width + x) * d->head.layout);
}

/* Tiles of the row that are missing or touch a missing one. */
static uint32_t count_unverified(const vqz_decoder *d) {
    uint32_t bad = 0;
    for (uint32_t tx = 0; tx < d->grid.nx; tx++) {
        bool ok = true;
        for (uint32_t ty = d->deliver ? d->deliver - 1 : 0; ty <= d->deliver + 1 && ty < d->grid.ny; ty++)
            for (uint32_t nx = tx ? tx - 1 : 0; nx <= tx + 1 && nx < d->grid.nx; nx++) ok &= d->rows[ty % ROWS_HELD].ok[nx];
        bad += !ok;
    }
    return bad;
}

static void deliver_row(vqz_decoder *d, vqz_band *band) {
    uint32_t x, y, w, h;
    vqz_grid_rect(&d->head, 0, d->deliver, &x, &y, &w, &h);
    vqz_pool_run(d->pool, d->grid.nx, run_synthesis, d);
    size_t row = (size_t)d->head.width * d->head.layout;
    *band = (vqz_band){d->band, (ptrdiff_t)row, y, h, count_unverified(d)};
    XXH64_update(&d->hash, d->band, row * h);
    d->deliver++;
}

/* ---- driving ---------------------------------------------------------------------------------- */

/* One event of the demuxer. */
static vqz_status step(vqz_decoder *d) {
    vqz_event ev;
    vqz_status s = vqz_demux_next(d->demux, &ev, d->settings.partial != 0, &d->error);
    if (s != VQZ_OK) return s;
    if (ev.kind == VQZ_EV_HEAD) return take_head(d, &ev);
    if (ev.kind == VQZ_EV_TILE) {
        if (!d->laid_out) VQZ_TRY(allocate(d));
        d->held = ev;
        d->held_payload.size = 0;
        VQZ_TRY(vqz_buffer_append(&d->held_payload, ev.tile.payload, ev.tile.size, &d->error));
        d->held.tile.payload = d->held_payload.data;
        return VQZ_OK;
    }
    d->ended = true;
    d->has_pixel_hash = ev.has_pixel_hash;
    d->pixel_hash = ev.pixel_hash;
    return d->laid_out ? VQZ_OK : allocate(d);
}

/* The held TILE goes to its row, once the rows before it are finished. */
static vqz_status use_held(vqz_decoder *d) {
    const vqz_event *ev = &d->held;
    if (ev->tile.index / d->grid.nx > d->collect) return finish_row(d);      /* earlier rows will not be completed any more */
    VQZ_TRY(take_tile(d, ev));
    d->held.kind = VQZ_EV_NONE;
    bool last = ev->tile.layer == VQZ_LAYER_LATENT && ev->tile.index + 1 == (d->collect + 1) * d->grid.nx;
    return last ? finish_row(d) : VQZ_OK;
}

/* The row to deliver is there, and so is the one below it. */
static bool row_ready(const vqz_decoder *d) {
    return d->laid_out && d->deliver < d->grid.ny && d->collect > d->deliver && (d->collect > d->deliver + 1 || d->deliver + 1 == d->grid.ny);
}

static vqz_status check_pixels(vqz_decoder *d) {
    uint64_t hash = XXH64_digest(&d->hash);
    if (!d->settings.verify || !d->has_pixel_hash || d->settings.partial || hash == d->pixel_hash) return VQZ_END;
    return vqz_fail(&d->error, VQZ_ERR_HASH, VQZ_NO_OFFSET, "the decoded pixels hash to %016llx, the file says %016llx",
                    (unsigned long long)hash, (unsigned long long)d->pixel_hash);
}

vqz_status vqz_decoder_receive(vqz_decoder *d, vqz_band *band) {
    if (!d || !band) return VQZ_ERR_ARGUMENT;
    if (d->failed) return d->failed;
    for (;;) {
        vqz_status s = VQZ_OK;
        if (row_ready(d)) {
            deliver_row(d, band);
            return VQZ_OK;
        }
        if (d->held.kind == VQZ_EV_TILE) s = use_held(d);
        else if (d->ended && d->deliver == d->grid.ny) s = check_pixels(d);
        else if (d->ended) s = finish_row(d);                        /* partial: the rest of the picture is blank */
        else s = step(d);
        if (s == VQZ_AGAIN || s == VQZ_END) return s;
        if (s != VQZ_OK) return fail(d, s);
    }
}

vqz_status vqz_decoder_info(vqz_decoder *d, vqz_file_info *info) {
    if (!d || !info) return VQZ_ERR_ARGUMENT;
    if (d->failed) return d->failed;
    if (!d->have_head) {
        vqz_status s = step(d);
        if (s == VQZ_AGAIN) return s;
        if (s != VQZ_OK) return fail(d, s);
    }
    vqz_grid g = vqz_grid_of(&d->head);
    *info = (vqz_file_info){.image = {.width = d->head.width, .height = d->head.height, .layout = (vqz_layout)d->head.layout, .orientation = d->head.orientation, .meta = d->meta},
                            .tile_width = d->head.tile_width, .tile_height = d->head.tile_height, .tiles_x = g.nx, .tiles_y = g.ny,
                            .major = VQZ_MAJOR, .minor = VQZ_MINOR, .quality_x16 = d->head.quality_x16, .peak_memory = d->planned};
    memcpy(info->image.cicp, d->head.cicp, sizeof info->image.cicp);
    memcpy(info->model_id, d->head.model_id, sizeof info->model_id);
    return VQZ_OK;
}

vqz_status vqz_probe(const uint8_t *data, size_t size) {
    enum { SIGNATURE = 8 };
    if (!data && size) return VQZ_ERR_ARGUMENT;
    if (size && memcmp(data, vqz_preamble, size < SIGNATURE ? size : SIGNATURE) != 0) return VQZ_ERR_SIGNATURE;
    if (size < VQZ_PREAMBLE_SIZE) return VQZ_AGAIN;
    return data[SIGNATURE] == VQZ_MAJOR ? VQZ_OK : VQZ_ERR_VERSION;
}
