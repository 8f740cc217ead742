/* Motion as decisions at the beginning of a tile's rANS stream (spec/bitstream.md section 11). */
#include "codec/adaptive.h"
#include "codec/motion.h"

enum { SLOWEST = 50, NEAR = 3, SIZES = 12 };

typedef struct contexts {
    vqz_prob coded[NEAR], fresh[NEAR], split[NEAR], moved[NEAR];
    vqz_prob other[2], negative[2], size[2][SIZES], bits[2][SIZES][VQZ_PROB_NODES];
} contexts;

/* What films taught: probabilities of a one bit in 32nds, as if a few decisions had been seen. */
static void init(contexts *q) {
    enum { SEEN = 3 };
    static const uint8_t kinds[][NEAR] = {{10, 11, 16}, {2, 8, 16}, {2, 5, 13}, {9, 14, 18}}, sizes[SIZES] = {17, 13, 11, 9, 8, 8, 8, 8, 8, 8, 8, 8};
    vqz_probs_init((vqz_prob *)q, sizeof *q / sizeof(vqz_prob));
    for (unsigned i = 0; i < NEAR; i++) {
        vqz_prob *const kind[] = {&q->coded[i], &q->fresh[i], &q->split[i], &q->moved[i]};
        for (unsigned k = 0; k < sizeof kind / sizeof *kind; k++) *kind[k] = (vqz_prob){(uint32_t)kinds[k][i] << 26, SEEN};
    }
    for (unsigned k = 0; k < 2; k++) {
        q->other[k] = (vqz_prob){UINT32_C(22) << 26, SEEN};
        for (unsigned i = 0; i < SIZES; i++) q->size[k][i] = (vqz_prob){(uint32_t)sizes[i] << 26, SEEN};
    }
}

static vqz_vector at(const vqz_motion *m, uint32_t x, uint32_t y) { return m->vector[y * 2 * m->stride + x]; }

static int16_t median(int a, int b, int c) { return (int16_t)(a > b ? (b > c ? b : a > c ? c : a) : (a > c ? a : b > c ? c : b)); }

/* Of the vectors to the left, above, and above right, or above left where that one comes later. */
vqz_vector vqz_vector_expected(const vqz_motion *m, uint32_t x, uint32_t y, uint32_t size) {
    const vqz_vector none = {0, 0}, left = x ? at(m, x - 1, y) : none;
    if (!y) return left;
    const bool known = x + size < 2 * m->w && !(y & 1 && x & 1) && (!(y & 1) || size == 1);
    const vqz_vector above = at(m, x, y - 1), third = known ? at(m, x + size, y - 1) : x ? at(m, x - 1, y - 1) : none;
    return (vqz_vector){median(left.x, above.x, third.x), median(left.y, above.y, third.y)};
}

static int code_difference(vqz_bits *b, contexts *q, unsigned k, int d) {
    if (!vqz_bit(b, &q->other[k], d != 0)) return 0;
    const bool negative = vqz_bit(b, &q->negative[k], d < 0);
    const int n = vqz_number(b, q->size[k], q->bits[k], d < 0 ? -d : d, 2 * VQZ_VECTOR_MOST);
    return negative ? -n : n;
}

/* Returns whether the vector is not the expected one. */
static bool code_vector(vqz_bits *b, contexts *q, const vqz_motion *m, uint32_t x, uint32_t y, uint32_t size, unsigned near) {
    const vqz_vector guess = vqz_vector_expected(m, x, y, size), v = at(m, x, y);
    const bool moved = vqz_bit(b, &q->moved[near], v.x != guess.x || v.y != guess.y);
    vqz_vector to = guess;
    if (moved) {
        to.x = (int16_t)vqz_clamp32(guess.x + code_difference(b, q, 0, v.x - guess.x), -VQZ_VECTOR_MOST, VQZ_VECTOR_MOST);
        to.y = (int16_t)vqz_clamp32(guess.y + code_difference(b, q, 1, v.y - guess.y), -VQZ_VECTOR_MOST, VQZ_VECTOR_MOST);
    }
    for (uint32_t j = y; j < y + size; j++)
        for (uint32_t i = x; i < x + size; i++) m->vector[j * 2 * m->stride + i] = to;
    return moved;
}

/* How many of two blocks have a bit. */
static unsigned neighbours(unsigned left, unsigned above, unsigned bit) { return ((left & bit) != 0 ? 1u : 0u) + ((above & bit) != 0 ? 1u : 0u); }

static void code_block(vqz_bits *b, contexts *q, const vqz_motion *m, uint32_t x, uint32_t y) {
    uint8_t *kind = &m->block[y * m->stride + x];
    const unsigned left = x ? kind[-1] : 0u, above = y ? *(kind - m->stride) : 0u;
    bool moved = false, split = false;
    const bool coded = vqz_bit(b, &q->coded[neighbours(left, above, VQZ_BLOCK_CODED)], (*kind & VQZ_BLOCK_CODED) != 0);
    const bool fresh = coded && vqz_bit(b, &q->fresh[neighbours(left, above, VQZ_BLOCK_FRESH)], (*kind & VQZ_BLOCK_FRESH) != 0);
    const unsigned near = neighbours(left, above, VQZ_BLOCK_MOVED);
    if (fresh) {
        for (uint32_t i = 0; i < 4; i++) m->vector[(2 * y + (i >> 1)) * 2 * m->stride + 2 * x + (i & 1)] = (vqz_vector){0, 0};
    } else {
        split = vqz_bit(b, &q->split[neighbours(left, above, VQZ_BLOCK_SPLIT)], (*kind & VQZ_BLOCK_SPLIT) != 0);
        if (!split) moved = code_vector(b, q, m, 2 * x, 2 * y, 2, near);
        for (uint32_t i = 0; split && i < 4; i++) moved |= code_vector(b, q, m, 2 * x + (i & 1), 2 * y + (i >> 1), 1, near);
    }
    *kind = (uint8_t)((coded ? VQZ_BLOCK_CODED : 0) | (fresh ? VQZ_BLOCK_FRESH : 0) | (split ? VQZ_BLOCK_SPLIT : 0) | (moved ? VQZ_BLOCK_MOVED : 0));
}

void vqz_motion_walk(const vqz_motion *m, vqz_rans_enc *enc, vqz_rans_dec *dec) {
    contexts q;
    vqz_bits b;
    vqz_bits_init(&b, enc, dec, SLOWEST);
    init(&q);
    for (uint32_t y = 0; y < m->h; y++)
        for (uint32_t x = 0; x < m->w; x++) code_block(&b, &q, m, x, y);
}
