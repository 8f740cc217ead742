#include "codec/motion.h"
#include "base/pixelmath.h"
#include <string.h>

enum { BLOCK = VQZ_MOTION_BLOCK, PART = VQZ_MOTION_PART, TAPS = 8, BEFORE = 3, WINDOW = BLOCK + TAPS - 1 };

const int8_t vqz_motion_taps[4][TAPS] = {{0, 0, 0, 64, 0, 0, 0, 0}, {-1, 4, -10, 58, 18, -7, 3, -1}, {-2, 5, -11, 40, 40, -11, 5, -2}, {-1, 3, -7, 18, 58, -10, 4, -1}};

void vqz_motion_clear(const vqz_motion *m) {
    for (uint32_t y = 0; y < m->h; y++) memset(m->block + y * m->stride, 0, m->w);
    for (uint32_t y = 0; y < 2 * m->h; y++) memset(m->vector + y * 2 * m->stride, 0, 2 * (size_t)m->w * sizeof *m->vector);
}

/* The pixels from (x, y) on, w x h of them, whatever lies outside: copied to `to` without gaps unless all lie inside. Returns where they are. */
static const uint8_t *window(const vqz_reference *ref, int32_t x, int32_t y, uint32_t w, uint32_t h, uint8_t *to, size_t *stride) {
    const int32_t width = (int32_t)ref->width, height = (int32_t)ref->height;
    if (x >= 0 && y >= 0 && x + (int32_t)w <= width && y + (int32_t)h <= height) {
        *stride = (size_t)width * 3;
        return ref->rgb + ((size_t)y * ref->width + (size_t)x) * 3;
    }
    *stride = (size_t)w * 3;
    for (uint32_t i = 0; i < h; i++) {
        const uint8_t *row = ref->rgb + (size_t)vqz_clamp32(y + (int32_t)i, 0, height - 1) * ref->width * 3;
        for (uint32_t k = 0; k < w; k++) memcpy(to + (i * w + k) * 3, row + (size_t)vqz_clamp32(x + (int32_t)k, 0, width - 1) * 3, 3);
    }
    return to;
}

/* A row of n samples out of those `step` apart. */
static inline void filter8(const uint8_t *from, size_t step, const int8_t *taps, uint32_t n, int16_t *to) {
    for (uint32_t i = 0; i < n; i++) {
        int32_t sum = 0;
        for (uint32_t k = 0; k < TAPS; k++) sum += taps[k] * from[i + k * step];
        to[i] = (int16_t)sum;
    }
}
static inline void filter16(const int16_t *from, size_t step, const int8_t *taps, uint32_t n, uint8_t *to) {
    for (uint32_t i = 0; i < n; i++) {
        int32_t sum = 2048;
        for (uint32_t k = 0; k < TAPS; k++) sum += taps[k] * from[i + k * step];
        to[i] = (uint8_t)vqz_clamp32(sum >> 12, 0, 255);
    }
}

void vqz_predict(const vqz_reference *ref, uint32_t x, uint32_t y, vqz_vector v, uint32_t size, uint8_t *to, size_t stride) {
    uint8_t copy[WINDOW * WINDOW * 3];
    int16_t wide[WINDOW * BLOCK * 3];
    const uint32_t fx = v.x & 3, fy = v.y & 3, margin = fx || fy ? TAPS - 1 : 0, before = margin ? BEFORE : 0;
    size_t step;
    const uint8_t *from = window(ref, (int32_t)x + (v.x >> 2) - (int32_t)before, (int32_t)y + (v.y >> 2) - (int32_t)before, size + margin, size + margin, copy, &step);
    if (!margin) {
        for (uint32_t i = 0; i < size; i++) memcpy(to + i * stride, from + i * step, (size_t)size * 3);
        return;
    }
    for (uint32_t i = 0; i < size + margin; i++) filter8(from + i * step, 3, vqz_motion_taps[fx], size * 3, wide + (size_t)i * size * 3);
    for (uint32_t i = 0; i < size; i++) filter16(wide + (size_t)i * size * 3, (size_t)size * 3, vqz_motion_taps[fy], size * 3, to + i * stride);
}

void vqz_predict_block(const vqz_reference *ref, const vqz_motion *m, uint32_t x, uint32_t y, uint8_t to[BLOCK * BLOCK * 3]) {
    const uint8_t kind = m->block[y * m->stride + x];
    const size_t stride = BLOCK * 3;
    if (kind & VQZ_BLOCK_FRESH) memset(to, 128, BLOCK * stride);
    else if (!(kind & VQZ_BLOCK_SPLIT)) vqz_predict(ref, x * BLOCK, y * BLOCK, m->vector[4 * y * m->stride + 2 * x], BLOCK, to, stride);
    else
        for (uint32_t q = 0; q < 4; q++) {
            const uint32_t px = 2 * x + (q & 1), py = 2 * y + (q >> 1);
            vqz_predict(ref, px * PART, py * PART, m->vector[py * 2 * m->stride + px], PART, to + (q >> 1) * PART * stride + (q & 1) * PART * 3, stride);
        }
}

static bool is_still(const vqz_motion *m, uint32_t x, uint32_t y) {
    uint8_t any = 0;
    for (uint32_t j = y ? y - 1 : 0; j <= y + 1 && j < m->h; j++)
        for (uint32_t i = x ? x - 1 : 0; i <= x + 1 && i < m->w; i++) any |= m->block[j * m->stride + i];
    return !(any & VQZ_BLOCK_CODED);
}

bool vqz_motion_is_still(const vqz_motion *m, uint32_t x, uint32_t y, uint32_t w, uint32_t h) {
    for (uint32_t j = y; j < y + h; j++)
        for (uint32_t i = x; i < x + w; i++)
            if (!is_still(m, i, j)) return false;
    return true;
}

void vqz_motion_add(const vqz_reference *ref, const vqz_motion *m, uint32_t x, uint32_t y, uint32_t w, uint32_t h, int16_t *samples, size_t stride) {
    uint8_t block[BLOCK * BLOCK * 3];
    for (uint32_t j = 0; j < h; j += BLOCK)
        for (uint32_t i = 0; i < w; i += BLOCK) {
            const uint32_t bx = (x + i) / BLOCK, by = (y + j) / BLOCK, rows = h - j < BLOCK ? h - j : BLOCK, count = (w - i < BLOCK ? w - i : BLOCK) * 3;
            const bool still = is_still(m, bx, by);
            if (!still && m->block[by * m->stride + bx] & VQZ_BLOCK_FRESH) continue;
            vqz_predict_block(ref, m, bx, by, block);
            for (uint32_t r = 0; r < rows; r++) {
                const uint8_t *from = block + (size_t)r * BLOCK * 3;
                int16_t *to = samples + (j + r) * stride + (size_t)i * 3;
                for (uint32_t k = 0; k < count; k++)
                    to[k] = (int16_t)(still ? from[k] << VQZ_PIXEL_BITS : vqz_clamp32(to[k] + ((from[k] - 128) * (1 << VQZ_PIXEL_BITS)), INT16_MIN, INT16_MAX));
            }
        }
}
