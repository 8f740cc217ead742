#include "base/cpu.h"
#include "codec/nn/kernels.h"

const vqz_kernels *vqz_kernels_get(unsigned cpu) {
#if defined(__x86_64__) || defined(__i386__)
    const unsigned features = vqz_cpu_features();
    if ((cpu == VQZ_CPU_AVX512VNNI || cpu == VQZ_CPU_AUTO) && features & VQZ_FEATURE_AVX512VNNI) return &vqz_kernels_avx512;
    if ((cpu == VQZ_CPU_AVX2 || cpu == VQZ_CPU_AUTO) && features & VQZ_FEATURE_AVX2) return &vqz_kernels_avx2;
#endif
    return cpu == VQZ_CPU_AUTO || cpu == VQZ_CPU_SCALAR ? &vqz_kernels_c : NULL;
}

const char *vqz_kernels_name(const vqz_kernels *k) { return k->name; }
