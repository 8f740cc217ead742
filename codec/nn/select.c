#include "base/cpu.h"
#include "codec/nn/kernels.h"

typedef struct variant {
    const char *name;
    unsigned feature;
    const vqz_kernels *kernels;      /* NULL: this build lacks them */
} variant;

#if defined(__x86_64__) || defined(__i386__)
#define X86(kernels) (&(kernels))
#else
#define X86(kernels) NULL
#endif
#ifdef __x86_64__
#define X64(kernels) (&(kernels))
#else
#define X64(kernels) NULL
#endif
#ifdef __aarch64__
#define ARM(kernels) (&(kernels))
#else
#define ARM(kernels) NULL
#endif

static const variant variants[] = {
    [VQZ_CPU_AUTO] = {"auto", 0, NULL},
    [VQZ_CPU_SCALAR] = {"scalar", 0, &vqz_kernels_c},
    [VQZ_CPU_AVX2] = {"avx2", VQZ_FEATURE_AVX2, X86(vqz_kernels_avx2)},
    [VQZ_CPU_AVX512VNNI] = {"avx512vnni", VQZ_FEATURE_AVX512VNNI, X86(vqz_kernels_avx512)},
    [VQZ_CPU_AVXVNNI] = {"avxvnni", VQZ_FEATURE_AVXVNNI, X86(vqz_kernels_avxvnni)},
    [VQZ_CPU_AMX] = {"amx", VQZ_FEATURE_AMX, X64(vqz_kernels_amx)},
    [VQZ_CPU_NEON] = {"neon", VQZ_FEATURE_NEON, ARM(vqz_kernels_neon)},
    [VQZ_CPU_NEONDOT] = {"neondot", VQZ_FEATURE_NEONDOT, ARM(vqz_kernels_neondot)},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

uint32_t vqz_cpu_pick(uint32_t cpu) {
    static const uint8_t order[] = {      /* the fastest first; behind scalar: by name only, AMX since it has run in emulation alone */
        VQZ_CPU_AVX512VNNI, VQZ_CPU_AVXVNNI, VQZ_CPU_AVX2, VQZ_CPU_NEONDOT, VQZ_CPU_NEON, VQZ_CPU_SCALAR, VQZ_CPU_AMX
    };
    const unsigned features = vqz_cpu_features();
    for (size_t i = 0; i < sizeof order; i++) {
        const variant *v = &variants[order[i]];
        if ((cpu == VQZ_CPU_AUTO || cpu == order[i]) && v->kernels && (v->feature & ~features) == 0) return order[i];
    }
    return VQZ_CPU_AUTO;
}

const char *vqz_cpu_name(uint32_t cpu) { return cpu < VARIANTS ? variants[cpu].name : NULL; }

const vqz_kernels *vqz_kernels_get(unsigned cpu) { return variants[vqz_cpu_pick(cpu)].kernels; }
