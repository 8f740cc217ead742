/* arithmetic.md: convolution, requantization and shuffle on integer values. */
#include "decoder.h"

struct tensor new_tensor(uint32_t h, uint32_t w, uint32_t c) {
    return (struct tensor){h, w, c, take((size_t)h * w, c * sizeof(int16_t))};
}

int16_t *at(const struct tensor *t, uint32_t y, uint32_t x) { return t->v + ((size_t)y * t->w + x) * t->c; }

struct span limits(const struct tensor_info *t, uint32_t channel) {
    bool u8 = t->type == U8 || (t->type == MIXED && channel < t->zsplit);
    return t->type == S16 ? (struct span){-t->bound, smaller(t->bound, 32767)}
           : u8           ? (struct span){0, 255}
                          : (struct span){-128, 127};
}

/* Sections 2 and 3: output channel o at (y, x) before the shuffle */
static int16_t element(const struct layer *l, const struct tensor *in, const struct tensor *addend, struct span range,
                       uint32_t o, uint32_t y, uint32_t x) {
    int32_t a = l->requant ? at(in, y, x)[o] : l->bias[o];
    const int32_t *w = l->w + (size_t)o * l->k * l->k * in->c;
    for (uint32_t i = 0; i < l->k; i++)
        for (uint32_t j = 0; j < l->k; j++) {
            int64_t yy = (int64_t)y * l->stride + i - l->k / 2, cy = clamp(yy, 0, (int64_t)in->h - 1);
            int64_t xx = (int64_t)x * l->stride + j - l->k / 2, cx = clamp(xx, 0, (int64_t)in->w - 1);
            const int16_t *v = at(in, (uint32_t)cy, (uint32_t)cx);
            bool seen = !l->requant && (l->edge || (cy == yy && cx == xx));
            for (uint32_t c = 0; seen && c < in->c; c++)   /* no partial sum overflows: section 5 */
                a += v[c] * w[(i * l->k + j) * in->c + c];
        }
    int64_t t = (int64_t)a * l->m[o] + (addend ? (int64_t)at(addend, y, x)[o] * l->n[o] : 0);
    t = l->activation == LEAKY && t < 0 ? t >> 3 : t;
    return (int16_t)clamp(rounded(t, l->s[o]), l->activation == RELU ? larger(range.lo, 0) : range.lo, range.hi);
}

struct tensor run_net(const struct net *net, struct tensor input0, const struct tensor *input1) {
    struct tensor *t = take(net->tensors, sizeof *t);
    t[0] = input0;
    if (input1)
        t[1] = *input1;
    for (const struct layer *l = net->layer; l < net->layer + net->layers; l++) {
        const struct tensor *in = &t[l->src], *addend = l->add == NO_ADD ? NULL : &t[l->add];
        uint32_t h = ceil_div(in->h, l->stride), w = ceil_div(in->w, l->stride), r = l->shuffle;
        t[l->dst] = new_tensor(h * r, w * r, l->cout / (r * r));
        for (uint32_t o = 0; o < l->cout; o++) {
            uint32_t channel = o / (r * r), i = o / r % r, j = o % r;   /* section 4 */
            struct span range = limits(&net->tensor[l->dst], channel);
            for (uint32_t y = 0; y < h; y++)
                for (uint32_t x = 0; x < w; x++)
                    at(&t[l->dst], y * r + i, x * r + j)[channel] = element(l, in, addend, range, o, y, x);
        }
    }
    return t[net->layer[net->layers - 1].dst];
}
