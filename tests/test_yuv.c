/* cli/image_yuv: against spec/video.md in floating point, and known pixels. */
#include "cli/image_yuv.c"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static yuv_kind kind(unsigned depth, bool full, int64_t kr, int64_t kb) { return (yuv_kind){.depth = depth, .full = full, .kr = kr, .kb = kb}; }

static double clamp(double v) { return v < 0 ? 0 : v > 255 ? 255 : v; }

/* A pixel by the definition of the matrix. */
static void reference(const yuv_kind *k, int y, int u, int v, double rgb[3]) {
    const double scale = k->full ? (1 << k->depth) - 1 : 219 << (k->depth - 8), c = k->full ? scale : 224 << (k->depth - 8);
    const double l = (y - (k->full ? 0 : 16 << (k->depth - 8))) / scale, b = (u - (128 << (k->depth - 8))) / c, r = (v - (128 << (k->depth - 8))) / c;
    const double kr = (double)k->kr / 1e4, kb = (double)k->kb / 1e4, kg = 1 - kr - kb;
    rgb[0] = clamp(255 * (l + 2 * (1 - kr) * r));
    rgb[1] = clamp(255 * (l - 2 * (1 - kb) * kb / kg * b - 2 * (1 - kr) * kr / kg * r));
    rgb[2] = clamp(255 * (l + 2 * (1 - kb) * b));
}

static void store(uint8_t *p, unsigned depth, int v) {
    const uint16_t wide = (uint16_t)v;
    if (depth == 8) *p = (uint8_t)v;
    else memcpy(p, &wide, 2);
}

static void to_rgb_by_definition(void **state) {
    (void)state;
    static const int64_t matrices[][2] = {{2990, 1140}, {2126, 722}, {2627, 593}, {2120, 870}, {3000, 1100}};
    static const unsigned depths[] = {8, 9, 10, 12, 14, 16};
    uint32_t random = 1;
    for (size_t d = 0; d < 6; d++)
        for (int full = 0; full < 2; full++)
            for (size_t m = 0; m < 5; m++) {
                const yuv_kind k = kind(depths[d], full, matrices[m][0], matrices[m][1]);
                const yuv_to_rgb t = yuv_to_rgb_of(&k);
                for (int n = 0; n < 500; n++) {
                    uint8_t planes[3][2], row[3];
                    double want[3];
                    int v[3];
                    for (int i = 0; i < 3; i++) {
                        random = random * 1664525 + 1013904223;
                        v[i] = (int)(random >> 8 & ((1u << depths[d]) - 1));
                        store(planes[i], depths[d], v[i]);
                    }
                    const yuv_planes p = {{planes[0], planes[1], planes[2], NULL}, {2, 2, 2, 0}, 1, 1};
                    yuv_read_row(&t, &p, 0, row);
                    reference(&k, v[0], v[1], v[2], want);
                    for (int i = 0; i < 3; i++) assert_true(fabs(row[i] - want[i]) <= 0.51);
                }
            }
}

static void known_pixels(void **state) {
    (void)state;
    const yuv_kind k = kind(8, false, 2126, 722), ten = kind(10, false, 2126, 722);
    static const uint8_t y[] = {16, 235, 63, 173, 32}, u[] = {128, 128, 102, 42, 240}, v[] = {128, 128, 240, 26, 118};      /* black, white, red, green, blue */
    static const uint8_t want[] = {0, 0, 0, 255, 255, 255, 255, 1, 0, 0, 255, 1, 1, 0, 255};
    const yuv_to_rgb t = yuv_to_rgb_of(&k), t10 = yuv_to_rgb_of(&ten);
    const yuv_planes p = {{y, u, v, NULL}, {5, 5, 5, 0}, 5, 1};
    uint16_t wide[3][5];
    uint8_t row[15];
    yuv_read_row(&t, &p, 0, row);
    assert_memory_equal(row, want, 15);
    for (int i = 0; i < 5; i++) wide[0][i] = (uint16_t)(4 * y[i]), wide[1][i] = (uint16_t)(4 * u[i]), wide[2][i] = (uint16_t)(4 * v[i]);
    const yuv_planes p10 = {{(uint8_t *)wide[0], (uint8_t *)wide[1], (uint8_t *)wide[2], NULL}, {10, 10, 10, 0}, 5, 1};
    yuv_read_row(&t10, &p10, 0, row);
    assert_memory_equal(row, want, 15);
}

/* Gray luma, so that red is the chroma that was interpolated. */
static void where_chroma_is(void **state) {
    (void)state;
    static const uint8_t luma[25] = {0}, u[9] = {128, 128, 128, 128, 128, 128, 128, 128, 128}, v[9] = {128, 168, 208, 148, 188, 228, 168, 208, 248};
    static const struct { bool centre_x, centre_y; int first[5], second[5]; } cases[] = {
        {false, true, {128, 148, 168, 188, 208}, {133, 153, 173, 193, 213}},
        {true, true, {128, 138, 158, 178, 198}, {133, 143, 163, 183, 203}},
        {false, false, {128, 148, 168, 188, 208}, {138, 158, 178, 198, 218}},
    };
    for (size_t i = 0; i < 3; i++) {
        yuv_kind k = kind(8, true, 2990, 1140);
        k.half_x = k.half_y = true;
        k.centre_x = cases[i].centre_x;
        k.centre_y = cases[i].centre_y;
        yuv_to_rgb t = yuv_to_rgb_of(&k);
        const yuv_planes p = {{luma, u, v, NULL}, {5, 3, 3, 0}, 5, 5};
        uint8_t row[15];
        for (uint32_t y = 0; y < 2; y++) {
            yuv_read_row(&t, &p, y, row);
            for (int x = 0; x < 5; x++) {
                const int64_t c = (y ? cases[i].second : cases[i].first)[x] - 128;
                assert_int_equal(row[3 * x], clamp_byte((t.rv * c + 32768) >> 16));
            }
        }
    }
}

static void alpha_and_gray(void **state) {
    (void)state;
    yuv_kind k = kind(10, false, 2990, 1140);
    k.alpha = k.mono = true;
    const uint16_t y[2] = {64, 940}, a[2] = {1023, 512};
    const yuv_to_rgb t = yuv_to_rgb_of(&k);
    const yuv_planes p = {{(const uint8_t *)y, NULL, NULL, (const uint8_t *)a}, {4, 0, 0, 4}, 2, 1};
    uint8_t row[4];
    assert_int_equal(yuv_layout(&k), VQZ_GRAYA);
    yuv_read_row(&t, &p, 0, row);
    assert_memory_equal(row, ((uint8_t[]){0, 255, 255, 128}), 4);
}

/* 4:4:4 comes back within rounding; of a chroma sample, the pixels around it by their weights. */
static void from_rgb(void **state) {
    (void)state;
    uint8_t planes[3][64], rgb[192], back[192];
    uint8_t *const to[3] = {planes[0], planes[1], planes[2]};
    for (int i = 0; i < 192; i++) rgb[i] = (uint8_t)(i * 37 % 251);
    for (int full = 0; full < 2; full++) {
        const yuv_kind k = kind(8, full, 2126, 722);
        const image_rows rows = {rgb, 24, 8};
        const yuv_to_rgb t = yuv_to_rgb_of(&k);
        const yuv_planes p = {{planes[0], planes[1], planes[2], NULL}, {8, 8, 8, 0}, 8, 8};
        yuv_write_rows(&k, &rows, VQZ_RGB, 8, to, (const ptrdiff_t[3]){8, 8, 8});
        for (uint32_t y = 0; y < 8; y++) yuv_read_row(&t, &p, y, back + y * 24);
        for (int i = 0; i < 192; i++) assert_in_range(back[i] + 2 - rgb[i], 0, 4);
    }
    for (int centre = 0; centre < 2; centre++) {         /* 3 x 3 pixels: 2 x 2 chroma samples */
        yuv_kind k = kind(8, true, 2990, 1140);
        k.half_x = k.half_y = true;
        k.centre_x = centre;
        static const uint8_t blue[9] = {0, 80, 160, 40, 120, 200, 200, 40, 240};
        for (int i = 0; i < 9; i++) rgb[3 * i] = rgb[3 * i + 1] = 0, rgb[3 * i + 2] = blue[i];
        const image_rows rows = {rgb, 9, 3};
        yuv_write_rows(&k, &rows, VQZ_RGB, 3, to, (const ptrdiff_t[3]){3, 2, 2});
        const double half = 0.5, means[2][4] = {{40, 160, 160, 190}, {60, 180, 120, 240}};      /* 1 : 2 : 1, and pairs; edges count again */
        for (int i = 0; i < 4; i++) assert_true(fabs(planes[1][i] - 128 - half * means[centre][i]) <= 0.51);
        assert_int_equal(planes[0][1], 9);                                                      /* 0.114 x 80 */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(to_rgb_by_definition), cmocka_unit_test(known_pixels), cmocka_unit_test(where_chroma_is),
                                       cmocka_unit_test(alpha_and_gray), cmocka_unit_test(from_rgb)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
