#include "codec/loops.h"
#include "base/cpu.h"

const vqz_loops *vqz_loops_get(const vqz_kernels *k) {
#if defined(__x86_64__) || defined(__i386__)
    if (k == vqz_kernels_get(VQZ_CPU_AVX512VNNI) || k == vqz_kernels_get(VQZ_CPU_AMX)) return &vqz_loops_avx512;
    if (k == vqz_kernels_get(VQZ_CPU_AVX2) || k == vqz_kernels_get(VQZ_CPU_AVXVNNI)) return &vqz_loops_avx2;
#endif
    (void)k;
    return &vqz_loops_c;
}
