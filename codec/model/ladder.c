/* The quantizer ladder and the hyper-latent tables. */
#include "codec/model/model.h"
#include "base/arena.h"
#include "base/ilog2.h"
#include <stdio.h>
#include <string.h>

#define BAD(...) vqz_fail(e, VQZ_ERR_MODEL_INVALID, VQZ_NO_OFFSET, __VA_ARGS__)
enum { MAX_SCALAR = 1023, MAX_PAIR = 511, MAX_PAIR_VALUE = 1 << 13, QUIET = VQZ_RANS_TOTAL / 16 * 15 };

/* freq[n] from the file into a checked table with its derived arrays. */
static vqz_status parse_table(vqz_table *t, uint32_t n, const char *name, vqz_reader *r, vqz_arena *a, vqz_error *e) {
    uint16_t *freq, *cum, *look;
    VQZ_TAKE(a, freq, n);
    VQZ_TAKE(a, cum, n);
    VQZ_TAKE(a, look, (size_t)1 << VQZ_LOOK_BITS);
    for (uint32_t i = 0; i < n; i++) {
        uint16_t f = vqz_read16(r);
        if (freq) freq[i] = f;
    }
    if (r->failed) return BAD("%s: ends early", name);
    return a->base ? vqz_table_build(t, freq, n, cum, look, name, e) : VQZ_OK;
}

static void sort_picks(vqz_pick *picks, uint32_t n, const int16_t *value, const uint32_t *cost) {
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = i;
        for (; at && picks[at - 1].cost > cost[i]; at--) picks[at] = picks[at - 1];
        picks[at] = (vqz_pick){{value[2 * i], value[2 * i + 1]}, i, cost[i]};
    }
}

static void fill_slots(vqz_slots *s, const vqz_table *t, uint32_t dim, const int16_t *value) {
    memcpy(s->look, t->look, sizeof s->look);
    for (uint32_t i = 0; i < t->n; i++) {
        s->slot[i] = (vqz_slot){.start = t->cum[i], .freq = t->freq[i]};
        for (uint32_t k = 0; k < dim && i + 1 < t->n; k++) s->slot[i].value[k] = value[i * dim + k];
    }
    s->slot[t->n] = (vqz_slot){.start = VQZ_RANS_TOTAL};
}

/* A codebook of n codewords of `dim` values. */
static vqz_status parse_book(vqz_codebook *b, uint32_t n, uint32_t dim, const char *name, vqz_reader *r, vqz_arena *a, vqz_error *e) {
    int16_t *value;
    uint32_t *cost;
    vqz_pick *picks = NULL;
    vqz_slots *slots;
    vqz_table table;
    VQZ_TAKE(a, value, (size_t)n * dim);
    VQZ_TAKE(a, cost, (size_t)n + 1);
    slots = vqz_take(a, sizeof *slots + ((size_t)n + 2) * sizeof(vqz_slot), 1);
    if (dim == 2) VQZ_TAKE(a, picks, n);
    for (uint32_t i = 0; i < n * dim; i++) {
        int16_t v = (int16_t)vqz_read16(r);
        if (value) value[i] = v;
    }
    VQZ_TRY(parse_table(&table, n + 1, name, r, a, e));
    if (!a->base) return VQZ_OK;
    uint32_t zero = 0, best = UINT32_MAX;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t d = 0;
        for (uint32_t k = 0; k < dim; k++) {
            int32_t v = value[i * dim + k];
            d += (uint32_t)(v < 0 ? -v : v);
            if (dim == 2 && (v > MAX_PAIR_VALUE || v < -MAX_PAIR_VALUE)) return BAD("%s: a value is %d", name, v);
        }
        if (dim == 1 && i && value[i] <= value[i - 1]) return BAD("%s: values do not ascend", name);
        if (d < best) {
            best = d;
            zero = i;
        }
        sum += (uint64_t)d * table.freq[i];
    }
    for (uint32_t i = 0; i <= n; i++) cost[i] = vqz_cost_q12(table.freq[i]);
    if (dim == 2) sort_picks(picks, n, value, cost);
    fill_slots(slots, &table, dim, value);
    b->n = n;
    b->value = value;
    b->cost = cost;
    b->picks = picks;
    b->slots = slots;
    b->zero = zero;
    b->mean_abs = (uint32_t)(sum >> VQZ_RANS_BITS);
    b->table = table;
    return VQZ_OK;
}

static vqz_duo duo_of(const vqz_model *m, uint32_t a, uint32_t b) {
    if (a > m->top || b > m->top) return (vqz_duo){.book = VQZ_NO_BOOK};
    const vqz_codebook *book = &m->pair[m->map[a > b ? a * (m->top + 1) + b : b * (m->top + 1) + a]];
    const int16_t *zero = book->value + 2 * (size_t)book->zero;
    const bool quiet = !zero[0] && !zero[1] && book->table.freq[book->zero] >= QUIET;
    return (vqz_duo){quiet ? vqz_rans_range(&book->table, book->zero) : 0, (uint32_t)((const uint8_t *)book->slots - (const uint8_t *)m->pair->slots) + (a < b)};
}

vqz_status vqz_parse_ladder(vqz_model *m, vqz_reader *r, vqz_arena *a, vqz_error *e) {
    char name[40];
    m->rungs = vqz_read8(r);
    m->top = vqz_read8(r);
    m->npairs = vqz_read16(r);
    if (!m->rungs || m->rungs > VQZ_MAX_RUNGS || m->top >= m->rungs || m->npairs < 1 || m->npairs > 4096)
        return BAD("LADR section: %u rungs, top %u, %u pair codebooks are out of range", m->rungs, m->top, m->npairs);
    VQZ_TAKE(a, m->scalar, m->rungs);
    VQZ_TAKE(a, m->pair, m->npairs);
    for (uint32_t i = 0; i < m->rungs; i++) {
        snprintf(name, sizeof name, "scalar codebook %u", i);
        uint32_t n = vqz_read16(r), shift = vqz_read8(r), zero = vqz_read8(r);
        if (n < 1 || n > MAX_SCALAR || shift > 12 || zero) return BAD("%s: %u codewords, shift %u", name, n, shift);
        vqz_codebook b = {0};
        VQZ_TRY(parse_book(&b, n, 1, name, r, a, e));
        b.shift = shift;
        b.mean_abs <<= shift;
        if (a->base) m->scalar[i] = b;
    }
    for (uint32_t i = 0; i < m->npairs; i++) {
        snprintf(name, sizeof name, "pair codebook %u", i);
        uint32_t n = vqz_read16(r), zero = vqz_read16(r);
        if (n < 1 || n > MAX_PAIR || zero) return BAD("%s: %u codewords", name, n);
        vqz_codebook b = {0};
        VQZ_TRY(parse_book(&b, n, 2, name, r, a, e));
        if (a->base) m->pair[i] = b;
    }
    uint16_t *map;
    uint32_t side = m->top + 1;
    VQZ_TAKE(a, map, (size_t)side * side);
    for (uint32_t i = 0; i < side * side; i++) {
        uint16_t v = vqz_read16(r);
        if (v >= m->npairs || (i % side > i / side && v)) return BAD("LADR section: entry %u of the map is %u", i, v);
        if (map) map[i] = v;
    }
    m->map = map;
    vqz_duo *duo;
    VQZ_TAKE(a, duo, (size_t)m->rungs * m->rungs);
    for (uint32_t i = 0; duo && i < m->rungs * m->rungs; i++) duo[i] = duo_of(m, i / m->rungs, i % m->rungs);
    m->duo = duo;
    return VQZ_OK;
}

vqz_status vqz_parse_ztables(vqz_model *m, vqz_reader *r, vqz_arena *a, vqz_error *e) {
    m->nztables = vqz_read16(r);
    if (m->nztables < 1 || m->nztables > 256) return BAD("ZTAB section: %u tables", m->nztables);
    VQZ_TAKE(a, m->ztable, m->nztables);
    for (uint32_t i = 0; i < m->nztables; i++) {
        char name[40];
        snprintf(name, sizeof name, "hyper-latent table %u", i);
        uint32_t M = vqz_read8(r), zero = vqz_read8(r);
        if (M > 127 || zero) return BAD("%s: M is %u", name, M);
        vqz_table t;
        VQZ_TRY(parse_table(&t, 2 * M + 2, name, r, a, e));
        if (a->base) m->ztable[i] = t;
    }
    if (!a->base) return VQZ_OK;
    for (uint32_t l = 0; l < m->nlevels; l++)
        for (uint32_t c = 0; c < m->Z; c++)
            if (m->level[l].ztab[c] >= m->nztables) return BAD("LEVL section: row %u names hyper-latent table %u", l, m->level[l].ztab[c]);
    return VQZ_OK;
}
