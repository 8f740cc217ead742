#include "codec/prior.h"
#include <string.h>
#define XXH_STATIC_LINKING_ONLY              /* the hash state lives on the stack */
#include <xxhash.h>

static size_t max_size(size_t a, size_t b) { return a > b ? a : b; }

/* Scratch for any of the networks that a tile of this size runs. */
static vqz_status scratch_size(const vqz_prior *p, size_t *bytes, vqz_error *e) {
    uint32_t oh, ow;
    size_t n;
    *bytes = 0;
    VQZ_TRY(vqz_net_plan(p->nets->net[VQZ_NET_HYPER_SYNTHESIS][0], p->zh, p->zw, &oh, &ow, &n, e));
    *bytes = n;
    for (uint32_t i = 0; i < p->m->S; i++) {
        VQZ_TRY(vqz_net_plan(p->nets->net[VQZ_NET_TRUNK][i], p->h, p->w, &oh, &ow, &n, e));
        *bytes = max_size(*bytes, n);
        VQZ_TRY(vqz_net_plan(p->nets->net[VQZ_NET_SECOND][i], 1, p->count[0], &oh, &ow, &n, e));
        *bytes = max_size(*bytes, n);
        VQZ_TRY(vqz_net_plan(p->nets->net[VQZ_NET_FIRST][i], 1, p->count[0], &oh, &ow, &n, e));
        *bytes = max_size(*bytes, n);
        VQZ_TRY(vqz_net_plan(p->nets->net[VQZ_NET_HEADS][i], 1, p->count[0], &oh, &ow, &n, e));
        *bytes = max_size(*bytes, n);
    }
    return VQZ_OK;
}

vqz_status vqz_prior_layout(vqz_prior *p, const vqz_model *m, const vqz_nets *nets, uint32_t h, uint32_t w, vqz_arena *a, vqz_error *e) {
    *p = (vqz_prior){.m = m, .nets = nets, .loops = vqz_loops_get(nets->kernels), .h = h, .w = w,
                     .zh = (h + VQZ_HYPER_STEP - 1) / VQZ_HYPER_STEP, .zw = (w + VQZ_HYPER_STEP - 1) / VQZ_HYPER_STEP};
    size_t n = (size_t)h * w, nz = (size_t)p->zh * p->zw, scratch;
    p->count[0] = (uint32_t)((n + 1) / 2);
    p->count[1] = (uint32_t)(n / 2);
    uint32_t trunk = 0, features = 0, neighbours = 0;
    for (uint32_t i = 0; i < m->S; i++) {
        uint32_t width = m->def[VQZ_NET_SECOND][i].tensors->channels;
        neighbours = width > neighbours ? width : neighbours;
        trunk = m->trunk_channels[i] > trunk ? m->trunk_channels[i] : trunk;
        features = m->feature_channels[i] > features ? m->feature_channels[i] : features;
    }
    VQZ_TRY(scratch_size(p, &scratch, e));
    VQZ_TAKE(a, p->position[0], p->count[0]);
    VQZ_TAKE(a, p->position[1], p->count[1]);
    VQZ_TAKE(a, p->steps, (size_t)vqz_step_blocks(h) * vqz_step_blocks(w));
    VQZ_TAKE(a, p->rows, n);
    VQZ_TAKE(a, p->live, nz);
    VQZ_TAKE(a, p->z, nz * m->Z);
    VQZ_TAKE(a, p->heads, (size_t)p->count[0] * 2 * m->max_slice);
    VQZ_TAKE(a, p->hyper_in, nz * (m->Z + m->F));
    VQZ_TAKE(a, p->hyper_out, nz * VQZ_HYPER_STEP * VQZ_HYPER_STEP * m->H);
    VQZ_TAKE(a, p->context, n * (m->H + m->C));
    VQZ_TAKE(a, p->neighbours, (size_t)p->count[1] * neighbours);
    VQZ_TAKE(a, p->gathered_features, (size_t)p->count[0] * features);
    VQZ_TAKE(a, p->trunk, n * trunk);
    VQZ_TAKE(a, p->gathered_trunk, (size_t)p->count[0] * trunk);
    VQZ_TAKE(a, p->row, (size_t)w * m->C * 2);
    p->scratch = vqz_take(a, scratch, 1);
    if (!a->base) return VQZ_OK;

    memset(p->live, 1, nz);
    uint32_t k[2] = {0, 0};
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++) {
            unsigned pass = (x + y) & 1;
            p->position[pass][k[pass]++] = y * w + x;
        }
    return VQZ_OK;
}

uint32_t vqz_prior_select(vqz_prior *p, const vqz_latents *y) {
    const vqz_model *m = p->m;
    uint32_t count[2] = {0, 0};
    memset(p->live, 0, (size_t)p->zh * p->zw);
    for (uint32_t j = 0; j < p->h; j++)
        for (uint32_t i = 0; i < p->w; i++) {
            const uint32_t at = j * p->w + i;
            const unsigned pass = (i + j) & 1;
            if (p->motion->block[j * p->motion->stride + i] & VQZ_BLOCK_CODED) {
                p->position[pass][count[pass]++] = at;
                p->live[j / VQZ_HYPER_STEP * p->zw + i / VQZ_HYPER_STEP] = 1;
            } else {
                memcpy(vqz_latent_at(p, y, at), p->neutral, m->C * sizeof *p->neutral);
                p->loops->latq(m, 0, m->C, p->neutral, p->context + (size_t)at * (m->H + m->C) + m->H);
            }
        }
    p->count[0] = count[0];
    p->count[1] = count[1];
    return count[0] + count[1];
}

void vqz_prior_hyper(vqz_prior *p, uint32_t row) {
    const vqz_model *m = p->m;
    const vqz_level *level = &m->level[p->level = row];
    size_t nz = (size_t)p->zh * p->zw, in = m->Z + m->F;
    unsigned s = m->zinv_shift;
    for (size_t i = 0; i < nz; i++) {
        for (uint32_t c = 0; c < m->Z; c++) {
            p->hyper_in[i * in + c] = (uint8_t)(vqz_seen_of(p->z[c * nz + i], level->zinv[c], s) + 128);
        }
        for (uint32_t c = 0; c < m->F; c++) p->hyper_in[i * in + m->Z + c] = (uint8_t)(level->feat[c] + 128);
    }
    vqz_view src = {p->hyper_in, p->zh, p->zw, (uint32_t)in};
    vqz_view dst = {p->hyper_out, p->zh * VQZ_HYPER_STEP, p->zw * VQZ_HYPER_STEP, m->H};
    vqz_net_run(p->nets->net[VQZ_NET_HYPER_SYNTHESIS][0], &src, &dst, p->scratch);
    for (uint32_t y = 0; y < p->h; y++)
        for (uint32_t x = 0; x < p->w; x++)
            memcpy(p->context + ((size_t)y * p->w + x) * (m->H + m->C), p->hyper_out + ((size_t)y * dst.w + x) * m->H, m->H);
}

/* Few bytes, so that a call costs as much as the copy. */
static inline void copy(uint8_t *to, const uint8_t *from, size_t bytes) {
    enum { PIECE = 16 };
    for (; bytes >= PIECE; bytes -= PIECE, to += PIECE, from += PIECE) memcpy(to, from, PIECE);
    for (; bytes; bytes--) *to++ = *from++;
}

static void gather(void *dst, const void *src, const uint32_t *position, uint32_t count, size_t bytes) {
    for (uint32_t i = 0; i < count; i++) memcpy((uint8_t *)dst + i * bytes, (const uint8_t *)src + position[i] * bytes, bytes);
}

/* What the second pass sees at its positions: the slice's anchors around each, zeros outside the tile. */
static void gather_neighbours(vqz_prior *p, uint32_t slice) {
    const vqz_model *m = p->m;
    const size_t c = m->slice[slice], row = m->H + m->C;
    const uint8_t *plane = p->context + m->H + m->slice_start[slice];
    int8_t offset[VQZ_SECOND_TAPS][2];
    const unsigned taps = vqz_second_taps(m->def[VQZ_NET_ANCHOR][slice].layers->k, offset);
    uint8_t *to = p->neighbours;
    for (uint32_t i = 0; i < p->count[1]; i++) {
        const uint32_t y = p->position[1][i] / p->w, x = p->position[1][i] % p->w;
        for (unsigned t = 0; t < taps; t++, to += c) {
            const int32_t dy = offset[t][0], dx = offset[t][1];
            const uint32_t ny = y + (uint32_t)dy, nx = x + (uint32_t)dx;     /* wraps: outside */
            if (ny < p->h && nx < p->w) copy(to, plane + ((size_t)ny * p->w + nx) * row, c);
            else memset(to, 128, c);
        }
    }
}

void vqz_prior_predict(vqz_prior *p, uint32_t slice, unsigned pass) {
    const vqz_model *m = p->m;
    uint32_t T = m->trunk_channels[slice], Fc = m->feature_channels[slice], c = m->slice[slice], n = p->count[pass];
    vqz_view trunk = {p->gathered_trunk, 1, n, T}, features = {p->gathered_features, 1, n, Fc}, heads = {p->heads, 1, n, 2 * c};
    if (pass == 0 && p->count[0] + p->count[1]) {
        vqz_view context = {p->context, p->h, p->w, m->H + m->C}, all = {p->trunk, p->h, p->w, T};
        vqz_net_run(p->nets->net[VQZ_NET_TRUNK][slice], &context, &all, p->scratch);
    }
    if (n == 0) return;
    gather(p->gathered_trunk, p->trunk, p->position[pass], n, T * sizeof *p->trunk);
    if (pass == 0) {
        vqz_net_run(p->nets->net[VQZ_NET_FIRST][slice], &trunk, &features, p->scratch);
    } else {
        gather_neighbours(p, slice);
        vqz_view in[2] = {{p->neighbours, 1, n, m->def[VQZ_NET_SECOND][slice].tensors->channels}, trunk};
        vqz_net_run(p->nets->net[VQZ_NET_SECOND][slice], in, &features, p->scratch);
    }
    vqz_net_run(p->nets->net[VQZ_NET_HEADS][slice], &features, &heads, p->scratch);
}

void vqz_prior_fill(const vqz_prior *p, uint32_t slice, unsigned pass, const vqz_latents *y) {
    uint32_t first = p->m->slice_start[slice], c = p->m->slice[slice];
    for (uint32_t i = 0; i < p->count[pass]; i++)
        memcpy(vqz_latent_at(p, y, p->position[pass][i]) + first, p->heads + (size_t)i * 2 * c, c * sizeof *p->heads);
}

void vqz_prior_commit(vqz_prior *p, uint32_t slice, unsigned pass, const vqz_latents *y) {
    const vqz_model *m = p->m;
    uint32_t first = m->slice_start[slice], c = m->slice[slice];
    size_t row = m->H + m->C;
    for (uint32_t i = 0; i < p->count[pass]; i++) {
        uint32_t at = p->position[pass][i];
        p->loops->latq(m, first, c, vqz_latent_at(p, y, at) + first, p->context + at * row + m->H + first);
    }
}

uint32_t vqz_latents_hash(const vqz_prior *p, const vqz_latents *y) {
    XXH64_state_t state;
    size_t n = (size_t)p->w * p->m->C;
    XXH64_reset(&state, 0);
    for (uint32_t r = 0; r < p->h; r++) {
        const int16_t *v = y->data + r * y->stride * p->m->C;
        for (size_t i = 0; i < n; i++) vqz_store16(p->row + 2 * i, (uint16_t)v[i]);
        XXH64_update(&state, p->row, 2 * n);
    }
    return (uint32_t)XXH64_digest(&state);
}
