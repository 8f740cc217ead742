/* model.md, NETS, and the bounds of arithmetic.md section 5. */
#include "decoder.h"

/* What the table of roles demands of the inputs and the output; 0 channels: any number. */
struct port { enum tensor_type type; uint32_t channels; int down, up; };

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
    demand(l->k % 2 == 1 && l->shuffle != 3, "a layer has an impossible kernel or shuffle");
    demand(src->written && (l->add == NO_ADD || (add && add->written)), "a layer reads what is not written");
    demand(!dst->written, "a tensor is written twice");
    bool fits = l->cout == dst->channels * l->shuffle * l->shuffle && (!l->requant || src->channels == l->cout);
    demand(fits, "a layer has a wrong number of output channels");
    dst->written = true;
    dst->down = src->down + (l->stride == 2 && src->up == 0);
    dst->up = src->up - (l->stride == 2 && src->up > 0);
    fits = !add || (add->channels == l->cout && add->down == dst->down && add->up == dst->up);
    demand(fits, "an addend has another size");
    dst->up += (int)l->shuffle / 2;
    demand(dst->down <= 14 && dst->up <= 8, "a layer changes the resolution too much");
    size_t each = l->requant ? 0 : (size_t)l->k * l->k * src->channels;
    int width = src->type == S16 ? 2 : 1, most = width == 2 ? 32767 : 127;
    l->w = get_array(b, each * l->cout, width, -most, most);
    l->bias = l->requant ? take(l->cout, sizeof *l->bias) : get_array(b, l->cout, 4, INT32_MIN, INT32_MAX);
    for (uint32_t o = 0; o < l->cout; o++) {
        int64_t sum = llabs(l->bias[o]);
        for (size_t i = 0; i < each; i++) {
            struct span in = limits(src, (uint32_t)(i % src->channels));
            sum += (int64_t)abs(l->w[o * each + i]) * larger(-in.lo, in.hi);
        }
        demand(sum < (int64_t)1 << 31, "a sum might not fit in 32 bits");
    }
    l->m = get_array(b, l->cout, 2, 1, 32767);
    l->s = get_array(b, l->cout, 1, 1, 46);
    l->n = add ? get_array(b, l->cout, 4, INT32_MIN, INT32_MAX) : NULL;
}

static const struct tensor_info *output(const struct net *net) { return &net->tensor[net->layer[net->layers - 1].dst]; }

static void check_port(const struct tensor_info *t, struct port p) {
    bool type = t->type == p.type || (p.type == S8_OR_S16 && (t->type == S8 || t->type == S16));
    demand(type && (p.channels == 0 || t->channels == p.channels), "a role has another input or output");
    demand(t->down == p.down && t->up == p.up, "a role has another resolution");
}

static void read_net(const struct model *m, struct net *net, uint32_t role, uint32_t index, struct bytes *b) {
    uint32_t slice = m->slice[index], context = m->H;
    for (uint32_t i = 0; i < index; i++)
        context += m->slice[i];
    const struct { uint32_t inputs; struct port in[2], out; } rule[ROLES] = {
        {1, {{S16, 768, 0, 0}}, {S16, m->C, 0, 0}},
        {2, {{S8, 12, 0, 0}, {S16, m->C, 3, 0}}, {S16, m->C, 3, 0}},
        {1, {{S8, m->C, 0, 0}}, {S16, m->Z, 2, 0}},
        [HYPER_SYNTHESIS] = {1, {{S8, m->Z + m->F, 0, 0}}, {U8, m->H, 0, 2}},
        [TRUNK] = {1, {{MIXED, context, 0, 0}}, {S16, 0, 0, 0}},
        [ANCHOR] = {2, {{S8, slice, 0, 0}, {S16, 0, 0, 0}}, {U8, 0, 0, 0}},
        [HEADS] = {1, {{U8, 0, 0, 0}}, {S16, 2 * slice, 0, 0}},
        [FIRST] = {1, {{S16, 0, 0, 0}}, {U8, 0, 0, 0}},
        [SYNTHESIS_LINEAR] = {1, {{S16, m->C, 0, 0}}, {S16, 48, 0, 2}},
        [SYNTHESIS] = {2, {{S8_OR_S16, m->C, 0, 0}, {S16, 48, 0, 2}}, {S16, 3, 0, 4}}};
    get_ranged(b, 1, role, role);
    get_ranged(b, 1, index, index);
    net->tensors = get_ranged(b, 1, 1, 64);
    net->layers = get_ranged(b, 1, 1, 64);
    demand(net->tensors == net->layers + rule[role].inputs, "a network does not write each tensor once");
    net->tensor = take(net->tensors, sizeof *net->tensor);
    net->layer = take(net->layers, sizeof *net->layer);
    for (uint32_t i = 0; i < net->tensors; i++) {
        struct tensor_info *t = &net->tensor[i];
        t->type = (enum tensor_type)get_ranged(b, 1, U8, MIXED);
        get_ranged(b, 1, 0, 0);
        t->channels = get_ranged(b, 2, 1, 65535);
        t->zsplit = get_ranged(b, 2, t->type == MIXED, t->type == MIXED ? t->channels : 0);
        t->bound = (int32_t)get_ranged(b, 2, t->type == S16, t->type == S16 ? 32768 : 0);
        t->written = i < rule[role].inputs;
        if (t->written) {
            t->down = rule[role].in[i].down;
            t->up = rule[role].in[i].up;
            check_port(t, rule[role].in[i]);
        }
    }
    demand(role != TRUNK || net->tensor[0].zsplit == m->H, "the input of a trunk has a wrong split");
    for (uint32_t i = 0; i < net->layers; i++) {
        const struct layer *l = &net->layer[i];
        read_layer(net, &net->layer[i], b);
        bool good = role == ANCHOR && i == 0 ? l->src == 0 && l->k > 1 && !l->edge : l->k == 1;
        good = good && l->stride == 1 && l->shuffle == 1 && (role != ANCHOR || (l->add > 0 && (l->src > 0 || i == 0)));
        demand(role < ANCHOR || role > FIRST || good, "a context network looks where it must not");
        demand(role < SYNTHESIS_LINEAR || net->tensor[l->dst].down == 0, "synthesis is below the latents' resolution");
    }
    check_port(output(net), rule[role].out);
}

static void widen(struct span *s, int lo, int hi) {
    s->lo = smaller(s->lo, lo);
    s->hi = larger(s->hi, hi);
}

/* Which positions of each input some positions of the output depend on, along one axis. */
static void reach(const struct net *net, struct span out, struct span in[2]) {
    struct span need[NO_ADD + 1];
    for (int i = 0; i <= NO_ADD; i++)
        need[i] = (struct span){INT32_MAX, INT32_MIN};   /* none yet */
    need[net->layer[net->layers - 1].dst] = out;
    for (uint32_t i = net->layers; i-- > 0;) {
        const struct layer *l = &net->layer[i];
        int lo = need[l->dst].lo >> l->shuffle / 2, hi = need[l->dst].hi >> l->shuffle / 2;
        if (lo > hi)
            continue;
        widen(&need[l->add], lo, hi);
        widen(&need[l->src], lo * (int)l->stride - (int)l->k / 2, hi * (int)l->stride + (int)l->k / 2);
    }
    memcpy(in, need, 2 * sizeof *in);
}

void read_nets(struct model *m, struct bytes *b) {
    static const int joints[6][3] = {   /* roles and the input of the second one that is the output of the first one */
        {0, 1, 1}, {TRUNK, ANCHOR, 1}, {TRUNK, FIRST, 0}, {ANCHOR, HEADS, 0}, {FIRST, HEADS, 0},
        {SYNTHESIS_LINEAR, SYNTHESIS, 1}};
    get_ranged(b, 2, 6 + 4 * m->S, 6 + 4 * m->S);
    for (uint32_t role = 0; role < ROLES; role++)
        for (uint32_t i = 0; i < (role >= TRUNK && role <= FIRST ? m->S : 1); i++)
            read_net(m, &m->net[role][i], role, i, b);
    for (int j = 0; j < 6; j++)
        for (uint32_t i = 0; i < m->S && m->net[joints[j][0]][i].layers; i++) {
            const struct tensor_info *a = output(&m->net[joints[j][0]][i]);
            const struct tensor_info *t = &m->net[joints[j][1]][i].tensor[joints[j][2]];
            demand(a->channels == t->channels && a->bound <= t->bound, "an input is not the output that it takes");
        }
    bool good = m->net[SYNTHESIS_LINEAR][0].tensor[0].bound == 32768 && m->net[0][0].tensor[0].bound >= 128;
    demand(good && m->net[SYNTHESIS][0].tensor[0].bound % 32768 == 0, "the bound of latents or pixels is too small");
    struct span all[2], linear[2] = {{0, 0}};
    reach(&m->net[SYNTHESIS][0], (struct span){0, 15}, all);   /* the pixels of latent 0 */
    if (all[1].lo <= all[1].hi)
        reach(&m->net[SYNTHESIS_LINEAR][0], all[1], linear);
    widen(&all[0], linear[0].lo, linear[0].hi);
    demand(all[0].lo >= -REACH && all[0].hi <= REACH, "pixels reach too far");
}
