/* arithmetic.md: convolution, requantization and shuffle on integer values. */
#include "decoder.h"
#include <string.h>

struct tensor new_tensor(uint32_t h, uint32_t w, uint32_t c) {
    require((uint64_t)h * w <= UINT32_MAX, MEMORY, "a tensor", "is too large");
    return (struct tensor){h, w, c, take((size_t)h * w, c * sizeof(int16_t))};
}

int16_t *at(const struct tensor *t, uint32_t y, uint32_t x) { return t->v + ((size_t)y * t->w + x) * t->c; }

/* The values that a channel of a tensor may have, by its type and bound. */
void limits(const struct tensor_info *t, uint32_t channel, int32_t *lo, int32_t *hi) {
    bool u8 = t->type == U8 || (t->type == MIXED && channel < t->zsplit);
    *lo = t->type == S16 ? -t->bound : u8 ? 0 : -128;
    *hi = t->type == S16 ? (t->bound < 32768 ? t->bound : 32767) : u8 ? 255 : 127;
}

/* Section 2 */
static int16_t requantize(const struct layer *l, uint32_t o, int32_t a, int32_t addend, int32_t lo, int32_t hi) {
    int64_t t = (int64_t)a * l->m[o];
    if (l->add != NO_ADD)
        t += (int64_t)addend * l->n[o];
    if (l->activation == LEAKY && t < 0)
        t >>= 3;
    if (l->activation == RELU && lo < 0)
        lo = 0;
    return (int16_t)clamp((t + ((int64_t)1 << (l->s[o] - 1))) >> l->s[o], lo, hi);
}

/* The input values under a kernel at (y, x), in the order of the weights. */
static void gather(const struct layer *l, const struct tensor *in, uint32_t y, uint32_t x, int16_t *patch) {
    int64_t p = (l->k - 1) / 2;
    for (uint32_t i = 0; i < l->k; i++)
        for (uint32_t j = 0; j < l->k; j++, patch += in->c) {
            int64_t yy = (int64_t)y * l->stride + i - p, xx = (int64_t)x * l->stride + j - p;
            int64_t cy = clamp(yy, 0, (int64_t)in->h - 1), cx = clamp(xx, 0, (int64_t)in->w - 1);
            if (!l->edge && (cy != yy || cx != xx))
                memset(patch, 0, in->c * sizeof *patch);
            else
                memcpy(patch, at(in, (uint32_t)cy, (uint32_t)cx), in->c * sizeof *patch);
        }
}

static int32_t dot(const int16_t *a, const int16_t *b, size_t n) {
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
            int32_t lo, hi;
            limits(info, channel, &lo, &hi);
            for (uint32_t x = 0; x < w; x++) {
                int32_t a = l->requant ? patch[x * n + o] : l->bias[o] + dot(patch + x * n, l->w + o * n, n);
                at(&out, y * r + i, x * r + j)[channel] = requantize(l, o, a, addend ? at(addend, y, x)[o] : 0, lo, hi);
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
