#include "fuzz/tile.h"
#include "base/arena.h"
#include "codec/latent.h"
#include "codec/reconstruct.h"
#include "codec/steps.h"
#include "format/grid.h"
#include <stdlib.h>

/* Half of them as likely as the table says, half all alike. */
static uint32_t choose(fuzz_bytes *in, const vqz_table *t) {
    uint32_t b = fuzz_byte(in), k = 0;
    if (t->single) return 0;
    if (b >= 128) return b == 255 ? t->n - 1 : (b - 128) * t->n / 128;
    while (k + 1 < t->n && t->cum[k + 1] <= b * 256) k++;
    return k;
}

static int32_t put_golomb(fuzz_bytes *in, vqz_rans_enc *enc) {
    int32_t b = fuzz_byte(in), v = b & 127;
    if (b % 8 == 7) v = (1 << (fuzz_byte(in) % 21)) - (v & 1);
    if (b & 128) v = -v;
    vqz_rans_put_golomb(enc, v);
    return v;
}

static int32_t put_scalar(fuzz_bytes *in, vqz_rans_enc *enc, const vqz_codebook *b) {
    uint32_t k = choose(in, &b->table), u;
    vqz_rans_put(enc, &b->table, k);
    if (k == b->n) return put_golomb(in, enc) * 256;
    if (!b->shift) return b->value[k];
    u = fuzz_below(in, 1u << b->shift);
    vqz_rans_put_bits(enc, u, b->shift);
    return vqz_shifted(b->value[k], b->shift, u);
}

static void put_pair(fuzz_bytes *in, vqz_rans_enc *enc, const vqz_model *m, uint32_t a, uint32_t b, int32_t r[2]) {
    unsigned swap;
    const vqz_codebook *book = vqz_pair_book(m, a, b, &swap);
    if (!book) {
        r[0] = put_scalar(in, enc, &m->scalar[a]);
        r[1] = put_scalar(in, enc, &m->scalar[b]);
        return;
    }
    uint32_t k = choose(in, &book->table);
    vqz_rans_put(enc, &book->table, k);
    if (k == book->n) {
        r[0] = put_golomb(in, enc) * 256;
        r[1] = put_golomb(in, enc) * 256;
    } else {
        r[swap] = book->value[2 * k];
        r[!swap] = book->value[2 * k + 1];
    }
}

static uint32_t rung_of(const vqz_model *m, const vqz_level *level, uint32_t c, int32_t ls, int32_t bias) {
    return (uint32_t)vqz_rung(ls, level->loggain[c], 256 * bias, (int32_t)m->rungs - 1);
}

static void put_slice(fuzz_bytes *in, vqz_rans_enc *enc, vqz_prior *p, uint32_t slice, unsigned pass, int32_t bias, const vqz_latents *y) {
    const vqz_model *m = p->m;
    const uint32_t first = m->slice_start[slice], n = m->slice[slice];
    for (uint32_t i = 0; i < p->count[pass]; i++) {
        const int16_t *mean = p->heads + (size_t)i * 2 * n, *ls = mean + n;
        int16_t *latent = vqz_latent_at(p, y, p->position[pass][i]) + first;
        const vqz_level *level = vqz_level_at(p, p->position[pass][i]);
        for (uint32_t c = 0; c < n; c += 2) {
            int32_t r[2];
            put_pair(in, enc, m, rung_of(m, level, first + c, ls[c], bias), rung_of(m, level, first + c + 1, ls[c + 1], bias), r);
            latent[c] = vqz_reconstruct(m, level, first + c, mean[c], r[0]);
            latent[c + 1] = vqz_reconstruct(m, level, first + c + 1, mean[c + 1], r[1]);
        }
    }
}

static void put_hyper(fuzz_bytes *in, vqz_rans_enc *enc, vqz_prior *p, const vqz_level *level) {
    size_t n = (size_t)p->zh * p->zw;
    for (uint32_t c = 0; c < p->m->Z; c++) {
        const vqz_table *t = &p->m->ztable[level->ztab[c]];
        for (size_t i = 0; i < n; i++) {
            uint32_t k = choose(in, t);
            vqz_rans_put(enc, t, k);
            p->z[c * n + i] = (k == t->n - 1 ? put_golomb(in, enc) : (int32_t)k - (int32_t)(t->n - 2) / 2) + level->zoff[c];
        }
    }
}

static void choose_head(fuzz_bytes *in, const vqz_model *m, vqz_latent_head *head) {
    unsigned flags = fuzz_byte(in);
    *head = (vqz_latent_head){.level = (uint8_t)fuzz_below(in, m->nlevels), .lanes = (uint8_t[]){1, 4, 8, 8}[flags & 3]};
    head->mask = (uint16_t)((1u << m->S) - 1);
    if (flags & 4) head->mask &= (uint16_t)(fuzz_byte(in) | fuzz_byte(in) << 8);
    for (uint32_t i = 0; (flags & 8) && i < m->S; i++) head->bias[i] = (int8_t)fuzz_byte(in);
    if (flags & 16) head->unit = (uint8_t)(1 + fuzz_below(in, 255));
}

bool fuzz_make_tile(vqz_model *m, uint32_t h, uint32_t w, fuzz_bytes *in, vqz_buffer *out) {
    const vqz_nets *nets;
    const uint32_t ph = vqz_positions(h), pw = vqz_positions(w);
    vqz_prior p;
    vqz_arena plan = {0}, fill = {0};
    vqz_rans_enc enc;
    vqz_latent_head head;
    vqz_latents y = {.stride = pw};
    uint8_t start[VQZ_LATENT_HEAD_MAX];
    const uint8_t *words, *raw;
    size_t nwords, nraw, before = out->size;
    void *memory;
    FUZZ_CHECK(vqz_model_nets(m, vqz_kernels_get(VQZ_CPU_SCALAR), VQZ_NETS_CONTEXT, &nets, NULL) == VQZ_OK);
    FUZZ_CHECK(vqz_prior_layout(&p, m, nets, ph, pw, &plan, NULL) == VQZ_OK && !plan.overflow);
    VQZ_TAKE(&plan, y.data, (size_t)ph * pw * m->C);
    FUZZ_CHECK(vqz_alloc(out->mem, &memory, plan.used, 1, NULL) == VQZ_OK);
    fill.base = memory;
    FUZZ_CHECK(vqz_prior_layout(&p, m, nets, ph, pw, &fill, NULL) == VQZ_OK);
    VQZ_TAKE(&fill, y.data, (size_t)ph * pw * m->C);
    vqz_rans_enc_init(&enc, out->mem);
    choose_head(in, m, &head);
    for (uint32_t i = 0; head.unit && i < vqz_step_blocks(ph) * vqz_step_blocks(pw); i++) p.steps[i] = (int8_t)((int)fuzz_below(in, 2 * VQZ_STEP_MOST + 1) - VQZ_STEP_MOST);
    vqz_steps_walk(&p, &enc, NULL, head.level, head.unit);
    put_hyper(in, &enc, &p, &m->level[head.level]);
    vqz_prior_hyper(&p, head.level);
    for (uint32_t i = 0; i < m->S; i++)
        for (unsigned pass = 0; pass < 2; pass++) {
            vqz_prior_predict(&p, i, pass);
            if (head.mask >> i & 1) put_slice(in, &enc, &p, i, pass, head.bias[i], &y);
            else vqz_prior_fill(&p, i, pass, &y);
            vqz_prior_commit(&p, i, pass, &y);
        }
    head.hash = vqz_latents_hash(&p, &y);
    FUZZ_CHECK(vqz_rans_finish(&enc, head.lanes, &words, &nwords, &raw, &nraw, NULL) == VQZ_OK);
    head.words = (uint32_t)nwords;
    FUZZ_CHECK(vqz_buffer_append(out, start, vqz_latent_head_write(&head, m, start), NULL) == VQZ_OK);
    FUZZ_CHECK(vqz_buffer_append(out, words, nwords * 2, NULL) == VQZ_OK);
    if (nraw) FUZZ_CHECK(vqz_buffer_append(out, raw, nraw, NULL) == VQZ_OK);
    vqz_rans_enc_free(&enc);
    vqz_free(out->mem, memory);
    return out->size - before <= vqz_grid_payload_max((uint64_t)h * w);
}
