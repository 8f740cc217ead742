/* Tile rows of the encoder: the memory of a picture, which rows of pixels are held, and chunks in the order of the file. */
#include "codec/encoder.h"
#include "codec/colour.h"
#include <string.h>

static size_t result_count(const vqz_encoder *enc) { return (size_t)enc->grid.nx * (vqz_encoder_has_device(enc) ? enc->grid.ny : 1); }

void vqz_encoder_drop_results(vqz_encoder *enc) {
    for (size_t i = 0; enc->results && i < result_count(enc); i++) {
        tile_result *r = &enc->results[i];
        vqz_free(&enc->mem, r->latent);
        vqz_free(&enc->mem, r->alpha);
        vqz_free(&enc->mem, r->residual);
        vqz_free(&enc->mem, r->mask[0]);
        vqz_free(&enc->mem, r->mask[1]);
        *r = (tile_result){0};
    }
    vqz_free(&enc->mem, enc->synthesised);
    enc->synthesised = NULL;
}

static void layout_picture(vqz_encoder *enc, vqz_arena *a, size_t tile_bytes) {
    unsigned n = vqz_pool_size(enc->pool);
    VQZ_TAKE(a, enc->workers, n);
    VQZ_TAKE(a, enc->results, result_count(enc));
    if (enc->nets) vqz_quantizer_layout(&enc->quantizer, enc->model, enc->nets->kernels, a);
    VQZ_TAKE(a, enc->rgb, (size_t)enc->capacity * enc->head.width * 3);
    if (vqz_has_alpha(enc->head.layout)) VQZ_TAKE(a, enc->alpha, (size_t)enc->capacity * enc->head.width);
    if (enc->head.residual) vqz_recon_layout(&enc->pixels, a);
    vqz_encoder_inter_layout(enc, a);
    for (unsigned i = 0; i < n; i++) {
        uint8_t *base = vqz_take(a, tile_bytes, 1);
        if (!a->base) continue;
        enc->workers[i].arena.base = base;
        enc->workers[i].capacity = tile_bytes;
        vqz_rans_enc_init(&enc->workers[i].rans, &enc->mem);
    }
}

vqz_status vqz_encoder_plan(vqz_encoder *enc, vqz_error *e) {
    vqz_arena tile = {0}, all = {0};
    VQZ_TRY(vqz_pool_create(&enc->pool, &enc->mem, enc->settings.threads, enc->grid.nx, e));
    uint32_t h = enc->pixels.max_h, rows = h + RING_PIXELS + (enc->head.residual ? h : RING_PIXELS);
    enc->capacity = rows < enc->head.height && !vqz_encoder_has_device(enc) && !enc->inter.on ? rows : enc->head.height;
    VQZ_TRY(vqz_encoder_measure_tile(enc, &tile, e));
    layout_picture(enc, &all, tile.used);
    enc->workers = NULL;
    enc->results = NULL;
    if (tile.overflow || all.overflow) return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "a picture of %u x %u does not fit in memory", enc->head.width, enc->head.height);
    VQZ_TRY(vqz_alloc(&enc->mem, &enc->block, all.used, 1, e));
    all = (vqz_arena){.base = enc->block};
    layout_picture(enc, &all, tile.used);
    if (enc->nets) vqz_quantizer_set(&enc->quantizer, enc->lambda);
    return VQZ_OK;
}

static vqz_status write_residuals(vqz_encoder *enc, vqz_error *e) {
    if (!enc->whole) vqz_encoder_code_residuals(enc);
    for (uint32_t tx = 0; tx < enc->grid.nx; tx++) {
        tile_result *r = &vqz_encoder_results(enc, enc->residual_row)[tx];
        if (r->status != VQZ_OK) {
            *e = r->error;
            return r->status;
        }
        vqz_tile_chunk t = {.index = enc->residual_row * enc->grid.nx + tx, .layer = VQZ_LAYER_RESIDUAL, .payload = r->residual, .size = r->residual_size};
        VQZ_TRY(vqz_mux_tile(enc->mux, &t, e));
        vqz_free(&enc->mem, r->residual);
        r->residual = NULL;
    }
    enc->residual_row++;
    return VQZ_OK;
}

static vqz_status write_tile(vqz_encoder *enc, uint32_t tx, vqz_error *e) {
    tile_result *r = &vqz_encoder_results(enc, enc->tile_row)[tx];
    if (r->status != VQZ_OK) {
        *e = r->error;
        return r->status;
    }
    vqz_tile_chunk t = {.index = enc->tile_row * enc->grid.nx + tx, .layer = VQZ_LAYER_ALPHA, .payload = r->alpha, .size = r->alpha_size};
    if (enc->alpha) VQZ_TRY(vqz_mux_tile(enc->mux, &t, e));
    t.layer = VQZ_LAYER_LATENT;
    t.payload = r->latent;
    t.size = r->latent_size;
    VQZ_TRY(vqz_mux_tile(enc->mux, &t, e));
    vqz_free(&enc->mem, r->alpha);
    vqz_free(&enc->mem, r->latent);
    r->alpha = r->latent = NULL;
    return VQZ_OK;
}

/* Rows that a tile row needs: from, to (exclusive). With residuals the row before it, which still waits for its own, is needed too. */
static void rows_of(const vqz_encoder *enc, uint32_t ty, uint32_t *from, uint32_t *to) {
    uint32_t x, y, w, h;
    vqz_grid_rect(&enc->head, 0, ty, &x, &y, &w, &h);
    uint32_t above = enc->head.residual ? enc->head.tile_height : RING_PIXELS;
    *from = y > above ? y - above : 0;
    *to = y + h + RING_PIXELS < enc->head.height ? y + h + RING_PIXELS : enc->head.height;
}

static vqz_status encode_tile_row(vqz_encoder *enc, vqz_error *e) {
    if (!enc->whole) vqz_encoder_code_tiles(enc);
    for (uint32_t tx = 0; tx < enc->grid.nx; tx++) VQZ_TRY(write_tile(enc, tx, e));
    bool last = ++enc->tile_row == enc->grid.ny;
    while (enc->head.residual && enc->residual_row + !last < enc->tile_row) VQZ_TRY(write_residuals(enc, e));
    VQZ_TRY(vqz_encoder_drain(enc, e));
    if (last) {
        uint64_t hash = enc->head.pixel_hash ? XXH64_digest(&enc->hash) : 0;
        if (enc->head.sequence) VQZ_TRY(vqz_mux_frame_end(enc->mux, enc->head.pixel_hash ? &hash : NULL, e));
        else VQZ_TRY(vqz_mux_end(enc->mux, enc->head.pixel_hash ? &hash : NULL, e));
        enc->state = enc->head.sequence ? BETWEEN : DONE;
        return vqz_encoder_drain(enc, e);
    }
    if (enc->whole || enc->inter.on) return VQZ_OK;
    uint32_t from, to;
    rows_of(enc, enc->tile_row, &from, &to);
    size_t row = enc->head.width, drop = from - enc->first, keep = enc->next - from;
    memmove(enc->rgb, enc->rgb + drop * row * 3, keep * row * 3);
    if (enc->alpha) memmove(enc->alpha, enc->alpha + drop * row, keep * row);
    enc->first = from;
    return VQZ_OK;
}

vqz_status vqz_encoder_write_rows(vqz_encoder *enc, vqz_error *e) {
    for (uint32_t from, last; enc->state == ROWS; ) {
        rows_of(enc, enc->tile_row, &from, &last);
        if (enc->next < last) break;
        VQZ_TRY(encode_tile_row(enc, e));
    }
    return VQZ_OK;
}
