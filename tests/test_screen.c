/* Text and drawings beside and in photos: coded as pixels where that is better, and only there. */
#include "codec/screen.h"
#include "tests/codec_io.h"
#include "tests/pictures.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

enum { W = 250, H = 170, SPLIT = 128 };

/* Something like text from column SPLIT on, of `photo` before. */
static uint8_t *make_mixture(const uint8_t *photo, unsigned channels) {
    uint8_t *p = malloc((size_t)W * H * channels);
    memcpy(p, photo, (size_t)W * H * channels);
    for (uint32_t y = 0; y < H; y++)
        for (uint32_t x = SPLIT; x < W; x++) {
            const uint32_t glyph = (x / 8 * 7 + y / 14 * 5) % 11, row = y % 14, column = x % 8;
            const bool ink = row > 2 && row < 12 && column > 1 && ((glyph + row) * 5 % 7 < 2 || column == 2 + glyph % 5);
            const bool edge = row > 2 && row < 12 && column == 3 + glyph % 5;
            for (unsigned c = 0; c < channels - (channels % 2 == 0); c++) p[((size_t)y * W + x) * channels + c] = ink ? 20 : edge ? 130 : (uint8_t)(235 + 5 * c);
        }
    return p;
}

static uint64_t part_error(const uint8_t *a, const uint8_t *b, unsigned channels, uint32_t from, uint32_t to) {
    uint64_t sum = 0;
    for (uint32_t y = 0; y < H; y++)
        for (uint32_t x = from; x < to; x++)
            for (unsigned c = 0; c < channels; c++) {
                const size_t i = ((size_t)y * W + x) * channels + c;
                if (channels % 2 == 0 && !a[(i / channels + 1) * channels - 1] && c < channels - 1) continue;
                sum += (uint64_t)((a[i] - b[i]) * (a[i] - b[i]));
            }
    return sum;
}

static bytes encode(const uint8_t *p, unsigned channels, float quality, uint32_t tile, uint32_t threads) {
    vqz_settings s;
    bytes file;
    vqz_error e = {0};
    const vqz_image_info info = {.width = W, .height = H, .layout = (vqz_layout)channels};
    vqz_settings_init(&s);
    s.quality = quality;
    s.tile_size = tile;
    s.threads = threads;
    s.pixel_hash = 1;
    if (encode_picture(&s, &info, p, 64, &file, &e) != VQZ_OK) fail_msg("quality %g: %s", (double)quality, e.text);
    return file;
}

static uint8_t *decode(bytes file) {
    uint8_t *out;
    vqz_file_info info;
    vqz_error e = {0};
    if (decode_picture(NULL, file, 0, &out, &info, NULL, &e) != VQZ_OK) fail_msg("%s", e.text);
    return out;
}

static void test_mixtures(void **state) {
    (void)state;
    static const struct { unsigned channels; float quality; uint32_t tile; } cases[] = {
        {3, 60, 128}, {3, 20, 0}, {3, 90, 0}, {3, 90, 128}, {1, 60, 0}, {4, 60, 128}, {2, 95, 128}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const unsigned channels = cases[i].channels;
        uint8_t *photo = make_picture(PICTURE_PHOTO, W, H, channels, 4), *p = make_mixture(photo, channels);
        bytes plain = encode(photo, channels, cases[i].quality, cases[i].tile, 1), file = encode(p, channels, cases[i].quality, cases[i].tile, 1);
        bytes again = {0};
        if (!i) again = encode(p, channels, cases[i].quality, cases[i].tile, 2);
        uint8_t *out = decode(file), *out_plain = decode(plain);
        if (!i) assert_int_equal(file.size, again.size);
        if (!i) assert_memory_equal(file.data, again.data, file.size);
        const uint64_t text = part_error(p, out, channels, SPLIT, W), rest = part_error(p, out, channels, 0, SPLIT);
        const uint64_t rest_plain = part_error(photo, out_plain, channels, 0, SPLIT);
        assert_true(text < (uint64_t)(W - SPLIT) * H * channels * 60);       /* 30 dB; latents have some 20 at quality 20 */
        if (cases[i].quality >= 80) assert_true(text == 0 || channels % 2 == 0);
        if (rest * 3 >= rest_plain * 5) fail_msg("%u channels, quality %g: %llu, %llu without text", channels, (double)cases[i].quality, (unsigned long long)rest, (unsigned long long)rest_plain);                              /* the photo is not the worse for it */
        free(photo);
        free(p);
        free(out);
        free(out_plain);
        free(plain.data);
        free(file.data);
        free(again.data);
    }
}

/* A tile that is all text has no latents and ends soon; a large part of it repeats. */
static void test_text_is_small(void **state) {
    (void)state;
    uint8_t *photo = make_picture(PICTURE_FLAT, W, H, 3, 4), *p = make_mixture(photo, 3);
    bytes file = encode(p, 3, 90, 0, 1);
    uint8_t *out = decode(file);
    assert_memory_equal(out, p, (size_t)W * H * 3);
    assert_true(file.size < 1600);
    free(photo);
    free(p);
    free(out);
    free(file.data);
}

static void test_photos_do_not_look_like_screens(void **state) {
    (void)state;
    uint8_t *photo = make_picture(PICTURE_PHOTO, W, H, 3, 4), *noise = make_picture(PICTURE_NOISE, W, H, 3, 4), *p = make_mixture(photo, 3);
    assert_false(vqz_looks_like_screen((vqz_samples){photo, W * 3, 3}, W, H));
    assert_false(vqz_looks_like_screen((vqz_samples){noise, W * 3, 3}, W, H));
    assert_true(vqz_looks_like_screen((vqz_samples){p, W * 3, 3}, W, H));
    free(photo);
    free(noise);
    free(p);
}

/* Ramps in several colours are coded as they are also where merged colours would take less. */
static void test_ramps_have_no_bands(void **state) {
    (void)state;
    uint8_t *p = malloc((size_t)W * H * 3);
    for (uint32_t y = 0; y < H; y++)
        for (uint32_t x = 0; x < W; x++)
            for (uint32_t c = 0; c < 3; c++) p[(y * W + x) * 3 + c] = (uint8_t)((y / 34 + c) % 3 == 0 ? x : (y / 34 + c) % 3 == 1 ? 255 - x : 40 + 30 * c);
    bytes file = encode(p, 3, 15, 0, 1);
    uint8_t *out = decode(file);
    for (size_t i = 0; i < (size_t)W * H * 3; i++) assert_in_range(out[i] + 1, p[i], p[i] + 2);
    free(p);
    free(out);
    free(file.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ramps_have_no_bands), cmocka_unit_test(test_mixtures), cmocka_unit_test(test_text_is_small), cmocka_unit_test(test_photos_do_not_look_like_screens)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
