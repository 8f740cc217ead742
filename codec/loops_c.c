#include "codec/prior.h"

static uint32_t search(const vqz_shelf *s, int32_t r0, int32_t r1, int32_t *least) {
    int32_t best = INT32_MAX, at = 0;
    for (const vqz_block *b = s->block, *end = b + s->blocks; b < end; b++)
        for (unsigned i = 0; i < VQZ_BLOCK; i++) {
            int32_t j = b->price[i];
            if (j > best) goto done;         /* so are all that follow */
            const int32_t d0 = r0 - b->value[i][0], d1 = r1 - b->value[i][1];
            j += d0 * d0 + d1 * d1;
            if (vqz_wins(j, b->symbol[i], best, at)) {
                best = j;
                at = b->symbol[i];
            }
        }
done:
    *least = best;
    return (uint32_t)at;
}

#define TABLE vqz_loops_c
#include "codec/loops_body.h"
