/* Derivatives: <J dx, g> = <dx, J' g> with J worked out here, forwards, layer by layer from the file's arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "codec/nn/adjoint.h"
#include "codec/nn/kernels.h"
#include "tests/nn_builder.h"
#include <math.h>

typedef struct map {             /* a tensor's tangent, [h][w][channels] */
    double *d;
    uint32_t h, w, c;
} map;

typedef struct tangent {
    const builder *b;
    map t[MAX];
} tangent;

static map map_of(uint32_t h, uint32_t w, uint32_t c) {
    map m = {calloc((size_t)h * w * c, sizeof(double)), h, w, c};
    assert_non_null(m.d);
    return m;
}

/* Called with what the integer network made of the layer: where its activation is closed nothing passes. */
static void push(void *user, unsigned i, const vqz_tensor_def *def, const vqz_view *v) {
    tangent *t = user;
    const vqz_layer_def *l = &t->b->layers[i];
    const vqz_tensor_def *in = &t->b->tensors[l->src];
    const map *src = &t->t[l->src], *add = l->add == VQZ_NO_TENSOR ? NULL : &t->t[l->add];
    map *dst = &t->t[l->dst];
    const int r = l->shuffle, pad = (l->k - 1) / 2;
    *dst = map_of(src->h * l->shuffle, src->w * l->shuffle, def->channels);
    for (int y = 0; y < (int)src->h; y++)
        for (int x = 0; x < (int)src->w; x++)
            for (int o = 0; o < l->cout; o++) {
                double sum = l->op == VQZ_OP_REQUANT ? src->d[(y * (int)src->w + x) * (int)src->c + o] : 0;
                for (int tap = 0; l->op == VQZ_OP_CONV && tap < l->k * l->k; tap++) {
                    const int sy = y + tap / l->k - pad, sx = x + tap % l->k - pad;
                    if (sy < 0 || sx < 0 || sy >= (int)src->h || sx >= (int)src->w) continue;
                    for (int c = 0; c < l->cin; c++) {
                        const int at = (o * l->k * l->k + tap) * l->cin + c;
                        const int w = in->type == VQZ_T_S16 ? (int16_t)vqz_load16(l->weights + 2 * at) : (int8_t)l->weights[at];
                        sum += w * src->d[(sy * (int)src->w + sx) * (int)src->c + c];
                    }
                }
                sum *= vqz_load16(l->mul + 2 * o);
                if (add) sum += (double)(int32_t)vqz_load32(l->addmul + 4 * o) * add->d[(y * (int)add->w + x) * (int)add->c + o];
                sum = ldexp(sum, -l->shift[o]);
                const int c = o / (r * r), oy = y * r + o / r % r, ox = x * r + o % r;
                const size_t at = (size_t)oy * dst->w + (size_t)ox, e = at * v->stride + (size_t)c;
                const bool open = def->type == VQZ_T_S16 ? ((const int16_t *)v->data)[e] > 0 : ((const uint8_t *)v->data)[e] > vqz_zero_point(def, (unsigned)c);
                if (!open) sum *= l->act == VQZ_ACT_RELU ? 0 : l->act == VQZ_ACT_LEAKY ? 0.125 : 1;
                dst->d[at * dst->c + (size_t)c] = sum;
            }
}

static double uniform(builder *b) { return (rnd(b, 2001) - 1000.0) / 1000; }

static void check_size(uint32_t h, uint32_t w, unsigned cpu) {
    builder b = {.seed = 77 + h * 31 + w};
    residual_net(&b);
    b.layers[0].stride = 1;                           /* only such have derivatives */
    b.tensors[1].scale.down = 0;
    b.layers[6].pad_edge = 0;                         /* replicated borders count as zeros there */
    b.layers[6].shuffle = 2;
    b.tensors[8].channels = 12;
    vqz_memory mem;
    vqz_memory_init(&mem, 1 << 28);
    vqz_net *net = create(&b, &mem, VQZ_CPU_SCALAR);
    vqz_adjoint *a;
    vqz_error e = {0};
    if (vqz_adjoint_create(&a, &mem, net, b.layers, cpu, &e) != VQZ_OK) fail_msg("%s", e.text);
    uint32_t oh, ow;
    size_t nscratch, nwork;
    assert_int_equal(vqz_net_plan(net, h, w, &oh, &ow, &nscratch, &e), VQZ_OK);
    assert_int_equal(vqz_adjoint_plan(a, h, w, &nwork, &e), VQZ_OK);
    void *scratch = aligned_alloc(64, (nscratch + 63) & ~(size_t)63), *work = aligned_alloc(64, nwork);
    image in[2] = {random_image(&b, &b.tensors[0], h, w, 12, PLAIN), random_image(&b, &b.tensors[1], h, w, 48, PLAIN)};
    image out = image_of(&b.tensors[8], oh, ow, 12);
    const vqz_view views[2] = {in[0].view, in[1].view};

    tangent t = {.b = &b};
    float *grad[2];
    for (unsigned i = 0; i < 2; i++) {
        t.t[i] = map_of(h, w, b.tensors[i].channels);
        for (size_t k = 0; k < (size_t)h * w * t.t[i].c; k++) t.t[i].d[k] = uniform(&b);
        grad[i] = malloc((size_t)h * w * vqz_adjoint_stride(t.t[i].c) * sizeof(float));
    }
    vqz_net_run_traced(net, views, &out.view, scratch, push, &t);
    const map *end = &t.t[8];
    const size_t n = (size_t)oh * ow * 12;
    float *g = malloc(n * sizeof *g);
    double left = 0, right = 0, size = 0;
    for (size_t k = 0; k < n; k++) {
        g[k] = (float)uniform(&b);
        left += end->d[k] * g[k];
        size += fabs(end->d[k] * g[k]);
    }
    memset(out.bytes, 0, out.size);
    vqz_adjoint_forward(a, net, views, &out.view, scratch, work);
    vqz_adjoint_backward(a, h, w, g, 12, grad, work);
    for (unsigned i = 0; i < 2; i++)
        for (size_t p = 0; p < (size_t)h * w; p++)
            for (size_t c = 0; c < t.t[i].c; c++) right += t.t[i].d[p * t.t[i].c + c] * grad[i][p * vqz_adjoint_stride(t.t[i].c) + c];
    assert_true(size > 0);
    if (fabs(left - right) > 1e-5 * size) fail_msg("%u x %u, %s: %.9g, not %.9g", w, h, vqz_cpu_name(cpu), right, left);

    image plain = run(&b, VQZ_CPU_SCALAR, views, 0, NULL, NULL);
    assert_memory_equal(plain.bytes, out.bytes, out.size);
    for (unsigned i = 0; i < MAX; i++) free(t.t[i].d);
    for (unsigned i = 0; i < 2; i++) {
        free(grad[i]);
        free(in[i].bytes);
    }
    free(plain.bytes);
    free(out.bytes);
    free(g);
    free(scratch);
    free(work);
    vqz_adjoint_free(a, &mem);
    vqz_net_free(net, &mem);
    assert_int_equal(mem.used, 0);
    drop(&b);
}

static void test_transposed(void **state) {
    (void)state;
    unsigned ran = 0;
    for (unsigned cpu = VQZ_CPU_SCALAR; vqz_cpu_name(cpu); cpu++) {
        if (!vqz_kernels_get(cpu)) continue;
        check_size(1, 1, cpu);
        check_size(3, 7, cpu);
        check_size(9, 13, cpu);
        ran++;
    }
    assert_true(ran > 0);
}

static void test_refused(void **state) {
    (void)state;
    builder b = {.seed = 5};
    residual_net(&b);
    vqz_memory mem;
    vqz_memory_init(&mem, 1 << 28);
    vqz_net *net = create(&b, &mem, VQZ_CPU_SCALAR);
    vqz_adjoint *a;
    vqz_error e = {0};
    assert_int_equal(vqz_adjoint_create(&a, &mem, net, b.layers, VQZ_CPU_AUTO, &e), VQZ_ERR_UNSUPPORTED);
    assert_null(a);
    b.layers[0].stride = 1;
    b.tensors[1].scale.down = 0;
    vqz_net_free(net, &mem);
    net = create(&b, &mem, VQZ_CPU_SCALAR);
    const uint64_t used = mem.used;
    mem.limit = used + 100;
    assert_int_equal(vqz_adjoint_create(&a, &mem, net, b.layers, VQZ_CPU_AUTO, &e), VQZ_ERR_LIMIT);
    assert_int_equal(mem.used, used);
    vqz_net_free(net, &mem);
    drop(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_transposed), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
