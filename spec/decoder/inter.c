/* bitstream.md, "Inter frames": motion, which blocks are coded, prediction. */
#include "inter.h"

enum { CODED = 1, FRESH = 2, SPLIT = 4, MOVED = 8, MOST = 2047 };
struct vector { int v[2]; };                 /* x, y */

static struct {
    const struct picture *pic;
    uint8_t *before;                         /* samples of the frame before */
    uint32_t w, h;                           /* blocks of the picture */
    uint8_t *kind;                           /* [h][w] */
    struct vector *vector;                   /* [2 h][2 w] */
    int16_t *neutral;                        /* latents */
    uint32_t x, y, tw, th;                   /* the present tile, in blocks */
} s;

void inter_open(const struct model *m, const struct picture *pic) {
    s.pic = pic;
    if (!pic->inters)
        return;
    s.w = ceil_div(pic->width, 16);
    s.h = ceil_div(pic->height, 16);
    s.before = take((size_t)pic->width * pic->height, pic->depth);
    s.kind = take(s.h, s.w);
    s.vector = take((size_t)4 * s.h * s.w, sizeof *s.vector);
    struct tensor gray = new_tensor(1, 1, 768), half = new_tensor(8, 8, 12), linear = run_net(&m->net[0][0], gray, NULL);
    s.neutral = run_net(&m->net[1][0], half, &linear).v;
}

void inter_keep(void) {
    if (s.pic->inters)
        memcpy(s.before, s.pic->samples, (size_t)s.pic->width * s.pic->height * s.pic->depth);
}

static uint8_t *block(uint32_t x, uint32_t y) { return &s.kind[(s.y + y) * s.w + s.x + x]; }
static struct vector *quarter(uint32_t x, uint32_t y) { return &s.vector[(2 * s.y + y) * 2 * s.w + 2 * s.x + x]; }

void inter_tile(const struct model *m, struct rectangle tile, const struct tensor *y) {
    s.x = tile.x / 16;
    s.y = tile.y / 16;
    s.tw = ceil_div(tile.w, 16);
    s.th = ceil_div(tile.h, 16);
    if (!s.pic->inter)
        return;
    for (uint32_t i = 0; i < s.th; i++)
        for (uint32_t k = 0; k < s.tw; k++) {
            *block(k, i) = 0;
            memcpy(at(y, i, k), s.neutral, m->C * sizeof *s.neutral);
            for (uint32_t q = 0; q < 4; q++)
                *quarter(2 * k + q % 2, 2 * i + q / 2) = (struct vector){{0, 0}};
        }
}

/* ---- motion ---- */
struct contexts { struct context coded[3], fresh[3], split[3], moved[3], other[2], negative[2], size[2][12]; tree bits[2][12]; };

static void begin_contexts(struct contexts *q) {
    static const int first[4][3] = {{10, 11, 16}, {2, 8, 16}, {2, 5, 13}, {9, 14, 18}}, size[12] = {17, 13, 11, 9, 8, 8, 8, 8, 8, 8, 8, 8};
    memset(q, 0, sizeof *q);
    for (int i = 0; i < 3; i++) {
        struct context *const kind[4] = {&q->coded[i], &q->fresh[i], &q->split[i], &q->moved[i]};
        for (int k = 0; k < 4; k++)
            *kind[k] = (struct context){first[k][i] * (1 << 26) - (1 << 30), 3};
    }
    for (int k = 0; k < 2; k++) {
        q->other[k] = (struct context){22 * (1 << 26) - (1 << 30), 3};
        for (int i = 0; i < 12; i++)
            q->size[k][i] = (struct context){size[i] * (1 << 26) - (1 << 30), 3};
    }
}

static int median(int a, int b, int c) { return larger(smaller(a, b), smaller(larger(a, b), c)); }

static struct vector expected(uint32_t x, uint32_t y, uint32_t size) {
    struct vector left = {{0, 0}}, third = {{0, 0}};
    if (x > 0)
        left = *quarter(x - 1, y);
    if (y == 0)
        return left;
    if (x + size < 2 * s.tw && !(x % 2 == 1 && y % 2 == 1))
        third = *quarter(x + size, y - 1);
    else if (x > 0)
        third = *quarter(x - 1, y - 1);
    for (int k = 0; k < 2; k++)
        left.v[k] = median(left.v[k], quarter(x, y - 1)->v[k], third.v[k]);
    return left;
}

static bool decode_vector(struct rans *d, struct contexts *q, uint32_t x, uint32_t y, uint32_t size, int near) {
    struct vector v = expected(x, y, size);
    bool moved = bit(d, &q->moved[near]);
    for (int k = 0; k < 2 && moved; k++)
        if (bit(d, &q->other[k])) {
            int sign = bit(d, &q->negative[k]) ? -1 : 1;
            v.v[k] = (int)clamp(v.v[k] + sign * number(d, q->size[k], q->bits[k], 2 * MOST), -MOST, MOST);
        }
    for (uint32_t i = 0; i < size * size; i++)
        *quarter(x + i % size, y + i / size) = v;
    return moved;
}

void inter_motion(struct rans *d) {
    static struct contexts q;
    if (!s.pic->inter)
        return;
    begin_contexts(&q);
    for (uint32_t i = 0; i < s.tw * s.th; i++) {
        uint32_t x = i % s.tw, y = i / s.tw;
        int left = x ? *block(x - 1, y) : 0, above = y ? *block(x, y - 1) : 0, kind = 0;
#define NEAR(bit) (!!(left & (bit)) + !!(above & (bit)))
        if (bit(d, &q.coded[NEAR(CODED)]))
            kind = bit(d, &q.fresh[NEAR(FRESH)]) ? CODED | FRESH : CODED;
        if (!(kind & FRESH)) {
            bool split = bit(d, &q.split[NEAR(SPLIT)]);
            for (uint32_t k = 0; k < (split ? 4 : 1); k++)
                if (decode_vector(d, &q, 2 * x + k % 2, 2 * y + k / 2, split ? 1 : 2, NEAR(MOVED)))
                    kind |= MOVED;
            kind |= split ? SPLIT : 0;
        }
#undef NEAR
        *block(x, y) = (uint8_t)kind;
    }
}

bool inter_coded(uint32_t y, uint32_t x) { return !s.pic->inter || *block(x, y) & CODED; }

bool inter_live(uint32_t zy, uint32_t zx) {
    bool any = false;
    for (uint32_t y = 4 * zy; y < 4 * zy + 4 && y < s.th; y++)
        for (uint32_t x = 4 * zx; x < 4 * zx + 4 && x < s.tw; x++)
            any = any || inter_coded(y, x);
    return any;
}

/* ---- prediction ---- */
static int reference(int64_t x, int64_t y, uint32_t k) {
    const struct picture *p = s.pic;
    size_t at = (size_t)clamp(y, 0, p->height - 1) * p->width + (size_t)clamp(x, 0, p->width - 1);
    return s.before[at * p->depth + (colours(p) == 3 ? k : 0)];
}

int inter_sample(uint32_t x, uint32_t y, uint32_t k, int v) {
    static const int tap[4][8] = {{0, 0, 0, 64, 0, 0, 0, 0}, {-1, 4, -10, 58, 18, -7, 3, -1}, {-2, 5, -11, 40, 40, -11, 5, -2}, {-1, 3, -7, 18, 58, -10, 4, -1}};
    if (!s.pic->inter)
        return v;
    uint32_t bx = x / 16, by = y / 16, left = bx ? bx - 1 : 0;
    bool still = true;
    for (uint32_t j = by ? by - 1 : 0; j <= by + 1 && j < s.h; j++)
        for (uint32_t i = left; i <= bx + 1 && i < s.w; i++)
            still = still && !(s.kind[j * s.w + i] & CODED);
    const struct vector m = s.vector[y / 8 * 2 * s.w + x / 8];
    int sum = 0;
    for (int j = 0; j < 8; j++)
        for (int i = 0; i < 8; i++)
            sum += tap[m.v[0] & 3][i] * tap[m.v[1] & 3][j] * reference((int64_t)x + (m.v[0] >> 2) + i - 3, (int64_t)y + (m.v[1] >> 2) + j - 3, k);
    int predicted = s.kind[by * s.w + bx] & FRESH ? 128 : (int)clamp((sum + 2048) >> 12, 0, 255);
    return still ? predicted * 64 : (int)clamp(v + (predicted - 128) * 64, -32768, 32767);
}
