/* One variant's way to run a layer. A variant packs a checked layer's arrays in its own order once, and then runs the layer
 * on views; it never fails at run time. */
#ifndef VQZ_CODEC_NN_KERNELS_H
#define VQZ_CODEC_NN_KERNELS_H
#include "codec/nn/nn.h"

typedef struct vqz_layer {
    vqz_layer_def def;             /* its arrays are NULL: the variant has its own copies */
    vqz_tensor_def in, out, add;   /* of def.src, def.dst (after the shuffle), def.add */
    void *packed;                  /* the variant's; one allocation */
} vqz_layer;

struct vqz_kernels {
    /* Sets l->packed from the file's arrays; all else in *l is set. */
    vqz_status (*pack)(vqz_layer *l, const vqz_layer_def *arrays, vqz_memory *mem, vqz_error *e);
    /* Scratch bytes for an input of h x w; SIZE_MAX where they do not fit. */
    size_t (*scratch)(const vqz_layer *l, uint32_t h, uint32_t w);
    /* add is NULL where the layer has no addend. `out` overlaps neither input. part: positions before the shuffle. */
    void (*run)(const vqz_layer *l, const vqz_view *in, const vqz_view *add, const vqz_view *out, vqz_rect part, void *scratch);
};

/* Those that the build has: select.c. */
extern const vqz_kernels vqz_kernels_c, vqz_kernels_avx2, vqz_kernels_avxvnni, vqz_kernels_avx512, vqz_kernels_amx, vqz_kernels_neon, vqz_kernels_neondot;

static inline size_t vqz_element_size(const vqz_tensor_def *d) { return d->type == VQZ_T_S16 ? 2 : 1; }
/* The stored byte or word of the value 0 in channel c. */
static inline int vqz_zero_point(const vqz_tensor_def *d, unsigned c) {
    return d->type == VQZ_T_S8 || (d->type == VQZ_T_MIXED && c >= d->zsplit) ? 128 : 0;
}
/* Output values of channel c are clamped to lo..hi. */
static inline void vqz_output_range(const vqz_tensor_def *d, unsigned c, unsigned act, int32_t *lo, int32_t *hi) {
    if (d->type == VQZ_T_S16) {
        *lo = -(int32_t)d->bound;
        *hi = d->bound > INT16_MAX ? INT16_MAX : d->bound;
    } else {
        *lo = -vqz_zero_point(d, c);
        *hi = 255 + *lo;
    }
    if (act == VQZ_ACT_RELU) *lo = 0;
}
#endif
