/* The words that kernels are written in. nvcc gives them the meaning of the hardware (device.h), any other C++ compiler that of the
 * model in host/, which runs the same source and watches what it does. Kernels use nothing of CUDA beside these words:
 *
 *   VQZ_KERNEL(threads) void f(params)       a kernel for blocks of so many threads
 *   VQZ_DEVICE                               a function that kernels call
 *   vqz_thread(), vqz_lane(), vqz_block_x/y/z()
 *   VQZ_SHARED(T, name, count)               memory of the block; name.get(i), name.set(i, v), name.as<U>(first): T and U are of 4, 8 or 16 bytes
 *   vqz_sync(), vqz_sync_warp()              barriers
 *   vqz_ballot(p), vqz_shuffle(v, lane)      all lanes of a warp take part
 *   vqz_mma<SA, SB>(c, a, b)                 c[4] += a[4] b[2]: 16 x 32 by 32 x 8 bytes, SA and SB: signed. Fragments as PTX lays out mma.m16n8k32
 *   vqz_mma_by_dots<SA, SB>(c, a, b)         the same without tensor cores
 *   vqz_dot4<SA, SB>(a, b, c)                four products of bytes
 *   vqz_copy_async(shared, i, source)        16 bytes to name.as<uint4>()[i], at some time before the wait
 *   vqz_copy_commit(), vqz_copy_wait<n>()    all but the last n groups of this thread have landed
 *   vqz_load<T>(p), vqz_store<T>(p, v)       global memory, aligned
 *   vqz_atomic_add, vqz_atomic_or            global memory
 *   vqz_bytes(a, b, selector)                byte permutation
 *   VQZ_LAUNCH(kernel, x, y, z, threads, stream, params)      0 or an error for vqz_cu_error_text */
#ifndef VQZ_CUDA_DIALECT_H
#define VQZ_CUDA_DIALECT_H
#include "base/laddermath.h"
#include <stddef.h>

enum { VQZ_WARP = 32 };

#ifdef __CUDACC__
#include "cuda/device.h"
#else
#include "cuda/host/model.h"
#endif

/* One tensor core product out of dot products: each lane collects the rows and columns of its four sums from those that hold them. */
template <bool SA, bool SB> VQZ_DEVICE void vqz_mma_by_dots(int32_t (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    const unsigned lane = vqz_lane(), row = lane & ~3u, column = (lane & 3) * 8;
    VQZ_ROLLED
    for (unsigned q = 0; q < 4; q++) {
        uint32_t x[4], even[2], odd[2];
        for (unsigned i = 0; i < 4; i++) x[i] = vqz_shuffle(a[i], row | q);
        for (unsigned i = 0; i < 2; i++) even[i] = vqz_shuffle(b[i], column + q);
        for (unsigned i = 0; i < 2; i++) odd[i] = vqz_shuffle(b[i], column + 4 + q);
        for (unsigned i = 0; i < 2; i++) {
            c[0] = vqz_dot4<SA, SB>(x[2 * i], even[i], c[0]);
            c[1] = vqz_dot4<SA, SB>(x[2 * i], odd[i], c[1]);
            c[2] = vqz_dot4<SA, SB>(x[2 * i + 1], even[i], c[2]);
            c[3] = vqz_dot4<SA, SB>(x[2 * i + 1], odd[i], c[3]);
        }
    }
}
#endif
