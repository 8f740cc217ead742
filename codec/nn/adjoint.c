#include "codec/nn/adjoint.h"
#include "base/bytes.h"
#include "codec/nn/net.h"
#include <math.h>
#include <string.h>

enum { ALIGN = 64 };

/* What one layer needs: out = factor * (weights * src) + add_factor * add, then the activation. */
typedef struct adjoint_layer {
    const float *weights;            /* of vqz_adjoint_job; NULL: requant */
    const float *factor, *add_factor;
} adjoint_layer;

struct vqz_adjoint {
    const vqz_net *net;              /* shapes; belongs to the caller */
    vqz_adjoint_row *row;
    adjoint_layer layer[];
};

static bool has_add(const vqz_layer_def *l) { return l->add != VQZ_NO_TENSOR; }

/* ---- creation ---------------------------------------------------------------------------------------------- */

static bool layer_floats(const vqz_layer_def *l, size_t *n) {
    *n = 0;
    if (l->op == VQZ_OP_CONV && (vqz_mul((size_t)l->k * l->k * l->cout, vqz_adjoint_stride(l->cin), n))) return false;
    return !vqz_add(*n, 2u * l->cout, n);
}

/* The window of a transposed convolution is the flipped one. */
static void fill_weights(float *to, const vqz_layer_def *l, bool wide) {
    const size_t stride = vqz_adjoint_stride(l->cin), taps = (size_t)l->k * l->k;
    for (size_t o = 0; o < l->cout; o++)
        for (size_t t = 0; t < taps; t++)
            for (size_t i = 0; i < l->cin; i++) {
                const size_t at = (o * taps + taps - 1 - t) * l->cin + i;
                to[(t * l->cout + o) * stride + i] = wide ? (int16_t)vqz_load16(l->weights + 2 * at) : (int8_t)l->weights[at];
            }
}

static float *fill_layer(adjoint_layer *to, const vqz_layer_def *l, bool wide, float *at) {
    if (l->op == VQZ_OP_CONV) {
        fill_weights(at, l, wide);
        to->weights = at;
        at += (size_t)l->k * l->k * l->cout * vqz_adjoint_stride(l->cin);
    }
    to->factor = at;
    to->add_factor = at + l->cout;
    for (unsigned o = 0; o < l->cout; o++) {
        const float unit = ldexpf(1, -(int)l->shift[o]);
        at[o] = vqz_load16(l->mul + 2 * o) * unit;
        at[l->cout + o] = has_add(l) ? (float)(int32_t)vqz_load32(l->addmul + 4 * o) * unit : 0;
    }
    return at + 2 * l->cout;
}

static vqz_adjoint_row *pick_row(unsigned cpu) {
#if defined(__x86_64__) || defined(__i386__)
    switch (vqz_cpu_pick(cpu)) {
    case VQZ_CPU_AVX512VNNI: return vqz_adjoint_row_avx512;
    case VQZ_CPU_AVX2:
    case VQZ_CPU_AVXVNNI: return vqz_adjoint_row_avx2;
    }
#endif
    (void)cpu;
    return vqz_adjoint_row_c;
}

vqz_status vqz_adjoint_create(vqz_adjoint **out, vqz_memory *mem, const vqz_net *net, const vqz_layer_def *layers, unsigned cpu, vqz_error *e) {
    *out = NULL;
    const size_t head = sizeof(vqz_adjoint) + net->nlayers * sizeof(adjoint_layer);
    size_t floats = 0, n;
    for (unsigned i = 0; i < net->nlayers; i++) {
        if (layers[i].op == VQZ_OP_CONV && layers[i].stride != 1)
            return vqz_fail(e, VQZ_ERR_UNSUPPORTED, VQZ_NO_OFFSET, "derivatives of a network with strides");
        if (!layer_floats(&layers[i], &n) || vqz_add(floats, n, &floats)) floats = SIZE_MAX / sizeof(float);
    }
    void *p;
    size_t bytes;
    if (vqz_mul(floats, sizeof(float), &bytes) || vqz_add(bytes, head + ALIGN, &bytes)) bytes = SIZE_MAX;
    VQZ_TRY(vqz_alloc(mem, &p, 1, bytes, e));
    vqz_adjoint *a = p;
    a->net = net;
    a->row = pick_row(cpu);
    float *at = (float *)((char *)p + ((head + ALIGN - 1) & ~(size_t)(ALIGN - 1)));
    for (unsigned i = 0; i < net->nlayers; i++) at = fill_layer(&a->layer[i], &layers[i], net->tensors[layers[i].src].type == VQZ_T_S16, at);
    *out = a;
    return VQZ_OK;
}

void vqz_adjoint_free(vqz_adjoint *a, vqz_memory *mem) { vqz_free(mem, a); }

/* ---- work: the activations that count, the gradients of tensors, one padded gradient ------------------------ */

typedef struct layout {
    size_t kept[VQZ_NET_TENSORS];        /* by layer: offset of the copy of its output, where an activation cuts */
    size_t gradient[VQZ_NET_TENSORS], size[VQZ_NET_TENSORS];   /* by tensor */
    size_t sums, total;
} layout;

static bool take(size_t *total, size_t n, size_t element, size_t *at) {
    *at = *total;
    return !vqz_mul(n, element, &n) && !vqz_add(n, ALIGN - 1, &n) && !vqz_add(*total, n & ~(size_t)(ALIGN - 1), total);
}

/* The layer that writes a tensor. */
static unsigned producer(const vqz_net *net, unsigned t) {
    unsigned i = 0;
    while (net->layers[i].def.dst != t) i++;
    return i;
}

/* Backwards a gradient lives from the tensor's last reader to its producer: the lowest place beside those of overlapping life. */
static bool place(const vqz_net *net, layout *p, unsigned t, size_t base, size_t *end) {
    const unsigned made = producer(net, t);
    size_t at = base, stop;
    for (bool moved = true; moved;) {
        moved = false;
        if (vqz_add(at, p->size[t], &stop)) return false;
        for (unsigned j = 0; j < made; j++) {
            const unsigned u = net->layers[j].def.dst;
            if (net->last_use[u] < made || p->gradient[u] >= stop || p->gradient[u] + p->size[u] <= at) continue;
            at = p->gradient[u] + p->size[u];
            moved = true;
            break;
        }
    }
    p->gradient[t] = at;
    if (stop > *end) *end = stop;
    return true;
}

static bool lay_out(const vqz_net *net, uint32_t h, uint32_t w, layout *p) {
    size_t sums = 0, n, end;
    *p = (layout){0};
    for (unsigned i = 0; i < net->nlayers; i++) {
        const vqz_layer_def *l = &net->layers[i].def;
        const vqz_scale in = net->scales[l->src], out = net->scales[l->dst];
        const uint32_t margin = l->k - 1u;
        if (vqz_mul(vqz_scaled(h, in) + margin, vqz_scaled(w, in) + margin, &n) || vqz_mul(n, l->cout, &n)) return false;
        if (n > sums) sums = n;
        if (vqz_mul(vqz_scaled(h, out), vqz_scaled(w, out), &n) || vqz_mul(n, l->cout / ((size_t)l->shuffle * l->shuffle), &n)) return false;
        if (l->act != VQZ_ACT_NONE && !take(&p->total, n, 1, &p->kept[i])) return false;
    }
    if (!take(&p->total, sums, sizeof(float), &p->sums)) return false;
    end = p->total;
    for (unsigned i = 0; i + 1 < net->nlayers; i++) {
        const unsigned t = net->layers[i].def.dst;
        const vqz_scale s = net->scales[t];
        size_t bytes = 0;
        if (vqz_mul(vqz_scaled(h, s), vqz_scaled(w, s), &n) ||
            !take(&bytes, n, vqz_adjoint_stride(net->tensors[t].channels) * sizeof(float), &p->size[t])) return false;
        p->size[t] = bytes;
        if (!place(net, p, t, p->total, &end)) return false;
    }
    p->total = end;
    return true;
}

vqz_status vqz_adjoint_plan(const vqz_adjoint *a, uint32_t h, uint32_t w, size_t *work, vqz_error *e) {
    layout p;
    if (!lay_out(a->net, h, w, &p)) return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "the derivatives on %u x %u positions do not fit in the address space", w, h);
    *work = p.total;
    return VQZ_OK;
}

/* ---- forward ------------------------------------------------------------------------------------------------ */

typedef struct keeper {
    const vqz_net *net;
    const layout *layout;
    uint8_t *work;
} keeper;

/* One byte an element: whether it is above zero. */
static void keep(void *user, unsigned i, const vqz_tensor_def *def, const vqz_view *v) {
    const keeper *k = user;
    if (k->net->layers[i].def.act == VQZ_ACT_NONE) return;
    uint8_t *to = k->work + k->layout->kept[i];
    for (size_t at = 0; at < (size_t)v->h * v->w; at++, to += def->channels)
        for (unsigned c = 0; c < def->channels; c++)
            to[c] = def->type == VQZ_T_S16 ? ((const int16_t *)v->data)[at * v->stride + c] > 0
                                           : ((const uint8_t *)v->data)[at * v->stride + c] > vqz_zero_point(def, c);
}

void vqz_adjoint_forward(const vqz_adjoint *a, const vqz_net *packed, const vqz_view *in, const vqz_view *out, void *scratch, void *work) {
    layout p;
    if (!lay_out(a->net, in[0].h, in[0].w, &p)) return;      /* vqz_adjoint_plan has refused this size */
    vqz_net_run_traced(packed, in, out, scratch, keep, &(keeper){a->net, &p, work});
}

/* ---- backward ----------------------------------------------------------------------------------------------- */

/* A gradient tensor; `set`: something has been written to it. */
typedef struct gradient {
    float *data;
    size_t stride;
    bool set;
} gradient;

/* The gradient by a layer's output -> by its addend, and by its sums, which lie at `sums` with `margin` zeros all around. */
static void through_activation(const adjoint_layer *a, const vqz_layer_def *l, uint32_t h, uint32_t w, const gradient *out, const uint8_t *kept,
                               gradient *add, float *sums) {
    const unsigned r = l->shuffle, cout = l->cout, channels = cout / (r * r);
    const size_t margin = (l->k - 1u) / 2, row = (w + 2 * margin) * cout;
    const float slope = l->act == VQZ_ACT_RELU ? 0 : 0.125f;
    memset(sums, 0, (h + 2 * margin) * row * sizeof *sums);
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            float *s = sums + (y + margin) * row + (x + margin) * cout, *plus = add ? add->data + (y * w + x) * add->stride : NULL;
            for (unsigned i = 0; i < r; i++)
                for (unsigned j = 0; j < r; j++) {
                    const size_t at = (y * r + i) * w * r + x * r + j;
                    const float *g = out->data + at * out->stride;
                    const uint8_t *open = l->act == VQZ_ACT_NONE ? NULL : kept + at * channels;
                    for (unsigned c = 0, o = i * r + j; c < channels; c++, o += r * r) {
                        const float v = open && !open[c] ? slope * g[c] : g[c];
                        s[o] = v * a->factor[o];
                        if (plus) plus[o] = add->set ? plus[o] + v * a->add_factor[o] : v * a->add_factor[o];
                    }
                }
        }
    if (add) add->set = true;
}

static void through_layer(const vqz_adjoint *a, unsigned i, uint32_t h, uint32_t w, const float *sums, gradient *src) {
    const vqz_layer_def *l = &a->net->layers[i].def;
    const adjoint_layer *weights = &a->layer[i];
    const size_t row = ((size_t)w + l->k - 1) * l->cout;
    for (size_t y = 0; y < h; y++) {
        float *to = src->data + y * w * src->stride;
        const vqz_adjoint_job job = {sums + y * row, row, l->k, l->cout, weights->weights, to, src->stride, w, src->set};
        if (weights->weights) a->row(&job);
        else
            for (size_t x = 0; x < w; x++)
                for (unsigned c = 0; c < l->cout; c++) {
                    const float v = job.from[x * l->cout + c];
                    to[x * src->stride + c] = src->set ? to[x * src->stride + c] + v : v;
                }
    }
    src->set = true;
}

void vqz_adjoint_backward(const vqz_adjoint *a, uint32_t h, uint32_t w, const float *output, size_t stride, float *const *inputs, void *work) {
    const vqz_net *net = a->net;
    layout p;
    if (!lay_out(net, h, w, &p)) return;      /* vqz_adjoint_plan has refused this size */
    gradient g[VQZ_NET_TENSORS];
    for (unsigned t = 0; t < net->ntensors; t++) {
        float *data = t < net->inputs ? inputs[t] : (float *)((char *)work + p.gradient[t]);
        g[t] = (gradient){data, vqz_adjoint_stride(net->tensors[t].channels), false};
    }
    const unsigned last = net->layers[net->nlayers - 1].def.dst;
    g[last] = (gradient){(float *)output, stride, true};      /* read only */
    for (unsigned i = net->nlayers; i-- > 0;) {
        const vqz_layer_def *l = &net->layers[i].def;
        const vqz_scale s = net->scales[l->src];
        const uint32_t ih = vqz_scaled(h, s), iw = vqz_scaled(w, s);
        float *sums = (float *)((char *)work + p.sums);
        through_activation(&a->layer[i], l, ih, iw, &g[l->dst], (const uint8_t *)work + p.kept[i], has_add(l) ? &g[l->add] : NULL, sums);
        through_layer(a, i, ih, iw, sums, &g[l->src]);
    }
}
