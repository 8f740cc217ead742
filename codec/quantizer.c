#include "codec/quantizer.h"

enum { NEAR = 1 << 14 };         /* residuals below this keep squared distances in 32 bits */

static uint64_t square(int64_t d) { return (uint64_t)(d * d); }

/* lambda x bits, 16 fractional bits */
static uint64_t price(uint32_t lambda, uint32_t cost_q12) { return ((uint64_t)lambda * cost_q12) >> 12; }

static int32_t nearest_step(int32_t r) {
    int32_t e = (r + 128) >> 8;
    return e > VQZ_MAX_ESCAPE ? VQZ_MAX_ESCAPE : e < -VQZ_MAX_ESCAPE ? -VQZ_MAX_ESCAPE : e;
}

static uint32_t golomb_bits(int32_t e) {
    uint32_t v = (e > 0 ? 2 * (uint32_t)e - 1 : 2 * (uint32_t)-e) + 8, n = 31 - (uint32_t)__builtin_clz(v);
    return n - 3 + 1 + n;
}

/* Takes the escape where it is cheaper than `best`. */
static inline void consider_escape(vqz_choice *c, const vqz_codebook *b, const int32_t *r, unsigned dim, uint32_t lambda, uint64_t best) {
    uint64_t j = price(lambda, b->cost[b->n]);
    int32_t e[2] = {0, 0};
    if (j >= best) return;
    for (unsigned k = 0; k < dim && j < best; k++) {
        e[k] = nearest_step(r[k]);
        j += square((int64_t)r[k] - (int64_t)e[k] * 256) + price(lambda, golomb_bits(e[k]) << 12);
    }
    if (j >= best) return;
    *c = (vqz_choice){.symbol = b->n, .residual = {e[0] * 256, e[1] * 256}, .escape = {e[0], e[1]}};
}

vqz_choice vqz_choose_pair(const vqz_codebook *b, int32_t r0, int32_t r1, uint32_t lambda) {
    vqz_choice c = {0};
    uint64_t best = UINT64_MAX;
    if (r0 < NEAR && r0 > -NEAR && r1 < NEAR && r1 > -NEAR) {
        uint32_t least = UINT32_MAX, at = 0;
        for (const vqz_pick *p = b->picks, *end = p + b->n; p < end; p++) {
            uint32_t j = (uint32_t)price(lambda, p->cost);
            if (j > least) break;                /* so are all that follow */
            int32_t d0 = r0 - p->value[0], d1 = r1 - p->value[1];
            j += (uint32_t)(d0 * d0) + (uint32_t)(d1 * d1);
            if (j < least || (j == least && p->symbol < at)) {
                least = j;
                at = p->symbol;
            }
        }
        best = least;
        c = (vqz_choice){.symbol = at, .residual = {b->value[2 * at], b->value[2 * at + 1]}};
    }
    consider_escape(&c, b, (int32_t[2]){r0, r1}, 2, lambda, best);
    return c;
}

/* First codeword whose value is not below v. Values lie about a step apart: the search begins where that leads. */
static uint32_t lower_bound(const vqz_codebook *b, int32_t v) {
    int32_t guess = (int32_t)b->zero + (v >> 8);
    uint32_t at = guess < 0 ? 0 : guess > (int32_t)b->n ? b->n : (uint32_t)guess;
    while (at < b->n && b->value[at] < v) at++;
    while (at > 0 && b->value[at - 1] >= v) at--;
    return at;
}

vqz_choice vqz_choose_scalar(const vqz_codebook *b, int32_t r, uint32_t lambda) {
    uint64_t best = UINT64_MAX;
    uint32_t symbol = 0, bits = 0;
    int32_t chosen = 0;
    /* the two neighbours of r and two more towards zero: with tables that fall off no other can win */
    int64_t at = lower_bound(b, r >> b->shift);
    int64_t first = r > 0 ? at - 3 : at - 1, last = r > 0 ? at : at + 2;
    for (int64_t i = first < 0 ? 0 : first; i <= last && i < (int64_t)b->n; i++) {
        int32_t base = b->value[i] * (1 << b->shift), half = 0;
        uint32_t raw = 0;
        if (b->shift) {
            half = 1 << (b->shift - 1);
            int32_t u = (int32_t)(((int64_t)r - base + 128) >> 8) + half;
            raw = (uint32_t)(u < 0 ? 0 : u > 2 * half - 1 ? 2 * half - 1 : u);
        }
        int32_t residual = base + ((int32_t)raw - half) * 256;
        uint64_t j = square((int64_t)r - residual) + price(lambda, b->cost[i] + (b->shift << 12));
        if (j < best) {
            best = j;
            symbol = (uint32_t)i;
            bits = raw;
            chosen = residual;
        }
    }
    vqz_choice c = {.symbol = symbol, .residual = {chosen}, .raw = bits};
    consider_escape(&c, b, &r, 1, lambda, best);
    return c;
}
