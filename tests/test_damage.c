/* Damaged files: a decoded picture or one clear error, never anything else. */
#include "base/bytes.h"
#include "base/crc32c.h"
#include "tests/builtin.h"
#include "tests/codec_io.h"
#include "tests/pictures.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

enum { PREAMBLE = 10 };

static bytes sample_at(float quality, unsigned layout, uint32_t w, uint32_t h, uint32_t tile) {
    vqz_settings s;
    vqz_settings_init(&s);
    s.quality = quality;
    s.threads = 1;
    s.tile_size = tile;
    uint8_t *p = make_picture(PICTURE_PHOTO, w, h, layout, 21);
    vqz_image_info info = {.width = w, .height = h, .layout = (vqz_layout)layout};
    vqz_error e = {0};
    bytes b;
    assert_int_equal(encode_picture(&s, &info, p, h, &b, &e), VQZ_OK);
    free(p);
    return b;
}

static bytes sample(unsigned layout, uint32_t w, uint32_t h, uint32_t tile) { return sample_at(75, layout, w, h, tile); }

/* Decodes whatever it is. An error must have a status and a text. */
static vqz_status try_decode(bytes b, int partial, uint32_t *unverified) {
    vqz_settings s;
    vqz_settings_init(&s);
    s.threads = 1;
    s.partial = (uint32_t)partial;
    s.max_pixels = 1 << 20;
    vqz_error e = {0};
    vqz_decoder *d;
    vqz_band band;
    vqz_status st;
    assert_int_equal(vqz_decoder_open(&d, &s, &e), VQZ_OK);
    assert_int_equal(vqz_decoder_add_model(d, model), VQZ_OK);
    st = vqz_decoder_send(d, b.data, b.size);
    vqz_decoder_flush(d);
    *unverified = 0;
    while (st == VQZ_OK) {
        st = vqz_decoder_receive(d, &band);
        if (st == VQZ_OK) *unverified += band.unverified_tiles;
    }
    if (st != VQZ_END) {
        assert_true(st > VQZ_END && st < VQZ_ERR_INTERNAL);
        assert_int_equal(vqz_decoder_error(d)->status, st);
        assert_true(strlen(vqz_decoder_error(d)->text) > 8);
    }
    vqz_decoder_close(d);
    return st;
}

static size_t next_chunk(bytes b, size_t at) { return at + 12 + vqz_load32(b.data + at + 4); }

static void cut_everywhere(bytes b) {
    bytes cut = {malloc(b.size), 0};
    uint32_t bad;
    assert_int_equal(try_decode(b, 0, &bad), VQZ_END);
    assert_int_equal(bad, 0);
    memcpy(cut.data, b.data, b.size);
    for (size_t at = PREAMBLE; at < b.size; at = next_chunk(b, at))
        for (int d = -1; d <= 1; d++) {
            cut.size = at + (size_t)d;
            assert_int_equal(try_decode(cut, 0, &bad), VQZ_ERR_TRUNCATED);
        }
    free(cut.data);
    free(b.data);
}

static void truncation(void **state) {
    (void)state;
    cut_everywhere(sample(VQZ_RGBA, 150, 140, 128));
    cut_everywhere(sample_at(100, VQZ_RGBA, 150, 210, 128));
}

static void partial(void **state) {
    (void)state;
    bytes b = sample(VQZ_RGB, 256, 384, 128), cut = b;
    uint32_t bad;
    size_t at = next_chunk(b, PREAMBLE);     /* HEAD, then four whole tiles: two rows */
    for (int i = 0; i < 4; i++) at = next_chunk(b, at);
    cut.size = at + 5;
    assert_int_equal(try_decode(cut, 0, &bad), VQZ_ERR_TRUNCATED);
    assert_int_equal(try_decode(cut, 1, &bad), VQZ_END);
    assert_int_equal(bad, 4);                /* the third row is missing, the second touches it */
    /* a damaged tile in the middle is left out, and so is a whole missing row */
    size_t second = next_chunk(b, next_chunk(b, PREAMBLE));
    b.data[second + 40] ^= 1;
    assert_int_equal(try_decode(b, 0, &bad), VQZ_ERR_CHECKSUM);
    assert_int_equal(try_decode(b, 1, &bad), VQZ_END);
    assert_int_equal(bad, 4);
    free(b.data);
}

/* Checksums of all chunks recomputed, so that the damage reaches the entropy decoder and the networks. */
static void mend(bytes b) {
    uint32_t start = vqz_crc32c(0, b.data, PREAMBLE);
    for (size_t at = PREAMBLE; at + 12 <= b.size; start = 0) {
        size_t n = vqz_load32(b.data + at + 4), end = at + 8 + n;
        if (n > b.size || end + 4 > b.size) return;
        vqz_store32(b.data + end, vqz_crc32c(start, b.data + at, 8 + n));
        at = end + 4;
    }
}

/* Two by three tiles with residuals: base 0, base 1, residuals 0, base 2, residuals 1, residuals 2. */
static void partial_residuals(void **state) {
    (void)state;
    bytes b = sample_at(100, VQZ_RGB, 256, 384, 128), cut = b;
    static const uint32_t unverified[] = {6, 6, 6, 6, 5, 4, 4, 4, 3, 2, 1, 0};      /* after so many TILE chunks */
    size_t at = next_chunk(b, PREAMBLE), start[12];
    uint32_t bad;
    for (int i = 0; i < 12; i++) {
        assert_memory_equal(b.data + at, "TILE", 4);
        start[i] = at;
        at = next_chunk(b, at);
        cut.size = at + 3;
        assert_int_equal(try_decode(cut, 0, &bad), VQZ_ERR_TRUNCATED);
        assert_int_equal(try_decode(cut, 1, &bad), VQZ_END);
        if (bad != unverified[i]) fail_msg("%d chunks: %u tiles unverified", i + 1, bad);
    }
    /* a damaged residual costs its own tile only; the checksum repaired, the entropy decoder finds it */
    static const int residual[] = {4, 5, 8, 9, 10, 11};
    for (int i = 0; i < 12; i++) {
        bool is_residual = false;
        for (int k = 0; k < 6; k++) is_residual |= residual[k] == i;
        for (int mended = 0; mended < 2; mended++) {
            b.data[start[i] + 60] ^= 1;
            if (mended) mend(b);
            vqz_status st = try_decode(b, 0, &bad);
            assert_true(mended ? st == VQZ_ERR_CORRUPT || st == VQZ_ERR_HASH : st == VQZ_ERR_CHECKSUM);
            assert_int_equal(try_decode(b, 1, &bad), VQZ_END);
            if (is_residual) assert_int_equal(bad, 1);
            else assert_true(bad >= 4);
            b.data[start[i] + 60] ^= 1;
            mend(b);
        }
    }
    free(b.data);
}

static void corrupt(bytes b, int rounds) {
    bytes c = {malloc(b.size), b.size};
    uint32_t s = 99, bad;
    int reached = 0;
    for (int i = 0; i < rounds; i++) {
        memcpy(c.data, b.data, b.size);
        for (uint32_t k = 0, n = 1 + test_random(&s) % 3; k < n; k++) c.data[test_random(&s) % b.size] ^= (uint8_t)(1 + test_random(&s) % 255);
        if (i & 1) mend(c);
        vqz_status st = try_decode(c, i % 4 == 3, &bad);
        reached += (i & 1) && (st == VQZ_ERR_CORRUPT || st == VQZ_ERR_HASH);
        if (!(i & 1)) assert_true(st != VQZ_END);    /* a checksum finds every single change */
    }
    assert_true(reached > rounds / 10);      /* else the mended files died before the entropy decoder */
    free(c.data);
    free(b.data);
}

static void corruption(void **state) {
    (void)state;
    corrupt(sample(VQZ_RGBA, 48, 40, 0), 1000);
    corrupt(sample_at(100, VQZ_RGBA, 48, 40, 0), 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(truncation), cmocka_unit_test(partial), cmocka_unit_test(partial_residuals), cmocka_unit_test(corruption)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
