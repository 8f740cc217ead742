/* Bytes in, frames out, each in bands: a tile row is decoded to latents when its tiles are there, and to pixels when the next row's latents are,
 * because pixels at its lower edge depend on them, and when its residuals are, where the file has any. */
#include "base/arena.h"
#include "base/pool.h"
#include "codec/alpha.h"
#include "codec/colour.h"
#include "codec/latent.h"
#include "codec/reconstruct.h"
#include "codec/residual.h"
#include "codec/settings.h"
#include "format/buffer.h"
#include "format/chunk.h"
#include "format/format.h"
#include <string.h>
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

enum { MAX_MODELS = 16, MAX_TILE_SIDE = 16384 };

/* A tile's payload of one layer while its row is incomplete. */
typedef struct part {
    vqz_buffer payload;
    uint64_t offset;                         /* of the chunk */
} part;

/* A column of the grid: the payloads of the rows that are being collected, and what became of the last ones. */
typedef struct tile {
    part layer[3];                           /* by vqz_tile_layer */
    vqz_status status;                       /* of the row that was decoded or delivered last */
    vqz_error error;
} tile;

/* A tile row, beside its latents. */
typedef struct tile_row {
    uint8_t *alpha;
    bool *ok;                                /* [grid.nx]: decoded */
} tile_row;

struct vqz_decoder {
    vqz_memory mem;
    vqz_error error;
    vqz_settings settings;
    vqz_model *models[MAX_MODELS];           /* given ones; built-in ones are opened when a file names them */
    unsigned nmodels;
    vqz_demux *demux;
    vqz_status failed;

    bool have_head, ended;                   /* ended: no more frames */
    vqz_head head;                           /* with what the present frame has of residuals and hash */
    vqz_metadata meta;
    vqz_grid grid;
    vqz_model *model;
    const vqz_nets *nets;
    vqz_recon pixels;
    uint64_t planned;                        /* bytes, all in all, the packed model included */
    size_t block_bytes;
    bool laid_out;
    void *block;
    vqz_pool *pool;
    size_t work_bytes;
    uint8_t **work;                          /* [pool size] each work_bytes */
    tile *tiles;                             /* [grid.nx] */
    tile_row rows[VQZ_ROWS_HELD];            /* tile row i is rows[i % VQZ_ROWS_HELD] */

    enum { NO_FRAME, ANNOUNCED, IN_FRAME, OVER } at; /* none yet; begun, and not asked for; being delivered; delivered, failed or left */
    vqz_frame frame;
    uint64_t frames;                         /* begun */
    vqz_status frame_status;                 /* VQZ_OK while it can be delivered, VQZ_END: has been, else why not */
    bool frame_read, has_pixel_hash;         /* all of it has been read */
    uint32_t tiles_met;                      /* TILE chunks of it */
    uint32_t collect, refined, deliver;      /* tile rows: being collected, first without all residuals, next to be synthesised */
    vqz_event held;                          /* a TILE event whose row's turn may not have come; kind NONE: none */
    vqz_buffer held_payload;                 /* its own copy: the caller may send more bytes before its turn */
    uint64_t pixel_hash;
    XXH64_state_t hash;
};

static vqz_status fail(vqz_decoder *d, vqz_status s) { return d->failed = d->error.status = s; }

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
    for (uint32_t i = 0; d->tiles && i < d->grid.nx; i++)
        for (unsigned k = 0; k < 3; k++) vqz_buffer_free(&d->tiles[i].layer[k].payload);
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

/* A worker's memory: first for the latents of a tile, then, over the same bytes, for the pixels of one. What is NULL is not laid out. */
static vqz_status layout_work(const vqz_decoder *d, uint8_t *base, size_t *bytes, uint32_t h, uint32_t w, vqz_prior *prior, vqz_synthesis *s,
                              vqz_residual *residual, vqz_error *e) {
    vqz_arena a = {.base = base}, b = {.base = base};
    if (prior) VQZ_TRY(vqz_prior_layout(prior, d->model, d->nets, vqz_positions(h), vqz_positions(w), &a, e));
    if (s) VQZ_TRY(vqz_recon_work(&d->pixels, h, w, s, &b, e));
    if (residual && d->head.residual) vqz_residual_layout(residual, w, vqz_is_gray(d->head.layout) ? 1 : 3, &b);
    if (a.overflow || b.overflow) return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "tiles of %u x %u do not fit in memory", w, h);
    *bytes = a.used > b.used ? a.used : b.used;
    return VQZ_OK;
}

static void layout_all(vqz_decoder *d, vqz_arena *a, unsigned workers) {
    uint32_t held = d->grid.ny < VQZ_ROWS_HELD ? d->grid.ny : VQZ_ROWS_HELD;
    VQZ_TAKE(a, d->tiles, d->grid.nx);
    VQZ_TAKE(a, d->work, workers);
    for (uint32_t i = 0; i < held; i++) {
        VQZ_TAKE(a, d->rows[i].ok, d->grid.nx);
        if (vqz_has_alpha(d->head.layout)) VQZ_TAKE(a, d->rows[i].alpha, (size_t)d->pixels.max_h * d->head.width);
    }
    vqz_recon_layout(&d->pixels, a);
    for (unsigned i = 0; i < workers; i++) {
        uint8_t *p = vqz_take(a, d->work_bytes, 1);
        if (d->work) d->work[i] = p;
    }
}

/* Sizes only: nothing of the picture's size is allocated before this has been held against the limit. */
static vqz_status plan(vqz_decoder *d) {
    vqz_prior prior;
    vqz_synthesis synthesis;
    vqz_residual residual;
    vqz_arena a = {0};
    VQZ_TRY(vqz_model_nets(d->model, vqz_kernels_get(d->settings.cpu), VQZ_NETS_CONTEXT | VQZ_NETS_SYNTHESIS, &d->nets, &d->error));
    vqz_recon *p = &d->pixels;
    vqz_recon_init(p, &d->head, d->model, d->nets);
    d->grid = p->grid;
    if (p->max_w > MAX_TILE_SIDE || p->max_h > MAX_TILE_SIDE)
        return vqz_fail(&d->error, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "tiles of %u x %u: at most %d per side", p->max_w, p->max_h, MAX_TILE_SIDE);
    VQZ_TRY(layout_work(d, NULL, &d->work_bytes, p->max_h, p->max_w, &prior, &synthesis, &residual, &d->error));
    VQZ_TRY(vqz_pool_create(&d->pool, &d->mem, d->settings.threads, d->grid.nx, &d->error));
    layout_all(d, &a, vqz_pool_size(d->pool));
    d->tiles = NULL;
    d->work = NULL;
    if (a.overflow) return vqz_fail(&d->error, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "a picture of %u x %u does not fit in memory", d->head.width, d->head.height);
    d->block_bytes = a.used;
    d->planned = a.used + d->mem.used + d->model->mem.used;
    return VQZ_OK;
}

static vqz_status take_head(vqz_decoder *d, const vqz_event *ev) {
    d->head = *ev->head;
    d->meta = *ev->meta;
    d->have_head = true;
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
    VQZ_TRY(vqz_alloc(&d->mem, &d->block, d->block_bytes, 1, &d->error));
    vqz_arena a = {.base = d->block};
    layout_all(d, &a, vqz_pool_size(d->pool));
    for (uint32_t i = 0; i < d->grid.nx; i++)
        for (unsigned k = 0; k < 3; k++) d->tiles[i].layer[k].payload.mem = &d->mem;
    d->laid_out = true;
    return VQZ_OK;
}

/* ---- latents ---------------------------------------------------------------------------------- */

static vqz_status decode_tile(vqz_decoder *d, tile *t, uint32_t tx, uint8_t *work) {
    uint32_t x, y, w, h;
    vqz_grid_rect(&d->head, tx, d->collect, &x, &y, &w, &h);
    uint8_t *plane = d->rows[d->collect % VQZ_ROWS_HELD].alpha;
    const vqz_buffer *latent = &t->layer[VQZ_LAYER_LATENT].payload, *alpha = &t->layer[VQZ_LAYER_ALPHA].payload;
    vqz_latents latents = vqz_recon_latents(&d->pixels, tx, d->collect);
    if (plane) {
        vqz_status s = alpha->size ? vqz_alpha_decode(&d->mem, alpha->data, alpha->size, plane + x, (ptrdiff_t)d->head.width, 1, w, h, &t->error) : VQZ_ERR_CORRUPT;
        if (s != VQZ_OK) return s;
    }
    if (!latent->size) return VQZ_ERR_CORRUPT;
    vqz_prior prior;
    size_t bytes = 0;
    VQZ_TRY(layout_work(d, work, &bytes, h, w, &prior, NULL, NULL, &t->error));
    if (bytes > d->work_bytes) return vqz_fail(&t->error, VQZ_ERR_INTERNAL, VQZ_NO_OFFSET, "tile of %u x %u: more memory than planned", w, h);
    return vqz_latent_decode(&prior, latent->data, latent->size, &latents, d->settings.verify != 0, NULL, &t->error);
}

/* A tile that is not there: zero latents, opaque. */
static void blank_tile(vqz_decoder *d, uint32_t tx) {
    uint32_t x, y, w, h;
    vqz_grid_rect(&d->head, tx, d->collect, &x, &y, &w, &h);
    uint8_t *alpha = d->rows[d->collect % VQZ_ROWS_HELD].alpha;
    vqz_latents latents = vqz_recon_latents(&d->pixels, tx, d->collect);
    for (uint32_t i = 0; i < vqz_positions(h); i++)
        memset(latents.data + i * latents.stride * d->model->C, 0, (size_t)vqz_positions(w) * d->model->C * sizeof *latents.data);
    for (uint32_t i = 0; alpha && i < h; i++) memset(alpha + (size_t)i * d->head.width + x, 255, w);
}

static void run_decode(void *arg, size_t tx, unsigned worker) {
    vqz_decoder *d = arg;
    tile *t = &d->tiles[tx];
    t->error = (vqz_error){.offset = VQZ_NO_OFFSET};
    t->status = decode_tile(d, t, (uint32_t)tx, d->work[worker]);
}

/* Alpha and latents of the row that is being collected: all that will come is there. */
static vqz_status finish_row(vqz_decoder *d) {
    tile_row *row = &d->rows[d->collect % VQZ_ROWS_HELD];
    vqz_pool_run(d->pool, d->grid.nx, run_decode, d);
    for (uint32_t tx = 0; tx < d->grid.nx; tx++) {
        tile *t = &d->tiles[tx];
        row->ok[tx] = t->status == VQZ_OK;
        if (!row->ok[tx] && !d->settings.partial) {
            d->error = t->error;
            d->error.offset = t->layer[VQZ_LAYER_LATENT].offset;
            return t->status;
        }
        if (!row->ok[tx]) blank_tile(d, tx);
        t->layer[VQZ_LAYER_LATENT].payload.size = t->layer[VQZ_LAYER_ALPHA].payload.size = 0;
    }
    d->collect++;
    return VQZ_OK;
}

static vqz_status take_tile(vqz_decoder *d, const vqz_event *ev) {
    part *p = &d->tiles[ev->tile.index % d->grid.nx].layer[ev->tile.layer];
    p->offset = ev->offset;
    return vqz_buffer_append(&p->payload, ev->tile.payload, ev->tile.size, &d->error);
}

/* ---- pixels ----------------------------------------------------------------------------------- */

static vqz_status finish_tile(vqz_decoder *d, tile *t, uint32_t tx, uint8_t *work) {
    uint32_t x, y, w, h;
    vqz_grid_rect(&d->head, tx, d->deliver, &x, &y, &w, &h);
    const tile_row *row = &d->rows[d->deliver % VQZ_ROWS_HELD];
    const vqz_buffer *payload = &t->layer[VQZ_LAYER_RESIDUAL].payload;
    vqz_synthesis s;
    vqz_residual residual;
    size_t bytes = 0, wide = (size_t)d->head.width * d->head.layout;
    VQZ_TRY(layout_work(d, work, &bytes, h, w, NULL, &s, &residual, &t->error));
    vqz_recon_tile(&d->pixels, &s, tx, d->deliver, row->alpha);
    if (!d->head.residual || !row->ok[tx]) return VQZ_OK;            /* nothing that residuals could refer to */
    if (!payload->size) return VQZ_ERR_CORRUPT;
    vqz_samples samples = {d->pixels.band + (size_t)x * d->head.layout, wide, d->head.layout};
    vqz_status status = vqz_residual_decode(&residual, payload->data, payload->size, samples, h, &t->error);
    if (status != VQZ_OK) vqz_recon_tile(&d->pixels, &s, tx, d->deliver, row->alpha);      /* the picture without them */
    return status;
}

static void run_finish(void *arg, size_t tx, unsigned worker) {
    vqz_decoder *d = arg;
    tile *t = &d->tiles[tx];
    t->error = (vqz_error){.offset = VQZ_NO_OFFSET};
    t->status = finish_tile(d, t, (uint32_t)tx, d->work[worker]);
}

/* Tiles of the row that are missing, in part or as a whole, or touch one without latents. */
static uint32_t count_unverified(const vqz_decoder *d) {
    uint32_t bad = 0;
    for (uint32_t tx = 0; tx < d->grid.nx; tx++) {
        bool ok = d->tiles[tx].status == VQZ_OK;
        for (uint32_t ty = d->deliver ? d->deliver - 1 : 0; ty <= d->deliver + 1 && ty < d->grid.ny; ty++)
            for (uint32_t nx = tx ? tx - 1 : 0; nx <= tx + 1 && nx < d->grid.nx; nx++) ok &= d->rows[ty % VQZ_ROWS_HELD].ok[nx];
        bad += !ok;
    }
    return bad;
}

static vqz_status deliver_row(vqz_decoder *d, vqz_band *band) {
    uint32_t x, y, w, h;
    vqz_grid_rect(&d->head, 0, d->deliver, &x, &y, &w, &h);
    vqz_pool_run(d->pool, d->grid.nx, run_finish, d);
    for (uint32_t tx = 0; tx < d->grid.nx; tx++) {
        tile *t = &d->tiles[tx];
        if (t->status != VQZ_OK && !d->settings.partial) {
            d->error = t->error;
            d->error.offset = t->layer[VQZ_LAYER_RESIDUAL].offset;
            return t->status;
        }
        t->layer[VQZ_LAYER_RESIDUAL].payload.size = 0;
    }
    size_t row = (size_t)d->head.width * d->head.layout;
    *band = (vqz_band){d->pixels.band, (ptrdiff_t)row, y, h, count_unverified(d)};
    if (d->head.pixel_hash && d->settings.verify) XXH64_update(&d->hash, d->pixels.band, row * h);
    d->deliver++;
    return VQZ_OK;
}

/* ---- driving ---------------------------------------------------------------------------------- */

/* What a sequence survives. */
static bool costs_a_frame(const vqz_decoder *d, vqz_status s) {
    return d->head.sequence && (s == VQZ_ERR_CHECKSUM || s == VQZ_ERR_CORRUPT || s == VQZ_ERR_VERSION || s == VQZ_ERR_HASH);
}

static void begin_frame(vqz_decoder *d, const vqz_event *ev) {
    const vqz_frame_head *f = &ev->frame;
    d->frame = (vqz_frame){.number = d->frames++, .offset = ev->offset, .pts = f->pts, .duration = f->duration, .key = f->key, .quality_x16 = f->quality_x16};
    d->at = ANNOUNCED;
    d->frame_status = VQZ_OK;
    d->frame_read = d->has_pixel_hash = false;
    d->head.pixel_hash = f->pixel_hash;
    d->head.residual = f->residual;
    d->collect = d->refined = d->deliver = d->tiles_met = 0;
    d->held.kind = VQZ_EV_NONE;
    for (uint32_t i = 0; d->laid_out && i < d->grid.nx; i++)
        for (unsigned k = 0; k < 3; k++) d->tiles[i].layer[k].payload.size = 0;
    XXH64_reset(&d->hash, 0);
}

/* The present frame is damaged, or one of which nothing is known. */
static void take_damage(vqz_decoder *d, const vqz_event *ev) {
    d->error = *ev->error;
    if (d->at == NO_FRAME || d->frame_read) begin_frame(d, ev);
    if (d->at != OVER) d->frame.status = d->frame_status = ev->error->status;
    d->frame_read = true;
}

static vqz_status take_frame_end(vqz_decoder *d, const vqz_event *ev) {
    d->frame_read = true;
    d->has_pixel_hash = ev->has_pixel_hash;
    d->pixel_hash = ev->pixel_hash;
    if (d->at == OVER) return VQZ_OK;
    if (d->head.sequence && !d->tiles_met) {     /* partial: a few bytes shall not make a picture */
        d->frame_status = vqz_fail(&d->error, VQZ_ERR_CORRUPT, d->frame.offset, "frame %llu has no tiles", (unsigned long long)d->frame.number);
        return VQZ_OK;
    }
    return d->laid_out ? VQZ_OK : allocate(d);
}

/* One event of the demuxer. */
static vqz_status step(vqz_decoder *d) {
    vqz_event ev;
    vqz_status s = vqz_demux_next(d->demux, &ev, d->settings.partial != 0, &d->error);
    if (s != VQZ_OK) return s;
    switch (ev.kind) {
    case VQZ_EV_HEAD: return take_head(d, &ev);
    case VQZ_EV_FRAME: begin_frame(d, &ev); break;
    case VQZ_EV_TILE:
        d->tiles_met++;
        if (d->at == OVER) break;
        if (!d->laid_out) VQZ_TRY(allocate(d));
        d->held = ev;
        d->held_payload.size = 0;
        VQZ_TRY(vqz_buffer_append(&d->held_payload, ev.tile.payload, ev.tile.size, &d->error));
        d->held.tile.payload = d->held_payload.data;
        break;
    case VQZ_EV_FRAME_END: return take_frame_end(d, &ev);
    case VQZ_EV_DAMAGED: take_damage(d, &ev); break;
    case VQZ_EV_END: d->ended = true; break;
    case VQZ_EV_NONE: break;
    }
    return VQZ_OK;
}

/* What is collected next: residuals as soon as the latents that their pixels depend on are there. */
static bool residuals_are_due(const vqz_decoder *d) {
    return d->head.residual && (d->collect == d->grid.ny || d->collect > d->refined + 1);
}

/* All that will come of what is collected is there. */
static vqz_status finish(vqz_decoder *d) {
    if (!residuals_are_due(d)) return finish_row(d);
    d->refined++;
    return VQZ_OK;
}

/* The held TILE goes to its row, once what comes before that in the file is finished. */
static vqz_status use_held(vqz_decoder *d) {
    const vqz_event *ev = &d->held;
    uint32_t row = ev->tile.index / d->grid.nx, layer = ev->tile.layer;
    bool due = residuals_are_due(d) ? layer == VQZ_LAYER_RESIDUAL && row == d->refined : layer != VQZ_LAYER_RESIDUAL && row == d->collect;
    if (!due) return finish(d);                                      /* what is missing will not come any more */
    VQZ_TRY(take_tile(d, ev));
    d->held.kind = VQZ_EV_NONE;
    bool last = layer != VQZ_LAYER_ALPHA && ev->tile.index + 1 == (row + 1) * d->grid.nx;
    return last ? finish(d) : VQZ_OK;
}

/* The row to deliver is there, with its residuals or, where there are none, with the latents of the row below it. */
static bool row_ready(const vqz_decoder *d) {
    if (!d->laid_out || d->deliver == d->grid.ny) return false;
    return d->head.residual ? d->refined > d->deliver : d->collect == d->grid.ny || d->collect > d->deliver + 1;
}

static vqz_status check_pixels(vqz_decoder *d) {
    uint64_t hash = XXH64_digest(&d->hash);
    if (!d->settings.verify || !d->has_pixel_hash || d->settings.partial || hash == d->pixel_hash) return VQZ_END;
    return vqz_fail(&d->error, VQZ_ERR_HASH, VQZ_NO_OFFSET, "the decoded pixels hash to %016llx, the file says %016llx",
                    (unsigned long long)hash, (unsigned long long)d->pixel_hash);
}

/* The next band of the present frame; VQZ_END behind the last one. */
static vqz_status next_band(vqz_decoder *d, vqz_band *band) {
    for (;;) {
        vqz_status s;
        if (row_ready(d)) return deliver_row(d, band);
        if (d->held.kind == VQZ_EV_TILE) s = use_held(d);
        else if (d->frame_status != VQZ_OK) return d->frame_status;
        else if (d->frame_read && d->deliver == d->grid.ny) return check_pixels(d);
        else if (d->frame_read) s = finish(d);                   /* partial: the rest of the picture is blank */
        else s = step(d);
        if (s != VQZ_OK) return s;
    }
}

/* Reads on until a frame is announced. */
static vqz_status find_frame(vqz_decoder *d) {
    while (d->at != ANNOUNCED) {
        if (d->ended) return VQZ_END;
        vqz_status s = step(d);
        if (s == VQZ_AGAIN) return s;
        if (s != VQZ_OK && s != VQZ_END) return fail(d, s);
    }
    d->at = IN_FRAME;
    return VQZ_OK;
}

vqz_status vqz_decoder_next_frame(vqz_decoder *d, vqz_frame *frame) {
    if (!d || !frame) return VQZ_ERR_ARGUMENT;
    if (d->failed) return d->failed;
    if (d->at == IN_FRAME) {
        d->at = OVER;
        d->frame_status = VQZ_END;
    }
    VQZ_TRY(find_frame(d));
    *frame = d->frame;
    return VQZ_OK;
}

vqz_status vqz_decoder_receive(vqz_decoder *d, vqz_band *band) {
    if (!d || !band) return VQZ_ERR_ARGUMENT;
    if (d->failed) return d->failed;
    if (d->at == NO_FRAME || d->at == ANNOUNCED) VQZ_TRY(find_frame(d));
    if (d->at == OVER) return d->frame_status;
    vqz_status s = next_band(d, band);
    if (s == VQZ_OK || s == VQZ_AGAIN) return s;
    if (s != VQZ_END && s != d->frame_status && !costs_a_frame(d, s)) return fail(d, s);
    d->at = OVER;
    return d->frame_status = s;
}

vqz_status vqz_decoder_send_packet(vqz_decoder *d, const uint8_t *data, size_t size) {
    if (!d || (!data && size)) return VQZ_ERR_ARGUMENT;
    if (d->failed) return d->failed;
    vqz_status s = d->have_head ? VQZ_OK : step(d);                  /* the header, if that was the last packet */
    if (s != VQZ_OK && s != VQZ_AGAIN) return fail(d, s);
    if (d->at == ANNOUNCED || d->at == IN_FRAME) {
        d->at = OVER;
        d->frame_status = VQZ_END;
        d->frame_read = true;
    }
    s = vqz_demux_send_packet(d->demux, data, size, &d->error);
    return s == VQZ_OK ? s : fail(d, s);
}

vqz_status vqz_decoder_seek(vqz_decoder *d, uint64_t offset) {
    if (!d) return VQZ_ERR_ARGUMENT;
    if (d->failed && d->failed != VQZ_ERR_TRUNCATED) return d->failed;
    VQZ_TRY(vqz_demux_seek(d->demux, offset, &d->error));
    d->failed = VQZ_OK;
    d->ended = false;
    d->at = OVER;
    d->frame_read = true;
    d->frame_status = VQZ_END;
    return VQZ_OK;
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
    info->sequence = d->head.sequence;
    info->timing = (vqz_timing){d->head.timebase_num, d->head.timebase_den, d->head.frames};
    return VQZ_OK;
}

vqz_status vqz_probe(const uint8_t *data, size_t size) {
    enum { SIGNATURE = 8 };
    if (!data && size) return VQZ_ERR_ARGUMENT;
    if (size && memcmp(data, vqz_preamble, size < SIGNATURE ? size : SIGNATURE) != 0) return VQZ_ERR_SIGNATURE;
    if (size > SIGNATURE && data[SIGNATURE] != VQZ_MAJOR) return VQZ_ERR_VERSION;
    return size < VQZ_PREAMBLE_SIZE ? VQZ_AGAIN : VQZ_OK;
}
