#include "codec/nn/net.h"
#include <string.h>

static bool has_add(const vqz_layer_def *l) { return l->add != VQZ_NO_TENSOR; }

static void fill_layer(vqz_net *net, vqz_layer *l, const vqz_layer_def *def) {
    l->def = *def;
    l->def.weights = l->def.bias = l->def.mul = l->def.shift = l->def.addmul = NULL;
    l->in = net->tensors[def->src];
    l->out = net->tensors[def->dst];
    if (has_add(def)) l->add = net->tensors[def->add];
}

vqz_status vqz_net_describe(vqz_net **out, vqz_memory *mem, const char *name, const vqz_tensor_def *tensors, unsigned ntensors, unsigned inputs,
                            const vqz_layer_def *layers, unsigned nlayers, vqz_error *error) {
    *out = NULL;
    vqz_scale scales[VQZ_NET_TENSORS];
    VQZ_TRY(vqz_net_check(name, tensors, ntensors, inputs, layers, nlayers, scales, error));
    void *p;
    VQZ_TRY(vqz_alloc(mem, &p, 1, sizeof(vqz_net) + nlayers * sizeof(vqz_layer), error));
    vqz_net *net = p;
    net->ntensors = ntensors;
    net->inputs = inputs;
    net->nlayers = nlayers;
    net->layers = (vqz_layer *)(net + 1);
    memcpy(net->tensors, tensors, ntensors * sizeof *tensors);
    memcpy(net->scales, scales, ntensors * sizeof *scales);
    for (unsigned i = 0; i < nlayers; i++) {
        vqz_layer *l = &net->layers[i];
        fill_layer(net, l, &layers[i]);
        net->last_use[l->def.src] = net->last_use[l->def.dst] = (uint8_t)i;
        if (has_add(&l->def)) net->last_use[l->def.add] = (uint8_t)i;
    }
    *out = net;
    return VQZ_OK;
}

vqz_status vqz_net_pack(vqz_net **out, const vqz_net *net, const vqz_kernels *kernels, const vqz_layer_def *layers, vqz_memory *mem, vqz_error *error) {
    void *p;
    const size_t bytes = sizeof(vqz_net) + net->nlayers * sizeof(vqz_layer);
    *out = NULL;
    VQZ_TRY(vqz_alloc(mem, &p, 1, bytes, error));
    vqz_net *packed = memcpy(p, net, bytes);
    packed->kernels = kernels;
    packed->layers = (vqz_layer *)(packed + 1);
    for (unsigned i = 0; i < net->nlayers; i++) {
        vqz_status s = kernels->pack(&packed->layers[i], &layers[i], mem, error);
        if (s != VQZ_OK) {
            vqz_net_free(packed, mem);
            return s;
        }
    }
    *out = packed;
    return VQZ_OK;
}

vqz_status vqz_net_create(vqz_net **out, vqz_memory *mem, const vqz_kernels *kernels, const char *name,
                          const vqz_tensor_def *tensors, unsigned ntensors, unsigned inputs,
                          const vqz_layer_def *layers, unsigned nlayers, vqz_error *error) {
    vqz_net *net;
    *out = NULL;
    VQZ_TRY(vqz_net_describe(&net, mem, name, tensors, ntensors, inputs, layers, nlayers, error));
    vqz_status s = vqz_net_prove(name, tensors, layers, nlayers, error);
    if (s == VQZ_OK && !kernels) {
        *out = net;
        return s;
    }
    if (s == VQZ_OK) s = vqz_net_pack(out, net, kernels, layers, mem, error);
    vqz_net_free(net, mem);
    return s;
}

void vqz_net_free(vqz_net *net, vqz_memory *mem) {
    if (!net) return;
    for (unsigned i = 0; i < net->nlayers; i++) vqz_free(mem, net->layers[i].packed);
    vqz_free(mem, net);
}

/* ---- scratch: the tensors between the layers, then the kernels' own ------------------------------- */

typedef struct layout {
    vqz_net_places tensors;
    size_t total;
} layout;

enum { ALIGN = 64 };

static bool tensor_bytes(const vqz_net *net, unsigned t, uint32_t h, uint32_t w, size_t *size) {
    const vqz_tensor_def *d = &net->tensors[t];
    return !vqz_mul(vqz_scaled(h, net->scales[t]), vqz_scaled(w, net->scales[t]), size) &&
           !vqz_mul(*size, d->channels * vqz_element_size(d), size) && !vqz_add(*size, ALIGN - 1, size) &&
           (*size &= ~(size_t)(ALIGN - 1), true);
}

/* The lowest place for the output of layer i beside all that is still needed when it runs. */
static bool place(const vqz_net *net, vqz_net_places *p, unsigned i) {
    const unsigned dst = net->layers[i].def.dst;
    size_t at = 0, end;
    for (bool moved = true; moved;) {
        moved = false;
        if (vqz_add(at, p->size[dst], &end)) return false;
        for (unsigned j = 0; j < i; j++) {
            unsigned t = net->layers[j].def.dst;
            if (net->last_use[t] < i || p->offset[t] >= end || p->offset[t] + p->size[t] <= at) continue;
            at = p->offset[t] + p->size[t];
            moved = true;
            break;
        }
    }
    p->offset[dst] = at;
    if (end > p->total) p->total = end;
    return true;
}

bool vqz_net_place(const vqz_net *net, vqz_net_places *p) {
    p->total = 0;
    for (unsigned i = 0; i + 1 < net->nlayers; i++)
        if (!place(net, p, i)) return false;
    return true;
}

static bool lay_out(const vqz_net *net, uint32_t h, uint32_t w, layout *p) {
    size_t own = 0;
    for (unsigned i = 0; i < net->nlayers; i++) {
        const vqz_layer *l = &net->layers[i];
        const vqz_scale s = net->scales[l->def.src];
        size_t need = net->kernels->scratch(l, vqz_scaled(h, s), vqz_scaled(w, s));
        if (need > own) own = need;
        if (i + 1 < net->nlayers && !tensor_bytes(net, l->def.dst, h, w, &p->tensors.size[l->def.dst])) return false;
    }
    return own != SIZE_MAX && vqz_net_place(net, &p->tensors) && !vqz_add(p->tensors.total, own, &p->total);
}

vqz_status vqz_net_plan(const vqz_net *net, uint32_t h, uint32_t w, uint32_t *oh, uint32_t *ow, size_t *scratch, vqz_error *error) {
    if (h == 0 || w == 0 || h > VQZ_NET_SIDE || w > VQZ_NET_SIDE)
        return vqz_fail(error, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "a network's input has %u x %u positions, allowed is 1..%u per side", w, h, VQZ_NET_SIDE);
    layout p;
    if (!lay_out(net, h, w, &p))
        return vqz_fail(error, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "a network's work on %u x %u positions does not fit in the address space", w, h);
    const vqz_scale s = net->scales[net->layers[net->nlayers - 1].def.dst];
    *oh = vqz_scaled(h, s);
    *ow = vqz_scaled(w, s);
    *scratch = p.total;
    return VQZ_OK;
}

/* ---- properties ------------------------------------------------------------------------------------ */

vqz_scale vqz_net_scale(const vqz_net *net, unsigned tensor) { return net->scales[tensor]; }

static void join(vqz_span *a, vqz_span b) {
    if (a->from > a->to) *a = b;
    if (b.from < a->from) a->from = b.from;
    if (b.to > a->to) a->to = b.to;
}

/* Of each tensor. */
static void all_needs(const vqz_net *net, vqz_span want, vqz_span *need) {
    for (unsigned t = 0; t < net->ntensors; t++) need[t] = (vqz_span){1, 0};
    need[net->layers[net->nlayers - 1].def.dst] = want;
    for (unsigned i = net->nlayers; i-- > 0;) {
        const vqz_layer_def *l = &net->layers[i].def;
        vqz_span n = need[l->dst];
        if (n.from > n.to) continue;
        const int shift = l->shuffle / 2, pad = (l->k - 1) / 2;
        n = (vqz_span){n.from >> shift, n.to >> shift};
        if (has_add(l)) join(&need[l->add], n);
        join(&need[l->src], (vqz_span){n.from * l->stride - pad, n.to * l->stride + pad});
    }
}

vqz_span vqz_net_needs(const vqz_net *net, unsigned input, vqz_span want) {
    vqz_span need[VQZ_NET_TENSORS];
    all_needs(net, want, need);
    return need[input];
}

typedef struct needs {
    vqz_span rows[VQZ_NET_TENSORS], columns[VQZ_NET_TENSORS];
} needs;

static void needs_of(const vqz_net *net, vqz_rect part, needs *n) {
    all_needs(net, (vqz_span){part.y, (int64_t)part.y + part.h - 1}, n->rows);
    all_needs(net, (vqz_span){part.x, (int64_t)part.x + part.w - 1}, n->columns);
}

/* The positions n that exist, before a shuffle. */
static void clip(vqz_span n, uint32_t size, unsigned shuffle, uint32_t *from, uint32_t *count) {
    const unsigned shift = shuffle / 2;
    const int64_t last = (int64_t)size - 1, first = n.from > 0 ? n.from >> shift : 0, end = (n.to < last ? n.to : last) >> shift;
    *from = (uint32_t)first;
    *count = n.from > n.to || first > end ? 0 : (uint32_t)(end - first + 1);
}

static vqz_rect clipped(const needs *n, unsigned tensor, uint32_t h, uint32_t w, unsigned shuffle) {
    vqz_rect r;
    clip(n->rows[tensor], h, shuffle, &r.y, &r.h);
    clip(n->columns[tensor], w, shuffle, &r.x, &r.w);
    return r;
}

vqz_rect vqz_net_reads(const vqz_net *net, unsigned input, vqz_rect part, uint32_t h, uint32_t w) {
    needs n;
    needs_of(net, part, &n);
    return clipped(&n, input, vqz_scaled(h, net->scales[input]), vqz_scaled(w, net->scales[input]), 1);
}

uint64_t vqz_net_macs(const vqz_net *net, uint32_t h, uint32_t w) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < net->nlayers; i++) {
        const vqz_layer_def *l = &net->layers[i].def;
        if (l->op != VQZ_OP_CONV) continue;
        const vqz_scale s = net->scales[l->src];
        uint64_t oh = (vqz_scaled(h, s) + l->stride - 1u) / l->stride, ow = (vqz_scaled(w, s) + l->stride - 1u) / l->stride;
        sum += oh * ow * l->k * l->k * l->cin * l->cout;
    }
    return sum;
}

/* ---- running ----------------------------------------------------------------------------------------- */

static void run(const vqz_net *net, const vqz_view *in, const vqz_view *out, vqz_rect part, void *scratch, vqz_net_trace trace, void *user) {
    const uint32_t h = in[0].h, w = in[0].w;
    layout p;
    if (part.w == 0 || part.h == 0 || !lay_out(net, h, w, &p)) return;      /* vqz_net_plan has refused this size */
    vqz_view views[VQZ_NET_TENSORS];
    needs n;
    memcpy(views, in, net->inputs * sizeof *in);
    needs_of(net, part, &n);
    for (unsigned i = 0; i < net->nlayers; i++) {
        const vqz_layer *l = &net->layers[i];
        const unsigned dst = l->def.dst;
        const vqz_scale s = net->scales[dst];
        views[dst] = i + 1 == net->nlayers ? *out
            : (vqz_view){(char *)scratch + p.tensors.offset[dst], vqz_scaled(h, s), vqz_scaled(w, s), net->tensors[dst].channels};
        const vqz_rect need = trace ? (vqz_rect){0, 0, views[dst].w / l->def.shuffle, views[dst].h / l->def.shuffle}
                                    : clipped(&n, dst, views[dst].h, views[dst].w, l->def.shuffle);
        if (need.w && need.h)
            net->kernels->run(l, &views[l->def.src], has_add(&l->def) ? &views[l->def.add] : NULL, &views[dst], need, (char *)scratch + p.tensors.total);
        if (trace) trace(user, i, &net->tensors[dst], &views[dst]);
    }
}

void vqz_net_run(const vqz_net *net, const vqz_view *in, const vqz_view *out, void *scratch) {
    run(net, in, out, (vqz_rect){0, 0, out->w, out->h}, scratch, NULL, NULL);
}

void vqz_net_run_part(const vqz_net *net, const vqz_view *in, const vqz_view *out, vqz_rect part, void *scratch) {
    run(net, in, out, part, scratch, NULL, NULL);
}

void vqz_net_run_traced(const vqz_net *net, const vqz_view *in, const vqz_view *out, void *scratch, vqz_net_trace trace, void *user) {
    run(net, in, out, (vqz_rect){0, 0, out->w, out->h}, scratch, trace, user);
}
