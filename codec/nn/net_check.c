/* The loader's checks of one network: spec/model.md (NETS) and the bounds of spec/arithmetic.md section 5. */
#include "base/bytes.h"
#include "codec/nn/net.h"

typedef struct checker {
    const char *name;
    const vqz_tensor_def *tensors;
    unsigned ntensors, inputs;
    vqz_scale *scales;
    bool ready[VQZ_NET_TENSORS];     /* holds values: an input, or written by an earlier layer */
    vqz_error *error;
} checker;

#define REFUSE(c, ...) vqz_fail((c)->error, VQZ_ERR_MODEL_INVALID, VQZ_NO_OFFSET, __VA_ARGS__)

static vqz_status check_tensor(const checker *c, unsigned t) {
    const vqz_tensor_def *d = &c->tensors[t];
    if ((unsigned)d->type > VQZ_T_MIXED) return REFUSE(c, "%s: tensor %u has the unknown type %u", c->name, t, (unsigned)d->type);
    if (d->channels == 0) return REFUSE(c, "%s: tensor %u has no channels", c->name, t);
    if (d->type == VQZ_T_MIXED ? d->zsplit == 0 || d->zsplit > d->channels : d->zsplit != 0)
        return REFUSE(c, "%s: tensor %u of %u channels has zsplit %u", c->name, t, d->channels, d->zsplit);
    if (d->type == VQZ_T_S16 ? d->bound == 0 || d->bound > 32768 : d->bound != 0)
        return REFUSE(c, "%s: tensor %u has the bound %u, allowed is %s", c->name, t, d->bound,
                      d->type == VQZ_T_S16 ? "1..32768" : "0 for 8-bit types");
    return VQZ_OK;
}

static vqz_status check_fields(const checker *c, unsigned i, const vqz_layer_def *l) {
    const char *n = c->name;
    if (l->op > VQZ_OP_REQUANT) return REFUSE(c, "%s: layer %u has the unknown op %u", n, i, l->op);
    if (l->op == VQZ_OP_CONV ? l->k != 1 && l->k != 3 && l->k != 5 : l->k != 1)
        return REFUSE(c, "%s: layer %u has kernel size %u, allowed is %s", n, i, l->k, l->op == VQZ_OP_CONV ? "1, 3 or 5" : "1 for requant");
    if (l->op == VQZ_OP_CONV ? l->stride != 1 && l->stride != 2 : l->stride != 1)
        return REFUSE(c, "%s: layer %u has stride %u, allowed is %s", n, i, l->stride, l->op == VQZ_OP_CONV ? "1 or 2" : "1 for requant");
    if (l->act > VQZ_ACT_LEAKY) return REFUSE(c, "%s: layer %u has the unknown activation %u", n, i, l->act);
    if (l->pad_edge > 1) return REFUSE(c, "%s: layer %u has the unknown padding mode %u", n, i, l->pad_edge);
    if (l->shuffle != 1 && l->shuffle != 2 && l->shuffle != 4)
        return REFUSE(c, "%s: layer %u has shuffle %u, allowed are 1, 2 and 4", n, i, l->shuffle);
    if (l->cin == 0 || l->cout == 0) return REFUSE(c, "%s: layer %u has no channels", n, i);
    if (!l->mul || !l->shift || (l->op == VQZ_OP_CONV && (!l->weights || !l->bias)) || (l->add != VQZ_NO_TENSOR && !l->addmul))
        return REFUSE(c, "%s: layer %u lacks an array", n, i);
    return VQZ_OK;
}

static vqz_status check_tensors_of(checker *c, unsigned i, const vqz_layer_def *l) {
    const char *n = c->name;
    const unsigned r2 = (unsigned)l->shuffle * l->shuffle;
    if (l->src >= c->ntensors || !c->ready[l->src])
        return REFUSE(c, "%s: layer %u reads tensor %u, which nothing has written", n, i, l->src);
    if (l->add != VQZ_NO_TENSOR && (l->add >= c->ntensors || !c->ready[l->add]))
        return REFUSE(c, "%s: layer %u adds tensor %u, which nothing has written", n, i, l->add);
    if (l->dst >= c->ntensors) return REFUSE(c, "%s: layer %u writes tensor %u of %u", n, i, l->dst, c->ntensors);
    if (l->dst < c->inputs) return REFUSE(c, "%s: layer %u writes tensor %u, an input", n, i, l->dst);
    if (c->ready[l->dst]) return REFUSE(c, "%s: layer %u writes tensor %u a second time", n, i, l->dst);
    if (l->cin != c->tensors[l->src].channels)
        return REFUSE(c, "%s: layer %u takes %u channels, tensor %u has %u", n, i, l->cin, l->src, c->tensors[l->src].channels);
    if (l->op == VQZ_OP_REQUANT && l->cin != l->cout)
        return REFUSE(c, "%s: layer %u makes %u channels of %u without weights", n, i, l->cout, l->cin);
    if (l->cout % r2 != 0 || l->cout / r2 != c->tensors[l->dst].channels)
        return REFUSE(c, "%s: layer %u makes %u channels, shuffle %u; tensor %u has %u", n, i, l->cout, l->shuffle, l->dst,
                      c->tensors[l->dst].channels);

    vqz_scale s = c->scales[l->src];
    if (l->stride == 2) {
        if (s.up) s.up--;
        else s.down++;
    }
    if (l->add != VQZ_NO_TENSOR) {
        vqz_scale a = c->scales[l->add];
        if (a.down != s.down || a.up != s.up) return REFUSE(c, "%s: layer %u adds tensor %u, which has another size", n, i, l->add);
        if (c->tensors[l->add].channels != l->cout)
            return REFUSE(c, "%s: layer %u adds tensor %u of %u channels to %u", n, i, l->add, c->tensors[l->add].channels, l->cout);
    }
    s.up = (uint8_t)(s.up + l->shuffle / 2);       /* 1, 2, 4: 0, 1, 2 */
    if (s.up > VQZ_NET_UP || s.down > VQZ_NET_DOWN) return REFUSE(c, "%s: layer %u changes the size too much", n, i);
    c->scales[l->dst] = s;
    c->ready[l->dst] = true;
    return VQZ_OK;
}

static vqz_status check_requant(const checker *c, unsigned i, const vqz_layer_def *l) {
    for (size_t o = 0; o < l->cout; o++) {
        unsigned m = vqz_load16(l->mul + 2 * o), s = l->shift[o];
        if (m < 1 || m > 32767) return REFUSE(c, "%s: layer %u, channel %zu: multiplier %u, allowed is 1..32767", c->name, i, o, m);
        if (s < 1 || s > 46) return REFUSE(c, "%s: layer %u, channel %zu: shift %u, allowed is 1..46", c->name, i, o, s);
    }
    return VQZ_OK;
}

static int64_t largest(const vqz_tensor_def *d, unsigned channel) {
    return d->type == VQZ_T_S16 ? d->bound : vqz_zero_point(d, channel) ? 128 : 255;
}

/* |bias| + sum of |W| * largest input < 2^31 for every output channel. Each output has at most 25 * 65535 weights
 * of less than 2^15 times at most 2^15: the sum fits in 64 bits. */
static vqz_status check_sums(const checker *c, unsigned i, const vqz_layer_def *l) {
    const vqz_tensor_def *in = &c->tensors[l->src];
    const bool wide = in->type == VQZ_T_S16;
    const size_t taps = (size_t)l->k * l->k;
    const uint8_t *w = l->weights;
    for (size_t o = 0; o < l->cout; o++) {
        int64_t sum = (int32_t)vqz_load32(l->bias + 4 * o);
        if (sum < 0) sum = -sum;
        for (size_t t = 0; t < taps; t++) {
            for (unsigned k = 0; k < l->cin; k++, w += wide ? 2 : 1) {
                int v = wide ? (int16_t)vqz_load16(w) : (int8_t)*w;
                if (v == (wide ? INT16_MIN : INT8_MIN)) return REFUSE(c, "%s: layer %u, channel %zu: weight %d is not allowed", c->name, i, o, v);
                sum += (v < 0 ? -v : v) * largest(in, k);
            }
        }
        if (sum > INT32_MAX) return REFUSE(c, "%s: layer %u, channel %zu: sums may reach %lld, the limit is 2^31 - 1", c->name, i, o, (long long)sum);
    }
    return VQZ_OK;
}

vqz_status vqz_net_check(const char *name, const vqz_tensor_def *tensors, unsigned ntensors, unsigned inputs,
                         const vqz_layer_def *layers, unsigned nlayers, vqz_scale *scales, vqz_error *error) {
    checker c = {.name = name, .tensors = tensors, .ntensors = ntensors, .inputs = inputs, .scales = scales, .error = error};
    if (ntensors > VQZ_NET_TENSORS || nlayers > VQZ_NET_TENSORS || nlayers == 0 || inputs == 0 || inputs >= ntensors)
        return REFUSE(&c, "%s: %u tensors, %u inputs, %u layers", name, ntensors, inputs, nlayers);
    for (unsigned t = 0; t < ntensors; t++) {
        VQZ_TRY(check_tensor(&c, t));
        c.ready[t] = t < inputs;
        scales[t] = t && t < inputs ? tensors[t].scale : (vqz_scale){0, 0};
    }
    for (unsigned i = 0; i < nlayers; i++) {
        VQZ_TRY(check_fields(&c, i, &layers[i]));
        VQZ_TRY(check_tensors_of(&c, i, &layers[i]));
        VQZ_TRY(check_requant(&c, i, &layers[i]));
    }
    for (unsigned t = 0; t < ntensors; t++)
        if (!c.ready[t]) return REFUSE(&c, "%s: no layer writes tensor %u", name, t);
    return VQZ_OK;
}

vqz_status vqz_net_prove(const char *name, const vqz_tensor_def *tensors, const vqz_layer_def *layers, unsigned nlayers, vqz_error *error) {
    const checker c = {.name = name, .tensors = tensors, .error = error};
    for (unsigned i = 0; i < nlayers; i++)
        if (layers[i].op == VQZ_OP_CONV) VQZ_TRY(check_sums(&c, i, &layers[i]));
    return VQZ_OK;
}
