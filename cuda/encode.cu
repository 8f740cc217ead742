/* Latents -> symbols in the file's order: every pair of channels on its own, since what earlier ones became is known (cuda/encoding.c). Each symbol has a
 * place: hyper-latents one, pairs two; places that hold none have the range 0. */
#include "cuda/ladder.cuh"
#include "cuda/launch.h"

enum { THREADS = 128 };
static unsigned blocks(uint64_t threads) { return static_cast<unsigned>((threads + THREADS - 1) / THREADS); }

namespace {
/* Where the places of a pass begin. */
VQZ_DEVICE size_t first_place(const vqz_cu_pass &p, const vqz_cu_tile &t) {
    const size_t before = t.front + static_cast<size_t>(p.batch.tables.Z) * t.zh * t.zw + static_cast<size_t>(t.h) * t.w * p.first;
    return before + (p.pass ? static_cast<size_t>(vqz_cu_positions(t.h, t.w, 0)) * p.channels : 0);
}

VQZ_DEVICE void put(const vqz_cu_tile &t, size_t place, uint32_t range, uint32_t extra) {
    t.symbol[place] = range;
    t.extra[place] = extra;
}

/* vqz_choose_pair. r, in the book's order, becomes what the decoder will see; e: the numbers of an escape. */
VQZ_DEVICE uint32_t choose_pair(const vqz_cu_book &b, uint32_t lambda, int32_t (&r)[2], int32_t (&e)[2]) {
    const int32_t near_enough = 1 << 14;     /* VQZ_NEAR: squared distances stay below 2^31 */
    int32_t least = INT32_MAX, at = 0;
    uint64_t best = UINT64_MAX;
    if (r[0] < near_enough && r[0] > -near_enough && r[1] < near_enough && r[1] > -near_enough) {
        for (uint32_t k = 0; k < b.n; k++) {
            const int32_t d0 = r[0] - b.value[2 * k], d1 = r[1] - b.value[2 * k + 1];
            const int32_t j = static_cast<int32_t>(vqz_price(lambda, b.cost[k])) + d0 * d0 + d1 * d1;
            if (vqz_wins(j, static_cast<int32_t>(k), least, at)) {
                least = j;
                at = static_cast<int32_t>(k);
            }
        }
        best = static_cast<uint64_t>(least);
    }
    if (vqz_escape_wins(r, 2, lambda, b.cost[b.n], best, e)) {
        r[0] = e[0] * 256;
        r[1] = e[1] * 256;
        return b.n;
    }
    r[0] = b.value[2 * at];
    r[1] = b.value[2 * at + 1];
    return static_cast<uint32_t>(at);
}

/* vqz_choose_scalar. raw: the bits of the book's shift. */
VQZ_DEVICE uint32_t choose_scalar(const vqz_cu_book &b, uint32_t lambda, int32_t *r, int32_t *e, uint32_t *raw) {
    uint64_t least;
    const uint32_t symbol = vqz_best_scalar(b.value, b.cost, b.n, b.zero, b.shift, *r, lambda, &least);
    const int32_t nearest = vqz_nearest(b.value[symbol], b.shift, *r, raw);
    if (vqz_escape_wins(r, 1, lambda, b.cost[b.n], least, e)) {
        *r = *e * 256;
        return b.n;
    }
    *r = nearest;
    return symbol;
}

VQZ_DEVICE int32_t residual(const vqz_cu_tables &m, const vqz_cu_tile &t, const vqz_two &two, unsigned e) {
    return vqz_residual_of(t.latents[two.place + e], two.mean[e], two.level->gain[two.channel + e], m.gain_shift);
}
}

/* Hyper-latents of analysis -> those of the level. */
VQZ_KERNEL(THREADS) void vqz_round_hyper(const vqz_cu_hyper p) {
    const vqz_cu_tables &m = p.batch.tables;
    const vqz_cu_tile &t = p.batch.tile[vqz_block_z()];
    const vqz_cu_view &from = p.out[vqz_block_z()];
    const uint32_t n = t.zh * t.zw, q = vqz_block_x() * THREADS + vqz_thread(), c = q / n, i = q - c * n;
    if (c >= m.Z) return;
    t.z[q] = vqz_scaled_by(static_cast<const int16_t *>(from.data)[static_cast<size_t>(i) * from.stride + c], m.level[t.level].zgain[c], 8 + m.zgain_shift);
}

VQZ_KERNEL(THREADS) void vqz_encode_hyper(const vqz_cu_batch p) {
    const vqz_cu_tables &m = p.tables;
    const vqz_cu_tile &t = p.tile[vqz_block_z()];
    const uint32_t n = t.zh * t.zw, q = vqz_block_x() * THREADS + vqz_thread();
    if (q >= m.Z * n) return;
    const vqz_cu_level &level = m.level[t.level];
    const vqz_cu_book &b = m.book[m.ztables + level.ztab[q / n]];
    const int32_t most = static_cast<int32_t>(b.n / 2), v = t.z[q] - level.zoff[q / n];      /* n = 2 M + 1 */
    const bool escape = v < -most || v > most;
    put(t, t.front + q, b.range[escape ? b.n : static_cast<uint32_t>(v + most)], escape ? vqz_extra_golomb(v) : 0);
}

/* What the choice of a bias wants to know of a slice's anchors. */
VQZ_KERNEL(THREADS) void vqz_survey(const vqz_cu_pass p) {
    const vqz_cu_tables &m = p.batch.tables;
    vqz_cu_tile &t = p.batch.tile[vqz_block_z()];
    const uint32_t q = vqz_block_x() * THREADS + vqz_thread();
    if (q >= vqz_cu_positions(t.h, t.w, p.pass) * (p.channels / 2)) return;
    const vqz_two two = vqz_two_of(p, t, p.heads[vqz_block_z()], q, 0);
    uint64_t found = 0;
    for (unsigned e = 0; e < 2; e++) {
        int32_t r = residual(m, t, two, e), escape;
        uint32_t raw;
        choose_scalar(m.book[m.scalars + static_cast<uint32_t>(two.rung[e])], t.lambda, &r, &escape, &raw);
        found += static_cast<uint64_t>(r < 0 ? -r : r);
        vqz_atomic_add(&t.seen[two.rung[e]], 1u);
    }
    vqz_atomic_add(&t.found, found);
}

/* choose_bias, and the survey is empty again. A thread for a tile. */
VQZ_KERNEL(VQZ_WARP) void vqz_choose_bias(const vqz_cu_pass p) {
    const vqz_cu_tables &m = p.batch.tables;
    const uint32_t item = vqz_block_x() * VQZ_WARP + vqz_thread();
    if (item >= p.batch.tiles) return;
    vqz_cu_tile &t = p.batch.tile[item];
    const uint64_t count = static_cast<uint64_t>(vqz_cu_positions(t.h, t.w, 0)) * p.channels;
    for (int32_t bias = 0;; bias += VQZ_BIAS_STEP) {
        uint64_t expected = 0;
        for (uint32_t g = 0; g < m.rungs; g++) {
            const uint32_t rung = g + static_cast<uint32_t>(bias) < m.rungs ? g + static_cast<uint32_t>(bias) : m.rungs - 1;
            expected += static_cast<uint64_t>(t.seen[g]) * m.book[m.scalars + rung].mean_abs;
        }
        if (!vqz_bias_fits(t.found, expected, count, bias)) continue;
        t.bias[p.slice] = bias;
        break;
    }
    for (uint32_t g = 0; g < m.rungs; g++) t.seen[g] = 0;
    t.found = 0;
}

VQZ_KERNEL(THREADS) void vqz_encode_pass(const vqz_cu_pass p) {
    const vqz_cu_tables &m = p.batch.tables;
    vqz_cu_tile &t = p.batch.tile[vqz_block_z()];
    const uint32_t q = vqz_block_x() * THREADS + vqz_thread();
    if (q >= vqz_cu_positions(t.h, t.w, p.pass) * (p.channels / 2)) return;
    const vqz_two two = vqz_two_of(p, t, p.heads[vqz_block_z()], q, t.bias[p.slice]);
    const size_t place = first_place(p, t) + 2 * static_cast<size_t>(q);
    int32_t r[2] = {residual(m, t, two, 0), residual(m, t, two, 1)};
    bool any = two.single;
    if (two.single) {
        for (unsigned k = 0; k < 2; k++) {
            const vqz_cu_book &b = m.book[k ? two.other : two.book];
            int32_t e = 0;
            uint32_t raw;
            const uint32_t symbol = choose_scalar(b, t.lambda, &r[k], &e, &raw);
            put(t, place + k, b.range[symbol], symbol == b.n ? vqz_extra_golomb(e) : vqz_extra_bits(raw, b.shift));
        }
    } else {
        const vqz_cu_book &b = m.book[two.book];
        int32_t turned[2] = {two.swap ? r[1] : r[0], two.swap ? r[0] : r[1]}, e[2] = {0, 0};
        const uint32_t symbol = choose_pair(b, t.lambda, turned, e);
        const bool escape = symbol == b.n;   /* whose numbers stand in order of channels */
        put(t, place, b.range[symbol], escape ? vqz_extra_golomb(two.swap ? e[1] : e[0]) : 0);
        put(t, place + 1, 0, escape ? vqz_extra_golomb(two.swap ? e[0] : e[1]) : 0);
        any = symbol != b.zero;
        r[0] = two.swap ? turned[1] : turned[0];
        r[1] = two.swap ? turned[0] : turned[1];
    }
    if (any) vqz_atomic_or(&t.any[p.slice], 1);
    int32_t latent[2];
    for (unsigned e = 0; e < 2; e++) latent[e] = vqz_latent_of(two.mean[e], r[e], two.level->inv[two.channel + e], m.inv_shift);
    vqz_commit(m, t, two, latent);
}

/* A slice with nothing in it is left out. A thread for a tile. */
VQZ_KERNEL(VQZ_WARP) void vqz_end_slice(const vqz_cu_pass p) {
    const uint32_t item = vqz_block_x() * VQZ_WARP + vqz_thread();
    if (item >= p.batch.tiles) return;
    vqz_cu_tile &t = p.batch.tile[item];
    const bool none = !t.any[p.slice];
    p.none[item] = none;
    if (none) t.bias[p.slice] = 0;
    else t.mask |= 1u << p.slice;
}

/* Then its latents are the means. */
VQZ_KERNEL(THREADS) void vqz_drop_pass(const vqz_cu_pass p) {
    const vqz_cu_tables &m = p.batch.tables;
    const unsigned item = vqz_block_z();
    if (p.only && !p.only[item]) return;
    const vqz_cu_tile &t = p.batch.tile[item];
    const uint32_t q = vqz_block_x() * THREADS + vqz_thread();
    if (q >= vqz_cu_positions(t.h, t.w, p.pass) * (p.channels / 2)) return;
    const vqz_two two = vqz_two_of(p, t, p.heads[item], q, 0);
    const size_t place = first_place(p, t) + 2 * static_cast<size_t>(q);
    for (unsigned e = 0; e < 2; e++) put(t, place + e, 0, 0);
    vqz_commit(m, t, two, two.mean);
}

int vqz_cu_round_hyper(const vqz_cu_hyper *p, uint32_t positions, void *stream) {
    return VQZ_LAUNCH(vqz_round_hyper, blocks(static_cast<uint64_t>(positions) * p->batch.tables.Z), 1, p->batch.tiles, THREADS, stream, *p);
}
int vqz_cu_encode_hyper(const vqz_cu_batch *p, uint32_t positions, void *stream) {
    return VQZ_LAUNCH(vqz_encode_hyper, blocks(static_cast<uint64_t>(positions) * p->tables.Z), 1, p->tiles, THREADS, stream, *p);
}
int vqz_cu_choose_bias(const vqz_cu_pass *p, uint32_t positions, void *stream) {
    const int error = VQZ_LAUNCH(vqz_survey, blocks(static_cast<uint64_t>(positions) * (p->channels / 2)), 1, p->batch.tiles, THREADS, stream, *p);
    return error ? error : VQZ_LAUNCH(vqz_choose_bias, (p->batch.tiles + VQZ_WARP - 1) / VQZ_WARP, 1, 1, VQZ_WARP, stream, *p);
}
int vqz_cu_encode_pass(const vqz_cu_pass *p, uint32_t positions, void *stream) {
    return VQZ_LAUNCH(vqz_encode_pass, blocks(static_cast<uint64_t>(positions) * (p->channels / 2)), 1, p->batch.tiles, THREADS, stream, *p);
}
int vqz_cu_end_slice(const vqz_cu_pass *p, void *stream) {
    return VQZ_LAUNCH(vqz_end_slice, (p->batch.tiles + VQZ_WARP - 1) / VQZ_WARP, 1, 1, VQZ_WARP, stream, *p);
}
int vqz_cu_drop_pass(const vqz_cu_pass *p, uint32_t positions, void *stream) {
    return VQZ_LAUNCH(vqz_drop_pass, blocks(static_cast<uint64_t>(positions) * (p->channels / 2)), 1, p->batch.tiles, THREADS, stream, *p);
}
