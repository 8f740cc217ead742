/* bitstream.md: the payload of a latent tile. */
#include "decoder.h"

struct tile {
    const struct model *m;
    const struct level *level;       /* of the tile */
    uint32_t row, unit;              /* its number; rows of a step */
    const int8_t *step;              /* of every block */
    struct decisions d;              /* all symbols */
    struct raw raw;
    uint32_t w, h, mask;             /* in latents */
    int bias[MAX_SLICES];
    struct tensor hyper, y;          /* hyper features; the tile's own latents */
};

/* "Steps" */
static void decode_steps(struct tile *t) {
    const int h = (int)ceil_div(t->h, 2), w = (int)ceil_div(t->w, 2);
    struct contexts { struct context other[3], finer[3], more[4]; } *q = new_contexts(sizeof *q);
    int8_t *s = take((size_t)h * (size_t)w, 1);
    t->step = s;
    t->d.limit = 50;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++, s++) {
            int above = y ? s[-w] : x ? s[-1] : 0, left = x ? s[-1] : above, apart = left > above ? left - above : above - left;
            int guess = (left + above) >> 1, near = apart < 2 ? apart : 2, n = 0;
            if (bit(&t->d, &q->other[near])) {
                int sign = bit(&t->d, &q->finer[near]) ? 1 : -1, most = 8 - sign * guess;
                if (most)
                    n = 1;
                while (n && n < most && bit(&t->d, &q->more[n < 4 ? n - 1 : 3]))
                    n++;
                n *= sign;
            }
            *s = (int8_t)(guess + n);
        }
}

/* The level table's row of a position */
static const struct level *level_at(const struct tile *t, uint32_t y, uint32_t x) {
    int64_t step = t->unit ? t->step[y / 2 * ceil_div(t->w, 2) + x / 2] : 0;
    return &t->m->level[clamp(t->row + t->unit * step, 0, (int64_t)t->m->levels - 1)];
}

/* "Order of symbols", 2: what role 3 makes of the hyper-latents */
static void decode_hyper(struct tile *t) {
    const struct model *m = t->m;
    struct tensor in = new_tensor(ceil_div(t->h, 4), ceil_div(t->w, 4), m->Z + m->F);
    size_t positions = (size_t)in.h * in.w;
    for (uint32_t c = 0; c < m->Z; c++) {
        const struct table *table = &m->ztable[t->level->ztab[c]];
        for (size_t i = 0; i < positions; i++) {
            uint32_t k = rans_symbol(&t->d.rans, table);
            int64_t z = k < table->symbols - 1 ? (int64_t)k - (table->symbols - 2) / 2 : raw_golomb(&t->raw);
            z += t->level->zoff[c];
            z = (z * t->level->zinv[c] + ((int64_t)1 << (m->zis - 1))) >> m->zis;
            in.v[i * in.c + c] = (int16_t)clamp(z, -128, 127);
        }
    }
    for (uint32_t c = 0; c < m->F; c++)
        for (size_t i = 0; i < positions; i++)
            in.v[i * in.c + m->Z + c] = t->level->feat[c];
    t->hyper = run_net(&m->net[HYPER_SYNTHESIS][0], in, NULL);   /* may be larger than the tile: the rest is not used */
}

static int64_t decode_scalar(struct tile *t, const struct codebook *book) {
    uint32_t k = rans_symbol(&t->d.rans, &book->table);
    if (k == book->table.symbols - 1)
        return 256 * (int64_t)raw_golomb(&t->raw);
    int64_t shifted = (int64_t)book->value[k] * (1 << book->shift);
    return book->shift ? shifted + 256 * ((int64_t)raw_bits(&t->raw, book->shift) - (1 << (book->shift - 1))) : shifted;
}

/* "Pair" */
static void decode_pair(struct tile *t, uint32_t a, uint32_t b, int64_t residual[2]) {
    const struct model *m = t->m;
    uint32_t larger = a > b ? a : b, smaller = a > b ? b : a, swap = a < b;
    if (larger > m->T) {
        residual[0] = decode_scalar(t, &m->scalar[a]);
        residual[1] = decode_scalar(t, &m->scalar[b]);
        return;
    }
    const struct codebook *book = &m->pair[m->map[larger * (m->T + 1) + smaller]];
    uint32_t k = rans_symbol(&t->d.rans, &book->table);
    bool escape = k == book->table.symbols - 1;
    for (uint32_t i = 0; i < 2; i++)
        residual[i] = escape ? 256 * (int64_t)raw_golomb(&t->raw) : book->value[2 * k + (swap ^ i)];
}

static uint32_t rung(const struct tile *t, const struct level *level, uint32_t slice, uint32_t c, int ls) {
    return (uint32_t)clamp((ls + level->loggain[c] + 256 * t->bias[slice] + 128) >> 8, 0, (int64_t)t->m->R - 1);
}

/* The latents of one slice at the positions of one pass, from their means and scales */
static void decode_pass(struct tile *t, uint32_t slice, uint32_t first_channel, uint32_t pass, struct tensor heads) {
    const struct model *m = t->m;
    uint32_t n = m->slice[slice];
    bool coded = t->mask >> slice & 1;
    for (uint32_t y = 0; y < t->h; y++)
        for (uint32_t x = (y + pass) % 2; x < t->w; x += 2)
            for (uint32_t p = 0; p < n; p += 2) {
                const struct level *level = level_at(t, y, x);
                const int16_t *mu = at(&heads, y, x) + p, *ls = mu + n;
                uint32_t c = first_channel + p;
                int64_t residual[2] = {0, 0};
                if (coded)
                    decode_pair(t, rung(t, level, slice, c, ls[0]), rung(t, level, slice, c + 1, ls[1]), residual);
                for (uint32_t i = 0; i < 2; i++) {
                    int64_t add = (residual[i] * level->inv[c + i] + ((int64_t)1 << (m->is - 1))) >> m->is;
                    at(&t->y, y, x)[c + i] = (int16_t)clamp(mu[i] + add, -32768, 32767);
                }
            }
}

/* "Means and scales" */
static void decode_slice(struct tile *t, uint32_t slice, uint32_t first_channel) {
    const struct model *m = t->m;
    uint32_t n = m->slice[slice];
    size_t scope = mark();
    struct tensor in = new_tensor(t->h, t->w, m->H + first_channel), anchors = new_tensor(t->h, t->w, n);
    for (uint32_t y = 0; y < t->h; y++)
        for (uint32_t x = 0; x < t->w; x++)
            for (uint32_t c = 0; c < in.c; c++)
                at(&in, y, x)[c] = c < m->H ? at(&t->hyper, y, x)[c] : latq(m, c - m->H, at(&t->y, y, x)[c - m->H]);
    struct tensor trunk = run_net(&m->net[TRUNK][slice], in, NULL);

    struct tensor features = run_net(&m->net[FIRST][slice], trunk, NULL);
    decode_pass(t, slice, first_channel, 0, run_net(&m->net[HEADS][slice], features, NULL));
    for (uint32_t y = 0; y < t->h; y++)
        for (uint32_t x = y % 2; x < t->w; x += 2)
            for (uint32_t c = 0; c < n; c++)
                at(&anchors, y, x)[c] = latq(m, first_channel + c, at(&t->y, y, x)[first_channel + c]);
    features = run_net(&m->net[ANCHOR][slice], anchors, &trunk);
    decode_pass(t, slice, first_channel, 1, run_net(&m->net[HEADS][slice], features, NULL));
    release(scope);
}

/* The latents' own hash; also puts them into the picture. */
static uint32_t store(const struct tile *t, const struct tensor *latents, uint32_t x0, uint32_t y0) {
    size_t row = (size_t)t->w * t->y.c, k = 0;
    uint8_t *bytes = take(t->h, 2 * row);
    for (uint32_t y = 0; y < t->h; y++)
        for (size_t i = 0; i < row; i++) {
            int16_t v = at(latents, y0 + y, x0)[i] = at(&t->y, y, 0)[i];
            bytes[k++] = (uint8_t)(v & 255);
            bytes[k++] = (uint8_t)(v >> 8 & 255);
        }
    return (uint32_t)xxh64(bytes, k);
}

void decode_latents(const struct model *m, struct bytes payload, struct rectangle tile, const struct tensor *latents) {
    struct tile t = {.m = m, .w = ceil_div(tile.w, 16), .h = ceil_div(tile.h, 16)};
    size_t scope = mark();
    t.row = get_number(&payload, 1);
    uint32_t flags = get_number(&payload, 1);
    require(t.row < m->levels && flags >> 5 == 0 && (flags & 3) != 1, CORRUPT, payload.what, "have impossible fields");
    t.level = &m->level[t.row];
    for (uint32_t i = 0; i < m->S && flags & 4; i++)
        t.bias[i] = get_signed(&payload, 1);
    t.mask = flags & 8 ? get_number(&payload, 2) : (1u << m->S) - 1;
    require(t.mask >> m->S == 0, CORRUPT, payload.what, "have an impossible slice mask");
    if (flags & 16)
        t.unit = get_ranged(&payload, 1, 1, 255);
    uint32_t hash = get_number(&payload, 4), words = get_varint(&payload);
    rans_open(&t.d.rans, &payload, words, 1u << (flags & 3));
    t.raw.bytes = payload;
    t.y = new_tensor(t.h, t.w, m->C);
    if (t.unit)
        decode_steps(&t);
    decode_hyper(&t);
    for (uint32_t i = 0, channel = 0; i < m->S; channel += m->slice[i++])
        decode_slice(&t, i, channel);
    rans_close(&t.d.rans);
    raw_close(&t.raw);
    require(store(&t, latents, tile.x / 16, tile.y / 16) == hash, HASH, payload.what, "differ from their hash");
    release(scope);
}
