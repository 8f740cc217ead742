/* Integer arithmetic of spec/arithmetic.md, shared by every back end. `>>` of a negative number is the
 * arithmetic shift on every compiler that builds vqz. */
#ifndef VQZ_BASE_INTMATH_H
#define VQZ_BASE_INTMATH_H
#include <stdbool.h>
#include <stdint.h>

#ifdef __CUDACC__
#define VQZ_INLINE static inline __host__ __device__
#else
#define VQZ_INLINE static inline
#endif

VQZ_INLINE int32_t vqz_clamp32(int32_t x, int32_t lo, int32_t hi) { return x < lo ? lo : x > hi ? hi : x; }
VQZ_INLINE int64_t vqz_clamp64(int64_t x, int64_t lo, int64_t hi) { return x < lo ? lo : x > hi ? hi : x; }

/* The place of the highest bit of v >= 1. */
VQZ_INLINE unsigned vqz_log2_floor(uint32_t v) {
#ifdef __CUDA_ARCH__
    return 31 - (unsigned)__clz((int)v);
#else
    return 31 - (unsigned)__builtin_clz(v);
#endif
}

/* clamp((t + half) >> s): the rounding of spec/arithmetic.md section 2; s is 1..46. */
VQZ_INLINE int32_t vqz_round_clamp(int64_t t, unsigned s, int32_t lo, int32_t hi) {
    return (int32_t)vqz_clamp64((t + ((int64_t)1 << (s - 1))) >> s, lo, hi);
}

/* Section 2 as a whole; v = n = 0 where there is no addend. */
VQZ_INLINE int32_t vqz_requantize(int32_t a, int32_t m, int32_t v, int32_t n, unsigned s, bool leaky, int32_t lo, int32_t hi) {
    int64_t t = (int64_t)a * m + (int64_t)v * n;
    if (leaky && t < 0) t >>= 3;
    return vqz_round_clamp(t, s, lo, hi);
}
#endif
