/* What stands between the networks of the prior: features of hyper-latents, and gathering for the passes. */
#include "cuda/dialect.h"
#include "cuda/launch.h"

enum { THREADS = 128 };

/* Hyper-latents as networks see them, then the level's features. A thread makes one position. */
VQZ_KERNEL(THREADS) void vqz_hyper_features(const vqz_cu_hyper p) {
    const vqz_cu_tables &m = p.batch.tables;
    const vqz_cu_tile &t = p.batch.tile[vqz_block_z()];
    const vqz_cu_level &level = m.level[t.level];
    const uint32_t n = t.zh * t.zw, i = vqz_block_x() * THREADS + vqz_thread();
    if (i >= n) return;
    const vqz_cu_view &out = p.out[vqz_block_z()];
    uint8_t *to = static_cast<uint8_t *>(out.data) + static_cast<size_t>(i) * out.stride;
    for (uint32_t c = 0; c < m.Z; c++) to[c] = static_cast<uint8_t>(vqz_seen_of(t.z[static_cast<size_t>(c) * n + i], level.zinv[c], m.zinv_shift) + 128);
    for (uint32_t c = 0; c < m.F; c++) to[m.Z + c] = static_cast<uint8_t>(level.feat[c] + 128);
}

/* The upper left of the hyper features into the context. A thread copies 16 bytes; what is too much there the latents overwrite later. */
VQZ_KERNEL(THREADS) void vqz_hyper_crop(const vqz_cu_hyper p) {
    const vqz_cu_tables &m = p.batch.tables;
    const vqz_cu_tile &t = p.batch.tile[vqz_block_z()];
    const uint32_t units = (m.H + VQZ_CU_UNIT - 1) / VQZ_CU_UNIT, i = vqz_block_x() * THREADS + vqz_thread(), at = i / units, unit = i - at * units;
    if (at >= t.h * t.w) return;
    const vqz_cu_view &from = p.out[vqz_block_z()];
    const uint32_t y = at / t.w, x = at - y * t.w;
    const uint8_t *src = static_cast<const uint8_t *>(from.data) + (static_cast<size_t>(y) * from.w + x) * from.stride + unit * VQZ_CU_UNIT;
    vqz_store(t.context + static_cast<size_t>(at) * m.context_stride + unit * VQZ_CU_UNIT, vqz_load<uint4>(src));
}

/* The trunk at the positions of a pass. A thread copies 16 bytes. */
VQZ_KERNEL(THREADS) void vqz_gather_trunk(const vqz_cu_gather p) {
    const unsigned item = vqz_block_z();
    if (p.only && !p.only[item]) return;
    const vqz_cu_view &from = p.from[item], &to = p.to[item];
    const uint32_t units = to.stride / (VQZ_CU_UNIT / 2), at = vqz_block_x() * THREADS + vqz_thread(), i = at / units, unit = at - i * units;
    if (i >= to.w) return;
    uint32_t y, x;
    vqz_cu_position(i, from.w, p.pass, &y, &x);
    const int16_t *src = static_cast<const int16_t *>(from.data) + (static_cast<size_t>(y) * from.w + x) * from.stride + unit * (VQZ_CU_UNIT / 2);
    vqz_store(static_cast<int16_t *>(to.data) + static_cast<size_t>(i) * to.stride + unit * (VQZ_CU_UNIT / 2), vqz_load<uint4>(src));
}

/* What the second pass sees at its positions: the slice's anchors around each, zeros outside the tile. A thread copies 16 bytes. */
VQZ_KERNEL(THREADS) void vqz_gather_anchors(const vqz_cu_gather p) {
    const unsigned item = vqz_block_z();
    if (p.only && !p.only[item]) return;
    const vqz_cu_tables &m = p.batch.tables;
    const vqz_cu_tile &t = p.batch.tile[item];
    const vqz_cu_view &to = p.to[item];
    const uint32_t bytes = p.taps * p.channels, units = (bytes + VQZ_CU_UNIT - 1) / VQZ_CU_UNIT;
    const uint32_t at = vqz_block_x() * THREADS + vqz_thread(), i = at / units, unit = at - i * units;
    if (i >= to.w) return;
    uint32_t y, x, tap = unit * VQZ_CU_UNIT / p.channels, c = unit * VQZ_CU_UNIT - tap * p.channels;
    vqz_cu_position(i, t.w, 1, &y, &x);
    uint8_t *dst = static_cast<uint8_t *>(to.data) + static_cast<size_t>(i) * to.stride + unit * VQZ_CU_UNIT;
    for (uint32_t k = 0; k < VQZ_CU_UNIT && unit * VQZ_CU_UNIT + k < bytes;) {
        const uint32_t ny = y + static_cast<uint32_t>(p.offset[tap][0]), nx = x + static_cast<uint32_t>(p.offset[tap][1]);      /* wraps: outside */
        const bool inside = ny < t.h && nx < t.w;
        const uint8_t *src = t.context + (inside ? (static_cast<size_t>(ny) * t.w + nx) * m.context_stride + m.H + p.first + c : 0);
        if (k == 0 && c + VQZ_CU_UNIT <= p.channels && (m.H + p.first + c) % VQZ_CU_UNIT == 0) {
            const uint32_t z = 0x80808080u;
            vqz_store(dst, inside ? vqz_load<uint4>(src) : uint4{z, z, z, z});
            return;
        }
        for (; c < p.channels && k < VQZ_CU_UNIT; c++, k++, src++) dst[k] = inside ? *src : 128;
        c = 0;
        tap++;
    }
}

static unsigned blocks(uint64_t threads) { return static_cast<unsigned>((threads + THREADS - 1) / THREADS); }

int vqz_cu_hyper_features(const vqz_cu_hyper *p, uint32_t positions, void *stream) {
    return VQZ_LAUNCH(vqz_hyper_features, blocks(positions), 1, p->batch.tiles, THREADS, stream, *p);
}
int vqz_cu_hyper_crop(const vqz_cu_hyper *p, uint32_t positions, void *stream) {
    return VQZ_LAUNCH(vqz_hyper_crop, blocks(static_cast<uint64_t>(positions) * ((p->batch.tables.H + VQZ_CU_UNIT - 1) / VQZ_CU_UNIT)), 1, p->batch.tiles, THREADS, stream, *p);
}
int vqz_cu_gather_trunk(const vqz_cu_gather *p, uint32_t positions, uint32_t stride, void *stream) {
    return VQZ_LAUNCH(vqz_gather_trunk, blocks(static_cast<uint64_t>(positions) * (stride / (VQZ_CU_UNIT / 2))), 1, p->batch.tiles, THREADS, stream, *p);
}
int vqz_cu_gather_anchors(const vqz_cu_gather *p, uint32_t positions, void *stream) {
    const uint64_t units = (static_cast<uint64_t>(p->taps) * p->channels + VQZ_CU_UNIT - 1) / VQZ_CU_UNIT;
    return VQZ_LAUNCH(vqz_gather_anchors, blocks(positions * units), 1, p->batch.tiles, THREADS, stream, *p);
}
