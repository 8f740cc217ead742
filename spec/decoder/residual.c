/* bitstream.md, "Residual". */
#include "decoder.h"

struct residual {
    struct plane p;
    struct context zero[3][14][4], negative[3][3][3][3][3], size[3][14][4][9], bits[3][9][16];
};

static int decode_value(struct residual *r, int x, int y, int k) {
    static const int steps[13] = {0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 40, 72, 136};
    struct plane *p = &r->p;
    const int16_t *v = values(p, x, y);
    int W = values(p, x - 1, y)[k], WW = values(p, x - 2, y)[k], N = values(p, x, y - 1)[k], o = 0;
    int NW = values(p, x - 1, y - 1)[k], NE = values(p, x + 1, y - 1)[k], NN = values(p, x, y - 2)[k];
    int a = below(steps, 13, 3 * (abs(W) + abs(N)) + abs(NW) + abs(NE) + abs(WW) + abs(NN));
    for (int j = 0; j < k; j++)
        o = smaller(o + abs(v[j]), 3);
    int s = k > 0 ? sgn(v[k - 1]) : 1, t = k > 1 ? sgn(v[k - 2]) : 1;
    if (bit(&p->d, &r->zero[k][a][o]))
        return 0;
    return other(&p->d, 0, -511, 511, &r->negative[k][sgn(W)][sgn(N)][s][t], r->size[k][a][o], r->bits[k]);
}

static int decode_pixel(void *coder, int x, int y) {
    struct residual *r = coder;
    for (int k = 0; k < r->p.K && *block_mask(&r->p, x, y); k++)
        values(&r->p, x, y)[k] = (int16_t)decode_value(r, x, y, k);
    return x + 1;
}

static void add_pixel(const int16_t *v, int K, int D, uint8_t *p) {
    int y = (v[0] * larger(D, 4) + 2) >> 2, o = 0, g = 0;
    if (K == 3) {
        o = (v[1] * larger(D, 2) + 1) >> 1;
        g = (v[2] * larger(D, 2) + 1) >> 1;
    }
    int t = y - (g >> 1), blue = t - (o >> 1), add[3] = {blue + o, g + t, blue};   /* of gray: y */
    for (int k = 0; k < K; k++)
        p[k] = (uint8_t)clamp(p[k] + add[k], 0, 255);
}

void decode_residual(const struct picture *pic, struct bytes payload, struct rectangle tile) {
    int D = (int)get_number(&payload, 1);
    struct residual *r = take(1, sizeof *r);
    r->p = new_plane(tile, colours(pic), 8, 255, true);
    r->p.zero_sides = true;
    if (D > 0)
        decode_bands(&r->p, &payload, decode_pixel, r);
    require(payload.left == 0, CORRUPT, payload.what, "goes on behind its end");
    for (size_t i = 0; i < (size_t)tile.w * tile.h; i++)
        add_pixel(r->p.v + i * colours(pic), r->p.K, D, pixel(pic, tile, i));
}
