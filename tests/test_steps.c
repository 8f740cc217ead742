/* Steps by place: what one side writes the other reads, and the rows that follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "codec/steps.h"
#include "tests/pictures.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_SIDE = 40, LEVELS = 61 };

/* As much of a prior as steps look at. */
typedef struct tile {
    vqz_model model;
    vqz_prior prior;
    int8_t steps[MOST_SIDE * MOST_SIDE];
    uint8_t rows[4 * MOST_SIDE * MOST_SIDE];
} tile;

static void init(tile *t, uint32_t h, uint32_t w) {
    memset(t, 0, sizeof *t);
    t->model.nlevels = LEVELS;
    t->prior = (vqz_prior){.m = &t->model, .h = h, .w = w, .steps = t->steps, .rows = t->rows};
}

/* Bytes of rANS words for `steps`, which the decoding side gives back. */
static size_t round_trip(const int8_t *steps, uint32_t h, uint32_t w, uint32_t level, uint32_t unit) {
    static tile a, b;
    vqz_memory mem;
    vqz_rans_enc enc;
    vqz_rans_dec dec;
    vqz_error e;
    const uint8_t *words, *raw;
    size_t nwords, nraw, blocks = (size_t)vqz_step_blocks(h) * vqz_step_blocks(w);
    init(&a, h, w);
    init(&b, h, w);
    memcpy(a.steps, steps, blocks);
    vqz_memory_init(&mem, 1 << 24);
    vqz_rans_enc_init(&enc, &mem);
    vqz_steps_walk(&a.prior, &enc, NULL, level, unit);
    assert_memory_equal(a.steps, steps, blocks);
    assert_int_equal(vqz_rans_finish(&enc, 1, &words, &nwords, &raw, &nraw, &e), VQZ_OK);
    assert_int_equal(vqz_rans_dec_init(&dec, 1, words, nwords, raw, nraw, &e), VQZ_OK);
    vqz_steps_walk(&b.prior, NULL, &dec, level, unit);
    assert_int_equal(vqz_rans_dec_finish(&dec, &e), VQZ_OK);
    assert_memory_equal(b.steps, steps, blocks);
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++) {
            const int row = (int)level + (int)unit * steps[y / 2 * ((w + 1) / 2) + x / 2];
            assert_int_equal(b.rows[y * w + x], row < 0 ? 0 : row >= LEVELS ? LEVELS - 1 : row);
        }
    assert_memory_equal(a.rows, b.rows, sizeof a.rows);
    vqz_rans_enc_free(&enc);
    return 2 * nwords;
}

static void test_round_trip(void **state) {
    (void)state;
    int8_t steps[MOST_SIDE * MOST_SIDE];
    uint32_t s = 3;
    for (unsigned round = 0; round < 400; round++) {
        const uint32_t h = 1 + test_random(&s) % 40, w = 1 + test_random(&s) % 40, span = 1 + test_random(&s) % 17;
        for (size_t i = 0; i < sizeof steps; i++) steps[i] = (int8_t)((int)(test_random(&s) % span) - (int)(span / 2));
        round_trip(steps, h, w, test_random(&s) % LEVELS, 1 + test_random(&s) % 255);
    }
    for (size_t i = 0; i < sizeof steps; i++) steps[i] = i % 2 ? VQZ_STEP_MOST : -VQZ_STEP_MOST;
    round_trip(steps, 2 * MOST_SIDE, 2 * MOST_SIDE, 30, 3);
}

static void test_size(void **state) {
    (void)state;
    int8_t steps[24 * 24] = {0};
    assert_true(round_trip(steps, 48, 48, 30, 3) <= 12);         /* nothing to say */
    for (unsigned i = 0; i < 24 * 24; i++) steps[i] = (int8_t)(i % 24 < 12 ? 2 : -2);
    assert_true(round_trip(steps, 48, 48, 30, 3) <= 40);         /* one border */
    uint32_t s = 9;
    for (unsigned i = 0; i < 24 * 24; i++) steps[i] = (int8_t)(i / 24 / 8 + test_random(&s) % 2);
    assert_true(round_trip(steps, 48, 48, 30, 3) <= 24 * 24 / 8 * 3 / 2);
}

/* A damaged stream gives steps in range, whatever it says. */
static void test_noise(void **state) {
    (void)state;
    uint32_t s = 1;
    for (unsigned round = 0; round < 2000; round++) {
        static tile t;
        uint8_t words[64];
        vqz_rans_dec dec;
        vqz_error e;
        init(&t, 20, 17);
        for (size_t i = 0; i < sizeof words; i++) words[i] = (uint8_t)test_random(&s);
        if (vqz_rans_dec_init(&dec, 1, words, sizeof words / 2, words, 0, &e) != VQZ_OK) continue;
        vqz_steps_walk(&t.prior, NULL, &dec, test_random(&s) % LEVELS, 1 + test_random(&s) % 255);
        for (size_t i = 0; i < 90; i++) assert_in_range(t.steps[i] + VQZ_STEP_MOST, 0, 2 * VQZ_STEP_MOST);
        for (size_t i = 0; i < 340; i++) assert_in_range(t.rows[i], 0, LEVELS - 1);
    }
}

static void test_unit(void **state) {
    (void)state;
    static const uint16_t gain[] = {100, 106, 112, 119, 126, 133, 141};
    vqz_level level[7] = {{0}};
    for (unsigned i = 0; i < 7; i++) level[i].gain = &gain[i];
    vqz_model m = {.level = level, .nlevels = 7};
    assert_int_equal(vqz_step_unit(&m), 3);                      /* 141 / 119 */
    m.nlevels = 6;
    assert_int_equal(vqz_step_unit(&m), 0);
    m.nlevels = 1;
    assert_int_equal(vqz_step_unit(&m), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_size), cmocka_unit_test(test_noise), cmocka_unit_test(test_unit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
