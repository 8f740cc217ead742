#include "codec/transform.h"
#include <string.h>

enum { STEP = VQZ_LATENT_STEP, BLOCK = STEP * STEP * 3 };

vqz_rect vqz_rect_grow(vqz_rect r, uint32_t ring, uint32_t w, uint32_t h) {
    uint32_t x0 = r.x > ring ? r.x - ring : 0, y0 = r.y > ring ? r.y - ring : 0;
    uint32_t x1 = r.x + r.w + ring, y1 = r.y + r.h + ring;
    if (x1 > w) x1 = w;
    if (y1 > h) y1 = h;
    return (vqz_rect){x0, y0, x1 - x0, y1 - y0};
}

vqz_status vqz_analysis_layout(vqz_analysis *a, const vqz_model *m, const vqz_nets *nets, uint32_t h, uint32_t w, vqz_arena *arena, vqz_error *e) {
    *a = (vqz_analysis){.m = m, .nets = nets, .loops = vqz_loops_get(nets->kernels)};
    size_t n = (size_t)h * w, scratch = (size_t)w * STEP * 3 * 2, bytes;   /* at least two rows of pixels */
    uint32_t zh = (h + VQZ_HYPER_STEP - 1) / VQZ_HYPER_STEP, zw = (w + VQZ_HYPER_STEP - 1) / VQZ_HYPER_STEP, oh, ow;
    const struct { vqz_net_role role; uint32_t h, w; } runs[] = {
        {VQZ_NET_ANALYSIS_LINEAR, h, w}, {VQZ_NET_LATQ, h, w}, {VQZ_NET_ANALYSIS, h * STEP / 2, w * STEP / 2}, {VQZ_NET_HYPER_ANALYSIS, h, w}};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        VQZ_TRY(vqz_net_plan(nets->net[runs[i].role][0], runs[i].h, runs[i].w, &oh, &ow, &bytes, e));
        if (bytes > scratch) scratch = bytes;
    }
    VQZ_TAKE(arena, a->blocks, n * BLOCK);
    VQZ_TAKE(arena, a->linear, n * m->C);
    VQZ_TAKE(arena, a->latents, n * m->C);
    VQZ_TAKE(arena, a->pixels, n * (STEP / 2) * (STEP / 2) * 12);
    VQZ_TAKE(arena, a->scaled, n * m->C);
    VQZ_TAKE(arena, a->hyper, (size_t)zh * zw * m->Z);
    a->scratch = vqz_take(arena, scratch, 1);
    return VQZ_OK;
}

/* Two rows of pixels, the rectangle's w * 16 of each, into both inputs. */
static void scatter_rows(vqz_analysis *a, const uint8_t *const rows[2], uint32_t y, uint32_t w) {
    typedef uint8_t bytes __attribute__((vector_size(16)));
    typedef int16_t words __attribute__((vector_size(32)));
    for (uint32_t dy = 0; dy < 2; dy++) {
        int16_t *block = a->blocks + (size_t)(y / STEP) * w * BLOCK + (y % STEP + dy) * STEP * 3;
        const uint8_t *from = rows[dy];
        for (uint32_t x = 0; x < w; x++, block += BLOCK)
            for (uint32_t i = 0; i < STEP * 3; i += sizeof(bytes), from += sizeof(bytes)) {
                bytes v;
                memcpy(&v, from, sizeof v);
                const words s = __builtin_convertvector(v, words) - 128;
                memcpy(block + i, &s, sizeof s);
            }
    }
    const size_t cells = (size_t)w * (STEP / 2);
    a->loops->cells(rows[0], rows[1], cells, a->pixels + (size_t)(y / 2) * cells * 12);      /* zero point 128 */
}

void vqz_analyse(vqz_analysis *a, const uint8_t *rgb, size_t stride, uint32_t first, uint32_t width, uint32_t height, vqz_rect tile, bool with_ring,
                 const vqz_latents *y, vqz_prior *p, const vqz_level *level) {
    const vqz_model *m = a->m;
    uint32_t pw = (width + STEP - 1) / STEP, ph = (height + STEP - 1) / STEP;
    vqz_rect r = vqz_rect_grow(tile, VQZ_ANALYSIS_RING, pw, ph);
    uint32_t x0 = r.x * STEP, have = x0 + r.w * STEP > width ? width - x0 : r.w * STEP;
    uint8_t *wider = a->scratch;             /* two rows of pixels: the networks have not started */
    const uint8_t *rows[2];
    for (uint32_t i = 0; i < r.h * STEP; i++) {
        uint32_t at = r.y * STEP + i;
        const uint8_t *src = rgb + (size_t)((at < height ? at : height - 1) - first) * stride + (size_t)x0 * 3;
        rows[i % 2] = src;
        if (have < r.w * STEP) {
            uint8_t *row = wider + (size_t)(i % 2) * r.w * STEP * 3;
            memcpy(row, src, (size_t)have * 3);
            for (uint32_t x = have; x < r.w * STEP; x++) memcpy(row + (size_t)x * 3, src + (size_t)(have - 1) * 3, 3);
            rows[i % 2] = row;
        }
        if (i % 2) scatter_rows(a, rows, i - 1, r.w);
    }
    vqz_view blocks = {a->blocks, r.h, r.w, BLOCK}, linear = {a->linear, r.h, r.w, m->C};
    const vqz_rect part = with_ring ? (vqz_rect){0, 0, r.w, r.h} : (vqz_rect){tile.x - r.x, tile.y - r.y, tile.w, tile.h};
    const vqz_net *net = a->nets->net[VQZ_NET_ANALYSIS][0];
    vqz_net_run_part(a->nets->net[VQZ_NET_ANALYSIS_LINEAR][0], &blocks, &linear, part, a->scratch);
    vqz_view in[2] = {{a->pixels, r.h * STEP / 2, r.w * STEP / 2, 12}, linear}, out = {a->latents, r.h, r.w, m->C};
    vqz_net_run_part(net, in, &out, part, a->scratch);

    for (uint32_t i = 0; i < tile.h; i++) {
        const int16_t *src = a->latents + ((size_t)(tile.y - r.y + i) * r.w + (tile.x - r.x)) * m->C;
        int16_t *dst = y->data + i * y->stride * m->C;
        memcpy(dst, src, (size_t)tile.w * m->C * sizeof *dst);
        vqz_view latents = {dst, 1, tile.w, m->C}, seen = {a->scaled + (size_t)i * tile.w * m->C, 1, tile.w, m->C};
        vqz_net_run(a->nets->net[VQZ_NET_LATQ][0], &latents, &seen, a->scratch);
    }
    vqz_view scaled = {a->scaled, tile.h, tile.w, m->C}, hyper = {a->hyper, p->zh, p->zw, m->Z};
    vqz_net_run(a->nets->net[VQZ_NET_HYPER_ANALYSIS][0], &scaled, &hyper, a->scratch);
    size_t n = (size_t)p->zh * p->zw;
    unsigned s = VQZ_LATENT_BITS + m->zgain_shift;
    for (size_t i = 0; i < n; i++)
        for (uint32_t c = 0; c < m->Z; c++)
            p->z[c * n + i] = vqz_scaled_by(a->hyper[i * m->Z + c], level->zgain[c], s);
}

/* The tile's blocks of what is missing, with VQZ_MISSING_BITS fractional bits, to the front of a->blocks. */
static void take_missing(vqz_analysis *a, const vqz_synthesis *s, vqz_rect r, vqz_rect tile) {
    for (uint32_t i = 0; i < tile.h; i++)
        for (uint32_t x = 0; x < tile.w; x++) {
            const size_t py = tile.y - r.y + i, px = tile.x - r.x + x;
            const int16_t *from = a->blocks + (py * r.w + px) * BLOCK;      /* never before `to` */
            int16_t *to = a->blocks + ((size_t)i * tile.w + x) * BLOCK;
            for (uint32_t row = 0; row < STEP; row++, from += STEP * 3, to += STEP * 3) {
                const int16_t *made = s->out + ((py * STEP + row) * r.w + px) * STEP * 3;
                for (uint32_t k = 0; k < STEP * 3; k++) to[k] = (int16_t)vqz_missing(from[k], made[k]);
            }
        }
}

void vqz_analysis_correct(vqz_analysis *a, vqz_synthesis *s, uint32_t width, uint32_t height, vqz_rect tile, const vqz_latents *y) {
    const uint32_t C = a->m->C;
    const vqz_net *net = a->nets->net[VQZ_NET_ANALYSIS_LINEAR][0];
    vqz_rect r = vqz_rect_grow(tile, VQZ_ANALYSIS_RING, (width + STEP - 1) / STEP, (height + STEP - 1) / STEP);
    memcpy(s->latents, a->latents, (size_t)r.h * r.w * C * sizeof *s->latents);
    vqz_synthesise(s, r.h, r.w, (vqz_rect){(tile.x - r.x) * STEP, (tile.y - r.y) * STEP, tile.w * STEP, tile.h * STEP});
    take_missing(a, s, r, tile);
    memset(s->linear, 0, BLOCK * sizeof *s->linear);
    int16_t *nothing = s->latents;           /* what the linear path makes of nothing: its constants */
    vqz_view zero = {s->linear, 1, 1, BLOCK}, constants = {nothing, 1, 1, C};
    vqz_net_run(net, &zero, &constants, a->scratch);
    vqz_view blocks = {a->blocks, tile.h, tile.w, BLOCK}, linear = {a->linear, tile.h, tile.w, C};
    vqz_net_run(net, &blocks, &linear, a->scratch);
    for (uint32_t i = 0; i < tile.h; i++)
        for (uint32_t x = 0; x < tile.w; x++) {
            const int16_t *d = a->linear + ((size_t)i * tile.w + x) * C;
            int16_t *v = y->data + (i * y->stride + x) * C;
            for (uint32_t c = 0; c < C; c++) v[c] = (int16_t)vqz_corrected(v[c], d[c], nothing[c]);
        }
}
