/* AVX-512 with VNNI, for the variants that have it: tiles of up to 12 positions by 32 output channels. */
#include "codec/nn/rows.h"
#include <immintrin.h>
#include <string.h>

enum { LANES = 16, POSITIONS = 12 };
#define INLINE static inline __attribute__((always_inline))

typedef struct sums { __m512i at[VQZ_TILE_VECTORS][POSITIONS]; } sums;

INLINE __m512i load512(const void *p) { return _mm512_loadu_si512(p); }
INLINE __m512i broadcast(const uint8_t *p) {
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm512_set1_epi32(v);
}
INLINE __mmask16 lanes_of(const vqz_packed *p, unsigned vector) {
    unsigned left = p->cout - vector * LANES;
    return (__mmask16)(left < LANES ? (1u << left) - 1 : 0xffffu);
}
/* Sixteen 8- or 16-bit elements as 32 bits; masked ones are not touched. */
INLINE __m512i load_elements(const uint8_t *p, bool wide, __mmask16 mask) {
    return wide ? _mm512_cvtepi16_epi32(_mm256_maskz_loadu_epi16(mask, p)) : _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, p));
}

/* One vector of sums for each position, requantized (spec/arithmetic.md section 2) and stored. */
INLINE void finish(const vqz_row_job *j, unsigned vector, size_t x, unsigned positions, const __m512i *sum) {
    const vqz_packed *p = j->packed;
    const size_t first = (size_t)vector * LANES;
    const __mmask16 mask = lanes_of(p, vector);
    const __m512i mul = load512(p->mul + first), mul_odd = _mm512_srli_epi64(mul, 32);
    const __m512i round_even = load512(p->round + first), round_odd = load512(p->round + first + LANES / 2);
    const __m512i shift_even = load512(p->shift + first), shift_odd = load512(p->shift + first + LANES / 2);
    const __m512i lo = load512(p->lo + first), hi = load512(p->hi + first);
    const __m512i n = load512(p->addmul + first), n_odd = _mm512_srli_epi64(n, 32), addzero = load512(p->addzero + first);
    const bool high = p->high, leaky = p->leaky, add16 = p->add16, out16 = p->out16;
    const size_t add_step = j->add_step, dst_step = j->dst_step;
    const uint8_t *add = j->add ? j->add + x * j->add_step + (first << p->add16) : NULL;
    uint8_t *dst = vqz_row_dst(j, x, vector * LANES);
    for (unsigned i = 0; i < positions; i++, dst += dst_step) {
        __m512i even = _mm512_mul_epi32(sum[i], mul), odd = _mm512_mul_epi32(_mm512_srli_epi64(sum[i], 32), mul_odd);
        if (add) {
            __m512i v = _mm512_sub_epi32(load_elements(add, add16, mask), addzero);
            __m512i v_even = _mm512_mul_epi32(v, n), v_odd = _mm512_mul_epi32(_mm512_srli_epi64(v, 32), n_odd);
            if (high) {
                v_even = _mm512_sllv_epi64(v_even, shift_even);
                v_odd = _mm512_sllv_epi64(v_odd, shift_odd);
            }
            even = _mm512_add_epi64(even, v_even);
            odd = _mm512_add_epi64(odd, v_odd);
            add += add_step;
        }
        if (leaky) {      /* t < 0 ? t >> 3 : t */
            even = _mm512_max_epi64(even, _mm512_srai_epi64(even, 3));
            odd = _mm512_max_epi64(odd, _mm512_srai_epi64(odd, 3));
        }
        even = _mm512_add_epi64(even, round_even);
        odd = _mm512_add_epi64(odd, round_odd);
        __m512i q;
        if (high) {
            q = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
        } else {             /* saturation to 32 bits keeps what the limits need */
            __m512i narrow = _mm512_castsi256_si512(_mm512_cvtsepi64_epi32(_mm512_srav_epi64(even, shift_even)));
            narrow = _mm512_inserti64x4(narrow, _mm512_cvtsepi64_epi32(_mm512_srav_epi64(odd, shift_odd)), 1);
            q = _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15), narrow);
        }
        q = _mm512_min_epi32(_mm512_max_epi32(q, lo), hi);
        if (out16) {
            __m256i r = _mm512_cvtepi32_epi16(q);
            if (mask == 0xffff) _mm256_storeu_si256((__m256i *)dst, r);
            else _mm256_mask_storeu_epi16(dst, mask, r);
        } else {
            __m128i r = _mm512_cvtepi32_epi8(q);
            if (mask == 0xffff) _mm_storeu_si128((__m128i *)dst, r);
            else _mm_mask_storeu_epi8(dst, mask, r);
        }
    }
}

/* Sums of `positions` x `vectors` (both constants where this is inlined). */
INLINE void accumulate(sums *out, const vqz_row_job *j, unsigned vector, size_t x, const bool wide, const unsigned vectors, const unsigned positions) {
    const vqz_packed *p = j->packed;
    const size_t step = j->step, pitch = (size_t)p->groups * p->k * LANES * 4;
    const uint8_t *w = p->weights + vector * pitch;
    __m512i acc[VQZ_TILE_VECTORS][POSITIONS];
    for (unsigned v = 0; v < vectors; v++) {
        __m512i bias = load512(p->bias + (vector + v) * LANES);
        for (unsigned i = 0; i < positions; i++) acc[v][i] = bias;
    }
    for (unsigned row = 0; row < p->k; row++) {
        const uint8_t *a = j->rows[row] + x * step;
        for (unsigned g = p->groups; g > 0; g--, a += 4, w += LANES * 4) {
            __m512i weights[VQZ_TILE_VECTORS];
            for (unsigned v = 0; v < vectors; v++) weights[v] = load512(w + v * pitch);
            for (unsigned i = 0; i < positions; i++) {
                __m512i in = broadcast(a + i * step);
                for (unsigned v = 0; v < vectors; v++)
                    acc[v][i] = wide ? _mm512_dpwssd_epi32(acc[v][i], in, weights[v]) : _mm512_dpbusd_epi32(acc[v][i], in, weights[v]);
            }
        }
    }
    for (unsigned v = 0; v < vectors; v++)
        for (unsigned i = 0; i < positions; i++) out->at[v][i] = acc[v][i];
}

INLINE void accumulate_width(sums *s, const vqz_row_job *j, unsigned vector, size_t x, const bool wide, const unsigned vectors, unsigned positions) {
    if (positions == POSITIONS) accumulate(s, j, vector, x, wide, vectors, POSITIONS);
    else if (positions == 8) accumulate(s, j, vector, x, wide, vectors, 8);
    else if (positions == 4) accumulate(s, j, vector, x, wide, vectors, 4);
    else accumulate(s, j, vector, x, wide, vectors, 1);
}

static void conv_vnni(const vqz_row_job *j, unsigned vector, unsigned vectors, size_t x, unsigned positions) {
    sums s;
    if (j->packed->in16) {
        if (vectors == 2) accumulate_width(&s, j, vector, x, true, 2, positions);
        else accumulate_width(&s, j, vector, x, true, 1, positions);
    } else {
        if (vectors == 2) accumulate_width(&s, j, vector, x, false, 2, positions);
        else accumulate_width(&s, j, vector, x, false, 1, positions);
    }
    for (unsigned v = 0; v < vectors; v++) finish(j, vector + v, x, positions, s.at[v]);
}

static void requant(const vqz_row_job *j, unsigned vector, unsigned vectors, size_t x, unsigned positions) {
    const vqz_packed *p = j->packed;
    for (unsigned v = vector; v < vector + vectors; v++) {
        __m512i sum[POSITIONS], bias = load512(p->bias + (size_t)v * LANES);
        const uint8_t *from = j->rows[0] + x * j->step + ((size_t)v * LANES << p->in16);
        for (unsigned i = 0; i < positions; i++)
            sum[i] = _mm512_add_epi32(load_elements(from + i * j->step, p->in16, lanes_of(p, v)), bias);
        finish(j, v, x, positions, sum);
    }
}
