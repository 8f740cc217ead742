/* Shared memory: bounds, who may see what, copies that land late. */
#include "cuda/host/block.h"

namespace vqz_host {
namespace {
word *words_of(segment *s, size_t at, size_t bytes) {
    if (at + bytes > s->bytes.size())
        fail("thread %u: byte %zu of the shared array of line %d, which has %zu", now.thread, at + bytes - 1, s->where.line, s->bytes.size());
    return &s->words[at / 4];
}

/* The read or write of a word by this thread is not ordered behind the last write. */
bool behind_write(const word &w) {
    if (w.written != here->epoch || w.writer == now.thread) return true;
    return w.writer / VQZ_WARP == now.thread / VQZ_WARP && w.written_warp != here->warps[now.thread / VQZ_WARP].epoch;
}

bool behind_reads(const word &w) {
    const unsigned own = now.thread / VQZ_WARP;
    if (w.read != here->epoch || w.readers_warps == 0) return true;
    if (w.readers_warps != 1u << own) return false;
    return w.read_warp != here->warps[own].epoch || (w.readers_lanes & ~(1u << now.thread % VQZ_WARP)) == 0;
}

void note_write(segment *s, word &w, size_t at) {
    if (w.in_flight) fail("thread %u writes where a copy is in flight (byte %zu of the shared array of line %d)", now.thread, at, s->where.line);
    if (!behind_write(w)) fail("threads %u and %u write byte %zu of the shared array of line %d with no barrier between", w.writer, now.thread, at, s->where.line);
    if (!behind_reads(w)) fail("thread %u overwrites byte %zu of the shared array of line %d, which others read with no barrier between", now.thread, at, s->where.line);
    w.written = here->epoch;
    w.written_warp = here->warps[now.thread / VQZ_WARP].epoch;
    w.writer = now.thread;
}

void land(thread *t, unsigned groups) {
    while (!t->copies.empty() && t->copies.front().group < groups) {
        const copy c = t->copies.front();
        t->copies.pop_front();
        word *w = words_of(c.to, c.at, 16);
        for (unsigned i = 0; i < 4; i++) {
            w[i].in_flight = false;
            note_write(c.to, w[i], c.at + 4 * i);
        }
        memcpy(&c.to->bytes[c.at], c.from, 16);
    }
}
}

segment *declare(const char *file, int line, size_t bytes) {
    const site where = {file, line};
    for (segment *s : here->segments)
        if (s->where == where) return s;
    segment *s = new segment();
    s->where = where;
    s->bytes.resize(bytes);
    s->words.resize(bytes / 4);
    for (size_t i = 0; i < bytes; i += 4) {
        const uint32_t junk = draw(UINT32_MAX);
        memcpy(&s->bytes[i], &junk, sizeof junk);
    }
    here->segments.push_back(s);
    here->shared += (bytes + 15) & ~(size_t)15;
    if (here->shared > SHARED_LIMIT) fail("a block wants %zu bytes of shared memory", here->shared);
    return s;
}

void read(segment *s, size_t at, void *to, size_t bytes) {
    if (at % bytes) fail("thread %u: %zu bytes at byte %zu of the shared array of line %d are not aligned", now.thread, bytes, at, s->where.line);
    word *w = words_of(s, at, bytes);
    const unsigned warp = now.thread / VQZ_WARP;
    const uint32_t warp_epoch = here->warps[warp].epoch;
    for (size_t i = 0; i < bytes / 4; i++) {
        if (w[i].in_flight) fail("thread %u reads where a copy is in flight (byte %zu of the shared array of line %d)", now.thread, at, s->where.line);
        if (!w[i].written) fail("thread %u reads byte %zu of the shared array of line %d, which nobody has written", now.thread, at, s->where.line);
        if (!behind_write(w[i]))
            fail("thread %u reads byte %zu of the shared array of line %d, which thread %u wrote with no barrier between", now.thread, at, s->where.line, w[i].writer);
        if (w[i].read != here->epoch) w[i].readers_warps = 0;
        if (w[i].read != here->epoch || w[i].last_warp != warp || w[i].read_warp != warp_epoch) w[i].readers_lanes = 0;
        w[i].read = here->epoch;
        w[i].last_warp = warp;
        w[i].read_warp = warp_epoch;
        w[i].readers_warps |= 1u << warp;
        w[i].readers_lanes |= 1u << now.thread % VQZ_WARP;
    }
    memcpy(to, &s->bytes[at], bytes);
}

void write(segment *s, size_t at, const void *from, size_t bytes) {
    if (at % bytes) fail("thread %u: %zu bytes at byte %zu of the shared array of line %d are not aligned", now.thread, bytes, at, s->where.line);
    word *w = words_of(s, at, bytes);
    for (size_t i = 0; i < bytes / 4; i++) note_write(s, w[i], at);
    memcpy(&s->bytes[at], from, bytes);
}

/* The bytes are taken from the source and stored only when they must be there; until then nobody may look, and what was there is gone. */
void copy_async(segment *s, size_t at, const void *from) {
    if (at % 16 || reinterpret_cast<uintptr_t>(from) % 16) fail("thread %u: a copy between places that are no multiples of 16 bytes", now.thread);
    word *w = words_of(s, at, 16);
    for (unsigned i = 0; i < 4; i++) {
        note_write(s, w[i], at + 4 * i);
        w[i].in_flight = true;
    }
    const uint32_t junk = draw(UINT32_MAX);
    for (unsigned i = 0; i < 16; i += 4) memcpy(&s->bytes[at + i], &junk, sizeof junk);
    thread *t = &here->fibers[now.thread];
    t->copies.push_back({s, at, from, t->groups});
}

void copy_commit() { here->fibers[now.thread].groups++; }

void copy_wait(unsigned left, const char *file, int line) {
    thread *t = &here->fibers[now.thread];
    if (dropped({file, line})) return;
    if (t->groups > left) land(t, t->groups - left);
}
}
