#include "codec/residual.h"
#include "codec/bands.h"
#include <stdlib.h>

enum {
    BLOCK = 8,                      /* pixels on a side; rows are coded in groups of as many */
    PAD = 2,                        /* pixels on either side of a row of q */
    ABOVE = 2,                      /* rows above a group that its contexts see */
    BAND_SAMPLES = 1 << 18,         /* bounds the encoder's memory: a band's decisions are held until they are coded */
    COLOURS = 3, ACTIVITIES = 14, MOST_AROUND = 137, OTHERS = 4, LOGS = 9, LARGEST = 511,
    SLOWEST = 255                   /* of vqz_bits */
};

struct vqz_residual_model {
    vqz_prob block[8];
    vqz_prob zero[COLOURS][ACTIVITIES][OTHERS];
    vqz_prob negative[COLOURS][3][3][3][3];
    vqz_prob size[COLOURS][ACTIVITIES][OTHERS][LOGS], size_bits[COLOURS][LOGS][VQZ_PROB_NODES];
};

typedef struct coder {
    vqz_bits bits;
    vqz_residual *r;
    ptrdiff_t pitch;                /* of a row of q */
    int16_t *first;                 /* pixel 0 of the group's first row */
    uint8_t *coded, *coded_up;      /* block flags of the group, and of the one above */
    uint32_t blocks;                /* of a group */
    uint8_t activity[MOST_AROUND + 1];
} coder;

static size_t pitch_of(uint32_t w, unsigned colours) { return ((size_t)w + 2 * PAD) * colours; }
static uint32_t blocks_of(uint32_t w) { return (w + BLOCK - 1) / BLOCK; }

void vqz_residual_layout(vqz_residual *r, uint32_t w, unsigned colours, vqz_arena *a) {
    r->w = w;
    r->colours = colours;
    VQZ_TAKE(a, r->model, 1);
    VQZ_TAKE(a, r->q, (ABOVE + BLOCK) * pitch_of(w, colours));
    VQZ_TAKE(a, r->coded, 2 * ((size_t)blocks_of(w) + 2));
}

static void fill_activity(uint8_t *table) {
    static const uint8_t limit[ACTIVITIES - 1] = {0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 40, 72, MOST_AROUND - 1};
    for (unsigned sum = 0, k = 0; sum <= MOST_AROUND; sum++) {
        if (k < ACTIVITIES - 1 && sum > limit[k]) k++;
        table[sum] = (uint8_t)k;
    }
}

static void start(coder *c, vqz_residual *r, vqz_rans_enc *enc, vqz_rans_dec *dec) {
    size_t pitch = pitch_of(r->w, r->colours);
    *c = (coder){.r = r, .pitch = (ptrdiff_t)pitch, .blocks = blocks_of(r->w)};
    vqz_bits_init(&c->bits, enc, dec, SLOWEST);
    fill_activity(c->activity);
    vqz_probs_init((vqz_prob *)r->model, sizeof *r->model / sizeof(vqz_prob));
    memset(r->q, 0, (ABOVE + BLOCK) * pitch * sizeof *r->q);
    memset(r->coded, 0, 2 * ((size_t)c->blocks + 2));
    c->first = r->q + ABOVE * pitch + PAD * r->colours;
    c->coded = r->coded + 1;
    c->coded_up = c->coded + c->blocks + 2;
}

static unsigned sign3(int v) { return v < 0 ? 0 : v > 0 ? 2 : 1; }

/* w, n: the values to the left and above; before, signs: of the planes before this one. */
static int code_value(coder *c, unsigned k, int w, int n, int around, int before, unsigned signs, int v) {
    vqz_residual_model *m = c->r->model;
    unsigned act = c->activity[around < MOST_AROUND ? around : MOST_AROUND], other = before < OTHERS ? (unsigned)before : OTHERS - 1;
    if (vqz_bit(&c->bits, &m->zero[k][act][other], v == 0)) return 0;
    bool neg = vqz_bit(&c->bits, &m->negative[k][sign3(w)][sign3(n)][signs % 3][signs / 3], v < 0);
    int size = vqz_number(&c->bits, m->size[k][act][other], m->size_bits[k], abs(v), LARGEST);
    return neg ? -size : size;
}

static void code_pixel(coder *c, int16_t *q) {
    ptrdiff_t s = (ptrdiff_t)c->r->colours, up = c->pitch;
    int before = 0;
    unsigned signs = 4;
    for (unsigned k = 0; k < c->r->colours; k++) {
        const int16_t *p = q + k;
        int w = p[-s], n = p[-up], around = 3 * (abs(w) + abs(n)) + abs(p[-up - s]) + abs(p[-up + s]) + abs(p[-2 * s]) + abs(p[-2 * up]);
        int v = code_value(c, k, w, n, around, before, signs, *p);
        q[k] = (int16_t)v;
        before += abs(v);
        signs = signs % 3 * 3 + sign3(v);
    }
}

/* Flags of the group's blocks, then the pixels of `rows` rows in the blocks that have any. */
static void code_group(coder *c, uint32_t rows) {
    unsigned colours = c->r->colours;
    for (uint32_t i = 0; i < c->blocks; i++)
        c->coded[i] = vqz_bit(&c->bits, &c->r->model->block[c->coded[(int)i - 1] + 2 * c->coded_up[i] + 4 * c->coded_up[i + 1]], c->coded[i]);
    for (uint32_t y = 0; y < rows; y++) {
        int16_t *row = c->first + (ptrdiff_t)y * c->pitch;
        for (uint32_t i = 0; i < c->blocks; i++) {
            uint32_t end = (i + 1) * BLOCK < c->r->w ? (i + 1) * BLOCK : c->r->w;
            if (!c->coded[i]) continue;
            for (uint32_t x = i * BLOCK; x < end; x++) code_pixel(c, row + x * colours);
        }
    }
}

/* The group's last rows become those above the next one, which starts as zeros. */
static void next_group(coder *c) {
    size_t pitch = (size_t)c->pitch;
    memmove(c->r->q, c->r->q + BLOCK * pitch, ABOVE * pitch * sizeof *c->r->q);
    memset(c->r->q + ABOVE * pitch, 0, BLOCK * pitch * sizeof *c->r->q);
    uint8_t *up = c->coded_up;
    c->coded_up = c->coded;
    c->coded = up;
}

/* The steps of luma, in quarters, and of chroma, in halves: an error of luma counts about four times. Steps of 1 are exact. */
typedef struct steps { int luma, chroma; } steps;
static steps steps_of(int code) { return (steps){code > 4 ? code : 4, code > 2 ? code : 2}; }

/* Values of a pixel -> what is to be added to its samples. */
static void restore(const steps *step, unsigned colours, const int16_t *q, int *add) {
    int luma = (q[0] * step->luma + 2) >> 2;
    if (colours == 1) {
        add[0] = luma;
        return;
    }
    int co = (q[1] * step->chroma + 1) >> 1, cg = (q[2] * step->chroma + 1) >> 1, t = luma - (cg >> 1);
    add[1] = cg + t;
    add[2] = t - (co >> 1);
    add[0] = add[2] + co;
}

static uint32_t band_rows(const vqz_residual *r) {
    uint32_t groups = BAND_SAMPLES / (r->w * r->colours * BLOCK);
    return (groups ? groups : 1) * BLOCK;
}

/* ---- encoder ---------------------------------------------------------------------------------- */

/* Values in steps, for all that can be asked: chroma of differences up to 255, and three times the luma that is left then. */
enum { LUMA_RANGE = 1100, CHROMA_RANGE = 511 };
typedef struct quantizer {
    steps step;
    int16_t luma[LUMA_RANGE], chroma[CHROMA_RANGE];
} quantizer;

/* Less than two thirds of a step is not worth its bits. */
static int16_t in_steps(int v, int step) { return (int16_t)((3 * v + step) / (3 * step)); }
static void make_quantizer(quantizer *z, int code, unsigned colours) {
    z->step = steps_of(code);
    int luma = (colours == 3 ? 3 : 1) * z->step.luma;
    for (int v = 0; v < LUMA_RANGE; v++) z->luma[v] = in_steps(4 * v, luma);
    for (int v = 0; v < CHROMA_RANGE; v++) z->chroma[v] = in_steps(2 * v, z->step.chroma);
}
static int look_up(const int16_t *table, int v) { return v < 0 ? -table[-v] : table[v]; }

/* Differences of a pixel's samples -> values, chroma first: luma makes good what it can of chroma's error. */
static void quantize(const quantizer *z, unsigned colours, const int *difference, int16_t *q) {
    if (colours == 1) {
        q[0] = (int16_t)look_up(z->luma, difference[0]);
        return;
    }
    int r = difference[0], g = difference[1], b = difference[2], co = r - b, cg = g - (b + (co >> 1)), part[COLOURS] = {0};
    q[0] = 0;
    q[1] = (int16_t)look_up(z->chroma, co);
    q[2] = (int16_t)look_up(z->chroma, cg);
    restore(&z->step, colours, q, part);
    q[0] = (int16_t)look_up(z->luma, r + g + b - part[0] - part[1] - part[2]);
}

/* Differences of the pixel; false: it does not matter. */
static bool difference_at(const vqz_residual_source *s, unsigned colours, uint32_t x, uint32_t y, int *difference) {
    if (s->alpha && !s->alpha[y * s->alpha_stride + x]) return false;
    const uint8_t *a = s->original.data + y * s->original.stride + x * s->original.step;
    const uint8_t *b = s->synthesised.data + y * s->synthesised.stride + x * s->synthesised.step;
    for (unsigned k = 0; k < colours; k++) difference[k] = a[k] - b[k];
    return true;
}

/* Whether the mean squared error, of every so many rows, is at most the target. z NULL: with nothing coded. */
static bool good_enough(const quantizer *z, unsigned colours, const vqz_residual_source *s, uint32_t w, uint32_t h, uint32_t every, uint32_t target) {
    uint64_t sum = 0, n = 0;
    for (uint32_t y = 0; y < h; y += every)
        for (uint32_t x = 0; x < w; x++) {
            int d[COLOURS] = {0}, part[COLOURS] = {0};
            int16_t q[COLOURS];
            if (!difference_at(s, colours, x, y, d)) continue;
            if (z) {
                quantize(z, colours, d, q);
                restore(&z->step, colours, q, part);
            }
            for (unsigned k = 0; k < colours; k++) sum += (uint64_t)((d[k] - part[k]) * (d[k] - part[k]));
            n += colours;
        }
    return 16 * sum <= n * target;
}

/* The largest step that is good enough; z is left with it. 0: nothing needs to be coded. */
static int choose_step(quantizer *z, unsigned colours, const vqz_residual_source *s, uint32_t w, uint32_t h, uint32_t target) {
    enum { SOME = 5 };
    if (good_enough(NULL, colours, s, w, h, 1, target)) return 0;
    int good = 1, bad = 256;         /* code 1 is exact */
    while (bad - good > 1) {
        int middle = (good + bad) / 2;
        make_quantizer(z, middle, colours);
        if (good_enough(z, colours, s, w, h, SOME, target)) good = middle;
        else bad = middle;
    }
    for (;; good--) {
        make_quantizer(z, good, colours);
        if (good == 1 || good_enough(z, colours, s, w, h, 1, target)) return good;
    }
}

static void quantize_group(coder *c, const quantizer *z, const vqz_residual_source *s, uint32_t y, uint32_t rows) {
    unsigned colours = c->r->colours;
    memset(c->coded, 0, c->blocks);
    for (uint32_t i = 0; i < rows; i++)
        for (uint32_t x = 0; x < c->r->w; x++) {
            int d[COLOURS] = {0};
            int16_t *q = c->first + (ptrdiff_t)i * c->pitch + x * colours;
            if (!difference_at(s, colours, x, y + i, d)) continue;
            quantize(z, colours, d, q);
            for (unsigned k = 0; k < colours; k++) c->coded[x / BLOCK] |= q[k] != 0;
        }
}

static vqz_status encode_bands(vqz_residual *r, vqz_rans_enc *rans, const quantizer *z, const vqz_residual_source *s, uint32_t h, void **out, size_t *size, vqz_error *e) {
    coder c;
    uint32_t band = band_rows(r);
    start(&c, r, rans, NULL);
    vqz_rans_enc_reset(rans);
    for (uint32_t y = 0; y < h;) {
        uint32_t rows = h - y < BLOCK ? h - y : BLOCK;
        quantize_group(&c, z, s, y, rows);
        code_group(&c, rows);
        next_group(&c);
        y += rows;
        if (y < h && y % band) continue;
        VQZ_TRY(vqz_band_append(rans, out, size, e));
        vqz_rans_enc_reset(rans);
    }
    return VQZ_OK;
}

vqz_status vqz_residual_encode(vqz_residual *r, vqz_rans_enc *rans, const vqz_residual_source *src, uint32_t h, uint32_t target,
                               uint8_t **out, size_t *size, vqz_error *e) {
    quantizer z;
    int step = choose_step(&z, r->colours, src, r->w, h, target);
    void *data = NULL;
    *out = NULL;
    *size = 1;
    VQZ_TRY(vqz_alloc(rans->mem, &data, 1, 1, e));
    *(uint8_t *)data = (uint8_t)step;
    vqz_status status = step ? encode_bands(r, rans, &z, src, h, &data, size, e) : VQZ_OK;
    if (status != VQZ_OK) vqz_free(rans->mem, data);
    else *out = data;
    return status;
}

uint32_t vqz_residual_target(uint32_t quality_x16) {
    static const struct { uint16_t quality, target; } points[] = {{80 * 16, 60 * 16}, {90 * 16, 30 * 16}, {95 * 16, 12 * 16}, {1560, 6 * 16}, {100 * 16, 41}};
    size_t i = 0;
    if (quality_x16 < points[0].quality) return 0;
    while (i < 3 && quality_x16 > points[i + 1].quality) i++;
    uint32_t span = points[i + 1].quality - points[i].quality, at = quality_x16 - points[i].quality;
    return points[i].target - (points[i].target - points[i + 1].target) * at / span;
}

/* ---- decoder ---------------------------------------------------------------------------------- */

static void add_group(const coder *c, vqz_samples s, uint32_t y, uint32_t rows, const steps *step) {
    const unsigned colours = c->r->colours == 1 ? 1 : COLOURS;
    for (uint32_t i = 0; i < rows; i++) {
        const int16_t *q = c->first + (ptrdiff_t)i * c->pitch;
        uint8_t *p = s.data + (y + i) * s.stride;
        for (uint32_t x = 0; x < c->r->w; x++, q += colours, p += s.step) {
            if (!c->coded[x / BLOCK]) continue;
            int add[COLOURS];
            restore(step, colours, q, add);
            for (unsigned k = 0; k < colours; k++) {
                int v = p[k] + add[k];
                p[k] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
            }
        }
    }
}

vqz_status vqz_residual_decode(vqz_residual *r, const uint8_t *data, size_t size, vqz_samples samples, uint32_t h, vqz_error *e) {
    vqz_reader in = vqz_reader_of(data, size);
    vqz_rans_dec dec;
    coder c;
    int code = vqz_read8(&in);
    steps step = steps_of(code);
    if (in.failed) return vqz_fail(e, VQZ_ERR_CORRUPT, 0, "residual: no data");
    uint32_t band = band_rows(r);
    start(&c, r, NULL, &dec);
    for (uint32_t y = 0; code && y < h;) {
        size_t offset = in.pos;
        vqz_status s = vqz_band_open(&dec, &in, e);
        for (uint32_t end = h - y < band ? h : y + band; s == VQZ_OK && y < end && !dec.failed;) {
            uint32_t rows = end - y < BLOCK ? end - y : BLOCK;
            code_group(&c, rows);
            add_group(&c, samples, y, rows, &step);
            next_group(&c);
            y += rows;
        }
        if (s == VQZ_OK) s = vqz_rans_dec_finish(&dec, e);
        if (s != VQZ_OK) return vqz_fail(e, s, offset, "residual: a band's data is damaged");
    }
    return vqz_reader_left(&in) ? vqz_fail(e, VQZ_ERR_CORRUPT, in.pos, "residual: %zu bytes too many", vqz_reader_left(&in)) : VQZ_OK;
}
