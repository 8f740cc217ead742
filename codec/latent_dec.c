#include "codec/latent.h"
#include "codec/steps.h"
#include <string.h>

/* The next symbol's slot. */
static inline const vqz_slot *take(vqz_rans_dec *d, const vqz_codebook *b, const vqz_symbol_observer *observer) {
    const vqz_slot *s = vqz_rans_take(d, b->slots);
    if (observer) observer->symbol(observer->arg, b, (uint32_t)(s - b->slots->slot));
    return s;
}

static inline int32_t decode_scalar(vqz_rans_dec *d, vqz_rans_dec *raw, const vqz_codebook *b, const vqz_symbol_observer *observer) {
    const vqz_slot *s = take(d, b, observer);
    if (vqz_rans_is_last(s)) return vqz_rans_get_golomb(raw) * 256;
    return vqz_shifted(s->value[0], b->shift, b->shift ? vqz_rans_get_bits(raw, b->shift) : 0);
}

/* Two residuals. d: lanes and words; raw: raw bits. */
static inline void decode_two(const vqz_model *m, vqz_rans_dec *d, vqz_rans_dec *raw, uint32_t a, uint32_t b, int32_t *r, const vqz_symbol_observer *observer) {
    unsigned swap;
    const vqz_codebook *book = vqz_pair_book(m, a, b, &swap);
    if (book) {
        const vqz_slot *s = take(d, book, observer);
        r[swap] = s->value[0];
        r[!swap] = s->value[1];
        if (vqz_rans_is_last(s)) {
            r[0] = vqz_rans_get_golomb(raw) * 256;
            r[1] = vqz_rans_get_golomb(raw) * 256;
        }
    } else {
        r[0] = decode_scalar(d, raw, &m->scalar[a], observer);
        r[1] = decode_scalar(d, raw, &m->scalar[b], observer);
    }
}

enum { GROUP = 4 };                          /* pairs, one in each of four lanes */
typedef uint32_t group __attribute__((vector_size(4 * GROUP)));

/* Groups of pairs that are all zero by these ranges, and need no word: returns the number of pairs. */
static inline uint32_t skip_quiet(vqz_rans_dec *d, const vqz_duo *duo, uint32_t pairs) {
    const group low = ~(group){0} << 31;
    uint32_t n = 0, state[GROUP];
    group x;
    for (unsigned i = 0; i < GROUP; i++) state[i] = d->state[(d->lane + i) % GROUP];
    memcpy(&x, state, sizeof x);
    for (; n < pairs; n += GROUP, duo += GROUP) {
        const group z = {duo[0].quiet, duo[1].quiet, duo[2].quiet, duo[3].quiet};
        uint64_t stop[2];
        const group freq = z >> 16, offset = (x & (VQZ_RANS_TOTAL - 1)) - (z & 0xffff), next = freq * (x >> VQZ_RANS_BITS) + offset;
        const group other = (offset | ~(offset - freq) | ((next >> 16) - 1)) & low;     /* below the range, above it, a word is due */
        memcpy(stop, &other, sizeof stop);
        if (stop[0] | stop[1]) break;
        x = next;
    }
    for (unsigned i = 0; n && i < GROUP; i++) d->state[(d->lane + i) % GROUP] = x[i];
    return n;
}

/* Four pairs in one go, without a branch that is hard to foresee. False: something that takes decode_two, and nothing has been done. */
static inline bool decode_group(const vqz_model *m, vqz_rans_dec *d, vqz_rans_dec *raw, const vqz_duo *duo, int32_t *r) {
    const uint8_t *books = (const uint8_t *)m->pair->slots;
    const vqz_slot *slot[GROUP];
    uint32_t x[GROUP], v[GROUP], next[GROUP];
    bool more = false, last = false;
    if (d->words_end - d->words < 2 * GROUP || (duo[0].book | duo[1].book | duo[2].book | duo[3].book) & VQZ_NO_BOOK) return false;
    for (unsigned i = 0; i < GROUP; i++) {
        x[i] = d->state[(d->lane + i) % GROUP];
        v[i] = vqz_rans_slot(x[i]);
        slot[i] = vqz_rans_near((const vqz_slots *)(const void *)(books + (duo[i].book & ~1u)), v[i]);
        more |= vqz_rans_is_beyond(slot[i], v[i]);
    }
    for (unsigned i = 0; more && i < GROUP; i++)
        while (vqz_rans_is_beyond(slot[i], v[i])) slot[i]++;
    for (unsigned i = 0; i < GROUP; i++) {
        const vqz_slot *s = slot[i];
        const uint32_t swap = duo[i].book & 1;
        next[i] = vqz_rans_next(x[i], s->freq, v[i] - s->start);
        r[2 * i + swap] = s->value[0];
        r[2 * i + (swap ^ 1)] = s->value[1];
        last |= vqz_rans_is_last(s);
    }
    for (unsigned i = 0; i < GROUP; i++) {
        const uint32_t low = vqz_rans_is_low(next[i]), word = vqz_load16(d->words);
        d->state[(d->lane + i) % GROUP] = next[i] << 16 * low | (word & (0 - low));
        d->words += 2 * low;
    }
    for (unsigned i = 0; last && i < 2 * GROUP; i++)
        if (vqz_rans_is_last(slot[i / 2])) r[i] = vqz_rans_get_golomb(raw) * 256;
    return true;
}

/* The residuals of one position, in steps. */
static inline void decode_residuals(const vqz_model *m, vqz_rans_dec *d, vqz_rans_dec *raw, const uint8_t *rung, uint32_t c, int32_t *r,
                                    const vqz_symbol_observer *observer) {
    vqz_duo duo[VQZ_MAX_CHANNELS / 2];
    const bool four = d->lanes == GROUP && c % (2 * GROUP) == 0 && !observer;
    memset(r, 0, c * sizeof *r);
    for (uint32_t k = 0; four && k < c / 2; k++) duo[k] = m->duo[rung[2 * k] * m->rungs + rung[2 * k + 1]];
    for (uint32_t k = 0; k < c;) {
        if (four) k += 2 * skip_quiet(d, duo + k / 2, (c - k) / 2);
        if (k == c) break;
        const uint32_t end = four ? k + 2 * GROUP : c;
        if (four && decode_group(m, d, raw, duo + k / 2, r + k)) k = end;
        for (; k < end; k += 2) decode_two(m, d, raw, rung[k], rung[k + 1], r + k, observer);
    }
}

/* One pass of one coded slice: symbols -> latents. Rungs, symbols and latents of a position one after the other, so that all but the symbols
 * are plain loops over its channels. */
static void decode_pass(vqz_prior *p, vqz_rans_dec *d, uint32_t slice, unsigned pass, int32_t bias, const vqz_latents *y,
                        const vqz_symbol_observer *observer) {
    const vqz_model *m = p->m;
    const uint32_t first = m->slice_start[slice], c = m->slice[slice];
    uint8_t rung[VQZ_MAX_CHANNELS];
    int32_t r[VQZ_MAX_CHANNELS];
    vqz_rans_dec own = *d;                   /* nobody else knows of it: its place in the words and its lane stay in registers */
    for (uint32_t i = 0; i < p->count[pass]; i++) {
        const int16_t *heads = p->heads + (size_t)i * 2 * c;
        const vqz_level *level = vqz_level_at(p, p->position[pass][i]);
        p->loops->rungs(m, level, first, c, heads, bias, rung);
        decode_residuals(m, &own, d, rung, c, r, observer);
        int16_t *out = vqz_latent_at(p, y, p->position[pass][i]) + first;
        p->loops->reconstruct(m, level, first, c, heads, r, out);
    }
    memcpy(d->state, own.state, sizeof d->state);
    d->lane = own.lane;
    d->words = own.words;
    d->failed |= own.failed;
}

static void decode_hyper(vqz_prior *p, vqz_rans_dec *d, const vqz_level *level) {
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
            uint32_t s = vqz_rans_get(d, t);
            p->z[c * n + i] = (s == t->n - 1 ? vqz_rans_get_golomb(d) : (int32_t)s - M) + level->zoff[c];
        }
    }
}

vqz_status vqz_latent_decode(vqz_prior *p, const uint8_t *data, size_t size, const vqz_latents *y, bool verify,
                             const vqz_symbol_observer *observer, vqz_error *e) {
    vqz_reader r = vqz_reader_of(data, size);
    vqz_latent_head h;
    VQZ_TRY(vqz_latent_head_read(&h, p->m, &r, e));
    size_t left = vqz_reader_left(&r);
    if (h.words > left / 2) return vqz_fail(e, VQZ_ERR_CORRUPT, r.pos, "latent tile: %u words do not fit in %zu bytes", h.words, left);
    const uint8_t *words = data + r.pos, *raw = words + (size_t)h.words * 2;
    vqz_rans_dec d;
    VQZ_TRY(vqz_rans_dec_init(&d, h.lanes, words, h.words, raw, (size_t)(data + size - raw), e));

    if (p->motion) vqz_motion_walk(p->motion, NULL, &d);
    vqz_steps_walk(p, NULL, &d, h.level, h.unit);
    const bool any = !p->motion || vqz_prior_select(p, y);
    decode_hyper(p, &d, &p->m->level[h.level]);
    if (any) vqz_prior_hyper(p, h.level);
    for (uint32_t i = 0; any && i < p->m->S && !d.failed; i++)
        for (unsigned pass = 0; pass < 2 && !d.failed; pass++) {
            vqz_prior_predict(p, i, pass);
            if (h.mask >> i & 1) decode_pass(p, &d, i, pass, h.bias[i] * 256, y, observer);
            else vqz_prior_fill(p, i, pass, y);
            vqz_prior_commit(p, i, pass, y);
        }
    VQZ_TRY(vqz_rans_dec_finish(&d, e));
    if (verify) {
        uint32_t hash = vqz_latents_hash(p, y);
        if (hash != h.hash) return vqz_fail(e, VQZ_ERR_HASH, 0, "latent tile: the decoded latents hash to %08x, the file says %08x", hash, h.hash);
    }
    return VQZ_OK;
}
