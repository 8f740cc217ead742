#include "training/count/counts.h"
#include "base/arena.h"
#include "codec/latent.h"
#include "codec/pixels.h"
#include "codec/reconstruct.h"
#include "format/format.h"
#include <inttypes.h>
#include <string.h>

enum { SPAN = 2 * VQZ_COUNTS_REACH + 1 };

vqz_status vqz_counts_init(vqz_counts *c, vqz_model *m, vqz_error *e) {
    uint32_t books = m->rungs + m->npairs;
    void *p;
    *c = (vqz_counts){.m = m};
    vqz_memory_init(&c->mem, UINT64_C(1) << 32);
    VQZ_TRY(vqz_alloc(&c->mem, &p, books + 1, sizeof *c->first, e));
    c->first = p;
    for (uint32_t i = 0; i < books; i++) c->first[i + 1] = c->first[i] + 1 + (i < m->rungs ? m->scalar[i].n : m->pair[i - m->rungs].n);
    VQZ_TRY(vqz_alloc(&c->mem, &p, c->first[books], sizeof *c->symbol, e));
    c->symbol = p;
    VQZ_TRY(vqz_alloc(&c->mem, &p, (size_t)m->nlevels * m->Z * SPAN, sizeof *c->hyper, e));
    c->hyper = p;
    return VQZ_OK;
}

void vqz_counts_free(vqz_counts *c) {
    vqz_free(&c->mem, c->first);
    vqz_free(&c->mem, c->symbol);
    vqz_free(&c->mem, c->hyper);
}

static void count_symbol(void *arg, const vqz_codebook *book, uint32_t symbol) {
    vqz_counts *c = arg;
    const vqz_model *m = c->m;
    bool scalar = book >= m->scalar && book < m->scalar + m->rungs;      /* both arrays lie in the model's one block */
    c->symbol[c->first[scalar ? (uint32_t)(book - m->scalar) : m->rungs + (uint32_t)(book - m->pair)] + symbol]++;
}

static void count_hyper(vqz_counts *c, const vqz_prior *p) {
    size_t n = (size_t)p->zh * p->zw, row = p->level;
    for (uint32_t k = 0; k < c->m->Z; k++)
        for (size_t i = 0; i < n; i++) {
            int32_t z = p->z[k * n + i];
            z = z < -VQZ_COUNTS_REACH ? -VQZ_COUNTS_REACH : z > VQZ_COUNTS_REACH ? VQZ_COUNTS_REACH : z;
            c->hyper[(row * c->m->Z + k) * SPAN + (size_t)(z + VQZ_COUNTS_REACH)]++;
        }
}

static vqz_status layout(vqz_counts *c, const vqz_nets *nets, uint32_t h, uint32_t w, vqz_arena *a, vqz_prior *p, vqz_latents *y, vqz_error *e) {
    VQZ_TRY(vqz_prior_layout(p, c->m, nets, h, w, a, e));
    y->stride = w;
    VQZ_TAKE(a, y->data, (size_t)h * w * c->m->C);
    return a->overflow ? vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "a tile of %u x %u latents does not fit in memory", w, h) : VQZ_OK;
}

static vqz_status count_tile(vqz_counts *c, const vqz_nets *nets, const vqz_head *head, const vqz_tile_chunk *tile, vqz_error *e) {
    vqz_grid grid = vqz_grid_of(head);
    uint32_t x, y, w, h;
    vqz_grid_rect(head, tile->index % grid.nx, tile->index / grid.nx, &x, &y, &w, &h);
    w = vqz_positions(w);
    h = vqz_positions(h);
    vqz_tile_parts parts;
    VQZ_TRY(vqz_tile_split(&parts, tile->payload, tile->size, e));
    if (!parts.latents) return VQZ_OK;       /* pixels as they are */
    vqz_arena a = {0};
    vqz_prior prior;
    vqz_latents latents;
    void *block;
    VQZ_TRY(layout(c, nets, h, w, &a, &prior, &latents, e));
    VQZ_TRY(vqz_alloc(&c->mem, &block, a.used, 1, e));
    a = (vqz_arena){.base = block};
    vqz_status s = layout(c, nets, h, w, &a, &prior, &latents, e);
    vqz_symbol_observer observer = {count_symbol, c};
    if (s == VQZ_OK) s = vqz_latent_decode(&prior, parts.latents, parts.latents_size, &latents, true, &observer, e);
    if (s == VQZ_OK) count_hyper(c, &prior);
    vqz_free(&c->mem, block);
    return s;
}

static vqz_status count_events(vqz_counts *c, vqz_demux *d, const uint8_t *data, size_t size, vqz_error *e) {
    const vqz_nets *nets;
    const vqz_head *head = NULL;
    VQZ_TRY(vqz_model_nets(c->m, vqz_kernels_get(VQZ_CPU_AUTO), VQZ_NETS_CONTEXT, &nets, e));
    VQZ_TRY(vqz_demux_send(d, data, size, e));
    vqz_demux_flush(d);
    for (;;) {
        vqz_event ev;
        VQZ_TRY(vqz_demux_next(d, &ev, false, e));
        if (ev.kind == VQZ_EV_END) return VQZ_OK;
        if (ev.kind == VQZ_EV_HEAD) {
            head = ev.head;
            if (memcmp(head->model_id, c->m->id, sizeof c->m->id) != 0)
                return vqz_fail(e, VQZ_ERR_MODEL_UNKNOWN, VQZ_NO_OFFSET, "the file was made with another model");
        }
        if (ev.kind == VQZ_EV_TILE && ev.tile.layer == VQZ_LAYER_LATENT) VQZ_TRY(count_tile(c, nets, head, &ev.tile, e));
    }
}

vqz_status vqz_counts_add(vqz_counts *c, const uint8_t *data, size_t size, vqz_error *e) {
    vqz_demux *d;
    VQZ_TRY(vqz_demux_create(&d, &c->mem, VQZ_MAX_PIXELS, e));
    vqz_status s = count_events(c, d, data, size, e);
    vqz_demux_free(d);
    return s;
}

static void print_book(const vqz_counts *c, FILE *out, char kind, uint32_t number, uint32_t book) {
    uint64_t sum = 0;
    for (size_t i = c->first[book]; i < c->first[book + 1]; i++) sum += c->symbol[i];
    if (!sum) return;
    fprintf(out, "%c %u", kind, number);
    for (size_t i = c->first[book]; i < c->first[book + 1]; i++) fprintf(out, " %" PRIu64, c->symbol[i]);
    fputc('\n', out);
}

void vqz_counts_print(const vqz_counts *c, FILE *out) {
    const vqz_model *m = c->m;
    for (uint32_t i = 0; i < m->rungs; i++) print_book(c, out, 'S', i, i);
    for (uint32_t i = 0; i < m->npairs; i++) print_book(c, out, 'P', i, m->rungs + i);
    for (uint32_t row = 0; row < m->nlevels; row++)
        for (uint32_t k = 0; k < m->Z; k++)
            for (int z = 0; z < SPAN; z++) {
                uint64_t n = c->hyper[((size_t)row * m->Z + k) * SPAN + (size_t)z];
                if (n) fprintf(out, "Z %u %u %d %" PRIu64 "\n", row, k, z - VQZ_COUNTS_REACH, n);
            }
}
