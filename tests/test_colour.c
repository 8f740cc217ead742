/* codec/colour and codec/transform's geometry. */
#include "codec/colour.h"
#include "codec/transform.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void rows_in(void **state) {
    (void)state;
    const uint8_t gray[] = {7, 200}, ga[] = {7, 255, 200, 1}, rgb[] = {1, 2, 3, 4, 5, 6}, rgba[] = {1, 2, 3, 9, 4, 5, 6, 255};
    uint8_t out[6], alpha[2] = {99, 99};
    vqz_row_in(VQZ_GRAY, gray, 2, NULL, out, NULL);
    assert_memory_equal(out, ((uint8_t[]){7, 7, 7, 200, 200, 200}), 6);
    vqz_row_in(VQZ_GRAYA, ga, 2, NULL, out, alpha);
    assert_memory_equal(out, ((uint8_t[]){7, 7, 7, 200, 200, 200}), 6);
    assert_memory_equal(alpha, ((uint8_t[]){255, 1}), 2);
    vqz_row_in(VQZ_RGB, rgb, 2, NULL, out, NULL);
    assert_memory_equal(out, rgb, 6);
    vqz_row_in(VQZ_RGBA, rgba, 2, NULL, out, alpha);
    assert_memory_equal(out, rgb, 6);
    assert_memory_equal(alpha, ((uint8_t[]){9, 255}), 2);
}

/* Hidden colour is replaced by what is visible left and above. */
static void transparent(void **state) {
    (void)state;
    const uint8_t row[] = {10, 10, 10, 255, 250, 0, 99, 0, 251, 1, 98, 0}, blank[] = {1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0};
    uint8_t first[9], second[9], alpha[3];
    vqz_row_in(VQZ_RGBA, row, 3, NULL, first, alpha);
    assert_memory_equal(first, ((uint8_t[]){10, 10, 10, 10, 10, 10, 10, 10, 10}), 9);
    vqz_row_in(VQZ_RGBA, row, 3, (uint8_t[]){30, 30, 30, 30, 30, 30, 30, 30, 30}, second, alpha);
    assert_memory_equal(second, ((uint8_t[]){10, 10, 10, 20, 20, 20, 25, 25, 25}), 9);
    vqz_row_in(VQZ_RGBA, blank, 3, NULL, first, alpha);
    for (int i = 0; i < 9; i++) assert_int_equal(first[i], 128);
}

static void rows_out(void **state) {
    (void)state;
    /* 6 fractional bits: rounding to nearest, halves up, clamped */
    assert_int_equal(vqz_sample(0), 0);
    assert_int_equal(vqz_sample(31), 0);
    assert_int_equal(vqz_sample(32), 1);
    assert_int_equal(vqz_sample(-32), 0);
    assert_int_equal(vqz_sample(INT16_MIN), 0);
    assert_int_equal(vqz_sample(255 * 64), 255);
    assert_int_equal(vqz_sample(INT16_MAX), 255);
    const int16_t v[] = {10 * 64, 20 * 64, 30 * 64, 0, 64, 128};
    const uint8_t alpha[] = {5, 6};
    uint8_t out[8];
    vqz_row_out(VQZ_RGB, v, NULL, 2, out);
    assert_memory_equal(out, ((uint8_t[]){10, 20, 30, 0, 1, 2}), 6);
    vqz_row_out(VQZ_RGBA, v, alpha, 2, out);
    assert_memory_equal(out, ((uint8_t[]){10, 20, 30, 5, 0, 1, 2, 6}), 8);
    vqz_row_out(VQZ_GRAY, v, NULL, 2, out);
    assert_memory_equal(out, ((uint8_t[]){20, 1}), 2);
    vqz_row_out(VQZ_GRAYA, v, alpha, 2, out);
    assert_memory_equal(out, ((uint8_t[]){20, 5, 1, 6}), 4);
}

static void rectangles(void **state) {
    (void)state;
    vqz_rect r = vqz_rect_grow((vqz_rect){4, 0, 3, 5}, 2, 8, 6);
    assert_int_equal(r.x, 2);
    assert_int_equal(r.y, 0);
    assert_int_equal(r.w, 6);
    assert_int_equal(r.h, 6);
    r = vqz_rect_grow((vqz_rect){0, 0, 1, 1}, 2, 1, 1);
    assert_int_equal(r.w * r.h, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_in), cmocka_unit_test(transparent), cmocka_unit_test(rows_out), cmocka_unit_test(rectangles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
