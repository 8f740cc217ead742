/* The steps of rANS and the numbers of the raw stream (spec/bitstream.md sections 4 and 5), shared by every back end. */
#ifndef VQZ_BASE_RANSMATH_H
#define VQZ_BASE_RANSMATH_H
#include "base/intmath.h"

enum { VQZ_RANS_BITS = 15, VQZ_RANS_TOTAL = 1 << VQZ_RANS_BITS, VQZ_RANS_LOW = 1 << 16, VQZ_RANS_MAX_LANES = 8 };
enum { VQZ_LOOK_BITS = 8 };                  /* of the slot of a state that tables are looked up with */
enum { VQZ_MAX_ESCAPE = 1 << 20, VQZ_GOLOMB_ORDER = 3, VQZ_GOLOMB_ONES = 18 };      /* more ones would make a number beyond VQZ_MAX_ESCAPE */

/* ---- decoding: a symbol of frequency freq, `offset` above its start; then, where the state is low, the next word ---- */
VQZ_INLINE uint32_t vqz_rans_slot(uint32_t x) { return x & (VQZ_RANS_TOTAL - 1); }
VQZ_INLINE uint32_t vqz_rans_next(uint32_t x, uint32_t freq, uint32_t offset) { return freq * (x >> VQZ_RANS_BITS) + offset; }
VQZ_INLINE bool vqz_rans_is_low(uint32_t x) { return x < VQZ_RANS_LOW; }
VQZ_INLINE uint32_t vqz_rans_refill(uint32_t x, uint32_t word) { return x << 16 | word; }

/* ---- encoding: where the state is full, its low word goes out first, and it is shifted down by 16 ---- */
VQZ_INLINE bool vqz_rans_is_full(uint32_t x, uint32_t freq) { return x >= freq << 17; }
VQZ_INLINE uint32_t vqz_rans_push(uint32_t x, uint32_t start, uint32_t freq) { return (x / freq << VQZ_RANS_BITS) + x % freq + start; }

/* ---- adaptive probabilities of a one bit, 31 fractional bits (spec/bitstream.md section 7); count: decisions so far ---- */
VQZ_INLINE uint32_t vqz_prob_frequency(uint32_t one) { return (uint32_t)vqz_clamp32((int32_t)(one >> 16), 1, VQZ_RANS_TOTAL - 1); }
VQZ_INLINE uint32_t vqz_prob_rate(uint32_t count) { return 131072 / (2 * count + 3); }
VQZ_INLINE uint32_t vqz_prob_moved(uint32_t one, bool bit, uint32_t rate) {
    const int64_t step = (int64_t)(bit ? UINT32_C(1) << 31 : 0) - one;
    return (uint32_t)(one + (step * rate >> 16));
}

/* ---- signed exp-Golomb numbers: the number v = u + 8 of n + 1 bits stands as n - 3 ones, a zero, and its n lower bits ---- */
VQZ_INLINE uint32_t vqz_golomb_code(int32_t value) {
    return (value > 0 ? 2 * (uint32_t)value - 1 : 2 * (0u - (uint32_t)value)) + (1u << VQZ_GOLOMB_ORDER);
}
VQZ_INLINE uint32_t vqz_golomb_bits(int32_t value) { return 2 * vqz_log2_floor(vqz_golomb_code(value)) - VQZ_GOLOMB_ORDER + 1; }
/* The value for so many ones and the bits behind the zero; beyond VQZ_MAX_ESCAPE: corrupt. ones is at most VQZ_GOLOMB_ONES. */
VQZ_INLINE int32_t vqz_golomb_value(unsigned ones, uint32_t bits) {
    const uint32_t u = (1u << (ones + VQZ_GOLOMB_ORDER) | bits) - (1u << VQZ_GOLOMB_ORDER);
    return u & 1 ? (int32_t)((u + 1) / 2) : -(int32_t)(u / 2);
}
#endif
