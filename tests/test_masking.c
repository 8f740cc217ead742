/* Steps by how busy a block is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/ilog2.h"
#include "codec/masking.h"
#include "tests/pictures.h"
#include <stdlib.h>
#include <string.h>

/* A gray picture of exact size: stripes of `period` pixels (0: none) that differ by `height`. */
static uint8_t *stripes(uint32_t w, uint32_t h, uint32_t period, int height) {
    uint8_t *p = malloc((size_t)w * h * 3);
    assert_non_null(p);
    for (uint32_t i = 0; i < w * h; i++) memset(p + 3 * (size_t)i, period && (i % w) / period % 2 ? 100 + height : 100, 3);
    return p;
}

static int8_t one(uint32_t w, uint32_t h, uint32_t period, int height) {
    uint8_t *p = stripes(w, h, period, height);
    int8_t step;
    vqz_masking(p, (size_t)w * 3, w, h, &step);
    free(p);
    return step;
}

static void test_steps(void **state) {
    (void)state;
    /* mean differences 0, 1.25, 2.5, 5, 10, 40: log2((d + 0.5) / 4.5) is -3.17, -1.36, -0.58, 0.29, 1.22, 3.17 */
    static const struct { int height, step; } cases[] = {{0, 5}, {3, 2}, {5, 1}, {10, 0}, {20, -2}, {80, -5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_int_equal(one(32, 32, 1, cases[i].height * 15 / 14), cases[i].step);
    /* one busy quarter does not hide errors in three flat ones */
    uint8_t *p = stripes(16, 16, 0, 0);
    int8_t step;
    for (uint32_t y = 0; y < 8; y++)
        for (uint32_t x = 0; x < 8; x++) memset(p + (y * 16 + x) * 3, x % 2 ? 180 : 100, 3);
    vqz_masking(p, 48, 16, 16, &step);
    assert_int_equal(step, 2);
    free(p);
}

/* Four times the sum of distances of neighbours within one part, pixel by pixel. */
static uint32_t distances(const uint8_t *p, size_t stride, uint32_t w, uint32_t h) {
    uint32_t sum = 0;
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++) {
            const uint8_t *q = p + y * stride + 3 * (size_t)x, *right = q + 3, *below = q + stride;
            if (x + 1 < w) sum += (uint32_t)abs(q[0] + 2 * q[1] + q[2] - right[0] - 2 * right[1] - right[2]);
            if (y + 1 < h) sum += (uint32_t)abs(q[0] + 2 * q[1] + q[2] - below[0] - 2 * below[1] - below[2]);
        }
    return sum;
}

/* Blocks of one part, of chance: their steps follow from the distances. */
static void test_definition(void **state) {
    (void)state;
    uint32_t s = 5;
    unsigned seen[2 * VQZ_MASK_MOST + 1] = {0};
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t p[8 * 8 * 3];
        int8_t step;
        const uint32_t w = 1 + test_random(&s) % 8, h = 1 + test_random(&s) % 8, range = 1u << test_random(&s) % 9, pairs = (w - 1) * h + w * (h - 1);
        for (size_t i = 0; i < sizeof p; i++) p[i] = (uint8_t)(test_random(&s) % range);
        const int32_t logarithm = (int32_t)vqz_ilog2_q12(32 + (pairs ? distances(p, w * 3, w, h) * 16 / pairs : 0)) - (int32_t)vqz_ilog2_q12(288);
        int32_t want = -((logarithm * 3 / 2 + 2048) >> 12);
        want = want < -VQZ_MASK_MOST ? -VQZ_MASK_MOST : want > VQZ_MASK_MOST ? VQZ_MASK_MOST : want;
        vqz_masking(p, w * 3, w, h, &step);
        assert_int_equal(step, want);
        seen[VQZ_MASK_MOST + step]++;
    }
    for (unsigned i = 0; i < 2 * VQZ_MASK_MOST; i++) assert_true(seen[i] > 100);
}

static void test_sizes(void **state) {
    (void)state;
    static const uint32_t size[][2] = {{1, 1}, {1, 40}, {33, 32}, {32, 33}, {65, 25}};
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        const uint32_t w = size[i][0], h = size[i][1], n = (w + 31) / 32 * ((h + 31) / 32);
        uint8_t *p = stripes(w, h, 0, 0);
        int8_t *steps = malloc(n);
        memset(steps, 99, n);
        vqz_masking(p, (size_t)w * 3, w, h, steps);
        for (uint32_t k = 0; k < n; k++) assert_int_equal(steps[k], 5);      /* flat, however few pixels a block has */
        free(p);
        free(steps);
    }
    /* rows may lie further apart, and only their own block counts */
    uint8_t *p = stripes(96, 32, 1, 80);
    int8_t steps[2];
    for (uint32_t y = 0; y < 32; y++) memset(p + y * 96 * 3, 7, 32 * 3);
    vqz_masking(p, 96 * 3, 64, 32, steps);
    assert_int_equal(steps[0], 5);
    assert_int_equal(steps[1], -5);
    free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps), cmocka_unit_test(test_definition), cmocka_unit_test(test_sizes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
