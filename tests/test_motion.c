/* Motion: prediction, and what one side writes of it the other reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "codec/motion.h"
#include "base/pixelmath.h"
#include "tests/pictures.h"
#include <stdlib.h>
#include <string.h>

enum { W = 75, H = 50 };

static uint8_t at(const uint8_t *rgb, int x, int y, int c) { return rgb[(vqz_clamp32(y, 0, H - 1) * W + vqz_clamp32(x, 0, W - 1)) * 3 + c]; }

/* Spec/bitstream.md, written down plainly. */
static uint8_t predicted(const uint8_t *rgb, int x, int y, int c, vqz_vector v) {
    static const int taps[4][8] = {{0, 0, 0, 64, 0, 0, 0, 0}, {-1, 4, -10, 58, 18, -7, 3, -1}, {-2, 5, -11, 40, 40, -11, 5, -2}, {-1, 3, -7, 18, 58, -10, 4, -1}};
    int sum = 0;
    for (int j = 0; j < 8; j++)
        for (int i = 0; i < 8; i++) sum += taps[v.y & 3][j] * taps[v.x & 3][i] * at(rgb, x + (v.x >> 2) + i - 3, y + (v.y >> 2) + j - 3, c);
    return (uint8_t)vqz_clamp32((sum + 2048) >> 12, 0, 255);
}

static void prediction(void **state) {
    (void)state;
    static const vqz_vector vectors[] = {{0, 0}, {4, -8}, {1, 0}, {0, 3}, {-2, 2}, {-5, 7}, {301, -3}, {-2047, 2047}, {2047, -2047}, {-41, -38}};
    uint8_t *rgb = make_picture(PICTURE_NOISE, W, H, 3, 1), out[16 * 60];
    const vqz_reference ref = {rgb, W, H};
    for (size_t k = 0; k < sizeof vectors / sizeof *vectors; k++)
        for (uint32_t size = 8; size <= 16; size += 8)
            for (uint32_t x = 0; x < 80; x += 16)
                for (uint32_t y = 0; y < 64; y += 16) {
                    vqz_predict(&ref, x, y, vectors[k], size, out, 60);
                    for (uint32_t j = 0; j < size; j++)
                        for (uint32_t i = 0; i < 3 * size; i++)
                            assert_int_equal(out[j * 60 + i], predicted(rgb, (int)(x + i / 3), (int)(y + j), (int)(i % 3), vectors[k]));
                }
    free(rgb);
}

/* A picture of 5 x 4 blocks: one that is coded, and its neighbours, take samples; the others are the prediction. */
static void adding(void **state) {
    (void)state;
    uint8_t *rgb = make_picture(PICTURE_NOISE, W, H, 3, 2), kind[20] = {0};
    vqz_vector vectors[80] = {{0}};
    static int16_t samples[H][W * 3];
    const vqz_reference ref = {rgb, W, H};
    const vqz_motion m = {kind, vectors, 5, 4, 5};
    kind[3 * 5 + 4] = VQZ_BLOCK_CODED | VQZ_BLOCK_SPLIT;
    kind[2 * 5 + 4] = VQZ_BLOCK_CODED | VQZ_BLOCK_FRESH;
    vectors[7 * 10 + 9] = (vqz_vector){-4, 0};
    vectors[0] = (vqz_vector){2, 1};
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W * 3; x++) samples[y][x] = (int16_t)(130 << VQZ_PIXEL_BITS);
    samples[16][64 * 3] = INT16_MAX;
    vqz_motion_add(&ref, &m, 0, 0, W, H, &samples[0][0], W * 3);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int c = 0; c < 3; c++) {
                const int bx = x / 16, by = y / 16, got = samples[y][x * 3 + c];
                if (bx == 0 && by == 0) assert_int_equal(got, predicted(rgb, x, y, c, vectors[0]) << VQZ_PIXEL_BITS);
                else if (bx < 3 || by < 1) assert_int_equal(got, at(rgb, x, y, c) << VQZ_PIXEL_BITS);
                else if (bx == 4 && by == 2) assert_int_equal(got, 130 << VQZ_PIXEL_BITS);
                else if (x == 64 && y == 16 && c == 0) assert_int_equal(got, vqz_clamp32(INT16_MAX + ((at(rgb, x, y, c) - 128) * 64), INT16_MIN, INT16_MAX));
                else assert_int_equal(got, (at(rgb, x, y, c) + 2) << VQZ_PIXEL_BITS);
            }
    assert_true(vqz_motion_is_still(&m, 0, 0, 3, 4));
    assert_true(vqz_motion_is_still(&m, 3, 0, 2, 1));
    assert_false(vqz_motion_is_still(&m, 0, 0, 4, 2));
    vqz_motion_clear(&m);
    assert_true(vqz_motion_is_still(&m, 0, 0, 5, 4));
    assert_int_equal(vectors[79].x | vectors[0].x, 0);
    free(rgb);
}

/* What is written is read again, in a part of a larger plane, of which nothing else changes. */
static void walking(void **state) {
    (void)state;
    enum { BW = 9, BH = 7, STRIDE = 11 };
    static uint8_t kinds[2][STRIDE * BH];
    static vqz_vector vectors[2][4 * STRIDE * BH];
    uint32_t seed = 7;
    for (int round = 0; round < 20; round++) {
        vqz_memory mem;
        vqz_rans_enc enc;
        vqz_rans_dec dec;
        vqz_error e;
        const uint8_t *words, *raw;
        size_t nwords, nraw;
        vqz_motion m[2];
        for (int i = 0; i < 2; i++) m[i] = (vqz_motion){kinds[i], vectors[i], STRIDE, BH, BW};
        memset(kinds, 99, sizeof kinds);
        memset(vectors, 99, sizeof vectors);
        for (uint32_t y = 0; y < BH; y++)
            for (uint32_t x = 0; x < BW; x++) {
                seed = seed * 1664525u + 1013904223u;
                uint8_t kind = (uint8_t)(seed >> 28 & (VQZ_BLOCK_CODED | VQZ_BLOCK_SPLIT | VQZ_BLOCK_FRESH));
                if (kind & VQZ_BLOCK_FRESH) kind = VQZ_BLOCK_FRESH | VQZ_BLOCK_CODED;
                kinds[0][y * STRIDE + x] = kind;
                for (uint32_t q = 0; q < 4; q++) {
                    const int most = round % 2 ? VQZ_VECTOR_MOST : 3;
                    vqz_vector *v = &vectors[0][(2 * y + q / 2) * 2 * STRIDE + 2 * x + q % 2];
                    if (q == 0 || kind & VQZ_BLOCK_SPLIT) {
                        seed = seed * 1664525u + 1013904223u;
                        *v = (vqz_vector){(int16_t)((int)(seed >> 8) % (2 * most + 1) - most), (int16_t)((int)(seed >> 18) % (2 * most + 1) - most)};
                        if (v->x < -most || v->y < -most) *v = (vqz_vector){0, 0};
                    } else {
                        *v = vectors[0][4 * y * STRIDE + 2 * x];
                    }
                    if (kind & VQZ_BLOCK_FRESH) *v = (vqz_vector){0, 0};
                }
            }
        vqz_memory_init(&mem, 1 << 24);
        vqz_rans_enc_init(&enc, &mem);
        vqz_motion_walk(&m[0], &enc, NULL);
        assert_int_equal(vqz_rans_finish(&enc, 4, &words, &nwords, &raw, &nraw, &e), VQZ_OK);
        assert_int_equal(vqz_rans_dec_init(&dec, 4, words, nwords, raw, nraw, &e), VQZ_OK);
        vqz_motion_walk(&m[1], NULL, &dec);
        assert_int_equal(vqz_rans_dec_finish(&dec, &e), VQZ_OK);
        assert_memory_equal(kinds[0], kinds[1], sizeof kinds[0]);
        assert_memory_equal(vectors[0], vectors[1], sizeof vectors[0]);
        vqz_rans_enc_free(&enc);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(prediction), cmocka_unit_test(adding), cmocka_unit_test(walking)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
