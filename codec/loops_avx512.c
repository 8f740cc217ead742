#include "codec/prior.h"
#include <immintrin.h>

static uint32_t search(const vqz_shelf *s, int32_t r0, int32_t r1, int32_t *least) {
    const __m512i r = _mm512_set1_epi32((int32_t)((uint32_t)r0 & 0xffff) | (int32_t)((uint32_t)r1 << 16));
    __m512i best = _mm512_set1_epi32(INT32_MAX), at = _mm512_setzero_si512();
    for (const vqz_block *b = s->block, *end = b + s->blocks;;) {
        const __m512i d = _mm512_sub_epi16(r, _mm512_loadu_si512(b->value)), symbol = _mm512_loadu_si512(b->symbol);
        const __m512i j = _mm512_add_epi32(_mm512_madd_epi16(d, d), _mm512_loadu_si512(b->price));
        const __mmask16 first = _mm512_mask_cmplt_epi32_mask(_mm512_cmpeq_epi32_mask(j, best), symbol, at);
        const __mmask16 take = _mm512_cmplt_epi32_mask(j, best) | first;
        best = _mm512_mask_mov_epi32(best, take, j);
        at = _mm512_mask_mov_epi32(at, take, symbol);
        if (++b == end || _mm512_cmplt_epi32_mask(best, _mm512_set1_epi32(b->price[0]))) break;      /* all that follow cost more */
    }
    *least = _mm512_reduce_min_epi32(best);
    return (uint32_t)_mm512_mask_reduce_min_epi32(_mm512_cmpeq_epi32_mask(best, _mm512_set1_epi32(*least)), at);
}

#define TABLE vqz_loops_avx512
#include "codec/loops_body.h"
