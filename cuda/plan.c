/* The walk over a network's layers on the device, for a batch of items. */
#include "cuda/net.h"
#include <string.h>

enum { TENSOR_ALIGN = 256 };

/* Size of tensor t of an item whose input 0 has h x w positions. */
static void size_of(const vqz_net *net, unsigned t, const vqz_cu_view *input, uint32_t *h, uint32_t *w) {
    *h = vqz_scaled(input->h, net->scales[t]);
    *w = vqz_scaled(input->w, net->scales[t]);
}

static bool item_bytes(const vqz_net *net, unsigned t, const vqz_cu_view *input, size_t *bytes) {
    const vqz_tensor_def *d = &net->tensors[t];
    const size_t element = vqz_element_size(d);
    uint32_t h, w;
    size_of(net, t, input, &h, &w);
    return !vqz_mul(h, w, bytes) && !vqz_mul(*bytes, vqz_cu_stride(d->channels, element) * element, bytes) && !vqz_add(*bytes, TENSOR_ALIGN - 1, bytes) &&
           (*bytes &= ~(size_t)(TENSOR_ALIGN - 1), true);
}

static vqz_status lay_out(const vqz_cu_net *n, const vqz_cu_binding *b, vqz_net_places *p, vqz_error *e) {
    const vqz_net *net = n->net;
    bool fits = true;
    for (unsigned i = 0; i + 1 < net->nlayers; i++) {
        const unsigned t = net->layers[i].def.dst;
        p->size[t] = 0;
        for (unsigned k = 0; k < b->items; k++) {
            size_t bytes;
            fits = fits && item_bytes(net, t, &b->in[0][k], &bytes) && !vqz_add(p->size[t], bytes, &p->size[t]);
        }
    }
    if (fits && vqz_net_place(net, p)) return VQZ_OK;
    return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "CUDA: a network's work on %u tiles does not fit in the address space", b->items);
}

vqz_status vqz_cu_plan_size(const vqz_cu_net *net, const vqz_cu_binding *b, size_t *scratch, vqz_error *e) {
    vqz_net_places p = {.total = 0};
    VQZ_TRY(lay_out(net, b, &p, e));
    *scratch = p.total;
    return VQZ_OK;
}

/* The views of one tensor. */
static void fill(const vqz_cu_net *n, const vqz_cu_binding *b, const vqz_net_places *p, void *scratch, unsigned t, vqz_cu_view *to) {
    const vqz_net *net = n->net;
    if (t < net->inputs) {
        memcpy(to, b->in[t], b->items * sizeof *to);
        return;
    }
    if (t == net->layers[net->nlayers - 1].def.dst) {
        memcpy(to, b->out, b->items * sizeof *to);
        return;
    }
    uint8_t *at = (uint8_t *)scratch + p->offset[t];
    for (unsigned k = 0; k < b->items; k++) {
        size_t bytes;
        item_bytes(net, t, &b->in[0][k], &bytes);        /* lay_out has seen that it fits */
        to[k] = (vqz_cu_view){.data = at, .stride = vqz_cu_stride(net->tensors[t].channels, vqz_element_size(&net->tensors[t]))};
        size_of(net, t, &b->in[0][k], &to[k].h, &to[k].w);
        at += bytes;
    }
}

vqz_status vqz_cu_plan_create(vqz_cu_plan *plan, const vqz_cu_net *n, const vqz_cu_binding *b, void *scratch, vqz_memory *mem, vqz_error *e) {
    const vqz_net *net = n->net;
    vqz_net_places p = {.total = 0};
    void *views;
    *plan = (vqz_cu_plan){.net = n, .items = b->items};
    VQZ_TRY(lay_out(n, b, &p, e));
    VQZ_TRY(vqz_alloc(mem, &views, (size_t)net->ntensors * b->items, sizeof(vqz_cu_view), e));
    vqz_cu_view *v = views;
    for (unsigned t = 0; t < net->ntensors; t++) fill(n, b, &p, scratch, t, v + (size_t)t * b->items);
    for (unsigned i = 0; i < net->nlayers; i++) {
        const vqz_layer_def *l = &net->layers[i].def;
        for (unsigned k = 0; k < b->items; k++) {
            const vqz_cu_view *in = &v[(size_t)l->src * b->items + k];
            const uint32_t positions = ((in->h + l->stride - 1u) / l->stride) * ((in->w + l->stride - 1u) / l->stride);
            if (positions > plan->positions[i]) plan->positions[i] = positions;
        }
    }
    vqz_status s = vqz_cu_place(&plan->views, views, (size_t)net->ntensors * b->items * sizeof(vqz_cu_view), "the tensors of a batch", e);
    vqz_free(mem, views);
    return s;
}

void vqz_cu_plan_free(vqz_cu_plan *plan) {
    vqz_cu_free(plan->views);
    plan->views = NULL;
}

const vqz_cu_view *vqz_cu_plan_tensor(const vqz_cu_plan *plan, unsigned tensor) { return (const vqz_cu_view *)plan->views + (size_t)tensor * plan->items; }

const vqz_cu_view *vqz_cu_plan_output(const vqz_cu_plan *plan) {
    const vqz_net *net = plan->net->net;
    return vqz_cu_plan_tensor(plan, net->layers[net->nlayers - 1].def.dst);
}

vqz_status vqz_cu_plan_run(const vqz_cu_plan *plan, const uint32_t *only, void *queue, vqz_error *e) {
    const vqz_net *net = plan->net->net;
    const vqz_cu_view *views = plan->views;
    for (unsigned i = 0; i < net->nlayers; i++) {
        const vqz_layer_def *l = &net->layers[i].def;
        const vqz_cu_job job = {.layer = plan->net->layer[i], .in = views + (size_t)l->src * plan->items, .out = views + (size_t)l->dst * plan->items,
                                .addend = l->add == VQZ_NO_TENSOR ? NULL : views + (size_t)l->add * plan->items, .only = only};
        const int error = l->op == VQZ_OP_CONV ? vqz_cu_conv(&job, plan->items, plan->positions[i], queue) : vqz_cu_requant(&job, plan->items, plan->positions[i], queue);
        VQZ_TRY(vqz_cu_check(error, "a layer of a network", e));
    }
    return VQZ_OK;
}
