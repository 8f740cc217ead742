/* The dialect on the host: threads are fibers that change places at every meeting point, in an order drawn from a seed; shared memory knows who
 * has written and read each word since the last barrier. It claims arithmetic, indexing and the use of barriers, nothing more (cuda/README.md).
 * Include cuda/dialect.h. */
#ifndef VQZ_CUDA_HOST_MODEL_H
#define VQZ_CUDA_HOST_MODEL_H
#include "cuda/host/host.h"
#include <string.h>

#define VQZ_DEVICE static inline
#define VQZ_DEVICE_MEMBER static inline
#define VQZ_KERNEL(threads) static
#define VQZ_UNROLL
#define VQZ_ROLLED

struct int2 { int32_t x, y; };
struct int4 { int32_t x, y, z, w; };
struct uint2 { uint32_t x, y; };
struct uint4 { uint32_t x, y, z, w; };

/* A place in the source. */
#define VQZ_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

namespace vqz_host {
struct segment;                              /* one shared array of the block that runs */
struct ids { unsigned thread, x, y, z; };
extern ids now;                              /* of the fiber that runs */
extern bool wrong_mma, wrong_dots;           /* by a test's will */

[[noreturn]] void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
segment *declare(const char *file, int line, size_t bytes);
void read(segment *s, size_t at, void *to, size_t bytes);
void write(segment *s, size_t at, const void *from, size_t bytes);
void copy_async(segment *s, size_t at, const void *from);
void copy_commit();
void copy_wait(unsigned left, const char *file, int line);
void barrier(const char *file, int line);
void barrier_warp(const char *file, int line);
uint32_t ballot(bool p, const char *file, int line);
uint32_t shuffle(uint32_t v, unsigned lane, const char *file, int line);
void mma(int32_t *c, const uint32_t *a, const uint32_t *b, bool sa, bool sb, const char *file, int line);
int enqueue(void *queue, void (*run)(const void *), const void *work, size_t bytes, unsigned x, unsigned y, unsigned z, unsigned threads);

template <typename P> struct work { void (*kernel)(P); P params; };
template <typename P> void run(const void *w) {
    const work<P> *t = static_cast<const work<P> *>(w);
    t->kernel(t->params);
}
template <typename P> int start(void (*kernel)(P), unsigned x, unsigned y, unsigned z, unsigned threads, void *queue, const P &params) {
    const work<P> w = {kernel, params};
    return enqueue(queue, run<P>, &w, sizeof w, x, y, z, threads);
}
}

VQZ_DEVICE unsigned vqz_thread() { return vqz_host::now.thread; }
VQZ_DEVICE unsigned vqz_lane() { return vqz_host::now.thread % VQZ_WARP; }
VQZ_DEVICE unsigned vqz_block_x() { return vqz_host::now.x; }
VQZ_DEVICE unsigned vqz_block_y() { return vqz_host::now.y; }
VQZ_DEVICE unsigned vqz_block_z() { return vqz_host::now.z; }

template <typename T> struct vqz_shared {
    static_assert(sizeof(T) % 4 == 0 && sizeof(T) <= 16, "shared memory is watched by words");
    vqz_host::segment *segment;
    size_t first;                            /* bytes */
    T get(unsigned i) const {
        T v;
        vqz_host::read(segment, first + (size_t)i * sizeof v, &v, sizeof v);
        return v;
    }
    void set(unsigned i, T v) const { vqz_host::write(segment, first + (size_t)i * sizeof v, &v, sizeof v); }
    template <typename U> vqz_shared<U> as(unsigned i) const { return {segment, first + (size_t)i * sizeof(T)}; }
};
#define VQZ_SHARED(T, name, count) const vqz_shared<T> name = {vqz_host::declare(__FILE__, __LINE__, (size_t)(count) * sizeof(T)), 0}

VQZ_DEVICE void vqz_sync(VQZ_HERE) { vqz_host::barrier(file, line); }
VQZ_DEVICE void vqz_sync_warp(VQZ_HERE) { vqz_host::barrier_warp(file, line); }
VQZ_DEVICE uint32_t vqz_ballot(bool p, VQZ_HERE) { return vqz_host::ballot(p, file, line); }
VQZ_DEVICE uint32_t vqz_shuffle(uint32_t v, unsigned lane, VQZ_HERE) { return vqz_host::shuffle(v, lane, file, line); }
VQZ_DEVICE unsigned vqz_popc(uint32_t v) { return (unsigned)__builtin_popcount(v); }
VQZ_DEVICE uint32_t vqz_bytes(uint32_t a, uint32_t b, uint32_t selector) {
    const uint64_t both = (uint64_t)b << 32 | a;
    uint32_t v = 0;
    for (unsigned i = 0; i < 4; i++) v |= (uint32_t)(both >> 8 * (selector >> 4 * i & 7) & 0xff) << 8 * i;
    return v;
}

template <typename T> VQZ_DEVICE T vqz_load(const void *p) {
    if ((uintptr_t)p % sizeof(T)) vqz_host::fail("%zu bytes are read at a place that is no multiple of that", sizeof(T));
    T v;
    memcpy(&v, p, sizeof v);
    return v;
}
template <typename T> VQZ_DEVICE void vqz_store(void *p, T v) {
    if ((uintptr_t)p % sizeof(T)) vqz_host::fail("%zu bytes are written at a place that is no multiple of that", sizeof(T));
    memcpy(p, &v, sizeof v);
}
VQZ_DEVICE void vqz_atomic_add(uint32_t *p, uint32_t v) { *p += v; }
VQZ_DEVICE void vqz_atomic_add(uint64_t *p, uint64_t v) { *p += v; }
VQZ_DEVICE void vqz_atomic_or(uint32_t *p, uint32_t v) { *p |= v; }

template <bool S> VQZ_DEVICE int32_t vqz_byte(uint32_t word, unsigned i) { return S ? (int8_t)(word >> 8 * i) : (int32_t)(word >> 8 * i & 0xff); }
template <bool SA, bool SB> VQZ_DEVICE int32_t vqz_dot4(uint32_t a, uint32_t b, int32_t c) {
    uint32_t sum = (uint32_t)c + vqz_host::wrong_dots;
    for (unsigned i = 0; i < 4; i++) sum += (uint32_t)(vqz_byte<SA>(a, i) * vqz_byte<SB>(b, i));
    return (int32_t)sum;
}
template <bool SA, bool SB> VQZ_DEVICE void vqz_mma(int32_t (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], VQZ_HERE) {
    vqz_host::mma(c, a, b, SA, SB, file, line);
}

template <typename T> VQZ_DEVICE void vqz_copy_async(const vqz_shared<T> &to, unsigned i, const void *from) {
    uint4 looked_at;                         /* here, where sanitizers see it */
    memcpy(&looked_at, from, sizeof looked_at);
    asm volatile("" ::"m"(looked_at));
    vqz_host::copy_async(to.segment, to.first + (size_t)i * 16, from);
}
VQZ_DEVICE void vqz_copy_commit() { vqz_host::copy_commit(); }
template <int N> VQZ_DEVICE void vqz_copy_wait(VQZ_HERE) { vqz_host::copy_wait(N, file, line); }

#define VQZ_LAUNCH(kernel, x, y, z, threads, stream, params) vqz_host::start(kernel, x, y, z, threads, stream, params)
#endif
