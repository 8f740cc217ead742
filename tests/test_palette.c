/* Merged colours: never farther than asked for, only where the mask says so, none where there are too many. */
#include "codec/palette.h"
#include "tests/pictures.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { W = 70, H = 37, BLOCKS = 5 * 3 };

static unsigned colours(const uint8_t *p, size_t n) {
    unsigned count = 0;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < i && memcmp(p + 3 * k, p + 3 * i, 3) != 0) k++;
        count += k == i;
    }
    return count;
}

static void test_tolerance(void **state) {
    (void)state;
    static const unsigned tolerances[] = {1, 3, 8, 40};
    uint8_t mask[BLOCKS], before[W * H * 3], p[W * H * 3];
    uint32_t seed = 3;
    unsigned last = W * H + 1;
    for (int i = 0; i < BLOCKS; i++) mask[i] = i % 3 != 1;
    for (size_t i = 0; i < sizeof before; i++) before[i] = (uint8_t)(100 + test_random(&seed) % 50);
    for (size_t i = 0; i < 4; i++) {
        vqz_memory mem;
        bool fits;
        vqz_memory_init(&mem, 1 << 24);
        memcpy(p, before, sizeof p);
        assert_int_equal(vqz_merge_colours(&mem, p, W, H, mask, tolerances[i], &fits, NULL), VQZ_OK);
        assert_true(fits && mem.used == 0);
        for (uint32_t y = 0; y < H; y++)
            for (uint32_t x = 0; x < W; x++)
                for (uint32_t k = 0; k < 3; k++) {
                    const size_t at = (y * W + x) * 3 + k;
                    const int far = mask[y / 16 * 5 + x / 16] ? (int)tolerances[i] : 0;
                    assert_true(abs(p[at] - before[at]) <= far);
                }
        const unsigned n = colours(p, (size_t)W * H);
        assert_true(n < last);
        last = n;
    }
}

/* Two areas a little apart stay two, an edge's colours between them do not. */
static void test_areas(void **state) {
    (void)state;
    uint8_t p[W * H * 3], mask[BLOCKS];
    vqz_memory mem;
    bool fits;
    vqz_memory_init(&mem, 1 << 24);
    memset(mask, 1, sizeof mask);
    for (uint32_t y = 0; y < H; y++)
        for (uint32_t x = 0; x < W; x++) memset(p + (y * W + x) * 3, x < 30 ? 200 : x == 30 ? 205 + (int)(y % 5) : 220, 3);
    assert_int_equal(vqz_merge_colours(&mem, p, W, H, mask, 30, &fits, NULL), VQZ_OK);
    for (uint32_t x = 0; x < W; x++) assert_true(x == 30 ? p[x * 3] == 200 || p[x * 3] == 220 : p[x * 3] == (x < 30 ? 200 : 220));
}

static void test_too_many(void **state) {
    (void)state;
    enum { SIDE = 256 };
    uint8_t *p = make_picture(PICTURE_NOISE, SIDE, SIDE, 3, 1), *q = malloc(SIDE * SIDE * 3), mask[256];
    vqz_memory mem;
    bool fits = true;
    vqz_memory_init(&mem, 1 << 24);
    memset(mask, 1, sizeof mask);
    memcpy(q, p, SIDE * SIDE * 3);
    assert_int_equal(vqz_merge_colours(&mem, p, SIDE, SIDE, mask, 30, &fits, NULL), VQZ_OK);
    assert_true(!fits && mem.used == 0);
    assert_memory_equal(p, q, SIDE * SIDE * 3);
    vqz_memory_init(&mem, 1000);
    assert_int_equal(vqz_merge_colours(&mem, p, SIDE, SIDE, mask, 30, &fits, NULL), VQZ_ERR_LIMIT);
    free(p);
    free(q);
}

static void test_qualities(void **state) {
    (void)state;
    unsigned last = 255;
    for (uint32_t q = 0; q <= 1600; q++) {
        const unsigned t = vqz_colour_tolerance(q);
        assert_true(t <= last && (q < 80 * 16 || t == 0));
        last = t;
    }
    assert_int_equal(vqz_colour_tolerance(0), 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tolerance), cmocka_unit_test(test_areas), cmocka_unit_test(test_too_many),
                                       cmocka_unit_test(test_qualities)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
