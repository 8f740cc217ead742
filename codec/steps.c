#include "codec/steps.h"
#include "codec/adaptive.h"
#include <stdlib.h>
#include <string.h>

enum { NEAR = 3, SIZES = 4 };

typedef struct contexts {
    vqz_prob same[NEAR], finer[NEAR], more[SIZES];
} contexts;

/* One step behind its prediction; `unlike`: how far its neighbours lie apart. */
static int code_one(vqz_bits *b, contexts *q, int step, int guess, unsigned unlike) {
    const unsigned near = unlike < NEAR ? unlike : NEAR - 1;
    if (!vqz_bit(b, &q->same[near], step != guess)) return guess;
    const bool finer = vqz_bit(b, &q->finer[near], step > guess);
    const int most = finer ? VQZ_STEP_MOST - guess : VQZ_STEP_MOST + guess, far = finer ? step - guess : guess - step;
    int n = 1;
    while (n < most && vqz_bit(b, &q->more[n < SIZES ? n - 1 : SIZES - 1], n < far)) n++;
    n = most ? n : 0;
    return finer ? guess + n : guess - n;
}

static void code_all(vqz_bits *b, int8_t *steps, uint32_t h, uint32_t w) {
    contexts q;
    vqz_probs_init((vqz_prob *)&q, sizeof q / sizeof(vqz_prob));
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++, steps++) {
            const int above = y ? *(steps - w) : 0, left = x ? *(steps - 1) : above, guess = ((y ? above : left) + left) >> 1;
            *steps = (int8_t)code_one(b, &q, *steps, guess, (unsigned)abs(left - (y ? above : left)));
        }
}

void vqz_steps_walk(vqz_prior *p, vqz_rans_enc *enc, vqz_rans_dec *dec, uint32_t level, uint32_t unit) {
    if (!unit) {
        memset(p->rows, (int)level, (size_t)p->h * p->w);
        return;
    }
    const uint32_t blocks = vqz_step_blocks(p->w);
    vqz_bits b;
    vqz_bits_init(&b, enc, dec, VQZ_STEP_SLOWEST);
    code_all(&b, p->steps, vqz_step_blocks(p->h), blocks);
    uint8_t *row = p->rows;
    for (uint32_t y = 0; y < p->h; y++)
        for (uint32_t x = 0; x < p->w; x++) {
            const int32_t step = p->steps[y / VQZ_STEP_BLOCK * blocks + x / VQZ_STEP_BLOCK];
            *row++ = (uint8_t)vqz_clamp32((int32_t)level + (int32_t)unit * step, 0, (int32_t)p->m->nlevels - 1);
        }
}

uint32_t vqz_step_unit(const vqz_model *m) {
    const uint32_t middle = m->nlevels / 2;
    for (uint32_t n = 1; middle + n < m->nlevels; n++)
        if (m->level[middle + n].gain[0] * UINT64_C(1000) >= m->level[middle].gain[0] * UINT64_C(1180)) return n;    /* 1189 but for rounding */
    return 0;
}
