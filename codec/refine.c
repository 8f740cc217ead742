#include "codec/refine.h"
#include "base/bytes.h"
#include <math.h>
#include <string.h>

enum { STEP = VQZ_LATENT_STEP };

unsigned vqz_refine_rounds(int32_t effort) {
    static const uint8_t rounds[10] = {0, 0, 0, 0, 0, 1, 3, 6, 12, 24};
    return rounds[effort];
}

/* Sum of squares of the samples that one unit of a latent makes through the linear path. */
static void energies(const vqz_layer_def *l, float *energy) {
    for (size_t c = 0; c < l->cin; c++) {
        double sum = 0;
        for (size_t o = 0; o < l->cout; o++) {
            const double v = ldexp((int16_t)vqz_load16(l->weights + 2 * (o * l->cin + c)) * (double)vqz_load16(l->mul + 2 * o), -l->shift[o]);
            sum += v * v;
        }
        energy[c] = (float)sum;
    }
}

vqz_status vqz_refiner_open(vqz_refiner *r, vqz_memory *mem, const vqz_model *m, unsigned cpu, vqz_error *e) {
    *r = (vqz_refiner){.m = m};
    const vqz_net_def *linear = &m->def[VQZ_NET_SYNTHESIS_LINEAR][0], *network = &m->def[VQZ_NET_SYNTHESIS][0];
    void *p;
    vqz_status s = vqz_adjoint_create(&r->linear, mem, linear->net, linear->layers, cpu, e);
    if (s == VQZ_OK) s = vqz_adjoint_create(&r->network, mem, network->net, network->layers, cpu, e);
    if (s == VQZ_OK && linear->nlayers != 1) s = vqz_fail(e, VQZ_ERR_UNSUPPORTED, VQZ_NO_OFFSET, "effort 5 and more: the model's linear synthesis has several layers");
    if (s == VQZ_OK) s = vqz_alloc(mem, &p, 2 * (size_t)m->C, sizeof(float), e);
    if (s != VQZ_OK) return s;
    r->latent = p;
    r->newton = r->latent + m->C;
    energies(&linear->layers[0], r->newton);
    for (uint32_t c = 0; c < m->C; c++) {
        r->latent[c] = vqz_synthesis_is_exact(m) ? 1 : ldexpf(m->latq_mul[c], -m->latq_shift[c]);
        r->newton[c] = r->newton[c] > 0 ? 1 / (2 * r->newton[c]) : 0;
    }
    return VQZ_OK;
}

void vqz_refiner_close(vqz_refiner *r, vqz_memory *mem) {
    vqz_adjoint_free(r->linear, mem);
    vqz_adjoint_free(r->network, mem);
    vqz_free(mem, r->latent);
}

/* Squared samples that a squared quantization step of a level costs, on average over the channels. */
static double step_error(const vqz_refiner *r, const vqz_level *level) {
    double sum = 0;
    for (uint32_t c = 0; c < r->m->C; c++) {
        const double step = ldexp(level->inv[c], VQZ_LATENT_BITS - (int)r->m->inv_shift);
        if (r->newton[c] > 0) sum += step * step / (2 * r->newton[c]);
    }
    return ldexp(sum / r->m->C, -2 * VQZ_PIXEL_BITS);
}

vqz_status vqz_refine_layout(vqz_refine *f, const vqz_refiner *r, vqz_synthesis *s, uint32_t h, uint32_t w, vqz_arena *a, vqz_error *e) {
    *f = (vqz_refine){.shared = r, .synthesis = s};
    const size_t n = (size_t)h * w, stride = vqz_adjoint_stride(r->m->C);
    size_t network, linear;
    VQZ_TRY(vqz_adjoint_plan(r->network, h, w, &network, e));
    VQZ_TRY(vqz_adjoint_plan(r->linear, h, w, &linear, e));
    VQZ_TAKE(a, f->target, n * r->m->C);
    VQZ_TAKE(a, f->best, n * r->m->C);
    VQZ_TAKE(a, f->pixels, n * STEP * STEP * 3);
    VQZ_TAKE(a, f->linear, n * 16 * vqz_adjoint_stride(48));
    VQZ_TAKE(a, f->seen, n * stride);
    VQZ_TAKE(a, f->latents, n * stride);
    f->work[0] = vqz_take(a, network, 1);
    f->work[1] = vqz_take(a, linear, 1);
    return VQZ_OK;
}

/* Whether position (y, x) lies within `ring` of a border where the picture goes on. */
static bool at_seam(const vqz_refine_tile *t, uint32_t ring, uint32_t y, uint32_t x) {
    return (t->left && x < ring) || (t->top && y < ring) || (t->right && x + ring >= t->w) || (t->bottom && y + ring >= t->h);
}

static void copy_latents(int16_t *to, size_t to_stride, const int16_t *from, size_t from_stride, uint32_t h, size_t row) {
    for (uint32_t y = 0; y < h; y++) memcpy(to + y * to_stride, from + y * from_stride, row * sizeof *to);
}

/* Squared error of what `decoded` latents give, in squared samples, less where the picture hides it; in f->pixels the derivative without that, since the
 * minimum of each block stays where it is. */
static double error_of(vqz_refine *f, const vqz_refine_tile *t, const vqz_latents *decoded) {
    const vqz_refiner *r = f->shared;
    vqz_synthesis *s = f->synthesis;
    const uint32_t C = r->m->C, wide = t->w * STEP * 3;
    copy_latents(s->latents, (size_t)t->w * C, decoded->data, decoded->stride * C, t->h, (size_t)t->w * C);
    vqz_view latents = {s->latents, t->h, t->w, C}, linear = {s->linear, 4 * t->h, 4 * t->w, 48};
    vqz_adjoint_forward(r->linear, s->nets->net[VQZ_NET_SYNTHESIS_LINEAR][0], &latents, &linear, s->scratch, f->work[1]);
    vqz_view in[2] = {vqz_synthesis_sees(s, &latents), linear}, out = {s->out, t->h * STEP, t->w * STEP, 3};
    vqz_adjoint_forward(r->network, s->nets->net[VQZ_NET_SYNTHESIS][0], in, &out, s->scratch, f->work[0]);

    const int32_t top = 255 << VQZ_PIXEL_BITS;
    double sum = 0;
    memset(f->pixels, 0, (size_t)t->h * STEP * wide * sizeof *f->pixels);
    for (uint32_t y = 0; y < t->height; y++) {
        const int16_t *got = s->out + (size_t)y * wide;
        float *to = f->pixels + (size_t)y * wide;
        const int8_t *steps = t->steps + (size_t)(y / (STEP * VQZ_STEP_BLOCK)) * vqz_step_blocks(t->w);
        for (uint32_t x = 0; x < t->w; x++) {
            if (at_seam(t, r->m->synthesis_ring, y / STEP, x)) continue;
            const uint32_t end = (x + 1 < t->w ? (x + 1) * STEP : t->width) * 3;
            uint64_t block = 0;
            for (uint32_t i = x * STEP * 3; i < end; i++) {
                const int32_t v = got[i] < 0 ? 0 : got[i] > top ? top : got[i], want = t->rgb[y * t->stride + i];
                const int32_t d = vqz_sample(got[i]) - want;
                block += (uint64_t)(int64_t)(d * d);
                to[i] = 2 * (float)(v - (want << VQZ_PIXEL_BITS));
            }
            const int step = t->unit ? steps[x / VQZ_STEP_BLOCK] : 0;
            sum += (double)block * (t->unit ? exp2(0.5 * step) : 1);
        }
    }
    return sum;
}

/* After that: f->target moves by `share` towards the minimum of the error around `decoded`. */
static void move(vqz_refine *f, const vqz_refine_tile *t, const vqz_latents *decoded, float share) {
    const vqz_refiner *r = f->shared;
    const uint32_t C = r->m->C;
    const size_t stride = vqz_adjoint_stride(C);
    vqz_adjoint_backward(r->network, t->h, t->w, f->pixels, 3, (float *[2]){f->seen, f->linear}, f->work[0]);
    vqz_adjoint_backward(r->linear, t->h, t->w, f->linear, vqz_adjoint_stride(48), (float *[1]){f->latents}, f->work[1]);
    for (uint32_t y = 0; y < t->h; y++)
        for (uint32_t x = 0; x < t->w; x++) {
            if (at_seam(t, r->m->synthesis_ring, y, x)) continue;
            const size_t at = (size_t)y * t->w + x;
            const int16_t *v = decoded->data + (y * decoded->stride + x) * C;
            for (uint32_t c = 0; c < C; c++) {
                const float g = f->latents[at * stride + c] + f->seen[at * stride + c] * r->latent[c];
                const float best = v[c] - g * r->newton[c], old = f->target[at * C + c];
                float to = rintf(old + share * (best - old));
                to = to < INT16_MIN ? INT16_MIN : to > INT16_MAX ? INT16_MAX : to;
                f->target[at * C + c] = (int16_t)to;
            }
        }
}

vqz_status vqz_refine_encode(vqz_refine *f, unsigned rounds, const vqz_refine_tile *t, vqz_prior *p, vqz_rans_enc *rans, uint8_t level, const vqz_quantizer *q,
                             const vqz_latents *y, vqz_memory *mem, uint8_t **out, size_t *size, vqz_error *e) {
    const vqz_refiner *r = f->shared;
    const size_t row = (size_t)t->w * r->m->C, plane = y->stride * r->m->C;
    const double per_byte = 8 * ldexp(q->lambda, -16) * step_error(r, &r->m->level[level]);
    double least = INFINITY;
    *out = NULL;
    copy_latents(f->target, row, y->data, plane, t->h, row);
    for (unsigned i = 0; i <= rounds; i++) {
        uint8_t *made;
        size_t n;
        copy_latents(y->data, plane, f->target, row, t->h, row);
        VQZ_TRY(vqz_latent_encode(p, rans, level, t->unit, q, y, mem, &made, &n, e));
        const double cost = error_of(f, t, y) + per_byte * (double)n;
        if (cost < least) {
            least = cost;
            vqz_free(mem, *out);
            *out = made;
            *size = n;
            copy_latents(f->best, row, y->data, plane, t->h, row);
        } else {
            vqz_free(mem, made);
        }
        if (i < rounds) move(f, t, y, 0.5f * (float)(rounds - i) / (float)rounds);
    }
    copy_latents(y->data, plane, f->best, row, t->h, row);
    return VQZ_OK;
}
