/* Pixels as they are: what goes in comes back, in payloads and in whole files; damage is found. */
#include "codec/pixels.h"
#include "tests/codec_io.h"
#include "tests/pictures.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* Flat areas, lines and something like text, and a part of noise. */
static uint8_t *make_screen(uint32_t w, uint32_t h, unsigned channels) {
    uint8_t *p = malloc((size_t)w * h * channels);
    uint32_t s = 7;
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++)
            for (unsigned c = 0; c < channels; c++) {
                unsigned v = (x / 40 + y / 30) % 2 ? 250 : 30 + 50 * c;
                if (y % 9 < 5 && (x * 7 + y / 9 * 3 + y % 9 * (x / 5)) % 5 == 0) v = 10 + 20 * c;
                if (x > w - w / 4 && y > h - h / 4) v = test_random(&s) >> 9 & 255;
                p[((size_t)y * w + x) * channels + c] = (uint8_t)v;
            }
    return p;
}

typedef struct section {
    vqz_memory mem;
    vqz_rans_enc rans;
    void *data;
    size_t size;
} section;

static void encode(section *s, const vqz_pixels *p, unsigned flags) {
    vqz_error e = {0};
    s->data = NULL;
    s->size = 0;
    vqz_memory_init(&s->mem, 1 << 28);
    vqz_rans_enc_init(&s->rans, &s->mem);
    if (vqz_pixels_encode(p, flags, &s->rans, &s->data, &s->size, &e) != VQZ_OK) fail_msg("encode: %s", e.text);
}
static void free_section(section *s) {
    vqz_free(&s->mem, s->data);
    vqz_rans_enc_free(&s->rans);
    assert_true(s->mem.used == 0);
}

/* p has `channels` samples a pixel, of which the first `colours` are coded; the rest, and what the mask leaves out, must stay as it is. */
static size_t check(const uint8_t *p, uint32_t w, uint32_t h, unsigned channels, unsigned colours, uint8_t *mask, unsigned flags) {
    const size_t n = (size_t)w * h * channels;
    uint8_t *in = malloc(n), *out = malloc(n);
    memcpy(in, p, n);
    memset(out, 77, n);
    vqz_pixels t = {{in, (size_t)w * channels, channels}, w, h, colours, mask};
    section s;
    encode(&s, &t, flags);
    assert_memory_equal(in, p, n);
    t.samples.data = out;
    t.mask = NULL;
    vqz_error e = {0};
    if (vqz_pixels_decode(&t, &s.mem, s.data, s.size, true, &e) != VQZ_OK) fail_msg("%u x %u, %u: %s", w, h, flags, e.text);
    for (size_t i = 0; i < n; i++) {
        const uint32_t x = (uint32_t)(i / channels % w), y = (uint32_t)(i / channels / w);
        const bool coded = i % channels < colours && (!mask || mask[(size_t)(y / 16) * vqz_pixel_blocks(w) + x / 16]);
        if (out[i] != (coded ? p[i] : 77)) fail_msg("%u x %u, %u: sample %zu is %d, not %d", w, h, flags, i, out[i], coded ? p[i] : 77);
    }
    const size_t size = s.size;
    free_section(&s);
    free(in);
    free(out);
    return size;
}

static void test_everything_comes_back(void **state) {
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1}, {2, 1}, {1, 19}, {17, 33}, {64, 64}, {101, 47}, {3000, 2}, {2, 700}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (unsigned kind = 0; kind < 5; kind++)
            for (unsigned channels = 1; channels <= 4; channels++) {
                const uint32_t w = sizes[i][0], h = sizes[i][1];
                uint8_t *p = kind == 4 ? make_screen(w, h, channels) : make_picture((test_picture)kind, w, h, channels, 3);
                check(p, w, h, channels, channels < 3 ? 1 : 3, NULL, 0);
                check(p, w, h, channels, channels < 3 ? 1 : 3, NULL, VQZ_PIXELS_MEMORY);
                free(p);
            }
}

static void test_masks(void **state) {
    (void)state;
    uint32_t seed = 5;
    uint8_t mask[7 * 4];
    uint8_t *p = make_screen(100, 60, 3);
    for (int round = 0; round < 12; round++) {
        for (size_t i = 0; i < sizeof mask; i++) mask[i] = round == 0 ? 0 : round == 1 ? 1 : test_random(&seed) >> 9 & 1;
        check(p, 100, 60, 3, 3, mask, round & 1);
        check(p, 100, 60, 3, 1, mask, round & 1);
    }
    free(p);
}

/* More than one band; and the memory pays on screens. */
static void test_sizes(void **state) {
    (void)state;
    uint8_t *p = make_screen(700, 500, 3), *q = make_picture(PICTURE_PHOTO, 700, 500, 3, 1);
    const size_t plain = check(p, 700, 500, 3, 3, NULL, 0), memory = check(p, 700, 500, 3, 3, NULL, VQZ_PIXELS_MEMORY);
    assert_true(memory < plain);
    assert_true(check(q, 700, 500, 3, 3, NULL, 0) < 700 * 500 * 3 / 2);
    memset(q, 200, 700 * 500 * 3);
    assert_true(check(q, 700, 500, 3, 3, NULL, 0) < 400);
    free(p);
    free(q);
}

/* Any change of a section is an error, or at the least leaves memory alone; shorter ones never pass. */
static void test_damage(void **state) {
    (void)state;
    uint8_t mask[3 * 3] = {1, 0, 1, 1, 1, 0, 0, 1, 1}, *p = make_screen(40, 36, 3);
    for (unsigned flags = 0; flags < 4; flags++) {
        vqz_pixels t = {{p, 120, 3}, 40, 36, 3, flags & VQZ_PIXELS_MASK ? mask : NULL};
        section s;
        encode(&s, &t, flags & VQZ_PIXELS_MEMORY);
        uint8_t *bad = malloc(s.size + 1), *out = malloc(40 * 36 * 3);
        t = (vqz_pixels){{out, 120, 3}, 40, 36, 3, NULL};
        vqz_error e;
        for (size_t n = 0; n < s.size; n++) {
            memcpy(bad, s.data, n);
            assert_int_equal(vqz_pixels_decode(&t, &s.mem, bad, n, true, &e), VQZ_ERR_CORRUPT);
        }
        memcpy(bad, s.data, s.size);
        bad[s.size] = 0;
        assert_int_equal(vqz_pixels_decode(&t, &s.mem, bad, s.size + 1, true, &e), VQZ_ERR_CORRUPT);
        for (size_t i = 0; i < s.size; i++)
            for (unsigned bit = 1; bit < 256; bit *= 4) {
                memcpy(bad, s.data, s.size);
                bad[i] ^= (uint8_t)bit;
                const vqz_status st = vqz_pixels_decode(&t, &s.mem, bad, s.size, true, &e);
                if (st != VQZ_ERR_CORRUPT && st != VQZ_ERR_HASH) fail_msg("flags %u, byte %zu, bit %u: %s", flags, i, bit, vqz_status_name(st));
            }
        memcpy(bad, s.data, s.size);
        bad[1] ^= 1;                         /* the hash alone */
        assert_int_equal(vqz_pixels_decode(&t, &s.mem, bad, s.size, true, &e), VQZ_ERR_HASH);
        assert_int_equal(vqz_pixels_decode(&t, &s.mem, bad, s.size, false, &e), VQZ_OK);
        free(bad);
        free(out);
        free_section(&s);
    }
    free(p);
}

static void test_split(void **state) {
    (void)state;
    static const struct { uint8_t bytes[8]; size_t size; vqz_status status; size_t pixels, latents; } cases[] = {
        {{5, 1, 2, 3}, 4, VQZ_OK, 0, 4},
        {{253, 1, 2, 3}, 4, VQZ_OK, 0, 4},
        {{VQZ_TILE_PIXELS, 0, 9}, 3, VQZ_OK, 2, 0},
        {{VQZ_TILE_PIXELS, VQZ_PIXELS_MASK, 9}, 3, VQZ_ERR_CORRUPT, 0, 0},
        {{VQZ_TILE_PIXELS}, 1, VQZ_ERR_CORRUPT, 0, 0},
        {{VQZ_TILE_MIXED, 2, VQZ_PIXELS_MASK, 9, 7, 7, 7}, 7, VQZ_OK, 2, 3},
        {{VQZ_TILE_MIXED, 2, 0, 9, 7, 7, 7}, 7, VQZ_ERR_CORRUPT, 0, 0},
        {{VQZ_TILE_MIXED, 6, VQZ_PIXELS_MASK, 9, 7, 7, 7}, 7, VQZ_ERR_CORRUPT, 0, 0},
        {{VQZ_TILE_MIXED, 0, VQZ_PIXELS_MASK, 9, 7, 7, 7}, 7, VQZ_ERR_CORRUPT, 0, 0},
        {{VQZ_TILE_MIXED, 0xff, 0xff, 0xff, 0xff, 0xff}, 6, VQZ_ERR_CORRUPT, 0, 0},
        {{0}, 0, VQZ_ERR_CORRUPT, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vqz_tile_parts parts;
        vqz_error e;
        assert_int_equal(vqz_tile_split(&parts, cases[i].bytes, cases[i].size, &e), cases[i].status);
        if (cases[i].status != VQZ_OK) continue;
        assert_int_equal(parts.pixels_size, cases[i].pixels);
        assert_int_equal(parts.latents_size, cases[i].latents);
        assert_true((parts.pixels != NULL) == (cases[i].pixels > 0) && (parts.latents != NULL) == (cases[i].latents > 0));
    }
}

/* Whole files: every layout, tiles, threads; hidden colour stays. */
static void test_files(void **state) {
    (void)state;
    for (unsigned channels = 1; channels <= 4; channels++)
        for (unsigned kind = 0; kind < 3; kind++) {
            const uint32_t w = 333, h = 290;
            uint8_t *p = kind == 2 ? make_screen(w, h, channels) : make_picture(kind ? PICTURE_NOISE : PICTURE_PHOTO, w, h, channels, 9), *out;
            const vqz_image_info info = {.width = w, .height = h, .layout = (vqz_layout)channels};
            bytes file[2];
            vqz_error e = {0};
            for (unsigned i = 0; i < 2; i++) {
                vqz_settings s;
                vqz_settings_init(&s);
                s.lossless = 1;
                s.tile_size = 128;
                s.threads = 1 + i;
                s.effort = i ? 9 : 0;
                s.quality = i ? 10 : 95;
                if (encode_picture(&s, &info, p, i ? 1 : h, &file[i], &e) != VQZ_OK) fail_msg("%s", e.text);
            }
            assert_int_equal(file[0].size, file[1].size);
            assert_memory_equal(file[0].data, file[1].data, file[0].size);
            vqz_file_info got;
            if (decode_picture(NULL, file[0], 0, &out, &got, NULL, &e) != VQZ_OK) fail_msg("%s", e.text);
            assert_int_equal(got.tiles_x * got.tiles_y, 6);
            assert_memory_equal(out, p, (size_t)w * h * channels);
            free(file[0].data);
            free(file[1].data);
            free(p);
            free(out);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_comes_back), cmocka_unit_test(test_masks), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_damage), cmocka_unit_test(test_split), cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
