/* Where a model's multiplications and their time go: every layer of the networks that decode and encode a tile of 512 x 512 pixels, medians.
 * Usage: bench_layers [CPU, default auto [MODEL, default the built-in one [milliseconds per network, default 500]]] */
#include "base/cpu.h"
#include "codec/model/model.h"
#include "codec/nn/net.h"
#include "vqz/vqz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIDE = 512 / VQZ_LATENT_STEP, MAX_LAYERS = 64, MAX_RUNS = 1000 };

typedef struct role {
    const char *name;
    vqz_net_role role;
    uint32_t h, w;               /* of input 0 */
    bool decode;
} role;

static const role roles[] = {
    {"hyper synthesis", VQZ_NET_HYPER_SYNTHESIS, SIDE / VQZ_HYPER_STEP, SIDE / VQZ_HYPER_STEP, true},
    {"trunk", VQZ_NET_TRUNK, SIDE, SIDE, true},
    {"first pass", VQZ_NET_FIRST, 1, SIDE * SIDE / 2, true},
    {"second pass", VQZ_NET_SECOND, 1, SIDE * SIDE / 2, true},
    {"heads", VQZ_NET_HEADS, 1, SIDE * SIDE / 2, true},      /* of one pass: run twice */
    {"latents seen", VQZ_NET_LATQ, SIDE, SIDE, true},
    {"linear synthesis", VQZ_NET_SYNTHESIS_LINEAR, SIDE, SIDE, true},
    {"synthesis", VQZ_NET_SYNTHESIS, SIDE, SIDE, true},
    {"linear analysis", VQZ_NET_ANALYSIS_LINEAR, SIDE, SIDE, false},
    {"analysis", VQZ_NET_ANALYSIS, SIDE * VQZ_LATENT_STEP / 2, SIDE * VQZ_LATENT_STEP / 2, false},
    {"hyper analysis", VQZ_NET_HYPER_ANALYSIS, SIDE, SIDE, false},
};

typedef struct clock_of_layers {
    double last, seconds[MAX_LAYERS][MAX_RUNS];
    unsigned run;
} clock_of_layers;

/* Time of this thread: other programs do not count. */
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *need(size_t bytes) {
    void *p = aligned_alloc(64, (bytes + 127) & ~(size_t)63);
    if (!p) exit(1);
    uint32_t seed = 1;
    for (size_t i = 0; i < bytes; i++) ((uint8_t *)p)[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
    return p;
}

static void on_layer(void *user, unsigned layer, const vqz_tensor_def *def, const vqz_view *result) {
    (void)def, (void)result;
    clock_of_layers *c = user;
    const double t = now();
    c->seconds[layer][c->run] = t - c->last;
    c->last = now();
}

static int by_size(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

static double median(double *v, unsigned n) {
    qsort(v, n, sizeof *v, by_size);
    return v[n / 2];
}

/* Numbers for a tensor that stay inside its bounds. */
static void fill(vqz_view *v, const vqz_tensor_def *d) {
    const size_t n = (size_t)v->h * v->w * d->channels;
    v->data = need(n * vqz_element_size(d));
    for (size_t i = 0; d->type == VQZ_T_S16 && i < n; i++) ((int16_t *)v->data)[i] = (int16_t)(((int16_t *)v->data)[i] % (d->bound < 256 ? d->bound + 1 : 256));
}

static double layer_macs(const vqz_net *net, const vqz_layer_def *l, uint32_t h, uint32_t w) {
    const vqz_scale s = net->scales[l->src];
    return l->op == VQZ_OP_CONV ? (double)((vqz_scaled(h, s) + l->stride - 1) / l->stride) * ((vqz_scaled(w, s) + l->stride - 1) / l->stride) * l->k * l->k * l->cin * l->cout : 0;
}

typedef struct totals { double macs, seconds; } totals;

static void measure(const vqz_net *net, const role *r, uint32_t index, double budget, totals *sum) {
    const double pixels = SIDE * SIDE * VQZ_LATENT_STEP * VQZ_LATENT_STEP;
    const unsigned times = r->role == VQZ_NET_HEADS ? 2 : 1;
    vqz_view in[VQZ_NET_TENSORS], out;
    uint32_t oh, ow;
    size_t bytes;
    vqz_error e;
    if (vqz_net_plan(net, r->h, r->w, &oh, &ow, &bytes, &e) != VQZ_OK) {
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
    for (unsigned t = 0; t < net->inputs; t++) {
        const vqz_scale s = t ? net->scales[t] : (vqz_scale){0, 0};
        in[t] = (vqz_view){.h = vqz_scaled(r->h, s), .w = vqz_scaled(r->w, s), .stride = net->tensors[t].channels};
        fill(&in[t], &net->tensors[t]);
    }
    const vqz_tensor_def *last = &net->tensors[net->layers[net->nlayers - 1].def.dst];
    out = (vqz_view){need((size_t)oh * ow * last->channels * 2), oh, ow, last->channels};
    void *scratch = need(bytes);
    static clock_of_layers c;
    c.run = 0;
    for (double start = now(); c.run < MAX_RUNS && now() - start < budget; c.run++) {
        c.last = now();
        vqz_net_run_traced(net, in, &out, scratch, on_layer, &c);
    }
    for (unsigned i = 0; i < net->nlayers; i++) {
        const vqz_layer_def *l = &net->layers[i].def;
        const double macs = times * layer_macs(net, l, r->h, r->w), seconds = times * median(c.seconds[i], c.run);
        sum->macs += macs;
        sum->seconds += seconds;
        static const char *const types[] = {"u8", "s8", "s16", "mixed"};
        printf("| %s %u | %s %ux%u %u-%u%s %s%s%s%s | %.3f | %.3f | %.0f |\n", r->name, index, l->op == VQZ_OP_CONV ? "conv" : "requant", l->k, l->k, l->cin,
               l->cout, l->stride == 2 ? " stride 2" : "", types[net->layers[i].in.type], l->add != VQZ_NO_TENSOR ? " + " : "",
               l->add != VQZ_NO_TENSOR ? types[net->layers[i].add.type] : "", l->shuffle == 2 ? ", shuffle 2" : l->shuffle == 4 ? ", shuffle 4" : "",
               macs / pixels / 1000, seconds / pixels * 1e9, macs / seconds * 1e-9);
    }
    for (unsigned t = 0; t < net->inputs; t++) free(in[t].data);
    free(out.data);
    free(scratch);
}

static vqz_model *open_model(const char *path) {
    vqz_model *m;
    vqz_error e;
    vqz_status s;
    if (path) {
        FILE *f = fopen(path, "rb");
        void *data = f ? malloc(64 << 20) : NULL;
        size_t size = data ? fread(data, 1, 64 << 20, f) : 0;
        if (f) fclose(f);
        s = vqz_model_open(&m, data, size, &e);
    } else {
        s = vqz_model_builtin(&m, 0, &e);
    }
    if (s != VQZ_OK) {
        fprintf(stderr, "bench_layers: %s\n", e.text);
        exit(1);
    }
    return m;
}

int main(int argc, char **argv) {
    uint32_t cpu = VQZ_CPU_AUTO;
    for (uint32_t i = 0; argc > 1 && vqz_cpu_name(i); i++)
        if (strcmp(vqz_cpu_name(i), argv[1]) == 0) cpu = i;
    const double budget = argc > 3 ? atof(argv[3]) * 1e-3 : 0.5;
    vqz_model *m = open_model(argc > 2 ? argv[2] : NULL);
    const vqz_nets *nets;
    vqz_error e;
    if (vqz_model_nets(m, vqz_kernels_get(cpu), VQZ_NETS_ANALYSIS | VQZ_NETS_CONTEXT | VQZ_NETS_SYNTHESIS, &nets, &e) != VQZ_OK) {
        fprintf(stderr, "bench_layers: %s\n", e.text);
        return 1;
    }
    totals sums[2] = {{0, 0}, {0, 0}};
    printf("%s\n\n| network | layer | kMAC/pixel | ns/pixel | GMAC/s |\n|---|---|---|---|---|\n", vqz_cpu_name(vqz_cpu_pick(cpu)));
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        for (uint32_t k = 0; k < VQZ_MAX_SLICES && nets->net[roles[i].role][k]; k++) measure(nets->net[roles[i].role][k], &roles[i], k, budget, &sums[!roles[i].decode]);
    const double pixels = SIDE * SIDE * VQZ_LATENT_STEP * VQZ_LATENT_STEP;
    for (unsigned i = 0; i < 2; i++)
        printf("| all that %s needs | | %.3f | %.3f | %.0f |\n", i ? "only encoding" : "decoding", sums[i].macs / pixels / 1000, sums[i].seconds / pixels * 1e9,
               sums[i].macs / sums[i].seconds * 1e-9);
    vqz_model_unref(m);
    return 0;
}
