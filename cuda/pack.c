/* A layer's arrays in the order in which the device's kernels read them. */
#include "base/bytes.h"
#include "cuda/net.h"

enum { BLOCK_ALIGN = 256, OUT_OF_MEMORY = 2 };

vqz_status vqz_cu_check(int error, const char *what, vqz_error *e) {
    if (!error) return VQZ_OK;
    return vqz_fail(e, error == OUT_OF_MEMORY ? VQZ_ERR_MEMORY : VQZ_ERR_DEVICE, VQZ_NO_OFFSET, "CUDA: %s: %s", what, vqz_cu_error_text(error));
}

vqz_status vqz_cu_place(void **device, const void *host, size_t bytes, const char *what, vqz_error *e) {
    VQZ_TRY(vqz_cu_check(vqz_cu_alloc(device, bytes), what, e));
    vqz_status s = vqz_cu_check(vqz_cu_upload(*device, host, bytes, NULL), what, e);
    if (s == VQZ_OK) s = vqz_cu_check(vqz_cu_wait(NULL), what, e);
    if (s == VQZ_OK) return s;
    vqz_cu_free(*device);
    *device = NULL;
    return s;
}

/* Sizes and places of a layer's parts in the net's block. */
typedef struct parts {
    size_t weights, blank, channel;          /* bytes */
} parts;

static vqz_cu_layer describe(const vqz_layer *l, bool dots) {
    const vqz_layer_def *d = &l->def;
    const uint32_t unit_channels = VQZ_CU_UNIT / (uint32_t)vqz_element_size(&l->in), units = (d->cin + unit_channels - 1) / unit_channels;
    const uint32_t all = units * d->k * d->k;
    return (vqz_cu_layer){
        .cout = d->cout, .run = l->out.channels, .shuffle = d->shuffle, .k = d->k, .stride = d->stride, .edge = d->pad_edge,
        .leaky = d->act == VQZ_ACT_LEAKY, .units = units, .stages = (all + VQZ_CU_STAGE_UNITS - 1) / VQZ_CU_STAGE_UNITS,
        .block = (d->cout - 1u) % VQZ_CU_WIDE < VQZ_CU_NARROW && !dots ? VQZ_CU_NARROW : VQZ_CU_WIDE,      /* what wastes less */
        .in16 = l->in.type == VQZ_T_S16, .out16 = l->out.type == VQZ_T_S16, .add16 = l->add.type == VQZ_T_S16, .add = d->add != VQZ_NO_TENSOR,
        .dots = dots};
}

static bool sizes(const vqz_cu_layer *l, bool conv, parts *p) {
    const size_t blocks = (l->cout + l->block - 1) / l->block, stage = (size_t)l->block * VQZ_CU_STAGE_UNITS * VQZ_CU_UNIT;
    *p = (parts){.channel = l->cout * sizeof(vqz_cu_channel)};
    if (!conv) return true;
    p->blank = (size_t)l->units * VQZ_CU_UNIT;
    return !vqz_mul(blocks * l->stages, stage, &p->weights);
}

/* Takes `bytes` of the block that is being laid out. */
static bool take(size_t *used, size_t bytes, size_t *at) {
    *at = *used;
    return !vqz_add(bytes, BLOCK_ALIGN - 1, &bytes) && !vqz_add(*used, bytes & ~(size_t)(BLOCK_ALIGN - 1), used);
}

/* Byte of the fragments where byte `byte` (0..63) of stage s of channel o stands; plane: of a 16-bit weight, 0 its low byte, then byte is 0..31. */
static size_t fragment(const vqz_cu_layer *l, uint32_t o, uint32_t s, uint32_t byte, uint32_t plane) {
    const uint32_t step = l->in16 ? plane : byte / 32, row = byte % 32;          /* row of B: two registers of 16, four lanes of 4 */
    const size_t eight = ((size_t)(o / l->block * l->stages + s) * 2 + step) * (l->block / 8) + o % l->block / 8;
    return (eight * 32 + o % 8 * 4 + row % 16 / 4) * 8 + row / 16 * 4 + row % 4;
}

static void pack_weights(const vqz_layer *l, const vqz_cu_layer *to, const vqz_layer_def *a, uint32_t stored, uint32_t from, uint8_t *weights, int32_t *bias) {
    const uint32_t element = to->in16 ? 2 : 1, taps = (uint32_t)a->k * a->k, per_stage = VQZ_CU_STAGE_UNITS * VQZ_CU_UNIT / element;
    uint32_t zero = 0;
    for (uint32_t tap = 0; tap < taps; tap++)
        for (uint32_t c = 0; c < a->cin; c++) {
            const size_t file = ((size_t)from * taps + tap) * a->cin + c;
            const uint32_t place = tap * to->units * (VQZ_CU_UNIT / element) + c, s = place / per_stage, at = place % per_stage;
            if (to->in16) {
                const uint16_t w = vqz_load16(a->weights + 2 * file);
                weights[fragment(to, stored, s, at, 0)] = (uint8_t)w;
                weights[fragment(to, stored, s, at, 1)] = (uint8_t)(w >> 8);
            } else {
                const uint8_t w = a->weights[file];
                weights[fragment(to, stored, s, at, 0)] = w;
                zero += (uint32_t)((int8_t)w * vqz_zero_point(&l->in, c));
            }
        }
    *bias = (int32_t)((uint32_t)*bias - zero);
}

static void pack_layer(const vqz_layer *l, vqz_cu_layer *to, const vqz_layer_def *a, uint8_t *weights, uint8_t *blank, vqz_cu_channel *channel) {
    const uint32_t r2 = to->shuffle * to->shuffle;
    for (uint32_t c = 0; c < a->cin && a->op == VQZ_OP_CONV && !to->in16; c++) blank[c] = (uint8_t)vqz_zero_point(&l->in, c);
    for (uint32_t o = 0; o < to->cout; o++) {
        const uint32_t k = o % to->run, from = k * r2 + o / to->run;
        vqz_cu_channel *c = &channel[o];
        *c = (vqz_cu_channel){.mul = vqz_load16(a->mul + 2 * from), .shift = a->shift[from], .zero = (uint8_t)vqz_zero_point(&l->out, k), .from = from};
        vqz_output_range(&l->out, k, a->act, &c->lo, &c->hi);
        if (to->add) {
            c->addmul = (int32_t)vqz_load32(a->addmul + 4 * (size_t)from);
            c->addzero = (uint8_t)vqz_zero_point(&l->add, from);
        }
        if (a->op == VQZ_OP_REQUANT) {
            c->bias = -vqz_zero_point(&l->in, from);
            continue;
        }
        c->bias = (int32_t)vqz_load32(a->bias + 4 * (size_t)from);
        pack_weights(l, to, a, o, from, weights, &c->bias);
    }
}

vqz_status vqz_cu_net_create(vqz_cu_net **out, const vqz_net *net, const vqz_layer_def *arrays, bool dots, vqz_memory *mem, vqz_error *e) {
    void *p, *block;
    *out = NULL;
    VQZ_TRY(vqz_alloc(mem, &p, 1, sizeof(vqz_cu_net) + net->nlayers * sizeof(vqz_cu_layer), e));
    vqz_cu_net *packed = p;
    packed->net = net;
    struct { size_t weights, blank, channel; } at[VQZ_NET_TENSORS] = {{0}};
    size_t used = 0;
    bool fits = true;
    for (unsigned i = 0; i < net->nlayers; i++) {
        parts size;
        packed->layer[i] = describe(&net->layers[i], dots);
        fits = fits && sizes(&packed->layer[i], net->layers[i].def.op == VQZ_OP_CONV, &size) && take(&used, size.weights, &at[i].weights) &&
               take(&used, size.blank, &at[i].blank) && take(&used, size.channel, &at[i].channel);
    }
    vqz_status s = vqz_alloc(mem, &block, fits ? used : SIZE_MAX, 1, e);
    if (s == VQZ_OK) {
        uint8_t *b = block;
        for (unsigned i = 0; i < net->nlayers; i++)
            pack_layer(&net->layers[i], &packed->layer[i], &arrays[i], b + at[i].weights, b + at[i].blank, (vqz_cu_channel *)(void *)(b + at[i].channel));
        s = vqz_cu_place(&packed->memory, block, used, "the weights of a network", e);
    }
    vqz_free(mem, block);
    if (s != VQZ_OK) {
        vqz_free(mem, packed);
        return s;
    }
    for (unsigned i = 0; i < net->nlayers; i++) {
        uint8_t *b = packed->memory;
        vqz_cu_layer *l = &packed->layer[i];
        if (net->layers[i].def.op == VQZ_OP_CONV) l->weights = b + at[i].weights;
        l->blank = b + at[i].blank;
        l->channel = (const vqz_cu_channel *)(const void *)(b + at[i].channel);
    }
    *out = packed;
    return VQZ_OK;
}

void vqz_cu_net_free(vqz_cu_net *net, vqz_memory *mem) {
    if (!net) return;
    vqz_cu_free(net->memory);
    vqz_free(mem, net);
}
