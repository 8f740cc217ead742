/* Inside of a network, for net.c, net_check.c and cuda/. */
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

/* Where the tensors between the layers stand in a block of memory: what is needed at the same time does not overlap. */
typedef struct vqz_net_places {
    size_t offset[VQZ_NET_TENSORS], size[VQZ_NET_TENSORS];   /* of tensors that a layer but the last one writes */
    size_t total;
} vqz_net_places;
/* Fills offset and total by the sizes. False: they do not fit in size_t. */
bool vqz_net_place(const vqz_net *net, vqz_net_places *p);

/* Every rule for a network but the bounds, in net_check.c; fills scales. */
vqz_status vqz_net_check(const char *name, const vqz_tensor_def *tensors, unsigned ntensors, unsigned inputs,
                         const vqz_layer_def *layers, unsigned nlayers, vqz_scale *scales, vqz_error *error);
/* The bounds of the accumulators, for a network that has passed the other rules. */
vqz_status vqz_net_prove(const char *name, const vqz_tensor_def *tensors, const vqz_layer_def *layers, unsigned nlayers, vqz_error *error);
#endif
