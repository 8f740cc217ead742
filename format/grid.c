#include "format/grid.h"
#include "format/chunk.h"

static uint32_t cells(uint32_t size, uint32_t tile) {
    uint32_t n = size / tile, rest = size % tile;
    return n == 0 || 2 * (uint64_t)rest >= tile ? n + 1 : n;
}

vqz_grid vqz_grid_of(const vqz_head *h) {
    return (vqz_grid){cells(h->width, h->tile_width), cells(h->height, h->tile_height)};
}

void vqz_grid_rect(const vqz_head *h, uint32_t tx, uint32_t ty, uint32_t *x, uint32_t *y, uint32_t *w, uint32_t *ht) {
    vqz_grid g = vqz_grid_of(h);
    *x = tx * h->tile_width;
    *y = ty * h->tile_height;
    *w = tx + 1 == g.nx ? h->width - *x : h->tile_width;
    *ht = ty + 1 == g.ny ? h->height - *y : h->tile_height;
}

/* The longest of n cells: the first one, or the last one where a remainder was merged into it. */
static uint32_t longest(uint32_t size, uint32_t tile, uint32_t n) {
    uint32_t last = size - (n - 1) * tile;
    return n > 1 && last < tile ? tile : last;
}

uint32_t vqz_grid_tiles(const vqz_head *h) {
    vqz_grid g = vqz_grid_of(h);
    return g.nx * g.ny;
}

uint64_t vqz_grid_max_area(const vqz_head *h) {
    vqz_grid g = vqz_grid_of(h);
    return (uint64_t)longest(h->width, h->tile_width, g.nx) * longest(h->height, h->tile_height, g.ny);
}

bool vqz_grid_has_layer(const vqz_head *h, uint8_t layer) {
    switch (layer) {
    case VQZ_LAYER_LATENT: return true;
    case VQZ_LAYER_RESIDUAL: return h->residual;
    case VQZ_LAYER_ALPHA: return h->layout == VQZ_GRAYA || h->layout == VQZ_RGBA;
    default: return false;
    }
}

/* Chunks of a tile beside its residual. */
static uint32_t base_layers(const vqz_head *h) { return vqz_grid_has_layer(h, VQZ_LAYER_ALPHA) ? 2 : 1; }

uint32_t vqz_grid_chunks(const vqz_head *h) { return vqz_grid_tiles(h) * (base_layers(h) + h->residual); }

uint32_t vqz_grid_ordinal(const vqz_head *h, uint32_t index, uint8_t layer) {
    vqz_grid g = vqz_grid_of(h);
    uint32_t layers = base_layers(h), row = index / g.nx;
    if (layer == VQZ_LAYER_RESIDUAL) return (row + 2 < g.ny ? row + 2 : g.ny) * g.nx * layers + index;
    uint32_t residual_rows = h->residual && row ? row - 1 : 0;      /* that come before */
    return residual_rows * g.nx + index * layers + (layer == VQZ_LAYER_LATENT ? layers - 1 : 0);
}

uint32_t vqz_grid_payload_max(uint64_t area) { return (uint32_t)area * 16 + 4096; }

bool vqz_grid_payload_ok(const vqz_head *h, uint32_t index, uint8_t layer, size_t size) {
    uint32_t x, y, w, ht, nx = vqz_grid_of(h).nx;
    vqz_grid_rect(h, index % nx, index / nx, &x, &y, &w, &ht);
    size_t least = layer == VQZ_LAYER_LATENT ? VQZ_MIN_LATENT_PAYLOAD : VQZ_MIN_LAYER_PAYLOAD;
    return size >= least && size <= vqz_grid_payload_max((uint64_t)w * ht);
}
