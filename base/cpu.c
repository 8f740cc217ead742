#include "base/cpu.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>

/* Linux saves the tile registers only for processes that have asked for it. */
static int may_use_tiles(void) {
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0;
}
#else
static int may_use_tiles(void) { return 0; }
#endif

/* Register sets that the system saves and restores (XCR0). */
static unsigned saved_state(void) {
    unsigned lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return lo;
}

unsigned vqz_cpu_features(void) {
    enum { OSXSAVE = 1 << 27, AVX = 1 << 28 };                 /* leaf 1, ecx */
    enum { STATE_AVX = 0x06, STATE_AVX512 = 0xe6, STATE_TILES = 0x60000 };   /* XMM, YMM; also opmask, both ZMM halves; tiles */
    const unsigned b_avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;   /* leaf 7, ebx: F, DQ, BW, VL */
    const unsigned c_avx512 = 1u << 11, a1_avxvnni = 1u << 4;      /* leaf 7, ecx: VNNI; leaf 7.1, eax */
    const unsigned d_amx = 1u << 24 | 1u << 25;                             /* leaf 7, edx: tiles, 8-bit */
    unsigned a, b, c, d, features = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & (OSXSAVE | AVX)) != (OSXSAVE | AVX)) return 0;
    unsigned state = saved_state();
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (state & STATE_AVX) != STATE_AVX) return 0;
    const unsigned subleaves = a;
    if (b & 1u << 5) features |= VQZ_FEATURE_AVX2;
    if ((b & b_avx512) == b_avx512 && c & c_avx512 && (state & STATE_AVX512) == STATE_AVX512) features |= VQZ_FEATURE_AVX512VNNI;
    if (features & VQZ_FEATURE_AVX512VNNI && (d & d_amx) == d_amx && (state & STATE_TILES) == STATE_TILES && may_use_tiles())
        features |= VQZ_FEATURE_AMX;
    if (features & VQZ_FEATURE_AVX2 && subleaves >= 1) {
        __cpuid_count(7, 1, a, b, c, d);
        if (a & a1_avxvnni) features |= VQZ_FEATURE_AVXVNNI;
    }
    return features;
}
#elif defined(__aarch64__)
#ifdef __linux__
#include <sys/auxv.h>
enum { ASIMDDP = 1 << 20 };      /* AT_HWCAP */
#endif

unsigned vqz_cpu_features(void) {
#ifdef __linux__
    const int dot = (getauxval(AT_HWCAP) & ASIMDDP) != 0;
#elif defined(__ARM_FEATURE_DOTPROD)
    const int dot = 1;
#else
    const int dot = 0;
#endif
    return VQZ_FEATURE_NEON | (dot ? VQZ_FEATURE_NEONDOT : 0);
}
#else
unsigned vqz_cpu_features(void) { return 0; }
#endif
