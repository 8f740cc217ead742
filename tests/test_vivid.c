/* Colours that the networks see clamped: found by their pixels, and not paler in the picture. */
#include "codec/vivid.h"
#include "tests/codec_io.h"
#include "tests/pictures.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

enum { W = 200, H = 150 };

/* Soft waves around a colour. */
static uint8_t *make_waves(const int *colour) {
    uint8_t *p = malloc(W * H * 3);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int c = 0; c < 3; c++) {
                const int fold = abs((x + 2 * y) % 160 - 80) / 4, v = colour[c] + (colour[c] > 127 ? -fold : fold);
                p[(y * W + x) * 3 + c] = (uint8_t)v;
            }
    return p;
}

static void test_found(void **state) {
    (void)state;
    static const struct { int colour[3]; bool vivid; } cases[] = {
        {{0, 234, 0}, true}, {{255, 0, 255}, true}, {{255, 0, 0}, false}, {{0, 0, 255}, false}, {{255, 255, 255}, false}, {{60, 160, 60}, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *p = make_waves(cases[i].colour);
        assert_int_equal(vqz_is_vivid(p, W * 3, W, H), cases[i].vivid);
        assert_int_equal(vqz_is_vivid(p, W * 3, 1, 1), cases[i].vivid);
        free(p);
    }
    uint8_t *p = make_picture(PICTURE_PHOTO, W, H, 3, 4);
    assert_false(vqz_is_vivid(p, W * 3, W, H));
    /* one block of 130 is not enough, two are */
    for (int y = 0; y < 16; y++)
        for (int x = 0; x < 32; x++) memcpy(p + (y * W + x) * 3, x < 16 ? "\0\377" : "\377\0\377", 3);
    assert_true(vqz_is_vivid(p, W * 3, W, H));
    memset(p + 16 * 3, 90, 16 * 3);
    for (int y = 0; y < 16; y++) memset(p + (y * W + 16) * 3, 90, 16 * 3);
    assert_false(vqz_is_vivid(p, W * 3, W, H));
    free(p);
}

/* In one tile and in several. Without the correction the means are off by some 15. */
static void test_not_paler(void **state) {
    (void)state;
    static const int colours[][3] = {{0, 234, 0}, {255, 0, 255}};
    for (size_t i = 0; i < 4; i++) {
        const int *colour = colours[i / 2];
        uint8_t *p = make_waves(colour), *q;
        vqz_settings s;
        vqz_error e = {0};
        vqz_file_info info;
        bytes file;
        vqz_settings_init(&s);
        s.quality = 40;
        s.tile_size = i % 2 * 128;
        s.threads = 1;
        if (encode_picture(&s, &(vqz_image_info){.width = W, .height = H, .layout = VQZ_RGB}, p, H, &file, &e) != VQZ_OK) fail_msg("%s", e.text);
        if (decode_picture(NULL, file, 0, &q, &info, NULL, &e) != VQZ_OK) fail_msg("%s", e.text);
        for (size_t c = 0; c < 3; c++) {
            long off = 0;
            for (size_t k = c; k < W * H * 3; k += 3) off += q[k] - p[k];
            if (labs(off) > 3L * W * H) fail_msg("colour %zu, tiles of %u: sample %zu is off by %.1f", i / 2, s.tile_size, c, (double)off / (W * H));
        }
        free(p);
        free(q);
        free(file.data);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_found), cmocka_unit_test(test_not_paler)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
