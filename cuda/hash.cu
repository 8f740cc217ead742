/* XXH64 (seed 0) of a tile's latents, as the file stores its lower half: one warp per tile, whose first four lanes are the four sums of the
 * definition. */
#include "cuda/dialect.h"
#include "cuda/launch.h"

namespace {
const uint64_t P1 = 0x9E3779B185EBCA87u, P2 = 0xC2B2AE3D27D4EB4Fu, P3 = 0x165667B19E3779F9u, P4 = 0x85EBCA77C2B2AE63u, P5 = 0x27D4EB2F165667C5u;

VQZ_DEVICE uint64_t turned(uint64_t v, unsigned n) { return v << n | v >> (64 - n); }
VQZ_DEVICE uint64_t mixed(uint64_t sum, uint64_t input) { return turned(sum + input * P2, 31) * P1; }

/* The 32 bits of latents 2 i and 2 i + 1 of the tile, position after position. C is even. */
VQZ_DEVICE uint32_t two_latents(const vqz_cu_tables &m, const vqz_cu_tile &t, uint32_t i) {
    const uint32_t pairs = m.C / 2, position = i / pairs, y = position / t.w, x = position - y * t.w;
    return vqz_load<uint32_t>(t.latents + (static_cast<size_t>(y) * t.pitch + x) * m.latent_stride + (i - position * pairs) * 2);
}
VQZ_DEVICE uint64_t four_latents(const vqz_cu_tables &m, const vqz_cu_tile &t, uint32_t i) {
    return two_latents(m, t, i) | static_cast<uint64_t>(two_latents(m, t, i + 1)) << 32;
}
VQZ_DEVICE uint64_t shuffle64(uint64_t v, unsigned lane) {
    const uint32_t low = vqz_shuffle(static_cast<uint32_t>(v), lane), high = vqz_shuffle(static_cast<uint32_t>(v >> 32), lane);
    return low | static_cast<uint64_t>(high) << 32;
}
}

VQZ_KERNEL(VQZ_WARP) void vqz_hash(const vqz_cu_batch p) {
    vqz_cu_tile &t = p.tile[vqz_block_z()];
    const unsigned lane = vqz_lane();
    const uint32_t words = t.h * t.w * (p.tables.C / 2), stripes = words / 8;        /* of 32 bits; of 32 bytes */
    uint64_t sum = lane == 0 ? P1 + P2 : lane == 1 ? P2 : lane == 2 ? 0 : 0 - P1;
    if (lane < 4)
        for (uint32_t i = 0; i < stripes; i++) sum = mixed(sum, four_latents(p.tables, t, i * 8 + lane * 2));
    uint64_t h = P5;
    if (stripes) {
        const uint64_t all[4] = {shuffle64(sum, 0), shuffle64(sum, 1), shuffle64(sum, 2), shuffle64(sum, 3)};
        h = turned(all[0], 1) + turned(all[1], 7) + turned(all[2], 12) + turned(all[3], 18);
        VQZ_UNROLL
        for (unsigned i = 0; i < 4; i++) h = (h ^ mixed(0, all[i])) * P1 + P4;
    }
    if (lane) return;
    h += static_cast<uint64_t>(words) * 4;
    uint32_t i = stripes * 8;
    for (; i + 2 <= words; i += 2) h = turned(h ^ mixed(0, four_latents(p.tables, t, i)), 27) * P1 + P4;
    if (i < words) h = turned(h ^ two_latents(p.tables, t, i) * P1, 23) * P2 + P3;
    h = (h ^ h >> 33) * P2;
    h = (h ^ h >> 29) * P3;
    t.hash = static_cast<uint32_t>(h ^ h >> 32);
}

int vqz_cu_hash(const vqz_cu_batch *p, void *stream) { return VQZ_LAUNCH(vqz_hash, 1, 1, p->tiles, VQZ_WARP, stream, *p); }
