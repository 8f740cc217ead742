/* Networks on the device: layers packed for its kernels, and plans that run them over batches. */
#ifndef VQZ_CUDA_NET_H
#define VQZ_CUDA_NET_H
#include "codec/nn/net.h"
#include "cuda/launch.h"
#include "cuda/runtime.h"

/* VQZ_OK, or fills *e with what the device says: VQZ_ERR_MEMORY, or VQZ_ERR_DEVICE, then the device is lost to this process. */
vqz_status vqz_cu_check(int error, const char *what, vqz_error *e);
/* Uploads a host's block to device memory of its own. */
vqz_status vqz_cu_place(void **device, const void *host, size_t bytes, const char *what, vqz_error *e);

/* Elements from position to position of a device tensor: the channels in whole units. */
static inline uint32_t vqz_cu_stride(uint32_t channels, size_t element) {
    return (uint32_t)((channels * element + VQZ_CU_UNIT - 1) / VQZ_CU_UNIT * VQZ_CU_UNIT / element);
}

typedef struct vqz_cu_net {
    const vqz_net *net;
    void *memory;                            /* the device's: weights and channels of all layers */
    vqz_cu_layer layer[];                    /* [net->nlayers] */
} vqz_cu_net;
/* net was made from these layers, and must outlive the result. dots: without tensor cores. */
vqz_status vqz_cu_net_create(vqz_cu_net **packed, const vqz_net *net, const vqz_layer_def *layers, bool dots, vqz_memory *mem, vqz_error *e);
void vqz_cu_net_free(vqz_cu_net *net, vqz_memory *mem);

/* A network bound to the tensors of a batch. */
typedef struct vqz_cu_plan {
    const vqz_cu_net *net;
    unsigned items;
    void *views;                             /* the device's: [tensor][item] */
    uint32_t positions[VQZ_NET_TENSORS];     /* of each layer's largest output, before the shuffle */
} vqz_cu_plan;
/* in[t]: the views of input t, an array of `items`; out: those of the output. Sizes of outputs follow from those of input 0, which may be 0. */
typedef struct vqz_cu_binding {
    unsigned items;
    const vqz_cu_view *in[2], *out;
} vqz_cu_binding;
/* Bytes of device scratch that a run needs. */
vqz_status vqz_cu_plan_size(const vqz_cu_net *net, const vqz_cu_binding *b, size_t *scratch, vqz_error *e);
/* scratch: of at least that size, shared by plans that do not run at once. */
vqz_status vqz_cu_plan_create(vqz_cu_plan *plan, const vqz_cu_net *net, const vqz_cu_binding *b, void *scratch, vqz_memory *mem, vqz_error *e);
void vqz_cu_plan_free(vqz_cu_plan *plan);
/* The device's views of a tensor, and of the output. */
const vqz_cu_view *vqz_cu_plan_tensor(const vqz_cu_plan *plan, unsigned tensor);
const vqz_cu_view *vqz_cu_plan_output(const vqz_cu_plan *plan);
/* Queues the layers. only: device memory, a word per item, items with 0 are left out; NULL: all. */
vqz_status vqz_cu_plan_run(const vqz_cu_plan *plan, const uint32_t *only, void *queue, vqz_error *e);
#endif
