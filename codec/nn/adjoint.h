/* Derivatives of a network, in float: what the encoder's searches at higher efforts go by. Nothing that a decoder needs.
 * The network itself runs in integers, as always; rounding and clamping count as the identity. */
#ifndef VQZ_CODEC_NN_ADJOINT_H
#define VQZ_CODEC_NN_ADJOINT_H
#include "codec/nn/nn.h"

typedef struct vqz_adjoint vqz_adjoint;   /* immutable after creation: share it between threads */

/* Gradients of tensors are stored as float [h][w][vqz_adjoint_stride(channels)]. */
static inline size_t vqz_adjoint_stride(size_t channels) { return (channels + 31) & ~(size_t)31; }

/* For a network made from these layers; every convolution must have stride 1 (VQZ_ERR_UNSUPPORTED). `cpu`: as for vqz_kernels_get. */
vqz_status vqz_adjoint_create(vqz_adjoint **adjoint, vqz_memory *mem, const vqz_net *net, const vqz_layer_def *layers, unsigned cpu, vqz_error *error);
void vqz_adjoint_free(vqz_adjoint *adjoint, vqz_memory *mem);
/* Bytes of `work` for an input 0 of h x w positions, 64-byte aligned. */
vqz_status vqz_adjoint_plan(const vqz_adjoint *adjoint, uint32_t h, uint32_t w, size_t *work, vqz_error *error);
/* vqz_net_run of `packed`, a packed form of the same network, keeping in `work` what the derivatives need. */
void vqz_adjoint_forward(const vqz_adjoint *adjoint, const vqz_net *packed, const vqz_view *in, const vqz_view *out, void *scratch, void *work);
/* After a forward run on inputs of that size: the gradient of any function by the output, [h][w][stride], -> by each input, in units
 * of the integers that inputs and output hold. */
void vqz_adjoint_backward(const vqz_adjoint *adjoint, uint32_t h, uint32_t w, const float *output, size_t stride, float *const *inputs, void *work);

/* ---- the transposed convolution of one row, compiled for several instruction sets from adjoint_rows.h ---- */
typedef struct vqz_adjoint_job {
    const float *from;           /* gradient by the sums: window of the first position, zero-padded */
    size_t row;                  /* floats from one row of the window to the next */
    unsigned k, cout;
    const float *weights;        /* [k][k][cout][stride] */
    float *to;                   /* [positions][stride] */
    size_t stride, positions;
    bool add;                    /* onto what `to` holds */
} vqz_adjoint_job;
typedef void vqz_adjoint_row(const vqz_adjoint_job *job);
vqz_adjoint_row vqz_adjoint_row_c, vqz_adjoint_row_avx2, vqz_adjoint_row_avx512;
#endif
