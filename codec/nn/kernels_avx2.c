/* AVX2. vpmaddubsw would saturate, so 8-bit inputs are widened; a pair of products of vpmaddwd never overflows, since weights are
 * at least -32767 (spec/arithmetic.md section 3). */
#include <immintrin.h>
#include <stdbool.h>
#define INPUT VQZ_INPUT_WIDE

static inline __m256i dot(__m256i sum, __m256i in, __m256i weights, bool pairs) {
    (void)pairs;
    return _mm256_add_epi32(sum, _mm256_madd_epi16(in, weights));
}
#include "codec/nn/kernels_256.h"

const vqz_kernels vqz_kernels_avx2 = {pack, vqz_rows_scratch, vqz_rows_run};
