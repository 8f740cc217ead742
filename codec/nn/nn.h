/* The integer network engine (spec/arithmetic.md): one layer loop, kernels chosen at run time. */
#ifndef VQZ_CODEC_NN_H
#define VQZ_CODEC_NN_H
#include "base/memory.h"

typedef enum { VQZ_T_U8, VQZ_T_S8, VQZ_T_S16, VQZ_T_MIXED } vqz_type;
typedef enum { VQZ_OP_CONV, VQZ_OP_REQUANT } vqz_op;
typedef enum { VQZ_ACT_NONE, VQZ_ACT_RELU, VQZ_ACT_LEAKY } vqz_act;
enum { VQZ_NO_TENSOR = 255 };

/* The size of a tensor by that of input 0: ceil(size / 2^down) * 2^up. Strides and shuffles keep that form, and two
 * tensors have the same size for every input exactly if both numbers agree. */
typedef struct vqz_scale {
    uint8_t down, up;
} vqz_scale;

/* A tensor of a network as the model file declares it. */
typedef struct vqz_tensor_def {
    vqz_type type;
    uint16_t channels, zsplit;
    uint16_t bound;              /* s16: values lie in -bound..bound (32768: up to 32767); else 0 */
    vqz_scale scale;             /* of an input other than the first; not in the file */
} vqz_tensor_def;

/* A layer as the model file declares it; arrays point into the (little-endian, unaligned) file. */
typedef struct vqz_layer_def {
    uint8_t op, k, stride, act, pad_edge, shuffle, src, dst, add;
    uint16_t cin, cout;
    const uint8_t *weights;      /* s8 or s16 [cout][k][k][cin] */
    const uint8_t *bias;         /* s32 [cout] */
    const uint8_t *mul;          /* u16 [cout] */
    const uint8_t *shift;        /* u8 [cout] */
    const uint8_t *addmul;       /* s32 [cout], or NULL */
} vqz_layer_def;

/* A tensor in memory: element (y, x, c) is at data + ((y * w + x) * stride + c) * (1 or 2 bytes). 8-bit data are stored
 * as in spec/arithmetic.md section 1 (s8 with zero point 128). `stride` (elements per position) lets a view cover some
 * channels of a wider buffer. */
typedef struct vqz_view {
    void *data;
    uint32_t h, w;
    uint32_t stride;
} vqz_view;

/* A rectangle of positions. */
typedef struct vqz_rect { uint32_t x, y, w, h; } vqz_rect;

typedef struct vqz_kernels vqz_kernels;   /* one variant's functions; codec/nn/kernels.h */
/* The table of vqz_cpu_pick(cpu). NULL: this machine or build lacks it. */
const vqz_kernels *vqz_kernels_get(unsigned cpu);

typedef struct vqz_net vqz_net;           /* immutable after creation: share it between threads */
/* Checks the layers (shapes, ranges, single assignment, accumulator bounds from the actual weights: spec/arithmetic.md
 * section 5 and spec/model.md), then packs the weights for `kernels`. `name` goes into error texts ("context trunk 2").
 * tensors[0 .. inputs-1] are the inputs; the output is the last layer's dst.
 * kernels NULL: nothing is packed. Such a network tells its scales, reach and work, and can be packed later. */
vqz_status vqz_net_create(vqz_net **net, vqz_memory *mem, const vqz_kernels *kernels, const char *name,
                          const vqz_tensor_def *tensors, unsigned ntensors, unsigned inputs,
                          const vqz_layer_def *layers, unsigned nlayers, vqz_error *error);
/* The same with kernels NULL, without the bounds: only for layers that are known to have passed that check. */
vqz_status vqz_net_describe(vqz_net **net, vqz_memory *mem, const char *name, const vqz_tensor_def *tensors, unsigned ntensors, unsigned inputs,
                            const vqz_layer_def *layers, unsigned nlayers, vqz_error *error);
/* A copy of `net`, which was made from these layers, that runs on `kernels`. */
vqz_status vqz_net_pack(vqz_net **packed, const vqz_net *net, const vqz_kernels *kernels, const vqz_layer_def *layers, vqz_memory *mem, vqz_error *error);
void vqz_net_free(vqz_net *net, vqz_memory *mem);
/* Output size for an input 0 of h x w, and the bytes of scratch that vqz_net_run needs (64-byte aligned). Inputs are at most
 * 2^14 positions per side; VQZ_ERR_LIMIT where the scratch does not fit in size_t. */
vqz_status vqz_net_plan(const vqz_net *net, uint32_t h, uint32_t w, uint32_t *oh, uint32_t *ow, size_t *scratch, vqz_error *error);
vqz_scale vqz_net_scale(const vqz_net *net, unsigned tensor);
/* Positions along one axis, both included; from > to: none. */
typedef struct vqz_span { int64_t from, to; } vqz_span;
/* The positions of an input that the positions `want` of the output depend on, far from any border. */
vqz_span vqz_net_needs(const vqz_net *net, unsigned input, vqz_span want);
/* The positions of an input that `part` of the output depends on, where input 0 has h x w. */
vqz_rect vqz_net_reads(const vqz_net *net, unsigned input, vqz_rect part, uint32_t h, uint32_t w);
uint64_t vqz_net_macs(const vqz_net *net, uint32_t h, uint32_t w);
/* Runs the network. in[0..inputs-1] are read only; `out` is written, all its positions, only the channels of the output tensor. */
void vqz_net_run(const vqz_net *net, const vqz_view *in, const vqz_view *out, void *scratch);
/* The same for the positions `part` of the output alone, and on the way only for those that they depend on. What layers write in whole cells
 * (shuffles) may go beyond `part`. */
void vqz_net_run_part(const vqz_net *net, const vqz_view *in, const vqz_view *out, vqz_rect part, void *scratch);

/* Debug: called after every layer with the layer's index and its output before being overwritten; NULL: none. For golden tests. */
typedef void (*vqz_net_trace)(void *user, unsigned layer, const vqz_tensor_def *def, const vqz_view *result);
void vqz_net_run_traced(const vqz_net *net, const vqz_view *in, const vqz_view *out, void *scratch, vqz_net_trace trace, void *user);
#endif
