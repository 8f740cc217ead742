/* The second pass looks at anchors only, which stand where the sum of the distances is odd, and is needed at the other half of the positions
 * only. From the context anchor network, a convolution over the plane, this makes one that takes gathered neighbours and is
 * pointwise: the taps that see anchors, 4 of 9 or 12 of 25, at the positions asked for. The sums are the same numbers. */
#include "codec/model/model.h"
#include <string.h>

#define BAD(...) vqz_fail(e, VQZ_ERR_MODEL_INVALID, VQZ_NO_OFFSET, __VA_ARGS__)

unsigned vqz_second_taps(unsigned k, int8_t (*offset)[2]) {
    unsigned n = 0;
    for (unsigned i = 1; i < k * k; i += 2, n++) {           /* k is odd: so are the distances of every second tap */
        offset[n][0] = (int8_t)((int)(i / k) - (int)(k / 2));
        offset[n][1] = (int8_t)((int)(i % k) - (int)(k / 2));
    }
    return n;
}

/* What the rewriting relies on. */
static vqz_status check_shape(const vqz_net_def *d, uint32_t i, vqz_error *e) {
    const vqz_layer_def *l = d->layers;
    if (l->op != VQZ_OP_CONV || l->k < 3 || l->stride != 1 || l->shuffle != 1 || l->pad_edge || l->src != 0 || l->add == 0)
        return BAD("context anchor %u: layer 0 is not a plain convolution of the anchors", i);
    for (uint32_t n = 1; n < d->nlayers; n++)
        if (l[n].k != 1 || l[n].stride != 1 || l[n].shuffle != 1 || l[n].src == 0 || l[n].add == 0)
            return BAD("context anchor %u: layer %u is not pointwise, or looks at the anchors", i, n);
    return VQZ_OK;
}

vqz_status vqz_make_second(vqz_model *m, uint32_t i, vqz_error *e) {
    const vqz_net_def *from = &m->def[VQZ_NET_ANCHOR][i];
    vqz_net_def *to = &m->def[VQZ_NET_SECOND][i];
    VQZ_TRY(check_shape(from, i, e));
    const vqz_layer_def *first = from->layers;
    int8_t offset[VQZ_SECOND_TAPS][2];
    const size_t cin = first->cin, taps = vqz_second_taps(first->k, offset), square = (size_t)first->k * first->k;
    const size_t tensors = from->ntensors * sizeof *from->tensors, layers = from->nlayers * sizeof *from->layers;
    void *p;
    VQZ_TRY(vqz_alloc(&m->mem, &p, 1, layers + tensors + first->cout * taps * cin, e));
    vqz_layer_def *l = memcpy(p, from->layers, layers);
    vqz_tensor_def *t = memcpy(l + from->nlayers, from->tensors, tensors);
    uint8_t *weights = (uint8_t *)(t + from->ntensors);
    for (size_t o = 0; o < first->cout; o++)
        for (size_t tap = 0; tap < taps; tap++)
            memcpy(weights + (o * taps + tap) * cin, first->weights + (o * square + 2 * tap + 1) * cin, cin);
    l->weights = weights;
    l->k = 1;
    l->cin = t->channels = (uint16_t)(taps * cin);
    m->second[i] = p;
    *to = (vqz_net_def){.ntensors = from->ntensors, .nlayers = from->nlayers, .inputs = from->inputs, .tensors = t, .layers = l};
    return vqz_net_describe(&to->net, &m->mem, "context second", t, to->ntensors, to->inputs, l, to->nlayers, e);   /* its sums are parts of proven ones */
}
