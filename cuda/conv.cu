/* Convolutions as products of matrices: a block makes 64 x 64 or 128 x 32 (positions x channels) sums on tensor cores. The positions' windows
 * come in stages of 64 bytes through shared memory, three stages deep; weights lie in device memory as the fragments that the lanes want. */
#include "cuda/epilogue.cuh"
#include "cuda/launch.h"

namespace {
enum { THREADS = 128, STAGES = 3, STAGE_WORDS = VQZ_CU_STAGE_UNITS * 4 };
/* Words from row to row of a stage: four more than it has, so that the eight rows of a fragment lie in different banks. */
enum { ROW = STAGE_WORDS + 4 };

/* CHANNELS of a block: its four warps stand side by side over positions and channels, each with 32 x 32 sums. */
template <int CHANNELS> struct shape {
    enum {
        ACROSS = CHANNELS / 32,              /* warps over channels */
        POSITIONS = 32 * (4 / ACROSS),
        A = POSITIONS * ROW, B = CHANNELS * STAGE_WORDS, STAGE = A + B,
        SUM_ROW = CHANNELS + 8,              /* sums on their way to the threads that finish them */
        WORDS = STAGES * STAGE > POSITIONS * SUM_ROW ? STAGES * STAGE : POSITIONS * SUM_ROW,
        PER_THREAD = POSITIONS * VQZ_CU_STAGE_UNITS / THREADS      /* units of a stage that a thread brings in */
    };
};

struct tensor_cores {
    template <bool SA, bool SB> VQZ_DEVICE_MEMBER void multiply(int32_t (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) { vqz_mma<SA, SB>(c, a, b); }
};
struct dot_products {
    template <bool SA, bool SB> VQZ_DEVICE_MEMBER void multiply(int32_t (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) { vqz_mma_by_dots<SA, SB>(c, a, b); }
};

/* The window of one position, walked in units: tap after tap, all channels of each. */
struct window {
    int32_t y, x;                            /* of the first tap */
    bool outside;                            /* no such position */
};

/* Where the thread's next unit of the sum stands: the same for all its positions. */
struct cursor {
    unsigned unit, column, row;              /* of the position; of the kernel */
};

VQZ_DEVICE void advance(cursor &c, const vqz_cu_layer &l) {
    c.unit += VQZ_CU_STAGE_UNITS;
    while (c.unit >= l.units) {
        c.unit -= l.units;
        if (++c.column == l.k) {
            c.column = 0;
            c.row++;
        }
    }
}

VQZ_DEVICE const void *source(const vqz_cu_layer &l, const vqz_cu_view &in, const window &w, const cursor &c) {
    const void *blank = static_cast<const uint8_t *>(l.blank) + static_cast<size_t>(c.unit) * VQZ_CU_UNIT;
    if (w.outside || c.row >= l.k) return blank;         /* behind the last tap weights are 0 */
    const int32_t y = w.y + static_cast<int32_t>(c.row), x = w.x + static_cast<int32_t>(c.column);
    const int32_t cy = vqz_clamp32(y, 0, static_cast<int32_t>(in.h) - 1), cx = vqz_clamp32(x, 0, static_cast<int32_t>(in.w) - 1);
    if (!l.edge && (y != cy || x != cx)) return blank;
    const size_t at = (static_cast<size_t>(cy) * in.w + static_cast<size_t>(cx)) * in.stride;
    return static_cast<const uint8_t *>(in.data) + (at << l.in16) + static_cast<size_t>(c.unit) * VQZ_CU_UNIT;
}

/* Sums of a warp: 32 positions x 32 channels. */
struct sums8 {
    int32_t c[2][4][4];
    VQZ_DEVICE_MEMBER void clear(sums8 &s) {
        VQZ_UNROLL
        for (unsigned i = 0; i < 32; i++) s.c[i / 16][i / 4 % 4][i % 4] = 0;
    }
    VQZ_DEVICE_MEMBER int32_t get(const sums8 &s, unsigned m, unsigned n, unsigned i) { return s.c[m][n][i]; }
};
/* Products of bytes: x y = high high 2^16 + (high low + low high) 2^8 + low low, modulo 2^32. */
struct sums16 {
    int32_t high[2][4][4], middle[2][4][4], low[2][4][4];
    VQZ_DEVICE_MEMBER void clear(sums16 &s) {
        VQZ_UNROLL
        for (unsigned i = 0; i < 32; i++) s.high[i / 16][i / 4 % 4][i % 4] = s.middle[i / 16][i / 4 % 4][i % 4] = s.low[i / 16][i / 4 % 4][i % 4] = 0;
    }
    VQZ_DEVICE_MEMBER int32_t get(const sums16 &s, unsigned m, unsigned n, unsigned i) {
        return static_cast<int32_t>((static_cast<uint32_t>(s.high[m][n][i]) << 16) + (static_cast<uint32_t>(s.middle[m][n][i]) << 8) + static_cast<uint32_t>(s.low[m][n][i]));
    }
};

/* One stage. a: the warp's first position of it, b: the warp's first channels of the first step. */
template <typename Dot, int CHANNELS>
VQZ_DEVICE void multiply(sums8 &s, const vqz_shared<uint32_t> &a, const vqz_shared<uint32_t> &b) {
    const unsigned lane = vqz_lane(), g = lane / 4, t = lane % 4;
    VQZ_UNROLL
    for (unsigned step = 0; step < 2; step++) {
        uint32_t x[2][4];
        VQZ_UNROLL
        for (unsigned m = 0; m < 2; m++)
            VQZ_UNROLL
            for (unsigned i = 0; i < 4; i++) x[m][i] = a.get((m * 16 + i % 2 * 8 + g) * ROW + step * 8 + i / 2 * 4 + t);
        VQZ_UNROLL
        for (unsigned n = 0; n < 4; n++) {
            const uint2 both = b.as<uint2>((step * CHANNELS / 8 + n) * 64).get(lane);
            const uint32_t y[2] = {both.x, both.y};
            VQZ_UNROLL
            for (unsigned m = 0; m < 2; m++) Dot::template multiply<false, true>(s.c[m][n], x[m], y);
        }
    }
}

template <typename Dot, int CHANNELS>
VQZ_DEVICE void multiply(sums16 &s, const vqz_shared<uint32_t> &a, const vqz_shared<uint32_t> &b) {
    const unsigned lane = vqz_lane(), g = lane / 4, t = lane % 4;
    uint32_t low[2][4], high[2][4];
    VQZ_UNROLL
    for (unsigned m = 0; m < 2; m++)
        VQZ_UNROLL
        for (unsigned i = 0; i < 4; i++) {
            const uint2 four = a.as<uint2>((m * 16 + i % 2 * 8 + g) * ROW + i / 2 * 8).get(t);
            low[m][i] = vqz_bytes(four.x, four.y, 0x6420);
            high[m][i] = vqz_bytes(four.x, four.y, 0x7531);
        }
    VQZ_UNROLL
    for (unsigned n = 0; n < 4; n++) {
        const uint2 l = b.as<uint2>(n * 64).get(lane), h = b.as<uint2>((CHANNELS / 8 + n) * 64).get(lane);
        const uint32_t y[2] = {l.x, l.y}, z[2] = {h.x, h.y};
        VQZ_UNROLL
        for (unsigned m = 0; m < 2; m++) {
            Dot::template multiply<false, false>(s.low[m][n], low[m], y);
            Dot::template multiply<true, false>(s.middle[m][n], high[m], y);
            Dot::template multiply<false, true>(s.middle[m][n], low[m], z);
            Dot::template multiply<true, true>(s.high[m][n], high[m], z);
        }
    }
}

template <int CHANNELS, typename Sums, typename Dot> VQZ_DEVICE void convolve(const vqz_cu_job &job) {
    typedef shape<CHANNELS> S;
    VQZ_SHARED(uint32_t, stage, S::WORDS);
    const vqz_cu_layer &l = job.layer;
    const unsigned item = vqz_block_z(), thread = vqz_thread(), warp = thread / VQZ_WARP, lane = vqz_lane();
    if (job.only && !job.only[item]) return;
    const vqz_cu_view in = job.in[item], out = job.out[item];
    const uint32_t h = (in.h + l.stride - 1) / l.stride, w = (in.w + l.stride - 1) / l.stride, positions = h * w;
    const uint32_t first = vqz_block_x() * S::POSITIONS;
    if (first >= positions) return;

    /* The thread's units of a stage: number thread % 4 of positions thread / 4 and so many further on. */
    window windows[S::PER_THREAD];
    VQZ_UNROLL
    for (unsigned i = 0; i < S::PER_THREAD; i++) {
        const uint32_t p = first + thread / VQZ_CU_STAGE_UNITS + i * (THREADS / VQZ_CU_STAGE_UNITS), y = p / w, x = p - y * w;
        const int32_t pad = static_cast<int32_t>(l.k - 1) / 2;
        windows[i].outside = p >= positions;
        windows[i].y = static_cast<int32_t>(y * l.stride) - pad;
        windows[i].x = static_cast<int32_t>(x * l.stride) - pad;
    }
    cursor at = {thread % VQZ_CU_STAGE_UNITS, 0, 0};
    while (at.unit >= l.units) {
        at.unit -= l.units;
        if (++at.column == l.k) {
            at.column = 0;
            at.row++;
        }
    }
    const uint8_t *weights = static_cast<const uint8_t *>(l.weights) + static_cast<size_t>(vqz_block_y()) * l.stages * S::B * 4;

    const auto fetch = [&](unsigned s) {
        if (s < l.stages) {
            const unsigned base = s % STAGES * S::STAGE;
            const vqz_shared<uint32_t> a = stage.as<uint32_t>(base), b = stage.as<uint32_t>(base + S::A);
            VQZ_UNROLL
            for (unsigned i = 0; i < S::PER_THREAD; i++) {
                const unsigned row = thread / VQZ_CU_STAGE_UNITS + i * (THREADS / VQZ_CU_STAGE_UNITS);
                vqz_copy_async(a.as<uint4>(row * ROW), thread % VQZ_CU_STAGE_UNITS, source(l, in, windows[i], at));
            }
            VQZ_UNROLL
            for (unsigned i = 0; i < S::B / 4 / THREADS; i++) {
                const unsigned unit = thread + i * THREADS;
                vqz_copy_async(b, unit, weights + (static_cast<size_t>(s) * S::B * 4 + unit * VQZ_CU_UNIT));
            }
            advance(at, l);
        }
        vqz_copy_commit();
    };

    Sums sums;
    Sums::clear(sums);
    const unsigned down = warp / S::ACROSS, across = warp % S::ACROSS;
    fetch(0);
    fetch(1);
    for (unsigned s = 0; s < l.stages; s++) {
        vqz_copy_wait<1>();                  /* this thread's part of stage s is there */
        vqz_sync();                          /* all of it is, and nobody is at stage s - 1 any more, whose place s + 2 takes */
        fetch(s + 2);
        const unsigned base = s % STAGES * S::STAGE;
        multiply<Dot, CHANNELS>(sums, stage.as<uint32_t>(base + down * 32 * ROW), stage.as<uint32_t>(base + S::A + across * 4 * 64));
    }
    vqz_sync();                              /* the stages are read, their place is free */

    VQZ_UNROLL
    for (unsigned m = 0; m < 2; m++)
        VQZ_UNROLL
        for (unsigned n = 0; n < 4; n++)
            VQZ_UNROLL
            for (unsigned lower = 0; lower < 2; lower++) {
                const unsigned row = down * 32 + m * 16 + lower * 8 + lane / 4, column = across * 32 + n * 8 + lane % 4 * 2;
                stage.as<int2>(row * S::SUM_ROW + column).set(0, int2{Sums::get(sums, m, n, lower * 2), Sums::get(sums, m, n, lower * 2 + 1)});
            }
    vqz_sync();
    const unsigned quads = CHANNELS / 4, channel = vqz_block_y() * CHANNELS + thread % quads * 4;
    if (channel >= l.cout) return;
    const vqz_quad quad = vqz_quad_of(l, channel);
    const vqz_cu_view *add = l.add ? &job.addend[item] : nullptr;
    for (unsigned row = thread / quads; row < S::POSITIONS && first + row < positions; row += THREADS / quads) {
        const int4 four = stage.as<int4>(row * S::SUM_ROW).get(thread % quads);
        const int32_t a[4] = {four.x, four.y, four.z, four.w};
        const uint32_t y = (first + row) / w;
        vqz_finish(l, quad, add, out, y, first + row - y * w, a);
    }
}
}

VQZ_KERNEL(THREADS) void vqz_conv8_wide(const vqz_cu_job job) { convolve<VQZ_CU_WIDE, sums8, tensor_cores>(job); }
VQZ_KERNEL(THREADS) void vqz_conv8_narrow(const vqz_cu_job job) { convolve<VQZ_CU_NARROW, sums8, tensor_cores>(job); }
VQZ_KERNEL(THREADS) void vqz_conv16_wide(const vqz_cu_job job) { convolve<VQZ_CU_WIDE, sums16, tensor_cores>(job); }
VQZ_KERNEL(THREADS) void vqz_conv16_narrow(const vqz_cu_job job) { convolve<VQZ_CU_NARROW, sums16, tensor_cores>(job); }
VQZ_KERNEL(THREADS) void vqz_conv8_dots(const vqz_cu_job job) { convolve<VQZ_CU_WIDE, sums8, dot_products>(job); }
VQZ_KERNEL(THREADS) void vqz_conv16_dots(const vqz_cu_job job) { convolve<VQZ_CU_WIDE, sums16, dot_products>(job); }

int vqz_cu_conv(const vqz_cu_job *job, unsigned items, uint32_t positions, void *stream) {
    const vqz_cu_layer &l = job->layer;
    const bool narrow = l.block == VQZ_CU_NARROW;
    const unsigned high = narrow ? unsigned{shape<VQZ_CU_NARROW>::POSITIONS} : unsigned{shape<VQZ_CU_WIDE>::POSITIONS};
    const unsigned x = (positions + high - 1) / high, y = (l.cout + l.block - 1) / l.block;
    if (l.dots) return l.in16 ? VQZ_LAUNCH(vqz_conv16_dots, x, y, items, THREADS, stream, *job) : VQZ_LAUNCH(vqz_conv8_dots, x, y, items, THREADS, stream, *job);
    if (l.in16) return narrow ? VQZ_LAUNCH(vqz_conv16_narrow, x, y, items, THREADS, stream, *job) : VQZ_LAUNCH(vqz_conv16_wide, x, y, items, THREADS, stream, *job);
    return narrow ? VQZ_LAUNCH(vqz_conv8_narrow, x, y, items, THREADS, stream, *job) : VQZ_LAUNCH(vqz_conv8_wide, x, y, items, THREADS, stream, *job);
}
