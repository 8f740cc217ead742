/* bitstream.md, "Alpha". */
#include "decoder.h"

struct alpha {
    struct plane p;
    struct { uint8_t value, trust; } memory[65536];
    struct context whole[3][32], from_end[32], from[2][32], from_bits[2][32][16];
    struct context guess[3][3], same_sharp[5][3][243], same_smooth[9][3];
    struct context extreme[3][9], white[9], negative[9], distance[9][8], distance_bits[8][16];
};

static int class_of(int v) { return v == 0 ? 0 : v == 255 ? 1 : 2; }
static int sample(struct alpha *a, int x, int y) { return values(&a->p, x, y)[0]; }

static int decode_other(struct alpha *a, int p, int activity, int lean_sign) {
    if (bit(&a->p.d, &a->extreme[class_of(p)][activity]))
        return p == 0 ? 255 : p == 255 ? 0 : 255 * bit(&a->p.d, &a->white[activity]);
    return other(&a->p.d, p, 0, 255, &a->negative[lean_sign], a->distance[activity], a->distance_bits);
}

static int decode_stretch(struct alpha *a, int x, int y) {
    int W = sample(a, x - 1, y), len = 0;
    while (x + len < a->p.w && sample(a, x + len, y - 1) == W && sample(a, x + len + 1, y - 1) == W)
        len++;
    int l = floor_log2((uint32_t)len), half = len / 2, run = len;
    const int P[5] = {8 * W, 8 * W, 8 * W, 8 * W, 8 * W}, whole = bit(&a->p.d, &a->whole[class_of(W)][l]);
    if (!whole && (len == 1 || bit(&a->p.d, &a->from_end[l])))
        run = len - number(&a->p.d, a->from[1], a->from_bits[1], len - half);
    else if (!whole)
        run = number(&a->p.d, a->from[0], a->from_bits[0], half) - 1;
    for (int i = 0; i < run; i++)
        put(&a->p, x + i, y, 0, W, 0, 5, P);
    if (whole)
        return x + len;
    int v = decode_other(a, W, 0, 4);
    put(&a->p, x + run, y, 0, v, v - W, 5, P);
    return x + run + 1;
}

static int decode_sample(struct alpha *a, int x, int y) {
    static const int steps[8] = {0, 1, 2, 4, 8, 16, 40, 100};
    const struct cell *above = a->p.above + x, *left = a->p.here + x - 1;
    int W = sample(a, x - 1, y), WW = sample(a, x - 2, y), N = sample(a, x, y - 1), NN = sample(a, x, y - 2);
    int NW = sample(a, x - 1, y - 1), NE = sample(a, x + 1, y - 1), NEE = sample(a, x + 2, y - 1);
    int hi = larger(W, N), lo = smaller(W, N), M = (int)clamp(W + N - NW, lo, hi);
    int P[5] = {8 * M, 4 * (W + N) + 2 * (NE - NW), 8 * (W + NE - N), 8 * (2 * N - NN), 8 * (2 * W - WW)};
    int64_t g[5];
    for (int i = 0; i < 5; i++) {
        int64_t c = above[-1].d[i] + above[0].d[i] + above[1].d[i] + 2 * left->d[i] + 2;
        g[i] = (1 << 24) / (c * c);
    }
    int mixed = mix(5, P, g, 0, 255), range = larger(larger(hi, NW), NE) - smaller(smaller(lo, NW), NE);
    bool sharp = range <= 2 || range > 16;
    int p = sharp ? 8 * M : mixed, pred = (p + 4) >> 3, rest = p - 8 * pred, lean = (rest > -2) + (rest > 1);
    int activity = below(steps, 8, abs(left->e) + abs(above[-1].e) + abs(above[0].e) + abs(above[1].e));
    int signs = sgn(W - NW) + 3 * sgn(N - NW) + 9 * sgn(NE - N) + 27 * sgn(WW - W) + 81 * sgn(NN - N);
    uint64_t key = (uint64_t)W | (uint64_t)N << 8 | (uint64_t)NW << 16 | (uint64_t)NE << 24 | (uint64_t)WW << 32 |
                   (uint64_t)NN << 40 | (uint64_t)NEE << 48;
    uint32_t entry = (uint32_t)(key * 0x9E3779B97F4A7C15u >> 48);
    int value = a->memory[entry].value, trust = sharp ? a->memory[entry].trust : 0, v;
    bool guessed = trust > 0 && value != pred;
    if (guessed && bit(&a->p.d, &a->guess[trust - 1][class_of(value)])) {                              /* 1 */
        v = value;
    } else {                                                                                           /* 2, 3 */
        struct context *same = &a->same_smooth[activity][lean];
        if (sharp || class_of(pred) < 2)
            same = &a->same_sharp[guessed ? 4 : trust][class_of(pred)][signs];
        v = bit(&a->p.d, same) ? pred : decode_other(a, pred, activity, sgn(left->e) + 3 * lean);
    }
    if (sharp) {                                                                                       /* 4 */
        bool right = trust > 0 && value == v;
        a->memory[entry].value = (uint8_t)(trust <= 1 ? v : value);
        a->memory[entry].trust = (uint8_t)(right ? smaller(trust + 1, 3) : larger(trust - 1, 1));
    }
    put(&a->p, x, y, 0, v, v - pred, 5, P);
    return x + 1;
}

static int decode(void *coder, int x, int y) {
    int W = sample(coder, x - 1, y), N = sample(coder, x, y - 1), NE = sample(coder, x + 1, y - 1);
    return W == N && N == NE ? decode_stretch(coder, x, y) : decode_sample(coder, x, y);
}

void decode_alpha(const struct picture *pic, struct bytes payload, struct rectangle tile) {
    struct alpha *a = take(1, sizeof *a);
    a->p = new_plane(tile, 1, 1, 50, false);
    uint32_t method = get_ranged(&payload, 1, 0, 2);
    if (method == 1)
        decode_bands(&a->p, &payload, decode, a);
    for (size_t i = 0; i < (size_t)tile.w * tile.h; i++) {
        if (method == 2 || (method == 0 && i == 0))
            a->p.v[i] = (int16_t)get_number(&payload, 1);
        pixel(pic, tile, i)[pic->depth - 1] = (uint8_t)a->p.v[method ? i : 0];
    }
    require(payload.left == 0, CORRUPT, payload.what, "goes on behind its end");
}
