/* The kernel of bench_peak, for both sides. */
#ifndef VQZ_BENCH_PEAK_H
#define VQZ_BENCH_PEAK_H
#include "cuda/dialect.h"

enum { PEAK_THREADS = 256, PEAK_CHAINS = 8, PEAK_OPERATIONS = 2 * 16 * 8 * 32 };
struct peak { uint32_t rounds; uint32_t *room; };

VQZ_KERNEL(PEAK_THREADS) void vqz_peak(const peak p) {
    int32_t sums[PEAK_CHAINS][4] = {};
    const uint32_t a[4] = {vqz_thread(), 1, 2, 3}, b[2] = {vqz_thread(), 5};
    VQZ_ROLLED
    for (uint32_t i = 0; i < p.rounds; i++) {
        VQZ_UNROLL
        for (unsigned k = 0; k < PEAK_CHAINS; k++) vqz_mma<true, true>(sums[k], a, b);
    }
    int32_t all = 0;
    for (unsigned k = 0; k < PEAK_CHAINS; k++) all += sums[k][0] + sums[k][1] + sums[k][2] + sums[k][3];
    if (all == 12345) vqz_store(p.room, 1u);     /* so that it cannot be left out */
}

static int start_peak(unsigned blocks, uint32_t rounds, void *room, void *queue, uint64_t *operations) {
    const peak p = {rounds, static_cast<uint32_t *>(room)};
    *operations = static_cast<uint64_t>(blocks) * (PEAK_THREADS / VQZ_WARP) * PEAK_CHAINS * rounds * PEAK_OPERATIONS;
    return VQZ_LAUNCH(vqz_peak, blocks, 1, 1, PEAK_THREADS, queue, p);
}
#endif
