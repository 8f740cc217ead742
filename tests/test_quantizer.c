/* Choices of codewords: every variant against the definition, which looks at every codeword. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/cpu.h"
#include "base/ilog2.h"
#include "codec/quantizer.h"
#include "tests/pictures.h"
#include <stdio.h>
#include <string.h>

static const uint32_t variants[] = {VQZ_CPU_SCALAR, VQZ_CPU_AVX2, VQZ_CPU_AVXVNNI, VQZ_CPU_AVX512VNNI, VQZ_CPU_NEON, VQZ_CPU_NEONDOT};
enum { VARIANTS = sizeof variants / sizeof *variants, FARTHEST = 2147385345 /* 65535 * 65535 / 2: no residual is larger */ };

static uint64_t price(uint32_t lambda, uint32_t cost) { return (uint64_t)lambda * cost >> 12; }

static uint64_t escape_cost(int32_t r, uint32_t lambda, int32_t *e) {
    const int32_t most = VQZ_MAX_ESCAPE, step = (r + 128) >> 8;
    *e = step > most ? most : step < -most ? -most : step;
    uint32_t v = (*e > 0 ? 2 * (uint32_t)*e - 1 : 2 * (uint32_t)-*e) + 8, bits = 0;
    while (v >> (bits + 1)) bits++;
    const int64_t d = (int64_t)r - (int64_t)*e * 256;
    return (uint64_t)(d * d) + price(lambda, (2 * bits - 2) << 12);
}

/* The definition for pairs. */
static vqz_choice best_pair(const vqz_codebook *b, int32_t r0, int32_t r1, uint32_t lambda) {
    vqz_choice c = {0};
    uint64_t best = UINT64_MAX;
    const bool near = abs(r0) < VQZ_NEAR && abs(r1) < VQZ_NEAR;
    for (uint32_t i = 0; near && i < b->n; i++) {
        const int64_t d0 = r0 - b->value[2 * i], d1 = r1 - b->value[2 * i + 1];
        const uint64_t j = (uint64_t)(d0 * d0 + d1 * d1) + price(lambda, b->cost[i]);
        if (j < best) {
            best = j;
            c = (vqz_choice){.symbol = i, .residual = {b->value[2 * i], b->value[2 * i + 1]}};
        }
    }
    int32_t e0, e1;
    if (price(lambda, b->cost[b->n]) + escape_cost(r0, lambda, &e0) + escape_cost(r1, lambda, &e1) < best)
        c = (vqz_choice){.symbol = b->n, .residual = {e0 * 256, e1 * 256}, .escape = {e0, e1}};
    return c;
}

/* ---- a ladder of chance: coarse values and frequencies, so that many codewords cost the same ---- */
enum { RUNGS = 8, TOP = 5, PAIRS = 24, LARGEST = 511 };

typedef struct ladder {
    vqz_model m;
    vqz_codebook scalar[RUNGS], pair[PAIRS];
    uint16_t map[(TOP + 1) * (TOP + 1)];
    void *taken[(RUNGS + PAIRS) * 6];
    unsigned count;
} ladder;

static void *take(ladder *l, size_t n, size_t width) { return l->taken[l->count++] = calloc(n, width); }

static void make_book(ladder *l, vqz_codebook *b, uint32_t n, unsigned dim, uint32_t *s) {
    int16_t *value = take(l, (size_t)n * dim, sizeof *value);
    uint32_t *cost = take(l, n + 1, sizeof *cost), share = VQZ_RANS_TOTAL / (n + 1), sum = 0, best = UINT32_MAX;
    uint16_t *freq = take(l, n + 1, sizeof *freq), *cum = take(l, n + 1, sizeof *cum), *look = take(l, 1 << VQZ_LOOK_BITS, sizeof *look);
    vqz_pick *picks = take(l, n, sizeof *picks);
    const int32_t grid = 1 << test_random(s) % 12, span = (int32_t)(test_random(s) % 9) + 1;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t far = 0;
        for (unsigned k = 0; k < dim; k++) {
            int32_t v = ((int32_t)(test_random(s) % (2 * (uint32_t)span + 1)) - span) * grid;
            if (dim == 1) v = i ? value[i - 1] + 1 + (int32_t)(test_random(s) % 300) : -(int32_t)(n * (test_random(s) % 150));
            value[i * dim + k] = (int16_t)(v > 8192 ? 8192 : v < -8192 ? -8192 : v);
            if (dim == 1) value[i] = (int16_t)v;
            far += (uint32_t)abs(value[i * dim + k]);
        }
        if (far < best) {
            best = far;
            b->zero = i;
        }
        freq[i] = (uint16_t)(1 + test_random(s) % 3 * (share - 1) / 2);
        sum += freq[i];
    }
    freq[n] = (uint16_t)(test_random(s) % 2 ? 1 : 1 + share / 2);
    freq[b->zero] = (uint16_t)(freq[b->zero] + VQZ_RANS_TOTAL - sum - freq[n]);
    assert_int_equal(vqz_table_build(&b->table, freq, n + 1, cum, look, "book", NULL), VQZ_OK);
    for (uint32_t i = 0; i <= n; i++) cost[i] = vqz_cost_q12(freq[i]);
    for (uint32_t i = 0; i < n && dim == 2; i++) {
        uint32_t at = i;
        for (; at && picks[at - 1].cost > cost[i]; at--) picks[at] = picks[at - 1];
        picks[at] = (vqz_pick){{value[2 * i], value[2 * i + 1]}, i, cost[i]};
    }
    b->n = n;
    b->value = value;
    b->cost = cost;
    b->picks = picks;
}

static void make_ladder(ladder *l, uint32_t *s) {
    memset(l, 0, sizeof *l);
    for (unsigned i = 0; i < RUNGS; i++) {
        make_book(l, &l->scalar[i], 1 + test_random(s) % 40, 1, s);
        l->scalar[i].shift = i + 1 < RUNGS ? 0 : 3;
    }
    for (unsigned i = 0; i < PAIRS; i++) make_book(l, &l->pair[i], i ? 1 + test_random(s) % (i % 4 ? 40 : LARGEST) : LARGEST, 2, s);
    for (unsigned i = 0; i < (TOP + 1) * (TOP + 1); i++) l->map[i] = (uint16_t)(test_random(s) % PAIRS);
    l->m.rungs = RUNGS;
    l->m.top = TOP;
    l->m.npairs = PAIRS;
    l->m.scalar = l->scalar;
    l->m.pair = l->pair;
    l->m.map = l->map;
}

static void free_ladder(ladder *l) {
    while (l->count) free(l->taken[--l->count]);
}

/* A quantizer for one variant; free its memory. */
static void *open_quantizer(vqz_quantizer *q, const vqz_model *m, uint32_t cpu, uint32_t lambda) {
    vqz_arena plan = {0};
    vqz_quantizer_layout(q, m, vqz_kernels_get(cpu), &plan);
    void *p = aligned_alloc(64, plan.used + 64);
    assert_non_null(p);
    vqz_arena fill = {.base = p};
    vqz_quantizer_layout(q, m, vqz_kernels_get(cpu), &fill);
    vqz_quantizer_set(q, lambda);
    return p;
}

/* Residuals of every size; often where two codewords cost about the same. */
static int32_t some_residual(const vqz_codebook *b, unsigned k, uint32_t *s) {
    switch (test_random(s) % 8) {
    case 0: return 0;
    case 1: return (VQZ_NEAR - 2 + (int32_t)(test_random(s) % 4)) * (test_random(s) % 2 ? 1 : -1);
    case 2: return test_random(s) % 2 ? FARTHEST : -FARTHEST;
    case 3: return (int32_t)(test_random(s) % FARTHEST) >> test_random(s) % 24;
    case 4: return (int32_t)(test_random(s) % 2001) - 1000;
    default: {
        const int32_t one = b->value[2 * (test_random(s) % b->n) + k], two = b->value[2 * (test_random(s) % b->n) + k];
        return (one + two) / 2 + (int32_t)(test_random(s) % 3) - 1;
    }
    }
}

static void compare(const vqz_model *m, uint32_t lambda, unsigned rounds, uint32_t *s, unsigned *seen) {
    for (unsigned i = 0; i < VARIANTS; i++) {
        if (!vqz_cpu_pick(variants[i])) continue;
        vqz_quantizer q;
        void *memory = open_quantizer(&q, m, variants[i], lambda);
        for (unsigned k = 0; k < rounds; k++) {
            const uint32_t pair = test_random(s) % m->npairs;
            const vqz_codebook *b = &m->pair[pair];
            const int32_t r0 = some_residual(b, 0, s), r1 = some_residual(b, 1, s);
            const vqz_choice want = best_pair(b, r0, r1, lambda), got = vqz_choose_pair(&q, pair, r0, r1);
            if (want.symbol != got.symbol || memcmp(&want, &got, sizeof want))
                fail_msg("%s: book %u, residuals %d %d, lambda %u: symbol %u instead of %u", vqz_cpu_name(variants[i]), pair, r0, r1, lambda, got.symbol, want.symbol);
            seen[want.symbol == b->n ? 0 : want.symbol == b->zero ? 1 : 2]++;
        }
        free(memory);
    }
}

/* Corners of what is surely zero, and what lies within. */
static void surely_zero(const vqz_model *m, uint32_t lambda, uint32_t *s, unsigned *boxes) {
    vqz_quantizer q;
    void *memory = open_quantizer(&q, m, VQZ_CPU_AUTO, lambda);
    for (uint32_t at = 0; at < m->rungs * m->rungs; at++) {
        const uint32_t a = at / m->rungs, b = at % m->rungs;
        const vqz_cell *cell = &q.cell[at];
        unsigned swap;
        const vqz_codebook *book = vqz_pair_book(m, a, b, &swap);
        if (!book) assert_true(cell->width[0] == 0 || cell->width[1] == 0);
        if (cell->width[0] == 0 || cell->width[1] == 0) continue;
        ++*boxes;
        assert_int_equal(cell->range, book->table.cum[book->zero] | (uint32_t)book->table.freq[book->zero] << 16);
        for (unsigned i = 0; i < 30; i++) {
            int32_t r[2];
            for (unsigned k = 0; k < 2; k++) {
                const uint32_t offset = i < 4 ? (i >> k & 1) * (cell->width[k] - 1u) : test_random(s) % cell->width[k];
                r[k] = cell->low[k] + (int32_t)offset;
            }
            const vqz_choice c = best_pair(book, r[swap], r[!swap], lambda);
            assert_int_equal(c.symbol, book->zero);
            assert_int_equal(c.residual[swap], cell->zero[0]);
            assert_int_equal(c.residual[!swap], cell->zero[1]);
        }
    }
    for (uint32_t i = 0; i < m->rungs; i++) {
        const vqz_codebook *b = &m->scalar[i];
        if (b->shift) assert_int_equal(q.scalar[i].width, 0);
        for (uint32_t k = 0; k < q.scalar[i].width; k += k < 3 || k + 4 > q.scalar[i].width ? 1 : 1 + test_random(s) % 4) {
            const vqz_choice c = vqz_choose_scalar(b, q.scalar[i].low + (int32_t)k, lambda);
            assert_int_equal(c.symbol, b->zero);
        }
        for (unsigned k = 0; k < 100; k++) {
            const int32_t r = (int32_t)test_random(s) >> (test_random(s) % 28);
            assert_int_equal(vqz_chosen_scalar(&q, i, r), vqz_choose_scalar(b, r, lambda).residual[0]);
        }
        *boxes += q.scalar[i].width > 0;
    }
    free(memory);
}

static uint32_t some_lambda(uint32_t *s) {
    switch (test_random(s) % 6) {
    case 0: return 0;
    case 1: return 1;
    case 2: return 77936 << 4;               /* the model's largest, times the largest factor */
    default: return (1u << 20) >> test_random(s) % 16;
    }
}

static void chance(void **state) {
    (void)state;
    uint32_t s = 4242;
    unsigned seen[3] = {0}, boxes = 0;
    for (unsigned i = 0; i < 60; i++) {
        ladder l;
        make_ladder(&l, &s);
        const uint32_t lambda = some_lambda(&s);
        compare(&l.m, lambda, 1500, &s, seen);
        surely_zero(&l.m, lambda, &s, &boxes);
        free_ladder(&l);
    }
    for (unsigned i = 0; i < 3; i++) assert_true(seen[i] > 5000);
    assert_true(boxes > 500);
}

static void built_in(void **state) {
    (void)state;
    vqz_model *m;
    uint32_t s = 77;
    unsigned seen[3] = {0}, boxes = 0;
    assert_int_equal(vqz_model_builtin(&m, 0, NULL), VQZ_OK);
    for (uint32_t i = 0; i < m->nlevels; i++) {
        compare(m, m->level[i].lambda, 1000, &s, seen);
        surely_zero(m, m->level[i].lambda, &s, &boxes);
    }
    for (unsigned i = 0; i < 3; i++) assert_true(seen[i] > 1000);
    assert_true(boxes > m->nlevels * m->top);
    vqz_model_unref(m);
}

/* Values of scalar books: never far, escapes where the book ends. */
static void scalars(void **state) {
    (void)state;
    vqz_model *m;
    uint32_t s = 78;
    assert_int_equal(vqz_model_builtin(&m, 0, NULL), VQZ_OK);
    const uint32_t lambda = m->level[0].lambda;
    for (uint32_t i = 0; i < m->rungs; i++)
        for (int k = 0; k < 200; k++) {
            const vqz_codebook *b = &m->scalar[i];
            int32_t r = (int32_t)test_random(&s) >> (8 + test_random(&s) % 24);
            vqz_choice c = vqz_choose_scalar(b, r, lambda);
            int64_t d = (int64_t)r - c.residual[0], limit = 256;     /* rate may pull a value, but never far: */
            if (c.symbol == b->n) assert_int_equal(c.residual[0], c.escape[0] * 256);
            else if (b->shift == 0) assert_int_equal(c.residual[0], b->value[c.symbol]);
            assert_true(d * d <= limit * limit + (int64_t)price(lambda, b->cost[b->n] + (60 << 12)));
        }
    vqz_model_unref(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(chance), cmocka_unit_test(built_in), cmocka_unit_test(scalars)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
