#include "codec/masking.h"
#include "base/ilog2.h"
#include <string.h>

/* Activity is the mean absolute difference of neighbouring samples of luma in an 8 x 8 part; of the parts of a block the logarithms are
 * averaged, so that a flat one counts. In units of 1/64 sample, with half a sample on top; at NEUTRAL nothing changes, and lambda goes with its
 * power of 0.75: less saves less by SSIMULACRA2, more loses by butteraugli too (training/EXPERIMENTS.md). */
enum { BLOCK = 32, PART = 8, UNIT = 64, FLOOR = UNIT / 2, NEUTRAL = 9 * UNIT / 2, ONE = 1 << 12 };

typedef int16_t row __attribute__((vector_size(2 * PART)));

/* Onto the sums: |a - b| where the mask is set. */
static void add_distances(row *sums, const int16_t *a, const int16_t *b, const row *mask) {
    row x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    const row d = x - y, sign = d >> 15;
    *sums += ((d ^ sign) - sign) & *mask;
}

static uint32_t activity(const uint8_t *rgb, size_t stride, uint32_t w, uint32_t h) {
    int16_t luma[PART * PART + 1];           /* 4 times; what the part lacks repeats its last column, or is not looked at */
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < PART; x++) {
            const uint8_t *p = rgb + y * stride + 3 * (size_t)(x < w ? x : w - 1);
            luma[y * PART + x] = (int16_t)(p[0] + 2 * p[1] + p[2]);
        }
    luma[h * PART] = 0;
    const row inner = {-1, -1, -1, -1, -1, -1, -1, 0}, column = {0, 1, 2, 3, 4, 5, 6, 7}, inside = column < (int16_t)w;
    row sums = {0};                          /* at most 16 * 1020 */
    for (uint32_t y = 0; y < h; y++) {
        const int16_t *here = luma + y * PART;
        add_distances(&sums, here, here + 1, &inner);
        if (y + 1 < h) add_distances(&sums, here, here + PART, &inside);
    }
    uint32_t sum = 0, pairs = (w - 1) * h + w * (h - 1);
    for (unsigned i = 0; i < PART; i++) sum += (uint16_t)sums[i];
    return FLOOR + (pairs ? sum * (UNIT / 4) / pairs : 0);
}

static int8_t step_of(const uint8_t *rgb, size_t stride, uint32_t w, uint32_t h) {
    uint32_t sum = 0, parts = 0;
    for (uint32_t y = 0; y < h; y += PART)
        for (uint32_t x = 0; x < w; x += PART) {
            sum += vqz_ilog2_q12(activity(rgb + y * stride + 3 * (size_t)x, stride, w - x < PART ? w - x : PART, h - y < PART ? h - y : PART));
            parts++;
        }
    /* three quarters of the logarithm, in half octaves */
    const int32_t octaves = (int32_t)(sum / parts) - (int32_t)vqz_ilog2_q12(NEUTRAL);
    const int32_t coarser = (octaves * 3 / 2 + ONE / 2) >> 12;
    return (int8_t)(coarser < -VQZ_MASK_MOST ? VQZ_MASK_MOST : coarser > VQZ_MASK_MOST ? -VQZ_MASK_MOST : -coarser);
}

bool vqz_masking(const uint8_t *rgb, size_t stride, uint32_t width, uint32_t height, int8_t *steps) {
    bool any = false;
    for (uint32_t y = 0; y < height; y += BLOCK)
        for (uint32_t x = 0; x < width; x += BLOCK, steps++) {
            *steps = step_of(rgb + y * stride + 3 * (size_t)x, stride, width - x < BLOCK ? width - x : BLOCK, height - y < BLOCK ? height - y : BLOCK);
            any |= *steps != 0;
        }
    return any;
}
