/* Integer logarithm for the encoder's rate estimates (spec/arithmetic.md section 6). */
#ifndef VQZ_BASE_ILOG2_H
#define VQZ_BASE_ILOG2_H
#include <stdint.h>

/* round(4096 * log2(x)), exactly, for 1 <= x <= 65536. */
uint32_t vqz_ilog2_q12(uint32_t x);
/* Cost in 1/4096 bit of a symbol of frequency f out of 2^15. */
static inline uint32_t vqz_cost_q12(uint32_t f) { return (15u << 12) - vqz_ilog2_q12(f); }
#endif
