/* The dialect on the hardware. Include cuda/dialect.h. */
#ifndef VQZ_CUDA_DEVICE_H
#define VQZ_CUDA_DEVICE_H
#include <cuda_runtime.h>

#define VQZ_DEVICE static __device__ __forceinline__
#define VQZ_DEVICE_MEMBER static __device__ __forceinline__
#define VQZ_KERNEL(threads) __global__ __launch_bounds__(threads)
#define VQZ_UNROLL _Pragma("unroll")
#define VQZ_ROLLED _Pragma("unroll 1")

VQZ_DEVICE unsigned vqz_thread() { return threadIdx.x; }
VQZ_DEVICE unsigned vqz_lane() { return threadIdx.x % VQZ_WARP; }
VQZ_DEVICE unsigned vqz_block_x() { return blockIdx.x; }
VQZ_DEVICE unsigned vqz_block_y() { return blockIdx.y; }
VQZ_DEVICE unsigned vqz_block_z() { return blockIdx.z; }

template <typename T> struct vqz_shared {
    T *p;
    __device__ __forceinline__ T get(unsigned i) const { return p[i]; }
    __device__ __forceinline__ void set(unsigned i, T v) const { p[i] = v; }
    template <typename U> __device__ __forceinline__ vqz_shared<U> as(unsigned first) const { return {reinterpret_cast<U *>(p + first)}; }
};
#define VQZ_SHARED(T, name, count)                    \
    __shared__ __align__(16) T name##_memory[count];  \
    const vqz_shared<T> name = {name##_memory}

VQZ_DEVICE void vqz_sync() { __syncthreads(); }
VQZ_DEVICE void vqz_sync_warp() { __syncwarp(); }
VQZ_DEVICE uint32_t vqz_ballot(bool p) { return __ballot_sync(0xffffffffu, p); }
VQZ_DEVICE uint32_t vqz_shuffle(uint32_t v, unsigned lane) { return __shfl_sync(0xffffffffu, v, (int)lane); }
VQZ_DEVICE unsigned vqz_popc(uint32_t v) { return (unsigned)__popc(v); }
VQZ_DEVICE uint32_t vqz_bytes(uint32_t a, uint32_t b, uint32_t selector) { return __byte_perm(a, b, selector); }

template <typename T> VQZ_DEVICE T vqz_load(const void *p) { return *static_cast<const T *>(p); }
template <typename T> VQZ_DEVICE void vqz_store(void *p, T v) { *static_cast<T *>(p) = v; }
VQZ_DEVICE void vqz_atomic_add(uint32_t *p, uint32_t v) { atomicAdd(p, v); }
VQZ_DEVICE void vqz_atomic_add(uint64_t *p, uint64_t v) { atomicAdd(reinterpret_cast<unsigned long long *>(p), static_cast<unsigned long long>(v)); }
VQZ_DEVICE void vqz_atomic_or(uint32_t *p, uint32_t v) { atomicOr(p, v); }

#define VQZ_DOT4(a_type, b_type) asm("dp4a." a_type "." b_type " %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c))
template <bool SA, bool SB> VQZ_DEVICE int32_t vqz_dot4(uint32_t a, uint32_t b, int32_t c) {
    int32_t d;
    if (SA && SB) VQZ_DOT4("s32", "s32");
    else if (SA) VQZ_DOT4("s32", "u32");
    else if (SB) VQZ_DOT4("u32", "s32");
    else VQZ_DOT4("u32", "u32");
    return d;
}
#undef VQZ_DOT4

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
#define VQZ_MMA(a_type, b_type)                                                                                                            \
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32." a_type "." b_type ".s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
                 : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))
#else   /* Turing: a quarter at a time; its fragments are quarters of the large ones */
#define VQZ_QUARTER(a_type, b_type, c0, c1, a0, b0)                                                                                       \
    asm volatile("mma.sync.aligned.m8n8k16.row.col.s32." a_type "." b_type ".s32 {%0, %1}, {%2}, {%3}, {%0, %1};"                           \
                 : "+r"(c0), "+r"(c1) : "r"(a0), "r"(b0))
#define VQZ_MMA(a_type, b_type)                              \
    VQZ_QUARTER(a_type, b_type, c[0], c[1], a[0], b[0]);     \
    VQZ_QUARTER(a_type, b_type, c[0], c[1], a[2], b[1]);     \
    VQZ_QUARTER(a_type, b_type, c[2], c[3], a[1], b[0]);     \
    VQZ_QUARTER(a_type, b_type, c[2], c[3], a[3], b[1])
#endif
template <bool SA, bool SB> VQZ_DEVICE void vqz_mma(int32_t (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    if (SA && SB) { VQZ_MMA("s8", "s8"); }
    else if (SA) { VQZ_MMA("s8", "u8"); }
    else if (SB) { VQZ_MMA("u8", "s8"); }
    else { VQZ_MMA("u8", "u8"); }
}
#undef VQZ_MMA

template <typename T> VQZ_DEVICE void vqz_copy_async(const vqz_shared<T> &to, unsigned i, const void *from) {
    uint4 *dst = reinterpret_cast<uint4 *>(to.p) + i;
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    const unsigned at = static_cast<unsigned>(__cvta_generic_to_shared(dst));
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" :: "r"(at), "l"(from) : "memory");
#else
    *dst = *static_cast<const uint4 *>(from);
#endif
}
VQZ_DEVICE void vqz_copy_commit() {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
template <int N> VQZ_DEVICE void vqz_copy_wait() {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" :: "n"(N) : "memory");
#endif
}

template <typename P> static int vqz_cu_launch(void (*kernel)(P), unsigned x, unsigned y, unsigned z, unsigned threads, void *stream, const P &params) {
    if (x == 0 || y == 0 || z == 0) return 0;
    kernel<<<dim3(x, y, z), threads, 0, static_cast<cudaStream_t>(stream)>>>(params);
    return static_cast<int>(cudaGetLastError());
}
#define VQZ_LAUNCH(kernel, x, y, z, threads, stream, params) vqz_cu_launch(kernel, x, y, z, threads, stream, params)
#endif
