/* The loops of loops.h, for a file that is compiled for one instruction set; it defines `search` and TABLE, the name of the table.
 * Products are taken in 32 bits where they fit: compilers make vectors of that. */
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

const vqz_loops TABLE = {rungs, residuals, reconstruct, latq, search};
