/* The loops of loops.h, for a file that is compiled for one instruction set; it defines `search` and TABLE, the name of the table.
 * Products are taken in 32 bits where they fit: compilers make vectors of that. */
#include <string.h>

static void rungs(const vqz_model *m, const vqz_level *level, uint32_t first, uint32_t c, const int16_t *heads, int32_t bias, uint8_t *rung) {
    const int16_t *gain = level->loggain + first, *logscale = heads + c;
    const int32_t top = (int32_t)m->rungs - 1;
    for (uint32_t k = 0; k < c; k++) {
        int32_t r = (logscale[k] + gain[k] + bias + 128) >> 8;
        r = r < top ? r : top;
        rung[k] = (uint8_t)(r > 0 ? r : 0);
    }
}

static void residuals(const vqz_model *m, const vqz_level *level, uint32_t first, uint32_t c, const int16_t *heads, const int16_t *v, int32_t *r) {
    const uint16_t *gain = level->gain + first;
    const int32_t shift = (int32_t)m->gain_shift, round = 1 << (shift - 1);
    uint32_t wide = 0;
    for (uint32_t k = 0; k < c; k++) {
        r[k] = v[k] - heads[k];
        wide |= (uint32_t)r[k] + 32768;
    }
    if (wide >> 16) {
        for (uint32_t k = 0; k < c; k++) r[k] = (int32_t)(((int64_t)r[k] * gain[k] + round) >> shift);
        return;
    }
    for (uint32_t k = 0; k < c; k++) r[k] = (r[k] * gain[k] + round) >> shift;
}

static void reconstruct(const vqz_model *m, const vqz_level *level, uint32_t first, uint32_t c, const int16_t *heads, const int32_t *r, int16_t *v) {
    const uint16_t *inv = level->inv + first;
    const int32_t shift = (int32_t)m->inv_shift, round = 1 << (shift - 1);
    uint32_t wide = 0;
    for (uint32_t k = 0; k < c; k++) wide |= (uint32_t)r[k] + 32768;
    if (wide >> 16) {                        /* escapes */
        for (uint32_t k = 0; k < c; k++) v[k] = vqz_reconstruct(m, level, first + k, heads[k], r[k]);
        return;
    }
    for (uint32_t k = 0; k < c; k++) {
        int32_t x = heads[k] + ((r[k] * inv[k] + round) >> shift);
        x = x < INT16_MAX ? x : INT16_MAX;
        v[k] = (int16_t)(x > INT16_MIN ? x : INT16_MIN);
    }
}

static void latq(const vqz_model *m, uint32_t first, uint32_t c, const int16_t *v, uint8_t *seen) {
    const uint16_t *mul = m->latq_mul + first;
    const uint8_t *shift = m->latq_shift + first;
    for (uint32_t k = 0; k < c; k++) {       /* products lie below 2^30: from 31 on every shift gives 0 */
        const int32_t s = shift[k] < 31 ? shift[k] : 31;
        int32_t x = (v[k] * mul[k] + (1 << (s - 1))) >> s;
        x = x < 127 ? x : 127;
        seen[k] = (uint8_t)((x > -128 ? x : -128) + 128);
    }
}

static void cells(const uint8_t *upper, const uint8_t *lower, size_t n, uint8_t *cell) {
    size_t i = 0;
#if defined(__SSSE3__) || defined(__aarch64__)           /* else the compiler makes single bytes of it */
    typedef uint8_t bytes __attribute__((vector_size(16)));
    for (; i + 3 <= n; i += 2, upper += 12, lower += 12, cell += 24) {       /* two cells from 12 bytes of each row, of 16 that are there */
        bytes u, l;
        memcpy(&u, upper, sizeof u);
        memcpy(&l, lower, sizeof l);
        const bytes first = __builtin_shufflevector(u, l, 0, 3, 16, 19, 1, 4, 17, 20, 2, 5, 18, 21, 6, 9, 22, 25);
        const bytes rest = __builtin_shufflevector(u, l, 7, 10, 23, 26, 8, 11, 24, 27, 7, 10, 23, 26, 8, 11, 24, 27);
        memcpy(cell, &first, sizeof first);
        memcpy(cell + 16, &rest, 8);
    }
#endif
    for (; i < n; i++, upper += 6, lower += 6)
        for (unsigned c = 0; c < 3; c++, cell += 4) {
            cell[0] = upper[c];
            cell[1] = upper[c + 3];
            cell[2] = lower[c];
            cell[3] = lower[c + 3];
        }
}

const vqz_loops TABLE = {rungs, residuals, reconstruct, cells, latq, search};
