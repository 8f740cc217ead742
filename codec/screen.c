#include "codec/screen.h"
#include "base/arena.h"
#include "base/pixelmath.h"
#include "codec/colour.h"
#include "codec/latent.h"
#include "codec/palette.h"
#include "codec/reconstruct.h"
#include <stdlib.h>

enum { BLOCK = VQZ_PIXEL_BLOCK };

static bool has_few_colours(vqz_samples s, uint32_t w, uint32_t h, bool *gray) {
    enum { STEP = 3, FEW = 512, EACH = 16, SLOTS = 2048 };
    uint32_t slot[SLOTS] = {0}, n = 0, pixels = 0;
    *gray = true;
    for (uint32_t y = 0; y < h; y += STEP, pixels += w)
        for (uint32_t x = 0; x < w; x++) {
            const uint8_t *p = s.data + y * s.stride + x * s.step;
            const uint32_t colour = 1 + vqz_colour(p);
            uint32_t at = colour * UINT32_C(0x9E3779B1) >> 21;
            *gray &= p[0] == p[1] && p[1] == p[2];
            while (slot[at] && slot[at] != colour) at = (at + 1) % SLOTS;
            if (slot[at]) continue;
            if (++n > FEW) return false;
            slot[at] = colour;
        }
    return n * EACH <= pixels;
}

/* How many of the pixels that have one have the colour of the pixel to the left or above, in percent. */
static unsigned repeated(const vqz_pixels *p) {
    uint64_t same = 0, all = 0;
    for (uint32_t y = 0; y < p->h; y++) {
        const uint8_t *row = p->samples.data + y * p->samples.stride, *up = y ? row - p->samples.stride : row;
        for (uint32_t x = 1; x < p->w; x++) {
            const size_t at = x * p->samples.step;
            same += !memcmp(row + at, row + at - p->samples.step, p->colours) || (y && !memcmp(row + at, up + at, p->colours));
        }
        all += p->w - 1;
    }
    return all ? (unsigned)(100 * same / all) : 100;
}

static vqz_status encode(const vqz_pixels *p, unsigned flags, vqz_rans_enc *rans, void **out, size_t *size, vqz_error *e) {
    *out = NULL;
    *size = 1;
    VQZ_TRY(vqz_alloc(rans->mem, out, 1, 1, e));
    *(uint8_t *)*out = VQZ_TILE_PIXELS;
    vqz_status s = vqz_pixels_encode(p, flags, rans, out, size, e);
    if (s != VQZ_OK) vqz_free(rans->mem, *out);
    return s;
}

vqz_status vqz_exact_encode(const vqz_pixels *p, vqz_rans_enc *rans, uint8_t **out, size_t *size, vqz_error *e) {
    enum { PHOTO = 25, SCREEN = 75 };        /* in between both ways are tried */
    bool gray;
    const unsigned percent = has_few_colours(p->samples, p->w, p->h, &gray) ? SCREEN - 1 : repeated(p);
    void *data, *other;
    size_t other_size;
    VQZ_TRY(encode(p, percent < PHOTO ? 0 : VQZ_PIXELS_MEMORY, rans, &data, size, e));
    if (percent >= PHOTO && percent < SCREEN) {
        vqz_status s = encode(p, 0, rans, &other, &other_size, e);
        if (s != VQZ_OK) {
            vqz_free(rans->mem, data);
            return s;
        }
        const bool better = other_size < *size;
        vqz_free(rans->mem, better ? data : other);
        if (better) data = other;
        if (better) *size = other_size;
    }
    *out = data;
    return VQZ_OK;
}

/* ---- pixels or latents ------------------------------------------------------------------------ */

/* A block's pixels: how many repeat the one to the left or above, the range of green, how many follow two of one colour by a jump, how many are a little
 * unlike one of those beside them, and how many much. */
typedef struct look {
    unsigned repeated, pixels, range, jumps, gentle, steep;
} look;

static bool same(const uint8_t *a, const uint8_t *b) { return a[0] == b[0] && a[1] == b[1] && a[2] == b[2]; }

static int farthest(const uint8_t *a, const uint8_t *b) {
    int most = 0;
    for (int k = 0; k < 3; k++) most = abs(a[k] - b[k]) > most ? abs(a[k] - b[k]) : most;
    return most;
}

/* step: only every so many rows. */
static look look_at(vqz_samples s, uint32_t w, uint32_t h, uint32_t bx, uint32_t by, uint32_t step) {
    enum { JUMP = 32, GENTLE = 3 };
    look l = {0};
    int low = 255, high = 0;
    for (uint32_t y = by * BLOCK; y < h && y < (by + 1) * BLOCK; y += step) {
        const uint8_t *p = s.data + y * s.stride + (size_t)bx * BLOCK * s.step;
        for (uint32_t x = bx * BLOCK; x < w && x < (bx + 1) * BLOCK; x++, p += s.step) {
            l.repeated += (x && same(p, p - s.step)) || (y && same(p, p - s.stride));
            l.pixels++;
            if (p[1] < low) low = p[1];
            if (p[1] > high) high = p[1];
            const int left = x ? farthest(p, p - s.step) : 0, up = y ? farthest(p, p - s.stride) : 0, most = left > up ? left : up;
            l.gentle += most && most <= GENTLE;
            l.steep += most > GENTLE;
            l.jumps += x > 1 && abs(p[1] - p[1 - (ptrdiff_t)s.step]) >= JUMP && same(p - s.step, p - 2 * s.step);
        }
    }
    l.range = high > low ? (unsigned)(high - low) : 0;
    return l;
}

enum { NO_COLOUR = 1 << 24 };
/* Whether repeated pixels may be enough for a flat block: ends at the row from which on they cannot. Most of a photo ends here. */
static bool may_be_flat(vqz_samples s, uint32_t w, uint32_t h, uint32_t bx, uint32_t by, uint32_t step) {
    const uint32_t x0 = bx * BLOCK, y0 = by * BLOCK, wide = w - x0 < BLOCK ? w - x0 : BLOCK, high = h - y0 < BLOCK ? h - y0 : BLOCK;
    const unsigned pixels = wide * ((high + step - 1) / step);
    unsigned others = 0;
    for (uint32_t y = y0; y < y0 + high; y += step) {
        const uint8_t *p = s.data + y * s.stride + (size_t)x0 * s.step;
        uint32_t left = x0 ? vqz_colour(p - s.step) : NO_COLOUR;
        for (uint32_t x = 0; x < wide; x++, p += s.step) {           /* in a photo any branch on these is hard to foresee */
            const uint32_t own = vqz_colour(p), above = y ? vqz_colour(p - s.stride) : NO_COLOUR;
            others += (own != left) & (own != above);
            left = own;
        }
        if (5 * others > 2 * pixels) return false;
    }
    return true;
}

static bool is_flat(const look *l) { return 5 * l->repeated >= 3 * l->pixels; }
/* Of a gradient: latents have it for next to nothing. */
static bool is_slope(const look *l) { return !l->steep && 16 * l->gentle > l->pixels; }

/* Gray pictures never have many. */
static bool has_few_real_colours(vqz_samples s, uint32_t w, uint32_t h) {
    bool gray;
    return has_few_colours(s, w, h, &gray) && !gray;
}

bool vqz_looks_like_screen(vqz_samples s, uint32_t w, uint32_t h) {
    enum { STEP = 3, RANGE = 48, JUMPS = 2, SURE = 12, SHARE = 16, SMOOTH_SHARE = 4 };
    unsigned blocks = 0, sharp = 0, edged = 0, flat = 0;
    for (uint32_t by = 0; by < vqz_pixel_blocks(h); by++)
        for (uint32_t bx = 0; bx < vqz_pixel_blocks(w); bx++, blocks++) {
            if (!may_be_flat(s, w, h, bx, by, STEP)) continue;
            const look l = look_at(s, w, h, bx, by, STEP);
            sharp += is_flat(&l) && l.jumps >= JUMPS;
            edged += is_flat(&l) && l.range >= RANGE;
            flat += is_flat(&l);
        }
    return sharp >= SURE || edged * SHARE >= blocks || flat * SMOOTH_SHARE >= blocks || has_few_real_colours(s, w, h);
}

/* How many blocks: flat ones; those of them that are gradients; those where hardly a pixel repeats; what the masks choose. */
typedef struct counts {
    uint32_t flat, slopes, busy, chosen, plain;
} counts;

/* Flat blocks but gradients, and those beside text that are half flat; plain: only those that are flat all over. weights: of errors, which show as bands
 * or blotches in gradients. */
static counts choose_blocks(const vqz_screen *t, uint8_t *mask, uint8_t *plain, uint8_t *weights) {
    enum { FLAT = 1, SOME = 2, TEXT = 4, SHOWN = 2 };
    const uint32_t nx = vqz_pixel_blocks(t->w), ny = vqz_pixel_blocks(t->h);
    counts n = {0};
    for (uint32_t by = 0; by < ny; by++)
        for (uint32_t bx = 0; bx < nx; bx++) {
            const look l = look_at(t->rgb, t->w, t->h, bx, by, 1);
            const bool flat = is_flat(&l), slope = is_slope(&l);
            n.flat += flat;
            n.slopes += flat && slope;
            n.busy += 4 * l.repeated < l.pixels;
            weights[by * nx + bx] = slope ? SHOWN : 1;
            mask[by * nx + bx] = (uint8_t)(slope ? 0 : flat ? FLAT | (l.jumps ? TEXT : 0) : 5 * l.repeated >= 2 * l.pixels ? SOME : 0);
            n.plain += plain[by * nx + bx] = !slope && 16 * l.repeated >= 15 * l.pixels;
        }
    for (uint32_t by = 0; by < ny; by++)
        for (uint32_t bx = 0; bx < nx; bx++) {
            uint8_t *m = mask + by * nx + bx;
            for (uint32_t y = by ? by - 1 : 0; *m == SOME && y <= by + 1 && y < ny; y++)
                for (uint32_t x = bx ? bx - 1 : 0; x <= bx + 1 && x < nx; x++)
                    if (mask[y * nx + x] & TEXT) *m |= FLAT;
        }
    for (uint32_t i = 0; i < nx * ny; i++) n.chosen += mask[i] &= FLAT;
    return n;
}

/* Squared errors of the blocks that the mask chooses, times the blocks' weights. */
static uint64_t errors(const vqz_screen *t, const uint8_t *weights, const uint8_t *rgb, const uint8_t *mask) {
    const uint32_t nx = vqz_pixel_blocks(t->w);
    uint64_t sum = 0;
    for (uint32_t y = 0; y < t->h; y++) {
        const uint8_t *p = t->rgb.data + y * t->rgb.stride;
        const size_t row = (size_t)(y / BLOCK) * nx;
        for (uint32_t x = 0; x < t->w; x++, p += t->rgb.step, rgb += 3) {
            const size_t block = row + x / BLOCK;
            for (unsigned k = 0; mask[block] && k < 3; k++) sum += (uint64_t)((p[k] - rgb[k]) * (p[k] - rgb[k])) * weights[block];
        }
    }
    return sum;
}

/* What the latents of a payload look like, without their neighbours. */
static vqz_status synthesise(const vqz_screen *t, const uint8_t *payload, size_t size, uint8_t *rgb, vqz_error *e) {
    const uint32_t ph = vqz_positions(t->h), pw = vqz_positions(t->w);
    vqz_prior prior;
    vqz_synthesis s;
    void *block = NULL;
    for (int pass = 0; pass < 2; pass++) {
        vqz_arena a = {.base = block};
        VQZ_TRY(vqz_prior_layout(&prior, t->model, t->nets, ph, pw, &a, e));
        VQZ_TRY(vqz_synthesis_layout(&s, t->model, t->nets, ph, pw, &a, e));
        if (pass) break;
        if (a.overflow) return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "a tile of %u x %u does not fit in memory", t->w, t->h);
        VQZ_TRY(vqz_alloc(t->rans->mem, &block, a.used, 1, e));
    }
    const vqz_latents y = {s.latents, pw};
    vqz_status status = vqz_latent_decode(&prior, payload, size, &y, false, NULL, e);
    if (status == VQZ_OK) {
        vqz_synthesise(&s, ph, pw, (vqz_rect){0, 0, t->w, t->h});
        for (uint32_t i = 0; i < t->h; i++) vqz_row_out(VQZ_RGB, s.out + (size_t)i * pw * VQZ_LATENT_STEP * 3, NULL, t->w, rgb + (size_t)i * t->w * 3);
    }
    vqz_free(t->rans->mem, block);
    return status;
}

/* What latents see of blocks that they need not show: a colour that most of the block has, if one has. */
static void blank(const vqz_screen *t, const uint8_t *mask, uint8_t *rgb) {
    const uint32_t nx = vqz_pixel_blocks(t->w);
    for (uint32_t by = 0; by < vqz_pixel_blocks(t->h); by++)
        for (uint32_t bx = 0; bx < nx; bx++) {
            if (!mask[by * nx + bx]) continue;
            const uint32_t bottom = (by + 1) * BLOCK < t->h ? (by + 1) * BLOCK : t->h, right = (bx + 1) * BLOCK < t->w ? (bx + 1) * BLOCK : t->w;
            uint8_t colour[3] = {0};
            int votes = 0;
            for (uint32_t y = by * BLOCK; y < bottom; y++)
                for (uint32_t x = bx * BLOCK; x < right; x++) {
                    const uint8_t *p = rgb + ((size_t)y * t->w + x) * 3;
                    if (!votes) memcpy(colour, p, 3);
                    votes += same(p, colour) ? 1 : -1;
                }
            for (uint32_t y = by * BLOCK; y < bottom; y++)
                for (uint32_t x = bx * BLOCK; x < right; x++) memcpy(rgb + ((size_t)y * t->w + x) * 3, colour, 3);
        }
}

/* Squared errors that a bit is worth; what photos trade at that quality. */
static uint64_t errors_per_bit(uint32_t quality_x16) { return 7200u >> quality_x16 / 160; }

typedef struct choice {
    uint8_t *payload, *mask;
    size_t size;
    uint64_t cost;
    bool as_is;                              /* colours are not merged */
} choice;

static void drop(const vqz_screen *t, choice *c) {
    vqz_free(t->rans->mem, c->payload);
    vqz_free(t->rans->mem, c->mask);
    *c = (choice){0};
}

/* The tile with the blocks of c->mask as pixels. c->payload NULL: that cannot be. work: room for the tile's pixels. */
static vqz_status try_mask(const vqz_screen *t, choice *c, const uint8_t *weights, bool all, uint8_t *work, vqz_error *e) {
    vqz_memory *mem = t->rans->mem;
    const uint32_t w = t->w, h = t->h;
    void *pixels = NULL, *payload = NULL;
    uint8_t *latents = NULL, head[6] = {all && t->alone ? VQZ_TILE_PIXELS : VQZ_TILE_MIXED};
    size_t pixels_size = 0, latents_size = 0, head_size = 1;
    for (uint32_t y = 0; y < h; y++) memcpy(work + (size_t)y * w * 3, t->rgb.data + y * t->rgb.stride, (size_t)w * 3);
    bool fits = true;
    const unsigned tolerance = t->exact || c->as_is ? 0 : vqz_colour_tolerance(t->quality_x16);
    if (tolerance) VQZ_TRY(vqz_merge_colours(mem, work, w, h, c->mask, tolerance, &fits, e));
    if (!fits) return VQZ_OK;
    c->cost += errors(t, weights, work, c->mask);
    const vqz_pixels p = {.samples = {work, (size_t)w * 3, 3}, .w = w, .h = h, .colours = t->colours, .mask = head[0] == VQZ_TILE_PIXELS ? NULL : c->mask};
    vqz_status s = vqz_pixels_encode(&p, VQZ_PIXELS_MEMORY, t->rans, &pixels, &pixels_size, e);
    if (s == VQZ_OK && head[0] == VQZ_TILE_MIXED) {
        head_size += vqz_store_varint(head + 1, (uint32_t)pixels_size);
        blank(t, c->mask, work);
        s = t->encode(t->arg, work, &latents, &latents_size, e);
    }
    c->size = head_size + pixels_size + latents_size;
    if (s == VQZ_OK) s = vqz_alloc(mem, &payload, c->size, 1, e);
    if (s == VQZ_OK) {
        c->payload = payload;
        memcpy(c->payload, head, head_size);
        memcpy(c->payload + head_size, pixels, pixels_size);
        if (latents) memcpy(c->payload + head_size + pixels_size, latents, latents_size);
        c->cost += errors_per_bit(t->quality_x16) * 8 * c->size;
    }
    vqz_free(mem, latents);
    vqz_free(mem, pixels);
    return s;
}

/* Latents against pixels for the plain blocks, for the flat ones, and for all where some are flat, with colours merged and as they are. */
static vqz_status compare(const vqz_screen *t, const uint8_t *latents, size_t size, uint8_t *work, choice *best, vqz_error *e) {
    enum { PLAIN, FLAT, ALL, AS_IS, WAYS };
    enum { SOME = 8, NEARLY_ALL = 16, WRONG = 32 };      /* all are tried from one flat in eight on, alone but for one in sixteen */
    vqz_memory *mem = t->rans->mem;
    const uint32_t blocks = vqz_pixel_blocks(t->w) * vqz_pixel_blocks(t->h);
    uint8_t *masks[WAYS + 1] = {0};          /* and the weights */
    choice c[WAYS] = {[AS_IS].as_is = true};
    bool wanted[WAYS] = {0};
    vqz_status s = VQZ_OK;
    for (int i = 0; s == VQZ_OK && i <= WAYS; i++) {
        void *mask;
        s = vqz_alloc(mem, &mask, blocks, 1, e);
        if (s == VQZ_OK) masks[i] = mask;
    }
    const uint8_t *weights = masks[WAYS];
    for (int i = 0; i < WAYS; i++) c[i].mask = masks[i];
    if (s == VQZ_OK) {
        const counts n = choose_blocks(t, masks[FLAT], masks[PLAIN], masks[WAYS]);
        const bool few = has_few_real_colours(t->rgb, t->w, t->h), slopes = n.slopes * SOME >= blocks;
        memset(masks[ALL], 1, blocks);
        memset(masks[AS_IS], 1, blocks);
        wanted[FLAT] = n.chosen && (blocks - n.chosen) * NEARLY_ALL > blocks && (!few || slopes);
        wanted[PLAIN] = wanted[FLAT] && n.plain < n.chosen && n.plain * SOME >= blocks;
        wanted[ALL] = few || (n.flat && n.flat * SOME >= blocks && 2 * n.busy <= blocks);
        wanted[AS_IS] = wanted[ALL] && slopes && !t->exact;
    }
    const bool any = wanted[FLAT] || wanted[ALL];
    if (any) s = synthesise(t, latents, size, work, e);
    if (any && s == VQZ_OK) {
        const uint64_t whole = errors(t, weights, work, masks[ALL]);
        for (int i = 0; i < WAYS; i++) {
            const uint64_t own = errors(t, weights, work, masks[i]);
            wanted[i] &= own * WRONG >= whole;           /* black bars: nothing to gain */
            c[i].cost = whole - own;         /* what is left to latents has their errors */
        }
        best->cost = whole + errors_per_bit(t->quality_x16) * 8 * size;
    }
    for (int i = 0; i < WAYS; i++) {
        if (s == VQZ_OK && wanted[i]) s = try_mask(t, &c[i], weights, i >= ALL, work, e);
        if (s == VQZ_OK && c[i].payload && c[i].cost < best->cost) {
            choice worse = *best;
            *best = c[i];
            c[i] = worse;
        }
        drop(t, &c[i]);
    }
    vqz_free(mem, masks[WAYS]);
    if (s != VQZ_OK) drop(t, best);
    return s;
}

vqz_status vqz_screen_encode(const vqz_screen *t, uint8_t **payload, size_t *size, uint8_t **mask, vqz_error *e) {
    vqz_memory *mem = t->rans->mem;
    void *work;
    choice best = {0};
    *mask = NULL;
    VQZ_TRY(vqz_alloc(mem, &work, (size_t)t->w * t->h, 3, e));
    vqz_status s = compare(t, *payload, *size, work, &best, e);
    vqz_free(mem, work);
    if (!best.payload) return s;
    vqz_free(mem, *payload);
    *payload = best.payload;
    *size = best.size;
    *mask = best.mask;
    return VQZ_OK;
}

vqz_status vqz_screen_latents(const vqz_screen *t, const uint8_t *payload, size_t size, const vqz_latents *y, vqz_error *e) {
    const uint32_t ph = vqz_positions(t->h), pw = vqz_positions(t->w);
    vqz_tile_parts parts;
    vqz_prior prior;
    void *block = NULL;
    VQZ_TRY(vqz_tile_split(&parts, payload, size, e));
    if (!parts.latents) {
        for (uint32_t i = 0; i < ph; i++) memset(y->data + i * y->stride * t->model->C, 0, (size_t)pw * t->model->C * sizeof *y->data);
        return VQZ_OK;
    }
    vqz_arena a = {0};
    VQZ_TRY(vqz_prior_layout(&prior, t->model, t->nets, ph, pw, &a, e));
    VQZ_TRY(vqz_alloc(t->rans->mem, &block, a.used, 1, e));
    a = (vqz_arena){.base = block};
    vqz_status s = vqz_prior_layout(&prior, t->model, t->nets, ph, pw, &a, e);
    if (s == VQZ_OK) s = vqz_latent_decode(&prior, parts.latents, parts.latents_size, y, false, NULL, e);
    vqz_free(t->rans->mem, block);
    return s;
}

uint32_t vqz_screen_show(const uint8_t *mask, vqz_samples from, vqz_samples to, uint32_t w, uint32_t h, unsigned colours,
                         const uint8_t *alpha, size_t width, uint32_t error) {
    const uint32_t nx = vqz_pixel_blocks(w);
    uint64_t visible = 0, others = 0;
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++) {
            const bool chosen = mask[(size_t)(y / BLOCK) * nx + x / BLOCK], seen = !alpha || alpha[y * width + x];
            visible += seen;
            others += seen && !chosen;
            if (chosen) memcpy(to.data + y * to.stride + x * to.step, from.data + y * from.stride + x * from.step, colours);
        }
    return visible ? (uint32_t)(error * others / visible) : error;
}
