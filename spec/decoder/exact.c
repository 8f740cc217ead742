/* bitstream.md, "Pixels as they are". */
#include "decoder.h"

struct entry { uint32_t colour; int trust; uint32_t check; };

struct exact {
    struct plane p;
    bool memory;
    int bias[3][12][64];
    struct entry table[3][65536], first[256];
    struct context zero[3][24][4], negative[3][3][3][3], size[3][24][8], bits[3][8][16];
    struct context known[3][8][3][4], near[4][8], same_first[8];
};

static uint32_t colour(struct exact *t, int x, int y) {
    const int16_t *v = values(&t->p, x, y);
    return (uint32_t)(t->p.K == 1 ? v[0] : v[0] | (v[0] + v[1]) << 8 | (v[0] + v[2]) << 16);
}

static void set_colour(struct exact *t, int x, int y, uint32_t c) {
    int16_t *v = values(&t->p, x, y);
    v[0] = (int16_t)(c & 255);
    for (int k = 1; k < t->p.K; k++)
        v[k] = (int16_t)((int)(c >> 8 * k & 255) - v[0]);
}

static void learn(struct entry *s, uint32_t c) {
    bool right = s->trust && s->colour == c;
    if (right || s->trust > 1)
        s->trust = right ? smaller(s->trust + 1, 7) : s->trust / 2;
    else
        *s = (struct entry){c, 1, s->check};
}

/* "A pixel", 1 and 2: whether it has a colour that the memory or a neighbour knows. E: the entries of the tables */
static bool decode_known(struct exact *t, int x, int y, struct entry *E[3]) {
    static const int place[12][2] = {{-1, 0}, {0, -1}, {1, -1}, {-1, -1}, {-2, 0}, {0, -2},
                                     {2, -1}, {-2, -1}, {1, -2}, {-1, -2}, {-3, 0}, {3, -1}};
    uint32_t c[12], asked[7];
    uint64_t key = 0;
    int n = 0, j = 0;
    for (int i = 0; i < 12; i++) {
        c[i] = colour(t, x + place[i][0], y + place[i][1]);
        key = (key + c[i] + 1) * 0x9E3779B97F4A7C15u;
        int table = i == 2 ? 2 : i == 5 ? 1 : 0;
        E[table] = &t->table[table][key >> 48];
        if ((i == 2 || i == 5 || i == 11) && E[table]->check != (key >> 40 & 255))
            *E[table] = (struct entry){0, 0, key >> 40 & 255};
    }
    int alike = (c[0] == c[1]) + 2 * (c[0] == c[3]) + 4 * (c[1] == c[2]);
    for (int i = 0; i < 7; i++) {
        const struct entry *e = E[i % 3], *next = E[(i + 1) % 3];
        asked[n] = i < 3 ? e->colour : c[i - 3];
        for (j = 0; asked[j] != asked[n]; j++)
            continue;
        if (j < n || (i < 3 && e->trust == 0))
            continue;
        int s = next->trust == 0 ? 0 : next->colour == asked[n] ? 1 : 2;
        int same = (asked[n] == c[0]) + 2 * (asked[n] == c[1]);
        if (bit(&t->p.d, i < 3 ? &t->known[i][e->trust][s][same] : &t->near[i - 3][alike])) {
            set_colour(t, x, y, asked[n]);
            return true;
        }
        n++;
    }
    return false;
}

/* "Samples", value k; before and signs: of the values before it */
static void decode_value(struct exact *t, int x, int y, int k, int *before, int signs[2]) {
    static const int act[23] = {0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 19, 24, 30, 38, 48, 60, 75, 95, 120, 160, 230, 399};
    struct plane *p = &t->p;
    const struct cell *above = &p->above[x * p->K + k], *left = &p->here[(x - 1) * p->K + k];
    int W = values(p, x - 1, y)[k], N = values(p, x, y - 1)[k], NW = values(p, x - 1, y - 1)[k];
    int NE = values(p, x + 1, y - 1)[k], WW = values(p, x - 2, y)[k], NN = values(p, x, y - 2)[k];
    int NNE = values(p, x + 1, y - 2)[k], lo = k ? -values(p, x, y)[0] : 0, hi = lo + 255;
    int M = (int)clamp(W + N - NW, smaller(W, N), larger(W, N));
    int P[7] = {8 * M, 4 * (W + N) + 2 * (NE - NW), 8 * (W + NE - N), 8 * (N + NE - NNE), 8 * (2 * W - WW), 8 * NE,
                8 * N + 4 * (N - NN)};
    int64_t g[7];
    for (int i = 0; i < 7; i++) {
        int64_t c = above[-p->K].d[i] + 2 * above->d[i] + above[p->K].d[i] + 2 * left->d[i] + left[-p->K].d[i] + 2;
        g[i] = 1 + clamp((1 << 20) / (c * c), 0, 1 << 17);
    }
    int errors = above[-p->K].e + 2 * above->e + above[p->K].e + 2 * left->e + left[-p->K].e;
    int around = (3 * errors + abs(W - NW) + abs(N - NE)) / 2, mixed = mix(7, P, g, lo, hi), q = mixed >> 3;
    int larger_ones = (W > q) + 2 * (N > q) + 4 * (NW > q) + 8 * (NE > q) + 16 * (WW > q) + 32 * (NN > q);
    int *b = &t->bias[k][below(act, 23, around) / 2][larger_ones];
    mixed = (int)clamp(mixed + ((*b + 32) >> 6), 8 * lo, 8 * hi);
    int pred = (mixed + 4) >> 3, rest = mixed - 8 * pred, lean = (rest > -2) + (rest > 1), v = pred;
    int a = below(act, 23, around + 2 * *before), o = k == 0 ? lean : (*before > 0) + (*before > 2) + (*before > 7);
    if (!bit(&p->d, &t->zero[k][a][o]))
        v = other(&p->d, pred, lo, hi, &t->negative[k][lean][signs[0]][signs[1]], t->size[k][a], t->bits[k]);
    *b += (64 * (8 * v - mixed) - *b + 16) >> 5;
    *before = abs(v - pred);
    put(p, x, y, k, v, *before, 7, P);
    signs[1] = signs[0];
    signs[0] = sgn(v - pred);
}

static int decode_pixel(void *coder, int x, int y) {
    struct exact *t = coder;
    if (!*block_mask(&t->p, x, y)) {
        set_colour(t, x, y, colour(t, x - 1, y));
        return x + 1;
    }
    struct entry *E[3];
    int before = 0, signs[2] = {1, 1};
    bool done = t->memory && decode_known(t, x, y, E);
    for (int k = 0; k < t->p.K && !done; k++) {
        decode_value(t, x, y, k, &before, signs);
        const struct entry *first = &t->first[values(&t->p, x, y)[0]];
        done = t->memory && t->p.K == 3 && k == 0 && first->trust && bit(&t->p.d, &t->same_first[first->trust]);
        if (done)
            set_colour(t, x, y, first->colour);
    }
    for (int i = 0; t->memory && i < 3; i++)
        learn(E[i], colour(t, x, y));
    learn(&t->first[values(&t->p, x, y)[0]], colour(t, x, y));
    return x + 1;
}

/* What a payload of layer 0 has of pixels or of latents, or nothing */
struct bytes split_payload(struct bytes payload, bool pixels) {
    uint32_t kind = payload.at[0];   /* of 8 bytes at least */
    if (kind < 254) {
        payload.left = pixels ? 0 : payload.left;
        return payload;
    }
    get_number(&payload, 1);
    struct bytes section = payload;
    section.left = kind == 254 ? get_varint(&payload) : payload.left;
    section.at = get_block(&payload, section.left);
    bool good = section.left && section.at[0] <= 3 && section.at[0] >> 1 == (kind == 254);
    good = good && (kind == 255 || (payload.left && payload.at[0] < 254));
    require(good, CORRUPT, payload.what, "have impossible pixels");
    return pixels ? section : payload;
}

void decode_exact(const struct picture *pic, struct bytes payload, struct rectangle tile) {
    static const int shift[3] = {8, 0, 16};   /* of R, G and B in a colour */
    payload = split_payload(payload, true);
    if (payload.left == 0)
        return;
    uint32_t flags = get_number(&payload, 1), hash = get_number(&payload, 4), K = colours(pic);
    size_t n = (size_t)tile.w * tile.h;
    struct exact *t = take(1, sizeof *t);
    uint8_t *decoded = take(n, K);
    t->p = new_plane(tile, K, 16, 255, flags & 2);
    t->memory = flags & 1;
    decode_bands(&t->p, &payload, decode_pixel, t);
    require(payload.left == 0, CORRUPT, payload.what, "goes on behind its end");
    for (size_t i = 0; i < n * K; i++) {
        int x = (int)(i / K % tile.w), y = (int)(i / K / tile.w);
        decoded[i] = (uint8_t)(colour(t, x, y) >> (K == 1 ? 0 : shift[i % K]));
        if (*block_mask(&t->p, x, y))
            pixel(pic, tile, i / K)[i % K] = decoded[i];
    }
    require((uint32_t)xxh64(decoded, n * K) == hash, HASH, payload.what, "has pixels that differ from their hash");
}
