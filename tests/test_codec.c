/* The whole codec through the public API: sizes, layouts, variants, streaming, limits. */
#include "tests/codec_io.h"
#include "tests/pictures.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static vqz_settings defaults(void) {
    vqz_settings s;
    vqz_settings_init(&s);
    s.threads = 1;
    return s;
}

static bytes encode(const vqz_settings *s, uint32_t w, uint32_t h, unsigned layout, const uint8_t *p) {
    vqz_image_info info = {.width = w, .height = h, .layout = (vqz_layout)layout};
    vqz_error e = {0};
    bytes b;
    vqz_status st = encode_picture(s, &info, p, h, &b, &e);
    if (st != VQZ_OK) fail_msg("%u x %u: %s: %s", w, h, vqz_status_name(st), e.text);
    return b;
}

static uint8_t *decode(const vqz_settings *s, bytes b, size_t step) {
    uint8_t *q;
    vqz_file_info fi;
    vqz_error e = {0};
    vqz_status st = decode_picture(s, b, step, &q, &fi, NULL, &e);
    if (st != VQZ_OK) fail_msg("%s: %s", vqz_status_name(st), e.text);
    return q;
}

/* Round trip; PSNR at least `db`, alpha exact. tile 0: the default size. */
static void round_trip_tiled(uint32_t tile, uint32_t w, uint32_t h, unsigned layout, test_picture kind, float quality, double db) {
    vqz_settings s = defaults();
    s.quality = quality;
    s.tile_size = tile;
    s.pixel_hash = 1;                        /* the decoder checks it */
    uint8_t *p = make_picture(kind, w, h, layout, 7);
    bytes b = encode(&s, w, h, layout, p);
    uint8_t *q = decode(&s, b, 0);
    double got = picture_psnr(p, q, (size_t)w * h, layout);
    if (got < db) fail_msg("%u x %u, layout %u, quality %g: %.2f dB", w, h, layout, quality, got);
    for (size_t i = layout - 1; layout % 2 == 0 && i < (size_t)w * h * layout; i += layout) assert_int_equal(p[i], q[i]);
    free(p);
    free(q);
    free(b.data);
}

static void round_trip(uint32_t w, uint32_t h, unsigned layout, test_picture kind, float quality, double db) {
    round_trip_tiled(0, w, h, layout, kind, quality, db);
}

static void sizes(void **state) {
    (void)state;
    static const uint32_t size[][2] = {{1, 1}, {1, 17}, {17, 1}, {63, 65}, {64, 64}, {65, 129}, {300, 7}, {768, 512}};
    for (size_t i = 0; i < sizeof size / sizeof *size; i++)
        for (unsigned layout = 1; layout <= 4; layout++)
            if (size[i][0] < 768 || layout == 3) round_trip(size[i][0], size[i][1], layout, PICTURE_PHOTO, 75, 26);
}

static void several_tiles(void **state) {
    (void)state;
    vqz_settings s = defaults();
    s.tile_size = 128;
    const uint32_t w = 500, h = 390;
    uint8_t *p = make_picture(PICTURE_PHOTO, w, h, 4, 3);
    bytes b = encode(&s, w, h, 4, p);
    uint8_t *q = decode(&s, b, 0);
    assert_true(picture_psnr(p, q, (size_t)w * h, 4) > 26);
    /* the grid must not show: as good at tile borders as elsewhere */
    double edge = 0, inner = 0;
    size_t ne = 0, ni = 0;
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++) {
            size_t i = ((size_t)y * w + x) * 4;
            if (!p[i + 3]) continue;
            double d = (double)p[i + 1] - q[i + 1];
            if (x % 128 == 0 || x % 128 == 127) edge += d * d, ne++;
            else inner += d * d, ni++;
        }
    assert_true(edge / (double)ne < 1.5 * inner / (double)ni + 1);
    free(p);
    free(q);
    free(b.data);
}

static void large(void **state) {
    (void)state;
#ifndef __SANITIZE_ADDRESS__                 /* minutes under the sanitizers */
    vqz_settings s = defaults();
    s.threads = 0;
    uint8_t *p = make_picture(PICTURE_PHOTO, 4000, 3000, 3, 5);
    bytes b = encode(&s, 4000, 3000, 3, p);
    uint8_t *q = decode(&s, b, 0);
    assert_true(picture_psnr(p, q, 12000000, 3) > 26);
    free(p);
    free(q);
    free(b.data);
    round_trip(VQZ_MAX_SIDE, 1, 1, PICTURE_PHOTO, 50, 20);
    round_trip(1, VQZ_MAX_SIDE, 1, PICTURE_PHOTO, 50, 20);
#endif
}

static void hard_content(void **state) {
    (void)state;
    round_trip(192, 160, 3, PICTURE_NOISE, 90, 30);
    round_trip(192, 160, 3, PICTURE_CHECKER, 90, 30);
    round_trip(256, 256, 3, PICTURE_FLAT, 0, 30);
}

/* Residuals in every layout and several tile rows: at the top 44 dB whatever the content. */
static void top_quality(void **state) {
    (void)state;
    static const uint32_t size[][2] = {{1, 1}, {200, 40}, {40, 200}, {150, 140}, {40, 330}};       /* tile rows: 1, 1, 2, 1, 3 */
    for (size_t i = 0; i < sizeof size / sizeof *size; i++)
        for (unsigned layout = 1; layout <= 4; layout++) {
            round_trip_tiled(128, size[i][0], size[i][1], layout, PICTURE_PHOTO, 100, 44);
            if (i == 3) round_trip_tiled(128, size[i][0], size[i][1], layout, PICTURE_NOISE, 100, 44);
        }
}

/* The same file and the same pixels from every variant and thread count, however rows and bytes arrive. */
static void compare_everywhere(uint32_t w, uint32_t h, float quality) {
    vqz_settings s = defaults();
    s.tile_size = 128;
    s.quality = quality;
    s.cpu = VQZ_CPU_SCALAR;
    uint8_t *p = make_picture(PICTURE_PHOTO, w, h, 3, 11);
    bytes want = encode(&s, w, h, 3, p);
    uint8_t *pixels = decode(&s, want, 0);
    for (uint32_t cpu = VQZ_CPU_AUTO; vqz_cpu_name(cpu); cpu++)
        for (uint32_t threads = 1; threads <= 4; threads += 3) {
            vqz_image_info info = {.width = w, .height = h, .layout = VQZ_RGB};
            vqz_error e = {0};
            bytes b;
            s.cpu = cpu;
            s.threads = threads;
            vqz_status st = encode_picture(&s, &info, p, cpu == VQZ_CPU_AUTO ? 1 : 50, &b, &e);
            if (st == VQZ_ERR_UNSUPPORTED) {
                print_message("%s: not run, this machine or build lacks it\n", vqz_cpu_name(cpu));
                continue;
            }
            assert_int_equal(st, VQZ_OK);
            assert_int_equal(b.size, want.size);
            assert_memory_equal(b.data, want.data, want.size);
            uint8_t *q = decode(&s, b, cpu == VQZ_CPU_AUTO ? 1 : 1000);
            assert_memory_equal(q, pixels, (size_t)w * h * 3);
            free(q);
            free(b.data);
        }
    free(p);
    free(pixels);
    free(want.data);
}

static void same_everywhere(void **state) {
    (void)state;
    compare_everywhere(333, 290, 75);
    compare_everywhere(200, 200, 98);        /* with residuals */
}

static void quality_orders(void **state) {
    (void)state;
    uint8_t *p = make_picture(PICTURE_PHOTO, 256, 192, 3, 2);
    size_t last = 0;
    for (int quality = 0; quality <= 100; quality += 20) {
        vqz_settings s = defaults();
        s.quality = (float)quality;
        bytes b = encode(&s, 256, 192, 3, p);
        assert_true(b.size > last);
        last = b.size;
        free(b.data);
    }
    free(p);
}

static double decoded_psnr(const vqz_settings *s, bytes b, const uint8_t *p, uint32_t w, uint32_t h, unsigned layout) {
    uint8_t *q = decode(s, b, 0);
    double db = picture_psnr(p, q, (size_t)w * h, layout);
    free(q);
    return db;
}

/* A search pays: more quality for about the same bytes, in one tile and in several, with residuals and without, gray and with alpha. */
static void efforts(void **state) {
    (void)state;
    static const struct { uint32_t w, h, tile, layout; float quality, db; } cases[] = {
        {300, 200, 0, VQZ_RGB, 20, 0.03f}, {300, 200, 0, VQZ_RGB, 60, 0.05f}, {333, 290, 128, VQZ_RGB, 72, 0.02f},
        {150, 140, 128, VQZ_RGBA, 70, 0.05f}, {65, 33, 0, VQZ_GRAY, 70, 0.05f}, {150, 140, 128, VQZ_RGB, 92, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint32_t w = cases[i].w, h = cases[i].h, layout = cases[i].layout;
        uint8_t *p = make_picture(PICTURE_PHOTO, w, h, layout, 5);
        vqz_settings s = defaults();
        s.quality = cases[i].quality;
        s.tile_size = cases[i].tile;
        s.pixel_hash = 1;
        s.tune = VQZ_TUNE_PSNR;              /* what is measured here */
        s.effort = 0;
        bytes least = encode(&s, w, h, layout, p);
        s.effort = 3;
        bytes plain = encode(&s, w, h, layout, p);
        assert_int_equal(least.size, plain.size);
        assert_memory_equal(least.data, plain.data, plain.size);
        s.effort = 4;
        bytes corrected = encode(&s, w, h, layout, p);
        s.effort = 7;
        bytes best = encode(&s, w, h, layout, p);
        const double before = decoded_psnr(&s, plain, p, w, h, layout), half = decoded_psnr(&s, corrected, p, w, h, layout);
        const double after = decoded_psnr(&s, best, p, w, h, layout);
        if (s.quality < 75 ? half != before || corrected.size != plain.size : half < before + (double)cases[i].db / 2 || (double)corrected.size > 1.05 * (double)plain.size + 16)
            fail_msg("case %zu: %zu bytes, %.3f dB; effort 4 %zu bytes, %.3f dB", i, plain.size, before, corrected.size, half);
        if (after < before + (double)cases[i].db || (double)best.size > 1.05 * (double)plain.size + 16)
            fail_msg("case %zu: %zu bytes, %.3f dB; effort 7 %zu bytes, %.3f dB", i, plain.size, before, best.size, after);
        s.threads = 4;
        bytes again = encode(&s, w, h, layout, p);
        assert_int_equal(again.size, best.size);
        assert_memory_equal(again.data, best.data, best.size);
        free(plain.data);
        free(least.data);
        free(corrected.data);
        free(best.data);
        free(again.data);
        free(p);
    }
}

/* Left half a photo, right half noise: tuned for the eye, the noise gets fewer bits and the photo does not suffer. */
static void tunes(void **state) {
    (void)state;
    enum { W = 256, H = 128 };
    uint8_t *p = make_picture(PICTURE_PHOTO, W, H, 3, 3), *noise = make_picture(PICTURE_NOISE, W, H, 3, 4);
    for (size_t y = 0; y < H; y++) memcpy(p + (y * W + W / 2) * 3, noise + (y * W + W / 2) * 3, W / 2 * 3);
    size_t size[2];
    double left[2], right[2];
    for (uint32_t tune = VQZ_TUNE_VISUAL; tune <= VQZ_TUNE_PSNR; tune++) {
        vqz_settings s = defaults();
        s.tune = tune;
        s.quality = 40;
        bytes b = encode(&s, W, H, 3, p);
        uint8_t *q = decode(&s, b, 0);
        double *to[2] = {&left[tune], &right[tune]};
        for (size_t half = 0; half < 2; half++) {
            uint64_t sum = 0;
            for (size_t y = 0; y < H; y++)
                for (size_t i = (y * W + half * W / 2) * 3, end = i + W / 2 * 3; i < end; i++) sum += (uint64_t)((p[i] - q[i]) * (p[i] - q[i]));
            *to[half] = (double)sum;
        }
        size[tune] = b.size;
        free(q);
        free(b.data);
    }
    assert_true(size[VQZ_TUNE_VISUAL] < size[VQZ_TUNE_PSNR] * 9 / 10);
    assert_true(left[VQZ_TUNE_VISUAL] < left[VQZ_TUNE_PSNR] * 1.02);
    assert_true(right[VQZ_TUNE_VISUAL] > right[VQZ_TUNE_PSNR]);
    vqz_settings s = defaults();
    s.tune = VQZ_TUNE_PSNR + 1;
    vqz_encoder *enc;
    vqz_error e = {0};
    assert_int_equal(vqz_encoder_open(&enc, &s, NULL, &e), VQZ_ERR_ARGUMENT);
    free(p);
    free(noise);
}

static void small_overhead(void **state) {
    (void)state;
    vqz_settings s = defaults();
    s.quality = 0;
    uint8_t *p = make_picture(PICTURE_FLAT, 64, 64, 3, 1);
    bytes b = encode(&s, 64, 64, 3, p);
    assert_true(b.size <= 110);              /* 80 of header, hashes and lane states, and a flat block */
    free(p);
    free(b.data);
}

static void metadata(void **state) {
    (void)state;
    uint8_t icc[300], exif[40];
    for (size_t i = 0; i < sizeof icc; i++) icc[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < sizeof exif; i++) exif[i] = (uint8_t)i;
    vqz_settings s = defaults();
    uint8_t *p = make_picture(PICTURE_PHOTO, 40, 30, 3, 1), *q;
    vqz_image_info info = {.width = 40, .height = 30, .layout = VQZ_RGB, .orientation = 6, .cicp = {9, 16, 0, 1},
                           .meta = {.icc = icc, .icc_size = sizeof icc, .exif = exif, .exif_size = sizeof exif}};
    vqz_error e = {0};
    vqz_file_info fi;
    vqz_decoder *d;
    bytes b;
    assert_int_equal(encode_picture(&s, &info, p, 30, &b, &e), VQZ_OK);
    assert_int_equal(vqz_decoder_open(&d, &s, &e), VQZ_OK);
    assert_int_equal(vqz_decoder_send(d, b.data, b.size), VQZ_OK);
    assert_int_equal(vqz_decoder_info(d, &fi), VQZ_OK);
    assert_int_equal(fi.image.orientation, 6);
    assert_int_equal(fi.image.meta.icc_size, sizeof icc);
    assert_memory_equal(fi.image.meta.icc, icc, sizeof icc);
    assert_int_equal(fi.image.meta.exif_size, sizeof exif);
    assert_memory_equal(fi.image.meta.exif, exif, sizeof exif);
    assert_int_equal(fi.image.meta.xmp_size, 0);
    assert_memory_equal(fi.image.cicp, info.cicp, 4);
    vqz_decoder_close(d);
    q = decode(&s, b, 0);
    free(p);
    free(q);
    free(b.data);
}

static void limits(void **state) {
    (void)state;
    vqz_settings s = defaults();
    uint8_t *p = make_picture(PICTURE_PHOTO, 200, 200, 3, 1), *q;
    bytes b = encode(&s, 200, 200, 3, p), none;
    vqz_image_info info = {.width = 200, .height = 200, .layout = VQZ_RGB};
    vqz_file_info fi;
    vqz_error e = {0};
    s.max_pixels = 39999;
    assert_int_equal(decode_picture(&s, b, 0, &q, &fi, NULL, &e), VQZ_ERR_LIMIT);
    assert_int_equal(encode_picture(&s, &info, p, 200, &none, &e), VQZ_ERR_LIMIT);
    free(none.data);
    s = defaults();
    bytes top;                               /* what decoding will allocate is known before it does */
    uint64_t planned[2];
    vqz_decoder *d;
    s.quality = 100;
    top = encode(&s, 200, 200, 3, p);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(vqz_decoder_open(&d, &s, &e), VQZ_OK);
        assert_int_equal(vqz_decoder_send(d, i ? top.data : b.data, i ? top.size : b.size), VQZ_OK);
        assert_int_equal(vqz_decoder_info(d, &fi), VQZ_OK);
        planned[i] = fi.peak_memory;
        vqz_decoder_close(d);
    }
    assert_true(planned[1] > planned[0]);
    free(top.data);
    s.max_memory = 1 << 20;
    assert_int_equal(decode_picture(&s, b, 0, &q, &fi, NULL, &e), VQZ_ERR_LIMIT);
    assert_non_null(strstr(e.text, "memory"));
    assert_int_equal(encode_picture(&s, &info, p, 200, &none, &e), VQZ_ERR_LIMIT);
    free(none.data);
    info.width = 0;
    s = defaults();
    assert_int_equal(encode_picture(&s, &info, p, 200, &none, &e), VQZ_ERR_ARGUMENT);
    free(none.data);
    s.quality = 101;
    assert_int_equal(encode_picture(&s, &info, p, 200, &none, &e), VQZ_ERR_ARGUMENT);
    free(none.data);
    free(p);
    free(b.data);
}

/* An encoder for picture after picture makes the files that an encoder for each makes. */
static void one_after_another(void **state) {
    (void)state;
    static const vqz_image_info infos[] = {{.width = 90, .height = 70, .layout = VQZ_RGBA}, {.width = 200, .height = 150, .layout = VQZ_RGB}, {.width = 60, .height = 80, .layout = VQZ_GRAYA},
                                           {.width = 30, .height = 20, .layout = VQZ_GRAY}, {.width = 90, .height = 70, .layout = VQZ_RGBA}};
    for (int lossless = 0; lossless < 2; lossless++) {
        vqz_settings s = defaults();
        vqz_encoder *enc;
        vqz_error e;
        s.quality = 95;
        s.tile_size = 128;
        s.lossless = (uint32_t)lossless;
        assert_int_equal(vqz_encoder_open(&enc, &s, NULL, &e), VQZ_OK);
        for (size_t i = 0; i < sizeof infos / sizeof *infos; i++) {
            uint8_t *p = make_picture(PICTURE_PHOTO, infos[i].width, infos[i].height, infos[i].layout, (uint32_t)i + 1);
            bytes b, alone;
            assert_int_equal(encode_with(enc, &infos[i], p, 33, &b, &e), VQZ_OK);
            assert_int_equal(encode_picture(&s, &infos[i], p, 7, &alone, &e), VQZ_OK);
            assert_int_equal(b.size, alone.size);
            assert_memory_equal(b.data, alone.data, b.size);
            free(p);
            free(b.data);
            free(alone.data);
        }
        vqz_encoder_close(enc);
    }
}

static void probe(void **state) {
    (void)state;
    vqz_settings s = defaults();
    uint8_t *p = make_picture(PICTURE_FLAT, 16, 16, 3, 1);
    bytes b = encode(&s, 16, 16, 3, p);
    assert_int_equal(vqz_probe(b.data, b.size), VQZ_OK);
    assert_int_equal(vqz_probe(b.data, 3), VQZ_AGAIN);
    assert_int_equal(vqz_probe((const uint8_t *)"\211PNG\r\n", 6), VQZ_ERR_SIGNATURE);
    b.data[8] = 200;
    assert_int_equal(vqz_probe(b.data, b.size), VQZ_ERR_VERSION);
    free(p);
    free(b.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes), cmocka_unit_test(several_tiles), cmocka_unit_test(large), cmocka_unit_test(hard_content),
        cmocka_unit_test(top_quality), cmocka_unit_test(same_everywhere), cmocka_unit_test(quality_orders), cmocka_unit_test(efforts), cmocka_unit_test(tunes), cmocka_unit_test(small_overhead),
        cmocka_unit_test(metadata), cmocka_unit_test(limits), cmocka_unit_test(one_after_another), cmocka_unit_test(probe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
