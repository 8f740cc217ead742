/* What the two NEON variants share: 16-bit inputs, requantization, and the walk over a tile of 4 positions. A vector is two registers. */
#include "codec/nn/rows.h"
#include <arm_neon.h>
#include <string.h>

enum { LANES = 8, PARTS = 2, POSITIONS = 4 };      /* PARTS: registers of a vector */
#define INLINE static inline __attribute__((always_inline))

typedef struct sums { int32x4_t at[POSITIONS][PARTS]; } sums;

INLINE unsigned lanes_of(const vqz_packed *p, unsigned vector) {
    unsigned left = p->cout - vector * LANES;
    return left < LANES ? left : LANES;
}
INLINE const uint8_t *weights_of(const vqz_packed *p, unsigned vector) { return p->weights + (size_t)vector * p->groups * p->k * LANES * 4; }
/* One group of input channels, four times. */
INLINE int8x16_t broadcast(const uint8_t *p) {
    int32_t v;
    memcpy(&v, p, sizeof v);
    return vreinterpretq_s8_s32(vdupq_n_s32(v));
}
/* Eight 8- or 16-bit elements as 32 bits; only the first `lanes` are touched. */
INLINE void load_elements(int32x4_t to[PARTS], const uint8_t *p, bool wide, unsigned lanes) {
    uint8_t part[16] = {0};
    if (lanes < LANES) p = memcpy(part, p, (size_t)lanes << wide);
    const int16x8_t e = wide ? vreinterpretq_s16_u8(vld1q_u8(p)) : vreinterpretq_s16_u16(vmovl_u8(vld1_u8(p)));
    to[0] = vmovl_s16(vget_low_s16(e));
    to[1] = vmovl_high_s16(e);
}
INLINE void store(uint8_t *dst, const int32x4_t q[PARTS], bool wide, unsigned lanes) {
    const int16x8_t r = vcombine_s16(vmovn_s32(q[0]), vmovn_s32(q[1]));
    uint8_t part[16], *to = lanes == LANES ? dst : part;
    if (wide) vst1q_u8(to, vreinterpretq_u8_s16(r));
    else vst1_u8(to, vmovn_u16(vreinterpretq_u16_s16(r)));
    if (lanes < LANES) memcpy(dst, part, (size_t)lanes << wide);
}
INLINE int64x2_t leak(int64x2_t t) { return vbslq_s64(vcltzq_s64(t), vshrq_n_s64(t, 3), t); }

/* One vector of sums for each position, requantized (spec/arithmetic.md section 2) and stored. */
INLINE void finish(const vqz_row_job *j, unsigned vector, size_t x, unsigned positions, const int32x4_t sum[][PARTS]) {
    const vqz_packed *p = j->packed;
    const size_t first = (size_t)vector * LANES;
    const unsigned lanes = lanes_of(p, vector);
    const bool high = p->high, leaky = p->leaky, add16 = p->add16, out16 = p->out16;
    const uint8_t *add = j->add ? j->add + x * j->add_step + (first << add16) : NULL;
    uint8_t *dst = vqz_row_dst(j, x, vector * LANES);
    for (unsigned i = 0; i < positions; i++, dst += j->dst_step) {
        int32x4_t addend[PARTS], q[PARTS];
        if (add) {
            load_elements(addend, add, add16, lanes);
            add += j->add_step;
        }
        for (unsigned r = 0; r < PARTS; r++) {
            const size_t at = first + r * (LANES / PARTS);
            const int32x4_t mul = vld1q_s32(p->mul + at);
            const int64x2_t shift[2] = {vld1q_s64(p->shift + at), vld1q_s64(p->shift + at + 2)};
            int64x2_t t[2] = {vmull_s32(vget_low_s32(sum[i][r]), vget_low_s32(mul)), vmull_high_s32(sum[i][r], mul)};
            if (add) {
                const int32x4_t v = vsubq_s32(addend[r], vld1q_s32(p->addzero + at)), n = vld1q_s32(p->addmul + at);
                int64x2_t product[2] = {vmull_s32(vget_low_s32(v), vget_low_s32(n)), vmull_high_s32(v, n)};
                for (unsigned h = 0; h < 2; h++) t[h] = vaddq_s64(t[h], high ? vshlq_s64(product[h], shift[h]) : product[h]);
            }
            for (unsigned h = 0; h < 2; h++) t[h] = vaddq_s64(leaky ? leak(t[h]) : t[h], vld1q_s64(p->round + at + 2 * h));
            if (high) q[r] = vuzp2q_s32(vreinterpretq_s32_s64(t[0]), vreinterpretq_s32_s64(t[1]));
            else        /* saturation to 32 bits keeps what the limits need */
                q[r] = vcombine_s32(vqmovn_s64(vshlq_s64(t[0], vnegq_s64(shift[0]))), vqmovn_s64(vshlq_s64(t[1], vnegq_s64(shift[1]))));
            q[r] = vminq_s32(vmaxq_s32(q[r], vld1q_s32(p->lo + at)), vld1q_s32(p->hi + at));
        }
        store(dst, q, out16, lanes);
    }
}

/* Sums of `positions` (a constant where this is inlined) by one vector, for 16-bit (pairs) or s8 inputs: two partial sums for each
 * output channel, added up at the end. The s16 sums of two groups of s8 cannot overflow, since weights are at least -127:
 * 2 * 128 * 127 < 2^15. */
INLINE void accumulate_partial(sums *out, const vqz_row_job *j, unsigned vector, size_t x, const bool pairs, const unsigned positions) {
    const vqz_packed *p = j->packed;
    const size_t step = j->step;
    const int8_t *w = (const int8_t *)weights_of(p, vector);
    int32x4_t acc[POSITIONS][PARTS][2];
    for (unsigned i = 0; i < positions; i++)
        for (unsigned r = 0; r < PARTS; r++) acc[i][r][0] = acc[i][r][1] = vdupq_n_s32(0);
    for (unsigned row = 0; row < p->k; row++) {
        const uint8_t *a = j->rows[row] + x * step;
        unsigned g = p->groups;
        for (; !pairs && g >= 2; g -= 2, a += 8, w += 2 * LANES * 4) {
            const int8x16_t w0[PARTS] = {vld1q_s8(w), vld1q_s8(w + 16)}, w1[PARTS] = {vld1q_s8(w + 32), vld1q_s8(w + 48)};
            for (unsigned i = 0; i < positions; i++) {
                const int8x16_t in0 = broadcast(a + i * step), in1 = broadcast(a + i * step + 4);
                for (unsigned r = 0; r < PARTS; r++) {
                    int16x8_t low = vmull_s8(vget_low_s8(in0), vget_low_s8(w0[r])), high = vmull_high_s8(in0, w0[r]);
                    low = vmlal_s8(low, vget_low_s8(in1), vget_low_s8(w1[r]));
                    high = vmlal_high_s8(high, in1, w1[r]);
                    acc[i][r][0] = vpadalq_s16(acc[i][r][0], low);
                    acc[i][r][1] = vpadalq_s16(acc[i][r][1], high);
                }
            }
        }
        for (; g > 0; g--, a += 4, w += LANES * 4) {
            const int8x16_t weights[PARTS] = {vld1q_s8(w), vld1q_s8(w + 16)};
            for (unsigned i = 0; i < positions; i++) {
                const int8x16_t in = broadcast(a + i * step);
                for (unsigned r = 0; r < PARTS; r++) {
                    if (pairs) {
                        const int16x8_t in16 = vreinterpretq_s16_s8(in), w16 = vreinterpretq_s16_s8(weights[r]);
                        acc[i][r][0] = vmlal_s16(acc[i][r][0], vget_low_s16(in16), vget_low_s16(w16));
                        acc[i][r][1] = vmlal_high_s16(acc[i][r][1], in16, w16);
                    } else {
                        acc[i][r][0] = vpadalq_s16(acc[i][r][0], vmull_s8(vget_low_s8(in), vget_low_s8(weights[r])));
                        acc[i][r][1] = vpadalq_s16(acc[i][r][1], vmull_high_s8(in, weights[r]));
                    }
                }
            }
        }
    }
    for (unsigned r = 0; r < PARTS; r++) {
        const int32x4_t bias = vld1q_s32(p->bias + vector * LANES + r * (LANES / PARTS));
        for (unsigned i = 0; i < positions; i++) out->at[i][r] = vaddq_s32(vpaddq_s32(acc[i][r][0], acc[i][r][1]), bias);
    }
}

INLINE void conv_partial(const vqz_row_job *j, unsigned vector, unsigned vectors, size_t x, const bool pairs, unsigned positions) {
    sums s;
    for (unsigned v = vector; v < vector + vectors; v++) {
        if (positions == POSITIONS) accumulate_partial(&s, j, v, x, pairs, POSITIONS);
        else if (positions == 2) accumulate_partial(&s, j, v, x, pairs, 2);
        else accumulate_partial(&s, j, v, x, pairs, 1);
        finish(j, v, x, positions, s.at);
    }
}

static void requant(const vqz_row_job *j, unsigned vector, unsigned vectors, size_t x, unsigned positions) {
    const vqz_packed *p = j->packed;
    sums s;
    for (unsigned v = vector; v < vector + vectors; v++) {
        const uint8_t *from = j->rows[0] + x * j->step + ((size_t)v * LANES << p->in16);
        for (unsigned i = 0; i < positions; i++) {
            load_elements(s.at[i], from + i * j->step, p->in16, lanes_of(p, v));
            for (unsigned r = 0; r < PARTS; r++)
                s.at[i][r] = vaddq_s32(s.at[i][r], vld1q_s32(p->bias + v * LANES + r * (LANES / PARTS)));
        }
        finish(j, v, x, positions, s.at);
    }
}

static vqz_tile conv;
static const vqz_simd simd = {.lanes = LANES, .input = VQZ_INPUT_SIGNED, .block = 4, .widths = {1, 2, POSITIONS}, .conv = conv, .requant = requant};

static vqz_status pack(vqz_layer *l, const vqz_layer_def *a, vqz_memory *mem, vqz_error *e) { return vqz_rows_pack(&simd, l, a, mem, e); }
