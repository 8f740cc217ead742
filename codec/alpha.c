#include "codec/alpha.h"
#include "codec/adaptive.h"
#include "codec/bands.h"
#include <stddef.h>
#include <stdlib.h>

enum { METHOD_CONSTANT = 0, METHOD_CODED = 1, METHOD_STORED = 2 };
enum {
    BAND_SAMPLES = 1 << 18,         /* bounds the encoder's memory: a band's decisions are held until they are coded */
    PREDICTORS = 5,
    PAD = 2,                        /* samples on either side of a row */
    SLOWEST = 50,                   /* of vqz_bits */
    LOGS = 19,                      /* floor(log2) of a width, 0..18 */
    ACTIVITIES = 9,
    HASHES = 1 << 16,
    MAX_COST = 255,
    COST_SUMS = 5 * MAX_COST + 1
};

typedef struct model {
    vqz_prob whole[3][LOGS], from_end[LOGS];
    vqz_prob from[2][LOGS], from_bits[2][LOGS][VQZ_PROB_NODES];
    vqz_prob guess[3][3], same_sharp[5][3][243], same_smooth[ACTIVITIES][3];
    vqz_prob extreme[3][ACTIVITIES], white[ACTIVITIES], negative[9];
    vqz_prob distance[ACTIVITIES][8], distance_bits[8][VQZ_PROB_NODES];
} model;

typedef struct memo {
    uint8_t value, trust;           /* trust 0: empty, at most 3 */
} memo;

typedef struct coder {
    model m;
    vqz_bits bits;
    uint32_t weight[COST_SUMS];
    int w;
    uint8_t *row, *up, *up2;        /* the current row, the one above, the one above that */
    uint8_t *err, *err_up;          /* |sample - prediction| */
    int error;                      /* sample - prediction of the sample to the left */
    uint8_t *cost[PREDICTORS], *cost_up[PREDICTORS];    /* how far off each prediction was, in half levels */
    memo memory[HASHES];            /* by neighbourhood: what followed it before */
} coder;

static int at_least(int a, int b) { return a > b ? a : b; }
static int at_most(int a, int b) { return a < b ? a : b; }
static unsigned sign3(int v) { return v < 0 ? 0 : v > 0 ? 2 : 1; }
static unsigned value_class(int v) { return v == 0 ? 0 : v == 255 ? 1 : 2; }
static unsigned activity(int sum) {
    static const uint8_t limit[ACTIVITIES - 1] = {0, 1, 2, 4, 8, 16, 40, 100};
    unsigned k = 0;
    while (k < ACTIVITIES - 1 && sum > limit[k]) k++;
    return k;
}

/* How many of the `len` samples from x on repeat the one to the left. */
static int code_stretch(coder *c, int x, int len) {
    model *m = &c->m;
    int run = 0;
    if (c->bits.enc)
        while (run < len && c->row[x + run] == c->row[x - 1]) run++;
    unsigned log = vqz_log2_floor((uint32_t)len);
    if (vqz_bit(&c->bits, &m->whole[value_class(c->row[x - 1])][log], run == len)) return len;
    int half = len / 2;
    if (len == 1 || vqz_bit(&c->bits, &m->from_end[log], run >= half))
        return len - vqz_number(&c->bits, m->from[1], m->from_bits[1], len - run, len - half);
    return vqz_number(&c->bits, m->from[0], m->from_bits[0], run + 1, half) - 1;
}

/* A sample that is known to differ from `pred`. */
static int code_other(coder *c, int pred, unsigned act, unsigned sctx, int v) {
    model *m = &c->m;
    unsigned cls = value_class(pred);
    if (vqz_bit(&c->bits, &m->extreme[cls][act], v == 0 || v == 255)) {
        if (cls < 2) return cls ? 0 : 255;
        return vqz_bit(&c->bits, &m->white[act], v == 255) ? 255 : 0;
    }
    bool neg = cls < 2 ? cls : vqz_bit(&c->bits, &m->negative[sctx], v < pred);
    int d = vqz_number(&c->bits, m->distance[act], m->distance_bits, abs(v - pred), neg ? pred : 255 - pred);
    return neg ? pred - d : pred + d;
}

/* Notes what happened at x for the predictions to come. */
static void note(coder *c, int x, int pred, const int *sub) {
    int v = c->row[x];
    c->error = v - pred;
    c->err[x] = (uint8_t)abs(v - pred);
    for (int i = 0; i < PREDICTORS; i++) c->cost[i][x] = (uint8_t)at_most(abs(8 * v - sub[i]) >> 2, MAX_COST);
}

/* A sample outside stretches. */
static void code_sample(coder *c, int x) {
    model *m = &c->m;
    const uint8_t *row = c->row, *up = c->up;
    int w = row[x - 1], ww = row[x - 2], n = up[x], nw = up[x - 1], ne = up[x + 1], nee = up[x + 2], nn = c->up2[x], v = row[x];
    int lo = at_most(w, n), hi = at_least(w, n), range = at_least(hi, at_least(nw, ne)) - at_most(lo, at_most(nw, ne));
    int median = nw >= hi ? lo : nw <= lo ? hi : w + n - nw;

    /* Five predictions in 1/8, weighted by how well they did nearby. */
    int sub[PREDICTORS] = {8 * median, 4 * (w + n) + 2 * (ne - nw), 8 * (w + ne - n), 8 * (2 * n - nn), 8 * (2 * w - ww)};
    int64_t total = 0, sum = 0;
    for (int i = 0; i < PREDICTORS; i++) {
        sub[i] = at_most(at_least(sub[i], 0), 8 * 255);
        const uint8_t *above = c->cost_up[i] + x;
        int64_t weight = c->weight[above[-1] + above[0] + above[1] + 2 * c->cost[i][x - 1]];
        total += weight;
        sum += weight * sub[i];
    }
    /* Plateaus and edges follow the median exactly or not at all. */
    bool sharp = range <= 2 || range > 16;
    int p8 = sharp ? 8 * median : (int)((sum + total / 2) / total), pred = (p8 + 4) >> 3, rest = p8 - 8 * pred;
    unsigned cls = value_class(pred), lean = rest < -1 ? 0 : rest > 1 ? 2 : 1;
    unsigned act = activity(c->err[x - 1] + c->err_up[x - 1] + c->err_up[x] + c->err_up[x + 1]);
    unsigned signs = sign3(w - nw) + 3 * sign3(n - nw) + 9 * sign3(ne - n) + 27 * sign3(ww - w) + 81 * sign3(nn - n);

    vqz_prob *same = cls < 2 ? &m->same_sharp[0][cls][signs] : &m->same_smooth[act][lean];
    bool done = false;
    uint64_t around = (uint64_t)w | (uint64_t)n << 8 | (uint64_t)nw << 16 | (uint64_t)ne << 24 | (uint64_t)ww << 32 | (uint64_t)nn << 40 |
                      (uint64_t)nee << 48;
    memo *known = &c->memory[around * UINT64_C(0x9E3779B97F4A7C15) >> 48];
    if (sharp) {
        bool other = known->trust && known->value != pred;
        if (other && (done = vqz_bit(&c->bits, &m->guess[known->trust - 1][value_class(known->value)], v == known->value)))
            c->row[x] = known->value;
        same = &m->same_sharp[other ? 4 : known->trust][cls][signs];
    }
    if (!done) {
        bool hit = vqz_bit(&c->bits, same, v == pred);
        c->row[x] = (uint8_t)(hit ? pred : code_other(c, pred, act, sign3(c->error) + 3 * lean, v));
    }
    if (sharp) {
        if (known->trust && known->value == c->row[x])
            known->trust = (uint8_t)at_most(known->trust + 1, 3);
        else if (known->trust > 1)
            known->trust--;
        else
            *known = (memo){c->row[x], 1};
    }
    note(c, x, pred, sub);
}

static void code_row(coder *c) {
    c->row[-1] = c->row[-2] = c->up[0];
    c->error = 0;
    for (int x = 0; x < c->w;) {
        int left = c->row[x - 1];
        if (left != c->up[x] || left != c->up[x + 1]) {
            code_sample(c, x++);
            continue;
        }
        int len = 1;
        while (x + len < c->w && c->up[x + len + 1] == left) len++;
        int run = code_stretch(c, x, len);
        memset(c->row + x, left, (size_t)run);
        memset(c->err + x, 0, (size_t)run);
        for (int i = 0; i < PREDICTORS; i++) memset(c->cost[i] + x, 0, (size_t)run);
        c->error = 0;
        x += run;
        if (run == len) continue;
        const int sub[PREDICTORS] = {8 * left, 8 * left, 8 * left, 8 * left, 8 * left};
        c->row[x] = (uint8_t)code_other(c, left, 0, 4, c->row[x]);
        note(c, x++, left, sub);
    }
    c->row[c->w] = c->row[c->w + 1] = c->row[c->w - 1];
}

static void swap(uint8_t **a, uint8_t **b) {
    uint8_t *t = *a;
    *a = *b;
    *b = t;
}
/* The current row becomes the one above. */
static void next_row(coder *c) {
    swap(&c->up2, &c->up);
    swap(&c->up, &c->row);
    swap(&c->err, &c->err_up);
    for (int i = 0; i < PREDICTORS; i++) swap(&c->cost[i], &c->cost_up[i]);
}

static vqz_status coder_create(coder **coder_out, vqz_memory *mem, uint32_t w, vqz_error *e) {
    enum { ROWS = 3 + 2 + 2 * PREDICTORS };
    size_t row = (size_t)w + 2 * PAD;
    void *p;
    VQZ_TRY(vqz_alloc(mem, &p, sizeof(coder) + ROWS * row, 1, e));
    coder *c = *coder_out = p;
    uint8_t *rows = (uint8_t *)(c + 1) + PAD, **all[5] = {&c->row, &c->up, &c->up2, &c->err, &c->err_up};
    for (int i = 0; i < 5; i++, rows += row) *all[i] = rows;
    for (int i = 0; i < PREDICTORS; i++, rows += 2 * row) {
        c->cost[i] = rows;
        c->cost_up[i] = rows + row;
    }
    c->w = (int)w;
    vqz_bits_init(&c->bits, NULL, NULL, SLOWEST);
    vqz_probs_init((vqz_prob *)&c->m, sizeof c->m / sizeof(vqz_prob));
    for (uint32_t k = 0; k < COST_SUMS; k++) c->weight[k] = (1u << 24) / ((k + 2) * (k + 2));
    return VQZ_OK;
}

static vqz_status check_size(uint32_t w, uint32_t h, vqz_error *e) {
    if (w && h && w <= VQZ_MAX_SIDE && h <= VQZ_MAX_SIDE && (uint64_t)w * h <= VQZ_MAX_PIXELS) return VQZ_OK;
    return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "alpha: %u x %u samples", (unsigned)w, (unsigned)h);
}
static uint32_t band_rows(uint32_t w) { return w < BAND_SAMPLES ? BAND_SAMPLES / w : 1; }

static bool is_constant(const uint8_t *plane, ptrdiff_t stride, size_t step, uint32_t w, uint32_t h) {
    for (uint32_t y = 0; y < h; y++) {
        const uint8_t *row = plane + (ptrdiff_t)y * stride;
        for (uint32_t x = 0; x < w; x++)
            if (row[x * step] != plane[0]) return false;
    }
    return true;
}

/* The bands, behind a method byte, as long as they are smaller than `limit`; *size == limit: they are not. */
static vqz_status encode_bands(coder *c, vqz_rans_enc *enc, const uint8_t *plane, ptrdiff_t stride, size_t step, uint32_t h, size_t limit,
                               void **out, size_t *size, vqz_error *e) {
    vqz_memory *mem = enc->mem;
    uint32_t band = band_rows((uint32_t)c->w);
    VQZ_TRY(vqz_alloc(mem, out, 1, 1, e));
    *(uint8_t *)*out = METHOD_CODED;
    *size = 1;
    for (uint32_t y = 0; y < h;) {
        vqz_rans_enc_reset(enc);
        for (uint32_t end = h - y < band ? h : y + band; y < end; y++) {
            const uint8_t *row = plane + (ptrdiff_t)y * stride;
            for (size_t x = 0; x < (size_t)c->w; x++) c->row[x] = row[x * step];
            code_row(c);
            next_row(c);
        }
        const uint8_t *words, *raw;
        size_t nwords, nraw;
        VQZ_TRY(vqz_rans_finish(enc, 1, &words, &nwords, &raw, &nraw, e));
        uint8_t head[5];
        size_t nhead = vqz_store_varint(head, (uint32_t)nwords), need = *size + nhead + 2 * nwords;
        if (need >= limit) {
            *size = limit;
            return VQZ_OK;
        }
        VQZ_TRY(vqz_rans_enlarge(mem, out, *size, need, e));
        memcpy((uint8_t *)*out + *size, head, nhead);
        memcpy((uint8_t *)*out + *size + nhead, words, 2 * nwords);
        *size = need;
    }
    return VQZ_OK;
}

vqz_status vqz_alpha_encode(vqz_memory *mem, const uint8_t *plane, ptrdiff_t stride, size_t step, uint32_t w, uint32_t h,
                            uint8_t **out, size_t *size, vqz_error *e) {
    *out = NULL;
    *size = 0;
    VQZ_TRY(check_size(w, h, e));
    void *data = NULL;
    if (is_constant(plane, stride, step, w, h)) {
        VQZ_TRY(vqz_alloc(mem, &data, 2, 1, e));
        *out = data;
        *size = 2;
        (*out)[0] = METHOD_CONSTANT;
        (*out)[1] = plane[0];
        return VQZ_OK;
    }
    size_t stored = 1 + (size_t)w * h;
    coder *c;
    VQZ_TRY(coder_create(&c, mem, w, e));
    vqz_rans_enc enc;
    vqz_rans_enc_init(&enc, mem);
    c->bits.enc = &enc;
    vqz_status status = encode_bands(c, &enc, plane, stride, step, h, stored, &data, size, e);
    vqz_rans_enc_free(&enc);
    vqz_free(mem, c);
    if (status == VQZ_OK && *size == stored) {
        status = vqz_rans_enlarge(mem, &data, 0, stored, e);
        if (status == VQZ_OK) {
            uint8_t *p = data;
            *p++ = METHOD_STORED;
            for (uint32_t y = 0; y < h; y++)
                for (uint32_t x = 0; x < w; x++) *p++ = plane[(ptrdiff_t)y * stride + (ptrdiff_t)(x * step)];
        }
    }
    if (status != VQZ_OK) {
        vqz_free(mem, data);
        *size = 0;
        return status;
    }
    *out = data;
    return VQZ_OK;
}

static vqz_status decode_bands(coder *c, vqz_reader *r, uint8_t *plane, ptrdiff_t stride, size_t step, uint32_t h, vqz_error *e) {
    uint32_t band = band_rows((uint32_t)c->w);
    vqz_rans_dec dec;
    c->bits.dec = &dec;
    for (uint32_t y = 0; y < h;) {
        size_t offset = r->pos;
        vqz_status status = vqz_band_open(&dec, r, e);
        for (uint32_t end = h - y < band ? h : y + band; status == VQZ_OK && y < end && !dec.failed; y++) {
            code_row(c);
            uint8_t *row = plane + (ptrdiff_t)y * stride;
            for (size_t x = 0; x < (size_t)c->w; x++) row[x * step] = c->row[x];
            next_row(c);
        }
        if (status == VQZ_OK) status = vqz_rans_dec_finish(&dec, e);
        if (status != VQZ_OK) return vqz_fail(e, status, offset, "alpha: a band's data is damaged");
    }
    return vqz_reader_left(r) ? vqz_fail(e, VQZ_ERR_CORRUPT, r->pos, "alpha: %zu bytes too many", vqz_reader_left(r)) : VQZ_OK;
}

vqz_status vqz_alpha_decode(vqz_memory *mem, const uint8_t *data, size_t size, uint8_t *plane, ptrdiff_t stride, size_t step,
                            uint32_t w, uint32_t h, vqz_error *e) {
    VQZ_TRY(check_size(w, h, e));
    vqz_reader r = vqz_reader_of(data, size);
    unsigned method = vqz_read8(&r);
    if (r.failed || method > METHOD_STORED)
        return vqz_fail(e, VQZ_ERR_CORRUPT, 0, r.failed ? "alpha: no data" : "alpha: method %u is not known", method);
    if (method == METHOD_CODED) {
        coder *c;
        VQZ_TRY(coder_create(&c, mem, w, e));
        vqz_status status = decode_bands(c, &r, plane, stride, step, h, e);
        vqz_free(mem, c);
        return status;
    }
    size_t want = method == METHOD_CONSTANT ? 1 : (size_t)w * h, next = method == METHOD_CONSTANT ? 0 : 1;
    if (vqz_reader_left(&r) != want)
        return vqz_fail(e, VQZ_ERR_CORRUPT, 1, "alpha: %zu bytes where %zu are needed", vqz_reader_left(&r), want);
    const uint8_t *p = data + 1;
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++, p += next) plane[(ptrdiff_t)y * stride + (ptrdiff_t)(x * step)] = *p;
    return VQZ_OK;
}
