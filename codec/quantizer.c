#include "codec/quantizer.h"
#include <string.h>

/* Takes the escape where it is cheaper than `best`. */
static inline void consider_escape(vqz_choice *c, const vqz_codebook *b, const int32_t *r, unsigned dim, uint32_t lambda, uint64_t best) {
    int32_t e[2] = {0, 0};
    if (!vqz_escape_wins(r, dim, lambda, b->cost[b->n], best, e)) return;
    *c = (vqz_choice){.symbol = b->n, .residual = {e[0] * 256, e[1] * 256}, .escape = {e[0], e[1]}};
}

vqz_choice vqz_choose_pair(const vqz_quantizer *q, uint32_t pair, int32_t r0, int32_t r1) {
    const vqz_codebook *b = &q->m->pair[pair];
    vqz_choice c = {0};
    uint64_t best = UINT64_MAX;
    if (r0 < VQZ_NEAR && r0 > -VQZ_NEAR && r1 < VQZ_NEAR && r1 > -VQZ_NEAR) {
        int32_t least;
        const uint32_t at = q->loops->search(&q->shelf[pair], r0, r1, &least);
        best = (uint64_t)least;
        c = (vqz_choice){.symbol = at, .residual = {b->value[2 * at], b->value[2 * at + 1]}};
    }
    consider_escape(&c, b, (int32_t[2]){r0, r1}, 2, q->lambda, best);
    return c;
}

vqz_choice vqz_choose_scalar(const vqz_codebook *b, int32_t r, uint32_t lambda) {
    uint64_t least;
    uint32_t raw;
    const uint32_t symbol = vqz_best_scalar(b->value, b->cost, b->n, b->zero, b->shift, r, lambda, &least);
    const int32_t chosen = vqz_nearest(b->value[symbol], b->shift, r, &raw);
    vqz_choice c = {.symbol = symbol, .residual = {chosen}, .raw = raw};
    consider_escape(&c, b, &r, 1, lambda, least);
    return c;
}

int32_t vqz_chosen_scalar(const vqz_quantizer *q, uint32_t rung, int32_t r) {
    const vqz_codebook *b = &q->m->scalar[rung];
    int64_t best = INT64_MAX;
    int32_t chosen = 0;
    if (q->scalar[rung].bins) {              /* as vqz_best_scalar */
        const vqz_bin *at = q->scalar[rung].bins + VQZ_BRIM + vqz_lower_bound(b->value, b->n, b->zero, r) - (r > 0 ? 3 : 1);
        for (unsigned i = 0; i < 4; i++, at++) {
            const int64_t d = (int64_t)r - at->value, j = d * d + at->price;
            const bool less = j < best;
            best = less ? j : best;
            chosen = less ? at->value : chosen;
        }
        if ((uint64_t)best <= q->scalar[rung].escape) return chosen;
    }
    return vqz_choose_scalar(b, r, q->lambda).residual[0];
}

/* ---- what one lambda makes of a ladder ---- */

typedef struct box { int64_t low[2], high[2]; } box;     /* both ends included */
static const box nothing = {{1, 1}, {0, 0}};

/* Residuals around 0 that surely get codeword `zero` of a book without shift bits: for each other codeword they lie on the right side of the
 * line where both cost the same, and the escape costs more everywhere. */
static box zero_box(const vqz_codebook *b, unsigned dim, uint32_t lambda) {
    const int16_t *zero = b->value + (size_t)b->zero * dim;
    const uint64_t escape = vqz_price(lambda, b->cost[b->n]) + dim * vqz_price(lambda, vqz_golomb_bits(0) << 12), own = vqz_price(lambda, b->cost[b->zero]);
    box x;
    if (escape < own) return nothing;
    int64_t radius = 0;                      /* along each axis */
    for (int64_t bit = VQZ_NEAR / 2; bit; bit /= 2)
        if (dim * vqz_square(radius + bit) <= escape - own) radius += bit;
    for (unsigned k = 0; k < 2; k++) {
        const int64_t z = k < dim ? zero[k] : 0;
        x.low[k] = z - radius > -VQZ_NEAR ? z - radius : 1 - VQZ_NEAR;
        x.high[k] = z + radius < VQZ_NEAR ? z + radius : VQZ_NEAR - 1;
        if (x.low[k] > 0 || x.high[k] < 0) return nothing;
    }
    for (unsigned round = 0; round < 2; round++)         /* first the reach along the axes, then what corners are too far out */
        for (uint32_t i = 0; i < b->n; i++) {
            if (i == b->zero) continue;
            /* zero wins where 2 r (v - zero) <= most */
            int64_t d[2] = {0, 0}, corner = 0, most = (int64_t)vqz_price(lambda, b->cost[i]) - (int64_t)own - (i < b->zero);
            for (unsigned k = 0; k < dim; k++) {
                const int64_t v = b->value[i * dim + k];
                d[k] = v - zero[k];
                most += v * v - zero[k] * zero[k];
            }
            if (most < 0) return nothing;
            for (unsigned k = 0; k < 2; k++) {
                if (round == 0 && d[k] > 0 && 2 * d[k] * x.high[k] > most) x.high[k] = most / (2 * d[k]);
                if (round == 0 && d[k] < 0 && 2 * d[k] * x.low[k] > most) x.low[k] = most / (2 * d[k]);
                corner += 2 * d[k] * (d[k] > 0 ? x.high[k] : x.low[k]);
            }
            for (unsigned k = 0; k < 2 && round && corner > most; k++) {
                x.low[k] = x.low[k] * most / corner;
                x.high[k] = x.high[k] * most / corner;
            }
        }
    return x;
}

/* The same for choose_scalar, which looks at some codewords only. */
static box scalar_zero_box(const vqz_codebook *b, uint32_t lambda) {
    if (b->shift) return nothing;
    box x = zero_box(b, 1, lambda);
    if (b->zero + 3 < b->n && x.high[0] > b->value[b->zero + 3]) x.high[0] = b->value[b->zero + 3];
    if (b->zero >= 3 && x.low[0] <= b->value[b->zero - 3]) x.low[0] = b->value[b->zero - 3] + 1;
    return x;
}

static uint32_t blocks_of(const vqz_codebook *b) { return (b->n + VQZ_BLOCK - 1) / VQZ_BLOCK; }

void vqz_quantizer_layout(vqz_quantizer *q, const vqz_model *m, const vqz_kernels *kernels, vqz_arena *a) {
    size_t blocks = 0;
    *q = (vqz_quantizer){.m = m, .loops = vqz_loops_get(kernels)};
    for (uint32_t i = 0; i < m->npairs; i++) blocks += blocks_of(&m->pair[i]);
    VQZ_TAKE(a, q->blocks, blocks);
    VQZ_TAKE(a, q->shelf, m->npairs);
    VQZ_TAKE(a, q->cell, (size_t)m->rungs * m->rungs);
    for (uint32_t i = 0; i < m->rungs; i++)
        if (!m->scalar[i].shift) VQZ_TAKE(a, q->scalar[i].bins, m->scalar[i].n + (size_t)2 * VQZ_BRIM);
}

static void fill_shelves(vqz_quantizer *q) {
    vqz_block *to = q->blocks;
    for (uint32_t i = 0; i < q->m->npairs; i++) {
        const vqz_codebook *b = &q->m->pair[i];
        const uint32_t blocks = blocks_of(b);
        const box x = zero_box(b, 2, q->lambda);
        vqz_shelf *shelf = &q->shelf[i];
        *shelf = (vqz_shelf){.block = to, .blocks = blocks};
        for (unsigned k = 0; k < 2; k++) {
            shelf->low[k] = (int16_t)x.low[k];
            shelf->width[k] = (uint16_t)(x.high[k] - x.low[k] + 1);
        }
        for (uint32_t k = 0; k < blocks * VQZ_BLOCK; k++) {
            const vqz_pick *p = &b->picks[k < b->n ? k : 0];
            vqz_block *at = &to[k / VQZ_BLOCK];
            memcpy(at->value[k % VQZ_BLOCK], p->value, sizeof p->value);
            at->price[k % VQZ_BLOCK] = (int32_t)vqz_price(q->lambda, p->cost);
            at->symbol[k % VQZ_BLOCK] = (int32_t)p->symbol;
        }
        to += blocks;
    }
}

static void fill_bins(vqz_quantizer *q, uint32_t rung) {
    const vqz_codebook *b = &q->m->scalar[rung];
    vqz_bin *bins = q->scalar[rung].bins;
    q->scalar[rung].escape = vqz_price(q->lambda, b->cost[b->n]);
    for (uint32_t i = 0; bins && i < b->n + 2 * VQZ_BRIM; i++) {
        const uint32_t k = i - VQZ_BRIM;     /* wraps in front */
        bins[i] = k < b->n ? (vqz_bin){(int64_t)vqz_price(q->lambda, b->cost[k]), b->value[k]} : (vqz_bin){.price = INT64_MAX / 4};
    }
}

static vqz_cell make_cell(const vqz_quantizer *q, uint32_t a, uint32_t b) {
    unsigned swap;
    const vqz_codebook *book = vqz_pair_book(q->m, a, b, &swap);
    vqz_cell c = {0};
    if (!book) return c;
    const vqz_shelf *shelf = &q->shelf[book - q->m->pair];
    c.range = vqz_rans_range(&book->table, book->zero);
    for (unsigned k = 0; k < 2; k++) {
        c.zero[k ^ swap] = book->value[2 * book->zero + k];
        c.low[k ^ swap] = shelf->low[k];
        c.width[k ^ swap] = shelf->width[k];
    }
    return c;
}

void vqz_quantizer_set(vqz_quantizer *q, uint32_t lambda) {
    const uint32_t rungs = q->m->rungs;
    q->lambda = lambda;
    fill_shelves(q);
    for (uint32_t a = 0; a < rungs; a++)
        for (uint32_t b = 0; b < rungs; b++) q->cell[a * rungs + b] = make_cell(q, a, b);
    for (uint32_t i = 0; i < rungs; i++) {
        const box x = scalar_zero_box(&q->m->scalar[i], lambda);
        q->scalar[i].low = (int32_t)x.low[0];
        q->scalar[i].width = x.high[0] < x.low[0] ? 0 : (uint32_t)(x.high[0] - x.low[0] + 1);
        fill_bins(q, i);
    }
}
