/* Speed of typical layers with every kernel variant, beside the machine's own peak.
 * Usage: bench_kernels [milliseconds per measurement, default 100] */
#include "base/bytes.h"
#include "codec/nn/nn.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct layer_case {
    const char *name;
    vqz_type in, out, add;
    unsigned cin, cout, k, stride, act, shuffle, h, w;   /* cout before the shuffle */
    bool has_add, requant;
} layer_case;

/* Sizes of a tile of 512 x 512 pixels. */
static const layer_case cases[] = {
    {"3x3 128-128 u8", VQZ_T_U8, VQZ_T_U8, VQZ_T_U8, 128, 128, 3, 1, VQZ_ACT_RELU, 1, 64, 64, false, false},
    {"3x3 128-128 s8 + s8", VQZ_T_S8, VQZ_T_S8, VQZ_T_S8, 128, 128, 3, 1, VQZ_ACT_LEAKY, 1, 64, 64, true, false},
    {"3x3 64-64 u8", VQZ_T_U8, VQZ_T_U8, VQZ_T_U8, 64, 64, 3, 1, VQZ_ACT_RELU, 1, 128, 128, false, false},
    {"3x3 32-32 u8", VQZ_T_U8, VQZ_T_U8, VQZ_T_U8, 32, 32, 3, 1, VQZ_ACT_RELU, 1, 128, 128, false, false},
    {"3x3 64-48 + s16, shuffle 4", VQZ_T_S8, VQZ_T_S16, VQZ_T_S16, 64, 48, 3, 1, VQZ_ACT_NONE, 4, 128, 128, true, false},
    {"5x5 12-64 stride 2", VQZ_T_S8, VQZ_T_S8, VQZ_T_U8, 12, 64, 5, 2, VQZ_ACT_LEAKY, 1, 256, 256, false, false},
    {"1x1 64-128 + s8", VQZ_T_U8, VQZ_T_S8, VQZ_T_S8, 64, 128, 1, 1, VQZ_ACT_NONE, 1, 64, 64, true, false},
    {"1x1 128-64", VQZ_T_S8, VQZ_T_U8, VQZ_T_U8, 128, 64, 1, 1, VQZ_ACT_RELU, 1, 64, 64, false, false},
    {"1x1 128-512, shuffle 2", VQZ_T_S8, VQZ_T_S8, VQZ_T_U8, 128, 512, 1, 1, VQZ_ACT_NONE, 2, 64, 64, false, false},
    {"1x1 s16 320-768, shuffle 4", VQZ_T_S16, VQZ_T_S16, VQZ_T_U8, 320, 768, 1, 1, VQZ_ACT_NONE, 4, 32, 32, false, false},
    {"1x1 s16 768-320", VQZ_T_S16, VQZ_T_S16, VQZ_T_U8, 768, 320, 1, 1, VQZ_ACT_NONE, 1, 32, 32, false, false},
    {"3x3 mixed 290-128, 12x12", VQZ_T_MIXED, VQZ_T_S16, VQZ_T_U8, 290, 128, 3, 1, VQZ_ACT_NONE, 1, 12, 12, false, false},
    {"requant 128 s16-s8", VQZ_T_S16, VQZ_T_S8, VQZ_T_U8, 128, 128, 1, 1, VQZ_ACT_NONE, 1, 64, 64, false, true},
};

/* Time of this thread: other programs do not count. */
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint8_t *noise(size_t n) {
    static uint32_t seed = 1;
    uint8_t *p = calloc(n, 1);
    if (!p) exit(1);
    for (size_t i = 0; i < n; i++) p[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
    return p;
}

static vqz_tensor_def tensor(vqz_type type, unsigned channels) {
    return (vqz_tensor_def){type, (uint16_t)channels, (uint16_t)(type == VQZ_T_MIXED ? channels / 2 : 0), type == VQZ_T_S16 ? 2047 : 0, {0, 0}};
}

enum { MAX_RUNS = 1000 };
static int by_size(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

/* Seconds of one run, the median of those that fit in `budget` seconds; 0 where the network is refused. */
static double measure(const layer_case *c, const vqz_kernels *kernels, double budget, uint64_t *macs) {
    const unsigned r2 = c->shuffle * c->shuffle;
    vqz_tensor_def tensors[3] = {tensor(c->in, c->cin), tensor(c->add, c->cout), tensor(c->out, c->cout / r2)};
    tensors[1].scale.down = c->stride == 2;
    if (!c->has_add) tensors[1] = tensors[2];
    const unsigned dst = c->has_add ? 2 : 1;
    const size_t weights = (size_t)c->k * c->k * c->cin * c->cout;
    uint8_t *w = noise(2 * weights), *bias = calloc(c->cout, 4), *n = calloc(c->cout, 4), *m = calloc(c->cout, 2), *s = calloc(c->cout, 1);
    if (!bias || !n || !m || !s) exit(1);
    for (size_t i = 0; i < weights; i++) {
        if (c->in == VQZ_T_S16) vqz_store16(w + 2 * i, (uint16_t)(w[2 * i] - 128));
        else if (w[i] == 128) w[i] = 0;
    }
    for (unsigned o = 0; o < c->cout; o++) {
        vqz_store16(m + 2 * o, 20000);
        s[o] = c->requant ? 15 : 25;
        vqz_store32(n + 4 * o, 1 << 25);
    }
    const vqz_layer_def layer = {.op = c->requant ? VQZ_OP_REQUANT : VQZ_OP_CONV, .k = (uint8_t)c->k, .stride = (uint8_t)c->stride,
        .act = (uint8_t)c->act, .shuffle = (uint8_t)c->shuffle, .src = 0, .dst = (uint8_t)dst, .add = c->has_add ? 1 : VQZ_NO_TENSOR,
        .cin = (uint16_t)c->cin, .cout = (uint16_t)c->cout, .weights = w, .bias = bias, .mul = m, .shift = s, .addmul = n};
    vqz_memory mem;
    vqz_memory_init(&mem, 1 << 30);
    vqz_net *net;
    vqz_error e;
    double middle = 0;
    if (vqz_net_create(&net, &mem, kernels, c->name, tensors, dst + 1, dst, &layer, 1, &e) == VQZ_OK) {
        uint32_t oh, ow;
        size_t size;
        if (vqz_net_plan(net, c->h, c->w, &oh, &ow, &size, &e) != VQZ_OK) exit(1);
        void *in = noise((size_t)c->h * c->w * c->cin * 2), *add = noise((size_t)c->h * c->w * c->cout * 2), *scratch = malloc(size + 64);
        void *out = malloc((size_t)oh * ow * c->cout * 2);
        if (!scratch || !out) exit(1);
        const uint32_t ch = (c->h + c->stride - 1) / c->stride, cw = (c->w + c->stride - 1) / c->stride;
        const vqz_view views[2] = {{in, c->h, c->w, c->cin}, {add, ch, cw, c->cout}}, result = {out, oh, ow, c->cout / r2};
        *macs = vqz_net_macs(net, c->h, c->w);
        void *aligned = (void *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
        double seconds[MAX_RUNS];
        unsigned runs = 0;
        for (double start = now(), t0 = start; runs < MAX_RUNS && t0 - start < budget;) {
            vqz_net_run(net, views, &result, aligned);
            double t1 = now();
            seconds[runs++] = t1 - t0;
            t0 = t1;
        }
        qsort(seconds, runs, sizeof *seconds, by_size);
        middle = seconds[runs / 2];
        free(in), free(add), free(scratch), free(out);
        vqz_net_free(net, &mem);
    } else {
        fprintf(stderr, "%s\n", e.text);
    }
    free(w), free(bias), free(n), free(m), free(s);
    return middle;
}

/* ---- the machine's peak: independent chains of the multiply-add alone, GMAC/s; and its clock ---------------- */

enum { CHAINS = 12, ROUNDS = 200000, TRIES = 20 };
#if defined(__x86_64__)
#include <immintrin.h>

#define STEPS STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7) STEP(8) STEP(9) STEP(10) STEP(11)
#define PEAK(name, isa, vector, set1, macs)                                       \
    __attribute__((target(isa))) static double name(void) {                       \
        double best = 1;                                                          \
        for (int t = 0; t < TRIES; t++) {                                         \
            vector acc[CHAINS], a = set1(t), b = set1(t + 1), p = a;              \
            for (int i = 0; i < CHAINS; i++) acc[i] = a;                          \
            double start = now();                                                 \
            for (int r = 0; r < ROUNDS; r++) { STEPS }                            \
            double s = now() - start;                                             \
            if (s < best) best = s;                                               \
            (void)p;                                                              \
        }                                                                         \
        return (double)(macs) * CHAINS * ROUNDS / best * 1e-9;                    \
    }
#define STEP(i) __asm__ volatile("vpmaddwd %2, %3, %1\n\tvpaddd %1, %0, %0" : "+x"(acc[i]), "=&x"(p) : "x"(a), "x"(b));
PEAK(peak_avx2, "avx2", __m256i, _mm256_set1_epi32, 16)
#undef STEP
#define STEP(i) __asm__ volatile("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc[i]) : "x"(a), "x"(b));
PEAK(peak_avxvnni, "avx2", __m256i, _mm256_set1_epi32, 32)
#undef STEP
#define STEP(i) __asm__ volatile("vpdpbusd %2, %1, %0" : "+v"(acc[i]) : "v"(a), "v"(b));
PEAK(peak_avx512, "avx512f,avx512vnni", __m512i, _mm512_set1_epi32, 64)
#undef STEP

static double peak_of(unsigned cpu) {
    return cpu == VQZ_CPU_AVX2 ? peak_avx2() : cpu == VQZ_CPU_AVXVNNI ? peak_avxvnni() : cpu == VQZ_CPU_AVX512VNNI ? peak_avx512() : 0;
}
#else
static double peak_of(unsigned cpu) {
    (void)cpu;
    return 0;
}
#endif

/* 10^9 cycles per second, from a chain of additions of one cycle each; 0 where none is written for this processor. */
static double clock_rate(void) {
    double best = 1;
#if defined(__x86_64__) || defined(__aarch64__)
    uint64_t x = 1;
    for (int t = 0; t < TRIES; t++) {
        double start = now();
        for (int r = 0; r < ROUNDS; r++) {
#ifdef __x86_64__
#define ADD __asm__ volatile("add %0, %0" : "+r"(x) : : "cc");
#else
#define ADD __asm__ volatile("add %0, %0, %0" : "+r"(x));
#endif
            ADD ADD ADD ADD ADD ADD ADD ADD
        }
        double s = now() - start;
        if (s < best) best = s;
    }
    return 8.0 * ROUNDS / best * 1e-9;
#else
    return 0;
#endif
}

int main(int argc, char **argv) {
    const double budget = (argc > 1 ? strtod(argv[1], NULL) : 100) * 1e-3, clock = clock_rate();
    enum { MOST = 16 };
    unsigned cpus[MOST], n = 0;
    double peaks[MOST];
    for (unsigned cpu = VQZ_CPU_SCALAR; vqz_cpu_name(cpu) && n < MOST; cpu++)
        if (vqz_cpu_pick(cpu)) cpus[n++] = cpu;
    printf("GMAC/s, %% of the variant's peak of 8-bit multiply-adds, cycles per MAC (requant: per element); one thread, median\n%-27s", "");
    for (unsigned v = 0; v < n; v++) printf("%24s", vqz_cpu_name(cpus[v]));
    printf("\n%-27s", "peak, GMAC/s");
    for (unsigned v = 0; v < n; v++) {
        peaks[v] = peak_of(cpus[v]);
        if (peaks[v] > 0) printf("%24.0f", peaks[v]);
        else printf("%24s", "-");
    }
    printf("\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const layer_case *c = &cases[i];
        printf("%-27s", c->name);
        for (unsigned v = 0; v < n; v++) {
            uint64_t macs = 0;
            double s = measure(c, vqz_kernels_get(cpus[v]), budget, &macs);
            if (c->requant) macs = (uint64_t)c->h * c->w * c->cin;
            const double rate = s > 0 ? (double)macs / s * 1e-9 : 0;
            printf("%10.1f", rate);
            if (peaks[v] > 0 && !c->requant) printf(" %3.0f%%", 100 * rate / peaks[v]);
            else printf("    -");
            printf(" %8.4f", rate > 0 ? clock / rate : 0);
            fflush(stdout);
        }
        printf("\n");
    }
    return 0;
}
