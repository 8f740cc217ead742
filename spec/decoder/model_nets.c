/* model.md, NETS, and the bounds of arithmetic.md section 5. */
#include "decoder.h"

static void demand(bool good, const char *what) { require(good, MODEL_INVALID, "NETS:", what); }

/* What the table of roles demands of the inputs and the output; 0 channels: any number. */
struct port { enum tensor_type type; uint32_t channels; int down, up; };
struct rule { int inputs; struct port in[2], out; };

static struct rule rule_of(const struct model *m, uint32_t role, uint32_t index) {
    const struct port none = {U8, 0, 0, 0};
    uint32_t slice = m->slice[index], context = m->H;
    for (uint32_t i = 0; i < index; i++)
        context += m->slice[i];
    switch (role) {
    case 0: return (struct rule){1, {{S16, 768, 0, 0}, none}, {S16, m->C, 0, 0}};
    case 1: return (struct rule){2, {{S8, 12, 0, 0}, {S16, m->C, 3, 0}}, {S16, m->C, 3, 0}};
    case 2: return (struct rule){1, {{S8, m->C, 0, 0}, none}, {S16, m->Z, 2, 0}};
    case HYPER_SYNTHESIS: return (struct rule){1, {{S8, m->Z + m->F, 0, 0}, none}, {U8, m->H, 0, 2}};
    case TRUNK: return (struct rule){1, {{MIXED, context, 0, 0}, none}, {S16, 0, 0, 0}};
    case ANCHOR: return (struct rule){2, {{S8, slice, 0, 0}, {S16, 0, 0, 0}}, {U8, 0, 0, 0}};
    case HEADS: return (struct rule){1, {{U8, 0, 0, 0}, none}, {S16, 2 * slice, 0, 0}};
    case FIRST: return (struct rule){1, {{S16, 0, 0, 0}, none}, {U8, 0, 0, 0}};
    case SYNTHESIS_LINEAR: return (struct rule){1, {{S16, m->C, 0, 0}, none}, {S16, 48, 0, 2}};
    default: return (struct rule){2, {{S8, m->C, 0, 0}, {S16, 48, 0, 2}}, {S16, 3, 0, 4}};
    }
}

static void check_port(const struct tensor_info *t, struct port p) {
    demand(t->type == p.type && (p.channels == 0 || t->channels == p.channels), "a role has another input or output");
    demand(t->down == p.down && t->up == p.up, "a role has another resolution");
}

static void read_tensor(struct tensor_info *t, struct bytes *b) {
    t->type = (enum tensor_type)get_ranged(b, 1, U8, MIXED);
    get_ranged(b, 1, 0, 0);
    t->channels = get_ranged(b, 2, 1, 65535);
    t->zsplit = get_ranged(b, 2, t->type == MIXED, t->type == MIXED ? t->channels : 0);
    t->bound = (int32_t)get_ranged(b, 2, t->type == S16, t->type == S16 ? 32768 : 0);
}

static const struct tensor_info *output(const struct net *net) { return &net->tensor[net->layer[net->layers - 1].dst]; }

static void read_weights(struct layer *l, const struct tensor_info *src, struct bytes *b) {
    size_t each = (size_t)l->k * l->k * l->cin, n = each * l->cout;
    int width = src->type == S16 ? 2 : 1;
    demand(n <= b->left / (size_t)width, "there are fewer weights than a layer needs");
    l->w = take(n, sizeof *l->w);
    l->bias = take(l->cout, sizeof *l->bias);
    for (size_t i = 0; i < n; i++)
        l->w[i] = (int16_t)get_signed(b, width);
    for (uint32_t o = 0; o < l->cout; o++) {
        l->bias[o] = get_signed(b, 4);
        int64_t sum = l->bias[o] < 0 ? -(int64_t)l->bias[o] : l->bias[o];
        for (size_t i = 0; i < each; i++) {
            int32_t w = l->w[o * each + i];
            bool u8 = src->type == U8 || (src->type == MIXED && i % l->cin < src->zsplit);
            int64_t largest = src->type == S16 ? src->bound : u8 ? 255 : 128;
            demand(w != (width == 2 ? -32768 : -128), "a weight is out of range");
            sum += (w < 0 ? -w : w) * largest;
        }
        demand(sum < (int64_t)1 << 31, "a sum might not fit in 32 bits");
    }
}

static void read_layer(const struct net *net, struct layer *l, struct bytes *b) {
    l->requant = get_ranged(b, 1, 0, 1);
    l->k = get_ranged(b, 1, 1, l->requant ? 1 : 5);
    l->stride = get_ranged(b, 1, 1, l->requant ? 1 : 2);
    l->activation = get_ranged(b, 1, NONE, LEAKY);
    l->edge = get_ranged(b, 1, 0, 1);
    l->shuffle = get_ranged(b, 1, 1, 4);
    l->src = get_ranged(b, 1, 0, net->tensors - 1);
    l->dst = get_ranged(b, 1, 0, net->tensors - 1);
    l->add = get_number(b, 1);
    get_ranged(b, 1, 0, 0);
    l->cout = get_ranged(b, 2, 1, 65535);
    const struct tensor_info *src = &net->tensor[l->src], *add = l->add < net->tensors ? &net->tensor[l->add] : NULL;
    struct tensor_info *dst = &net->tensor[l->dst];
    l->cin = src->channels;
    demand(l->k % 2 == 1 && l->shuffle != 3, "a layer has an impossible kernel or shuffle");
    demand(src->written && (l->add == NO_ADD || (add && add->written)), "a layer reads what is not written");
    demand(!dst->written, "a tensor is written twice");
    demand(!l->requant || l->cin == l->cout, "a requant layer changes the number of channels");
    demand(l->cout == dst->channels * l->shuffle * l->shuffle, "a layer has a wrong number of output channels");
    dst->written = true;
    dst->down = src->down + (l->stride == 2 && src->up == 0);
    dst->up = src->up - (l->stride == 2 && src->up > 0);
    bool same = add && add->channels == l->cout && add->down == dst->down && add->up == dst->up;
    demand(!add || same, "an addend has another size");
    dst->up += (int)l->shuffle / 2;
    demand(dst->down <= 14 && dst->up <= 8, "a layer changes the resolution too much");
    if (!l->requant)
        read_weights(l, src, b);
    l->m = get_array(b, l->cout, 2, 1, 32767);
    l->s = get_array(b, l->cout, 1, 1, 46);
    l->n = take(l->cout, sizeof *l->n);
    for (uint32_t o = 0; o < l->cout && add; o++)
        l->n[o] = get_signed(b, 4);
}

static void read_net(const struct model *m, struct net *net, uint32_t role, uint32_t index, struct bytes *b) {
    struct rule rule = rule_of(m, role, index);
    get_ranged(b, 1, role, role);
    get_ranged(b, 1, index, index);
    net->tensors = get_number(b, 1);
    net->layers = get_ranged(b, 1, 1, 64);
    bool once = net->tensors == net->layers + (uint32_t)rule.inputs;
    demand(once && net->tensors <= 64, "a network does not write each tensor once, or has too many");
    net->tensor = take(net->tensors, sizeof *net->tensor);
    net->layer = take(net->layers, sizeof *net->layer);
    for (uint32_t i = 0; i < net->tensors; i++)
        read_tensor(&net->tensor[i], b);
    for (int i = 0; i < rule.inputs; i++) {
        net->tensor[i].written = true;
        net->tensor[i].down = rule.in[i].down;
        net->tensor[i].up = rule.in[i].up;
        check_port(&net->tensor[i], rule.in[i]);
    }
    demand(role != TRUNK || net->tensor[0].zsplit == m->H, "the input of a trunk has a wrong split");
    for (uint32_t i = 0; i < net->layers; i++) {
        const struct layer *l = &net->layer[i];
        read_layer(net, &net->layer[i], b);
        bool fixed = l->stride == 1 && l->shuffle == 1, opens = role == ANCHOR && i == 0;
        bool good = opens ? l->src == 0 && l->k > 1 && !l->edge : (role != ANCHOR || l->src > 0) && l->k == 1;
        good = good && (role != ANCHOR || l->add > 0);
        demand(role < ANCHOR || role > FIRST || (fixed && good), "a context network looks where it must not");
        demand(role < SYNTHESIS_LINEAR || net->tensor[l->dst].down == 0, "synthesis has a tensor smaller than the latents");
    }
    check_port(output(net), rule.out);
}

/* Which positions of each input the positions lo..hi of the output depend on, along one axis. */
static void reach(const struct net *net, int64_t lo, int64_t hi, int64_t from[2], int64_t to[2]) {
    int64_t first[256], last[256];
    for (uint32_t i = 0; i < 256; i++)
        first[i] = INT32_MAX, last[i] = INT32_MIN;   /* none yet */
    first[net->layer[net->layers - 1].dst] = lo;
    last[net->layer[net->layers - 1].dst] = hi;
    for (uint32_t i = net->layers; i-- > 0;) {
        const struct layer *l = &net->layer[i];
        int64_t a = first[l->dst] >> (l->shuffle / 2), b = last[l->dst] >> (l->shuffle / 2), p = (l->k - 1) / 2;
        if (a > b)
            continue;
        if (l->add != NO_ADD) {
            first[l->add] = clamp(a, INT32_MIN, first[l->add]);
            last[l->add] = clamp(b, last[l->add], INT32_MAX);
        }
        first[l->src] = clamp(a * l->stride - p, INT32_MIN, first[l->src]);
        last[l->src] = clamp(b * l->stride + p, last[l->src], INT32_MAX);
    }
    for (int i = 0; i < 2; i++)
        from[i] = first[i], to[i] = last[i];
}

/* Networks whose output is input `input` of another one */
static void check_joints(const struct model *m) {
    static const struct { int producer, reader, input; } joints[6] = {
        {0, 1, 1}, {4, 5, 1}, {4, 7, 0}, {5, 6, 0}, {7, 6, 0}, {8, 9, 1}};   /* roles by number */
    for (int j = 0; j < 6; j++)
        for (uint32_t i = 0; i < m->S && m->net[joints[j].producer][i].layers; i++) {
            const struct tensor_info *a = output(&m->net[joints[j].producer][i]);
            const struct tensor_info *b = &m->net[joints[j].reader][i].tensor[joints[j].input];
            demand(a->channels == b->channels && a->bound <= b->bound, "an input is not the output that it takes");
        }
    demand(m->net[SYNTHESIS_LINEAR][0].tensor[0].bound == 32768, "the bound of the latents is not 32768");
    demand(m->net[0][0].tensor[0].bound >= 128, "the bound of the pixels is below 128");
}

void read_nets(struct model *m, struct bytes *b) {
    get_ranged(b, 2, 6 + 4 * m->S, 6 + 4 * m->S);
    for (uint32_t role = 0; role < ROLES; role++)
        for (uint32_t i = 0; i < (role >= TRUNK && role <= FIRST ? m->S : 1); i++)
            read_net(m, &m->net[role][i], role, i, b);
    check_joints(m);
    int64_t from[2], to[2], linear_from[2] = {0, 0}, linear_to[2] = {0, 0};
    reach(&m->net[SYNTHESIS][0], 0, 15, from, to);   /* the pixels of latent 0 */
    if (from[1] <= to[1])
        reach(&m->net[SYNTHESIS_LINEAR][0], from[1], to[1], linear_from, linear_to);
    demand(from[0] >= -4 && linear_from[0] >= -4 && to[0] <= 4 && linear_to[0] <= 4, "pixels reach too far");
}
