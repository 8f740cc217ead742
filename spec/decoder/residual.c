/* bitstream.md, "Residual". */
#include "decoder.h"
#include <stdlib.h>

enum { ACTIVITIES = 14 };

/* Nothing but contexts: they are reset as one array. */
struct contexts {
    struct context block[8], zero[3][ACTIVITIES][4], negative[3][3][3][3][3], size[3][ACTIVITIES][4][9], bits[3][9][16];
};

struct residual {
    struct decisions d;
    struct contexts *q;
    int w, h, K;
    int16_t *v;                       /* [h][w][K] */
    uint8_t *coded;                   /* for each block of the group above and of this one */
};

static int value(const struct residual *r, int x, int y, int k) {
    if (x < 0 || x >= r->w || y < 0)
        return 0;
    return r->v[((size_t)y * (size_t)r->w + (size_t)x) * (size_t)r->K + (size_t)k];
}

static int decode_value(struct residual *r, int x, int y, int k) {
    static const int steps[ACTIVITIES - 1] = {0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 40, 72, 136};
    struct contexts *q = r->q;
    int W = value(r, x - 1, y, k), WW = value(r, x - 2, y, k), N = value(r, x, y - 1, k), NN = value(r, x, y - 2, k);
    int NW = value(r, x - 1, y - 1, k), NE = value(r, x + 1, y - 1, k), o = 0;
    int around = 3 * (abs(W) + abs(N)) + abs(NW) + abs(NE) + abs(WW) + abs(NN);
    int a = below(steps, ACTIVITIES - 1, around);
    for (int j = 0; j < k; j++)
        o += abs(value(r, x, y, j));
    int s = k > 0 ? sgn(value(r, x, y, k - 1)) : 1, t = k > 1 ? sgn(value(r, x, y, k - 2)) : 1;
    if (bit(&r->d, &q->zero[k][a][o < 3 ? o : 3]))
        return 0;
    int negative = bit(&r->d, &q->negative[k][sgn(W)][sgn(N)][s][t]);
    int n = number(&r->d, q->size[k][a][o < 3 ? o : 3], q->bits[k], 511);
    return negative ? -n : n;
}

/* A group of 8 rows from y0 on; above and here: which blocks are coded, with one 0 more at the end */
static void decode_group(struct residual *r, int y0, const uint8_t *above, uint8_t *here) {
    int blocks = (r->w + 7) / 8;
    for (int i = 0; i < blocks; i++)
        here[i] = (uint8_t)bit(&r->d, &r->q->block[(i ? here[i - 1] : 0) + 2 * above[i] + 4 * above[i + 1]]);
    int16_t *v = r->v + (size_t)y0 * (size_t)r->w * (size_t)r->K;
    for (int y = y0; y < y0 + 8 && y < r->h; y++)
        for (int x = 0; x < r->w; x++)
            for (int k = 0; k < r->K; k++, v++)
                *v = (int16_t)(here[x / 8] ? decode_value(r, x, y, k) : 0);
}

static uint8_t plus(uint8_t sample, int difference) { return (uint8_t)clamp(sample + difference, 0, 255); }

static void add_pixel(const int16_t *v, int K, int D, uint8_t *p) {
    int y = (v[0] * (D > 4 ? D : 4) + 2) >> 2;
    if (K == 1) {
        p[0] = plus(p[0], y);
        return;
    }
    int o = (v[1] * (D > 2 ? D : 2) + 1) >> 1, g = (v[2] * (D > 2 ? D : 2) + 1) >> 1;
    int t = y - (g >> 1), blue = t - (o >> 1);
    p[0] = plus(p[0], blue + o);
    p[1] = plus(p[1], g + t);
    p[2] = plus(p[2], blue);
}

void decode_residual(const struct picture *pic, struct bytes payload, struct rectangle tile, uint8_t *samples) {
    int D = (int)get_number(&payload, 1);
    require(D > 0 || payload.left == 0, CORRUPT, payload.what, "goes on behind its end");
    if (D == 0)
        return;
    size_t scope = mark();
    struct residual r = {.w = (int)tile.w, .h = (int)tile.h, .K = pic->samples <= 2 ? 1 : 3};
    int blocks = (r.w + 7) / 8, groups = (int)clamp((1 << 18) / (8 * r.w * r.K), 1, r.h);
    r.d.limit = 255;
    r.q = new_contexts(sizeof *r.q);
    r.v = take((size_t)r.w * (size_t)r.h, (size_t)r.K * sizeof *r.v);
    r.coded = take(2, (size_t)blocks + 1);
    for (int group = 0; 8 * group < r.h; group++) {
        int first = group % 2 * (blocks + 1), other = (blocks + 1) - first;
        if (group % groups == 0)
            band_open(&r.d, &payload);
        decode_group(&r, 8 * group, r.coded + other, r.coded + first);
        if (group % groups == groups - 1 || 8 * (group + 1) >= r.h)
            rans_close(&r.d.rans);
    }
    require(payload.left == 0, CORRUPT, payload.what, "goes on behind its end");
    for (uint32_t y = 0; y < tile.h; y++)
        for (uint32_t x = 0; x < tile.w; x++)
            add_pixel(r.v + ((size_t)y * tile.w + x) * (size_t)r.K, r.K, D,
                      samples + (((size_t)tile.y + y) * pic->width + tile.x + x) * pic->samples);
    release(scope);
}
