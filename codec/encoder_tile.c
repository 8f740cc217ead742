/* A tile of the encoder: its alpha, latents or pixels as they are, and residuals. Tiles of a row are coded side by side. */
#include "codec/encoder.h"
#include "codec/alpha.h"
#include "codec/colour.h"
#include "codec/masking.h"
#include "codec/residual.h"
#include "codec/screen.h"
#include "codec/vivid.h"

/* ---- memory ------------------------------------------------------------------------------------- */

/* A worker's memory for one tile of h x w pixels. With residuals the latents are kept with the picture instead. */
static vqz_status layout_tile(const vqz_encoder *enc, vqz_arena *a, uint32_t h, uint32_t w, vqz_analysis *an, vqz_prior *prior, vqz_latents *y,
                              vqz_synthesis *s, vqz_refine *refine, inter_work *inter, vqz_error *e) {
    uint32_t ph = vqz_positions(h), pw = vqz_positions(w);
    y->stride = pw;
    if (!enc->head.residual) VQZ_TAKE(a, y->data, (size_t)ph * pw * enc->model->C);
    VQZ_TRY(vqz_prior_layout(prior, enc->model, enc->nets, ph, pw, a, e));
    vqz_encoder_inter_layout_tile(enc, a, ph, pw, inter);
    const uint32_t ring = 2 * VQZ_ANALYSIS_RING;
    if (enc->correct || enc->rounds) VQZ_TRY(vqz_synthesis_layout(s, enc->model, enc->nets, ph + ring, pw + ring, a, e));
    if (enc->rounds) VQZ_TRY(vqz_refine_layout(refine, &enc->refiner, s, ph, pw, a, e));
    return vqz_analysis_layout(an, enc->model, enc->nets, ph + ring, pw + ring, a, e);
}

/* The same memory for the residuals of a tile. */
static vqz_status layout_residual(vqz_encoder *enc, vqz_arena *a, uint32_t h, uint32_t w, vqz_synthesis *s, vqz_residual *r, vqz_error *e) {
    vqz_residual_layout(r, w, vqz_is_gray(enc->head.layout) ? 1 : 3, a);
    return vqz_recon_work(&enc->pixels, h, w, s, a, e);
}

vqz_status vqz_encoder_measure_tile(vqz_encoder *enc, vqz_arena *need, vqz_error *e) {
    const uint32_t h = enc->pixels.max_h, w = enc->pixels.max_w;
    vqz_arena residual = {0};
    vqz_analysis an;
    vqz_prior prior;
    vqz_latents y;
    vqz_refine refine;
    vqz_synthesis s;
    inter_work inter;
    vqz_residual r;
    if (!enc->settings.lossless) VQZ_TRY(layout_tile(enc, need, h, w, &an, &prior, &y, &s, &refine, &inter, e));
    if (enc->head.residual) VQZ_TRY(layout_residual(enc, &residual, h, w, &s, &r, e));
    need->overflow |= residual.overflow;
    if (residual.used > need->used) need->used = residual.used;
    return VQZ_OK;
}

/* ---- alpha and latents -------------------------------------------------------------------------- */

static vqz_status encode_alpha(vqz_encoder *enc, uint32_t x, uint32_t y, uint32_t width, uint32_t height, tile_result *r) {
    if (!enc->alpha) return VQZ_OK;
    const uint8_t *plane = enc->alpha + (size_t)(y - enc->first) * enc->head.width + x;
    return vqz_alpha_encode(&enc->mem, plane, (ptrdiff_t)enc->head.width, 1, width, height, &r->alpha, &r->alpha_size, &r->error);
}

/* A tile of a picture whose rows are held from `first` on. */
typedef struct source {
    const uint8_t *rgb;
    uint32_t first, picture_width, picture_height;
    uint32_t x, y, width, height;
} source;

static const uint8_t *pixels_of(const source *s) { return s->rgb + ((size_t)(s->y - s->first) * s->picture_width + s->x) * 3; }
static bool is_vivid(const source *s) { return vqz_is_vivid(pixels_of(s), (size_t)s->picture_width * 3, s->width, s->height); }

static vqz_status correct_vivid(const vqz_encoder *enc, vqz_analysis *an, const source *s, vqz_rect rect, const vqz_latents *y, vqz_memory *mem, vqz_error *e) {
    const vqz_nets *nets;
    VQZ_TRY(vqz_model_nets(enc->model, enc->nets->kernels, VQZ_NETS_SYNTHESIS, &nets, e));
    return vqz_vivid_correct(an, nets, mem, s->picture_width, s->picture_height, rect, y, e);
}

/* kept: where the latents are to be left, NULL: nowhere. */
static vqz_status encode_latents(const vqz_encoder *enc, worker *w, const source *s, const vqz_latents *kept, vqz_memory *mem,
                                 uint8_t **payload, size_t *size, vqz_error *e) {
    vqz_analysis an;
    vqz_prior prior;
    vqz_latents latents;
    vqz_synthesis synthesis;
    vqz_refine refine;
    inter_work inter;
    vqz_arena a = {.base = w->arena.base};
    VQZ_TRY(layout_tile(enc, &a, s->height, s->width, &an, &prior, &latents, &synthesis, &refine, &inter, e));
    if (a.used > w->capacity) return vqz_fail(e, VQZ_ERR_INTERNAL, VQZ_NO_OFFSET, "tile of %u x %u: more memory than planned", s->width, s->height);
    if (kept) latents = *kept;
    const size_t stride = (size_t)s->picture_width * 3;
    const uint8_t *rgb = pixels_of(s);
    vqz_rect rect = {s->x / VQZ_LATENT_STEP, s->y / VQZ_LATENT_STEP, vqz_positions(s->width), vqz_positions(s->height)};
    const bool vivid = !enc->inter.inter && is_vivid(s);
    vqz_analyse(&an, enc->inter.inter ? enc->inter.missing : s->rgb, stride, s->first, s->picture_width, s->picture_height, rect, enc->correct || vivid, &latents, &prior, &enc->model->level[enc->level]);
    if (vivid) VQZ_TRY(correct_vivid(enc, &an, s, rect, &latents, mem, e));
    else if (enc->correct) vqz_analysis_correct(&an, &synthesis, s->picture_width, s->picture_height, rect, &latents);
    const uint8_t unit = enc->unit && vqz_masking(rgb, stride, s->width, s->height, prior.steps) ? enc->unit : 0;
    if (enc->inter.inter) return vqz_encoder_inter_tile(enc, &w->rans, &inter, &prior, unit, rect, &latents, mem, payload, size, e);
    if (!enc->rounds)
        return vqz_latent_encode(&prior, &w->rans, (uint8_t)enc->level, unit, &enc->quantizer, &latents, mem, payload, size, e);
    const vqz_refine_tile t = {
        .rgb = rgb, .stride = stride, .width = s->width, .height = s->height, .h = rect.h, .w = rect.w,
        .left = s->x > 0, .top = s->y > 0, .right = s->x + s->width < s->picture_width, .bottom = s->y + s->height < s->picture_height,
        .unit = unit, .steps = prior.steps};
    return vqz_refine_encode(&refine, enc->rounds, &t, &prior, &w->rans, (uint8_t)enc->level, &enc->quantizer, &latents, mem, payload, size, e);
}

static vqz_status encode_tile(vqz_encoder *enc, worker *w, uint32_t tx, tile_result *r) {
    source s = {.rgb = enc->rgb, .first = enc->first, .picture_width = enc->head.width, .picture_height = enc->head.height};
    vqz_grid_rect(&enc->head, tx, enc->tile_row, &s.x, &s.y, &s.width, &s.height);
    const vqz_latents kept = enc->head.residual ? vqz_recon_latents(&enc->pixels, tx, enc->tile_row) : (vqz_latents){0};
    if (enc->whole && !r->vivid) return VQZ_OK;              /* the GPU has */
    vqz_free(&enc->mem, r->latent);
    r->latent = NULL;
    return encode_latents(enc, w, &s, kept.data ? &kept : NULL, &enc->mem, &r->latent, &r->latent_size, &r->error);
}

/* A tile without latents, as it is. */
static vqz_status encode_exact(vqz_encoder *enc, worker *w, uint32_t tx, tile_result *r) {
    uint32_t x, y, width, height;
    vqz_grid_rect(&enc->head, tx, enc->tile_row, &x, &y, &width, &height);
    const size_t row = enc->head.width, at = (y - enc->first) * row + x;
    const vqz_pixels p = {.samples = {enc->rgb + at * 3, row * 3, 3}, .w = width, .h = height, .colours = vqz_is_gray(enc->head.layout) ? 1 : 3};
    return vqz_exact_encode(&p, &w->rans, &r->latent, &r->latent_size, &r->error);
}

/* Latents of samples that take a tile's place, as if it were a picture of its own. */
typedef struct substitute {
    vqz_encoder *enc;
    worker *w;
    uint32_t width, height;
} substitute;

static vqz_status encode_substitute(void *arg, const uint8_t *rgb, uint8_t **payload, size_t *size, vqz_error *e) {
    const substitute *s = arg;
    const source src = {.rgb = rgb, .picture_width = s->width, .picture_height = s->height, .width = s->width, .height = s->height};
    const uint32_t ph = vqz_positions(s->height), pw = vqz_positions(s->width);
    void *data = NULL;
    if (s->enc->head.residual) VQZ_TRY(vqz_alloc(&s->enc->mem, &data, (size_t)ph * pw * s->enc->model->C, sizeof(int16_t), e));
    const vqz_latents kept = {data, pw};
    vqz_status status = encode_latents(s->enc, s->w, &src, data ? &kept : NULL, &s->enc->mem, payload, size, e);
    vqz_free(&s->enc->mem, data);
    return status;
}

/* Pixels instead of latents, where the tile is better with them. */
static vqz_status consider_pixels(vqz_encoder *enc, worker *w, uint32_t tx, tile_result *r) {
    uint32_t x, y, width, height;
    vqz_grid_rect(&enc->head, tx, enc->tile_row, &x, &y, &width, &height);
    const size_t row = enc->head.width;
    const vqz_samples rgb = {enc->rgb + ((y - enc->first) * row + x) * 3, row * 3, 3};
    uint8_t *mask;
    substitute s = {enc, w, width, height};
    vqz_screen t = {.model = enc->model, .rans = &w->rans, .rgb = rgb, .w = width, .h = height, .colours = vqz_is_gray(enc->head.layout) ? 1 : 3,
                    .quality_x16 = enc->head.quality_x16, .alone = enc->grid.nx * enc->grid.ny == 1, .exact = enc->head.residual,
                    .encode = encode_substitute, .arg = &s};
    VQZ_TRY(vqz_model_nets(enc->model, enc->nets->kernels, VQZ_NETS_CONTEXT | VQZ_NETS_SYNTHESIS, &t.nets, &r->error));
    VQZ_TRY(vqz_screen_encode(&t, &r->latent, &r->latent_size, &mask, &r->error));
    if (!enc->head.residual) vqz_free(&enc->mem, mask);
    else r->mask[enc->tile_row % 2] = mask;
    if (!enc->head.residual || !mask || enc->whole) return VQZ_OK;
    const vqz_latents latents = vqz_recon_latents(&enc->pixels, tx, enc->tile_row);
    return vqz_screen_latents(&t, r->latent, r->latent_size, &latents, &r->error);
}

static void run_look(void *arg, size_t tx, unsigned number) {
    vqz_encoder *enc = arg;
    tile_result *r = &vqz_encoder_results(enc, enc->tile_row)[tx];
    source s = {.rgb = enc->rgb, .first = enc->first, .picture_width = enc->head.width, .picture_height = enc->head.height};
    uint8_t **mask = &r->mask[enc->tile_row % 2];
    (void)number;
    vqz_grid_rect(&enc->head, (uint32_t)tx, enc->tile_row, &s.x, &s.y, &s.width, &s.height);
    const vqz_samples rgb = {enc->rgb + (pixels_of(&s) - enc->rgb), (size_t)s.picture_width * 3, 3};
    vqz_free(&enc->mem, *mask);
    *mask = NULL;
    r->vivid = enc->whole && is_vivid(&s);
    r->screen = !enc->settings.lossless && !enc->inter.inter && vqz_looks_like_screen(rgb, s.width, s.height);
    r->status = encode_alpha(enc, s.x, s.y, s.width, s.height, r);
}

void vqz_encoder_look_at_tiles(vqz_encoder *enc) { vqz_pool_run(enc->pool, enc->grid.nx, run_look, enc); }

static void run_tile(void *arg, size_t tx, unsigned number) {
    vqz_encoder *enc = arg;
    worker *w = &enc->workers[number];
    tile_result *r = &vqz_encoder_results(enc, enc->tile_row)[tx];
    if (!enc->whole) run_look(enc, tx, number);
    if (r->status == VQZ_OK) r->status = (enc->settings.lossless ? encode_exact : encode_tile)(enc, w, (uint32_t)tx, r);
    if (r->status == VQZ_OK && r->screen) r->status = consider_pixels(enc, w, (uint32_t)tx, r);
}

void vqz_encoder_code_tiles(vqz_encoder *enc) { vqz_pool_run(enc->pool, enc->grid.nx, run_tile, enc); }

/* ---- residuals ---------------------------------------------------------------------------------- */

static vqz_status encode_residual(vqz_encoder *enc, worker *w, uint32_t tx, tile_result *r) {
    uint32_t x, y, width, height;
    vqz_grid_rect(&enc->head, tx, enc->residual_row, &x, &y, &width, &height);
    vqz_synthesis s;
    vqz_residual residual;
    vqz_arena a = {.base = w->arena.base};
    VQZ_TRY(layout_residual(enc, &a, height, width, &s, &residual, &r->error));
    if (a.used > w->capacity) return vqz_fail(&r->error, VQZ_ERR_INTERNAL, VQZ_NO_OFFSET, "tile of %u x %u: more memory than planned", width, height);
    if (!enc->synthesised) vqz_recon_tile(&enc->pixels, &s, tx, enc->residual_row, NULL);
    size_t row = enc->head.width, layout = enc->head.layout, at = (y - enc->first) * row + x;
    uint8_t *made = (enc->synthesised ? enc->synthesised + y * row * layout : enc->pixels.band) + x * layout;
    const uint8_t *mask = r->mask[enc->residual_row % 2];
    uint32_t target = enc->target;
    if (mask) {
        const vqz_samples from = {enc->rgb + at * 3, row * 3, 3}, to = {made, row * layout, layout};
        target = vqz_screen_show(mask, from, to, width, height, residual.colours, enc->alpha ? enc->alpha + at : NULL, row, target);
    }
    vqz_residual_source src = {.original = {enc->rgb + at * 3, row * 3, 3}, .synthesised = {made, row * layout, layout},
                               .alpha = enc->alpha ? enc->alpha + at : NULL, .alpha_stride = row};
    return vqz_residual_encode(&residual, &w->rans, &src, height, target, &r->residual, &r->residual_size, &r->error);
}

static void run_residual(void *arg, size_t tx, unsigned number) {
    vqz_encoder *enc = arg;
    tile_result *r = &vqz_encoder_results(enc, enc->residual_row)[tx];
    r->status = encode_residual(enc, &enc->workers[number], (uint32_t)tx, r);
}

void vqz_encoder_code_residuals(vqz_encoder *enc) { vqz_pool_run(enc->pool, enc->grid.nx, run_residual, enc); }
