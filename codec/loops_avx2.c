#include "codec/prior.h"
#include <immintrin.h>

enum { LANES = 8 };

static __m256i load(const void *p) { return _mm256_loadu_si256(p); }

static int32_t reduce_min(__m256i v) {
    __m128i m = _mm_min_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    m = _mm_min_epi32(m, _mm_shuffle_epi32(m, 0x4e));
    return _mm_cvtsi128_si32(_mm_min_epi32(m, _mm_shuffle_epi32(m, 0xb1)));
}

static uint32_t search(const vqz_shelf *s, int32_t r0, int32_t r1, int32_t *least) {
    const __m256i r = _mm256_set1_epi32((int32_t)((uint32_t)r0 & 0xffff) | (int32_t)((uint32_t)r1 << 16));
    __m256i best = _mm256_set1_epi32(INT32_MAX), at = _mm256_setzero_si256();
    for (const vqz_block *b = s->block, *end = b + s->blocks;;) {
        for (unsigned i = 0; i < VQZ_BLOCK; i += LANES) {
            const __m256i d = _mm256_sub_epi16(r, load(b->value + i)), symbol = load(b->symbol + i);
            const __m256i j = _mm256_add_epi32(_mm256_madd_epi16(d, d), load(b->price + i));
            const __m256i first = _mm256_and_si256(_mm256_cmpeq_epi32(j, best), _mm256_cmpgt_epi32(at, symbol));
            const __m256i take = _mm256_or_si256(_mm256_cmpgt_epi32(best, j), first);
            best = _mm256_blendv_epi8(best, j, take);
            at = _mm256_blendv_epi8(at, symbol, take);
        }
        if (++b == end || _mm256_movemask_epi8(_mm256_cmpgt_epi32(_mm256_set1_epi32(b->price[0]), best))) break;     /* all that follow cost more */
    }
    *least = reduce_min(best);
    const __m256i others = _mm256_xor_si256(_mm256_cmpeq_epi32(best, _mm256_set1_epi32(*least)), _mm256_set1_epi32(-1));
    return (uint32_t)reduce_min(_mm256_or_si256(at, _mm256_srli_epi32(others, 1)));
}

#define TABLE vqz_loops_avx2
#include "codec/loops_body.h"
