/* The model's tables in one block of device memory. Laid out twice, as arenas are: first for the size, then into a host's copy of the block, with
 * pointers for where it will stand. */
#include "cuda/model.h"
#include "base/arena.h"
#include <string.h>

typedef struct image {
    vqz_arena arena;                         /* base: the host's copy; NULL while planning */
    const uint8_t *device;
} image;

/* Room for n elements: *host to fill (NULL while planning); the result is where the device will see them. */
static const void *room(image *i, void **host, size_t n, size_t size) {
    const size_t at = i->arena.used;
    *host = vqz_take(&i->arena, n, size);
    return i->device ? i->device + at : NULL;
}

static const void *copy(image *i, const void *from, size_t n, size_t size) {
    void *host;
    const void *device = room(i, &host, n, size);
    if (host) memcpy(host, from, n * size);
    return device;
}

/* Ranges and the look-up table; codes are the same for books and hyper-latents. */
static void put_table(image *i, vqz_cu_book *to, const vqz_table *t) {
    void *host;
    to->n = t->n - 1;
    to->range = room(i, &host, t->n, sizeof(uint32_t));
    for (uint32_t k = 0; host && k < t->n; k++) ((uint32_t *)host)[k] = vqz_rans_range(t, k);
    to->look = copy(i, t->look, (size_t)1 << VQZ_LOOK_BITS, sizeof *t->look);
}

static void put_book(image *i, vqz_cu_book *to, const vqz_codebook *b, uint32_t dim) {
    *to = (vqz_cu_book){.dim = dim, .shift = b->shift, .zero = b->zero, .mean_abs = b->mean_abs};
    put_table(i, to, &b->table);
    to->value = copy(i, b->value, (size_t)b->n * dim, sizeof *b->value);
    to->cost = copy(i, b->cost, (size_t)b->n + 1, sizeof *b->cost);
}

/* Symbols -M..M, then the escape. */
static void put_ztable(image *i, vqz_cu_book *to, const vqz_table *t) {
    void *host;
    *to = (vqz_cu_book){.dim = 1};
    put_table(i, to, t);
    to->value = room(i, &host, t->n - 1, sizeof(int16_t));
    for (uint32_t k = 0; host && k + 1 < t->n; k++) ((int16_t *)host)[k] = (int16_t)((int32_t)k - (int32_t)(t->n - 2) / 2);
}

static void put_levels(image *i, const vqz_model *m, vqz_cu_tables *to) {
    void *host;
    to->level = room(i, &host, m->nlevels, sizeof(vqz_cu_level));
    for (uint32_t k = 0; k < m->nlevels; k++) {
        const vqz_level *l = &m->level[k];
        const vqz_cu_level level = {
            .gain = copy(i, l->gain, m->C, sizeof *l->gain), .inv = copy(i, l->inv, m->C, sizeof *l->inv), .loggain = copy(i, l->loggain, m->C, sizeof *l->loggain),
            .zgain = copy(i, l->zgain, m->Z, sizeof *l->zgain), .zinv = copy(i, l->zinv, m->Z, sizeof *l->zinv), .feat = copy(i, l->feat, m->F, 1),
            .ztab = copy(i, l->ztab, m->Z, 1), .zoff = copy(i, l->zoff, m->Z, 1)};
        if (host) ((vqz_cu_level *)host)[k] = level;
    }
}

static void put_tables(image *i, const vqz_model *m, vqz_cu_tables *to) {
    void *host;
    const uint32_t books = m->npairs + m->rungs + m->nztables;
    *to = (vqz_cu_tables){
        .C = m->C, .Z = m->Z, .F = m->F, .H = m->H, .S = m->S, .rungs = m->rungs, .top = m->top, .levels = m->nlevels, .gain_shift = m->gain_shift, .inv_shift = m->inv_shift,
        .zgain_shift = m->zgain_shift, .zinv_shift = m->zinv_shift, .latent_stride = vqz_cu_stride(m->C, sizeof(int16_t)),
        .context_stride = vqz_cu_stride(m->H + m->C, 1), .scalars = m->npairs, .ztables = m->npairs + m->rungs};
    to->book = room(i, &host, books, sizeof(vqz_cu_book));
    for (uint32_t k = 0; k < books; k++) {
        vqz_cu_book b;
        if (k < to->scalars) put_book(i, &b, &m->pair[k], 2);
        else if (k < to->ztables) put_book(i, &b, &m->scalar[k - to->scalars], 1);
        else put_ztable(i, &b, &m->ztable[k - to->ztables]);
        if (host) ((vqz_cu_book *)host)[k] = b;
    }
    to->map = copy(i, m->map, (size_t)(m->top + 1) * (m->top + 1), sizeof *m->map);
    put_levels(i, m, to);
    to->latq_mul = copy(i, m->latq_mul, m->C, sizeof *m->latq_mul);
    to->latq_shift = copy(i, m->latq_shift, m->C, 1);
}

static vqz_status upload_tables(vqz_cu_model *to, vqz_memory *mem, vqz_error *e) {
    image i = {{0}, NULL};
    void *host;
    put_tables(&i, to->m, &to->tables);
    const size_t bytes = i.arena.overflow ? SIZE_MAX : i.arena.used;
    VQZ_TRY(vqz_alloc(mem, &host, bytes, 1, e));
    vqz_status s = vqz_cu_check(vqz_cu_alloc(&to->memory, bytes), "the tables of a model", e);
    if (s == VQZ_OK) {
        i = (image){{.base = host}, to->memory};
        put_tables(&i, to->m, &to->tables);
        s = vqz_cu_check(vqz_cu_upload(to->memory, host, bytes, NULL), "the tables of a model", e);
    }
    if (s == VQZ_OK) s = vqz_cu_check(vqz_cu_wait(NULL), "the tables of a model", e);
    vqz_free(mem, host);
    return s;
}

vqz_status vqz_cu_model_create(vqz_cu_model **out, const vqz_model *m, unsigned roles, bool dots, vqz_memory *mem, vqz_error *e) {
    void *p;
    *out = NULL;
    VQZ_TRY(vqz_alloc(mem, &p, 1, sizeof(vqz_cu_model), e));
    vqz_cu_model *model = p;
    model->m = m;
    vqz_status s = upload_tables(model, mem, e);
    for (unsigned role = 0; role < VQZ_NET_KINDS && s == VQZ_OK; role++)
        for (uint32_t i = 0; i < m->S && (roles >> role & 1) && s == VQZ_OK; i++) {
            const vqz_net_def *d = &m->def[role][i];
            if (d->net) s = vqz_cu_net_create(&model->net[role][i], d->net, d->layers, dots, mem, e);
        }
    if (s == VQZ_OK) *out = model;
    else vqz_cu_model_free(model, mem);
    return s;
}

void vqz_cu_model_free(vqz_cu_model *model, vqz_memory *mem) {
    if (!model) return;
    for (unsigned role = 0; role < VQZ_NET_KINDS; role++)
        for (uint32_t i = 0; i < model->m->S; i++) vqz_cu_net_free(model->net[role][i], mem);
    vqz_cu_free(model->memory);
    vqz_free(mem, model);
}
