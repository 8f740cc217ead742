/* The reference: spec/arithmetic.md word for word. What it computes is right by definition. */
#include "base/bytes.h"
#include "base/intmath.h"
#include "codec/nn/kernels.h"

typedef struct packed {
    const int8_t *w8;           /* [cout][k][k][cin], one of the two */
    const int16_t *w16;
    int32_t *bias, *addmul;     /* zeros where the layer has none */
    int16_t *mul;
    uint8_t *shift;
} packed;

static vqz_status pack(vqz_layer *l, const vqz_layer_def *a, vqz_memory *mem, vqz_error *e) {
    const bool wide = l->in.type == VQZ_T_S16;
    const size_t cout = a->cout, rows = 2 * sizeof(int32_t) + sizeof(int16_t) + 1;
    size_t weights = 0, bytes = 0;
    if ((a->op == VQZ_OP_CONV && (vqz_mul(cout * a->k * a->k, a->cin, &weights) || vqz_mul(weights, wide ? 2 : 1, &bytes))) ||
        vqz_add(bytes, sizeof(packed) + cout * rows + 1, &bytes))
        bytes = SIZE_MAX;
    VQZ_TRY(vqz_alloc(mem, &l->packed, bytes, 1, e));
    packed *p = l->packed;
    p->bias = (int32_t *)(p + 1);
    p->addmul = p->bias + cout;
    p->mul = (int16_t *)(p->addmul + cout);
    p->shift = (uint8_t *)(p->mul + cout);
    for (size_t o = 0; o < cout; o++) {
        if (a->op == VQZ_OP_CONV) p->bias[o] = (int32_t)vqz_load32(a->bias + 4 * o);
        if (a->add != VQZ_NO_TENSOR) p->addmul[o] = (int32_t)vqz_load32(a->addmul + 4 * o);
        p->mul[o] = (int16_t)vqz_load16(a->mul + 2 * o);
        p->shift[o] = a->shift[o];
    }
    uint8_t *w = p->shift + cout;
    if (wide) {
        int16_t *w16 = (int16_t *)(w + ((uintptr_t)w & 1));
        for (size_t i = 0; i < weights; i++) w16[i] = (int16_t)vqz_load16(a->weights + 2 * i);
        p->w16 = w16;
    } else {
        if (weights) memcpy(w, a->weights, weights);
        p->w8 = (const int8_t *)w;
    }
    return VQZ_OK;
}

static size_t scratch(const vqz_layer *l, uint32_t h, uint32_t w) {
    (void)l, (void)h, (void)w;
    return 0;
}

/* Sums may wrap around on the way, the whole one does not: unsigned arithmetic. */
static uint32_t dot8(const int8_t *w, const uint8_t *x, unsigned n, int zero) {
    uint32_t sum = 0;
    for (unsigned i = 0; i < n; i++) sum += (uint32_t)(w[i] * (x[i] - zero));
    return sum;
}

static uint32_t dot16(const int16_t *w, const int16_t *x, unsigned n) {
    uint32_t sum = 0;
    for (unsigned i = 0; i < n; i++) sum += (uint32_t)(w[i] * x[i]);
    return sum;
}

static int32_t value(const vqz_view *v, const vqz_tensor_def *d, size_t y, size_t x, unsigned c) {
    size_t i = (y * v->w + x) * v->stride + c;
    return d->type == VQZ_T_S16 ? ((const int16_t *)v->data)[i] : ((const uint8_t *)v->data)[i] - vqz_zero_point(d, c);
}

static void put(const vqz_view *v, const vqz_tensor_def *d, size_t y, size_t x, unsigned c, int32_t q) {
    size_t i = (y * v->w + x) * v->stride + c;
    if (d->type == VQZ_T_S16) ((int16_t *)v->data)[i] = (int16_t)q;
    else ((uint8_t *)v->data)[i] = (uint8_t)(q + vqz_zero_point(d, c));
}

static int32_t convolve(const vqz_layer *l, const vqz_view *in, uint32_t y, uint32_t x, unsigned o) {
    const packed *p = l->packed;
    const int k = l->def.k, d = l->def.stride, pad = (k - 1) / 2;
    const unsigned cin = l->def.cin;
    const unsigned unsigned8 = l->in.type == VQZ_T_U8 ? cin : l->in.type == VQZ_T_MIXED ? l->in.zsplit : 0;
    uint32_t a = (uint32_t)p->bias[o];
    for (int i = 0; i < k; i++) {
        for (int j = 0; j < k; j++) {
            int32_t iy = (int32_t)y * d + i - pad, ix = (int32_t)x * d + j - pad;
            int32_t cy = vqz_clamp32(iy, 0, (int32_t)in->h - 1), cx = vqz_clamp32(ix, 0, (int32_t)in->w - 1);
            if (!l->def.pad_edge && (iy != cy || ix != cx)) continue;
            size_t from = ((size_t)cy * in->w + (size_t)cx) * in->stride;
            size_t tap = (((size_t)o * (size_t)k + (size_t)i) * (size_t)k + (size_t)j) * cin;
            if (l->in.type == VQZ_T_S16) {
                a += dot16(p->w16 + tap, (const int16_t *)in->data + from, cin);
            } else {
                const uint8_t *src = (const uint8_t *)in->data + from;
                a += dot8(p->w8 + tap, src, unsigned8, 0);
                a += dot8(p->w8 + tap + unsigned8, src + unsigned8, cin - unsigned8, 128);
            }
        }
    }
    return (int32_t)a;
}

static void run(const vqz_layer *l, const vqz_view *in, const vqz_view *add, const vqz_view *out, vqz_rect part, void *unused) {
    (void)unused;
    const packed *p = l->packed;
    const unsigned r = l->def.shuffle;
    for (uint32_t y = part.y; y < part.y + part.h; y++) {
        for (uint32_t x = part.x; x < part.x + part.w; x++) {
            for (unsigned o = 0; o < l->def.cout; o++) {
                const unsigned k = o / (r * r), i = o / r % r, j = o % r;
                int32_t a = l->def.op == VQZ_OP_CONV ? convolve(l, in, y, x, o) : value(in, &l->in, y, x, o);
                int32_t v = add ? value(add, &l->add, y, x, o) : 0;
                int32_t lo, hi;
                vqz_output_range(&l->out, k, l->def.act, &lo, &hi);
                int32_t q = vqz_requantize(a, p->mul[o], v, p->addmul[o], p->shift[o], l->def.act == VQZ_ACT_LEAKY, lo, hi);
                put(out, &l->out, (size_t)y * r + i, (size_t)x * r + j, k, q);
            }
        }
    }
}

const vqz_kernels vqz_kernels_c = {pack, scratch, run};
