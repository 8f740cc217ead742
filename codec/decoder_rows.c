/* A tile row is decoded to latents when its tiles are there, and to pixels when the next row's latents are, because pixels at its lower edge
 * depend on them, and when its residuals are, where the frame has any. */
#include "codec/decoder.h"
#include "base/arena.h"
#include "codec/alpha.h"
#include "codec/colour.h"
#include "codec/latent.h"
#include "codec/pixels.h"
#include "codec/residual.h"
#include <string.h>

enum { MAX_TILE_SIDE = 16384 };

/* ---- memory ----------------------------------------------------------------------------------- */

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
    vqz_decoder_inter_layout(d, a);
    for (unsigned i = 0; i < workers; i++) {
        uint8_t *p = vqz_take(a, d->work_bytes, 1);
        if (d->work) d->work[i] = p;
    }
}

vqz_status vqz_decoder_plan(vqz_decoder *d) {
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

vqz_status vqz_decoder_allocate(vqz_decoder *d) {
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
        for (unsigned k = 0; k < 3; k++) d->tiles[i].layer[k].payload.mem = d->tiles[i].pixels[k].payload.mem = &d->mem;
    d->laid_out = true;
    return vqz_decoder_inter_allocated(d);
}

/* ---- latents ---------------------------------------------------------------------------------- */

/* A tile of the present frame without latents: zero, or in an inter frame what is not coded, with vectors of zero. */
static void zero_latents(const vqz_decoder *d, uint32_t tx, uint32_t w, uint32_t h) {
    vqz_latents latents = vqz_recon_latents(&d->pixels, tx, d->collect);
    if (d->inter.back) {
        const vqz_motion motion = vqz_decoder_inter_motion(d, tx, d->collect, w, h);
        vqz_motion_clear(&motion);
        for (uint32_t i = 0; i < motion.h; i++)
            for (uint32_t k = 0; k < motion.w; k++)
                memcpy(latents.data + (i * latents.stride + k) * d->model->C, d->inter.neutral, d->model->C * sizeof *latents.data);
        return;
    }
    for (uint32_t i = 0; i < vqz_positions(h); i++)
        memset(latents.data + i * latents.stride * d->model->C, 0, (size_t)vqz_positions(w) * d->model->C * sizeof *latents.data);
}

static vqz_status decode_tile(vqz_decoder *d, tile *t, uint32_t tx, uint8_t *work) {
    uint32_t x, y, w, h;
    vqz_grid_rect(&d->head, tx, d->collect, &x, &y, &w, &h);
    uint8_t *plane = d->rows[d->collect % VQZ_ROWS_HELD].alpha;
    const vqz_buffer *latent = &t->layer[VQZ_LAYER_LATENT].payload, *alpha = &t->layer[VQZ_LAYER_ALPHA].payload;
    vqz_latents latents = vqz_recon_latents(&d->pixels, tx, d->collect);
    part *pixels = &t->pixels[d->collect % VQZ_ROWS_HELD];
    pixels->payload.size = 0;
    pixels->offset = t->layer[VQZ_LAYER_LATENT].offset;
    if (plane) {
        vqz_status s = alpha->size ? vqz_alpha_decode(&d->mem, alpha->data, alpha->size, plane + x, (ptrdiff_t)d->head.width, 1, w, h, &t->why) : VQZ_ERR_CORRUPT;
        if (s != VQZ_OK) return s;
    }
    if (!latent->size) return VQZ_ERR_CORRUPT;
    vqz_tile_parts parts;
    VQZ_TRY(vqz_tile_split(&parts, latent->data, latent->size, &t->why));
    if (parts.pixels) VQZ_TRY(vqz_buffer_append(&pixels->payload, parts.pixels, parts.pixels_size, &t->why));
    if (!parts.latents) {
        zero_latents(d, tx, w, h);
        return VQZ_OK;
    }
    vqz_prior prior;
    size_t bytes = 0;
    VQZ_TRY(layout_work(d, work, &bytes, h, w, &prior, NULL, NULL, &t->why));
    if (bytes > d->work_bytes) return vqz_fail(&t->why, VQZ_ERR_INTERNAL, VQZ_NO_OFFSET, "tile of %u x %u: more memory than planned", w, h);
    const vqz_motion motion = d->inter.back ? vqz_decoder_inter_motion(d, tx, d->collect, w, h) : (vqz_motion){0};
    prior.motion = d->inter.back ? &motion : NULL;
    prior.neutral = d->inter.neutral;
    return vqz_latent_decode(&prior, parts.latents, parts.latents_size, &latents, d->settings.verify != 0, NULL, &t->why);
}

/* A tile that is not there: zero latents, opaque. */
static void blank_tile(vqz_decoder *d, uint32_t tx) {
    uint32_t x, y, w, h;
    vqz_grid_rect(&d->head, tx, d->collect, &x, &y, &w, &h);
    uint8_t *alpha = d->rows[d->collect % VQZ_ROWS_HELD].alpha;
    d->tiles[tx].pixels[d->collect % VQZ_ROWS_HELD].payload.size = 0;
    zero_latents(d, tx, w, h);
    for (uint32_t i = 0; alpha && i < h; i++) memset(alpha + (size_t)i * d->head.width + x, 255, w);
}

static void run_decode(void *arg, size_t tx, unsigned worker) {
    vqz_decoder *d = arg;
    tile *t = &d->tiles[tx];
    t->why = (vqz_error){.offset = VQZ_NO_OFFSET};
    t->decoded = decode_tile(d, t, (uint32_t)tx, d->work[worker]);
    d->rows[d->collect % VQZ_ROWS_HELD].ok[tx] = t->decoded == VQZ_OK;
    if (t->decoded != VQZ_OK && d->settings.partial) blank_tile(d, (uint32_t)tx);
}

/* ---- pixels ----------------------------------------------------------------------------------- */

/* The tile's samples from latents and from pixels as they are. */
static vqz_status make_tile(vqz_decoder *d, tile *t, uint32_t tx, vqz_synthesis *s, vqz_samples samples, uint32_t w, uint32_t h) {
    const uint8_t *alpha = d->rows[d->deliver % VQZ_ROWS_HELD].alpha;
    const part *p = &t->pixels[d->deliver % VQZ_ROWS_HELD];
    const vqz_pixels pixels = {.samples = samples, .w = w, .h = h, .colours = vqz_is_gray(d->head.layout) ? 1 : 3};
    if (p->payload.size && vqz_pixels_are_all(p->payload.data)) vqz_recon_alpha(&d->pixels, tx, d->deliver, alpha);
    else vqz_recon_tile(&d->pixels, s, tx, d->deliver, alpha);
    if (!p->payload.size) return VQZ_OK;
    vqz_status status = vqz_pixels_decode(&pixels, &d->mem, p->payload.data, p->payload.size, d->settings.verify != 0, &t->error);
    if (status == VQZ_OK) return status;
    vqz_recon_tile(&d->pixels, s, tx, d->deliver, alpha);
    t->error.offset = p->offset;
    return status;
}

vqz_status vqz_decoder_work(const vqz_decoder *d, uint8_t *work, uint32_t h, uint32_t w, vqz_synthesis *s, vqz_residual *residual, vqz_error *e) {
    size_t bytes = 0;
    return layout_work(d, work, &bytes, h, w, NULL, s, residual, e);
}

static vqz_status finish_tile(vqz_decoder *d, tile *t, uint32_t tx, uint8_t *work) {
    uint32_t x, y, w, h;
    vqz_grid_rect(&d->head, tx, d->deliver, &x, &y, &w, &h);
    const part *residuals = &t->layer[VQZ_LAYER_RESIDUAL];
    vqz_synthesis s;
    vqz_residual residual;
    size_t wide = (size_t)d->head.width * d->head.layout;
    vqz_samples samples = {d->pixels.band + (size_t)x * d->head.layout, wide, d->head.layout};
    VQZ_TRY(vqz_decoder_work(d, work, h, w, &s, &residual, &t->error));
    VQZ_TRY(make_tile(d, t, tx, &s, samples, w, h));
    if (!d->head.residual || !d->rows[d->deliver % VQZ_ROWS_HELD].ok[tx]) return VQZ_OK;     /* nothing that residuals could refer to */
    vqz_status status = VQZ_ERR_CORRUPT;
    if (residuals->payload.size) status = vqz_residual_decode(&residual, residuals->payload.data, residuals->payload.size, samples, h, &t->error);
    if (status == VQZ_OK) return status;
    make_tile(d, t, tx, &s, samples, w, h);              /* the picture without them */
    t->error.offset = residuals->offset;
    return status;
}

static void run_finish(void *arg, size_t tx, unsigned worker) {
    vqz_decoder *d = arg;
    tile *t = &d->tiles[tx];
    t->error = (vqz_error){.offset = VQZ_NO_OFFSET};
    t->status = finish_tile(d, t, (uint32_t)tx, d->work[worker]);
}

/* The collected row's latents, then the pixels of the row above, which depend on those of three tiles below. */
static void run_both(void *arg, size_t i, unsigned worker) {
    vqz_decoder *d = arg;
    const size_t nx = d->grid.nx, tx = i - nx;
    if (i < nx) {
        run_decode(d, i, worker);
        return;
    }
    for (size_t below = tx ? tx - 1 : 0; below <= tx + 1 && below < nx; below++) vqz_pool_wait(d->pool, below);
    run_finish(d, tx, worker);
}

vqz_status vqz_decoder_finish_row(vqz_decoder *d) {
    const bool both = !d->head.residual && d->collect == d->deliver + 1;
    vqz_decoder_inter_prepare(d);
    if (both) vqz_pool_run(d->pool, 2 * (size_t)d->grid.nx, run_both, d);
    else vqz_pool_run(d->pool, d->grid.nx, run_decode, d);
    d->made = both;
    for (uint32_t tx = 0; tx < d->grid.nx; tx++) {
        tile *t = &d->tiles[tx];
        if (t->decoded != VQZ_OK && !d->settings.partial) {
            d->error = t->why;
            d->error.offset = t->layer[VQZ_LAYER_LATENT].offset;
            return t->decoded;
        }
        t->layer[VQZ_LAYER_LATENT].payload.size = t->layer[VQZ_LAYER_ALPHA].payload.size = 0;
    }
    d->collect++;
    return VQZ_OK;
}

/* Tiles of the row that are missing, in part or as a whole, or touch one without latents. */
static uint32_t count_unverified(const vqz_decoder *d) {
    uint32_t bad = 0;
    if (d->inter.doubtful && d->inter.back) return d->grid.nx;
    for (uint32_t tx = 0; tx < d->grid.nx; tx++) {
        bool ok = d->tiles[tx].status == VQZ_OK;
        for (uint32_t ty = d->deliver ? d->deliver - 1 : 0; ty <= d->deliver + 1 && ty < d->grid.ny; ty++)
            for (uint32_t nx = tx ? tx - 1 : 0; nx <= tx + 1 && nx < d->grid.nx; nx++) ok &= d->rows[ty % VQZ_ROWS_HELD].ok[nx];
        bad += !ok;
    }
    return bad;
}

void vqz_decoder_delivered(vqz_decoder *d, vqz_band *band) {
    const bool again = d->kept.state == REPLAYING && d->deliver < d->kept.shown;
    if (d->head.pixel_hash && d->settings.verify && !again) XXH64_update(&d->hash, band->pixels, (size_t)band->stride * band->rows);
    vqz_decoder_inter_rows(d, band);
    d->deliver++;
}

vqz_status vqz_decoder_deliver_row(vqz_decoder *d, vqz_band *band) {
    uint32_t x, y, w, h;
    vqz_grid_rect(&d->head, 0, d->deliver, &x, &y, &w, &h);
    if (!d->made) vqz_pool_run(d->pool, d->grid.nx, run_finish, d);
    d->made = false;
    for (uint32_t tx = 0; tx < d->grid.nx; tx++) {
        tile *t = &d->tiles[tx];
        if (t->status != VQZ_OK && !d->settings.partial) {
            d->error = t->error;
            return t->status;
        }
        t->layer[VQZ_LAYER_RESIDUAL].payload.size = 0;
    }
    *band = (vqz_band){d->pixels.band, (ptrdiff_t)d->head.width * d->head.layout, y, h, count_unverified(d)};
    vqz_decoder_delivered(d, band);
    return VQZ_OK;
}

