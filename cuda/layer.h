/* What kernels of layers are given, for both sides: C on the host, CUDA on the device. */
#ifndef VQZ_CUDA_LAYER_H
#define VQZ_CUDA_LAYER_H
#include <stdint.h>

enum {
    VQZ_CU_UNIT = 16,                        /* bytes that are read at a time: positions begin at multiples */
    VQZ_CU_STAGE_UNITS = 4,                  /* of the sum over taps and input channels that a block takes in at a time */
    VQZ_CU_WIDE = 64, VQZ_CU_NARROW = 32     /* output channels of a block */
};

/* One item's tensor in device memory: as vqz_view; data and stride * (1 or 2 bytes) are multiples of 16. What stands between the last channel and the
 * stride may be read, and written, by kernels of layers. */
typedef struct vqz_cu_view {
    void *data;
    uint32_t h, w, stride, reserved;
} vqz_cu_view;

/* One output channel, in the order in which results are stored: (i, j, k) of the shuffle. */
typedef struct vqz_cu_channel {
    int32_t bias;                            /* less what the zero points of the inputs add to the sum */
    int32_t mul, addmul, lo, hi;
    uint8_t shift, zero, addzero, reserved;  /* zero points of result and addend */
    uint32_t from;                           /* the channel's number in the file, which is also that of the addend */
    uint32_t reserved2;
} vqz_cu_channel;

typedef struct vqz_cu_layer {
    /* s8: [block of channels][stage][step of 32 bytes][8 channels][lane][2 words], fragments of B of mma.m16n8k32.
     * s16: the same with planes of low and high bytes in place of the two steps of a stage. NULL: no convolution. */
    const void *weights;
    const void *blank;                       /* one position of zero padding */
    const vqz_cu_channel *channel;           /* [cout] */
    uint32_t cout, run, shuffle;             /* run: channels of the result, cout / shuffle^2 */
    uint32_t k, stride, edge, leaky;
    uint32_t units, stages;                  /* of one position; of the whole sum */
    uint32_t block;                          /* VQZ_CU_WIDE or VQZ_CU_NARROW */
    uint8_t in16, out16, add16, add;         /* 16-bit tensors; whether there is an addend */
    uint32_t dots;                           /* without tensor cores */
} vqz_cu_layer;

/* A layer over a batch: arrays of one view per item, in device memory. */
typedef struct vqz_cu_job {
    vqz_cu_layer layer;
    const vqz_cu_view *in, *addend, *out;
    const uint32_t *only;                    /* not NULL: items with 0 are left out */
} vqz_cu_job;
#endif
