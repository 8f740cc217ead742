/* Kernels with a defect each. */
#ifndef VQZ_CUDA_TESTS_PLANTED_H
#define VQZ_CUDA_TESTS_PLANTED_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef enum planted {
    PLANTED_NONE, PLANTED_NO_BARRIER, PLANTED_NO_BARRIER_BEHIND_READS, PLANTED_NO_WARP_BARRIER, PLANTED_BARRIER_IN_BRANCH, PLANTED_LEFT_BEFORE_BARRIER,
    PLANTED_OUT_OF_BOUNDS, PLANTED_NEVER_WRITTEN, PLANTED_MISALIGNED, PLANTED_NO_WAIT, PLANTED_WAIT_FOR_TOO_FEW, PLANTED_COPY_OVER_READ, PLANTED_NEVER_LANDED,
    PLANTED_DIVIDED_WARP, PLANTED_MISSING_LANE, PLANTED_TOO_MUCH_MEMORY, PLANTED_WRONG_LANE, PLANTED_SWAPPED_REGISTERS, PLANTED_KINDS
} planted;
/* in: 64 words; out: 64 words, the same in reverse order. */
int planted_reverse(planted bug, const uint32_t *in, uint32_t *out);
/* a: 16 x 32 bytes, b: 32 x 8 signed bytes, c: 16 x 8 sums. */
int planted_product(planted bug, const uint8_t *a, const int8_t *b, int32_t *c, int with_dots);
#ifdef __cplusplus
}
#endif
#endif
