#include "codec/latent.h"
#include "base/ilog2.h"
#include "codec/steps.h"
#include <string.h>

enum { MAX_BIAS = 30, BIAS_STEP = 2 };

/* The range of a choice; its escape values or raw bits go to the raw stream. */
static uint32_t put_choice(vqz_rans_enc *e, const vqz_codebook *b, const vqz_choice *c, unsigned dim) {
    if (c->symbol == b->n)
        for (unsigned k = 0; k < dim; k++) vqz_rans_put_golomb(e, c->escape[k]);
    else if (b->shift) vqz_rans_put_bits(e, c->raw, b->shift);
    return vqz_rans_range(&b->table, c->symbol);
}

/* Two channels of rungs a and b whose residuals r are not surely zero: their ranges go to `to`, what the decoder will see to r. Returns the
 * number of ranges. */
static unsigned encode_two(const vqz_quantizer *q, vqz_rans_enc *rans, uint32_t a, uint32_t b, int32_t r[2], uint32_t to[2], bool *any) {
    const vqz_model *m = q->m;
    unsigned swap;
    const vqz_codebook *book = vqz_pair_book(m, a, b, &swap);
    if (book) {
        vqz_choice x = vqz_choose_pair(q, (uint32_t)(book - m->pair), r[swap], r[!swap]);
        if (swap) {                          /* the file keeps escapes in channel order */
            int32_t t = x.escape[0];
            x.escape[0] = x.escape[1];
            x.escape[1] = t;
        }
        to[0] = put_choice(rans, book, &x, 2);
        *any |= x.symbol != book->zero;
        r[swap] = x.residual[0];
        r[!swap] = x.residual[1];
        return 1;
    }
    const uint32_t rung[2] = {a, b};
    for (unsigned k = 0; k < 2; k++) {
        const vqz_choice x = vqz_choose_scalar(&m->scalar[rung[k]], r[k], q->lambda);
        to[k] = put_choice(rans, &m->scalar[rung[k]], &x, 1);
        r[k] = x.residual[0];
    }
    *any = true;
    return 2;
}

/* One pass of one slice: latents -> symbols, and the latents as the decoder will see them. Returns whether any residual is not its book's zero. */
static bool encode_pass(vqz_prior *p, const vqz_quantizer *q, vqz_rans_enc *rans, uint32_t slice, unsigned pass, int32_t bias, const vqz_latents *y) {
    const vqz_model *m = p->m;
    const uint32_t first = m->slice_start[slice], c = m->slice[slice];
    bool any = false;
    uint8_t rung[VQZ_MAX_CHANNELS];
    int32_t r[VQZ_MAX_CHANNELS];
    for (uint32_t i = 0; i < p->count[pass]; i++) {
        const int16_t *heads = p->heads + (size_t)i * 2 * c;
        int16_t *v = vqz_latent_at(p, y, p->position[pass][i]) + first;
        const vqz_level *level = vqz_level_at(p, p->position[pass][i]);
        p->loops->rungs(m, level, first, c, heads, bias, rung);
        p->loops->residuals(m, level, first, c, heads, v, r);
        uint32_t *to = vqz_rans_room(rans, c);
        if (!to) return any;                 /* reported by vqz_rans_finish */
        for (uint32_t k = 0; k < c; k += 2) {
            const vqz_cell *cell = &q->cell[rung[k] * m->rungs + rung[k + 1]];
            if ((uint32_t)(r[k] - cell->low[0]) < cell->width[0] && (uint32_t)(r[k + 1] - cell->low[1]) < cell->width[1]) {
                *to++ = cell->range;
                r[k] = cell->zero[0];
                r[k + 1] = cell->zero[1];
            } else {
                to += encode_two(q, rans, rung[k], rung[k + 1], r + k, to, &any);
            }
        }
        if (p->spent)
            for (const uint32_t *s = rans->symbols + rans->count; s < to; s++) p->spent[p->position[pass][i]] += vqz_cost_q12(*s >> 16);
        rans->count = (size_t)(to - rans->symbols);
        p->loops->reconstruct(m, level, first, c, heads, r, v);
    }
    return any;
}

/* A bias for the slice's rungs, from its anchors: where residuals are more than twice as large as the rungs say (text, hard edges),
 * the smallest bias that brings the expectation near. */
static int32_t choose_bias(const vqz_prior *p, const vqz_quantizer *q, uint32_t slice, const vqz_latents *y) {
    const vqz_model *m = p->m;
    uint32_t first = m->slice_start[slice], c = m->slice[slice];
    uint64_t found = 0, count[VQZ_MAX_RUNGS] = {0}, zeros[VQZ_MAX_RUNGS] = {0};
    uint8_t rung[VQZ_MAX_CHANNELS];
    int32_t r[VQZ_MAX_CHANNELS];
    for (uint32_t i = 0; i < p->count[0]; i++) {
        const vqz_level *level = vqz_level_at(p, p->position[0][i]);
        const int16_t *heads = p->heads + (size_t)i * 2 * c;
        p->loops->rungs(m, level, first, c, heads, 0, rung);
        p->loops->residuals(m, level, first, c, heads, vqz_latent_at(p, y, p->position[0][i]) + first, r);
        for (uint32_t k = 0; k < c; k++) {
            const uint32_t g = rung[k];
            count[g]++;
            if ((uint32_t)(r[k] - q->scalar[g].low) < q->scalar[g].width) {
                zeros[g]++;
                continue;
            }
            /* what would be coded: the tables' means come from such choices, and plain rounding exceeds them at low rates */
            const int32_t x = vqz_chosen_scalar(q, g, r[k]);
            found += (uint64_t)(x < 0 ? -x : x);
        }
    }
    for (uint32_t g = 0; g < m->rungs; g++) {
        const int32_t zero = m->scalar[g].value[m->scalar[g].zero];
        found += zeros[g] * (uint64_t)(zero < 0 ? -zero : zero);
    }
    uint64_t slack = (uint64_t)p->count[0] * c * 4;      /* 1/64 step a value: rounding noise at low rates */
    int32_t bias = 0;
    for (;; bias += BIAS_STEP) {
        uint64_t expected = 0;
        for (uint32_t g = 0; g < m->rungs; g++) expected += count[g] * m->scalar[g + (uint32_t)bias < m->rungs ? g + (uint32_t)bias : m->rungs - 1].mean_abs;
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
            if (!p->live[i]) {
                p->z[c * n + i] = 0;
                continue;
            }
            int32_t v = p->z[c * n + i] - level->zoff[c];
            bool escape = v < -M || v > M;
            vqz_rans_put(rans, t, escape ? t->n - 1 : (uint32_t)(v + M));
            if (escape) vqz_rans_put_golomb(rans, v);
        }
    }
}

/* A slice all of whose symbols mean "nothing" is left out. Its latents are then the means, so it is predicted once more. */
static void encode_slice(vqz_prior *p, const vqz_quantizer *q, vqz_rans_enc *rans, uint32_t i, const vqz_latents *y, vqz_latent_head *h) {
    size_t before = rans->count;
    bool any = false;
    for (unsigned pass = 0; pass < 2; pass++) {
        vqz_prior_predict(p, i, pass);
        if (pass == 0) h->bias[i] = (int8_t)choose_bias(p, q, i, y);
        any |= encode_pass(p, q, rans, i, pass, h->bias[i] * 256, y);
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

vqz_status vqz_latent_encode(vqz_prior *p, vqz_rans_enc *rans, uint8_t level, uint8_t unit, const vqz_quantizer *q, const vqz_latents *y,
                             vqz_memory *mem, uint8_t **out, size_t *size, vqz_error *e) {
    vqz_latent_head h = {.level = level, .unit = unit};
    vqz_rans_enc_reset(rans);
    if (p->motion) vqz_motion_walk(p->motion, rans, NULL);
    vqz_steps_walk(p, rans, NULL, level, unit);
    const bool any = !p->motion || vqz_prior_select(p, y);
    encode_hyper(p, rans, &p->m->level[level]);
    if (any) vqz_prior_hyper(p, level);
    for (uint32_t i = 0; any && i < p->m->S; i++) encode_slice(p, q, rans, i, y, &h);
    h.hash = vqz_latents_hash(p, y);

    const uint8_t *words, *raw;
    size_t nwords, nraw;
    h.lanes = 4;
    VQZ_TRY(vqz_rans_finish(rans, h.lanes, &words, &nwords, &raw, &nraw, e));
    if (nwords < VQZ_SMALL_TILE_WORDS) {
        h.lanes = 1;
        VQZ_TRY(vqz_rans_finish(rans, h.lanes, &words, &nwords, &raw, &nraw, e));
    }
    h.words = (uint32_t)nwords;
    uint8_t head[VQZ_LATENT_HEAD_MAX];
    size_t nhead = vqz_latent_head_write(&h, p->m, head);
    void *payload;
    VQZ_TRY(vqz_alloc(mem, &payload, nhead + 2 * nwords + nraw, 1, e));
    *out = payload;
    *size = nhead + 2 * nwords + nraw;
    memcpy(*out, head, nhead);
    memcpy(*out + nhead, words, 2 * nwords);
    if (nraw) memcpy(*out + nhead + 2 * nwords, raw, nraw);
    return VQZ_OK;
}
