/* Loops over channels, every variant against the definitions: any count of channels, and numbers that need 64 bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "base/cpu.h"
#include "codec/prior.h"
#include "tests/pictures.h"

static const uint32_t variants[] = {VQZ_CPU_SCALAR, VQZ_CPU_AVX2, VQZ_CPU_AVXVNNI, VQZ_CPU_AVX512VNNI, VQZ_CPU_NEON, VQZ_CPU_NEONDOT};
enum { VARIANTS = sizeof variants / sizeof *variants, C = 70, RUNGS = 40 };

typedef struct position {
    vqz_model m;
    vqz_level level;
    uint16_t gain[C], inv[C], mul[C];
    uint8_t shift[C];
    int16_t loggain[C], heads[2 * C], v[C];
    int32_t r[C], bias;
    uint32_t c, first;
} position;

static int16_t small(uint32_t *s) { return (int16_t)((int32_t)test_random(s) >> 20); }

/* `extreme`: everything as large as it can be. */
static void make_position(position *p, bool extreme, uint32_t *s) {
    for (unsigned k = 0; k < C; k++) {
        p->gain[k] = (uint16_t)(extreme ? 65535 - k : test_random(s) % 65536);
        p->inv[k] = (uint16_t)(extreme ? 65535 - k : test_random(s) % 65536);
        p->mul[k] = (uint16_t)(extreme ? 32767 : 1 + test_random(s) % 32767);
        p->shift[k] = (uint8_t)(1 + test_random(s) % 46);
        p->loggain[k] = (int16_t)(test_random(s) % 4000 - 2000);
        p->v[k] = extreme ? (k % 3 ? 32767 : -32768) : small(s);
        p->r[k] = extreme ? (k % 3 ? 1 << 28 : -(1 << 28)) : (int32_t)test_random(s) >> (test_random(s) % 8 ? 17 : 16);
    }
    for (unsigned k = 0; k < 2 * C; k++) p->heads[k] = extreme && test_random(s) % 2 ? (k % 2 ? 32767 : -32768) : small(s);
    p->level = (vqz_level){.gain = p->gain, .inv = p->inv, .loggain = p->loggain};
    p->m = (vqz_model){.rungs = RUNGS, .gain_shift = 1 + test_random(s) % 16, .inv_shift = 1 + test_random(s) % 16, .latq_mul = p->mul, .latq_shift = p->shift};
    p->c = 2 + test_random(s) % (C - 5);
    p->first = test_random(s) % 4;
    p->bias = (int32_t)(test_random(s) % 5) * 512;
}

static void check(const position *p, const vqz_loops *loops) {
    int32_t r[C];
    int16_t v[C];
    uint8_t rung[C], seen[C];
    loops->rungs(&p->m, &p->level, p->first, p->c, p->heads, p->bias, rung);
    loops->residuals(&p->m, &p->level, p->first, p->c, p->heads, p->v, r);
    loops->reconstruct(&p->m, &p->level, p->first, p->c, p->heads, p->r, v);
    loops->latq(&p->m, p->first, p->c, p->v, seen);
    for (unsigned k = 0; k < p->c; k++) {
        const unsigned ch = p->first + k;
        const int32_t g = (p->heads[p->c + k] + p->loggain[ch] + p->bias + 128) >> 8;
        const int64_t d = ((int64_t)(p->v[k] - p->heads[k]) * p->gain[ch] + (1 << (p->m.gain_shift - 1))) >> p->m.gain_shift;
        assert_int_equal(rung[k], g < 0 ? 0 : g >= RUNGS ? RUNGS - 1 : g);
        assert_true(r[k] == d);
        assert_int_equal(v[k], vqz_reconstruct(&p->m, &p->level, ch, p->heads[k], p->r[k]));
        const int64_t q = ((int64_t)p->v[k] * p->mul[ch] + ((int64_t)1 << (p->shift[ch] - 1))) >> p->shift[ch];
        assert_int_equal(seen[k], (q < -128 ? -128 : q > 127 ? 127 : q) + 128);
    }
}

static void against_definitions(void **state) {
    (void)state;
    uint32_t s = 9;
    position p;
    for (unsigned round = 0; round < 4000; round++) {
        make_position(&p, round % 8 == 0, &s);
        for (unsigned i = 0; i < VARIANTS; i++)
            if (vqz_cpu_pick(variants[i])) check(&p, vqz_loops_get(vqz_kernels_get(variants[i])));
    }
}

/* In blocks of their own size: sanitizers see what is read or written behind them. */
static void cells_of_rows(void **state) {
    (void)state;
    uint32_t s = 4;
    for (size_t n = 1; n < 20; n++) {
        uint8_t *rows[2] = {malloc(6 * n), malloc(6 * n)}, *cell = malloc(12 * n);
        for (size_t i = 0; i < 6 * n; i++)
            for (unsigned k = 0; k < 2; k++) rows[k][i] = (uint8_t)test_random(&s);
        for (unsigned v = 0; v < VARIANTS; v++) {
            if (!vqz_cpu_pick(variants[v])) continue;
            memset(cell, 0, 12 * n);
            vqz_loops_get(vqz_kernels_get(variants[v]))->cells(rows[0], rows[1], n, cell);
            for (size_t i = 0; i < 12 * n; i++) assert_int_equal(cell[i], rows[i / 2 % 2][i / 12 * 6 + i % 2 * 3 + i % 12 / 4]);
        }
        free(rows[0]);
        free(rows[1]);
        free(cell);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_definitions), cmocka_unit_test(cells_of_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
