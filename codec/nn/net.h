/* Inside of a network, for net.c and net_check.c. */
#ifndef VQZ_CODEC_NN_NET_H
#define VQZ_CODEC_NN_NET_H
#include "codec/nn/kernels.h"

enum {
    VQZ_NET_TENSORS = 255,       /* tensor numbers are 0..254 */
    VQZ_NET_SIDE = 1 << 14,      /* positions of an input, per side */
    VQZ_NET_DOWN = 14, VQZ_NET_UP = 8   /* largest scales, as powers of two */
};

static inline uint32_t vqz_scaled(uint32_t n, vqz_scale s) { return ((n + (1u << s.down) - 1) >> s.down) << s.up; }

struct vqz_net {
    const vqz_kernels *kernels;
    unsigned ntensors, inputs, nlayers;
    vqz_tensor_def tensors[VQZ_NET_TENSORS];
    vqz_scale scales[VQZ_NET_TENSORS];
    uint8_t last_use[VQZ_NET_TENSORS];   /* the last layer that reads the tensor, or the one that writes it */
    vqz_layer *layers;
};

/* Every rule for a network but the bounds, in net_check.c; fills scales. */
vqz_status vqz_net_check(const char *name, const vqz_tensor_def *tensors, unsigned ntensors, unsigned inputs,
                         const vqz_layer_def *layers, unsigned nlayers, vqz_scale *scales, vqz_error *error);
/* The bounds of the accumulators, for a network that has passed the other rules. */
vqz_status vqz_net_prove(const char *name, const vqz_tensor_def *tensors, const vqz_layer_def *layers, unsigned nlayers, vqz_error *error);
#endif
