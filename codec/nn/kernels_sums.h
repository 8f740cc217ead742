/* Sums of a tile of positions by output channels in vectors of 256 or 512 bits. Before this the variant defines INPUT (vqz_input), LANES, the widths of tiles
 * POSITIONS > MANY > FEW > 1, the type vec and, for it, load_vec, repeat (a number in all lanes) and dot: to each 32-bit lane the products of its two 16-bit (pairs) or its
 * four u8 x s8 elements. */
#include <string.h>

typedef struct sums { vec at[VQZ_TILE_VECTORS][POSITIONS]; } sums;

/* Of `positions` x `vectors` (both constants where this is inlined). */
INLINE void accumulate(sums *out, const vqz_row_job *j, unsigned vector, size_t x, const bool pairs, const unsigned vectors, const unsigned positions) {
    const vqz_packed *p = j->packed;
    const size_t step = j->step, pitch = (size_t)p->groups * p->k * LANES * 4;
    const uint8_t *w = p->weights + vector * pitch;
    vec acc[VQZ_TILE_VECTORS][POSITIONS];
    for (unsigned v = 0; v < vectors; v++) {
        const vec bias = load_vec(p->bias + (vector + v) * LANES);
        for (unsigned i = 0; i < positions; i++) acc[v][i] = bias;
    }
    for (unsigned row = 0; row < p->k; row++) {
        const uint8_t *a = j->rows[row] + x * step;
        for (unsigned g = p->groups; g > 0; g--, a += 4, w += LANES * 4) {
            vec weights[VQZ_TILE_VECTORS];
            for (unsigned v = 0; v < vectors; v++) weights[v] = load_vec(w + v * pitch);
            for (unsigned i = 0; i < positions; i++) {
                int32_t four;
                memcpy(&four, a + i * step, sizeof four);
                const vec in = repeat(four);
                for (unsigned v = 0; v < vectors; v++) acc[v][i] = dot(acc[v][i], in, weights[v], pairs);
            }
        }
    }
    for (unsigned v = 0; v < vectors; v++)
        for (unsigned i = 0; i < positions; i++) out->at[v][i] = acc[v][i];
}

INLINE void accumulate_width(sums *s, const vqz_row_job *j, unsigned vector, size_t x, const bool pairs, const unsigned vectors, unsigned positions) {
    if (positions == POSITIONS) accumulate(s, j, vector, x, pairs, vectors, POSITIONS);
    else if (positions == MANY) accumulate(s, j, vector, x, pairs, vectors, MANY);
    else if (positions == FEW) accumulate(s, j, vector, x, pairs, vectors, FEW);
    else accumulate(s, j, vector, x, pairs, vectors, 1);
}

INLINE void add_up(sums *s, const vqz_row_job *j, unsigned vector, unsigned vectors, size_t x, unsigned positions) {
    if (INPUT == VQZ_INPUT_WIDE || j->packed->in16) {
        if (vectors == 2) accumulate_width(s, j, vector, x, true, 2, positions);
        else accumulate_width(s, j, vector, x, true, 1, positions);
    } else {
        if (vectors == 2) accumulate_width(s, j, vector, x, false, 2, positions);
        else accumulate_width(s, j, vector, x, false, 1, positions);
    }
}
