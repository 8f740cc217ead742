/* bitstream.md: what alpha, pixels and residuals have in common: bands of decisions, masks, neighbours */
#include "decoder.h"

struct plane new_plane(struct rectangle tile, uint32_t K, uint32_t side, int limit, bool masked) {
    struct plane p = {.w = (int)tile.w, .h = (int)tile.h, .K = (int)K, .side = (int)side, .masked = masked,
                      .d.limit = limit, .mask_width = (int)ceil_div(tile.w, side) + 1};
    size_t row = ((size_t)tile.w + 3) * K, blocks = (size_t)p.mask_width * (ceil_div(tile.h, side) + 1);
    p.v = take((size_t)tile.w * tile.h, K * sizeof *p.v);
    p.here = (struct cell *)take(row, sizeof *p.here) + 2 * K;
    p.above = (struct cell *)take(row, sizeof *p.above) + 2 * K;
    p.mask = take(blocks, 1);
    memset(p.mask, !masked, blocks);
    return p;
}

int16_t *values(struct plane *p, int x, int y) {
    if (y < 0 || (p->zero_sides && (x < 0 || x >= p->w)))
        return p->zeros;
    return x < 0 ? values(p, 0, y - 1) : p->v + (y * p->w + smaller(x, p->w - 1)) * p->K;
}

uint8_t *block_mask(const struct plane *p, int x, int y) {
    return p->mask + (y / p->side + 1) * p->mask_width + x / p->side;
}

void decode_bands(struct plane *p, struct bytes *payload, int (*decode)(void *, int, int), void *coder) {
    int band = p->side * (int)clamp((1 << 18) / (p->side * p->w * p->K), 1, p->h);
    for (int y = 0; y < p->h; y++) {
        struct cell *old = p->above;
        p->above = p->here;
        p->here = old;
        memset(p->here, 0, (size_t)p->w * (size_t)p->K * sizeof *p->here);
        if (y % band == 0)
            rans_open(&p->d, payload, 1);
        for (int x = 0; x < p->w && p->masked && y % p->side == 0; x += p->side) {
            uint8_t *m = block_mask(p, x, y), *above = m - p->mask_width;   /* each row has a zero behind it */
            *m = (uint8_t)bit(&p->d, &p->block[m[-1] + 2 * above[0] + 4 * above[1]]);
        }
        for (int x = 0; x < p->w;)
            x = decode(coder, x, y);
        if (y % band == band - 1 || y == p->h - 1)
            rans_close(&p->d);
    }
}

int mix(int n, int *P, const int64_t *g, int lo, int hi) {
    int64_t G = 0, sum = 0;
    for (int i = 0; i < n; i++) {
        P[i] = (int)clamp(P[i], 8 * lo, 8 * hi);
        G += g[i];
        sum += g[i] * (P[i] - 8 * lo);
    }
    return (int)((sum + G / 2) / G) + 8 * lo;
}

int other(struct rans *d, int pred, int lo, int hi, struct context *sign, struct context *size, tree *bits) {
    bool down = pred == hi || (pred != lo && bit(d, sign));
    int n = number(d, size, bits, down ? pred - lo : hi - pred);
    return down ? pred - n : pred + n;
}

void put(struct plane *p, int x, int y, int k, int v, int error, int n, const int *P) {
    struct cell *cell = &p->here[x * p->K + k];
    values(p, x, y)[k] = (int16_t)v;
    cell->e = error;
    for (int i = 0; i < n; i++)
        cell->d[i] = smaller(abs(8 * v - P[i]) >> 2, 255);
}
