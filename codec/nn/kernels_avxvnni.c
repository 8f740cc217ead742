/* AVX-VNNI: 256-bit vectors for processors without AVX-512. */
#include <immintrin.h>
#include <stdbool.h>
#define INPUT VQZ_INPUT_AS_IS

static inline __m256i dot(__m256i sum, __m256i in, __m256i weights, bool pairs) {
    return pairs ? _mm256_dpwssd_avx_epi32(sum, in, weights) : _mm256_dpbusd_avx_epi32(sum, in, weights);
}
#include "codec/nn/kernels_256.h"

const vqz_kernels vqz_kernels_avxvnni = {pack, vqz_rows_scratch, vqz_rows_run};
