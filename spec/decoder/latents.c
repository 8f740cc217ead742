/* bitstream.md: the payload of a latent tile. */
#include "inter.h"

struct tile {
    const struct model *m;
    const struct level *level;       /* of the tile */
    int row, unit;                   /* its number; rows of a step */
    int8_t *step;                    /* of every block */
    struct context other[3], finer[3], more[4];
    struct rans d;                   /* all symbols */
    uint32_t w, h, mask;             /* in latents */
    const int32_t *bias;             /* of every slice */
    struct tensor y;                 /* its place in the latents of the picture */
};

/* "Steps" */
static void decode_steps(struct tile *t) {
    const int h = (int)ceil_div(t->h, 2), w = (int)ceil_div(t->w, 2);
    int8_t *s = t->step = take((size_t)h * (size_t)w, 1);
    for (int i = 0; i < h * w && t->unit; i++, s++) {
        int left = i % w ? s[-1] : i ? s[-w] : 0, above = i >= w ? s[-w] : left, n = 0;
        int guess = (left + above) >> 1, apart = smaller(larger(left - above, above - left), 2);
        if (bit(&t->d, &t->other[apart])) {
            int sign = bit(&t->d, &t->finer[apart]) ? 1 : -1, most = 8 - sign * guess;
            n = smaller(1, most);
            while (n > 0 && n < most && bit(&t->d, &t->more[smaller(n, 4) - 1]))
                n++;
            n *= sign;
        }
        *s = (int8_t)(guess + n);
    }
}

/* "Hyper features" */
static struct tensor decode_hyper(struct tile *t) {
    const struct model *m = t->m;
    struct tensor in = new_tensor(ceil_div(t->h, 4), ceil_div(t->w, 4), m->Z + m->F);
    for (uint32_t c = 0; c < in.c; c++)
        for (uint32_t i = 0; i < in.h * in.w; i++) {
            int64_t z = 0;
            if (c < m->Z && inter_live(i / in.w, i % in.w)) {
                const struct table *table = &m->ztable[t->level->ztab[c]];
                uint32_t k = rans_symbol(&t->d, table), escape = table->symbols - 1;
                z = t->level->zoff[c] + (k < escape ? (int64_t)k - escape / 2 : raw_golomb(&t->d));
                z = clamp(rounded(z * t->level->zinv[c], m->zis), -128, 127);
            }
            at(&in, 0, i)[c] = (int16_t)(c < m->Z ? z : t->level->feat[c - m->Z]);
        }
    return run_net(&m->net[HYPER_SYNTHESIS][0], in, NULL);   /* may be larger than the tile: the rest is not used */
}

static int64_t decode_scalar(struct rans *d, const struct codebook *book) {
    uint32_t k = rans_symbol(d, &book->table);
    if (k == book->table.symbols - 1)
        return 256 * (int64_t)raw_golomb(d);
    const int power = 1 << book->shift;
    return (int64_t)book->value[k] * power + 256 * ((int64_t)raw_bits(d, book->shift) - power / 2);
}

/* "Pair": the residuals of two channels by their rungs */
static void decode_pair(struct tile *t, const int rung[2], int64_t residual[2]) {
    const struct model *m = t->m;
    int high = larger(rung[0], rung[1]), low = smaller(rung[0], rung[1]), swap = rung[0] < rung[1];
    if (high > m->T) {
        residual[0] = decode_scalar(&t->d, &m->scalar[rung[0]]);
        residual[1] = decode_scalar(&t->d, &m->scalar[rung[1]]);
        return;
    }
    const struct codebook *book = &m->pair[m->map[high * (m->T + 1) + low]];
    uint32_t k = rans_symbol(&t->d, &book->table);
    bool escape = k == book->table.symbols - 1;
    for (int i = 0; i < 2; i++)
        residual[i] = escape ? 256 * (int64_t)raw_golomb(&t->d) : book->value[2 * k + (uint32_t)(swap ^ i)];
}

/* The latents of a slice, from channel `first` on, at the positions of one pass; anchors: they through LATQ */
static void decode_pass(struct tile *t, uint32_t slice, uint32_t first, uint32_t pass, struct tensor heads,
                        struct tensor anchors) {
    const struct model *m = t->m;
    for (uint32_t y = 0; y < t->h; y++)
        for (uint32_t x = (y + pass) % 2; x < t->w; x += 2)
            for (uint32_t p = 0; p < m->slice[slice]; p += 2) {
                int row = t->row + t->unit * t->step[y / 2 * ceil_div(t->w, 2) + x / 2];
                const struct level *level = &m->level[clamp(row, 0, m->levels - 1)];
                const int16_t *mu = at(&heads, y, x) + p, *ls = mu + m->slice[slice];
                const int32_t *loggain = level->loggain + first + p, *inv = level->inv + first + p;
                int16_t *latent = at(&t->y, y, x) + first + p;
                int64_t residual[2] = {0, 0};
                int rung[2];
                for (int i = 0; i < 2; i++)
                    rung[i] = (int)clamp((ls[i] + loggain[i] + 256 * t->bias[slice] + 128) >> 8, 0, m->R - 1);
                if (t->mask >> slice & 1 && inter_coded(y, x))
                    decode_pair(t, rung, residual);
                for (uint32_t i = 0; i < 2; i++) {
                    int64_t v = mu[i] + rounded(residual[i] * inv[i], m->is);
                    latent[i] = inter_coded(y, x) ? (int16_t)clamp(v, -32768, 32767) : latent[i];
                    at(&anchors, y, x)[p + i] = latq(m, first + p + i, latent[i]);
                }
            }
}

/* "Means and scales" */
static void decode_slice(struct tile *t, const struct tensor *hyper, uint32_t slice, uint32_t first) {
    const struct net (*net)[MAX_SLICES] = t->m->net;
    struct tensor in = new_tensor(t->h, t->w, t->m->H + first), anchors = new_tensor(t->h, t->w, t->m->slice[slice]);
    for (uint32_t y = 0; y < t->h; y++)
        for (uint32_t x = 0; x < t->w; x++)
            for (uint32_t c = 0; c < in.c; c++) {
                uint32_t earlier = c - t->m->H;
                at(&in, y, x)[c] = c < t->m->H ? at(hyper, y, x)[c] : latq(t->m, earlier, at(&t->y, y, x)[earlier]);
            }
    struct tensor trunk = run_net(&net[TRUNK][slice], in, NULL), features = run_net(&net[FIRST][slice], trunk, NULL);
    decode_pass(t, slice, first, 0, run_net(&net[HEADS][slice], features, NULL), anchors);
    features = run_net(&net[ANCHOR][slice], anchors, &trunk);
    decode_pass(t, slice, first, 1, run_net(&net[HEADS][slice], features, NULL), anchors);
}

void decode_latents(const struct model *m, struct bytes payload, struct rectangle tile, const struct tensor *latents) {
    struct tile t = {.m = m, .w = ceil_div(tile.w, 16), .h = ceil_div(tile.h, 16), .d.limit = 50};
    t.y = (struct tensor){t.h, latents->w, m->C, at(latents, tile.y / 16, tile.x / 16)};
    inter_tile(m, tile, &t.y);
    payload = split_payload(payload, false);
    if (payload.left == 0)
        return;
    t.row = (int)get_number(&payload, 1);
    uint32_t flags = get_number(&payload, 1);
    require(t.row < m->levels && flags >> 5 == 0 && (flags & 3) != 1, CORRUPT, payload.what, "have impossible fields");
    t.level = &m->level[t.row];
    t.bias = flags & 4 ? get_array(&payload, m->S, 1, -128, 127) : take(m->S, sizeof *t.bias);
    t.mask = flags & 8 ? get_ranged(&payload, 2, 0, (1u << m->S) - 1) : UINT32_MAX;
    t.unit = flags & 16 ? (int)get_ranged(&payload, 1, 1, 255) : 0;
    uint32_t hash = get_number(&payload, 4);
    rans_open(&t.d, &payload, 1u << (flags & 3));
    t.d.raw = payload;
    inter_motion(&t.d);
    decode_steps(&t);
    struct tensor hyper = decode_hyper(&t);
    for (uint32_t i = 0, channel = 0; i < m->S; channel += m->slice[i++]) {
        void *scope = mark();
        decode_slice(&t, &hyper, i, channel);
        release(scope);
    }
    rans_close(&t.d);
    size_t row = (size_t)t.w * m->C;
    uint8_t *bytes = take(t.h, 2 * row);
    for (size_t i = 0; i < t.h * row; i++) {
        int v = at(&t.y, (uint32_t)(i / row), 0)[i % row];
        bytes[2 * i] = (uint8_t)(v & 255);
        bytes[2 * i + 1] = (uint8_t)(v >> 8 & 255);
    }
    require((uint32_t)xxh64(bytes, 2 * t.h * row) == hash, HASH, payload.what, "differ from their hash");
}
