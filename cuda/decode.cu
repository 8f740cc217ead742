/* A tile's streams -> latents: one warp per tile. The lanes of the rANS stream (spec/bitstream.md section 4) are the first lanes of the warp;
 * rungs, codebooks and latents are made by all of it, 32 pairs at a time. */
#include "cuda/ladder.cuh"
#include "cuda/launch.h"

namespace {
enum { CHUNK = VQZ_WARP, SYMBOLS = 2 * CHUNK };
enum : uint32_t { SWAP = 1u << 31 };         /* beside a book's number: its values change places */

struct stream {
    uint32_t state;                          /* of the rANS lane with this lane's number; all else is the same in all lanes */
    uint32_t lanes, word, turn;              /* turn: the rANS lane of the next symbol */
    uint64_t bit;
    bool failed;
    const uint8_t *words, *raw;
    uint32_t nwords;
    uint64_t nbits;
};

VQZ_DEVICE stream open(const vqz_cu_tile &t) {
    stream s;
    const unsigned lane = vqz_lane();
    s.state = lane < VQZ_CU_LANES ? t.state[lane] : static_cast<uint32_t>(VQZ_RANS_LOW);
    s.lanes = t.lanes;
    s.word = t.word;
    s.turn = t.turn;
    s.bit = t.bit;
    s.failed = t.failed != 0;
    s.words = t.words;
    s.raw = t.raw;
    s.nwords = t.nwords;
    s.nbits = static_cast<uint64_t>(t.nraw) * 8;
    return s;
}

VQZ_DEVICE uint32_t word_at(const stream &s, uint32_t word) {
    const uint8_t *p = s.words + 2 * static_cast<size_t>(word);
    return static_cast<uint32_t>(p[0] | p[1] << 8);
}

VQZ_DEVICE void close(const stream &s, vqz_cu_tile &t) {
    const unsigned lane = vqz_lane();
    if (lane < VQZ_CU_LANES) t.state[lane] = s.state;
    if (lane) return;
    t.word = s.word;
    t.turn = s.turn;
    t.bit = s.bit;
    if (s.failed) t.failed |= VQZ_CU_ENDED;
}

/* 0..24 bits of the raw stream; all lanes read the same. */
VQZ_DEVICE uint32_t raw_bits(stream &s, unsigned n) {
    if (s.bit + n > s.nbits) {
        s.failed = true;
        return 0;
    }
    uint32_t v = 0;
    for (unsigned i = 0; i < (static_cast<unsigned>(s.bit % 8) + n + 7) / 8; i++) v |= static_cast<uint32_t>(s.raw[s.bit / 8 + i]) << 8 * i;
    v = v >> s.bit % 8 & ((1u << n) - 1);
    s.bit += n;
    return v;
}

VQZ_DEVICE int32_t raw_golomb(stream &s) {
    unsigned ones = 0;
    while (raw_bits(s, 1))
        if (++ones > VQZ_GOLOMB_ONES) {
            s.failed = true;
            return 0;
        }
    const int32_t v = vqz_golomb_value(ones, raw_bits(s, ones + VQZ_GOLOMB_ORDER));
    if (v > VQZ_MAX_ESCAPE || v < -VQZ_MAX_ESCAPE) s.failed = true;
    return s.failed ? 0 : v;
}

/* The next `count` symbols, whose books stand in `book`, and their values, in order of channels, to `value`. Escapes are multiplied by `unit`. */
VQZ_DEVICE void decode(stream &s, const vqz_cu_tables &m, const vqz_shared<uint32_t> &book, const vqz_shared<int2> &value, uint32_t count, int32_t unit) {
    const unsigned lane = vqz_lane();
    for (uint32_t base = 0; base < count; base += s.lanes) {
        const uint32_t order = (lane - s.turn) & (s.lanes - 1), at = base + order;
        const bool active = lane < s.lanes && at < count;
        uint32_t x = s.state, escape = 0, shift = 0;
        int2 v = {0, 0};
        bool low = false, swap = false;
        if (active) {
            const uint32_t which = book.get(at), slot = vqz_rans_slot(x);
            const vqz_cu_book &b = m.book[which & ~SWAP];
            uint32_t k = b.look[slot >> (VQZ_RANS_BITS - VQZ_LOOK_BITS)], range = b.range[k];
            while (slot - (range & 0xffff) >= range >> 16) range = b.range[++k];         /* ends: the frequencies sum to VQZ_RANS_TOTAL */
            x = vqz_rans_next(x, range >> 16, slot - (range & 0xffff));
            low = vqz_rans_is_low(x);
            swap = which & SWAP;
            if (k == b.n) {
                escape = b.dim;
            } else {
                v.x = b.value[k * b.dim];
                if (b.dim == 2) v.y = b.value[k * 2 + 1];
                shift = b.shift;
            }
        }
        /* words are taken in the order of the symbols */
        const uint32_t lows = vqz_ballot(low), all = (1u << s.lanes) - 1, ordered = (lows >> s.turn | lows << (s.lanes - s.turn)) & all;
        if (low) {
            const uint32_t word = s.word + vqz_popc(ordered & ((1u << order) - 1));
            x = word < s.nwords ? vqz_rans_refill(x, word_at(s, word)) : static_cast<uint32_t>(VQZ_RANS_LOW);
        }
        s.state = x;
        s.word += vqz_popc(lows);
        if (s.word > s.nwords) {
            s.word = s.nwords;
            s.failed = true;
        }
        if (swap) v = int2{v.y, v.x};
        /* and so are raw bits; escapes stand in order of channels */
        const uint32_t wants = vqz_ballot(escape || shift);
        for (uint32_t o = 0; o < s.lanes && wants; o++) {
            const uint32_t from = (s.turn + o) & (s.lanes - 1);
            if (!(wants >> from & 1)) continue;
            const uint32_t what = vqz_shuffle(escape << 8 | shift, from);
            if (what >> 8) {
                const int32_t first = raw_golomb(s), second = what >> 8 == 2 ? raw_golomb(s) : 0;
                if (lane == from) v = int2{first * unit, second * unit};
            } else {
                const uint32_t bits = raw_bits(s, what);
                if (lane == from) v.x = vqz_shifted(v.x, what, bits);
            }
        }
        if (active) value.set(at, v);
        const uint32_t done = count - base < s.lanes ? count - base : s.lanes;
        s.turn = (s.turn + done) & (s.lanes - 1);
    }
}

/* The adaptive probability with this lane's number. */
struct context {
    uint32_t one, count;
};
enum { OTHER = 0, FINER = 3, MORE = 6 };     /* numbers of probabilities */

/* A decision of context `which`; all lanes get the bit. */
VQZ_DEVICE bool decision(stream &s, context &q, unsigned which) {
    const unsigned lane = vqz_lane();
    const uint32_t one = vqz_prob_frequency(vqz_shuffle(q.one, which)), zero = VQZ_RANS_TOTAL - one, x = vqz_shuffle(s.state, s.turn), slot = vqz_rans_slot(x);
    bool bit = slot >= zero;
    uint32_t next = vqz_rans_next(x, bit ? one : zero, bit ? slot - zero : slot);
    if (vqz_rans_is_low(next)) {
        if (s.word < s.nwords) {
            next = vqz_rans_refill(next, word_at(s, s.word++));
        } else {
            next = VQZ_RANS_LOW;
            s.failed = true;
            bit = false;
        }
    }
    if (lane == s.turn) s.state = next;
    if (lane == which) {
        q.one = vqz_prob_moved(q.one, bit, vqz_prob_rate(q.count));
        if (q.count < VQZ_STEP_SLOWEST) q.count++;
    }
    s.turn = (s.turn + 1) & (s.lanes - 1);
    return bit;
}

VQZ_DEVICE int32_t one_step(stream &s, context &q, int32_t guess, int32_t unlike) {
    const unsigned near_by = unlike < 2 ? static_cast<unsigned>(unlike) : 2;
    if (!decision(s, q, OTHER + near_by)) return guess;
    const bool finer = decision(s, q, FINER + near_by);
    const int32_t most = finer ? VQZ_STEP_MOST - guess : VQZ_STEP_MOST + guess;
    int32_t n = most ? 1 : 0;
    while (n && n < most && decision(s, q, MORE + static_cast<unsigned>(n < 4 ? n - 1 : 3))) n++;
    return finer ? guess + n : guess - n;
}
}

/* Reads the initial states. A payload whose head has passed the host's checks has words enough for them. */
VQZ_KERNEL(VQZ_WARP) void vqz_decode_begin(const vqz_cu_batch p) {
    vqz_cu_tile &t = p.tile[vqz_block_z()];
    const unsigned lane = vqz_lane();
    uint32_t x = VQZ_RANS_LOW;
    if (lane < t.lanes && 2 * t.lanes <= t.nwords) {
        x = 0;
        for (unsigned i = 0; i < 4; i++) x |= static_cast<uint32_t>(t.words[4 * lane + i]) << 8 * i;
    }
    const uint32_t bad = vqz_ballot(vqz_rans_is_low(x));
    if (lane < VQZ_CU_LANES) t.state[lane] = vqz_rans_is_low(x) ? static_cast<uint32_t>(VQZ_RANS_LOW) : x;
    if (lane) return;
    t.word = 2 * t.lanes <= t.nwords ? 2 * t.lanes : t.nwords;
    t.turn = 0;
    t.bit = 0;
    t.failed = (bad ? static_cast<uint32_t>(VQZ_CU_STATE) : 0) | (2 * t.lanes > t.nwords ? static_cast<uint32_t>(VQZ_CU_ENDED) : 0);
}

/* Steps by place: codec/steps.c. Lane x % 32 alone writes and reads column x. */
VQZ_KERNEL(VQZ_WARP) void vqz_decode_steps(const vqz_cu_batch p) {
    vqz_cu_tile &t = p.tile[vqz_block_z()];
    const uint32_t lane = vqz_lane(), h = (t.h + 1) / 2, w = (t.w + 1) / 2;
    if (!t.unit) return;
    stream s = open(t);
    context q = {UINT32_C(1) << 30, 0};
    for (uint32_t y = 0; y < h; y++) {
        int32_t left = 0;
        for (uint32_t x = 0; x < w; x++) {
            const uint32_t owner = x % VQZ_WARP;
            const int32_t mine = y && lane == owner ? t.steps[(y - 1) * w + x] : left;
            const int32_t above = static_cast<int32_t>(vqz_shuffle(static_cast<uint32_t>(mine), owner)), beside = x ? left : above, guess = (above + beside) >> 1;
            left = one_step(s, q, guess, above < beside ? beside - above : above - beside);
            if (lane == owner) t.steps[y * w + x] = static_cast<int8_t>(left);
        }
    }
    close(s, t);
}

/* Rows of the level table by the steps. */
VQZ_KERNEL(VQZ_WARP) void vqz_set_rows(const vqz_cu_batch p) {
    const vqz_cu_tile &t = p.tile[vqz_block_z()];
    for (uint32_t i = vqz_lane(); i < t.h * t.w; i += VQZ_WARP) {
        const uint32_t y = i / t.w, x = i - y * t.w;
        const int32_t step = t.unit ? static_cast<int32_t>(t.unit) * t.steps[y / 2 * ((t.w + 1) / 2) + x / 2] : 0;
        t.rows[i] = static_cast<uint8_t>(vqz_clamp32(static_cast<int32_t>(t.level) + step, 0, static_cast<int32_t>(p.tables.levels) - 1));
    }
}

VQZ_KERNEL(VQZ_WARP) void vqz_decode_hyper(const vqz_cu_batch p) {
    VQZ_SHARED(uint32_t, book, SYMBOLS);
    VQZ_SHARED(int2, value, SYMBOLS);
    const vqz_cu_tables &m = p.tables;
    vqz_cu_tile &t = p.tile[vqz_block_z()];
    const vqz_cu_level &level = m.level[t.level];
    const unsigned lane = vqz_lane();
    const uint32_t n = t.zh * t.zw, total = m.Z * n;
    stream s = open(t);
    for (uint32_t base = 0; base < total; base += CHUNK) {
        const uint32_t q = base + lane, count = total - base < CHUNK ? total - base : static_cast<uint32_t>(CHUNK);
        if (lane < count) book.set(lane, m.ztables + level.ztab[q / n]);
        vqz_sync_warp();
        decode(s, m, book, value, count, 1);
        vqz_sync_warp();
        if (lane < count) t.z[q] = value.get(lane).x + level.zoff[q / n];
    }
    close(s, t);
}

VQZ_KERNEL(VQZ_WARP) void vqz_decode_pass(const vqz_cu_pass p) {
    VQZ_SHARED(uint32_t, book, SYMBOLS);
    VQZ_SHARED(int2, value, SYMBOLS);
    const vqz_cu_tables &m = p.batch.tables;
    const unsigned item = vqz_block_z(), lane = vqz_lane();
    vqz_cu_tile &t = p.batch.tile[item];
    const vqz_cu_view heads = p.heads[item];
    const uint32_t total = vqz_cu_positions(t.h, t.w, p.pass) * (p.channels / 2);
    if (p.only && !p.only[item]) return;
    const bool coded = t.mask >> p.slice & 1;
    stream s = open(t);
    for (uint32_t base = 0; base < total; base += CHUNK) {
        const uint32_t q = base + lane;
        const bool live = q < total;
        const vqz_two two = vqz_two_of(p, t, heads, live ? q : total - 1, t.bias[p.slice]);
        int32_t residual[2] = {0, 0}, latent[2];
        if (coded && !s.failed) {
            const uint32_t before = (1u << lane) - 1, lives = vqz_ballot(live), doubles = vqz_ballot(live && two.single);
            const uint32_t at = vqz_popc(lives & before) + vqz_popc(doubles & before);
            if (live) book.set(at, two.single ? two.book : two.book | (two.swap ? static_cast<uint32_t>(SWAP) : 0));
            if (live && two.single) book.set(at + 1, two.other);
            vqz_sync_warp();
            decode(s, m, book, value, vqz_popc(lives) + vqz_popc(doubles), 256);
            vqz_sync_warp();
            if (live) {
                const int2 v = value.get(at);
                residual[0] = v.x;
                residual[1] = two.single ? value.get(at + 1).x : v.y;
            }
        }
        for (unsigned e = 0; e < 2; e++) latent[e] = vqz_latent_of(two.mean[e], residual[e], two.level->inv[two.channel + e], m.inv_shift);
        if (live) vqz_commit(m, t, two, latent);
    }
    close(s, t);
}

/* What spec/bitstream.md wants of the end: states, words, raw bits. */
VQZ_KERNEL(VQZ_WARP) void vqz_decode_end(const vqz_cu_batch p) {
    vqz_cu_tile &t = p.tile[vqz_block_z()];
    const unsigned lane = vqz_lane();
    const bool wrong = lane < t.lanes && t.state[lane < VQZ_CU_LANES ? lane : 0] != VQZ_RANS_LOW;
    const uint32_t states = vqz_ballot(wrong);
    if (lane) return;
    const uint64_t left = static_cast<uint64_t>(t.nraw) * 8 - t.bit;
    const bool rest = left > 7 || (left && t.raw[t.nraw - 1] >> (8 - left));
    t.failed |= (states ? static_cast<uint32_t>(VQZ_CU_STATE) : 0) | (t.word != t.nwords ? static_cast<uint32_t>(VQZ_CU_WORDS) : 0) |
                (rest ? static_cast<uint32_t>(VQZ_CU_RAW) : 0);
}

int vqz_cu_decode_begin(const vqz_cu_batch *p, void *stream) { return VQZ_LAUNCH(vqz_decode_begin, 1, 1, p->tiles, VQZ_WARP, stream, *p); }
int vqz_cu_decode_steps(const vqz_cu_batch *p, void *stream) {
    const int error = VQZ_LAUNCH(vqz_decode_steps, 1, 1, p->tiles, VQZ_WARP, stream, *p);
    return error ? error : VQZ_LAUNCH(vqz_set_rows, 1, 1, p->tiles, VQZ_WARP, stream, *p);
}
int vqz_cu_decode_hyper(const vqz_cu_batch *p, void *stream) { return VQZ_LAUNCH(vqz_decode_hyper, 1, 1, p->tiles, VQZ_WARP, stream, *p); }
int vqz_cu_decode_pass(const vqz_cu_pass *p, void *stream) { return VQZ_LAUNCH(vqz_decode_pass, 1, 1, p->batch.tiles, VQZ_WARP, stream, *p); }
int vqz_cu_decode_end(const vqz_cu_batch *p, void *stream) { return VQZ_LAUNCH(vqz_decode_end, 1, 1, p->tiles, VQZ_WARP, stream, *p); }
