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

/* Section 2 */
static int16_t requantize(const struct layer *l, uint32_t o, int32_t a, int32_t addend, struct span range) {
    int64_t t = (int64_t)a * l->m[o] + (int64_t)addend * l->n[o];
    if (l->activation == LEAKY && t < 0)
        t >>= 3;
    return (int16_t)clamp(rounded(t, l->s[o]), l->activation == RELU ? larger(range.lo, 0) : range.lo, range.hi);
}

/* The input values under a kernel at (y, x), in the order of the weights. */
static void gather(const struct layer *l, const struct tensor *in, uint32_t y, uint32_t x, int16_t *patch) {
    for (uint32_t i = 0; i < l->k; i++)
        for (uint32_t j = 0; j < l->k; j++) {
            int64_t yy = (int64_t)y * l->stride + i - l->k / 2, cy = clamp(yy, 0, (int64_t)in->h - 1);
            int64_t xx = (int64_t)x * l->stride + j - l->k / 2, cx = clamp(xx, 0, (int64_t)in->w - 1);
            for (uint32_t c = 0; c < in->c; c++)
                *patch++ = l->edge || (cy == yy && cx == xx) ? at(in, (uint32_t)cy, (uint32_t)cx)[c] : 0;
        }
}

static int32_t dot(const int16_t *a, const int32_t *b, size_t n) {
    int32_t sum = 0;   /* no partial sum overflows: section 5 */
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static struct tensor run_layer(const struct layer *l, const struct tensor_info *info, const struct tensor *in,
                               const struct tensor *addend) {
    uint32_t h = ceil_div(in->h, l->stride), w = ceil_div(in->w, l->stride), r = l->shuffle;
    size_t n = (size_t)l->k * l->k * in->c;
    struct tensor out = new_tensor(h * r, w * r, l->cout / (r * r));
    int16_t *patch = take(w * n, sizeof *patch);
    for (uint32_t y = 0; y < h; y++) {
        for (uint32_t x = 0; x < w; x++)
            gather(l, in, y, x, patch + x * n);
        for (uint32_t o = 0; o < l->cout; o++) {
            uint32_t channel = o / (r * r), i = o / r % r, j = o % r;   /* section 4 */
            for (uint32_t x = 0; x < w; x++) {
                int32_t a = l->requant ? patch[x * n + o] : l->bias[o] + dot(patch + x * n, l->w + o * n, n);
                int32_t v = addend ? at(addend, y, x)[o] : 0;
                at(&out, y * r + i, x * r + j)[channel] = requantize(l, o, a, v, limits(info, channel));
            }
        }
    }
    return out;
}

struct tensor run_net(const struct net *net, struct tensor input0, const struct tensor *input1) {
    struct tensor *t = take(net->tensors, sizeof *t);
    t[0] = input0;
    if (input1)
        t[1] = *input1;
    for (uint32_t i = 0; i < net->layers; i++) {
        const struct layer *l = &net->layer[i];
        t[l->dst] = run_layer(l, &net->tensor[l->dst], &t[l->src], l->add == NO_ADD ? NULL : &t[l->add]);
    }
    return t[net->layer[net->layers - 1].dst];
}
