#include "codec/nn/rows.h"
#include <string.h>

/* Positions of one job: its inputs, addends and outputs stay in the caches for all output channels. A multiple of
 * every tile width. */
enum { CHUNK = 240, ALIGN = 64 };

typedef struct run {
    const vqz_simd *simd;
    const vqz_layer *layer;
    const vqz_packed *packed;
    const vqz_view *in, *add, *out;
    vqz_rect part;
    uint8_t *rows;         /* scratch: copied input */
    uint8_t *addends;      /* scratch: one job's addends in stored order of channels */
    uint8_t *results;      /* scratch: one job's results before they are scattered */
} run;

static bool reorders_add(const vqz_simd *s, const vqz_layer *l) { return l->def.add != VQZ_NO_TENSOR && l->def.shuffle > 1 && !vqz_rows_scatters(s, l); }
/* The kernel can read the input where it is. */
static bool reads_directly(const vqz_simd *s, const vqz_layer *l) {
    if (l->def.op == VQZ_OP_REQUANT) return l->def.shuffle == 1;
    const bool in16 = l->in.type == VQZ_T_S16;
    return l->def.k == 1 && (in16 || s->input == VQZ_INPUT_AS_IS) && l->def.cin % (in16 ? 2 : s->block) == 0;
}

/* ---- copying ----------------------------------------------------------------------------------------- */

/* `n` positions, from_step bytes apart, to packed ones. */
static void copy_positions(const run *r, uint8_t *to, const uint8_t *from, size_t from_step, size_t n) {
    const vqz_input input = r->packed->in16 ? VQZ_INPUT_AS_IS : r->simd->input;
    size_t bytes = (size_t)r->layer->def.cin << r->packed->in16, tap = r->packed->tap, used = input == VQZ_INPUT_WIDE ? 2 * bytes : bytes;
    if (from_step == bytes && used == tap) {      /* no gaps on either side */
        bytes *= n;
        n = 1;
    }
    for (; n > 0; n--, to += tap, from += from_step) {
        if (input == VQZ_INPUT_WIDE) {
            uint16_t *wide = (uint16_t *)to;
            for (size_t c = 0; c < bytes; c++) wide[c] = from[c];
        } else if (input == VQZ_INPUT_SIGNED) {
            for (size_t c = 0; c < bytes; c++) to[c] = from[c] ^ 128;
        } else {
            memcpy(to, from, bytes);
        }
        memset(to + used, 0, tap - used);
    }
}

/* Positions x, x + 1, ..., n in all, of an input row; some on either side may lie outside of it. */
static void copy_row(const run *r, uint8_t *to, uint32_t y, int64_t x, size_t n) {
    const vqz_view *in = r->in;
    const size_t tap = r->packed->tap, step = (size_t)in->stride << r->packed->in16;
    const size_t before = x < 0 ? (size_t)-x : 0, first = x < 0 ? 0 : (size_t)x, inside = n - before < in->w - first ? n - before : in->w - first;
    uint8_t *inner = to + before * tap, *end = inner + inside * tap;
    copy_positions(r, inner, (const uint8_t *)in->data + ((size_t)y * in->w + first) * step, step, inside);
    const bool edge = r->layer->def.pad_edge;
    for (size_t i = 0; i < before; i++) memcpy(to + i * tap, edge ? inner : r->packed->blank, tap);
    for (size_t i = before + inside; i < n; i++) memcpy(to + i * tap, edge ? end - tap : r->packed->blank, tap);
}

/* Channels of n positions in stored order. */
static void reorder(const run *r, uint8_t *to, size_t to_step, const uint8_t *from, size_t from_step, bool wide, uint32_t n) {
    const uint16_t *order = r->packed->order;
    for (; n > 0; n--, to += to_step, from += from_step) {
        for (unsigned o = 0; o < r->packed->cout; o++) {
            if (wide) ((uint16_t *)to)[o] = ((const uint16_t *)from)[order[o]];
            else to[o] = from[order[o]];
        }
    }
}

void vqz_rows_scatter(const vqz_row_job *j, const uint8_t *from, unsigned channels, uint8_t *to, uint32_t n) {
    const unsigned side = j->shuffle, cells = side * side;
    for (; n > 0; n--, to += side * j->j_step, from += j->dst_step)
        for (unsigned c = 0; c < cells; c++) {
            uint8_t *cell = to + c / side * j->i_step + c % side * j->j_step;
            for (unsigned k = 0; k < channels; k++) {
                if (j->packed->out16) ((uint16_t *)cell)[k] = ((const uint16_t *)from)[k * cells + c];
                else cell[k] = from[k * cells + c];
            }
        }
}

/* ---- walking ----------------------------------------------------------------------------------------- */

/* The narrowest tile that holds `left` positions, or else the widest that fits in all n. */
static uint32_t tile_width(const vqz_simd *s, uint32_t n, uint32_t left) {
    uint32_t width = 1;
    for (unsigned i = 0; i < sizeof s->widths && s->widths[i] != 0 && width < left && s->widths[i] <= n; i++) width = s->widths[i];
    return width;
}

/* All tiles of a job, a few output channels at a time so that their weights stay in the cache. The last tile may overlap
 * the one before: its results are the same. */
static void walk(const run *r, const vqz_row_job *j, uint32_t n) {
    const vqz_simd *s = r->simd;
    vqz_tile *tile = r->layer->def.op == VQZ_OP_CONV ? s->conv : s->requant;
    for (unsigned v = 0; v < r->packed->vectors; v += VQZ_TILE_VECTORS) {
        const unsigned vectors = r->packed->vectors - v < VQZ_TILE_VECTORS ? r->packed->vectors - v : VQZ_TILE_VECTORS;
        for (uint32_t x = 0, width; x < n; x += width) {
            width = tile_width(s, n, n - x);
            tile(j, v, vectors, width > n - x ? n - width : x, width);
        }
    }
}

/* n positions from (y, x) on, whose input windows job->rows and job->step describe. */
static void run_job(const run *r, vqz_row_job *j, size_t y, size_t x, uint32_t n) {
    const vqz_layer *l = r->layer;
    const unsigned side = l->def.shuffle;
    const size_t position = (size_t)r->out->stride << r->packed->out16;
    uint8_t *dst = (uint8_t *)r->out->data + (y * r->out->w + x) * side * position;
    j->packed = r->packed;
    j->shuffle = side;
    j->i_step = r->out->w * position;
    j->j_step = position;
    if (r->add) {
        const size_t wide = r->packed->add16;
        j->add_step = (size_t)r->add->stride << wide;
        j->add = (const uint8_t *)r->add->data + (y * r->add->w + x) * j->add_step;
        if (reorders_add(r->simd, l)) {
            const size_t step = (size_t)r->packed->cout << wide;
            reorder(r, r->addends, step, j->add, j->add_step, wide, n);
            j->add = r->addends;
            j->add_step = step;
        }
    }
    if (vqz_rows_scatters(r->simd, l)) {
        j->dst = r->results;
        j->run = r->packed->cout;
        j->dst_step = (size_t)r->packed->cout << r->packed->out16;
        walk(r, j, n);
        (r->simd->scatter ? r->simd->scatter : vqz_rows_scatter)(j, r->results, l->out.channels, dst, n);
    } else {
        j->dst = dst;
        j->run = l->out.channels;
        j->dst_step = side * position;
        walk(r, j, n);
    }
}

/* Layers that see one position only. Where neither stride nor shuffle asks for rows the picture is one long row. */
static void run_pointwise(const run *r) {
    const vqz_layer *l = r->layer;
    const vqz_view *in = r->in;
    const unsigned d = l->def.stride;
    const size_t step = (size_t)in->stride << r->packed->in16, end = r->part.y + r->part.h;
    const bool joined = d == 1 && l->def.shuffle == 1 && r->part.w == in->w;
    const size_t w = joined ? (size_t)r->part.w * r->part.h : r->part.w;
    vqz_row_job j = {0};
    for (size_t y = r->part.y; y < end; y = joined ? end : y + 1) {
        const uint8_t *row = (const uint8_t *)in->data + (y * in->w + r->part.x) * d * step;
        for (size_t x = 0; x < w; x += CHUNK) {
            const uint32_t n = w - x < CHUNK ? (uint32_t)(w - x) : CHUNK;
            const uint8_t *from = row + x * d * step;
            if (reads_directly(r->simd, l)) {
                j.rows[0] = from;
                j.step = d * step;
            } else {
                j.rows[0] = r->rows;
                j.step = r->packed->tap;
                if (l->def.op == VQZ_OP_CONV) copy_positions(r, r->rows, from, d * step, n);
                else reorder(r, r->rows, j.step, from, step, r->packed->in16, n);
            }
            run_job(r, &j, y, r->part.x + x, n);
        }
    }
}

/* Layers with a window: the last k input rows are kept in a ring, and a row of zero-padding beside them. */
static void run_window(const run *r) {
    const vqz_layer *l = r->layer;
    const vqz_view *in = r->in;
    const unsigned k = l->def.k, d = l->def.stride, pad = (k - 1) / 2;
    const uint32_t w = r->part.w, end = r->part.y + r->part.h;
    const size_t tap = r->packed->tap, positions = ((size_t)w - 1) * d + k, pitch = positions * tap;
    const int64_t left = (int64_t)r->part.x * d - pad;
    uint8_t *outside = r->rows + k * pitch;
    if (!l->def.pad_edge)
        for (size_t i = 0; i < pitch; i += tap) memcpy(outside + i, r->packed->blank, tap);
    vqz_row_job j = {.step = d * tap};
    uint32_t copied = r->part.y * d > pad ? r->part.y * d - pad : 0;
    for (uint32_t y = r->part.y; y < end; y++) {
        for (; copied < in->h && copied <= y * d + pad; copied++) copy_row(r, r->rows + copied % k * pitch, copied, left, positions);
        for (uint32_t x = 0; x < w; x += CHUNK) {
            for (unsigned i = 0; i < k; i++) {
                int64_t row = (int64_t)y * d + i - pad, last = (int64_t)in->h - 1, inside = row < 0 ? 0 : row > last ? last : row;
                const uint8_t *from = inside == row || l->def.pad_edge ? r->rows + (size_t)inside % k * pitch : outside;
                j.rows[i] = from + x * j.step;
            }
            run_job(r, &j, y, r->part.x + x, w - x < CHUNK ? w - x : CHUNK);
        }
    }
}

/* ---- entry points -------------------------------------------------------------------------------------- */

/* Sizes of the parts of the scratch memory, in the order of run.rows, .addends, .results. */
static bool parts_of(const vqz_layer *l, uint32_t w, size_t part[3]) {
    const vqz_packed *p = l->packed;
    const vqz_simd *s = p->simd;
    const unsigned k = l->def.k;
    part[0] = part[1] = part[2] = 0;
    if (k > 1) {
        if (vqz_mul(w + (k - 1), p->tap, &part[0]) || vqz_mul(part[0], k + 1, &part[0]) || vqz_add(part[0], s->block, &part[0])) return false;
    } else if (!reads_directly(s, l)) {
        part[0] = CHUNK * p->tap + s->block;
    }
    if (reorders_add(s, l)) part[1] = CHUNK * ((size_t)p->cout << p->add16);
    if (vqz_rows_scatters(s, l)) part[2] = CHUNK * ((size_t)p->cout << p->out16);
    for (unsigned i = 0; i < 3; i++) {
        if (vqz_add(part[i], ALIGN - 1, &part[i])) return false;
        part[i] &= ~(size_t)(ALIGN - 1);
    }
    return true;
}

size_t vqz_rows_scratch(const vqz_layer *l, uint32_t h, uint32_t w) {
    (void)h;
    size_t part[3], sum;
    return parts_of(l, w, part) && !vqz_add(part[0], part[1] + part[2], &sum) ? sum : SIZE_MAX;
}

void vqz_rows_run(const vqz_layer *l, const vqz_view *in, const vqz_view *add, const vqz_view *out, vqz_rect part, void *scratch) {
    size_t size[3];
    if (!parts_of(l, in->w, size)) return;       /* vqz_rows_scratch has refused this width */
    uint8_t *rows = scratch;
    const vqz_packed *p = l->packed;
    const run r = {p->simd, l, p, in, add, out, part, rows, rows + size[0], rows + size[0] + size[1]};
    if (p->simd->begin) p->simd->begin();
    if (l->def.k == 1) run_pointwise(&r);
    else run_window(&r);
    if (p->simd->end) p->simd->end();
}
