/* Networks of a model: parsing their declarations, the rules for them, packing for a kernel variant. */
#include "codec/model/model.h"
#include "base/arena.h"
#include <stdio.h>

#define BAD(...) vqz_fail(e, VQZ_ERR_MODEL_INVALID, VQZ_NO_OFFSET, __VA_ARGS__)
enum { MAX_TENSORS = 64, MAX_LAYERS = 64, LATENT_BOUND = 32768 };

static const struct { const char *name; bool per_slice; uint8_t inputs; vqz_scale second, out; } roles[VQZ_NET_KINDS] = {
    [VQZ_NET_ANALYSIS_LINEAR] = {"analysis linear", false, 1, {0, 0}, {0, 0}}, [VQZ_NET_ANALYSIS] = {"analysis", false, 2, {3, 0}, {3, 0}},
    [VQZ_NET_HYPER_ANALYSIS] = {"hyper analysis", false, 1, {0, 0}, {2, 0}}, [VQZ_NET_HYPER_SYNTHESIS] = {"hyper synthesis", false, 1, {0, 0}, {0, 2}},
    [VQZ_NET_TRUNK] = {"context trunk", true, 1, {0, 0}, {0, 0}}, [VQZ_NET_ANCHOR] = {"context anchor", true, 2, {0, 0}, {0, 0}},
    [VQZ_NET_HEADS] = {"context heads", true, 1, {0, 0}, {0, 0}}, [VQZ_NET_FIRST] = {"context first", true, 1, {0, 0}, {0, 0}},
    [VQZ_NET_SYNTHESIS_LINEAR] = {"synthesis linear", false, 1, {0, 0}, {0, 2}}, [VQZ_NET_SYNTHESIS] = {"synthesis", false, 2, {0, 2}, {0, 4}},
    [VQZ_NET_SECOND] = {"context second", true, 2, {0, 0}, {0, 0}}, [VQZ_NET_LATQ] = {"LATQ", false, 1, {0, 0}, {0, 0}},
};   /* second, out: sizes of tensor 1 and of the output by that of tensor 0 */

static void net_name(char name[40], int role, uint32_t index) {
    snprintf(name, 40, roles[role].per_slice ? "%s %u" : "%s", roles[role].name, index);
}

static vqz_status parse_net(vqz_net_def *def, int role, const char *name, vqz_reader *r, vqz_arena *a, vqz_error *e) {
    const unsigned inputs = roles[role].inputs;
    def->ntensors = vqz_read8(r);
    def->nlayers = vqz_read8(r);
    def->inputs = inputs;
    if (!def->nlayers || def->nlayers > MAX_LAYERS || def->ntensors <= inputs || def->ntensors > MAX_TENSORS)
        return BAD("%s: %u tensors and %u layers are out of range", name, def->ntensors, def->nlayers);
    vqz_tensor_def *t, tensors[MAX_TENSORS];
    vqz_layer_def *l;
    VQZ_TAKE(a, t, def->ntensors);
    VQZ_TAKE(a, l, def->nlayers);
    for (uint32_t i = 0; i < def->ntensors; i++) {
        unsigned type = vqz_read8(r), zero = vqz_read8(r);
        tensors[i].type = (vqz_type)type;
        tensors[i].channels = vqz_read16(r);
        tensors[i].zsplit = vqz_read16(r);
        tensors[i].bound = vqz_read16(r);
        tensors[i].scale = i == 1 && inputs == 2 ? roles[role].second : (vqz_scale){0, 0};
        if (type > VQZ_T_MIXED || zero) return BAD("%s: tensor %u has type %u", name, i, type);
        if (t) t[i] = tensors[i];
    }
    for (uint32_t i = 0; i < def->nlayers; i++) {
        vqz_layer_def d = {.op = vqz_read8(r), .k = vqz_read8(r), .stride = vqz_read8(r), .act = vqz_read8(r),
                           .pad_edge = vqz_read8(r), .shuffle = vqz_read8(r), .src = vqz_read8(r), .dst = vqz_read8(r), .add = vqz_read8(r)};
        unsigned zero = vqz_read8(r);
        d.cout = vqz_read16(r);
        if (r->failed) break;
        if (d.src >= def->ntensors || d.dst >= def->ntensors || (d.add != VQZ_NO_TENSOR && d.add >= def->ntensors) || zero)
            return BAD("%s: layer %u names a tensor that does not exist", name, i);
        d.cin = tensors[d.src].channels;
        if (d.op == VQZ_OP_CONV) {
            size_t n = (size_t)d.cout * d.k * d.k * d.cin * (tensors[d.src].type == VQZ_T_S16 ? 2 : 1);
            d.weights = vqz_read_bytes(r, n);
            d.bias = vqz_read_bytes(r, (size_t)d.cout * 4);
        }
        d.mul = vqz_read_bytes(r, (size_t)d.cout * 2);
        d.shift = vqz_read_bytes(r, d.cout);
        if (d.add != VQZ_NO_TENSOR) d.addmul = vqz_read_bytes(r, (size_t)d.cout * 4);
        if (l) l[i] = d;
    }
    if (r->failed) return BAD("%s: the section ends inside this network", name);
    def->tensors = t;
    def->layers = l;
    return VQZ_OK;
}

static const vqz_tensor_def *output_of(const vqz_net_def *d) { return &d->tensors[d->layers[d->nlayers - 1].dst]; }

/* The proof of a network's sums (spec/arithmetic.md section 5) takes the bounds of its inputs on trust: what comes in must keep them. */
static vqz_status check_bounds(const vqz_model *m, vqz_net_role role, uint32_t i, const char *name, vqz_error *e) {
    const vqz_tensor_def *t = m->def[role][i].tensors;
    unsigned from = VQZ_NET_KINDS, input = 0;
    switch (role) {
    case VQZ_NET_ANALYSIS_LINEAR:
        return t->bound < 128 ? BAD("%s: tensor 0 has the bound %u, pixels reach 128", name, t->bound) : VQZ_OK;
    case VQZ_NET_SYNTHESIS_LINEAR:
        return t->bound != LATENT_BOUND ? BAD("%s: tensor 0 has the bound %u, that of latents is 32768", name, t->bound) : VQZ_OK;
    case VQZ_NET_ANALYSIS: from = VQZ_NET_ANALYSIS_LINEAR; input = 1; break;
    case VQZ_NET_ANCHOR: from = VQZ_NET_TRUNK; input = 1; break;
    case VQZ_NET_FIRST: from = VQZ_NET_TRUNK; break;
    case VQZ_NET_SYNTHESIS:
        if (t->type == VQZ_T_S16 && t->bound != LATENT_BOUND) return BAD("%s: tensor 0 has the bound %u, that of latents is 32768", name, t->bound);
        from = VQZ_NET_SYNTHESIS_LINEAR;
        input = 1;
        break;
    default: return VQZ_OK;                  /* 8-bit inputs */
    }
    unsigned reached = output_of(&m->def[from][i])->bound;
    if (t[input].bound >= reached) return VQZ_OK;
    return BAD("%s: tensor %u has the bound %u, the output of %s that it takes reaches %u", name, input, t[input].bound, roles[from].name, reached);
}

/* What the rest of the codec relies on: types, channels and scale of each role's inputs and output. */
static vqz_status check_role(const vqz_model *m, vqz_net_role role, uint32_t i, const char *name, vqz_error *e) {
    const vqz_net_def *d = &m->def[role][i];
    const vqz_tensor_def *t = d->tensors, *out = output_of(d);
    uint32_t C = m->C, c = m->slice[i], prev = m->slice_start[i];
    struct shape { vqz_type type; uint32_t channels; } in0, in1 = {0}, want;
    switch (role) {
    case VQZ_NET_ANALYSIS_LINEAR: in0 = (struct shape){VQZ_T_S16, 768}; want = (struct shape){VQZ_T_S16, C}; break;
    case VQZ_NET_ANALYSIS: in0 = (struct shape){VQZ_T_S8, 12}; in1 = want = (struct shape){VQZ_T_S16, C}; break;
    case VQZ_NET_HYPER_ANALYSIS: in0 = (struct shape){VQZ_T_S8, C}; want = (struct shape){VQZ_T_S16, m->Z}; break;
    case VQZ_NET_HYPER_SYNTHESIS: in0 = (struct shape){VQZ_T_S8, m->Z + m->F}; want = (struct shape){VQZ_T_U8, m->H}; break;
    case VQZ_NET_TRUNK: in0 = (struct shape){VQZ_T_MIXED, m->H + prev}; want = (struct shape){VQZ_T_S16, out->channels}; break;
    case VQZ_NET_ANCHOR:
        in0 = (struct shape){VQZ_T_S8, c};
        in1 = (struct shape){VQZ_T_S16, m->trunk_channels[i]};
        want = (struct shape){VQZ_T_U8, m->feature_channels[i]};
        break;
    case VQZ_NET_HEADS: in0 = (struct shape){VQZ_T_U8, t[0].channels}; want = (struct shape){VQZ_T_S16, 2 * c}; break;
    case VQZ_NET_FIRST: in0 = (struct shape){VQZ_T_S16, m->trunk_channels[i]}; want = (struct shape){VQZ_T_U8, m->feature_channels[i]}; break;
    case VQZ_NET_SYNTHESIS_LINEAR: in0 = (struct shape){VQZ_T_S16, C}; want = (struct shape){VQZ_T_S16, 48}; break;
    case VQZ_NET_SYNTHESIS: in0 = (struct shape){t[0].type == VQZ_T_S16 ? VQZ_T_S16 : VQZ_T_S8, C}; in1 = (struct shape){VQZ_T_S16, 48}; want = (struct shape){VQZ_T_S16, 3}; break;
    default: return VQZ_ERR_INTERNAL;
    }
    if (t[0].type != in0.type || t[0].channels != in0.channels || (role == VQZ_NET_TRUNK && t[0].zsplit != m->H))
        return BAD("%s: tensor 0 has type %d and %u channels", name, t[0].type, t[0].channels);
    if (d->inputs > 1 && (t[1].type != in1.type || t[1].channels != in1.channels))
        return BAD("%s: tensor 1 has type %d and %u channels", name, t[1].type, t[1].channels);
    if (out->type != want.type || out->channels != want.channels)
        return BAD("%s: the output has type %d and %u channels", name, out->type, out->channels);
    if (role == VQZ_NET_HEADS || role == VQZ_NET_FIRST)
        for (uint32_t l = 0; l < d->nlayers; l++)
            if (d->layers[l].k != 1 || d->layers[l].stride != 1 || d->layers[l].shuffle != 1) return BAD("%s: layer %u is not pointwise", name, l);
    return VQZ_OK;
}

vqz_status vqz_parse_nets(vqz_model *m, vqz_reader *r, vqz_arena *a, vqz_error *e) {
    unsigned count = vqz_read16(r), expected = 0;
    for (int role = 0; role < VQZ_NET_ROLES; role++) expected += roles[role].per_slice ? m->S : 1;
    if (count != expected) return BAD("NETS section: %u networks, %u expected", count, expected);
    for (int role = 0; role < VQZ_NET_ROLES; role++)
        for (uint32_t i = 0; i < (roles[role].per_slice ? m->S : 1); i++) {
            char name[40];
            net_name(name, role, i);
            unsigned got_role = vqz_read8(r), got_index = vqz_read8(r);
            if (got_role != (unsigned)role || got_index != i) return BAD("NETS section: network %s expected, found role %u index %u", name, got_role, got_index);
            VQZ_TRY(parse_net(&m->def[role][i], role, name, r, a, e));
            if (!a->base) continue;
            const vqz_net_def *d = &m->def[role][i];
            uint32_t channels = output_of(d)->channels;
            if (role == VQZ_NET_TRUNK) m->trunk_channels[i] = channels;
            if (role == VQZ_NET_ANCHOR) m->feature_channels[i] = channels;
            VQZ_TRY(check_role(m, (vqz_net_role)role, i, name, e));
            VQZ_TRY(check_bounds(m, (vqz_net_role)role, i, name, e));
            if (role == VQZ_NET_HEADS && d->tensors[0].channels != m->feature_channels[i])
                return BAD("%s: tensor 0 has %u channels, the features have %u", name, d->tensors[0].channels, m->feature_channels[i]);
        }
    return VQZ_OK;
}

/* The output's size by that of the input is fixed for each role. Synthesis runs over windows that begin at any latent: there nothing may
 * be smaller than the latents, or its places would depend on the window. */
static vqz_status check_scale(const vqz_net_def *d, int role, const char *name, vqz_error *e) {
    vqz_scale s = vqz_net_scale(d->net, d->layers[d->nlayers - 1].dst), want = roles[role].out;
    if (s.down != want.down || s.up != want.up)
        return BAD("%s: the output is scaled by %u/%u, wanted is %u/%u", name, 1u << s.up, 1u << s.down, 1u << want.up, 1u << want.down);
    for (unsigned t = 0; t < d->ntensors && (role == VQZ_NET_SYNTHESIS_LINEAR || role == VQZ_NET_SYNTHESIS); t++)
        if (vqz_net_scale(d->net, t).down) return BAD("%s: tensor %u is smaller than the latents", name, t);
    return VQZ_OK;
}

/* How far, on either side, a position's pixels look into the latents: directly, or through the linear path. */
static uint32_t synthesis_reach(const vqz_model *m) {
    const vqz_span pixels = {0, VQZ_LATENT_STEP - 1};
    const vqz_net *net = m->def[VQZ_NET_SYNTHESIS][0].net;
    vqz_span spans[2] = {vqz_net_needs(net, 0, pixels), vqz_net_needs(net, 1, pixels)};
    if (spans[1].from <= spans[1].to) spans[1] = vqz_net_needs(m->def[VQZ_NET_SYNTHESIS_LINEAR][0].net, 0, spans[1]);
    int64_t most = 0;
    for (int i = 0; i < 2; i++) {
        if (spans[i].from > spans[i].to) continue;
        if (-spans[i].from > most) most = -spans[i].from;
        if (spans[i].to > most) most = spans[i].to;
    }
    return (uint32_t)most;
}

vqz_status vqz_check_nets(vqz_model *m, bool proven, vqz_error *e) {
    for (int role = 0; role < VQZ_NET_ROLES; role++)
        for (uint32_t i = 0; i < (roles[role].per_slice ? m->S : 1); i++) {
            char name[40];
            vqz_net_def *d = &m->def[role][i];
            net_name(name, role, i);
            if (proven) VQZ_TRY(vqz_net_describe(&d->net, &m->mem, name, d->tensors, d->ntensors, d->inputs, d->layers, d->nlayers, e));
            else VQZ_TRY(vqz_net_create(&d->net, &m->mem, NULL, name, d->tensors, d->ntensors, d->inputs, d->layers, d->nlayers, e));
            VQZ_TRY(check_scale(d, role, name, e));
        }
    for (uint32_t i = 0; i < m->S; i++) VQZ_TRY(vqz_make_second(m, i, e));
    vqz_net_def *latq = &m->def[VQZ_NET_LATQ][0];
    *latq = (vqz_net_def){.ntensors = 2, .nlayers = 1, .inputs = 1, .tensors = m->latq_tensors, .layers = &m->latq_layer};
    VQZ_TRY(vqz_net_describe(&latq->net, &m->mem, "LATQ", latq->tensors, 2, 1, latq->layers, 1, e));
    m->synthesis_ring = synthesis_reach(m);
    /* pixels wait for one row of tiles below theirs, all but the last of which have 4 positions and more */
    return m->synthesis_ring > 4 ? BAD("synthesis: a pixel depends on latents %u positions away, at most 4 are allowed", m->synthesis_ring) : VQZ_OK;
}

vqz_status vqz_model_nets(vqz_model *m, const vqz_kernels *k, unsigned wanted, const vqz_nets **nets, vqz_error *e) {
    vqz_status s = VQZ_OK;
    *nets = NULL;
    if (!k) return vqz_fail(e, VQZ_ERR_UNSUPPORTED, VQZ_NO_OFFSET, "this machine or build has no such kernels");
    pthread_mutex_lock(&m->lock);
    vqz_nets *n = m->nets;
    while (n < m->nets + VQZ_VARIANTS && n->kernels && n->kernels != k) n++;
    if (n == m->nets + VQZ_VARIANTS) s = VQZ_ERR_INTERNAL;
    else n->kernels = k;
    for (int role = 0; role < VQZ_NET_KINDS && s == VQZ_OK; role++)
        for (uint32_t i = 0; (wanted >> role & 1) && i < (roles[role].per_slice ? m->S : 1) && s == VQZ_OK; i++) {
            const vqz_net_def *d = &m->def[role][i];
            if (!n->net[role][i]) s = vqz_net_pack(&n->net[role][i], d->net, k, d->layers, &m->mem, e);
        }
    pthread_mutex_unlock(&m->lock);
    if (s == VQZ_OK) *nets = n;
    return s;
}
