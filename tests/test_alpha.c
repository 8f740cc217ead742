/* Lossless alpha planes. */
#include "codec/alpha.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <cmocka.h>

enum { FRAME = 0xA5 };   /* what stands between the samples, and must stay */

static uint64_t seed = 7;
static uint32_t rnd(uint32_t n) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(((seed >> 33) * n) >> 31);
}

enum { DISC, RING_HARD, RAMP_X, RAMP_XY, SHADOW, GLYPHS, NOISE, FEW, SPARSE, STRIPES, KINDS };
static uint8_t sample(int kind, int x, int y, int w, int h) {
    int64_t dx = 2 * x - w, dy = 2 * y - h, d = dx * dx + dy * dy, r = w < h ? w : h;
    switch (kind) {
    case DISC: {   /* edge of about two samples */
        int64_t a = (r * r * 3 / 4 - d) * 64 / (r + 1) + 128;
        return (uint8_t)(a < 0 ? 0 : a > 255 ? 255 : a);
    }
    case RING_HARD: return d < r * r && d > r * r / 2 ? 255 : 0;
    case RAMP_X: return (uint8_t)(x * 255 / (w > 1 ? w - 1 : 1));
    case RAMP_XY: return (uint8_t)((x + 2 * y) * 255 / (w + 2 * h));
    case SHADOW: return (uint8_t)(255 * r * r / (r * r + 4 * d + 1));
    case GLYPHS: {
        int gx = x % 11, gy = y % 13, g = (x / 11 * 5 + y / 13 * 3) % 7;
        return (uint8_t)(gx < 2 || gy < 2 ? 0 : gx == g + 2 || gy == g + 3 ? 255 : gx == g + 3 ? 40 * g + 10 : 0);
    }
    case NOISE: return (uint8_t)rnd(256);
    case FEW: return (uint8_t)(rnd(3) * 100);
    case SPARSE: return rnd(500) ? 0 : (uint8_t)rnd(256);
    default: return (x / 3 + y / 5) & 1 ? 255 : 17;
    }
}

typedef struct picture { uint8_t *block; size_t bytes, first; ptrdiff_t stride; size_t step; int w, h; } picture;
static picture make(int w, int h, size_t step, size_t gap, bool bottom_up) {
    size_t row = (size_t)w * step + gap;
    picture p = {NULL, row * (size_t)h, 0, (ptrdiff_t)row, step, w, h};
    p.block = malloc(p.bytes);
    assert_non_null(p.block);
    memset(p.block, FRAME, p.bytes);
    p.first = step - 1;
    if (bottom_up) {
        p.first += row * (size_t)(h - 1);
        p.stride = -p.stride;
    }
    return p;
}
static uint8_t *at(const picture *p, int x, int y) { return p->block + ((ptrdiff_t)p->first + y * p->stride + x * (ptrdiff_t)p->step); }
static void paint(picture *p, int kind) {
    for (int y = 0; y < p->h; y++)
        for (int x = 0; x < p->w; x++) *at(p, x, y) = sample(kind, x, y, p->w, p->h);
}

static size_t round_trip(const picture *p) {
    vqz_memory mem;
    vqz_memory_init(&mem, 1 << 28);
    uint8_t *out;
    size_t size;
    uint8_t *before = malloc(p->bytes);
    assert_non_null(before);
    memcpy(before, p->block, p->bytes);
    assert_int_equal(vqz_alpha_encode(&mem, at(p, 0, 0), p->stride, p->step, (uint32_t)p->w, (uint32_t)p->h, &out, &size, NULL), VQZ_OK);
    assert_memory_equal(before, p->block, p->bytes);
    assert_true(size <= 1 + (size_t)p->w * (size_t)p->h || size == 2);
    uint8_t *exact = malloc(size);
    assert_non_null(exact);
    memcpy(exact, out, size);
    for (int y = 0; y < p->h; y++)
        for (int x = 0; x < p->w; x++) *at(p, x, y) ^= 0x3C;
    vqz_error e;
    assert_int_equal(vqz_alpha_decode(&mem, exact, size, at(p, 0, 0), p->stride, p->step, (uint32_t)p->w, (uint32_t)p->h, &e), VQZ_OK);
    assert_memory_equal(before, p->block, p->bytes);   /* the samples, and nothing beside them */
    free(before);
    free(exact);
    vqz_free(&mem, out);
    assert_int_equal(mem.used, 0);
    return size;
}

static void test_shapes(void **state) {
    (void)state;
    static const int sizes[][2] = {{1, 1}, {1, 2}, {2, 1}, {1, 100}, {100, 1}, {3, 3}, {63, 65}, {64, 64}, {200, 117}};
    for (int s = 0; s < 9; s++)
        for (int kind = 0; kind < KINDS; kind++)
            for (size_t step = 1; step <= 4; step++) {
                picture p = make(sizes[s][0], sizes[s][1], step, step == 2 ? 5 : 0, step == 3);
                paint(&p, kind);
                round_trip(&p);
                free(p.block);
            }
}

static void test_sizes(void **state) {   /* 512 x 512: no worse than when this was written; several bands */
    (void)state;
    static const size_t limit[KINDS] = {2100, 420, 20, 440, 15700, 7000, 262145, 71000, 1340, 3700};
    for (int kind = 0; kind < KINDS; kind++) {
        picture p = make(512, 512, 1, 0, false);
        paint(&p, kind);
        size_t size = round_trip(&p);
        if (size > limit[kind]) fail_msg("kind %d: %zu bytes", kind, size);
        free(p.block);
    }
    static const int big[][2] = {{300, 1300}, {131072, 3}, {262144, 2}, {7, 50000}};
    for (int s = 0; s < 4; s++) {
        picture p = make(big[s][0], big[s][1], 1, 0, false);
        paint(&p, s == 0 ? RAMP_XY : SPARSE);
        round_trip(&p);
        free(p.block);
    }
}

static void test_constant(void **state) {
    (void)state;
    for (int v = 0; v < 256; v++) {
        picture p = make(33, 9, 2, 1, false);
        for (int y = 0; y < 9; y++)
            for (int x = 0; x < 33; x++) *at(&p, x, y) = (uint8_t)v;
        assert_int_equal(round_trip(&p), 2);
        *at(&p, (int)rnd(33), (int)rnd(9)) ^= (uint8_t)(1 + rnd(255));   /* all but one */
        assert_true(round_trip(&p) < 40);
        free(p.block);
    }
}

/* The same bytes on every machine and in every later version. */
static void test_same_bytes(void **state) {
    (void)state;
    static const uint64_t want[] = {0xf5bc273f2f57cee1, 0xdd89f3ae149ead92, 0xc59bc11c6f47bfc7};
    static const int kinds[] = {DISC, SHADOW, GLYPHS};
    for (int k = 0; k < 3; k++) {
        picture p = make(150, 90, 1, 0, false);
        paint(&p, kinds[k]);
        vqz_memory mem;
        vqz_memory_init(&mem, 1 << 24);
        uint8_t *out;
        size_t size;
        assert_int_equal(vqz_alpha_encode(&mem, p.block, p.stride, 1, 150, 90, &out, &size, NULL), VQZ_OK);
        uint64_t got = XXH64(out, size, 0);
        if (got != want[k]) fail_msg("kind %d: hash 0x%llx", kinds[k], (unsigned long long)got);
        vqz_free(&mem, out);
        free(p.block);
    }
}

static void test_damage(void **state) {
    (void)state;
    vqz_memory mem;
    vqz_memory_init(&mem, 1 << 24);
    static const int kinds[] = {DISC, SHADOW, GLYPHS, FEW, NOISE};
    for (int k = 0; k < 5; k++) {
        picture p = make(40, 31, 2, 3, false);
        paint(&p, kinds[k]);
        uint8_t *out;
        size_t size;
        vqz_error e;
        assert_int_equal(vqz_alpha_encode(&mem, at(&p, 0, 0), p.stride, 2, 40, 31, &out, &size, NULL), VQZ_OK);
        for (size_t n = 0; n < size; n++) {
            uint8_t *cut = malloc(n ? n : 1);
            assert_non_null(cut);
            memcpy(cut, out, n);
            assert_int_equal(vqz_alpha_decode(&mem, cut, n, at(&p, 0, 0), p.stride, 2, 40, 31, &e), VQZ_ERR_CORRUPT);
            assert_true(e.offset <= n);
            free(cut);
        }
        uint8_t *bad = malloc(size + 1);
        assert_non_null(bad);
        for (int i = 0; i < 600; i++) {
            memcpy(bad, out, size);
            for (uint32_t flips = 1 + rnd(3); flips-- > 0;) bad[i & 1 ? rnd((uint32_t)size) : rnd(8)] ^= (uint8_t)(1 + rnd(255));
            vqz_status st = vqz_alpha_decode(&mem, bad, size, at(&p, 0, 0), p.stride, 2, 40, 31, &e);
            assert_true(st == VQZ_OK || st == VQZ_ERR_CORRUPT);
        }
        memcpy(bad, out, size);
        bad[size] = 0;
        assert_int_equal(vqz_alpha_decode(&mem, bad, size + 1, at(&p, 0, 0), p.stride, 2, 40, 31, &e), VQZ_ERR_CORRUPT);
        for (size_t i = 0; i < p.bytes; i++)   /* nothing beside the samples was touched */
            if (i % (size_t)p.stride >= 80 || !(i % (size_t)p.stride & 1)) assert_int_equal(p.block[i], FRAME);
        free(bad);
        free(p.block);
        vqz_free(&mem, out);
        assert_int_equal(mem.used, 0);
    }
}

static void test_refused(void **state) {
    (void)state;
    vqz_memory mem;
    vqz_memory_init(&mem, 100000);
    uint8_t plane[64] = {1}, *out = plane;
    size_t size = 1;
    vqz_error e;
    assert_int_equal(vqz_alpha_encode(&mem, plane, 8, 1, 0, 8, &out, &size, &e), VQZ_ERR_ARGUMENT);
    assert_null(out);
    assert_int_equal(vqz_alpha_encode(&mem, plane, 8, 1, 8, VQZ_MAX_SIDE + 1, &out, &size, &e), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_alpha_encode(&mem, plane, 8, 1, 8, 8, &out, &size, &e), VQZ_ERR_LIMIT);
    assert_null(out);
    assert_int_equal(mem.used, 0);
    static const uint8_t method[] = {3, 0}, constant[] = {0, 77}, longer[] = {0, 77, 0}, huge[] = {1, 0xff, 0xff, 0xff, 0xff, 0x0f};
    assert_int_equal(vqz_alpha_decode(&mem, constant, 2, plane, 8, 1, 8, 0, &e), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_alpha_decode(&mem, constant, 2, plane, 8, 1, 8, 8, &e), VQZ_OK);
    for (int i = 0; i < 64; i++) assert_int_equal(plane[i], 77);
    assert_int_equal(vqz_alpha_decode(&mem, longer, 3, plane, 8, 1, 8, 8, &e), VQZ_ERR_CORRUPT);
    assert_int_equal(vqz_alpha_decode(&mem, method, 2, plane, 8, 1, 8, 8, &e), VQZ_ERR_CORRUPT);
    vqz_memory_init(&mem, 1 << 20);
    assert_int_equal(vqz_alpha_decode(&mem, huge, 6, plane, 8, 1, 8, 8, &e), VQZ_ERR_CORRUPT);
    for (uint64_t limit = 0; limit < 1 << 19; limit += 6007) {   /* memory that runs out anywhere leaks nothing */
        vqz_memory_init(&mem, limit);
        for (int i = 0; i < 64; i++) plane[i] = (uint8_t)rnd(3);
        vqz_status st = vqz_alpha_encode(&mem, plane, 8, 1, 8, 8, &out, &size, &e);
        assert_true(st == VQZ_OK || st == VQZ_ERR_LIMIT);
        vqz_free(&mem, out);
        assert_int_equal(mem.used, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes), cmocka_unit_test(test_sizes), cmocka_unit_test(test_constant),
        cmocka_unit_test(test_same_bytes), cmocka_unit_test(test_damage), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
