/* Running blocks: whose turn it is, barriers, and what warps do together. */
#include "cuda/host/block.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

namespace vqz_host {
ids now;
block *here;
bool wrong_mma, wrong_dots;

namespace {
uint32_t seed = 1;
std::string error;
std::vector<site> sites;
unsigned dropped_site = VQZ_HOST_NONE;
size_t most_shared;
fiber outer;
void (*work_run)(const void *);
const void *work_params;
bool failed;

const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

unsigned number(const site &s) {
    for (unsigned i = 0; i < sites.size(); i++)
        if (sites[i].line == s.line && strcmp(sites[i].file, s.file) == 0) return i;
    sites.push_back(s);
    return (unsigned)sites.size() - 1;
}

/* Some ready thread's turn; the calling fiber's own state says whether it is one of them. */
void next(fiber *from, bool gone) {
    block *b = here;
    if (b->nready == 0) {
        if (b->done == b->threads) {
            fiber_switch(from, &outer, gone);
            return;
        }
        unsigned at_barrier = 0, at_warp = 0;
        for (unsigned t = 0; t < b->threads; t++) {
            at_barrier += b->fibers[t].is == AT_BARRIER;
            at_warp += b->fibers[t].is == AT_WARP;
        }
        fail("nobody can go on: %u threads wait at a barrier of the block, %u at something that their warp does together, %u have left the kernel",
             at_barrier, at_warp, b->done);
    }
    const unsigned pick = draw(b->nready), t = b->ready[pick];
    b->ready[pick] = b->ready[--b->nready];
    now.thread = t;
    if (&b->fibers[t].own != from) fiber_switch(from, &b->fibers[t].own, gone);
    now.thread = (unsigned)(reinterpret_cast<thread *>(from) - b->fibers);
}

void entry() {
    fiber_begin();
    work_run(work_params);
    block *b = here;
    thread *t = &b->fibers[now.thread];
    if (!t->copies.empty()) fail("thread %u leaves the kernel with copies in flight", now.thread);
    t->is = DONE;
    b->done++;
    if (b->arrived) fail("thread %u leaves the kernel while others wait at a barrier (%s:%d)", now.thread, base_name(b->where.file), b->where.line);
    next(&t->own, true);
}

/* All lanes of a warp at one place: the last one computes for all. */
template <typename F> const uint32_t *meet(const site &s, const uint32_t *mine, unsigned n, F compute) {
    block *b = here;
    const unsigned t = now.thread, lane = t % VQZ_WARP;
    warp *w = &b->warps[t / VQZ_WARP];
    if (w->arrived == 0) w->where = s;
    else if (!(w->where == s))
        fail("warp %u is divided: lane %u is at %s:%d, others at line %d", t / VQZ_WARP, lane, base_name(s.file), s.line, w->where.line);
    for (unsigned i = 0; i < n; i++) w->in[lane][i] = mine[i];
    if (++w->arrived < VQZ_WARP) {
        b->fibers[t].is = AT_WARP;
        wait();
    } else {
        w->arrived = 0;
        compute(w);
        for (unsigned i = 0; i < VQZ_WARP; i++)
            if (i != lane) wake(t - lane + i);
    }
    return w->out[lane];
}
}

void fail(const char *format, ...) {
    if (!failed) {
        char text[400];
        va_list list;
        va_start(list, format);
        vsnprintf(text, sizeof text, format, list);
        va_end(list);
        error = text;
    }
    failed = true;
    if (!here) {                             /* not in a kernel: a defect of the test */
        fprintf(stderr, "%s\n", error.c_str());
        exit(99);
    }
    fiber_switch(&here->fibers[now.thread].own, &outer, true);
    __builtin_unreachable();
}

uint32_t draw(uint32_t n) {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return (uint32_t)(((uint64_t)seed * n) >> 32);
}

bool dropped(const site &s) { return number(s) == dropped_site; }

void wake(unsigned t) {
    block *b = here;
    b->fibers[t].is = READY;
    b->ready[b->nready++] = t;
}

void wait() { next(&here->fibers[now.thread].own, false); }

void barrier(const char *file, int line) {
    const site s = {file, line};
    block *b = here;
    if (dropped(s)) return;
    if (b->done) fail("%s:%d: a barrier after %u threads have left the kernel", base_name(file), line, b->done);
    if (b->arrived == 0) b->where = s;
    else if (!(b->where == s)) fail("thread %u is at the barrier %s:%d, others at that of line %d", now.thread, base_name(file), line, b->where.line);
    if (++b->arrived < b->threads) {
        b->fibers[now.thread].is = AT_BARRIER;
    } else {
        b->arrived = 0;
        b->epoch++;
        for (unsigned t = 0; t < b->threads; t++)
            if (t != now.thread) wake(t);
        wake(now.thread);
    }
    wait();
}

void barrier_warp(const char *file, int line) {
    const site s = {file, line};
    if (dropped(s)) return;
    meet(s, nullptr, 0, [](warp *w) { w->epoch++; });
}

uint32_t ballot(bool p, const char *file, int line) {
    const uint32_t mine = p;
    return *meet({file, line}, &mine, 1, [](warp *w) {
        uint32_t all = 0;
        for (unsigned i = 0; i < VQZ_WARP; i++) all |= w->in[i][0] << i;
        for (unsigned i = 0; i < VQZ_WARP; i++) w->out[i][0] = all;
    });
}

uint32_t shuffle(uint32_t v, unsigned lane, const char *file, int line) {
    const uint32_t mine[2] = {v, lane % VQZ_WARP};
    return *meet({file, line}, mine, 2, [](warp *w) {
        for (unsigned i = 0; i < VQZ_WARP; i++) w->out[i][0] = w->in[w->in[i][1]][0];
    });
}

typedef int32_t eight __attribute__((vector_size(32)));
typedef int16_t eight_short __attribute__((vector_size(16)));

/* Fragments of mma.m16n8k32 in the manual of PTX: lane 4g + t holds
 *   a[0..3]: row g, g + 8, g, g + 8, bytes 4t..4t+3 of the first 16 (a[0], a[1]) or the last 16 columns
 *   b[0..1]: column g, rows 4t..4t+3 of the first, of the last 16
 *   c[0..3]: row g (two columns, 2t and 2t + 1), then row g + 8 */
void mma(int32_t *c, const uint32_t *a, const uint32_t *b, bool signed_a, bool signed_b, const char *file, int line) {
    uint32_t mine[11];
    for (unsigned i = 0; i < 4; i++) mine[i] = a[i];
    for (unsigned i = 0; i < 2; i++) mine[4 + i] = b[i];
    for (unsigned i = 0; i < 4; i++) mine[6 + i] = (uint32_t)c[i];
    mine[10] = (uint32_t)signed_a | (uint32_t)signed_b << 1;
    const uint32_t *out = meet({file, line}, mine, 11, [](warp *w) {
        int16_t left[16][32], right[8][32];  /* rows of a, columns of b */
        const bool sa = w->in[0][10] & 1, sb = w->in[0][10] & 2;
        for (unsigned lane = 0; lane < VQZ_WARP; lane++) {
            const unsigned g = lane / 4, t = lane % 4;
            for (unsigned r = 0; r < 4; r++)
                for (unsigned i = 0; i < 4; i++) {
                    const uint8_t byte = (uint8_t)(w->in[lane][r] >> 8 * i);
                    left[g + r % 2 * 8][r / 2 * 16 + 4 * t + i] = (int16_t)(sa ? (int8_t)byte : byte);
                }
            for (unsigned r = 0; r < 2; r++)
                for (unsigned i = 0; i < 4; i++) {
                    const uint8_t byte = (uint8_t)(w->in[lane][4 + r] >> 8 * i);
                    right[g][(wrong_mma ? 1 - r : r) * 16 + 4 * t + i] = (int16_t)(sb ? (int8_t)byte : byte);
                }
        }
        for (unsigned lane = 0; lane < VQZ_WARP; lane++)
            for (unsigned r = 0; r < 4; r++) {
                const int16_t *x = left[lane / 4 + r / 2 * 8], *y = right[lane % 4 * 2 + r % 2];
                eight sums = {0};            /* below 2^21 in all */
                for (unsigned k = 0; k < 32; k += 8) {
                    eight_short u, v;
                    memcpy(&u, x + k, sizeof u);
                    memcpy(&v, y + k, sizeof v);
                    sums += __builtin_convertvector(u, eight) * __builtin_convertvector(v, eight);
                }
                for (unsigned k = 0; k < 8; k++) w->out[lane][r] = (k ? w->out[lane][r] : w->in[lane][6 + r]) + (uint32_t)sums[k];
            }
    });
    for (unsigned i = 0; i < 4; i++) c[i] = (int32_t)out[i];
}

int launch(void (*run)(const void *), const void *params, unsigned x, unsigned y, unsigned z, unsigned threads) {
    static block *memory;
    static uint8_t *stacks;
    if (!memory) {
        memory = new block();
        stacks = static_cast<uint8_t *>(mmap(nullptr, (size_t)MAX_THREADS * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
        if (stacks == MAP_FAILED) abort();
    }
    block *b = memory;
    work_run = run;
    work_params = params;
    failed = false;
    error.clear();
    if (threads == 0 || threads % VQZ_WARP || threads > MAX_THREADS) return VQZ_HOST_FAULT;
    if (y > 65535 || z > 65535) return VQZ_HOST_FAULT;
    const uint64_t blocks = (uint64_t)x * y * z;
    const uint64_t first = blocks ? draw((uint32_t)(blocks > UINT32_MAX ? UINT32_MAX : blocks)) : 0;
    for (uint64_t i = 0; i < blocks && !failed; i++) {
        const uint64_t at = (i + first) % blocks;        /* blocks may run in any order */
        now = {0, (unsigned)(at % x), (unsigned)(at / x % y), (unsigned)(at / x / y)};
        b->threads = threads;
        b->arrived = b->done = 0;
        b->epoch = 1;
        b->nready = 0;
        b->shared = 0;
        for (unsigned w = 0; w < threads / VQZ_WARP; w++) {
            b->warps[w].arrived = 0;
            b->warps[w].epoch = 1;
        }
        here = b;
        for (unsigned t = 0; t < threads; t++) {
            fiber_init(&b->fibers[t].own, stacks + (size_t)t * STACK, STACK, entry);
            b->fibers[t].copies.clear();
            b->fibers[t].groups = 0;
            wake(t);
        }
        const unsigned pick = draw(b->nready), t = b->ready[pick];
        b->ready[pick] = b->ready[--b->nready];
        now.thread = t;
        fiber_switch(&outer, &b->fibers[t].own, false);
        here = nullptr;
        for (segment *s : b->segments) delete s;
        b->segments.clear();
        if (b->shared > most_shared) most_shared = b->shared;
    }
    if (failed) fiber_forget(stacks, (size_t)threads * STACK);
    return failed ? VQZ_HOST_FAULT : 0;
}
}

using namespace vqz_host;
void vqz_host_seed(uint32_t s) { seed = s ? s : 1; }
const char *vqz_host_error(void) { return error.c_str(); }
unsigned vqz_host_sites(void) { return (unsigned)sites.size(); }
const char *vqz_host_site(unsigned i) {
    static char text[100];
    snprintf(text, sizeof text, "%s:%d", base_name(sites[i].file), sites[i].line);
    return text;
}
void vqz_host_drop(unsigned s) { dropped_site = s; }
unsigned vqz_host_shared_bytes(void) {
    const size_t n = most_shared;
    most_shared = 0;
    return (unsigned)n;
}
