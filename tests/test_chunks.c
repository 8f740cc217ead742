/* A host's own chunks: written by the encoder, skipped by decoders, found again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "tests/film.h"

static const char note[] = "from a test";

/* A still or a sequence of two frames, with the chunk or without. */
static bytes file_of(const vqz_settings *s, bool sequence, bool with_chunk) {
    use(s, VQZ_RGB);
    const vqz_image_info info = image_info();
    bytes out = {0};
    vqz_encoder *enc;
    if (sequence) enc = open_encoder(0);
    else {
        assert_int_equal(vqz_encoder_open(&enc, s, model, NULL), VQZ_OK);
        assert_int_equal(vqz_encoder_begin(enc, &info), VQZ_OK);
    }
    if (with_chunk) assert_int_equal(vqz_encoder_add_chunk(enc, "nxTe", note, sizeof note), VQZ_OK);
    for (int i = 0; i < (sequence ? 2 : 1); i++) {
        uint8_t *p = picture(i);
        assert_int_equal(drain(enc, &out), VQZ_AGAIN);
        if (sequence) assert_int_equal(vqz_encoder_begin_frame(enc, i, 1), VQZ_OK);
        assert_int_equal(vqz_encoder_send_rows(enc, p, W * 3, H), VQZ_OK);
        free(p);
    }
    if (sequence) {
        assert_int_equal(drain(enc, &out), VQZ_AGAIN);
        assert_int_equal(vqz_encoder_end_sequence(enc), VQZ_OK);
    }
    assert_int_equal(drain(enc, &out), VQZ_END);
    vqz_encoder_close(enc);
    return out;
}

/* Tiles 0: one tile, without an index, whose places the chunk moves. */
static void written_and_found(void **state) {
    (void)state;
    for (unsigned kind = 0; kind < 8; kind++) {
        vqz_settings s = settings_of(40, kind & 1 ? 128 : 0);
        s.pixel_hash = kind >> 1 & 1;
        bytes b = file_of(&s, kind & 4, true), plain = file_of(&s, kind & 4, false);
        assert_in_range(b.size, plain.size + 12 + sizeof note, plain.size + 12 + sizeof note + 1);   /* a place in the index may take a byte more */
        film f = read_film(b, 0, 0), g = read_film(plain, 0, 0);
        assert_int_equal(f.status, VQZ_END);
        assert_int_equal(f.count, g.count);
        for (unsigned i = 0; i < f.count; i++) assert_memory_equal(f.frames[i].pixels, g.frames[i].pixels, W * H * 3);
        drop_film(&f);
        drop_film(&g);
        const uint8_t *found;
        size_t size, n = 0;
        while (vqz_find_chunk(b.data, n, "nxTe", &found, &size) == VQZ_AGAIN) n++;
        assert_int_equal(vqz_find_chunk(b.data, n, "nxTe", &found, &size), VQZ_OK);
        assert_ptr_equal(found + size + 4, b.data + n);      /* as early as it can be told */
        assert_int_equal(size, sizeof note);
        assert_memory_equal(found, note, size);
        assert_int_equal(vqz_find_chunk(b.data, b.size, "nxTf", &found, &size), VQZ_END);
        assert_int_equal(vqz_find_chunk(plain.data, plain.size, "nxTe", &found, &size), VQZ_END);
        assert_null(found);
        b.data[n - 6] ^= 1;
        assert_int_equal(vqz_find_chunk(b.data, b.size, "nxTe", &found, &size), VQZ_ERR_CHECKSUM);
        b.data[n - 4 - sizeof note - 8] = '!';
        assert_int_equal(vqz_find_chunk(b.data, b.size, "nxTe", &found, &size), VQZ_ERR_CORRUPT);
        b.data[0] = 0;
        assert_int_equal(vqz_find_chunk(b.data, b.size, "nxTe", &found, &size), VQZ_ERR_SIGNATURE);
        free(b.data);
        free(plain.data);
    }
}

static void refused(void **state) {
    (void)state;
    const vqz_settings s = settings_of(40, 0);
    use(&s, VQZ_RGB);
    const vqz_image_info info = image_info();
    vqz_encoder *enc;
    uint8_t *much = calloc(1, (1 << 20) + 1);
    bytes out = {0};
    assert_int_equal(vqz_encoder_open(&enc, &s, model, NULL), VQZ_OK);
    assert_int_equal(vqz_encoder_add_chunk(enc, "nxTe", note, 3), VQZ_ERR_ARGUMENT);     /* nothing has begun */
    assert_int_equal(vqz_encoder_begin(enc, &info), VQZ_OK);
    static const char *const types[] = {"NxTe", "iCCP", "eXIf", "TILE", "nx e", "nx\344e"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        assert_int_equal(vqz_encoder_add_chunk(enc, types[i], note, 3), VQZ_ERR_ARGUMENT);
        assert_non_null(strstr(vqz_encoder_error(enc)->text, "no type"));
    }
    assert_int_equal(vqz_encoder_add_chunk(enc, "nxTe", much, (1 << 20) + 1), VQZ_ERR_LIMIT);
    assert_int_equal(vqz_encoder_add_chunk(enc, "nxTe", NULL, 1), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_encoder_add_chunk(enc, "nxTe", NULL, 0), VQZ_OK);
    assert_int_equal(drain(enc, &out), VQZ_AGAIN);
    assert_int_equal(vqz_encoder_add_chunk(enc, "nxTe", note, 3), VQZ_ERR_ARGUMENT);     /* output has been received */
    uint8_t *p = picture(0);
    assert_int_equal(vqz_encoder_send_rows(enc, p, W * 3, H), VQZ_OK);
    assert_int_equal(vqz_encoder_add_chunk(enc, "nxTe", note, 3), VQZ_ERR_ARGUMENT);
    assert_int_equal(drain(enc, &out), VQZ_END);
    film f = read_film(out, 0, 0);           /* none of it did harm */
    assert_int_equal(f.status, VQZ_END);
    drop_film(&f);
    vqz_encoder_close(enc);
    free(p);
    free(out.data);
    free(much);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(written_and_found), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
