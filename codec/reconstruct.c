#include "codec/reconstruct.h"
#include "codec/colour.h"
#include <string.h>

void vqz_recon_init(vqz_recon *r, const vqz_head *head, const vqz_model *model, const vqz_nets *nets) {
    *r = (vqz_recon){.head = head, .model = model, .nets = nets, .grid = vqz_grid_of(head), .plane_w = vqz_positions(head->width)};
    for (uint32_t i = 0; i < 2; i++) {       /* the first tile is a plain one, the last may have a remainder merged in */
        uint32_t x, y, w, h;
        vqz_grid_rect(head, i ? r->grid.nx - 1 : 0, i ? r->grid.ny - 1 : 0, &x, &y, &w, &h);
        if (w > r->max_w) r->max_w = w;
        if (h > r->max_h) r->max_h = h;
    }
}

void vqz_recon_layout(vqz_recon *r, vqz_arena *a) {
    uint32_t held = r->grid.ny < VQZ_ROWS_HELD ? r->grid.ny : VQZ_ROWS_HELD;
    for (uint32_t i = 0; i < held; i++) VQZ_TAKE(a, r->latents[i], (size_t)vqz_positions(r->max_h) * r->plane_w * r->model->C);
    VQZ_TAKE(a, r->band, (size_t)r->max_h * r->head->width * r->head->layout);
}

vqz_status vqz_recon_work(const vqz_recon *r, uint32_t h, uint32_t w, vqz_synthesis *s, vqz_arena *a, vqz_error *e) {
    uint32_t ring = 2 * r->model->synthesis_ring;
    return vqz_synthesis_layout(s, r->model, r->nets, vqz_positions(h) + ring, vqz_positions(w) + ring, a, e);
}

vqz_latents vqz_recon_latents(const vqz_recon *r, uint32_t tx, uint32_t ty) {
    size_t x = (size_t)tx * r->head->tile_width / VQZ_LATENT_STEP;
    return (vqz_latents){r->latents[ty % VQZ_ROWS_HELD] + x * r->model->C, r->plane_w};
}

/* Latents of a rectangle of the picture, out of the rows held, without gaps. */
static void gather(const vqz_recon *r, vqz_rect rect, int16_t *to) {
    size_t count = (size_t)rect.w * r->model->C;
    uint32_t step = r->head->tile_height / VQZ_LATENT_STEP;
    for (uint32_t y = rect.y; y < rect.y + rect.h; y++, to += count) {
        uint32_t ty = y / step < r->grid.ny ? y / step : r->grid.ny - 1;
        memcpy(to, r->latents[ty % VQZ_ROWS_HELD] + ((size_t)(y - ty * step) * r->plane_w + rect.x) * r->model->C, count * sizeof *to);
    }
}

void vqz_recon_tile(const vqz_recon *r, vqz_synthesis *s, uint32_t tx, uint32_t ty, const uint8_t *alpha) {
    const vqz_head *head = r->head;
    uint32_t x, y, w, h;
    vqz_grid_rect(head, tx, ty, &x, &y, &w, &h);
    vqz_rect own = {x / VQZ_LATENT_STEP, y / VQZ_LATENT_STEP, vqz_positions(w), vqz_positions(h)};
    vqz_rect rect = vqz_rect_grow(own, r->model->synthesis_ring, r->plane_w, vqz_positions(head->height));
    const vqz_rect part = {(own.x - rect.x) * VQZ_LATENT_STEP, (own.y - rect.y) * VQZ_LATENT_STEP, w, h};
    const size_t stride = (size_t)rect.w * VQZ_LATENT_STEP * 3;
    int16_t *samples = s->out + part.y * stride + (size_t)part.x * 3;
    if (!r->motion || !vqz_motion_is_still(r->motion, own.x, own.y, own.w, own.h)) {
        gather(r, rect, s->latents);
        vqz_synthesise(s, rect.h, rect.w, part);
    }
    if (r->motion) vqz_motion_add(&r->reference, r->motion, x, y, w, h, samples, stride);
    for (uint32_t i = 0; i < h; i++)
        vqz_row_out(head->layout, samples + i * stride, alpha ? alpha + (size_t)i * head->width + x : NULL, w,
                    r->band + ((size_t)i * head->width + x) * head->layout);
}

void vqz_recon_alpha(const vqz_recon *r, uint32_t tx, uint32_t ty, const uint8_t *alpha) {
    const uint32_t layout = r->head->layout;
    uint32_t x, y, w, h;
    vqz_grid_rect(r->head, tx, ty, &x, &y, &w, &h);
    for (uint32_t i = 0; alpha && i < h; i++) {
        const uint8_t *from = alpha + (size_t)i * r->head->width + x;
        uint8_t *to = r->band + ((size_t)i * r->head->width + x) * layout + layout - 1;
        for (uint32_t k = 0; k < w; k++, to += layout) *to = from[k];
    }
}
