#include "codec/latent.h"
#include "codec/steps.h"

static uint32_t get_symbol(vqz_rans_dec *d, const vqz_codebook *b, const vqz_symbol_observer *observer) {
    uint32_t symbol = vqz_rans_get(d, &b->table);
    if (observer) observer->symbol(observer->arg, b, symbol);
    return symbol;
}

static int32_t decode_scalar(vqz_rans_dec *d, const vqz_codebook *b, const vqz_symbol_observer *observer) {
    uint32_t k = get_symbol(d, b, observer);
    if (k == b->n) return vqz_rans_get_golomb(d) * 256;
    return vqz_shifted(b->value[k], b->shift, b->shift ? vqz_rans_get_bits(d, b->shift) : 0);
}

/* The residuals of one position, in steps. */
static void decode_residuals(const vqz_model *m, vqz_rans_dec *d, const uint8_t *rung, uint32_t c, int32_t *r, const vqz_symbol_observer *observer) {
    for (uint32_t k = 0; k < c; k += 2, r += 2) {
        unsigned swap;
        const vqz_codebook *book = vqz_pair_book(m, rung[k], rung[k + 1], &swap);
        if (book) {
            uint32_t s = get_symbol(d, book, observer);
            if (s == book->n) {
                r[0] = vqz_rans_get_golomb(d) * 256;
                r[1] = vqz_rans_get_golomb(d) * 256;
            } else {
                r[swap] = book->value[2 * s];
                r[!swap] = book->value[2 * s + 1];
            }
        } else {
            r[0] = decode_scalar(d, &m->scalar[rung[k]], observer);
            r[1] = decode_scalar(d, &m->scalar[rung[k + 1]], observer);
        }
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
    for (uint32_t i = 0; i < p->count[pass]; i++) {
        const int16_t *heads = p->heads + (size_t)i * 2 * c;
        const vqz_level *level = vqz_level_at(p, p->position[pass][i]);
        p->loops->rungs(m, level, first, c, heads, bias, rung);
        decode_residuals(m, d, rung, c, r, observer);
        int16_t *out = vqz_latent_at(p, y, p->position[pass][i]) + first;
        p->loops->reconstruct(m, level, first, c, heads, r, out);
    }
}

static void decode_hyper(vqz_prior *p, vqz_rans_dec *d, const vqz_level *level) {
    const vqz_model *m = p->m;
    size_t n = (size_t)p->zh * p->zw;
    for (uint32_t c = 0; c < m->Z; c++) {
        const vqz_table *t = &m->ztable[level->ztab[c]];
        int32_t M = (int32_t)(t->n - 2) / 2;
        for (size_t i = 0; i < n; i++) {
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

    vqz_steps_walk(p, NULL, &d, h.level, h.unit);
    decode_hyper(p, &d, &p->m->level[h.level]);
    vqz_prior_hyper(p, h.level);
    for (uint32_t i = 0; i < p->m->S && !d.failed; i++)
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
