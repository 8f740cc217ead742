/* From a pair's two means and log-scales to its codebooks. */
#ifndef VQZ_CUDA_LADDER_CUH
#define VQZ_CUDA_LADDER_CUH
#include "cuda/dialect.h"
#include "cuda/tile.h"

/* What a symbol puts into the raw stream, in 32 bits; 0: nothing. */
VQZ_DEVICE uint32_t vqz_extra_golomb(int32_t e) { return 1u << 30 | static_cast<uint32_t>(e + (1 << 21)); }
VQZ_DEVICE int32_t vqz_extra_value(uint32_t extra) { return static_cast<int32_t>(extra & ((1u << 30) - 1)) - (1 << 21); }
VQZ_DEVICE uint32_t vqz_extra_bits(uint32_t raw, uint32_t count) { return count ? 2u << 30 | count << 16 | raw : 0; }

/* Two channels of a position, and how they are coded. */
struct vqz_two {
    uint32_t position;                       /* in the tile: y * w + x */
    size_t place;                            /* of the first channel in the plane of latents, elements */
    uint32_t channel;                        /* of C */
    const vqz_cu_level *level;               /* what quantizes there */
    int32_t mean[2], rung[2];
    uint32_t book;                           /* of both together; where single: of the first one */
    uint32_t other;                          /* where single: of the second one */
    bool single, swap;                       /* coded one by one; the codeword's first value is the second channel's */
};

/* Number q of a pass: positions in raster order, pairs of channels from first to last. */
VQZ_DEVICE vqz_two vqz_two_of(const vqz_cu_pass &p, const vqz_cu_tile &t, const vqz_cu_view &heads, uint32_t q, int32_t bias) {
    const vqz_cu_tables &m = p.batch.tables;
    const uint32_t pairs = p.channels / 2, i = q / pairs, k = (q - i * pairs) * 2;
    const int16_t *h = static_cast<const int16_t *>(heads.data) + static_cast<size_t>(i) * heads.stride + k;
    const int32_t top = static_cast<int32_t>(m.rungs) - 1;
    vqz_two two;
    uint32_t y, x;
    vqz_cu_position(i, t.w, p.pass, &y, &x);
    two.position = y * t.w + x;
    two.channel = p.first + k;
    two.level = &m.level[t.rows[two.position]];
    two.place = (static_cast<size_t>(y) * t.pitch + x) * m.latent_stride + two.channel;
    for (unsigned e = 0; e < 2; e++) {
        two.mean[e] = h[e];
        two.rung[e] = vqz_rung(h[p.channels + e], two.level->loggain[two.channel + e], bias * 256, top);
    }
    const uint32_t a = static_cast<uint32_t>(two.rung[0]), b = static_cast<uint32_t>(two.rung[1]);
    two.swap = a < b;
    const uint32_t larger = two.swap ? b : a, smaller = two.swap ? a : b;
    two.single = larger > m.top;
    two.book = two.single ? m.scalars + a : m.map[larger * (m.top + 1) + smaller];
    two.other = m.scalars + b;
    return two;
}

/* Both latents are final: into the plane, and as what networks see into the context. */
VQZ_DEVICE void vqz_commit(const vqz_cu_tables &m, const vqz_cu_tile &t, const vqz_two &two, const int32_t (&latent)[2]) {
    vqz_store(t.latents + two.place, vqz_bytes(static_cast<uint32_t>(latent[0]), static_cast<uint32_t>(latent[1]), 0x5410));
    uint8_t *seen = t.context + static_cast<size_t>(two.position) * m.context_stride + m.H + two.channel;
    for (unsigned e = 0; e < 2; e++)
        seen[e] = static_cast<uint8_t>(vqz_seen_of(latent[e], m.latq_mul[two.channel + e], m.latq_shift[two.channel + e]) + 128);
}
#endif
