/* Symbols -> streams: one warp per tile. Raw bits are laid down forwards, words backwards, as the decoder will want them last to first. */
#include "cuda/ladder.cuh"
#include "cuda/launch.h"

namespace {
/* The bits of an extra, lowest first, and how many. */
VQZ_DEVICE uint64_t bits_of(uint32_t extra, unsigned *count) {
    *count = 0;
    if (!extra) return 0;
    if (extra >> 30 == 2) {
        *count = extra >> 16 & 0xff;
        return extra & 0xffff;
    }
    const uint32_t v = vqz_golomb_code(vqz_extra_value(extra)), n = vqz_log2_floor(v);
    *count = 2 * n - 2;
    return ((1u << (n - 3)) - 1) | static_cast<uint64_t>(v & ((1u << n) - 1)) << (n - 2);
}

/* The sum of v over the lanes before this one; *all: over all. */
VQZ_DEVICE uint32_t sum_before(uint32_t v, uint32_t *all) {
    const unsigned lane = vqz_lane();
    uint32_t sum = v;
    for (unsigned step = 1; step < VQZ_WARP; step *= 2) {
        const uint32_t other = vqz_shuffle(sum, lane >= step ? lane - step : lane);
        if (lane >= step) sum += other;
    }
    *all = vqz_shuffle(sum, VQZ_WARP - 1);
    return sum - v;
}

/* Codes all symbols with so many rANS lanes; returns the number of words, the last one of which is the last of the room. */
VQZ_DEVICE uint32_t code(const vqz_cu_tile &t, const vqz_shared<uint32_t> &range, uint32_t symbols, uint32_t lanes, uint32_t room) {
    const unsigned lane = vqz_lane();
    uint32_t x = VQZ_RANS_LOW, at = room, index = symbols;       /* index: of the symbol behind the next one */
    for (uint32_t end = t.symbols; end > 0;) {
        const uint32_t first = (end - 1) / VQZ_WARP * VQZ_WARP, mine = first + lane < end ? t.symbol[first + lane] : 0;
        const uint32_t here = vqz_ballot(mine != 0), count = vqz_popc(here);
        if (mine) range.set(vqz_popc(here & ((1u << lane) - 1)), mine);
        vqz_sync_warp();
        for (uint32_t left = count; left > 0;) {
            const uint32_t n = left < lanes ? left : lanes, base = left - n, turn = (index - n) & (lanes - 1);       /* symbols base.. of the chunk; the first one's lane */
            const uint32_t order = (lane - turn) & (lanes - 1);
            const bool active = lane < lanes && order < n;
            const uint32_t r = active ? range.get(base + order) : 0x10000u, start = r & 0xffff, freq = r >> 16;
            const bool full = active && vqz_rans_is_full(x, freq);
            const uint32_t fulls = vqz_ballot(full), all = (1u << lanes) - 1, ordered = (fulls >> turn | fulls << (lanes - turn)) & all;
            if (full) {
                const uint32_t word = at - 1 - vqz_popc(ordered >> (order + 1));         /* later symbols go first */
                t.out[2 * static_cast<size_t>(word)] = static_cast<uint8_t>(x);
                t.out[2 * static_cast<size_t>(word) + 1] = static_cast<uint8_t>(x >> 8);
                x >>= 16;
            }
            if (active) x = vqz_rans_push(x, start, freq);
            at -= vqz_popc(fulls);
            left -= n;
            index -= n;
        }
        vqz_sync_warp();
        end = first;
    }
    at -= 2 * lanes;
    if (lane < lanes)
        for (unsigned i = 0; i < 4; i++) t.out[2 * static_cast<size_t>(at) + 4 * lane + i] = static_cast<uint8_t>(x >> 8 * i);
    return room - at;
}
}

/* raw_out holds zeros. */
VQZ_KERNEL(VQZ_WARP) void vqz_encode_end(const vqz_cu_finish p) {
    VQZ_SHARED(uint32_t, range, VQZ_WARP);
    vqz_cu_tile &t = p.batch.tile[vqz_block_z()];
    const unsigned lane = vqz_lane();
    uint32_t symbols = 0;
    uint64_t bit = 0;
    for (uint32_t base = 0; base < t.symbols; base += VQZ_WARP) {
        const bool inside = base + lane < t.symbols;
        unsigned count;
        const uint64_t bits = bits_of(inside ? t.extra[base + lane] : 0, &count);
        symbols += vqz_popc(vqz_ballot(inside && t.symbol[base + lane]));
        uint32_t all;
        const uint64_t at = bit + sum_before(count, &all);
        if (count) {
            uint32_t *word = reinterpret_cast<uint32_t *>(t.raw_out) + at / 32;
            const unsigned shift = static_cast<unsigned>(at % 32);
            vqz_atomic_or(word, static_cast<uint32_t>(bits << shift));
            if (shift + count > 32) vqz_atomic_or(word + 1, static_cast<uint32_t>(bits >> (32 - shift)));
            if (shift + count > 64) vqz_atomic_or(word + 2, static_cast<uint32_t>(bits >> (64 - shift)));
        }
        bit += all;
    }
    const uint32_t room = t.symbols + 2 * VQZ_CU_LANES;          /* a symbol makes at most one word */
    uint32_t lanes = 4, words = code(t, range, symbols, lanes, room);
    if (words < p.small) words = code(t, range, symbols, lanes = 1, room);
    if (lane) return;
    t.lanes = lanes;
    t.out_words = words;
    t.raw_bytes = static_cast<uint32_t>((bit + 7) / 8);
}

int vqz_cu_encode_end(const vqz_cu_finish *p, void *stream) { return VQZ_LAUNCH(vqz_encode_end, 1, 1, p->batch.tiles, VQZ_WARP, stream, *p); }
