/* Tiles of 6 positions by 16 output channels with 256-bit vectors, for the variants that differ in the multiply-add alone. Before
 * this the variant defines INPUT (vqz_input) and `dot`, for kernels_sums.h; INPUT WIDE: always pairs. */
#include "codec/nn/rows.h"
#include <immintrin.h>

enum { LANES = 8, POSITIONS = 6, MANY = 4, FEW = 2 };
#define INLINE static inline __attribute__((always_inline))

typedef __m256i vec;
INLINE vec load_vec(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
INLINE vec repeat(int32_t v) { return _mm256_set1_epi32(v); }
#include "codec/nn/kernels_sums.h"

INLINE unsigned lanes_of(const vqz_packed *p, unsigned vector) {
    unsigned left = p->cout - vector * LANES;
    return left < LANES ? left : LANES;
}
/* Eight 8- or 16-bit elements as 32 bits; only the first `lanes` are touched. */
INLINE __m256i load_elements(const uint8_t *p, bool wide, unsigned lanes) {
    uint8_t part[16] = {0};
    if (lanes < LANES) p = memcpy(part, p, (size_t)lanes << wide);
    return wide ? _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)p)) : _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
}
/* x >> s for each 64-bit lane, -2^60 <= x < 2^60; `base` is 2^60 >> s. */
INLINE __m256i shift_right(__m256i x, __m256i s, __m256i base) {
    return _mm256_sub_epi64(_mm256_srlv_epi64(_mm256_add_epi64(x, _mm256_set1_epi64x((int64_t)1 << 60)), s), base);
}
INLINE __m256i clamp64(__m256i x, __m256i lo, __m256i hi) {
    x = _mm256_blendv_epi8(x, lo, _mm256_cmpgt_epi64(lo, x));
    return _mm256_blendv_epi8(x, hi, _mm256_cmpgt_epi64(x, hi));
}
/* t < 0 ? t >> 3 : t. The shift fills the sign from the lane's upper half. */
INLINE __m256i leak(__m256i t) {
    __m256i high = _mm256_srai_epi32(t, 3), low = _mm256_srli_epi64(t, 3);
    __m256d less = _mm256_castsi256_pd(_mm256_blend_epi32(low, high, 0xaa));
    return _mm256_castpd_si256(_mm256_blendv_pd(_mm256_castsi256_pd(t), less, _mm256_castsi256_pd(t)));
}
/* The lower halves of the 64-bit lanes, alternating. */
INLINE __m256i interleave(__m256i even, __m256i odd) { return _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa); }
INLINE __m256i sign_extend(__m256i x) {      /* the even 32-bit lanes */
    return _mm256_blend_epi32(x, _mm256_shuffle_epi32(_mm256_srai_epi32(x, 31), 0xa0), 0xaa);
}

INLINE void store(uint8_t *dst, __m256i q, bool wide, unsigned lanes) {
    __m128i r = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
    if (!wide) r = _mm_packus_epi16(r, r);
    if (lanes == LANES) {
        if (wide) _mm_storeu_si128((__m128i *)dst, r);
        else _mm_storel_epi64((__m128i *)dst, r);
    } else {
        uint8_t part[16];
        _mm_storeu_si128((__m128i *)part, r);
        memcpy(dst, part, (size_t)lanes << wide);
    }
}

/* One vector of sums for each position, requantized (spec/arithmetic.md section 2) and stored. */
INLINE void finish(const vqz_row_job *j, unsigned vector, size_t x, unsigned positions, const __m256i *sum) {
    const vqz_packed *p = j->packed;
    const size_t first = (size_t)vector * LANES;
    const unsigned lanes = lanes_of(p, vector);
    const __m256i mul = load_vec(p->mul + first), mul_odd = _mm256_srli_epi64(mul, 32);
    const __m256i round_even = load_vec(p->round + first), round_odd = load_vec(p->round + first + LANES / 2);
    const __m256i shift_even = load_vec(p->shift + first), shift_odd = load_vec(p->shift + first + LANES / 2);
    const __m256i lo = load_vec(p->lo + first), hi = load_vec(p->hi + first);
    const __m256i n = load_vec(p->addmul + first), n_odd = _mm256_srli_epi64(n, 32), addzero = load_vec(p->addzero + first);
    const bool high = p->high, leaky = p->leaky, add16 = p->add16, out16 = p->out16;
    const size_t add_step = j->add_step, dst_step = j->dst_step;
    const uint8_t *add = j->add ? j->add + x * j->add_step + (first << p->add16) : NULL;
    uint8_t *dst = vqz_row_dst(j, x, vector * LANES);
    for (unsigned i = 0; i < positions; i++, dst += dst_step) {
        __m256i even = _mm256_mul_epi32(sum[i], mul), odd = _mm256_mul_epi32(_mm256_srli_epi64(sum[i], 32), mul_odd);
        if (add) {
            __m256i v = _mm256_sub_epi32(load_elements(add, add16, lanes), addzero);
            __m256i v_even = _mm256_mul_epi32(v, n), v_odd = _mm256_mul_epi32(_mm256_srli_epi64(v, 32), n_odd);
            if (high) {
                v_even = _mm256_sllv_epi64(v_even, shift_even);
                v_odd = _mm256_sllv_epi64(v_odd, shift_odd);
            }
            even = _mm256_add_epi64(even, v_even);
            odd = _mm256_add_epi64(odd, v_odd);
            add += add_step;
        }
        if (leaky) {
            even = leak(even);
            odd = leak(odd);
        }
        even = _mm256_add_epi64(even, round_even);
        odd = _mm256_add_epi64(odd, round_odd);
        __m256i q;
        if (high) {
            q = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
            q = _mm256_min_epi32(_mm256_max_epi32(q, lo), hi);
        } else {
            const __m256i top = _mm256_set1_epi64x((int64_t)1 << 60), lo_odd = _mm256_srli_epi64(lo, 32), hi_odd = _mm256_srli_epi64(hi, 32);
            even = shift_right(even, shift_even, _mm256_srlv_epi64(top, shift_even));
            odd = shift_right(odd, shift_odd, _mm256_srlv_epi64(top, shift_odd));
            q = interleave(clamp64(even, sign_extend(lo), sign_extend(hi)), clamp64(odd, sign_extend(lo_odd), sign_extend(hi_odd)));
        }
        store(dst, q, out16, lanes);
    }
}

static void conv(const vqz_row_job *j, unsigned vector, unsigned vectors, size_t x, unsigned positions) {
    sums s;
    add_up(&s, j, vector, vectors, x, positions);
    for (unsigned v = 0; v < vectors; v++) finish(j, vector + v, x, positions, s.at[v]);
}

static void requant(const vqz_row_job *j, unsigned vector, unsigned vectors, size_t x, unsigned positions) {
    const vqz_packed *p = j->packed;
    for (unsigned v = vector; v < vector + vectors; v++) {
        __m256i sum[POSITIONS], bias = load_vec(p->bias + (size_t)v * LANES);
        const uint8_t *from = j->rows[0] + x * j->step + ((size_t)v * LANES << p->in16);
        for (unsigned i = 0; i < positions; i++)
            sum[i] = _mm256_add_epi32(load_elements(from + i * j->step, p->in16, lanes_of(p, v)), bias);
        finish(j, v, x, positions, sum);
    }
}

static const vqz_simd simd = {.lanes = LANES, .input = INPUT, .block = 4, .split = true, .widths = {1, FEW, MANY, POSITIONS}, .conv = conv, .requant = requant};

static vqz_status pack(vqz_layer *l, const vqz_layer_def *a, vqz_memory *mem, vqz_error *e) { return vqz_rows_pack(&simd, l, a, mem, e); }
