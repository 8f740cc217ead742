#include "cuda/prior.h"
#include "base/arena.h"
#include "codec/prior.h"

/* Where a tile's tensors stand. Those of slices share their places, but for the heads of both passes. */
typedef struct tensors {
    vqz_cu_view hyper_in, hyper_out, context, trunk, gathered, neighbours, features, heads[2];
} tensors;

/* Channels of the widest slice. */
typedef struct widths {
    uint32_t trunk, features, neighbours;
} widths;

static widths widest(const vqz_model *m) {
    widths w = {0};
    for (uint32_t i = 0; i < m->S; i++) {
        const uint32_t neighbours = m->def[VQZ_NET_SECOND][i].tensors->channels;
        w.trunk = m->trunk_channels[i] > w.trunk ? m->trunk_channels[i] : w.trunk;
        w.features = m->feature_channels[i] > w.features ? m->feature_channels[i] : w.features;
        w.neighbours = neighbours > w.neighbours ? neighbours : w.neighbours;
    }
    return w;
}

/* A tensor of the arena, whose memory is the device's: never looked into here. */
static vqz_cu_view tensor(vqz_arena *a, uint32_t h, uint32_t w, uint32_t channels, size_t element) {
    const uint32_t stride = vqz_cu_stride(channels, element);
    return (vqz_cu_view){.data = vqz_take(a, (size_t)h * w, stride * element), .h = h, .w = w, .stride = stride};
}

static void lay_out(vqz_cu_prior *p, vqz_arena *a, tensors *to) {
    const vqz_model *m = p->model->m;
    const widths most = widest(m);
    VQZ_TAKE(a, p->none, p->tiles);
    for (unsigned k = 0; k < p->tiles; k++) {
        vqz_cu_tile *t = &p->tile[k];
        const uint32_t n[2] = {vqz_cu_positions(t->h, t->w, 0), vqz_cu_positions(t->h, t->w, 1)};
        VQZ_TAKE(a, t->z, (size_t)t->zh * t->zw * m->Z);
        VQZ_TAKE(a, t->rows, (size_t)t->h * t->w);
        VQZ_TAKE(a, t->steps, (size_t)vqz_step_blocks(t->h) * vqz_step_blocks(t->w));
        to[k] = (tensors){
            .hyper_in = tensor(a, t->zh, t->zw, m->Z + m->F, 1), .hyper_out = tensor(a, t->zh * VQZ_HYPER_STEP, t->zw * VQZ_HYPER_STEP, m->H, 1),
            .context = tensor(a, t->h, t->w, m->H + m->C, 1), .trunk = tensor(a, t->h, t->w, most.trunk, 2), .gathered = tensor(a, 1, n[0], most.trunk, 2),
            .neighbours = tensor(a, 1, n[1], most.neighbours, 1), .features = tensor(a, 1, n[0], most.features, 1),
            .heads = {tensor(a, 1, n[0], 2 * m->max_slice, 2), tensor(a, 1, n[1], 2 * m->max_slice, 2)}};
        t->context = to[k].context.data;
    }
}

/* The views of one tensor of all tiles, with other channels and, for tensors of a pass, its positions. */
static const vqz_cu_view *views(const vqz_cu_prior *p, const tensors *of, size_t member, uint32_t channels, size_t element, int pass, vqz_cu_view *to) {
    for (unsigned k = 0; k < p->tiles; k++) {
        to[k] = *(const vqz_cu_view *)(const void *)((const char *)&of[k] + member);
        if (channels) to[k].stride = vqz_cu_stride(channels, element);
        if (pass >= 0) to[k].w = vqz_cu_positions(p->tile[k].h, p->tile[k].w, (unsigned)pass);
    }
    return to;
}
#define VIEWS(member, channels, element, pass, to) views(p, of, offsetof(tensors, member), channels, element, pass, to)

/* Calls `each` for every network of the prior with its binding, in places for two inputs and an output. */
typedef vqz_status visit(vqz_cu_prior *p, vqz_cu_plan *plan, const vqz_cu_net *net, const vqz_cu_binding *b, void *arg, vqz_error *e);

static vqz_status visit_nets(vqz_cu_prior *p, const tensors *of, vqz_cu_view *room, visit *each, void *arg, vqz_error *e) {
    const vqz_model *m = p->model->m;
    vqz_cu_view *a = room, *b = room + p->tiles, *c = room + 2 * (size_t)p->tiles;
    vqz_cu_net *const (*nets)[VQZ_MAX_SLICES] = p->model->net;
    vqz_cu_binding hyper = {p->tiles, {VIEWS(hyper_in, 0, 1, -1, a)}, VIEWS(hyper_out, 0, 1, -1, c)};
    VQZ_TRY(each(p, &p->hyper, nets[VQZ_NET_HYPER_SYNTHESIS][0], &hyper, arg, e));
    for (uint32_t i = 0; i < m->S; i++) {
        vqz_cu_slice *s = &p->slice[i];
        const uint32_t T = m->trunk_channels[i], F = m->feature_channels[i], N = m->def[VQZ_NET_SECOND][i].tensors->channels;
        const vqz_cu_binding trunk = {p->tiles, {VIEWS(context, 0, 1, -1, a)}, VIEWS(trunk, T, 2, -1, c)};
        VQZ_TRY(each(p, &s->trunk, nets[VQZ_NET_TRUNK][i], &trunk, arg, e));
        const vqz_cu_binding first = {p->tiles, {VIEWS(gathered, T, 2, 0, a)}, VIEWS(features, F, 1, 0, c)};
        VQZ_TRY(each(p, &s->first, nets[VQZ_NET_FIRST][i], &first, arg, e));
        const vqz_cu_binding second = {p->tiles, {VIEWS(neighbours, N, 1, 1, a), VIEWS(gathered, T, 2, 1, b)}, VIEWS(features, F, 1, 1, c)};
        VQZ_TRY(each(p, &s->second, nets[VQZ_NET_SECOND][i], &second, arg, e));
        for (int pass = 0; pass < 2; pass++) {
            const vqz_cu_binding heads = {p->tiles, {VIEWS(features, F, 1, pass, a)},
                                          views(p, of, offsetof(tensors, heads) + (size_t)pass * sizeof(vqz_cu_view), 2 * m->slice[i], 2, pass, c)};
            VQZ_TRY(each(p, &s->heads[pass], nets[VQZ_NET_HEADS][i], &heads, arg, e));
        }
    }
    return VQZ_OK;
}

static vqz_status measure(vqz_cu_prior *p, vqz_cu_plan *plan, const vqz_cu_net *net, const vqz_cu_binding *b, void *most, vqz_error *e) {
    size_t bytes;
    (void)p, (void)plan;
    VQZ_TRY(vqz_cu_plan_size(net, b, &bytes, e));
    if (bytes > *(size_t *)most) *(size_t *)most = bytes;
    return VQZ_OK;
}

static vqz_status bind(vqz_cu_prior *p, vqz_cu_plan *plan, const vqz_cu_net *net, const vqz_cu_binding *b, void *scratch, vqz_error *e) {
    return vqz_cu_plan_create(plan, net, b, scratch, p->mem, e);
}

static vqz_status build(vqz_cu_prior *p, tensors *of, vqz_cu_view *room, vqz_error *e) {
    vqz_arena a = {0};
    size_t scratch = 0;
    lay_out(p, &a, of);
    VQZ_TRY(visit_nets(p, of, room, measure, &scratch, e));
    const size_t at = a.used;
    vqz_take(&a, scratch, 1);
    VQZ_TRY(vqz_cu_check(vqz_cu_alloc(&p->memory, a.overflow ? SIZE_MAX : a.used), "the contexts of a batch", e));
    a = (vqz_arena){.base = p->memory};
    lay_out(p, &a, of);
    VQZ_TRY(visit_nets(p, of, room, bind, (uint8_t *)p->memory + at, e));
    void *tiles;
    VQZ_TRY(vqz_cu_check(vqz_cu_alloc(&tiles, p->tiles * sizeof(vqz_cu_tile)), "the tiles of a batch", e));
    p->batch = (vqz_cu_batch){.tables = p->model->tables, .tile = tiles, .tiles = p->tiles};
    return VQZ_OK;
}

vqz_status vqz_cu_prior_create(vqz_cu_prior **out, const vqz_cu_model *model, const vqz_cu_place_of *tiles, unsigned ntiles, vqz_memory *mem, vqz_error *e) {
    void *block, *of = NULL, *room = NULL;
    *out = NULL;
    VQZ_TRY(vqz_alloc(mem, &block, 1, sizeof(vqz_cu_prior), e));
    vqz_cu_prior *p = block;
    *p = (vqz_cu_prior){.model = model, .mem = mem, .tiles = ntiles, .up.pinned = true, .down.pinned = true};
    void *tile = NULL;
    vqz_status s = vqz_cu_check(vqz_cu_pin(&tile, ntiles * sizeof(vqz_cu_tile)), "the tiles of a batch", e);
    p->tile = tile;
    for (unsigned k = 0; k < ntiles && s == VQZ_OK; k++) {
        const uint32_t h = tiles[k].h, w = tiles[k].w, zh = (h + VQZ_HYPER_STEP - 1) / VQZ_HYPER_STEP, zw = (w + VQZ_HYPER_STEP - 1) / VQZ_HYPER_STEP;
        p->tile[k] = (vqz_cu_tile){.h = h, .w = w, .zh = zh, .zw = zw, .latents = tiles[k].latents, .pitch = tiles[k].pitch, .lanes = 1};
        if (zh * zw > p->most_z) p->most_z = zh * zw;
        if (h * w > p->most) p->most = h * w;
    }
    for (unsigned pass = 0; pass < 2; pass++) p->most_pass[pass] = (p->most + 1 - pass) / 2;
    if (s == VQZ_OK) s = vqz_alloc(mem, &of, ntiles, sizeof(tensors), e);
    if (s == VQZ_OK) s = vqz_alloc(mem, &room, (size_t)ntiles * 3, sizeof(vqz_cu_view), e);
    if (s == VQZ_OK) s = build(p, of, room, e);
    vqz_free(mem, of);
    vqz_free(mem, room);
    if (s == VQZ_OK) *out = p;
    else vqz_cu_prior_free(p);
    return s;
}

void vqz_cu_prior_free(vqz_cu_prior *p) {
    if (!p) return;
    vqz_cu_plan_free(&p->hyper);
    for (uint32_t i = 0; i < p->model->m->S; i++) {
        vqz_cu_slice *s = &p->slice[i];
        vqz_cu_plan_free(&s->trunk);
        vqz_cu_plan_free(&s->first);
        vqz_cu_plan_free(&s->second);
        for (unsigned pass = 0; pass < 2; pass++) vqz_cu_plan_free(&s->heads[pass]);
    }
    vqz_cu_free(p->memory);
    vqz_cu_free(p->batch.tile);
    vqz_cu_unpin(p->tile);
    vqz_cu_graph_close(p->decoder);
    vqz_cu_graph_close(p->encoder);
    vqz_cu_room *const rooms[] = {&p->streams, &p->symbols, &p->up, &p->down};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) vqz_cu_room_free(rooms[i]);
    vqz_free(p->mem, p);
}

vqz_status vqz_cu_prior_upload(vqz_cu_prior *p, void *queue, vqz_error *e) {
    return vqz_cu_check(vqz_cu_upload(p->batch.tile, p->tile, p->tiles * sizeof *p->tile, queue), "tiles", e);
}

vqz_status vqz_cu_prior_hyper(const vqz_cu_prior *p, void *queue, vqz_error *e) {
    const vqz_cu_hyper in = {.batch = p->batch, .out = vqz_cu_plan_tensor(&p->hyper, 0)}, out = {.batch = p->batch, .out = vqz_cu_plan_output(&p->hyper)};
    VQZ_TRY(vqz_cu_check(vqz_cu_hyper_features(&in, p->most_z, queue), "hyper features", e));
    VQZ_TRY(vqz_cu_plan_run(&p->hyper, NULL, queue, e));
    return vqz_cu_check(vqz_cu_hyper_crop(&out, p->most, queue), "hyper features", e);
}

vqz_status vqz_cu_prior_predict(const vqz_cu_prior *p, uint32_t slice, unsigned pass, const uint32_t *only, void *queue, vqz_error *e) {
    const vqz_model *m = p->model->m;
    const vqz_cu_slice *s = &p->slice[slice];
    vqz_cu_gather g = {.batch = p->batch, .pass = pass, .first = m->slice_start[slice], .channels = m->slice[slice],
                       .from = vqz_cu_plan_output(&s->trunk), .to = vqz_cu_plan_tensor(pass ? &s->second : &s->first, pass), .only = only};
    if (pass == 0) VQZ_TRY(vqz_cu_plan_run(&s->trunk, only, queue, e));
    VQZ_TRY(vqz_cu_check(vqz_cu_gather_trunk(&g, p->most_pass[pass], vqz_cu_stride(m->trunk_channels[slice], 2), queue), "gathering", e));
    if (pass == 1) {
        g.taps = vqz_second_taps(m->def[VQZ_NET_ANCHOR][slice].layers->k, g.offset);
        g.to = vqz_cu_plan_tensor(&s->second, 0);
        VQZ_TRY(vqz_cu_check(vqz_cu_gather_anchors(&g, p->most_pass[1], queue), "gathering", e));
    }
    VQZ_TRY(vqz_cu_plan_run(pass ? &s->second : &s->first, only, queue, e));
    return vqz_cu_plan_run(&s->heads[pass], only, queue, e);
}

vqz_cu_pass vqz_cu_prior_pass(const vqz_cu_prior *p, uint32_t slice, unsigned pass, const uint32_t *only) {
    const vqz_model *m = p->model->m;
    return (vqz_cu_pass){.batch = p->batch, .slice = slice, .pass = pass, .first = m->slice_start[slice], .channels = m->slice[slice],
                         .heads = vqz_cu_plan_output(&p->slice[slice].heads[pass]), .only = only};
}
