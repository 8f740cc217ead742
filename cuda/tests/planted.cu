#include "cuda/tests/planted.h"
#include "cuda/dialect.h"

enum { THREADS = 64 };
struct reversal { planted bug; const uint32_t *in; uint32_t *out; };
struct product { planted bug; const uint8_t *a; const int8_t *b; int32_t *c; int with_dots; };

/* Words change their places through shared memory, come back by a copy, and take a turn within their warp: one reversal in all. */
VQZ_KERNEL(THREADS) void reverse(const reversal p) {
    const unsigned t = vqz_thread();
    VQZ_SHARED(uint32_t, words, THREADS);
    VQZ_SHARED(uint32_t, turned, THREADS);
    if (p.bug == PLANTED_TOO_MUCH_MEMORY) {
        VQZ_SHARED(uint32_t, more, 12 << 10);
        more.set(t, 0);
    }
    if (p.bug == PLANTED_NEVER_WRITTEN) p.out[t] = words.get(t);
    if (t < THREADS / 4) vqz_copy_async(words, t, p.in + 4 * t);
    vqz_copy_commit();
    if (p.bug == PLANTED_WAIT_FOR_TOO_FEW) vqz_copy_wait<1>();
    else if (p.bug != PLANTED_NO_WAIT && p.bug != PLANTED_NEVER_LANDED) vqz_copy_wait<0>();
    if (p.bug == PLANTED_NEVER_LANDED) return;
    if (p.bug == PLANTED_LEFT_BEFORE_BARRIER && t == 5) return;
    if (p.bug == PLANTED_BARRIER_IN_BRANCH) {
        if (t < 32) vqz_sync();
        else vqz_sync();
    } else if (p.bug != PLANTED_NO_BARRIER) {
        vqz_sync();
    }
    uint32_t v = words.get(p.bug == PLANTED_OUT_OF_BOUNDS ? t + 1 : THREADS - 1 - t);
    if (p.bug == PLANTED_MISALIGNED) v += words.as<uint2>(1).get(0).x;
    if (p.bug == PLANTED_DIVIDED_WARP && t == 3) v = vqz_shuffle(v, 3);
    if (p.bug == PLANTED_MISSING_LANE && t == 3) return;
    v = vqz_shuffle(v, 31 - t % 32);
    if (p.bug != PLANTED_NO_BARRIER_BEHIND_READS) vqz_sync();
    if (p.bug == PLANTED_COPY_OVER_READ && t == 0) {
        turned.set(4, words.get(63));
        vqz_copy_async(words, 15, p.in);
        vqz_copy_commit();
        vqz_copy_wait<0>();
        if (words.get(60) != p.in[0]) p.out[0] = 0;
    }
    if (p.bug == PLANTED_COPY_OVER_READ && t == 1) turned.set(5, words.get(62));
    words.set(t, v);
    if (p.bug != PLANTED_NO_WARP_BARRIER) vqz_sync_warp();
    p.out[t] = words.get(t / 32 * 32 + 31 - t % 32);
}

VQZ_KERNEL(32) void multiply(const product p) {
    const unsigned lane = p.bug == PLANTED_WRONG_LANE ? vqz_lane() ^ 4 : vqz_lane(), g = lane / 4, t = lane % 4;
    uint32_t a[4], b[2];
    for (unsigned i = 0; i < 4; i++) a[i] = vqz_load<uint32_t>(p.a + (g + i % 2 * 8) * 32 + i / 2 * 16 + 4 * t);
    if (p.bug == PLANTED_SWAPPED_REGISTERS) {
        const uint32_t x = a[1];
        a[1] = a[2];
        a[2] = x;
    }
    for (unsigned i = 0; i < 2; i++) {
        b[i] = 0;
        for (unsigned k = 0; k < 4; k++) b[i] |= static_cast<uint32_t>(static_cast<uint8_t>(p.b[(i * 16 + 4 * t + k) * 8 + g])) << 8 * k;
    }
    int32_t c[4] = {0, 0, 0, 0};
    if (p.with_dots) vqz_mma_by_dots<false, true>(c, a, b);
    else vqz_mma<false, true>(c, a, b);
    for (unsigned i = 0; i < 4; i++) p.c[(vqz_lane() / 4 + i / 2 * 8) * 8 + vqz_lane() % 4 * 2 + i % 2] = c[i];
}

int planted_reverse(planted bug, const uint32_t *in, uint32_t *out) { return VQZ_LAUNCH(reverse, 1, 1, 1, THREADS, nullptr, (reversal{bug, in, out})); }
int planted_product(planted bug, const uint8_t *a, const int8_t *b, int32_t *c, int with_dots) {
    return VQZ_LAUNCH(multiply, 1, 1, 1, 32, nullptr, (product{bug, a, b, c, with_dots}));
}
