/* Frames that go to a GPU as a whole. Whatever is not as it should be, a frame that is not complete, a damaged payload, a GPU that fails, goes the processor's
 * way from its beginning: what a caller sees of it is the same. */
#include "codec/alpha.h"
#include "codec/colour.h"
#include "codec/decoder.h"
#include "codec/pixels.h"
#include <string.h>

enum { LAYERS = 3 };

static uint32_t all_tiles(const vqz_decoder *d) { return d->grid.nx * d->grid.ny; }

void vqz_decoder_keep_none(vqz_decoder *d) {
    d->kept.state = d->settings.device && !d->inter.back ? KEEPING : NOT_KEPT;
    d->kept.count = d->kept.replayed = d->kept.shown = 0;
    d->kept.doubted = false;
    d->kept.bytes.size = 0;
    if (d->kept.tile) memset(d->kept.tile, 0, (size_t)LAYERS * all_tiles(d) * sizeof *d->kept.tile);
}

void vqz_decoder_keep_end(vqz_decoder *d) {
    if (d->kept.state == KEEPING) d->kept.state = REPLAYING;
}

static vqz_status make_room(vqz_decoder *d, vqz_error *e) {
    kept_frame *k = &d->kept;
    const uint32_t tiles = all_tiles(d);
    void *p;
    if (k->tile) return VQZ_OK;
    VQZ_TRY(vqz_alloc(&d->mem, &p, tiles, LAYERS * (sizeof *k->tile + sizeof *k->order) + sizeof *k->latents, e));
    k->tile = p;
    k->latents = (vqz_backend_payload *)(void *)(k->tile + (size_t)LAYERS * tiles);
    k->order = (uint32_t *)(void *)(k->latents + tiles);
    return VQZ_OK;
}

/* ---- all tiles are there ------------------------------------------------------------------------ */

/* False: nothing in it is for a GPU, or something is damaged. */
static bool find_latents(vqz_decoder *d) {
    const kept_tile *t = d->kept.tile + (size_t)VQZ_LAYER_LATENT * all_tiles(d);
    bool any = false;
    for (uint32_t i = 0; i < all_tiles(d); i++, t++) {
        vqz_tile_parts parts;
        vqz_error e;
        if (vqz_tile_split(&parts, d->kept.bytes.data + t->at, t->size, &e) != VQZ_OK) return false;
        d->kept.latents[i] = (vqz_backend_payload){parts.latents, parts.latents_size};
        any |= parts.latents != NULL;
    }
    return any;
}

static vqz_status decode(vqz_decoder *d, vqz_error *e) {
    kept_frame *k = &d->kept;
    if (!k->samples) {
        void *p;
        VQZ_TRY(vqz_alloc(&d->mem, &p, (size_t)d->head.width * d->head.height, d->head.layout, e));
        k->samples = p;
    }
    return vqz_device_decode(d->settings.device, d->model, &d->mem, &d->head, k->latents, d->settings.verify != 0, k->samples, e);
}

/* Alpha comes before anything is shown: where it is damaged, its tile has no latents, which neighbours see. */
typedef struct alpha_work {
    vqz_decoder *d;
    atomic_bool wrong;
} alpha_work;

static void run_alpha(void *arg, size_t i, unsigned worker) {
    alpha_work *a = arg;
    vqz_decoder *d = a->d;
    const kept_tile *t = &d->kept.tile[(size_t)VQZ_LAYER_ALPHA * all_tiles(d) + i];
    const size_t layout = d->head.layout, row = d->head.width * layout;
    uint32_t x, y, w, h;
    vqz_error e;
    (void)worker;
    vqz_grid_rect(&d->head, (uint32_t)i % d->grid.nx, (uint32_t)i / d->grid.nx, &x, &y, &w, &h);
    uint8_t *to = d->kept.samples + y * row + x * layout + layout - 1;
    if (!t->size || vqz_alpha_decode(&d->mem, d->kept.bytes.data + t->at, t->size, to, (ptrdiff_t)row, layout, w, h, &e) != VQZ_OK) atomic_store(&a->wrong, true);
}

static bool decode_alpha(vqz_decoder *d) {
    alpha_work a = {.d = d};
    if (vqz_has_alpha(d->head.layout)) vqz_pool_run(d->pool, all_tiles(d), run_alpha, &a);
    return !a.wrong;
}

static vqz_status use_device(vqz_decoder *d) {
    vqz_error why = {.offset = VQZ_NO_OFFSET};
    d->kept.state = REPLAYING;
    if (!find_latents(d)) return VQZ_OK;
    const vqz_status s = decode(d, &why);
    if (s == VQZ_OK && decode_alpha(d)) d->kept.state = ON_DEVICE;
    d->kept.doubted = s == VQZ_ERR_CORRUPT && !vqz_device_is_optional(d->settings.device);
    if (s == VQZ_OK || s == VQZ_ERR_CORRUPT || vqz_device_is_optional(d->settings.device)) return VQZ_OK;
    d->error = why;
    return s;
}

vqz_status vqz_decoder_keep(vqz_decoder *d, const vqz_event *ev, bool *taken) {
    kept_frame *k = &d->kept;
    *taken = k->state == KEEPING;
    if (!*taken) return VQZ_OK;
    VQZ_TRY(make_room(d, &d->error));
    const uint32_t place = ev->tile.layer * all_tiles(d) + ev->tile.index;
    k->tile[place] = (kept_tile){k->bytes.size, ev->tile.size, ev->offset};
    k->order[k->count++] = place;
    VQZ_TRY(vqz_buffer_append(&k->bytes, ev->tile.payload, ev->tile.size, &d->error));
    const uint32_t layers = 1u + vqz_has_alpha(d->head.layout) + d->head.residual;
    return k->count == layers * all_tiles(d) ? use_device(d) : VQZ_OK;
}

bool vqz_decoder_replay(vqz_decoder *d) {
    kept_frame *k = &d->kept;
    if (k->state != REPLAYING || k->replayed == k->count) return false;
    const uint32_t place = k->order[k->replayed++];
    const kept_tile *t = &k->tile[place];
    d->held = (vqz_event){.kind = VQZ_EV_TILE, .offset = t->offset};
    d->held.tile = (vqz_tile_chunk){.index = place % all_tiles(d), .layer = (uint8_t)(place / all_tiles(d)), .payload = k->bytes.data + t->at, .size = t->size};
    return true;
}

/* ---- rows ------------------------------------------------------------------------------------- */

/* What is not the GPU's: pixels as they are, residuals. */
static vqz_status finish_tile(vqz_decoder *d, tile *t, uint32_t tx, uint8_t *work) {
    const uint32_t tiles = all_tiles(d), index = d->deliver * d->grid.nx + tx;
    const kept_tile *residual = &d->kept.tile[VQZ_LAYER_RESIDUAL * tiles + index], *latent = &d->kept.tile[VQZ_LAYER_LATENT * tiles + index];
    const uint8_t *bytes = d->kept.bytes.data;
    uint32_t x, y, w, h;
    vqz_grid_rect(&d->head, tx, d->deliver, &x, &y, &w, &h);
    const vqz_samples samples = {d->pixels.band + (size_t)x * d->head.layout, (size_t)d->head.width * d->head.layout, d->head.layout};
    if (d->head.residual && !residual->size) return VQZ_ERR_CORRUPT;
    vqz_tile_parts parts;
    VQZ_TRY(vqz_tile_split(&parts, bytes + latent->at, latent->size, &t->error));
    const vqz_pixels pixels = {.samples = samples, .w = w, .h = h, .colours = vqz_is_gray(d->head.layout) ? 1 : 3};
    if (parts.pixels) VQZ_TRY(vqz_pixels_decode(&pixels, &d->mem, parts.pixels, parts.pixels_size, d->settings.verify != 0, &t->error));
    if (!d->head.residual) return VQZ_OK;
    vqz_synthesis s;
    vqz_residual r;
    VQZ_TRY(vqz_decoder_work(d, work, h, w, &s, &r, &t->error));
    return vqz_residual_decode(&r, bytes + residual->at, residual->size, samples, h, &t->error);
}

static void run_finish(void *arg, size_t tx, unsigned worker) {
    vqz_decoder *d = arg;
    d->tiles[tx].status = finish_tile(d, &d->tiles[tx], (uint32_t)tx, d->work[worker]);
}

vqz_status vqz_decoder_device_row(vqz_decoder *d, vqz_band *band) {
    uint32_t x, y, w, h;
    const size_t row = (size_t)d->head.width * d->head.layout;
    uint8_t *own = d->pixels.band;
    vqz_grid_rect(&d->head, 0, d->deliver, &x, &y, &w, &h);
    d->pixels.band = d->kept.samples + y * row;
    vqz_pool_run(d->pool, d->grid.nx, run_finish, d);
    *band = (vqz_band){d->pixels.band, (ptrdiff_t)row, y, h, 0};
    d->pixels.band = own;
    for (uint32_t tx = 0; tx < d->grid.nx; tx++)
        if (d->tiles[tx].status != VQZ_OK) {
            d->kept.state = REPLAYING;
            d->kept.shown = d->deliver;
            d->deliver = 0;
            return VQZ_AGAIN;
        }
    vqz_decoder_delivered(d, band);
    return VQZ_OK;
}
