/* Residual payloads: what is asked for comes back, to the bit or to the error aimed at; damage is found. */
#include "codec/residual.h"
#include "tests/pictures.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

enum { EXACT = 0, QUALITY_80 = 60 * 16, QUALITY_100 = 41 };

typedef struct work {
    vqz_memory mem;
    vqz_rans_enc rans;
    vqz_residual residual;
    void *block;
} work;

static void make_work(work *k, uint32_t w, unsigned colours) {
    vqz_arena a = {0};
    vqz_memory_init(&k->mem, 1 << 26);
    vqz_rans_enc_init(&k->rans, &k->mem);
    vqz_residual_layout(&k->residual, w, colours, &a);
    assert_int_equal(vqz_alloc(&k->mem, &k->block, a.used, 1, NULL), VQZ_OK);
    a = (vqz_arena){.base = k->block};
    vqz_residual_layout(&k->residual, w, colours, &a);
    memset(k->block, 0xA5, a.used);          /* nothing may depend on what it held */
}

static void free_work(work *k) {
    vqz_rans_enc_free(&k->rans);
    vqz_free(&k->mem, k->block);
    assert_true(k->mem.used == 0);
}

/* A synthesised picture to an original: `off` by at most so much, or unrelated (256). */
static uint8_t *spoil(const uint8_t *p, size_t n, uint32_t off, uint32_t seed) {
    uint8_t *q = malloc(n);
    uint32_t s = seed * 77777 + 1;
    for (size_t i = 0; i < n; i++) {
        int v = off > 255 ? (int)(test_random(&s) >> 9 & 255) : p[i] + (int)(test_random(&s) % (2 * off + 1)) - (int)off;
        q[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
    return q;
}

typedef struct outcome {
    double error;                            /* mean squared, of what matters */
    size_t size;
    unsigned step;
} outcome;

/* Codes original p from q, both of `layout` samples a pixel, and decodes over q. */
static outcome code(uint32_t w, uint32_t h, unsigned layout, const uint8_t *p, uint8_t *q, bool use_alpha, uint32_t target) {
    unsigned colours = layout < 3 ? 1 : 3;
    size_t n = (size_t)w * h * layout, stride = (size_t)w * layout;
    work k;
    make_work(&k, w, colours);
    uint8_t *alpha = malloc((size_t)w * h), *out, *mine = malloc(n);
    for (size_t i = 0; i < (size_t)w * h; i++) alpha[i] = p[i * layout + layout - 1];
    memcpy(mine, p, n);
    vqz_residual_source src = {{mine, stride, layout}, {q, stride, layout}, use_alpha ? alpha : NULL, w};
    vqz_error e = {0};
    outcome r = {0};
    if (vqz_residual_encode(&k.residual, &k.rans, &src, h, target, &out, &r.size, &e) != VQZ_OK) fail_msg("encode: %s", e.text);
    r.step = out[0];
    uint8_t *before = malloc(n);
    memcpy(before, q, n);
    if (vqz_residual_decode(&k.residual, out, r.size, src.synthesised, h, &e) != VQZ_OK) fail_msg("%u x %u: %s", w, h, e.text);
    double sum = 0, count = 0;
    for (size_t i = 0; i < (size_t)w * h; i++)
        for (unsigned c = 0; c < layout; c++) {
            double d = (double)p[i * layout + c] - q[i * layout + c];
            if (c >= colours || (use_alpha && !alpha[i])) assert_int_equal(q[i * layout + c], before[i * layout + c]);
            else sum += d * d, count++;
        }
    r.error = count > 0 ? sum / count : 0;
    vqz_free(&k.mem, out);
    free_work(&k);
    free(before);
    free(mine);
    free(alpha);
    return r;
}

static void exact(void **state) {
    (void)state;
    static const uint32_t size[][2] = {{1, 1}, {1, 40}, {40, 1}, {7, 9}, {8, 8}, {65, 33}, {700, 140}};
    static const uint32_t off[] = {0, 1, 3, 20, 256};
    for (size_t i = 0; i < sizeof size / sizeof *size; i++)
        for (unsigned layout = 1; layout <= 4; layout++)
            for (size_t j = 0; j < sizeof off / sizeof *off; j++) {
                uint32_t w = size[i][0], h = size[i][1];
                uint8_t *p = make_picture(PICTURE_PHOTO, w, h, layout, 3), *q = spoil(p, (size_t)w * h * layout, off[j], 9);
                outcome r = code(w, h, layout, p, q, layout % 2 == 0, EXACT);
                if (r.error > 0) fail_msg("%u x %u, layout %u, off by %u: error %g", w, h, layout, off[j], r.error);
                if (off[j] == 0) assert_true(r.step == 0 && r.size == 1);
                free(p);
                free(q);
            }
}

/* Extremes: the largest differences of either sign, in every combination of colours. */
static void extremes(void **state) {
    (void)state;
    enum { W = 64, H = 16 };
    uint8_t p[W * H * 3], q[W * H * 3];
    for (uint32_t i = 0; i < W * H * 3; i++) {
        p[i] = (i / 3 * 2654435761u >> 29 >> i % 3 & 1) * 255;
        q[i] = (uint8_t)(255 - p[i]);
    }
    uint8_t keep[sizeof q];
    memcpy(keep, q, sizeof q);
    static const uint32_t targets[] = {EXACT, QUALITY_100, QUALITY_80, 16 * 5000, 16 * 65000};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        memcpy(q, keep, sizeof q);
        assert_true(code(W, H, 3, p, q, false, targets[i]).error * 16 <= targets[i]);
    }
}

static void targets_are_met(void **state) {
    (void)state;
    const uint32_t w = 250, h = 130;
    for (uint32_t q16 = 80 * 16; q16 <= 100 * 16; q16 += 37)
        for (uint32_t off = 2; off <= 256; off = off < 250 ? off * 4 : off + 256) {
            uint32_t target = vqz_residual_target(q16);
            uint8_t *p = make_picture(PICTURE_NOISE, w, h, 3, q16), *q = spoil(p, (size_t)w * h * 3, off, 5);
            outcome r = code(w, h, 3, p, q, false, target);
            assert_true(r.error * 16 <= target);
            if (r.step > 20) assert_true(r.error * 16 > target * 0.8);      /* and not much better than that */
            free(p);
            free(q);
        }
    assert_int_equal(vqz_residual_target(80 * 16 - 1), 0);
    for (uint32_t q16 = 80 * 16; q16 < 1600; q16++) assert_true(vqz_residual_target(q16) >= vqz_residual_target(q16 + 1));
    assert_true(vqz_residual_target(1600) * 10 < 16 * 65025 / 2512);        /* 44 dB = 10^4.4 with room */
}

/* Few blocks that need something cost little more than those blocks. */
static void sparse_is_small(void **state) {
    (void)state;
    const uint32_t w = 512, h = 512;
    uint8_t *p = make_picture(PICTURE_FLAT, w, h, 3, 1), *q = malloc((size_t)w * h * 3);
    memcpy(q, p, (size_t)w * h * 3);
    for (uint32_t y = 200; y < 208; y++)
        for (uint32_t x = 80; x < 88; x++) q[(y * w + x) * 3] = 200;
    outcome r = code(w, h, 3, p, q, false, EXACT);
    assert_true(r.error == 0 && r.size < 90);
    free(p);
    free(q);
}

static void damage(void **state) {
    (void)state;
    const uint32_t w = 150, h = 700;             /* more than one band */
    uint8_t *p = make_picture(PICTURE_PHOTO, w, h, 3, 3), *q = spoil(p, (size_t)w * h * 3, 6, 1), *out, *copy;
    size_t size;
    uint32_t seed = 5;
    work k;
    make_work(&k, w, 3);
    vqz_samples samples = {q, 3 * w, 3};
    vqz_residual_source src = {{p, 3 * w, 3}, samples, NULL, 0};
    vqz_error e = {0};
    assert_int_equal(vqz_residual_encode(&k.residual, &k.rans, &src, h, QUALITY_100, &out, &size, &e), VQZ_OK);
    assert_true(size > 5000);
    copy = malloc(size + 1);
    memcpy(copy, out, size);
    copy[size] = 0;
    assert_int_equal(vqz_residual_decode(&k.residual, copy, size + 1, samples, h, &e), VQZ_ERR_CORRUPT);
    assert_non_null(strstr(e.text, "1 bytes too many"));
    assert_int_equal(vqz_residual_decode(&k.residual, copy, 0, samples, h, &e), VQZ_ERR_CORRUPT);
    for (size_t cut = 1; cut < size; cut += cut < 20 || cut + 20 > size ? 1 : 997)
        assert_int_equal(vqz_residual_decode(&k.residual, copy, cut, samples, h, &e), VQZ_ERR_CORRUPT);
    unsigned found = 0;
    for (unsigned i = 0; i < 60; i++) {
        size_t at = i < 20 ? i : test_random(&seed) % size;
        copy[at] ^= (uint8_t)(1u << i % 8);
        vqz_status s = vqz_residual_decode(&k.residual, copy, size, samples, h, &e);
        assert_true(s == VQZ_OK || s == VQZ_ERR_CORRUPT);
        if (at) assert_int_equal(s, VQZ_ERR_CORRUPT);      /* byte 0 is the step, which any byte may be */
        found += s == VQZ_ERR_CORRUPT;
        copy[at] = out[at];
    }
    assert_true(found >= 59);
    for (unsigned i = 0; i < 100; i++) {         /* noise: whatever it says, it ends */
        for (size_t j = 0; j < size; j++) copy[j] = (uint8_t)test_random(&seed);
        copy[0] |= 1;
        vqz_status s = vqz_residual_decode(&k.residual, copy, size, samples, h, &e);
        assert_int_equal(s, VQZ_ERR_CORRUPT);
    }
    vqz_free(&k.mem, out);
    free_work(&k);
    free(copy);
    free(p);
    free(q);
}

static void memory_failures(void **state) {
    (void)state;
    const uint32_t w = 100, h = 60;
    uint8_t *p = make_picture(PICTURE_NOISE, w, h, 1, 3), *q = spoil(p, (size_t)w * h, 256, 1), *out;
    work k;
    make_work(&k, w, 1);
    vqz_residual_source src = {{p, w, 1}, {q, w, 1}, NULL, 0};
    unsigned failures = 0, successes = 0;
    uint64_t used = k.mem.used;
    for (uint64_t room = 0; room < 2000000; room += 20000) {
        size_t size;
        k.mem.limit = used + room;
        vqz_status s = vqz_residual_encode(&k.residual, &k.rans, &src, h, EXACT, &out, &size, NULL);
        assert_true(s == VQZ_OK || s == VQZ_ERR_LIMIT);
        if (s == VQZ_OK) successes++, vqz_free(&k.mem, out);
        else failures++, assert_null(out);
        vqz_rans_enc_free(&k.rans);
        assert_true(k.mem.used == used);
    }
    assert_true(failures > 3 && successes > 3);
    free_work(&k);
    free(p);
    free(q);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact), cmocka_unit_test(extremes), cmocka_unit_test(targets_are_met), cmocka_unit_test(sparse_is_small),
        cmocka_unit_test(damage), cmocka_unit_test(memory_failures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
