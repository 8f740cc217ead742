/* Rungs, residuals and choices (spec/bitstream.md section 3, codec/quantizer.h) of one channel, shared by every back end. Latents, means and
 * residuals have 8 fractional bits. */
#ifndef VQZ_BASE_LADDERMATH_H
#define VQZ_BASE_LADDERMATH_H
#include "base/ransmath.h"

/* Steps by place (codec/steps.h): they lie in -8..8, and their contexts count so far. */
enum { VQZ_STEP_MOST = 8, VQZ_STEP_SLOWEST = 50 };

/* bias: 256 a rung. */
VQZ_INLINE int32_t vqz_rung(int32_t logscale, int32_t loggain, int32_t bias, int32_t top) {
    return vqz_clamp32((logscale + loggain + bias + 128) >> 8, 0, top);
}
/* v x mul with `shift` fractional bits of mul. */
VQZ_INLINE int32_t vqz_scaled_by(int32_t v, uint32_t mul, unsigned shift) { return (int32_t)(((int64_t)v * mul + ((int64_t)1 << (shift - 1))) >> shift); }
VQZ_INLINE int32_t vqz_residual_of(int32_t latent, int32_t mean, uint32_t gain, unsigned shift) { return vqz_scaled_by(latent - mean, gain, shift); }
VQZ_INLINE int32_t vqz_latent_of(int32_t mean, int32_t residual, uint32_t inv, unsigned shift) {
    return (int32_t)vqz_clamp64(mean + (((int64_t)residual * inv + ((int64_t)1 << (shift - 1))) >> shift), INT16_MIN, INT16_MAX);
}
/* What networks see of a latent, or of a hyper-latent: s8. */
VQZ_INLINE int32_t vqz_seen_of(int32_t v, uint32_t mul, unsigned shift) { return vqz_round_clamp((int64_t)v * mul, shift, -128, 127); }
/* Symbol value and raw bits of a scalar codebook with a shift. */
VQZ_INLINE int32_t vqz_shifted(int32_t value, unsigned shift, uint32_t raw) {
    return value * (1 << shift) + (shift ? ((int32_t)raw - (1 << (shift - 1))) * 256 : 0);
}

/* ---- encoder: costs ---- */
VQZ_INLINE uint64_t vqz_square(int64_t d) { return (uint64_t)(d * d); }
/* lambda x bits, 16 fractional bits */
VQZ_INLINE uint64_t vqz_price(uint32_t lambda, uint32_t cost_q12) { return ((uint64_t)lambda * cost_q12) >> 12; }
/* Of codewords that cost the same the first one wins. */
VQZ_INLINE bool vqz_wins(int32_t cost, int32_t symbol, int32_t least, int32_t at) { return cost < least || (cost == least && symbol < at); }
/* The number that an escape would say. */
VQZ_INLINE int32_t vqz_nearest_step(int32_t r) { return vqz_clamp32((r + 128) >> 8, -VQZ_MAX_ESCAPE, VQZ_MAX_ESCAPE); }
VQZ_INLINE uint64_t vqz_escape_price(int32_t r, int32_t e, uint32_t lambda) {
    return vqz_square((int64_t)r - (int64_t)e * 256) + vqz_price(lambda, vqz_golomb_bits(e) << 12);
}
/* Whether an escape for `dim` residuals, its symbol and its numbers e, costs less than `best`. */
VQZ_INLINE bool vqz_escape_wins(const int32_t *r, unsigned dim, uint32_t lambda, uint32_t cost_q12, uint64_t best, int32_t *e) {
    uint64_t j = vqz_price(lambda, cost_q12);
    for (unsigned k = 0; k < dim && j < best; k++) {
        e[k] = vqz_nearest_step(r[k]);
        j += vqz_escape_price(r[k], e[k], lambda);
    }
    return j < best;
}
/* The residual nearest to r that a codeword of a scalar book can say, and its raw bits. */
VQZ_INLINE int32_t vqz_nearest(int32_t value, unsigned shift, int32_t r, uint32_t *raw) {
    *raw = 0;
    if (!shift) return value;
    const int32_t half = 1 << (shift - 1), u = (int32_t)(((int64_t)r - value * (1 << shift) + 128) >> 8) + half;
    *raw = (uint32_t)vqz_clamp32(u, 0, 2 * half - 1);
    return vqz_shifted(value, shift, *raw);
}
/* First of n ascending codewords that is not below v. Values lie about a step apart: the search begins where that leads. */
VQZ_INLINE uint32_t vqz_lower_bound(const int16_t *value, uint32_t n, uint32_t zero, int32_t v) {
    uint32_t at = (uint32_t)vqz_clamp32((int32_t)zero + (v >> 8), 0, (int32_t)n);
    while (at < n && value[at] < v) at++;
    while (at > 0 && value[at - 1] >= v) at--;
    return at;
}
/* The codeword of a scalar book that costs least, and what it costs: the two neighbours of r and two more towards zero. With tables that fall off no
 * other can win. */
VQZ_INLINE uint32_t vqz_best_scalar(const int16_t *value, const uint32_t *cost, uint32_t n, uint32_t zero, unsigned shift, int32_t r, uint32_t lambda,
                                    uint64_t *least) {
    const int64_t at = vqz_lower_bound(value, n, zero, r >> shift), first = r > 0 ? at - 3 : at - 1, last = r > 0 ? at : at + 2;
    uint64_t best = UINT64_MAX;
    uint32_t symbol = 0, raw;
    for (int64_t i = first < 0 ? 0 : first; i <= last && i < (int64_t)n; i++) {
        const uint64_t j = vqz_square((int64_t)r - vqz_nearest(value[i], shift, r, &raw)) + vqz_price(lambda, cost[i] + (shift << 12));
        const bool less = j < best;          /* hard to foresee: moves, not branches */
        best = less ? j : best;
        symbol = less ? (uint32_t)i : symbol;
    }
    *least = best;
    return symbol;
}

/* ---- encoder: a bias for a slice's rungs, where residuals are larger than they say ---- */
enum { VQZ_MAX_BIAS = 30, VQZ_BIAS_STEP = 2 };
/* found: sum of |what would be coded| of `count` values; expected: what the tables of the rungs with that bias make of it. */
VQZ_INLINE bool vqz_bias_fits(uint64_t found, uint64_t expected, uint64_t count, int32_t bias) {
    const uint64_t slack = count * 4;        /* 1/64 step a value: rounding noise at low rates */
    return found <= (bias ? expected + expected / 2 : 2 * expected) + slack || bias >= VQZ_MAX_BIAS;
}
#endif
