/* AVX-512 with VNNI, for the variants that have it: tiles of up to 12 positions by 32 output channels. */
#include "codec/nn/rows.h"
#include <immintrin.h>

enum { LANES = 16, POSITIONS = 12, MANY = 8, FEW = 4 };
#define INLINE static inline __attribute__((always_inline))
#define INPUT VQZ_INPUT_AS_IS

typedef __m512i vec;
INLINE vec load_vec(const void *p) { return _mm512_loadu_si512(p); }
INLINE vec repeat(int32_t v) { return _mm512_set1_epi32(v); }
INLINE vec dot(vec sum, vec in, vec weights, bool pairs) { return pairs ? _mm512_dpwssd_epi32(sum, in, weights) : _mm512_dpbusd_epi32(sum, in, weights); }
#include "codec/nn/kernels_sums.h"

INLINE __mmask16 lanes_of(const vqz_packed *p, unsigned vector) {
    unsigned left = p->cout - vector * LANES;
    return (__mmask16)(left < LANES ? (1u << left) - 1 : 0xffffu);
}
/* Sixteen 8- or 16-bit elements as 32 bits; masked ones are not touched. */
INLINE __m512i load_elements(const uint8_t *p, bool wide, __mmask16 mask) {
    return wide ? _mm512_cvtepi16_epi32(_mm256_maskz_loadu_epi16(mask, p)) : _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, p));
}

/* What requantizes a vector of channels. */
typedef struct scales { __m512i mul, mul_odd, round_even, round_odd, shift_even, shift_odd, n, n_odd, up, addzero; } scales;

INLINE scales scales_of(const vqz_packed *p, unsigned vector) {
    const size_t first = (size_t)vector * LANES;
    scales c = {.mul = load_vec(p->mul + first), .n = load_vec(p->addmul + first), .addzero = load_vec(p->addzero + first),
                .round_even = load_vec(p->round + first), .round_odd = load_vec(p->round + first + LANES / 2),
                .shift_even = load_vec(p->shift + first), .shift_odd = load_vec(p->shift + first + LANES / 2)};
    c.mul_odd = _mm512_srli_epi64(c.mul, 32);
    c.n_odd = _mm512_srli_epi64(c.n, 32);
    c.up = _mm512_or_si512(c.shift_even, _mm512_slli_epi64(c.shift_odd, 32));
    return c;
}

/* Sixteen sums and addends v, which only count where `add`, requantized (spec/arithmetic.md section 2) but not yet limited. */
INLINE __m512i requantized(const scales *c, __m512i sum, __m512i v, const bool add, const bool high, const bool leaky) {
    __m512i even = _mm512_mul_epi32(sum, c->mul), odd = _mm512_mul_epi32(_mm512_srli_epi64(sum, 32), c->mul_odd);
    if (add) {
        if (high) v = _mm512_sllv_epi32(v, c->up);
        even = _mm512_add_epi64(even, _mm512_mul_epi32(v, c->n));
        odd = _mm512_add_epi64(odd, _mm512_mul_epi32(_mm512_srli_epi64(v, 32), c->n_odd));
    }
    if (leaky) {      /* t < 0 ? t >> 3 : t */
        even = _mm512_max_epi64(even, _mm512_srai_epi64(even, 3));
        odd = _mm512_max_epi64(odd, _mm512_srai_epi64(odd, 3));
    }
    even = _mm512_add_epi64(even, c->round_even);
    odd = _mm512_add_epi64(odd, c->round_odd);
    if (high) return _mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_DDBB);
    /* saturation to 32 bits keeps what the limits need */
    __m512i narrow = _mm512_castsi256_si512(_mm512_cvtsepi64_epi32(_mm512_srav_epi64(even, c->shift_even)));
    narrow = _mm512_inserti64x4(narrow, _mm512_cvtsepi64_epi32(_mm512_srav_epi64(odd, c->shift_odd)), 1);
    return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15), narrow);
}

/* One vector of sums for each position, requantized and stored. */
INLINE void finish(const vqz_row_job *j, unsigned vector, size_t x, unsigned positions, const __m512i *sum) {
    const vqz_packed *p = j->packed;
    const size_t first = (size_t)vector * LANES;
    const __mmask16 mask = lanes_of(p, vector);
    const scales c = scales_of(p, vector);
    const __m512i lo = load_vec(p->lo + first), hi = load_vec(p->hi + first);
    const bool high = p->high, leaky = p->leaky, add16 = p->add16, out16 = p->out16;
    const size_t add_step = j->add_step, dst_step = j->dst_step;
    const uint8_t *add = j->add ? j->add + x * j->add_step + (first << p->add16) : NULL;
    uint8_t *dst = vqz_row_dst(j, x, vector * LANES);
    for (unsigned i = 0; i < positions; i++, dst += dst_step) {
        __m512i v = _mm512_setzero_si512();
        if (add) {
            v = _mm512_sub_epi32(load_elements(add, add16, mask), c.addzero);
            add += add_step;
        }
        __m512i q = requantized(&c, sum[i], v, add != NULL, high, leaky);
        q = _mm512_min_epi32(_mm512_max_epi32(q, lo), hi);
        if (out16) _mm256_mask_storeu_epi16(dst, mask, _mm512_cvtepi32_epi16(q));
        else _mm_mask_storeu_epi8(dst, mask, _mm512_cvtepi32_epi8(q));
    }
}

/* Addends of both vectors at one position. */
INLINE void load_pair(__m512i v[2], const scales c[2], const uint8_t *add, const bool add16, const bool leaky) {
    for (unsigned k = 0; k < 2; k++) {
        v[k] = load_elements(add + ((size_t)k * LANES << add16), add16, 0xffff);
        if (leaky) v[k] = _mm512_sub_epi32(v[k], c[k].addzero);      /* else in the rounding: rows_pack.c */
    }
}

enum { NO_ADD, ADD8, ADD16 };

/* The same for two vectors whose channels lie side by side, the way most layers are. */
INLINE void finish_pair(const vqz_row_job *j, unsigned vector, size_t x, unsigned positions, uint8_t *dst, const sums *s, const unsigned addend, const bool leaky,
                        const bool out16) {
    const vqz_packed *p = j->packed;
    const size_t first = (size_t)vector * LANES, add_step = addend ? j->add_step : 0, dst_step = j->dst_step;
    const scales c[2] = {scales_of(p, vector), scales_of(p, vector + 1)};
    const uint8_t *add = addend ? j->add + x * add_step + (first << (addend == ADD16)) : dst;     /* not read, but NULL + 0 is undefined */
    __m512i v[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    if (out16) {
        const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
        const __m512i lo = _mm512_permutexvar_epi64(order, _mm512_packs_epi32(load_vec(p->lo + first), load_vec(p->lo + first + LANES)));
        const __m512i hi = _mm512_permutexvar_epi64(order, _mm512_packs_epi32(load_vec(p->hi + first), load_vec(p->hi + first + LANES)));
        for (unsigned i = 0; i < positions; i++, dst += dst_step, add += add_step) {
            if (addend) load_pair(v, c, add, addend == ADD16, leaky);
            const __m512i a = requantized(&c[0], s->at[0][i], v[0], addend, true, leaky), b = requantized(&c[1], s->at[1][i], v[1], addend, true, leaky);
            const __m512i q = _mm512_permutexvar_epi64(order, _mm512_packs_epi32(a, b));
            _mm512_storeu_si512(dst, _mm512_min_epi16(_mm512_max_epi16(q, lo), hi));
        }
        return;
    }
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i lo = _mm512_packs_epi32(load_vec(p->lo + first), load_vec(p->lo + first + LANES));
    for (unsigned i = 0; i < positions; i += 2, dst += 2 * dst_step) {
        __m512i q[2];
        for (unsigned k = 0; k < 2; k++, add += add_step) {
            if (addend) load_pair(v, c, add, addend == ADD16, leaky);
            q[k] = _mm512_packs_epi32(requantized(&c[0], s->at[0][i + k], v[0], addend, true, leaky),
                                      requantized(&c[1], s->at[1][i + k], v[1], addend, true, leaky));
            q[k] = _mm512_max_epi16(q[k], lo);       /* the upper limit is 255 */
        }
        const __m512i r = _mm512_permutexvar_epi32(order, _mm512_packus_epi16(q[0], q[1]));
        _mm256_storeu_si256((__m256i *)dst, _mm512_castsi512_si256(r));
        _mm256_storeu_si256((__m256i *)(dst + dst_step), _mm512_extracti64x4_epi64(r, 1));
    }
}

INLINE void finish_leaky(const vqz_row_job *j, unsigned vector, size_t x, unsigned positions, uint8_t *dst, const sums *s, const unsigned addend, const bool leaky) {
    if (j->packed->out16) finish_pair(j, vector, x, positions, dst, s, addend, leaky, true);
    else finish_pair(j, vector, x, positions, dst, s, addend, leaky, false);
}

INLINE void finish_add(const vqz_row_job *j, unsigned vector, size_t x, unsigned positions, uint8_t *dst, const sums *s, const unsigned addend) {
    if (j->packed->leaky) finish_leaky(j, vector, x, positions, dst, s, addend, true);
    else finish_leaky(j, vector, x, positions, dst, s, addend, false);
}

static void finish_all(const vqz_row_job *j, unsigned vector, unsigned vectors, size_t x, unsigned positions, const sums *s) {
    const vqz_packed *p = j->packed;
    if (vectors == 2 && positions > 1 && p->high && lanes_of(p, vector + 1) == 0xffff) {
        uint8_t *dst = vqz_row_dst(j, x, vector * LANES);
        if ((vector + 2) * LANES <= j->run || vqz_row_dst(j, x, (vector + 1) * LANES) == dst + (LANES << p->out16)) {
            if (!j->add) finish_add(j, vector, x, positions, dst, s, NO_ADD);
            else if (p->add16) finish_add(j, vector, x, positions, dst, s, ADD16);
            else finish_add(j, vector, x, positions, dst, s, ADD8);
            return;
        }
    }
    for (unsigned v = 0; v < vectors; v++) finish(j, vector + v, x, positions, s->at[v]);
}

static void conv_vnni(const vqz_row_job *j, unsigned vector, unsigned vectors, size_t x, unsigned positions) {
    sums s;
    add_up(&s, j, vector, vectors, x, positions);
    finish_all(j, vector, vectors, x, positions, &s);
}

/* Rows of up to 32 words out of up to 64 a position. */
static void scatter_words(const vqz_row_job *j, const uint8_t *from, unsigned channels, uint8_t *to, uint32_t n) {
    enum { WORDS = 32, SIDES = 4 };
    const unsigned side = j->shuffle, cells = side * side, row = side * channels, count = cells * channels;
    if (!j->packed->out16 || j->j_step != 2 * (size_t)channels || row > WORDS || count > 2 * WORDS) {
        vqz_rows_scatter(j, from, channels, to, n);
        return;
    }
    __m512i order[SIDES];
    for (unsigned i = 0; i < side; i++) {
        uint16_t at[WORDS] = {0};
        for (unsigned e = 0; e < row; e++) at[e] = (uint16_t)(e % channels * cells + i * side + e / channels);
        order[i] = load_vec(at);
    }
    const bool whole = row <= WORDS / 2 && row >= WORDS / 4;     /* what a whole vector writes too much, the next position covers */
    const __mmask32 keep = (__mmask32)((UINT64_C(1) << row) - 1);
    const __mmask32 low = count < WORDS ? (__mmask32)((1u << count) - 1) : ~(__mmask32)0, high = count > WORDS ? (__mmask32)((UINT64_C(1) << (count - WORDS)) - 1) : 0;
    for (; n > 0; n--, to += side * j->j_step, from += j->dst_step) {
        const __m512i a = _mm512_maskz_loadu_epi16(low, from), b = _mm512_maskz_loadu_epi16(high, from + 2 * WORDS);
        for (unsigned i = 0; i < side; i++) {
            const __m512i words = _mm512_permutex2var_epi16(a, order[i], b);
            if (whole && n > 1) _mm256_storeu_si256((__m256i *)(to + i * j->i_step), _mm512_castsi512_si256(words));
            else _mm512_mask_storeu_epi16(to + i * j->i_step, keep, words);
        }
    }
}

static void requant(const vqz_row_job *j, unsigned vector, unsigned vectors, size_t x, unsigned positions) {
    const vqz_packed *p = j->packed;
    sums s;
    for (unsigned k = 0; k < vectors; k++) {
        const unsigned v = vector + k;
        const __m512i bias = load_vec(p->bias + (size_t)v * LANES);
        const uint8_t *from = j->rows[0] + x * j->step + ((size_t)v * LANES << p->in16);
        for (unsigned i = 0; i < positions; i++)
            s.at[k][i] = _mm512_add_epi32(load_elements(from + i * j->step, p->in16, lanes_of(p, v)), bias);
    }
    finish_all(j, vector, vectors, x, positions, &s);
}
