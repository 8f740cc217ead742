#include "cli/image_yuv.h"
#include <string.h>

static int64_t divide_round(int64_t a, int64_t b) { return a >= 0 ? (a + b / 2) / b : -((-a + b / 2) / b); }   /* b > 0 */
static uint8_t clamp_byte(int64_t v) { return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v); }

void yuv_set_matrix(yuv_kind *k, video_matrix which, uint32_t width, uint32_t height) {
    if (which == MATRIX_AUTO) which = width >= 1280 || height > 576 ? MATRIX_BT709 : MATRIX_BT601;
    k->kr = which == MATRIX_BT709 ? 2126 : 2990;
    k->kb = which == MATRIX_BT709 ? 722 : 1140;
}

/* ---- to RGB ---- */
yuv_to_rgb yuv_to_rgb_of(const yuv_kind *k) {
    const unsigned more = k->depth - 8;
    const int64_t most = ((int64_t)1 << k->depth) - 1, kg = 10000 - k->kr - k->kb;
    const int64_t luma = k->full ? most : (int64_t)219 << more, c = 10000 * (k->full ? most : (int64_t)224 << more);
    yuv_to_rgb t = {.kind = *k, .y_offset = k->full ? 0 : (int64_t)16 << more, .middle = (int64_t)128 << more, .shift = (int)(16 + more)};
    const int64_t one = (int64_t)255 << t.shift;
    t.y = divide_round(one, luma);
    t.rv = divide_round(one * 2 * (10000 - k->kr), c);
    t.bu = divide_round(one * 2 * (10000 - k->kb), c);
    t.gu = divide_round(one * 2 * (10000 - k->kb) * k->kb / kg, c);
    t.gv = divide_round(one * 2 * (10000 - k->kr) * k->kr / kg, c);
    return t;
}

vqz_layout yuv_layout(const yuv_kind *k) { return (vqz_layout)((k->mono ? VQZ_GRAY : VQZ_RGB) + (k->alpha ? 1 : 0)); }

static int sample(const uint8_t *row, uint32_t x, unsigned depth) {
    uint16_t wide;
    if (depth == 8) return row[x];
    memcpy(&wide, row + 2 * (size_t)x, sizeof wide);
    return wide;
}

/* Where luma position p lies between chroma samples: first one, second one, and the weight of the second in quarters. */
typedef struct tap { uint32_t a, b; int weight; } tap;

static tap tap_of(uint32_t p, uint32_t count, bool half, bool centre) {
    if (!half) return (tap){p, p, 0};
    uint32_t i = p / 2, next = i + 1 < count ? i + 1 : i;
    if (!centre) return (tap){i, next, p & 1 ? 2 : 0};
    return p & 1 ? (tap){i, next, 1} : (tap){i, i ? i - 1 : 0, 1};
}

static int chroma(const uint8_t *plane, ptrdiff_t stride, unsigned depth, tap x, tap y) {
    const uint8_t *p = plane + (ptrdiff_t)y.a * stride, *q = plane + (ptrdiff_t)y.b * stride;
    int top = sample(p, x.a, depth) * (4 - x.weight) + sample(p, x.b, depth) * x.weight;
    int bottom = sample(q, x.a, depth) * (4 - x.weight) + sample(q, x.b, depth) * x.weight;
    return (top * (4 - y.weight) + bottom * y.weight + 8) >> 4;
}

static void rgb_pixel(const yuv_to_rgb *t, uint8_t *rgb, int y, int64_t u, int64_t v) {
    const int64_t l = t->y * (y - t->y_offset) + ((int64_t)1 << (t->shift - 1));
    u -= t->middle;
    v -= t->middle;
    rgb[0] = clamp_byte((l + t->rv * v) >> t->shift);
    rgb[1] = clamp_byte((l - t->gu * u - t->gv * v) >> t->shift);
    rgb[2] = clamp_byte((l + t->bu * u) >> t->shift);
}

void yuv_read_row(const yuv_to_rgb *t, const yuv_planes *p, uint32_t y, uint8_t *row) {
    const yuv_kind *k = &t->kind;
    const uint8_t *luma = p->data[0] + (ptrdiff_t)y * p->stride[0];
    const uint8_t *alpha = k->alpha ? p->data[3] + (ptrdiff_t)y * p->stride[3] : NULL;
    const size_t step = (size_t)yuv_layout(k);
    const uint32_t chroma_width = yuv_chroma_side(p->width, k->half_x);
    const tap ty = tap_of(y, yuv_chroma_side(p->height, k->half_y), k->half_y, k->centre_y);
    for (uint32_t x = 0; x < p->width; x++, row += step) {
        const int l = sample(luma, x, k->depth);
        if (k->mono) {
            row[0] = clamp_byte((t->y * (l - t->y_offset) + ((int64_t)1 << (t->shift - 1))) >> t->shift);
        } else {
            const tap tx = tap_of(x, chroma_width, k->half_x, k->centre_x);
            rgb_pixel(t, row, l, chroma(p->data[1], p->stride[1], k->depth, tx, ty), chroma(p->data[2], p->stride[2], k->depth, tx, ty));
        }
        if (alpha) row[step - 1] = clamp_byte(sample(alpha, x, k->depth) >> (k->depth - 8));
    }
}

/* ---- from RGB ---- */
typedef struct sums { int64_t r, l, b, n; } sums;      /* red, luma in 1/10000 and blue of n pixels */

static void add(sums *s, const yuv_kind *k, const uint8_t *p, bool colour, int64_t n) {
    const int64_t r = p[0], g = colour ? p[1] : r, b = colour ? p[2] : r;
    s->r += n * r;
    s->l += n * (k->kr * r + (10000 - k->kr - k->kb) * g + k->kb * b);
    s->b += n * b;
    s->n += n;
}

static void write_luma(const yuv_kind *k, const uint8_t *p, size_t step, bool colour, uint32_t width, uint8_t *to) {
    for (uint32_t x = 0; x < width; x++, p += step) {
        sums s = {0};
        add(&s, k, p, colour, 1);
        to[x] = clamp_byte((k->full ? 0 : 16) + divide_round(s.l * (k->full ? 255 : 219), 2550000));
    }
}

/* A chroma sample from the pixels around its place: the two between which it sits, or 1 : 2 : 1 of those around the one on which it sits. */
static void write_chroma(const yuv_kind *k, const uint8_t *top, const uint8_t *bottom, size_t step, bool colour, uint32_t width, uint8_t *u, uint8_t *v) {
    const int64_t range = k->full ? 255 : 224;
    for (uint32_t i = 0; i < yuv_chroma_side(width, k->half_x); i++) {
        const uint32_t x = k->half_x ? 2 * i : i, next = k->half_x && x + 1 < width ? x + 1 : x;
        const size_t here = x * step, right = next * step, left = (k->half_x && x ? x - 1 : x) * step;
        sums s = {0};
        for (int half = 0; half < 2; half++) {
            const uint8_t *p = half ? bottom : top;
            if (half && bottom == top) break;
            add(&s, k, p + here, colour, k->centre_x ? 1 : 2);
            if (!k->centre_x) add(&s, k, p + left, colour, 1);
            add(&s, k, p + right, colour, 1);
        }
        u[i] = clamp_byte(128 + divide_round((10000 * s.b - s.l) * range, 510 * s.n * (10000 - k->kb)));
        v[i] = clamp_byte(128 + divide_round((10000 * s.r - s.l) * range, 510 * s.n * (10000 - k->kr)));
    }
}

void yuv_write_rows(const yuv_kind *k, const image_rows *rows, vqz_layout layout, uint32_t width, uint8_t *const to[3], const ptrdiff_t stride[3]) {
    const bool colour = layout >= VQZ_RGB;
    for (uint32_t y = 0; y < rows->count; y++) {
        const uint8_t *p = rows->pixels + (ptrdiff_t)y * rows->stride;
        write_luma(k, p, (size_t)layout, colour, width, to[0] + (ptrdiff_t)y * stride[0]);
        if (k->mono || (k->half_y && y % 2)) continue;
        const ptrdiff_t at = (ptrdiff_t)(k->half_y ? y / 2 : y);
        write_chroma(k, p, k->half_y && y + 1 < rows->count ? p + rows->stride : p, (size_t)layout, colour, width, to[1] + at * stride[1], to[2] + at * stride[2]);
    }
}
