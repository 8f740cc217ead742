#include "codec/loops.h"
#include "codec/nn/kernels.h"

const vqz_loops *vqz_loops_get(const vqz_kernels *k) {
#ifdef __x86_64__
    if (k == &vqz_kernels_amx) return &vqz_loops_avx512;
#endif
#if defined(__x86_64__) || defined(__i386__)
    if (k == &vqz_kernels_avx512) return &vqz_loops_avx512;
    if (k == &vqz_kernels_avx2 || k == &vqz_kernels_avxvnni) return &vqz_loops_avx2;
#endif
    (void)k;
    return &vqz_loops_c;
}
