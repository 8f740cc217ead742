/* The row function of adjoint.h for vectors of LANES floats; ROW is its name. */
#include "codec/nn/adjoint.h"

typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4)));

enum { POSITIONS = 6 };          /* of a tile: with two vectors each they fill most of 16 registers */

#define TILE(name, n)                                                                                        \
    static void name(const vqz_adjoint_job *j, size_t x, size_t c) {                                         \
        lanes sum[(n)][2];                                                                                   \
        for (unsigned p = 0; p < (n); p++) sum[p][0] = sum[p][1] = (lanes){0};                               \
        const float *w = j->weights + c;                                                                     \
        for (unsigned tap = 0; tap < j->k * j->k; tap++) {                                                   \
            const float *from = j->from + tap / j->k * j->row + (x + tap % j->k) * j->cout;                  \
            for (unsigned o = 0; o < j->cout; o++, w += j->stride) {                                         \
                const lanes w0 = *(const lanes *)w, w1 = *(const lanes *)(w + LANES);                        \
                for (unsigned p = 0; p < (n); p++) {                                                         \
                    sum[p][0] += from[p * j->cout + o] * w0;                                                 \
                    sum[p][1] += from[p * j->cout + o] * w1;                                                 \
                }                                                                                            \
            }                                                                                                \
        }                                                                                                    \
        for (unsigned p = 0; p < (n); p++) {                                                                 \
            lanes *to = (lanes *)(j->to + (x + p) * j->stride + c), *second = (lanes *)((float *)to + LANES); \
            *to = j->add ? *to + sum[p][0] : sum[p][0];                                                      \
            *second = j->add ? *second + sum[p][1] : sum[p][1];                                              \
        }                                                                                                    \
    }
TILE(tile_wide, POSITIONS)
TILE(tile_one, 1)

void ROW(const vqz_adjoint_job *j) {
    for (size_t c = 0; c < j->stride; c += 2 * LANES) {
        size_t x = 0;
        for (; x + POSITIONS <= j->positions; x += POSITIONS) tile_wide(j, x, c);
        for (; x < j->positions; x++) tile_one(j, x, c);
    }
}
