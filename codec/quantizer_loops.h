/* The loops of quantizer.h over the channels of a position, for a file that is compiled for one instruction set; it defines `search` and
 * LOOPS, the name of the table. */
static void residuals(const vqz_model *m, const vqz_level *level, uint32_t first, uint32_t c, const int16_t *heads, int32_t bias, const int16_t *v, uint8_t *rung, int32_t *r) {
    const uint16_t *gain = level->gain + first;
    const int32_t shift = (int32_t)m->gain_shift, round = 1 << (shift - 1);
    vqz_rungs(m, level, first, c, heads + c, bias, rung);
    uint32_t wide = 0;
    for (uint32_t k = 0; k < c; k++) {
        r[k] = v[k] - heads[k];
        wide |= (uint32_t)r[k] + 32768;
    }
    if (wide >> 16) {                        /* products of more than 32 bits */
        for (uint32_t k = 0; k < c; k++) r[k] = (int32_t)(((int64_t)r[k] * gain[k] + round) >> shift);
        return;
    }
    for (uint32_t k = 0; k < c; k++) r[k] = (r[k] * gain[k] + round) >> shift;
}

static void reconstruct(const vqz_model *m, const vqz_level *level, uint32_t first, uint32_t c, const int16_t *mean, const int32_t *r, int16_t *out) {
    vqz_reconstruct_all(m, level, first, c, mean, r, out);
}

const vqz_quantizer_loops LOOPS = {residuals, search, reconstruct};
