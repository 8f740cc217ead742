#include "codec/latent.h"
#include "codec/quantizer.h"
#include <string.h>

/* Below this many symbols' worth of words one lane is used: its state costs 4 bytes instead of 16. */
enum { SMALL_TILE_WORDS = 4096, MAX_BIAS = 30, BIAS_STEP = 2 };

static void put_choice(vqz_rans_enc *e, const vqz_codebook *b, const vqz_choice *c, unsigned dim) {
    vqz_rans_put(e, &b->table, c->symbol);
    if (c->symbol == b->n)
        for (unsigned k = 0; k < dim; k++) vqz_rans_put_golomb(e, c->escape[k]);
    else if (b->shift) vqz_rans_put_bits(e, c->raw, b->shift);
}

/* One pass of one slice: latents -> symbols, and the latents as the decoder will see them. Returns whether any residual is not its book's zero. */
static bool encode_pass(vqz_prior *p, vqz_rans_enc *rans, uint32_t slice, unsigned pass, int32_t bias, uint32_t lambda, const vqz_latents *y) {
    const vqz_model *m = p->m;
    const vqz_level *level = p->level;
    uint32_t first = m->slice_start[slice], c = m->slice[slice];
    bool any = false;
    uint8_t rung[VQZ_MAX_CHANNELS];
    for (uint32_t i = 0; i < p->count[pass]; i++) {
        const int16_t *mean = p->heads + (size_t)i * 2 * c;
        vqz_rungs(m, level, first, c, mean + c, bias, rung);
        int16_t *v = vqz_latent_at(p, y, p->position[pass][i]) + first;
        for (uint32_t k = 0; k < c; k += 2) {
            uint32_t ch = first + k, a = rung[k], b = rung[k + 1];
            int32_t r0 = vqz_residual(m, level, ch, v[k], mean[k]), r1 = vqz_residual(m, level, ch + 1, v[k + 1], mean[k + 1]);
            unsigned swap;
            const vqz_codebook *book = vqz_pair_book(m, a, b, &swap);
            if (book) {
                vqz_choice x = vqz_choose_pair(book, swap ? r1 : r0, swap ? r0 : r1, lambda);
                if (swap) {      /* the file keeps escapes in channel order */
                    int32_t t = x.escape[0];
                    x.escape[0] = x.escape[1];
                    x.escape[1] = t;
                }
                put_choice(rans, book, &x, 2);
                any |= x.symbol != book->zero;
                r0 = x.residual[swap];
                r1 = x.residual[!swap];
            } else {
                vqz_choice x = vqz_choose_scalar(&m->scalar[a], r0, lambda), z = vqz_choose_scalar(&m->scalar[b], r1, lambda);
                put_choice(rans, &m->scalar[a], &x, 1);
                put_choice(rans, &m->scalar[b], &z, 1);
                any = true;
                r0 = x.residual[0];
                r1 = z.residual[0];
            }
            v[k] = vqz_reconstruct(m, level, ch, mean[k], r0);
            v[k + 1] = vqz_reconstruct(m, level, ch + 1, mean[k + 1], r1);
        }
    }
    return any;
}

/* A bias for the slice's rungs, from its anchors: where residuals are more than twice as large as the rungs say (text, hard edges),
 * the smallest bias that brings the expectation near. */
static int32_t choose_bias(const vqz_prior *p, uint32_t slice, uint32_t lambda, const vqz_latents *y) {
    const vqz_model *m = p->m;
    uint32_t first = m->slice_start[slice], c = m->slice[slice];
    uint64_t found = 0, count[VQZ_MAX_RUNGS] = {0};
    uint8_t rungs[VQZ_MAX_CHANNELS];
    for (uint32_t i = 0; i < p->count[0]; i++) {
        const int16_t *mean = p->heads + (size_t)i * 2 * c;
        vqz_rungs(m, p->level, first, c, mean + c, 0, rungs);
        const int16_t *v = vqz_latent_at(p, y, p->position[0][i]) + first;
        for (uint32_t k = 0; k < c; k++) {
            uint32_t rung = rungs[k];
            /* what would be coded: the tables' means come from such choices, and plain rounding exceeds them at low rates */
            int32_t q = vqz_choose_scalar(&m->scalar[rung], vqz_residual(m, p->level, first + k, v[k], mean[k]), lambda).residual[0];
            found += (uint64_t)(q < 0 ? -q : q);
            count[rung]++;
        }
    }
    uint64_t slack = (uint64_t)p->count[0] * c * 4;      /* 1/64 step a value: rounding noise at low rates */
    int32_t bias = 0;
    for (;; bias += BIAS_STEP) {
        uint64_t expected = 0;
        for (uint32_t r = 0; r < m->rungs; r++) expected += count[r] * m->scalar[r + (uint32_t)bias < m->rungs ? r + (uint32_t)bias : m->rungs - 1].mean_abs;
        if (found <= (bias ? expected + expected / 2 : 2 * expected) + slack || bias >= MAX_BIAS) return bias;
    }
}

static void encode_hyper(vqz_prior *p, vqz_rans_enc *rans, const vqz_level *level) {
    const vqz_model *m = p->m;
    size_t n = (size_t)p->zh * p->zw;
    for (uint32_t c = 0; c < m->Z; c++) {
        const vqz_table *t = &m->ztable[level->ztab[c]];
        int32_t M = (int32_t)(t->n - 2) / 2;
        for (size_t i = 0; i < n; i++) {
            int32_t v = p->z[c * n + i] - level->zoff[c];
            bool escape = v < -M || v > M;
            vqz_rans_put(rans, t, escape ? t->n - 1 : (uint32_t)(v + M));
            if (escape) vqz_rans_put_golomb(rans, v);
        }
    }
}

/* A slice all of whose symbols mean "nothing" is left out. Its latents are then the means, so it is predicted once more. */
static void encode_slice(vqz_prior *p, vqz_rans_enc *rans, uint32_t i, uint32_t lambda, const vqz_latents *y, vqz_latent_head *h) {
    size_t before = rans->count;
    bool any = false;
    for (unsigned pass = 0; pass < 2; pass++) {
        vqz_prior_predict(p, i, pass);
        if (pass == 0) h->bias[i] = (int8_t)choose_bias(p, i, lambda, y);
        any |= encode_pass(p, rans, i, pass, h->bias[i] * 256, lambda, y);
        vqz_prior_commit(p, i, pass, y);
    }
    if (any) {
        h->mask |= (uint16_t)(1u << i);
        return;
    }
    rans->count = before;
    h->bias[i] = 0;
    for (unsigned pass = 0; pass < 2; pass++) {
        vqz_prior_predict(p, i, pass);
        vqz_prior_fill(p, i, pass, y);
        vqz_prior_commit(p, i, pass, y);
    }
}

vqz_status vqz_latent_encode(vqz_prior *p, vqz_rans_enc *rans, uint8_t level_index, uint32_t lambda, const vqz_latents *y,
                             vqz_memory *mem, uint8_t **out, size_t *size, vqz_error *e) {
    const vqz_level *level = &p->m->level[level_index];
    vqz_latent_head h = {.level = level_index};
    vqz_rans_enc_reset(rans);
    encode_hyper(p, rans, level);
    vqz_prior_hyper(p, level);
    for (uint32_t i = 0; i < p->m->S; i++) encode_slice(p, rans, i, lambda, y, &h);
    h.hash = vqz_latents_hash(p, y);

    const uint8_t *words, *raw;
    size_t nwords, nraw;
    h.lanes = 4;
    VQZ_TRY(vqz_rans_finish(rans, h.lanes, &words, &nwords, &raw, &nraw, e));
    if (nwords < SMALL_TILE_WORDS) {
        h.lanes = 1;
        VQZ_TRY(vqz_rans_finish(rans, h.lanes, &words, &nwords, &raw, &nraw, e));
    }
    h.words = (uint32_t)nwords;
    uint8_t head[VQZ_LATENT_HEAD_MAX];
    size_t nhead = vqz_latent_head_write(&h, p->m, head);
    void *q;
    VQZ_TRY(vqz_alloc(mem, &q, nhead + 2 * nwords + nraw, 1, e));
    *out = q;
    *size = nhead + 2 * nwords + nraw;
    memcpy(*out, head, nhead);
    memcpy(*out + nhead, words, 2 * nwords);
    if (nraw) memcpy(*out + nhead + 2 * nwords, raw, nraw);
    return VQZ_OK;
}
