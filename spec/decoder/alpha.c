/* bitstream.md, "Alpha". */
#include "decoder.h"
#include <stdlib.h>
#include <string.h>

enum { SMOOTH_SAME = 9, LEANS = 3, SIGNS = 243, MEMORY_SIZE = 65536 };

/* Nothing but contexts: they are reset as one array. */
struct contexts {
    struct context whole[3][32], from_end[32], from[2][32], from_bits[2][32][16];
    struct context guess[3][3], same_sharp[5][3][SIGNS], same_smooth[SMOOTH_SAME][LEANS];
    struct context extreme[3][9], white[9], negative[9], distance[9][8], distance_bits[8][16];
};

struct alpha {
    struct decisions d;
    struct contexts *q;
    struct { uint8_t value, trust; } memory[MEMORY_SIZE];
    int w;
    uint8_t *s;                       /* samples of the tile */
    struct cell { int e, d[5]; } *here, *above;   /* errors and costs of two rows, with a cell of zeros at both ends */
};

static int class_of(int v) { return v == 0 ? 0 : v == 255 ? 1 : 2; }

static int sample(const struct alpha *a, int x, int y) {
    if (y < 0)
        return 0;
    if (x < 0)
        return sample(a, 0, y - 1);
    return a->s[(size_t)y * (size_t)a->w + (size_t)(x < a->w ? x : a->w - 1)];
}

static void store(struct alpha *a, int x, int y, int v, int pred, const int P[5]) {
    a->s[(size_t)y * (size_t)a->w + (size_t)x] = (uint8_t)v;
    a->here[x].e = v - pred;
    for (int i = 0; i < 5; i++)
        a->here[x].d[i] = (int)clamp(abs(8 * v - P[i]) >> 2, 0, 255);
}

static int decode_other(struct alpha *a, int p, int activity, int lean_sign) {
    struct contexts *q = a->q;
    if (bit(&a->d, &q->extreme[class_of(p)][activity]))
        return p == 0 ? 255 : p == 255 ? 0 : bit(&a->d, &q->white[activity]) ? 255 : 0;
    int down = p == 0 ? 0 : p == 255 ? 1 : bit(&a->d, &q->negative[lean_sign]);
    int n = number(&a->d, q->distance[activity], q->distance_bits, down ? p : 255 - p);
    return down ? p - n : p + n;
}

/* Decodes the stretch, or the sample, at x; the result is the place behind it. */
static int decode_stretch(struct alpha *a, int x, int y) {
    struct contexts *q = a->q;
    int W = sample(a, x - 1, y), len = 0;
    while (x + len < a->w && sample(a, x + len, y - 1) == W && sample(a, x + len + 1, y - 1) == W)
        len++;
    int l = floor_log2((uint32_t)len), half = len / 2, run = len;
    const int P[5] = {8 * W, 8 * W, 8 * W, 8 * W, 8 * W}, whole = bit(&a->d, &q->whole[class_of(W)][l]);
    if (!whole && (len == 1 || bit(&a->d, &q->from_end[l])))
        run = len - number(&a->d, q->from[1], q->from_bits[1], len - half);
    else if (!whole)
        run = number(&a->d, q->from[0], q->from_bits[0], half) - 1;
    for (int i = 0; i < run; i++)
        store(a, x + i, y, W, W, P);
    if (!whole)
        store(a, x + run, y, decode_other(a, W, 0, 4), W, P);
    return x + run + !whole;
}

static int decode_sample(struct alpha *a, int x, int y) {
    struct contexts *q = a->q;
    int W = sample(a, x - 1, y), WW = sample(a, x - 2, y), N = sample(a, x, y - 1), NW = sample(a, x - 1, y - 1);
    int NE = sample(a, x + 1, y - 1), NEE = sample(a, x + 2, y - 1), NN = sample(a, x, y - 2);
    int hi = W > N ? W : N, lo = W > N ? N : W, M = NW >= hi ? lo : NW <= lo ? hi : W + N - NW;
    int P[5] = {8 * M, 4 * (W + N) + 2 * (NE - NW), 8 * (W + NE - N), 8 * (2 * N - NN), 8 * (2 * W - WW)};
    const struct cell *left = a->here + x - 1, *above = a->above + x;
    int64_t G = 0, sum = 0;
    for (int i = 0; i < 5; i++) {
        int c = above[-1].d[i] + above[0].d[i] + above[1].d[i] + 2 * left->d[i];
        int g = (1 << 24) / ((c + 2) * (c + 2));
        P[i] = (int)clamp(P[i], 0, 2040);
        G += g;
        sum += (int64_t)g * P[i];
    }
    int top = hi > NW ? hi : NW, bottom = lo < NW ? lo : NW;
    int range = (top > NE ? top : NE) - (bottom < NE ? bottom : NE);
    bool sharp = range <= 2 || range > 16;
    int mixed = sharp ? 8 * M : (int)((sum + G / 2) / G), pred = (mixed + 4) >> 3, rest = mixed - 8 * pred;
    int lean = rest < -1 ? 0 : rest > 1 ? 2 : 1;
    static const int steps[8] = {0, 1, 2, 4, 8, 16, 40, 100};
    int activity = below(steps, 8, abs(left->e) + abs(above[-1].e) + abs(above[0].e) + abs(above[1].e));
    int signs = sgn(W - NW) + 3 * sgn(N - NW) + 9 * sgn(NE - N) + 27 * sgn(WW - W) + 81 * sgn(NN - N);
    uint64_t key = (uint64_t)W | (uint64_t)N << 8 | (uint64_t)NW << 16 | (uint64_t)NE << 24 | (uint64_t)WW << 32 |
                   (uint64_t)NN << 40 | (uint64_t)NEE << 48;
    uint32_t entry = (uint32_t)(key * 0x9E3779B97F4A7C15u >> 48);
    int value = a->memory[entry].value, trust = a->memory[entry].trust, v;

    bool guessed = sharp && trust > 0 && value != pred;
    if (guessed && bit(&a->d, &q->guess[trust - 1][class_of(value)])) {                                   /* 1 */
        v = value;
    } else {
        struct context *same = sharp ? &q->same_sharp[guessed ? 4 : trust][class_of(pred)][signs]
                               : class_of(pred) < 2 ? &q->same_sharp[0][class_of(pred)][signs]
                                                    : &q->same_smooth[activity][lean];
        v = bit(&a->d, same) ? pred : decode_other(a, pred, activity, sgn(left->e) + 3 * lean);   /* 2, 3 */
    }
    if (sharp) {                                                                                           /* 4 */
        bool right = trust > 0 && value == v;
        if (trust <= 1)
            a->memory[entry].value = (uint8_t)v;
        a->memory[entry].trust = (uint8_t)(right ? clamp(trust + 1, 0, 3) : clamp(trust - 1, 1, 3));
    }
    store(a, x, y, v, pred, P);
    return x + 1;
}

static void decode_rows(struct alpha *a, struct bytes *payload, int h) {
    int band = (int)clamp((1 << 18) / a->w, 1, h);
    for (int y = 0; y < h; y++) {
        struct cell *swap = a->here;
        a->here = a->above;
        a->above = swap;
        if (y % band == 0)
            band_open(&a->d, payload);
        for (int x = 0; x < a->w;) {
            int W = sample(a, x - 1, y), N = sample(a, x, y - 1), NE = sample(a, x + 1, y - 1);
            x = W == N && N == NE ? decode_stretch(a, x, y) : decode_sample(a, x, y);
        }
        if (y % band == band - 1 || y == h - 1)
            rans_close(&a->d.rans);
    }
}

void decode_alpha(const struct picture *pic, struct bytes payload, struct rectangle tile, uint8_t *samples) {
    size_t size = (size_t)tile.w * tile.h, scope = mark(), k = 0;
    struct alpha *a = take(1, sizeof *a);
    uint32_t method = get_number(&payload, 1);
    require(method <= 2, CORRUPT, payload.what, "has an unknown method");
    a->w = (int)tile.w;
    a->s = take(size, 1);
    if (method == 0) {
        memset(a->s, (int)get_number(&payload, 1), size);
    } else if (method == 1) {
        a->d.limit = 50;
        a->q = new_contexts(sizeof *a->q);
        a->here = (struct cell *)take((size_t)tile.w + 2, sizeof *a->here) + 1;
        a->above = (struct cell *)take((size_t)tile.w + 2, sizeof *a->above) + 1;
        decode_rows(a, &payload, (int)tile.h);
    } else {
        memcpy(a->s, get_block(&payload, size), size);
    }
    require(payload.left == 0, CORRUPT, payload.what, "goes on behind its end");
    for (uint32_t y = 0; y < tile.h; y++)
        for (uint32_t x = 0; x < tile.w; x++)
            samples[(((size_t)tile.y + y) * pic->width + tile.x + x + 1) * pic->samples - 1] = a->s[k++];
    release(scope);
}
