/* A wide search on a fourth of the size, steps towards less on whole pixels, then halves and quarters; blocks of 16 and their quarters. */
#include "codec/motion_search.h"
#include "base/pixelmath.h"
#include <stdlib.h>
#include <string.h>

enum { BLOCK = VQZ_MOTION_BLOCK, PART = VQZ_MOTION_PART, BORDER = 48, STRIP = 4, WIDE = 12, TAPS = 8, BEFORE = 3, ROUNDS = 8 };
enum { CLOSE = 2, SAME = 1, SPLIT_BITS = 6, FRESH_MORE = 512 };     /* good enough for no wide search, for no quarters, a sample; what a split costs beside its
                                                                     * vectors; an old block's advantage */

static uint32_t blocks(uint32_t n) { return (n + BLOCK - 1) / BLOCK; }
static size_t stride_of(const vqz_search *s) { return (size_t)blocks(s->width) * BLOCK + 2 * BORDER; }
static size_t rows_of(const vqz_search *s) { return (size_t)blocks(s->height) * BLOCK + 2 * BORDER; }
static uint32_t strips(const vqz_search *s) { return (blocks(s->height) + STRIP - 1) / STRIP; }

void vqz_search_layout(vqz_search *s, uint32_t width, uint32_t height, vqz_arena *a) {
    *s = (vqz_search){.width = width, .height = height};
    const uint32_t w = blocks(width), h = blocks(height);
    const size_t plane = stride_of(s) * rows_of(s);
    vqz_luma *luma[2] = {&s->now, &s->before};
    for (int i = 0; i < 2; i++) {
        VQZ_TAKE(a, luma[i]->full, plane);
        VQZ_TAKE(a, luma[i]->quarter, plane / 16);
    }
    VQZ_TAKE(a, s->old, (size_t)4 * w * h);
    VQZ_TAKE(a, s->motion.block, (size_t)w * h);
    VQZ_TAKE(a, s->motion.vector, (size_t)4 * w * h);
    VQZ_TAKE(a, s->cost, strips(s));
    s->motion.stride = s->motion.w = w;
    s->motion.h = h;
}

/* ---- luma --------------------------------------------------------------------------------------- */

static void make_luma(const vqz_search *s, const uint8_t *rgb, const vqz_luma *to) {
    const size_t stride = stride_of(s), rows = rows_of(s);
    for (size_t y = 0; y < rows; y++) {
        const size_t at = y < BORDER ? 0 : y - BORDER < s->height ? y - BORDER : s->height - 1;
        const uint8_t *from = rgb + at * s->width * 3;
        uint8_t *row = to->full + y * stride;
        for (uint32_t x = 0; x < s->width; x++, from += 3) row[BORDER + x] = vqz_gray(from[0], from[1], from[2]);
        memset(row, row[BORDER], BORDER);
        memset(row + BORDER + s->width, row[BORDER + s->width - 1], stride - BORDER - s->width);
    }
    for (size_t y = 0; y < rows / 4; y++)
        for (size_t x = 0; x < stride / 4; x++) {
            const uint8_t *p = to->full + 4 * y * stride + 4 * x;
            unsigned sum = 8;
            for (unsigned j = 0; j < 4; j++) sum += (unsigned)(p[j * stride] + p[j * stride + 1] + p[j * stride + 2] + p[j * stride + 3]);
            to->quarter[y * (stride / 4) + x] = (uint8_t)(sum >> 4);
        }
}

static const uint8_t *pixel(const vqz_search *s, const vqz_luma *l, int32_t x, int32_t y) { return l->full + (size_t)(y + BORDER) * stride_of(s) + (size_t)(x + BORDER); }

static inline uint32_t difference(const uint8_t *a, size_t sa, const uint8_t *b, size_t sb, uint32_t size) {
    uint32_t sum = 0;
    if (size == BLOCK)
        for (uint32_t y = 0; y < BLOCK; y++, a += sa, b += sb)
            for (uint32_t x = 0; x < BLOCK; x++) sum += (uint32_t)abs(a[x] - b[x]);
    else
        for (uint32_t y = 0; y < PART; y++, a += sa, b += sb)
            for (uint32_t x = 0; x < PART; x++) sum += (uint32_t)abs(a[x] - b[x]);
    return sum;
}

/* As vqz_predict, of a size that the compiler knows. */
static inline void interpolate_size(const uint8_t *from, size_t stride, vqz_vector v, uint32_t size, uint8_t *to) {
    int16_t wide[(BLOCK + TAPS - 1) * BLOCK];
    const int8_t *tx = vqz_motion_taps[v.x & 3], *ty = vqz_motion_taps[v.y & 3];
    from -= BEFORE * stride + BEFORE;
    for (uint32_t y = 0; y < size + TAPS - 1; y++, from += stride)
        if (v.x & 3) {
            for (uint32_t x = 0; x < size; x++) {
                int16_t sum = 0;             /* at most 90 x 255 in all */
                for (unsigned k = 0; k < TAPS; k++) sum = (int16_t)(sum + tx[k] * from[x + k]);
                wide[y * size + x] = sum;
            }
        } else {
            for (uint32_t x = 0; x < size; x++) wide[y * size + x] = (int16_t)(from[x + BEFORE] * 64);
        }
    for (uint32_t y = 0; y < size; y++)
        for (uint32_t x = 0; x < size; x++) {
            const int16_t *p = wide + y * size + x;
            int32_t sum = 2048;
            for (unsigned k = 0; k < TAPS; k++) sum += ty[k] * p[k * size];
            to[y * BLOCK + x] = (uint8_t)vqz_clamp32(sum >> 12, 0, 255);
        }
}

static void interpolate(const uint8_t *from, size_t stride, vqz_vector v, uint32_t size, uint8_t *to) {
    if (size == BLOCK) interpolate_size(from, stride, v, BLOCK, to);
    else interpolate_size(from, stride, v, PART, to);
}

/* ---- one block, or a quarter of one -------------------------------------------------------------- */

typedef struct target {
    const vqz_search *s;
    int32_t x, y;                /* pixels */
    uint32_t size;
    vqz_vector guess, best;
    uint32_t cost, off;          /* of the best one: with its bits, in 1/16; differences alone */
} target;

static uint32_t number_bits(int d) { return d ? 3 + 2 * vqz_log2_floor((uint32_t)abs(d)) : 1; }
static uint32_t vector_bits(vqz_vector v, vqz_vector guess) { return v.x == guess.x && v.y == guess.y ? 1 : 1 + number_bits(v.x - guess.x) + number_bits(v.y - guess.y); }

/* What lies in the border, with room for interpolation. */
static bool is_inside(const target *t, vqz_vector v) {
    enum { ROOM = BORDER - TAPS };
    const int32_t x = t->x + (v.x >> 2), y = t->y + (v.y >> 2), size = (int32_t)t->size;
    return x >= -ROOM && y >= -ROOM && x + size <= (int32_t)(blocks(t->s->width) * BLOCK) + ROOM && y + size <= (int32_t)(blocks(t->s->height) * BLOCK) + ROOM &&
           abs(v.x) <= VQZ_VECTOR_MOST && abs(v.y) <= VQZ_VECTOR_MOST;
}

static bool try_vector(target *t, int32_t vx, int32_t vy) {
    const vqz_vector v = {(int16_t)vx, (int16_t)vy};
    if (!is_inside(t, v)) return false;
    const uint32_t bits = vector_bits(v, t->guess) * t->s->price;
    if (bits >= t->cost) return false;
    uint8_t made[BLOCK * BLOCK];
    const size_t stride = stride_of(t->s);
    const uint8_t *from = pixel(t->s, &t->s->before, t->x + (v.x >> 2), t->y + (v.y >> 2)), *own = pixel(t->s, &t->s->now, t->x, t->y);
    uint32_t off;
    if ((v.x | v.y) & 3) {
        interpolate(from, stride, v, t->size, made);
        off = difference(own, stride, made, BLOCK, t->size);
    } else {
        off = difference(own, stride, from, stride, t->size);
    }
    const uint32_t cost = 16 * off + bits;
    if (cost >= t->cost) return false;
    t->cost = cost;
    t->off = off;
    t->best = v;
    return true;
}

static void try_near(target *t, vqz_vector v) {
    try_vector(t, (v.x + 2) & ~3, (v.y + 2) & ~3);
}

/* Steps of `step` quarters, as long as they help. */
static void walk(target *t, int step, int rounds) {
    static const int8_t way[4][2] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}};
    for (bool better = true; better && rounds-- > 0;) {
        const vqz_vector from = t->best;
        better = false;
        for (int i = 0; i < 4; i++) better |= try_vector(t, from.x + way[i][0] * step, from.y + way[i][1] * step);
    }
}

static void around(target *t, int step) {
    const vqz_vector from = t->best;
    for (int y = -step; y <= step; y += step)
        for (int x = -step; x <= step; x += step)
            if (x || y) try_vector(t, from.x + x, from.y + y);
}

/* The best place on a fourth of the size, for a block and what is around it. */
static vqz_vector look_wide(const target *t) {
    enum { HALF = 2, SIDE = 8 };
    const size_t stride = stride_of(t->s) / 4;
    const int32_t cx = (t->x + BORDER) / 4 - HALF, cy = (t->y + BORDER) / 4 - HALF, w = (int32_t)stride, h = (int32_t)rows_of(t->s) / 4;
    const uint8_t *own = t->s->now.quarter + (size_t)cy * stride + (size_t)cx;
    uint32_t least = UINT32_MAX;
    vqz_vector v = {0, 0};
    for (int32_t dy = -WIDE; dy <= WIDE; dy++)
        for (int32_t dx = -WIDE; dx <= WIDE; dx++) {
            if (cx + dx < 0 || cy + dy < 0 || cx + dx + SIDE > w || cy + dy + SIDE > h) continue;
            const uint32_t off = difference(own, stride, t->s->before.quarter + (size_t)(cy + dy) * stride + (size_t)(cx + dx), stride, SIDE) + 2 * (uint32_t)(abs(dx) + abs(dy));
            if (off >= least) continue;
            least = off;
            v = (vqz_vector){(int16_t)(16 * dx), (int16_t)(16 * dy)};
        }
    return v;
}

static vqz_vector *at(const vqz_motion *m, uint32_t x, uint32_t y) { return &m->vector[y * 2 * m->stride + x]; }

static void refine(target *t) {
    walk(t, 4, ROUNDS);
    around(t, 2);
    around(t, 1);
}

/* m: the strip. (x, y) and size in quarters of a block. */
static target start(const vqz_search *s, const vqz_motion *m, uint32_t first, uint32_t x, uint32_t y, uint32_t size) {
    target t = {.s = s, .x = (int32_t)(x * PART), .y = (int32_t)((2 * first + y) * PART), .size = size * PART, .guess = vqz_vector_expected(m, x, y, size), .cost = UINT32_MAX};
    try_vector(&t, 0, 0);
    try_vector(&t, t.guess.x, t.guess.y);
    if (x) try_near(&t, *at(m, x - 1, y));
    if (y) try_near(&t, *at(m, x, y - 1));
    return t;
}

static target search_block(const vqz_search *s, const vqz_motion *m, uint32_t first, uint32_t x, uint32_t y) {
    target t = start(s, m, first, 2 * x, 2 * y, 2);
    const vqz_vector *old = &s->old[(2 * (first + y)) * 2 * m->stride + 2 * x];
    try_near(&t, *old);
    if (2 * x + 2 < 2 * m->w && y) try_near(&t, *at(m, 2 * x + 2, 2 * y - 1));
    if (t.off > CLOSE * BLOCK * BLOCK) {
        const vqz_vector v = look_wide(&t);
        try_vector(&t, v.x, v.y);
        walk(&t, 16, 2);
        walk(&t, 8, 4);
    }
    refine(&t);
    return t;
}

static void set_part(const vqz_motion *m, uint32_t x, uint32_t y, uint32_t size, vqz_vector v) {
    for (uint32_t j = 0; j < size; j++)
        for (uint32_t i = 0; i < size; i++) *at(m, x + i, y + j) = v;
}

/* Absolute differences of a block from the means of its quarters. */
static uint32_t own_difference(const vqz_search *s, int32_t x, int32_t y) {
    const size_t stride = stride_of(s);
    uint32_t sum = 0;
    for (int q = 0; q < 4; q++) {
        const uint8_t *p = pixel(s, &s->now, x + (q & 1) * PART, y + (q >> 1) * PART);
        int mean = PART * PART / 2;
        for (unsigned j = 0; j < PART; j++)
            for (unsigned i = 0; i < PART; i++) mean += p[j * stride + i];
        mean /= PART * PART;
        for (unsigned j = 0; j < PART; j++)
            for (unsigned i = 0; i < PART; i++) sum += (uint32_t)abs(p[j * stride + i] - mean);
    }
    return sum;
}

static void do_block(const vqz_search *s, const vqz_motion *m, uint32_t first, uint32_t x, uint32_t y, uint64_t *moved, uint64_t *still) {
    const target whole = search_block(s, m, first, x, y);
    const uint32_t own = own_difference(s, whole.x, whole.y);
    uint8_t *kind = &m->block[y * m->stride + x];
    uint32_t cost = SPLIT_BITS * s->price, off = 0;
    vqz_vector parts[4];
    *kind = VQZ_BLOCK_CODED;
    for (uint32_t q = 0; q < 4 && cost < whole.cost && whole.off > SAME * BLOCK * BLOCK; q++) {
        const uint32_t px = 2 * x + (q & 1), py = 2 * y + (q >> 1);
        target t = start(s, m, first, px, py, 1);
        try_vector(&t, whole.best.x, whole.best.y);
        refine(&t);
        set_part(m, px, py, 1, parts[q] = t.best);
        cost += t.cost;
        off += t.off;
    }
    const bool split = cost < whole.cost && whole.off > SAME * BLOCK * BLOCK;
    const uint32_t least = split ? off : whole.off;
    *moved += least < own ? least : own;
    *still += own;
    if (least > own + FRESH_MORE) {
        *kind |= VQZ_BLOCK_FRESH;
        set_part(m, 2 * x, 2 * y, 2, (vqz_vector){0, 0});
    } else if (split) {
        *kind |= VQZ_BLOCK_SPLIT;
        for (uint32_t q = 0; q < 4; q++) set_part(m, 2 * x + (q & 1), 2 * y + (q >> 1), 1, parts[q]);
    } else {
        set_part(m, 2 * x, 2 * y, 2, whole.best);
    }
}

static void run_strip(void *arg, size_t i, unsigned worker) {
    vqz_search *s = arg;
    const uint32_t first = (uint32_t)i * STRIP, left = s->motion.h - first;
    const vqz_motion m = vqz_motion_part(&s->motion, 0, first, left < STRIP ? left : STRIP, s->motion.w);
    uint64_t moved = 0, still = 0;
    (void)worker;
    for (uint32_t y = 0; y < m.h; y++)
        for (uint32_t x = 0; x < m.w; x++) do_block(s, &m, first, x, y, &moved, &still);
    s->cost[i].moved = moved;
    s->cost[i].still = still;
}

bool vqz_search_run(vqz_search *s, vqz_pool *pool, const uint8_t *rgb, const uint8_t *ref, bool fresh) {
    enum { COMMON = 10 };        /* a scene goes on where the frame before explains a tenth or more */
    uint64_t moved = 0, still = 0;
    const size_t vectors = 4 * (size_t)s->motion.w * s->motion.h;
    if (fresh) memset(s->old, 0, vectors * sizeof *s->old);
    else memcpy(s->old, s->motion.vector, vectors * sizeof *s->old);
    make_luma(s, rgb, &s->now);
    make_luma(s, ref, &s->before);
    vqz_pool_run(pool, strips(s), run_strip, s);
    for (uint32_t i = 0; i < strips(s); i++) {
        moved += s->cost[i].moved;
        still += s->cost[i].still;
    }
    return moved + still / COMMON > still && moved > (uint64_t)CLOSE * s->width * s->height;
}
