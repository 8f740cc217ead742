#include "codec/pixels.h"
#include "base/arena.h"
#include "codec/bands.h"
#include <stdlib.h>
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

enum {
    BAND_SAMPLES = 1 << 18,          /* bounds the encoder's memory: a band's decisions are held until they are coded */
    COLOURS = 3, PREDICTORS = 7, ERROR = 7,
    PAD = 4,                         /* pixels on either side of a row */
    SLOWEST = 255,                   /* of vqz_bits */
    ACTIVITIES = 24, MOST_AROUND = 400, TEXTURES = 64, LOGS = 8,
    MAX_COST = 255, COST_SUMS = 7 * MAX_COST + 1, WEIGHT = 1 << 20, MOST_WEIGHT = 1 << 17,
    TABLES = 3, SLOTS = 1 << 16, TRUSTS = 8, NEAR = 4
};

typedef uint16_t costs __attribute__((vector_size(16)));     /* of the predictors, and the error */
typedef int16_t predictions __attribute__((vector_size(16)));

/* What followed a neighbourhood before. */
typedef struct slot {
    uint32_t colour;
    uint8_t trust, check;            /* trust 0: empty */
} slot;

typedef struct memory {
    slot slots[TABLES][SLOTS];
    slot same_first[256];            /* by the first sample */
} memory;

typedef struct model {
    vqz_prob block[8];
    vqz_prob zero[COLOURS][ACTIVITIES][4], negative[COLOURS][3][3][3];
    vqz_prob size[COLOURS][ACTIVITIES][LOGS], size_bits[COLOURS][LOGS][VQZ_PROB_NODES];
    vqz_prob known[TABLES][TRUSTS][3][4], near[NEAR][8], same_first[TRUSTS];
} model;

/* A row of one plane: pixel x is at [x]. */
typedef struct line {
    int16_t *value;
    costs *cost;
} line;

typedef struct coder {
    model m;
    vqz_bits bits;
    uint32_t weight[COST_SUMS];
    uint8_t activity[MOST_AROUND + 1];
    int32_t bias[COLOURS][ACTIVITIES / 2 * TEXTURES];
    const vqz_pixels *p;
    uint8_t *mask;                   /* NULL: all blocks are coded */
    line row[COLOURS][3];            /* this row, the one above, the one above that */
    uint32_t *colour[3];             /* the same as whole colours, with a memory */
    memory *memory;                  /* NULL: none */
    uint8_t *samples;                /* of a row, without gaps */
    XXH64_state_t hash;              /* of all of them */
    void *block;                     /* what the pointers above point into */
} coder;

static int at_least(int a, int b) { return a > b ? a : b; }
static int at_most(int a, int b) { return a < b ? a : b; }
static unsigned sign3(int v) { return v < 0 ? 0 : v > 0 ? 2 : 1; }

/* ---- samples by prediction -------------------------------------------------------------------- */

static inline int code_error(coder *c, unsigned k, unsigned act, unsigned other, unsigned lean, unsigned signs, int pred, int lo, int hi, int v) {
    model *m = &c->m;
    if (vqz_bit(&c->bits, &m->zero[k][act][other], v == pred)) return pred;
    bool down = pred == hi || (pred != lo && vqz_bit(&c->bits, &m->negative[k][lean][signs % 3][signs / 3], v < pred));
    int n = vqz_number(&c->bits, m->size[k][act], m->size_bits[k], abs(v - pred), down ? pred - lo : hi - pred);
    return down ? pred - n : pred + n;
}

static inline void code_sample(coder *c, unsigned k, int x, int *before, unsigned *signs) {
    const line *row = c->row[k];
    int16_t *here = row[0].value + x, *up = row[1].value + x;
    const costs *left = row[0].cost + x, *above = row[1].cost + x;
    int w = here[-1], ww = here[-2], n = up[0], nw = up[-1], ne = up[1], nn = row[2].value[x], nne = row[2].value[x + 1];
    int first = k ? c->row[0][0].value[x] : 0, lo = -first, hi = 255 - first;
    int smaller = at_most(w, n), larger = at_least(w, n), median = nw >= larger ? smaller : nw <= smaller ? larger : w + n - nw;
    predictions p = {(int16_t)(8 * median), (int16_t)(4 * (w + n) + 2 * (ne - nw)), (int16_t)(8 * (w + ne - n)), (int16_t)(8 * (n + ne - nne)),
                     (int16_t)(8 * (2 * w - ww)), (int16_t)(8 * ne), (int16_t)(8 * n + 4 * (n - nn)), 0};
    predictions low = (predictions){0} + (int16_t)(8 * lo), high = (predictions){0} + (int16_t)(8 * hi), mask = p < low;
    p = (p & ~mask) | (low & mask);
    mask = p > high;
    p = (p & ~mask) | (high & mask);
    costs sums = above[-1] + above[1] + left[-2] + 2 * (above[0] + left[-1]);
    uint32_t total = 0, sum = 0;
    p -= low;
    for (int i = 0; i < PREDICTORS; i++) {
        uint32_t weight = c->weight[sums[i]];
        total += weight;
        sum += weight * (uint16_t)p[i];
    }
    int mixed = (int)((sum + total / 2) / total) + 8 * lo, coarse = mixed >> 3;
    int around = (sums[ERROR] * 3 + abs(w - nw) + abs(n - ne)) / 2;
    unsigned act = c->activity[at_most(around, MOST_AROUND)];
    unsigned texture = (unsigned)((w > coarse) | (n > coarse) << 1 | (nw > coarse) << 2 | (ne > coarse) << 3 | (ww > coarse) << 4 | (nn > coarse) << 5);
    int32_t *bias = &c->bias[k][act / 2 * TEXTURES + texture];
    mixed = at_most(at_least(mixed + ((*bias + 32) >> 6), 8 * lo), 8 * hi);
    int pred = (mixed + 4) >> 3, rest = mixed - 8 * pred;
    unsigned lean = rest < -1 ? 0 : rest > 1 ? 2 : 1;
    unsigned other = k == 0 ? lean : *before == 0 ? 0 : *before < 3 ? 1 : *before < 8 ? 2 : 3;
    int v = code_error(c, k, c->activity[at_most(around + (k ? 2 * *before : 0), MOST_AROUND)], other, lean, *signs, pred, lo, hi, here[0]);
    here[0] = (int16_t)v;
    *bias += ((8 * v - mixed) * 64 - *bias + 16) >> 5;
    predictions off = (predictions){0} + (int16_t)(8 * (v - lo)) - p, sign = off >> 15;
    off = ((off ^ sign) - sign) >> 2;
    mask = off > MAX_COST;
    off = (off & ~mask) | (mask & MAX_COST);
    off[ERROR] = (int16_t)abs(v - pred);
    row[0].cost[x] = (costs)off;
    *before = abs(v - pred);
    *signs = *signs % 3 * 3 + sign3(v - pred);
}

/* ---- colours that come again ------------------------------------------------------------------- */

static uint32_t colour_at(const coder *c, unsigned colours, int x) {
    unsigned g = (unsigned)c->row[0][0].value[x];
    if (colours == 1) return g;
    return g | (g + (unsigned)c->row[1][0].value[x]) << 8 | (g + (unsigned)c->row[2][0].value[x]) << 16;
}
static void set_colour(coder *c, unsigned colours, int x, uint32_t colour) {
    int g = colour & 255;
    c->row[0][0].value[x] = (int16_t)g;
    if (colours == 1) return;
    c->row[1][0].value[x] = (int16_t)((int)(colour >> 8 & 255) - g);
    c->row[2][0].value[x] = (int16_t)((int)(colour >> 16) - g);
}

static void learn(slot *s, uint32_t colour) {
    if (s->trust && s->colour == colour) s->trust = (uint8_t)at_most(s->trust + 1, TRUSTS - 1);
    else if (s->trust > 1) s->trust /= 2;
    else {
        s->colour = colour;
        s->trust = 1;
    }
}

static bool contains(const uint32_t *colours, unsigned n, uint32_t colour) {
    bool found = false;
    for (unsigned i = 0; i < n; i++) found |= colours[i] == colour;
    return found;
}

/* Whether the pixel's colour is one that can be expected; if so it is set. */
static bool code_known(coder *c, unsigned colours, int x, uint32_t v, slot **slots) {
    const uint32_t *row = c->colour[0] + x, *up = c->colour[1] + x, *up2 = c->colour[2] + x;
    const uint32_t around[] = {row[-1], up[0], up[1], up[-1], row[-2], up2[0], up[2], up[-2], up2[1], up2[-1], row[-3], up[3]};
    static const int seen[TABLES] = {12, 6, 3};
    uint64_t key = 0;
    for (int table = TABLES, i = 0; table-- > 0;) {
        for (; i < seen[table]; i++) key = (key + around[i] + 1) * UINT64_C(0x9E3779B97F4A7C15);
        slot *s = slots[table] = &c->memory->slots[table][key >> 48];
        uint8_t check = key >> 40 & 255;
        if (s->check != check) *s = (slot){.check = check};
    }
    uint32_t tried[TABLES + NEAR] = {0};
    unsigned n = 0;
    for (unsigned i = 0; i < TABLES; i++) {
        const slot *s = slots[i], *t = slots[(i + 1) % TABLES];
        uint32_t colour = s->colour;
        if (!s->trust || contains(tried, n, colour)) continue;
        unsigned same = !t->trust ? 0 : t->colour == colour ? 1 : 2;
        tried[n++] = colour;
        if (!vqz_bit(&c->bits, &c->m.known[i][s->trust][same][(colour == around[0]) + 2 * (colour == around[1])], v == colour)) continue;
        set_colour(c, colours, x, colour);
        return true;
    }
    int alike = (around[0] == around[1]) + 2 * (around[0] == around[3]) + 4 * (around[1] == around[2]);
    for (unsigned i = 0; i < NEAR; i++) {
        if (contains(tried, n, around[i])) continue;
        tried[n++] = around[i];
        if (!vqz_bit(&c->bits, &c->m.near[i][alike], v == around[i])) continue;
        set_colour(c, colours, x, around[i]);
        return true;
    }
    return false;
}

static inline void code_pixel(coder *c, unsigned colours, int x) {
    slot *slots[TABLES] = {0};
    uint32_t v = 0;
    bool done = false;
    if (c->memory) {
        v = colour_at(c, colours, x);
        done = code_known(c, colours, x, v, slots);
        if (done)
            for (unsigned k = 0; k < colours; k++) c->row[k][0].cost[x] = (costs){0};
    }
    int before = 0;
    unsigned signs = 4;
    for (unsigned k = 0; k < colours && !done; k++) {
        code_sample(c, k, x, &before, &signs);
        if (k || !c->memory || colours == 1) continue;
        slot *s = &c->memory->same_first[c->row[0][0].value[x]];
        done = s->trust && vqz_bit(&c->bits, &c->m.same_first[s->trust], v == s->colour);
        if (!done) continue;
        set_colour(c, colours, x, s->colour);
        c->row[1][0].cost[x] = c->row[2][0].cost[x] = (costs){0};
    }
    if (!c->memory) return;
    v = c->colour[0][x] = colour_at(c, colours, x);
    for (unsigned i = 0; i < TABLES; i++) learn(slots[i], v);
    if (colours > 1) learn(&c->memory->same_first[v & 255], v);
}

/* ---- rows -------------------------------------------------------------------------------------- */

/* Pixels that are not coded continue those to their left, so that what comes behind them has something to refer to. */
static void skip(coder *c, unsigned colours, int x, int end) {
    for (unsigned k = 0; k < colours; k++) {
        line *row = &c->row[k][0];
        for (int i = x; i < end; i++) row->value[i] = row->value[x - 1];
        memset(row->cost + x, 0, (size_t)(end - x) * sizeof *row->cost);
    }
    for (int i = x; c->memory && i < end; i++) c->colour[0][i] = c->colour[0][x - 1];
}

static void code_row(coder *c, unsigned colours, const uint8_t *mask) {
    int w = (int)c->p->w;
    for (unsigned k = 0; k < colours; k++)
        for (int i = 1; i <= PAD; i++) c->row[k][0].value[-i] = c->row[k][1].value[0];
    for (int i = 1; c->memory && i <= PAD; i++) c->colour[0][-i] = c->colour[1][0];
    for (int x = 0; x < w;) {
        int end = mask ? at_most(x + VQZ_PIXEL_BLOCK, w) : w;
        if (mask && !mask[x / VQZ_PIXEL_BLOCK]) skip(c, colours, x, end);
        else if (colours == 1)
            for (int i = x; i < end; i++) code_pixel(c, 1, i);
        else
            for (int i = x; i < end; i++) code_pixel(c, 3, i);
        x = end;
    }
    for (unsigned k = 0; k < colours; k++)
        for (int i = 0; i < PAD; i++) c->row[k][0].value[w + i] = c->row[k][0].value[w - 1];
    for (int i = 0; c->memory && i < PAD; i++) c->colour[0][w + i] = c->colour[0][w - 1];
}

/* The current row becomes the one above. */
static void next_row(coder *c) {
    for (unsigned k = 0; k < c->p->colours; k++) {
        line old = c->row[k][2];
        c->row[k][2] = c->row[k][1];
        c->row[k][1] = c->row[k][0];
        c->row[k][0] = old;
    }
    uint32_t *old = c->colour[2];
    c->colour[2] = c->colour[1];
    c->colour[1] = c->colour[0];
    c->colour[0] = old;
}

static void code_mask(coder *c, uint8_t *mask, const uint8_t *above) {
    uint32_t n = vqz_pixel_blocks(c->p->w);
    for (uint32_t i = 0; i < n; i++) {
        unsigned left = i ? mask[i - 1] : 0, up = above ? above[i] : 0, right = above && i + 1 < n ? above[i + 1] : 0;
        mask[i] = vqz_bit(&c->bits, &c->m.block[left + 2 * up + 4 * right], mask[i]);
    }
}

static void load_row(coder *c, const uint8_t *p) {
    for (uint32_t x = 0; x < c->p->w; x++, p += c->p->samples.step) {
        c->row[0][0].value[x] = c->p->colours == 1 ? p[0] : p[1];
        if (c->p->colours == 1) continue;
        c->row[1][0].value[x] = (int16_t)(p[0] - p[1]);
        c->row[2][0].value[x] = (int16_t)(p[2] - p[1]);
    }
}

/* The row's samples, to the hash and, where blocks are coded, to `to`. */
static void unload_row(coder *c, uint8_t *to, const uint8_t *mask) {
    const unsigned colours = c->p->colours;
    uint8_t *p = c->samples;
    for (uint32_t x = 0; x < c->p->w; x++, p += colours, to += c->p->samples.step) {
        int first = c->row[0][0].value[x];
        p[colours / 2] = (uint8_t)first;
        if (colours > 1) {
            p[0] = (uint8_t)(c->row[1][0].value[x] + first);
            p[2] = (uint8_t)(c->row[2][0].value[x] + first);
        }
        if (c->bits.dec && (!mask || mask[x / VQZ_PIXEL_BLOCK])) memcpy(to, p, colours);
    }
    XXH64_update(&c->hash, c->samples, (size_t)c->p->w * colours);
}

/* The mask, where the tile has one, and the rows of a group of blocks. */
static void code_group(coder *c, uint32_t y) {
    uint32_t end = c->p->h - y < VQZ_PIXEL_BLOCK ? c->p->h : y + VQZ_PIXEL_BLOCK, n = vqz_pixel_blocks(c->p->w);
    uint8_t *mask = c->mask ? c->mask + (size_t)(y / VQZ_PIXEL_BLOCK) * n : NULL;
    if (mask) code_mask(c, mask, y ? mask - n : NULL);
    for (; y < end; y++) {
        uint8_t *samples = c->p->samples.data + y * c->p->samples.stride;
        if (c->bits.enc) load_row(c, samples);
        code_row(c, c->p->colours, mask);
        unload_row(c, samples, mask);
        next_row(c);
    }
}

static void layout(coder *c, const vqz_pixels *p, unsigned flags, vqz_arena *a) {
    const bool remember = flags & VQZ_PIXELS_MEMORY;
    const size_t row = (size_t)p->w + 2 * PAD;
    for (unsigned k = 0; k < p->colours; k++)
        for (int i = 0; i < 3; i++) {
            VQZ_TAKE(a, c->row[k][i].value, row);
            VQZ_TAKE(a, c->row[k][i].cost, row);
            if (!a->base) continue;
            c->row[k][i].value += PAD;
            c->row[k][i].cost += PAD;
        }
    VQZ_TAKE(a, c->samples, (size_t)p->w * p->colours);
    if (p->mask || !(flags & VQZ_PIXELS_MASK)) c->mask = p->mask;
    else VQZ_TAKE(a, c->mask, (size_t)vqz_pixel_blocks(p->h) * vqz_pixel_blocks(p->w));
    if (remember) VQZ_TAKE(a, c->memory, 1);
    for (int i = 0; remember && i < 3; i++) {
        VQZ_TAKE(a, c->colour[i], row);
        if (a->base) c->colour[i] += PAD;
    }
}

static void coder_free(coder *c, vqz_memory *mem) {
    vqz_free(mem, c->block);
    vqz_free(mem, c);
}

static vqz_status coder_create(coder **out, const vqz_pixels *p, unsigned flags, vqz_memory *mem, vqz_error *e) {
    static const uint16_t limit[ACTIVITIES - 1] = {0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 19, 24, 30, 38, 48, 60, 75, 95, 120, 160, 230, MOST_AROUND - 1};
    void *block;
    VQZ_TRY(vqz_alloc(mem, &block, 1, sizeof(coder), e));
    coder *c = *out = block;
    vqz_arena a = {0};
    layout(c, p, flags, &a);
    vqz_status s = a.overflow ? vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "a tile of %u pixels' width does not fit in memory", p->w)
                              : vqz_alloc(mem, &c->block, a.used, 1, e);
    if (s != VQZ_OK) {
        coder_free(c, mem);
        return s;
    }
    a = (vqz_arena){.base = c->block};
    layout(c, p, flags, &a);
    c->p = p;
    vqz_bits_init(&c->bits, NULL, NULL, SLOWEST);
    vqz_probs_init((vqz_prob *)&c->m, sizeof c->m / sizeof(vqz_prob));
    XXH64_reset(&c->hash, 0);
    for (int i = 0; i < COST_SUMS; i++) c->weight[i] = 1 + (uint32_t)at_most(WEIGHT / ((i + 2) * (i + 2)), MOST_WEIGHT);
    for (unsigned sum = 0, k = 0; sum <= MOST_AROUND; sum++) {
        if (k < ACTIVITIES - 1 && sum > limit[k]) k++;
        c->activity[sum] = (uint8_t)k;
    }
    return VQZ_OK;
}

static uint32_t band_rows(const vqz_pixels *p) {
    uint32_t groups = BAND_SAMPLES / (p->w * p->colours * VQZ_PIXEL_BLOCK);
    return (groups ? groups : 1) * VQZ_PIXEL_BLOCK;
}

static vqz_status encode_bands(coder *c, vqz_rans_enc *rans, void **out, size_t *size, vqz_error *e) {
    uint32_t band = band_rows(c->p);
    c->bits.enc = rans;
    vqz_rans_enc_reset(rans);
    for (uint32_t y = 0; y < c->p->h;) {
        code_group(c, y);
        y += VQZ_PIXEL_BLOCK;
        if (y < c->p->h && y % band) continue;
        VQZ_TRY(vqz_band_append(rans, out, size, e));
        vqz_rans_enc_reset(rans);
    }
    return VQZ_OK;
}

vqz_status vqz_pixels_encode(const vqz_pixels *p, unsigned flags, vqz_rans_enc *rans, void **out, size_t *size, vqz_error *e) {
    enum { HEAD = 1 + 4 };
    const size_t at = *size;
    coder *c;
    VQZ_TRY(coder_create(&c, p, flags, rans->mem, e));
    vqz_status s = vqz_rans_enlarge(rans->mem, out, at, at + HEAD, e);
    if (s == VQZ_OK) {
        *size += HEAD;
        s = encode_bands(c, rans, out, size, e);
    }
    if (s == VQZ_OK) {
        uint8_t *head = (uint8_t *)*out + at;
        head[0] = (uint8_t)(flags | (p->mask ? VQZ_PIXELS_MASK : 0));
        vqz_store32(head + 1, (uint32_t)XXH64_digest(&c->hash));
    }
    coder_free(c, rans->mem);
    return s;
}

static vqz_status decode_bands(coder *c, vqz_reader *in, vqz_error *e) {
    const uint32_t h = c->p->h, band = band_rows(c->p);
    vqz_rans_dec dec;
    c->bits.dec = &dec;
    for (uint32_t y = 0; y < h;) {
        size_t offset = in->pos;
        vqz_status s = vqz_band_open(&dec, in, e);
        for (uint32_t end = h - y < band ? h : y + band; s == VQZ_OK && y < end && !dec.failed; y += VQZ_PIXEL_BLOCK) code_group(c, y);
        if (s == VQZ_OK) s = vqz_rans_dec_finish(&dec, e);
        if (s != VQZ_OK) return vqz_fail(e, s, offset, "pixels: a band's data is damaged");
    }
    return vqz_reader_left(in) ? vqz_fail(e, VQZ_ERR_CORRUPT, in->pos, "pixels: %zu bytes too many", vqz_reader_left(in)) : VQZ_OK;
}

vqz_status vqz_pixels_decode(const vqz_pixels *p, vqz_memory *mem, const uint8_t *data, size_t size, bool verify, vqz_error *e) {
    vqz_reader in = vqz_reader_of(data, size);
    unsigned flags = vqz_read8(&in);
    uint32_t hash = vqz_read32(&in);
    if (in.failed) return vqz_fail(e, VQZ_ERR_CORRUPT, 0, "pixels: their head is incomplete");
    if (flags > (VQZ_PIXELS_MEMORY | VQZ_PIXELS_MASK)) return vqz_fail(e, VQZ_ERR_CORRUPT, 0, "pixels: flags %u", flags);
    coder *c;
    VQZ_TRY(coder_create(&c, p, flags, mem, e));
    vqz_status s = decode_bands(c, &in, e);
    uint32_t found = (uint32_t)XXH64_digest(&c->hash);
    coder_free(c, mem);
    if (s == VQZ_OK && verify && found != hash) return vqz_fail(e, VQZ_ERR_HASH, 1, "pixels: they hash to %08x, the file says %08x", found, hash);
    return s;
}

vqz_status vqz_tile_split(vqz_tile_parts *parts, const uint8_t *payload, size_t size, vqz_error *e) {
    vqz_reader in = vqz_reader_of(payload, size);
    unsigned kind = vqz_read8(&in);
    *parts = (vqz_tile_parts){.latents = payload, .latents_size = size};
    if (kind < VQZ_TILE_MIXED && !in.failed) return VQZ_OK;
    parts->pixels_size = kind == VQZ_TILE_MIXED ? vqz_read_varint(&in) : vqz_reader_left(&in);
    parts->pixels = vqz_read_bytes(&in, parts->pixels_size);
    if (in.failed || !parts->pixels_size) return vqz_fail(e, VQZ_ERR_CORRUPT, in.pos, "latent tile: its pixels are incomplete");
    if (vqz_pixels_are_all(parts->pixels) != (kind == VQZ_TILE_PIXELS))
        return vqz_fail(e, VQZ_ERR_CORRUPT, in.pos, "latent tile: pixels of flags %u in a tile of kind %u", parts->pixels[0], kind);
    parts->latents_size = vqz_reader_left(&in);
    parts->latents = kind == VQZ_TILE_MIXED ? payload + in.pos : NULL;
    return VQZ_OK;
}
