/* NEON with dot products (SDOT). */
#include "codec/nn/kernels_neon.h"

/* Sums of `positions` x `vectors` (both constants where this is inlined). */
INLINE void accumulate(sums *out, const vqz_row_job *j, unsigned vector, size_t x, const unsigned vectors, const unsigned positions) {
    const vqz_packed *p = j->packed;
    const size_t step = j->step, pitch = (size_t)p->groups * p->k * LANES * 4;
    const int8_t *w = (const int8_t *)weights_of(p, vector);
    int32x4_t acc[VQZ_TILE_VECTORS][POSITIONS][PARTS];
    for (unsigned v = 0; v < vectors; v++)
        for (unsigned r = 0; r < PARTS; r++)
            for (unsigned i = 0; i < positions; i++) acc[v][i][r] = vld1q_s32(p->bias + (vector + v) * LANES + r * (LANES / PARTS));
    for (unsigned row = 0; row < p->k; row++) {
        const int8_t *a = (const int8_t *)j->rows[row] + x * step;
        unsigned g = p->groups;
        for (; g >= 4; g -= 4, a += 16, w += 4 * LANES * 4) {
            int8x16_t in[POSITIONS];
            for (unsigned i = 0; i < positions; i++) in[i] = vld1q_s8(a + i * step);
#define GROUP(n)                                                                                                  \
    for (unsigned v = 0; v < vectors; v++)                                                                        \
        for (unsigned r = 0; r < PARTS; r++) {                                                                    \
            const int8x16_t weights = vld1q_s8(w + v * pitch + (n) * LANES * 4 + 16 * r);                         \
            for (unsigned i = 0; i < positions; i++) acc[v][i][r] = vdotq_laneq_s32(acc[v][i][r], weights, in[i], n); \
        }
            GROUP(0)
            GROUP(1)
            GROUP(2)
            GROUP(3)
#undef GROUP
        }
        for (; g > 0; g--, a += 4, w += LANES * 4)
            for (unsigned v = 0; v < vectors; v++)
                for (unsigned r = 0; r < PARTS; r++) {
                    const int8x16_t weights = vld1q_s8(w + v * pitch + 16 * r);
                    for (unsigned i = 0; i < positions; i++)
                        acc[v][i][r] = vdotq_s32(acc[v][i][r], weights, broadcast((const uint8_t *)a + i * step));
                }
    }
    for (unsigned v = 0; v < vectors; v++) memcpy(out[v].at, acc[v], positions * sizeof *acc[v]);
}

INLINE void accumulate_width(sums *s, const vqz_row_job *j, unsigned vector, size_t x, const unsigned vectors, unsigned positions) {
    if (positions == POSITIONS) accumulate(s, j, vector, x, vectors, POSITIONS);
    else if (positions == 2) accumulate(s, j, vector, x, vectors, 2);
    else accumulate(s, j, vector, x, vectors, 1);
}

static void conv(const vqz_row_job *j, unsigned vector, unsigned vectors, size_t x, unsigned positions) {
    sums s[VQZ_TILE_VECTORS];
    if (j->packed->in16) {
        conv_partial(j, vector, vectors, x, true, positions);
        return;
    }
    if (vectors == 2) accumulate_width(s, j, vector, x, 2, positions);
    else accumulate_width(s, j, vector, x, 1, positions);
    for (unsigned v = 0; v < vectors; v++) finish(j, vector + v, x, positions, s[v].at);
}

const vqz_kernels vqz_kernels_neondot = {pack, vqz_rows_scratch, vqz_rows_run};
