/* bitstream.md, "Pixels as they are". */
#include "decoder.h"
#include <stdlib.h>
#include <string.h>

enum { MASK = 2, PREDICTIONS = 7, NOTE = 7, ENTRIES = 65536 };

/* Nothing but contexts: they are reset as one array. */
struct contexts {
    struct context block[8], zero[3][24][4], negative[3][3][3][3], size[3][24][8], bits[3][8][16];
    struct context known[3][8][3][4], near[4][8], same_first[8];
};

struct entry { uint32_t colour; int trust; uint32_t check; };

struct exact {
    struct decisions d;
    struct contexts *q;
    struct entry (*table)[ENTRIES], first[256];   /* table NULL: no memory */
    int w, h, K, bias[3][12][64];
    int16_t *v;                                   /* [h][w][K] */
    int (*here)[3][8], (*above)[3][8];            /* costs and, at NOTE, errors of two rows, with two zeros before and one behind */
};

static int value(const struct exact *t, int x, int y, int k) {
    if (x < 0)
        return value(t, 0, y - 1, k);
    return y < 0 ? 0 : t->v[((size_t)y * (size_t)t->w + (size_t)(x < t->w ? x : t->w - 1)) * (size_t)t->K + (size_t)k];
}

static uint32_t colour(const struct exact *t, int x, int y) {
    int g = value(t, x, y, 0);
    return (uint32_t)(t->K == 1 ? g : g | (g + value(t, x, y, 1)) << 8 | (g + value(t, x, y, 2)) << 16);
}

static bool set(int16_t *v, int K, uint32_t c) {
    v[0] = (int16_t)(c & 255);
    for (int k = 1; k < K; k++)
        v[k] = (int16_t)((int)(c >> 8 * k & 255) - v[0]);
    return true;
}

static void learn(struct entry *s, uint32_t c) {
    bool right = s->trust && s->colour == c, new = !right && s->trust <= 1;
    s->colour = new ? c : s->colour;
    s->trust = new ? 1 : right ? (int)clamp(s->trust + 1, 1, 7) : s->trust / 2;
}

static bool decode_known(struct exact *t, int x, int y, struct entry *E[3], int16_t *v) {
    static const int place[12][2] = {{-1, 0}, {0, -1}, {1, -1}, {-1, -1}, {-2, 0}, {0, -2}, {2, -1}, {-2, -1}, {1, -2}, {-1, -2}, {-3, 0}, {3, -1}};
    uint32_t c[12], asked[7];
    uint64_t key = 0;
    int n = 0, j;
    for (int i = 0; i < 12; i++) {
        c[i] = colour(t, x + place[i][0], y + place[i][1]);
        key = (key + c[i] + 1) * 0x9E3779B97F4A7C15u;
        int table = i == 2 ? 2 : i == 5 ? 1 : i == 11 ? 0 : -1;
        if (table < 0)
            continue;
        E[table] = &t->table[table][key >> 48];
        if (E[table]->check != (key >> 40 & 255))
            *E[table] = (struct entry){.check = key >> 40 & 255};
    }
    int alike = (c[0] == c[1]) + 2 * (c[0] == c[3]) + 4 * (c[1] == c[2]);
    for (int i = 0; i < 7; i++) {
        const struct entry *e = E[i % 3], *other = E[(i + 1) % 3];
        uint32_t guess = i < 3 ? e->colour : c[i - 3];
        for (j = 0; j < n && asked[j] != guess; j++)
            continue;
        if (j < n || (i < 3 && e->trust == 0))
            continue;
        asked[n++] = guess;
        int s = other->trust == 0 ? 0 : other->colour == guess ? 1 : 2;
        struct context *q = i < 3 ? &t->q->known[i][e->trust][s][(guess == c[0]) + 2 * (guess == c[1])] : &t->q->near[i - 3][alike];
        if (bit(&t->d, q))
            return set(v, t->K, guess);
    }
    return false;
}

static void decode_sample(struct exact *t, int x, int y, int k, int16_t *v, int *before, int signs[2]) {
    static const int steps[23] = {0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 19, 24, 30, 38, 48, 60, 75, 95, 120, 160, 230, 399};
    int W = value(t, x - 1, y, k), WW = value(t, x - 2, y, k), N = value(t, x, y - 1, k), NW = value(t, x - 1, y - 1, k);
    int NE = value(t, x + 1, y - 1, k), NN = value(t, x, y - 2, k), NNE = value(t, x + 1, y - 2, k);
    int lo = k ? -v[0] : 0, hi = lo + 255, large = W > N ? W : N, small = W > N ? N : W;
    int M = NW >= large ? small : NW <= small ? large : W + N - NW, sums[8];
    int P[7] = {8 * M, 4 * (W + N) + 2 * (NE - NW), 8 * (W + NE - N), 8 * (N + NE - NNE), 8 * (2 * W - WW), 8 * NE, 8 * N + 4 * (N - NN)};
    int64_t G = 0, sum = 0;
    for (int i = 0; i < 8; i++)
        sums[i] = t->above[x - 1][k][i] + 2 * t->above[x][k][i] + t->above[x + 1][k][i] + 2 * t->here[x - 1][k][i] + t->here[x - 2][k][i];
    for (int i = 0; i < PREDICTIONS; i++) {
        int64_t g = 1 + clamp((1 << 20) / ((sums[i] + 2) * (sums[i] + 2)), 0, 1 << 17);
        P[i] = (int)clamp(P[i], 8 * lo, 8 * hi);
        G += g;
        sum += g * (P[i] - 8 * lo);
    }
    int p = (int)((sum + G / 2) / G) + 8 * lo, q = p >> 3, around = (3 * sums[NOTE] + abs(W - NW) + abs(N - NE)) / 2;
    int *b = &t->bias[k][below(steps, 23, around) / 2][(W > q) + 2 * (N > q) + 4 * (NW > q) + 8 * (NE > q) + 16 * (WW > q) + 32 * (NN > q)];
    p = (int)clamp(p + ((*b + 32) >> 6), 8 * lo, 8 * hi);
    int pred = (p + 4) >> 3, lean = p - 8 * pred < -1 ? 0 : p - 8 * pred > 1 ? 2 : 1;
    int a = below(steps, 23, around + 2 * *before), o = !k ? lean : !*before ? 0 : *before < 3 ? 1 : *before < 8 ? 2 : 3;
    v[k] = (int16_t)pred;
    if (!bit(&t->d, &t->q->zero[k][a][o])) {
        int down = pred == hi ? 1 : pred == lo ? 0 : bit(&t->d, &t->q->negative[k][lean][signs[0]][signs[1]]);
        int n = number(&t->d, t->q->size[k][a], t->q->bits[k], down ? pred - lo : hi - pred);
        v[k] = (int16_t)(down ? pred - n : pred + n);
    }
    *b += (64 * (8 * v[k] - p) - *b + 16) >> 5;
    for (int i = 0; i < PREDICTIONS; i++)
        t->here[x][k][i] = (int)clamp(abs(8 * v[k] - P[i]) >> 2, 0, 255);
    t->here[x][k][NOTE] = *before = abs(v[k] - pred);
    signs[1] = signs[0];
    signs[0] = sgn(v[k] - pred);
}

static void decode_pixel(struct exact *t, int x, int y, int16_t *v) {
    struct entry *E[3];
    int before = 0, signs[2] = {1, 1};
    bool done = t->table && decode_known(t, x, y, E, v);
    for (int k = 0; k < t->K && !done; k++) {
        decode_sample(t, x, y, k, v, &before, signs);
        struct entry *s = &t->first[k ? 0 : v[0]];
        if (t->table && t->K == 3 && k == 0 && s->trust && bit(&t->d, &t->q->same_first[s->trust]))
            done = set(v, t->K, s->colour);
    }
    uint32_t c = colour(t, x, y);
    for (int i = 0; t->table && i < 3; i++)
        learn(E[i], c);
    learn(&t->first[t->K == 3 ? v[0] : 0], c);
}

/* A group of 16 rows from y on; mask: of the group above, one 0 behind it, then this one's; NULL: all is coded */
static void decode_group(struct exact *t, int y, uint8_t *mask) {
    int blocks = (t->w + 15) / 16;
    uint8_t *m = mask ? mask + blocks + 1 : NULL;
    for (int i = 0; mask && i < blocks; i++)
        m[i] = (uint8_t)bit(&t->d, &t->q->block[(i ? m[i - 1] : 0) + 2 * mask[i] + 4 * mask[i + 1]]);
    for (int end = y + 16; y < end && y < t->h; y++) {
        int (*old)[3][8] = t->above;
        t->above = t->here;
        t->here = old;
        memset(t->here, 0, (size_t)t->w * sizeof *t->here);
        for (int x = 0; x < t->w; x++) {
            int16_t *v = t->v + ((size_t)y * (size_t)t->w + (size_t)x) * (size_t)t->K;
            if (!m || m[x / 16])
                decode_pixel(t, x, y, v);
            else
                set(v, t->K, colour(t, x - 1, y));
        }
    }
}

void decode_exact(const struct picture *pic, struct bytes payload, struct rectangle tile, uint8_t *samples) {
    size_t scope = mark(), size = (size_t)tile.w * tile.h, n = 0;
    uint32_t flags = get_number(&payload, 1), hash = get_number(&payload, 4);
    struct exact *t = take(1, sizeof *t);
    t->w = (int)tile.w, t->h = (int)tile.h, t->K = pic->samples <= 2 ? 1 : 3;
    t->v = take(size, (size_t)t->K * sizeof *t->v);
    t->here = (int (*)[3][8])take((size_t)tile.w + 3, sizeof *t->here) + 2;
    t->above = (int (*)[3][8])take((size_t)tile.w + 3, sizeof *t->above) + 2;
    t->table = flags & 1 ? take(3, sizeof *t->table) : NULL;
    t->q = new_contexts(sizeof *t->q);
    t->d.limit = 255;
    int blocks = (t->w + 15) / 16, groups = (int)clamp((1 << 18) / (16 * t->w * t->K), 1, t->h), all = (t->h + 15) / 16;
    uint8_t *mask = take((size_t)all + 1, (size_t)blocks + 1), *hashed = take(size, (size_t)t->K);
    for (int g = 0; g < all; g++) {
        if (g % groups == 0)
            band_open(&t->d, &payload);
        decode_group(t, 16 * g, flags & MASK ? mask + (size_t)g * ((size_t)blocks + 1) : NULL);
        if (g % groups == groups - 1 || g == all - 1)
            rans_close(&t->d.rans);
    }
    require(payload.left == 0, CORRUPT, payload.what, "goes on behind its end");
    for (int y = 0; y < t->h; y++)
        for (int x = 0; x < t->w; x++) {
            uint8_t *to = samples + (((size_t)tile.y + (size_t)y) * pic->width + tile.x + (size_t)x) * pic->samples;
            bool shown = !(flags & MASK) || mask[(size_t)(y / 16 + 1) * ((size_t)blocks + 1) + (size_t)x / 16];
            uint32_t c = colour(t, x, y);
            for (int k = 0; k < t->K; k++) {
                hashed[n] = (uint8_t)(c >> 8 * (t->K == 1 || k == 2 ? k : 1 - k));   /* R, G, B */
                to[k] = shown ? hashed[n] : to[k];
                n++;
            }
        }
    require((uint32_t)xxh64(hashed, n) == hash, HASH, payload.what, "has pixels that differ from their hash");
    release(scope);
}

/* Takes a payload of layer 0 apart: `latents` becomes what it has of these, the result the pixel section; `left` is 0 in what it lacks. */
struct bytes split_payload(struct bytes *latents) {
    struct bytes pixels = *latents;
    uint32_t kind = latents->left ? latents->at[0] : 0, size = 0;
    pixels.left = 0;
    if (kind < 254)
        return pixels;
    get_number(latents, 1);
    size = kind == 254 ? get_varint(latents) : (uint32_t)latents->left;
    pixels.at = get_block(latents, size);
    pixels.left = size;
    bool fitting = size && pixels.at[0] <= 3 && (pixels.at[0] & MASK) == (kind == 254 ? MASK : 0);
    require(fitting, CORRUPT, latents->what, "have impossible pixels");
    require(kind == 255 || (latents->left && latents->at[0] < 254), CORRUPT, latents->what, "have pixels twice");
    return pixels;
}
