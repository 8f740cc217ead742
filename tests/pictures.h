/* Pictures for tests: made by formula, so that every machine tests the same ones. */
#ifndef VQZ_TESTS_PICTURES_H
#define VQZ_TESTS_PICTURES_H
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static inline uint32_t test_random(uint32_t *s) {
    *s ^= *s << 13;
    *s ^= *s >> 17;
    *s ^= *s << 5;
    return *s;
}

typedef enum { PICTURE_PHOTO, PICTURE_NOISE, PICTURE_CHECKER, PICTURE_FLAT } test_picture;

/* width x height x channels samples, malloc'ed. Alpha (channels 2 and 4) has opaque, transparent and soft parts. */
static inline uint8_t *make_picture(test_picture kind, uint32_t w, uint32_t h, unsigned channels, uint32_t seed) {
    uint8_t *p = malloc((size_t)w * h * channels);
    uint32_t s = seed * 2654435761u + 12345;
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++)
            for (unsigned c = 0; c < channels; c++) {
                unsigned v = 90;
                if (channels % 2 == 0 && c == channels - 1) {
                    int d = (int)x - (int)(w / 2), e = (int)y - (int)(h / 2), r = (d * d + e * e) / 16;
                    v = r < 64 ? 255 : r > 319 ? 0 : 319 - (unsigned)r;
                } else if (kind == PICTURE_PHOTO) {
                    unsigned wave = (x * (3 + c) + y * 5) / 4 % 512, block = (x / 24 + y / 40) % 3 * 25;
                    v = (wave < 256 ? wave : 511 - wave) / 2 + block + test_random(&s) % 9;
                } else if (kind == PICTURE_NOISE) v = test_random(&s) >> 13 & 255;
                else if (kind == PICTURE_CHECKER) v = (x + y) % 2 * 255;
                p[((size_t)y * w + x) * channels + c] = (uint8_t)v;
            }
    return p;
}

/* PSNR in dB over the first `colours` of every `channels` samples, where `mask` samples (alpha) are not 0. */
static inline double picture_psnr(const uint8_t *a, const uint8_t *b, size_t pixels, unsigned channels) {
    unsigned colours = channels - (channels % 2 == 0);
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < pixels; i++) {
        if (colours != channels && a[i * channels + colours] == 0) continue;
        for (unsigned c = 0; c < colours; c++, n++) {
            double d = (double)a[i * channels + c] - b[i * channels + c];
            sum += d * d;
        }
    }
    return sum > 0 ? 10 * log10(65025.0 * (double)n / sum) : 99;
}
#endif
