#include "cuda/transform.h"
#include "base/arena.h"

enum { BLOCK = VQZ_LATENT_STEP * VQZ_LATENT_STEP * 3, CELL = 12, CELLS = VQZ_LATENT_STEP / 2, LINEAR = 48, LINEAR_STEP = 4 };

/* An area's tensors; those that a kind does not need are not laid out. */
typedef struct tensors {
    vqz_cu_view latents, scaled, linear, out;            /* synthesis */
    vqz_cu_view blocks, cells, predicted, tile, seen, hyper;         /* analysis; tile: the tile's latents */
    vqz_cu_view missing, found, zeros, constants;        /* correction */
} tensors;

static vqz_cu_view tensor(vqz_arena *a, uint32_t h, uint32_t w, uint32_t channels, size_t element) {
    const uint32_t stride = vqz_cu_stride(channels, element);
    return (vqz_cu_view){.data = vqz_take(a, (size_t)h * w, stride * element), .h = h, .w = w, .stride = stride};
}

static uint32_t hyper_size(uint32_t n) { return (n + VQZ_HYPER_STEP - 1) / VQZ_HYPER_STEP; }

static void lay_out(const vqz_cu_transform *t, const vqz_cu_area *area, vqz_arena *a, tensors *to) {
    const vqz_model *m = t->model->m;
    for (unsigned k = 0; k < t->areas; k++, area++, to++) {
        const uint32_t h = area->h, w = area->w, th = area->tile_h, tw = area->tile_w;
        *to = (tensors){.latents = tensor(a, h, w, m->C, 2)};
        if (t->kind != VQZ_CU_ANALYSIS) {
            to->scaled = tensor(a, h, w, m->C, 1);     /* not used where synthesis reads latents as they are */
            to->linear = tensor(a, h * LINEAR_STEP, w * LINEAR_STEP, LINEAR, 2);
            to->out = tensor(a, h * VQZ_LATENT_STEP, w * VQZ_LATENT_STEP, 3, 2);
        }
        if (t->kind == VQZ_CU_SYNTHESIS) continue;
        to->blocks = tensor(a, h, w, BLOCK, 2);
        to->cells = tensor(a, h * CELLS, w * CELLS, CELL, 1);
        to->predicted = tensor(a, h, w, m->C, 2);
        to->tile = tensor(a, th, tw, m->C, 2);
        to->seen = tensor(a, th, tw, m->C, 1);
        to->hyper = tensor(a, hyper_size(th), hyper_size(tw), m->Z, 2);
        if (t->kind == VQZ_CU_ANALYSIS) continue;
        to->missing = tensor(a, th, tw, BLOCK, 2);
        to->found = tensor(a, th, tw, m->C, 2);
        to->zeros = tensor(a, 1, 1, BLOCK, 2);
        to->constants = tensor(a, 1, 1, m->C, 2);
    }
}

static const vqz_cu_view *views(const vqz_cu_transform *t, const tensors *of, size_t member, vqz_cu_view *to) {
    for (unsigned k = 0; k < t->areas; k++) to[k] = *(const vqz_cu_view *)(const void *)((const char *)&of[k] + member);
    return to;
}
#define VIEWS(member, to) views(t, of, offsetof(tensors, member), to)

typedef vqz_status visit(vqz_cu_transform *t, vqz_cu_plan *plan, vqz_net_role role, const vqz_cu_binding *b, void *arg, vqz_error *e);

static vqz_status visit_nets(vqz_cu_transform *t, const tensors *of, vqz_cu_view *room, visit *each, void *arg, vqz_error *e) {
    vqz_cu_view *a = room, *b = room + t->areas, *c = room + 2 * (size_t)t->areas;
    if (t->kind != VQZ_CU_ANALYSIS) {
        const bool exact = vqz_synthesis_is_exact(t->model->m);
        const vqz_cu_binding scaled = {t->areas, {VIEWS(latents, a)}, VIEWS(scaled, c)};
        if (!exact) VQZ_TRY(each(t, &t->scaled, VQZ_NET_LATQ, &scaled, arg, e));
        const vqz_cu_binding linear = {t->areas, {VIEWS(latents, a)}, VIEWS(linear, c)};
        VQZ_TRY(each(t, &t->linear, VQZ_NET_SYNTHESIS_LINEAR, &linear, arg, e));
        const vqz_cu_binding synthesis = {t->areas, {exact ? VIEWS(latents, a) : VIEWS(scaled, a), VIEWS(linear, b)}, VIEWS(out, c)};
        VQZ_TRY(each(t, &t->synthesis, VQZ_NET_SYNTHESIS, &synthesis, arg, e));
    }
    if (t->kind == VQZ_CU_SYNTHESIS) return VQZ_OK;
    const vqz_cu_binding linear = {t->areas, {VIEWS(blocks, a)}, VIEWS(predicted, c)};
    VQZ_TRY(each(t, &t->analysis_linear, VQZ_NET_ANALYSIS_LINEAR, &linear, arg, e));
    const vqz_cu_binding analysis = {t->areas, {VIEWS(cells, a), VIEWS(predicted, b)}, VIEWS(latents, c)};
    VQZ_TRY(each(t, &t->analysis, VQZ_NET_ANALYSIS, &analysis, arg, e));
    const vqz_cu_binding seen = {t->areas, {VIEWS(tile, a)}, VIEWS(seen, c)};
    VQZ_TRY(each(t, &t->seen, VQZ_NET_LATQ, &seen, arg, e));
    const vqz_cu_binding hyper = {t->areas, {VIEWS(seen, a)}, VIEWS(hyper, c)};
    VQZ_TRY(each(t, &t->hyper, VQZ_NET_HYPER_ANALYSIS, &hyper, arg, e));
    if (t->kind == VQZ_CU_ANALYSIS) return VQZ_OK;
    const vqz_cu_binding missing = {t->areas, {VIEWS(missing, a)}, VIEWS(found, c)};
    VQZ_TRY(each(t, &t->missing, VQZ_NET_ANALYSIS_LINEAR, &missing, arg, e));
    const vqz_cu_binding nothing = {t->areas, {VIEWS(zeros, a)}, VIEWS(constants, c)};
    return each(t, &t->nothing, VQZ_NET_ANALYSIS_LINEAR, &nothing, arg, e);
}

static vqz_status measure(vqz_cu_transform *t, vqz_cu_plan *plan, vqz_net_role role, const vqz_cu_binding *b, void *most, vqz_error *e) {
    size_t bytes;
    (void)plan;
    VQZ_TRY(vqz_cu_plan_size(t->model->net[role][0], b, &bytes, e));
    if (bytes > *(size_t *)most) *(size_t *)most = bytes;
    return VQZ_OK;
}

static vqz_status bind(vqz_cu_transform *t, vqz_cu_plan *plan, vqz_net_role role, const vqz_cu_binding *b, void *scratch, vqz_error *e) {
    return vqz_cu_plan_create(plan, t->model->net[role][0], b, scratch, t->mem, e);
}

static vqz_status build(vqz_cu_transform *t, const vqz_cu_area *area, tensors *of, vqz_cu_view *room, vqz_error *e) {
    vqz_arena a = {0};
    size_t scratch = 0;
    lay_out(t, area, &a, of);
    VQZ_TRY(visit_nets(t, of, room, measure, &scratch, e));
    const size_t at = a.used;
    vqz_take(&a, scratch, 1);
    VQZ_TRY(vqz_cu_check(vqz_cu_alloc(&t->memory, a.overflow ? SIZE_MAX : a.used), "the tensors of a batch", e));
    a = (vqz_arena){.base = t->memory};
    lay_out(t, area, &a, of);
    for (unsigned k = 0; k < t->areas && t->kind == VQZ_CU_CORRECTED; k++)
        VQZ_TRY(vqz_cu_check(vqz_cu_clear(of[k].zeros.data, BLOCK * sizeof(int16_t), NULL), "the tensors of a batch", e));
    VQZ_TRY(visit_nets(t, of, room, bind, (uint8_t *)t->memory + at, e));
    void *places;
    VQZ_TRY(vqz_cu_place(&places, area, t->areas * sizeof *area, "the areas of a batch", e));
    t->area = places;
    return VQZ_OK;
}

vqz_status vqz_cu_transform_create(vqz_cu_transform **out, const vqz_cu_model *model, unsigned kind, const vqz_cu_area *area, unsigned areas,
                                   vqz_memory *mem, vqz_error *e) {
    void *block, *of = NULL, *room = NULL;
    *out = NULL;
    VQZ_TRY(vqz_alloc(mem, &block, 1, sizeof(vqz_cu_transform), e));
    vqz_cu_transform *t = block;
    *t = (vqz_cu_transform){.model = model, .mem = mem, .kind = kind, .areas = areas};
    for (unsigned k = 0; k < areas; k++) {
        if (area[k].h * area[k].w > t->most) t->most = area[k].h * area[k].w;
        if (area[k].tile_h * area[k].tile_w > t->most_tile) t->most_tile = area[k].tile_h * area[k].tile_w;
    }
    vqz_status s = vqz_alloc(mem, &of, areas, sizeof(tensors), e);
    if (s == VQZ_OK) s = vqz_alloc(mem, &room, (size_t)areas * 3, sizeof(vqz_cu_view), e);
    if (s == VQZ_OK) s = build(t, area, of, room, e);
    vqz_free(mem, of);
    vqz_free(mem, room);
    if (s == VQZ_OK) *out = t;
    else vqz_cu_transform_free(t);
    return s;
}

void vqz_cu_transform_free(vqz_cu_transform *t) {
    if (!t) return;
    vqz_cu_plan *const plans[] = {&t->scaled, &t->linear, &t->synthesis, &t->analysis_linear, &t->analysis, &t->seen, &t->hyper, &t->missing, &t->nothing};
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) vqz_cu_plan_free(plans[i]);
    vqz_cu_graph_close(t->graph);
    vqz_cu_free(t->memory);
    vqz_cu_free(t->area);
    vqz_free(t->mem, t);
}

static vqz_status synthesise(const vqz_cu_transform *t, void *queue, vqz_error *e) {
    if (!vqz_synthesis_is_exact(t->model->m)) VQZ_TRY(vqz_cu_plan_run(&t->scaled, NULL, queue, e));
    VQZ_TRY(vqz_cu_plan_run(&t->linear, NULL, queue, e));
    return vqz_cu_plan_run(&t->synthesis, NULL, queue, e);
}

static vqz_status analyse(const vqz_cu_transform *t, vqz_cu_pixels p, void *queue, vqz_error *e) {
    p.first = vqz_cu_plan_tensor(&t->analysis_linear, 0);
    p.second = vqz_cu_plan_tensor(&t->analysis, 0);
    VQZ_TRY(vqz_cu_check(vqz_cu_pixels_in(&p, t->most, queue), "pixels", e));
    VQZ_TRY(vqz_cu_plan_run(&t->analysis_linear, NULL, queue, e));
    VQZ_TRY(vqz_cu_plan_run(&t->analysis, NULL, queue, e));
    p.first = vqz_cu_plan_output(&t->analysis);
    p.second = vqz_cu_plan_tensor(&t->seen, 0);
    VQZ_TRY(vqz_cu_check(vqz_cu_give_latents(&p, t->most_tile, queue), "latents", e));
    VQZ_TRY(vqz_cu_plan_run(&t->seen, NULL, queue, e));
    return vqz_cu_plan_run(&t->hyper, NULL, queue, e);
}

/* The area's latents of analysis stand where synthesis wants them. */
static vqz_status correct(const vqz_cu_transform *t, vqz_cu_pixels p, void *queue, vqz_error *e) {
    VQZ_TRY(synthesise(t, queue, e));
    p.first = vqz_cu_plan_output(&t->synthesis);
    p.second = vqz_cu_plan_tensor(&t->analysis_linear, 0);
    p.third = vqz_cu_plan_tensor(&t->missing, 0);
    VQZ_TRY(vqz_cu_check(vqz_cu_take_missing(&p, t->most_tile, queue), "pixels", e));
    VQZ_TRY(vqz_cu_plan_run(&t->missing, NULL, queue, e));
    VQZ_TRY(vqz_cu_plan_run(&t->nothing, NULL, queue, e));
    p.first = vqz_cu_plan_output(&t->missing);
    p.second = vqz_cu_plan_output(&t->nothing);
    return vqz_cu_check(vqz_cu_correct(&p, t->most_tile, queue), "latents", e);
}

static vqz_status queue_transform(const void *transform, void *queue, vqz_error *e) {
    const vqz_cu_transform *t = transform;
    vqz_cu_pixels p = {.area = t->area, .areas = t->areas, .latent_stride = t->model->tables.latent_stride};
    if (t->kind != VQZ_CU_SYNTHESIS) {
        VQZ_TRY(analyse(t, p, queue, e));
        return t->kind == VQZ_CU_CORRECTED ? correct(t, p, queue, e) : VQZ_OK;
    }
    p.first = vqz_cu_plan_tensor(&t->linear, 0);
    VQZ_TRY(vqz_cu_check(vqz_cu_take_latents(&p, t->most, queue), "latents", e));
    VQZ_TRY(synthesise(t, queue, e));
    p.first = vqz_cu_plan_output(&t->synthesis);
    return vqz_cu_check(vqz_cu_pixels_out(&p, t->most, queue), "pixels", e);
}

vqz_status vqz_cu_transform_run(vqz_cu_transform *t, void *queue, vqz_error *e) { return vqz_cu_queue_graph(&t->graph, queue_transform, t, queue, e); }

const vqz_cu_view *vqz_cu_transform_hyper(const vqz_cu_transform *t) { return vqz_cu_plan_output(&t->hyper); }
