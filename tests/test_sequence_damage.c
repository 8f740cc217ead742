/* Damaged sequences: whatever is wrong costs its own frame. */
#include "base/bytes.h"
#include "base/crc32c.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "tests/film.h"
#include <time.h>

enum { PREAMBLE = 10 };

static size_t next_chunk(bytes b, size_t at) { return at + 12 + vqz_load32(b.data + at + 4); }

/* A sequence of that tile size, and what decodes its stills. */
static bytes make_rgb(uint32_t tile, uint32_t frames, uint32_t claimed) {
    static vqz_settings s;
    s = settings_of(20, tile);
    use(&s, VQZ_RGB);
    return make(frames, claimed);
}

/* Offsets of all chunks; the last one is the end of the file. */
static unsigned chunks_of(bytes b, size_t *at) {
    unsigned n = 0;
    for (size_t i = PREAMBLE; i < b.size; i = next_chunk(b, i)) at[n++] = i;
    at[n] = b.size;
    return n;
}

/* Frames whose pixels are right; the others must have failed, or, with `partial`, have tiles that are not verified. */
static unsigned good_frames(const film *f, uint8_t *const stills[FRAMES], bool partial, bool good[FRAMES]) {
    unsigned count = 0;
    memset(good, 0, FRAMES * sizeof *good);
    for (unsigned i = 0; i < f->count; i++) {
        const seen *v = &f->frames[i];
        if (v->status != VQZ_END || v->unverified) {
            assert_true(v->status != VQZ_END || partial);
            continue;
        }
        unsigned k = 0;
        while (k < FRAMES && times[k] != v->frame.pts) k++;
        assert_true(k < FRAMES);
        assert_memory_equal(v->pixels, stills[k], (size_t)W * H * current_layout);
        good[k] = true;
        count++;
    }
    return count;
}

/* One changed byte anywhere behind the header costs one frame at most, in pieces of any size. */
static void one_byte(void **state) {
    (void)state;
    bytes b = make_rgb(128, FRAMES, 0);
    uint8_t *stills[FRAMES];
    make_stills(stills);
    size_t at[MOST];
    unsigned chunks = chunks_of(b, at), failed = 0;
    bool good[FRAMES];
    for (unsigned c = 1; c < chunks; c++)
        for (unsigned place = 0; place < 6; place++) {       /* type, length, the first bytes, the crc */
            static const uint8_t places[6] = {0, 2, 4, 6, 8, 10};
            size_t i = place < 5 ? at[c] + places[place] + c % 2 : at[c + 1] - 1 - c % 4;
            static const uint8_t bits[] = {1, 0x20, 0x80, 0xFF};
            uint8_t change = bits[(c + place) % 4];
            b.data[i] ^= change;
            int partial = (int)(c + place) % 2;
            film f = read_film(b, place % 3 ? 0 : 500, partial);
            if (f.status != VQZ_END && c + 1 < chunks) fail_msg("byte %zu: %s", i, f.text);
            unsigned whole = good_frames(&f, stills, partial, good);
            if (whole < FRAMES - 1u || (c + 1 == chunks && whole < FRAMES)) fail_msg("byte %zu, partial %d: %u frames", i, partial, whole);
            failed += whole < FRAMES;
            b.data[i] ^= change;
            drop_film(&f);
        }
    assert_true(failed > 50);
    drop_stills(stills);
    free(b.data);
}

static void cuts(void **state) {
    (void)state;
    bytes b = make_rgb(128, FRAMES, 0);
    size_t at[MOST];
    unsigned chunks = chunks_of(b, at), frames = 0;
    for (unsigned c = 1; c <= chunks; c++) {
        bytes cut = b;
        bool frame_ends = c == chunks || memcmp(b.data + at[c], "TILE", 4);
        for (int d = c == chunks ? -1 : 0; d < (c == chunks ? 0 : 2); d++) {
            cut.size = at[c] + (size_t)d;
            film f = read_film(cut, 1000, 0);
            assert_int_equal(f.status, VQZ_ERR_TRUNCATED);
            unsigned whole = 0;
            for (unsigned i = 0; i < f.count; i++) {
                whole += f.frames[i].status == VQZ_END;
                assert_true(f.frames[i].status == VQZ_END || (i + 1 == f.count && f.frames[i].status == VQZ_ERR_TRUNCATED));     /* one error, at the end */
            }
            if (c > 1) assert_int_equal(whole, frames + (frame_ends && c < chunks));
            drop_film(&f);
            f = read_film(cut, 0, 1);                        /* what is there is shown, and nothing is wrong */
            if (c > 2) assert_int_equal(f.status, VQZ_END);
            drop_film(&f);
        }
        if (frame_ends && c > 1) frames++;
    }
    assert_int_equal(frames, FRAMES + 1);                    /* the last cut is in INDX */
    free(b.data);
}

static bytes without(bytes b, const size_t *at, unsigned chunk) {
    bytes r = {0};
    bytes_add(&r, b.data, at[chunk]);
    bytes_add(&r, b.data + at[chunk + 1], b.size - at[chunk + 1]);
    return r;
}

/* Whole chunks that are not there, and lengths that lie. */
static void missing(void **state) {
    (void)state;
    bytes b = make_rgb(128, FRAMES, 0);
    uint8_t *stills[FRAMES];
    make_stills(stills);
    size_t at[MOST];
    unsigned chunks = chunks_of(b, at);
    bool good[FRAMES];
    for (unsigned c = 2; c + 1 < chunks; c++)
        for (int partial = 0; partial < 2; partial++) {
            bytes r = without(b, at, c);
            film f = read_film(r, 333, partial);
            assert_int_equal(f.status, VQZ_END);
            assert_int_equal(good_frames(&f, stills, partial, good), FRAMES - 1);
            drop_film(&f);
            free(r.data);
        }
    for (unsigned c = 2; c + 1 < chunks; c++) {              /* the chunk says that it holds the rest of the file, or more than that */
        uint32_t was = vqz_load32(b.data + at[c] + 4);
        for (int k = 0; k < 2; k++) {
            vqz_store32(b.data + at[c] + 4, k ? (uint32_t)(b.size - at[c] - 12) : 200000);
            film f = read_film(b, 0, 0);
            assert_int_equal(f.status, VQZ_END);
            if (good_frames(&f, stills, false, good) != FRAMES - 1) fail_msg("chunk %u", c);
            drop_film(&f);
        }
        vqz_store32(b.data + at[c] + 4, was);
    }
    drop_stills(stills);
    free(b.data);
}

static void claims(void **state) {
    (void)state;
    bytes b = make_rgb(0, FRAMES, FRAMES), fewer = {0};
    size_t at[MOST];
    unsigned chunks = chunks_of(b, at);
    assert_int_equal(chunks, 1 + 2 * FRAMES + 1);
    bytes_add(&fewer, b.data, at[7]);                        /* three frames, then the index of four, then one of three */
    bytes_add(&fewer, b.data + at[9], b.size - at[9]);
    film f = read_film(fewer, 0, 0);
    assert_int_equal(f.status, VQZ_ERR_CORRUPT);
    assert_int_equal(f.count, 3);
    assert_non_null(strstr(f.text, "INDX chunk at offset"));
    assert_non_null(strstr(f.text, ": it comes after 3 frames, HEAD says 4"));
    drop_film(&f);
    free(fewer.data);
    free(b.data);
}

static uint8_t *put_chunk(uint8_t *to, const char *type, const uint8_t *payload, uint32_t n, uint32_t says, uint32_t crc) {
    memcpy(to, type, 4);
    vqz_store32(to + 4, says);
    memcpy(to + 8, payload, n);
    vqz_store32(to + 8 + n, crc ^ vqz_crc32c(0, to, 8 + n));
    return to + 12 + n;
}

/* Thousands of frames, each with a tile that says that it holds all that follows: what is read again and again has a limit. */
static void nested(void **state) {
    (void)state;
    enum { COUNT = 10000, MOST_EACH = 64 };
    bytes b = make_rgb(0, 1, 0), bomb = {malloc(1000 + COUNT * MOST_EACH), 0};
    size_t at[MOST];
    chunks_of(b, at);
    memcpy(bomb.data, b.data, at[1]);
    uint8_t *to = bomb.data + at[1];
    for (uint32_t i = 0; i < COUNT; i++) {
        uint8_t fram[8] = {8}, tile[9] = {0};
        size_t n = 1 + vqz_store_long(fram + 1, vqz_fold(i));
        fram[n++] = 1;
        to = put_chunk(to, "FRAM", fram, (uint32_t)n, (uint32_t)n, 0);
        to = put_chunk(to, "TILE", tile, 9, 400000, 1);
    }
    bomb.size = (size_t)(to - bomb.data);
    for (int partial = 0; partial < 2; partial++) {
        vqz_decoder *d = open_decoder(partial);
        vqz_frame frame;
        vqz_band band;
        clock_t start = clock();
        assert_int_equal(vqz_decoder_send(d, bomb.data, bomb.size), VQZ_OK);
        assert_int_equal(vqz_decoder_flush(d), VQZ_OK);
        unsigned frames = 0;
        vqz_status end;
        while ((end = vqz_decoder_next_frame(d, &frame)) == VQZ_OK) {
            vqz_status st = vqz_decoder_receive(d, &band);
            assert_true(st == VQZ_ERR_CHECKSUM || st == VQZ_ERR_CORRUPT || st == VQZ_ERR_TRUNCATED);
            frames++;
        }
        assert_true(frames > 40);
        assert_int_equal(end, partial ? VQZ_END : VQZ_ERR_TRUNCATED);
        assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 4);
        vqz_decoder_close(d);
    }
    free(bomb.data);
    free(b.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_byte), cmocka_unit_test(cuts), cmocka_unit_test(missing), cmocka_unit_test(claims), cmocka_unit_test(nested)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
