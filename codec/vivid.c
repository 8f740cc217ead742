#include "codec/vivid.h"
#include "base/arena.h"
#include "base/pixelmath.h"
#include <stdlib.h>
#include <string.h>

enum { STEP = VQZ_LATENT_STEP, BLOCK = STEP * STEP * 3, ROUNDS = 5 };

/* Green or magenta is where the networks of the first models end; blocks of latent positions are looked at, one row in four. */
bool vqz_is_vivid(const uint8_t *rgb, size_t stride, uint32_t w, uint32_t h) {
    enum { EVERY = 4, VIVID = 300, SHARE = 128 };        /* of |2G - R - B|, at most 510; more than one block in so many */
    uint32_t blocks = 0, vivid = 0;
    for (uint32_t y = 0; y < h; y += STEP)
        for (uint32_t x = 0; x < w; x += STEP, blocks++) {
            const uint32_t right = x + STEP < w ? x + STEP : w, bottom = y + STEP < h ? y + STEP : h;
            int32_t sum = 0, n = 0;
            for (uint32_t i = y; i < bottom; i += EVERY) {
                const uint8_t *p = rgb + i * stride + 3 * (size_t)x;
                for (uint32_t k = x; k < right; k++, p += 3) sum += 2 * p[1] - p[0] - p[2];
                n += (int32_t)(right - x);
            }
            vivid += abs(sum) >= VIVID * n;
        }
    return vivid * SHARE > blocks;
}

/* What synthesis misses of the pixels of a row of positions. What lies beyond black or white is not wrong. */
static void missing(const int16_t *blocks, const int16_t *made, uint32_t w, int16_t *to) {
    for (uint32_t x = 0; x < w; x++)
        for (uint32_t row = 0; row < STEP; row++)
            for (uint32_t k = 0; k < STEP * 3; k++, blocks++) {
                const int32_t v = made[(size_t)row * w * STEP * 3 + x * STEP * 3 + k];
                *to++ = (int16_t)vqz_missing(*blocks, vqz_clamp32(v, 0, 255 << VQZ_PIXEL_BITS));
            }
}

vqz_status vqz_vivid_correct(vqz_analysis *a, const vqz_nets *nets, vqz_memory *mem, uint32_t width, uint32_t height, vqz_rect tile, const vqz_latents *y,
                             vqz_error *e) {
    const uint32_t C = a->m->C;
    const vqz_net *net = a->nets->net[VQZ_NET_ANALYSIS_LINEAR][0];
    const vqz_rect r = vqz_rect_grow(tile, VQZ_ANALYSIS_RING, (width + STEP - 1) / STEP, (height + STEP - 1) / STEP);
    vqz_synthesis s;
    int16_t *from, *to, *nothing;            /* of a row: what is missing, what the linear path makes of it; and of nothing */
    void *block = NULL;
    for (int pass = 0; pass < 2; pass++) {
        vqz_arena arena = {.base = block};
        VQZ_TRY(vqz_synthesis_layout(&s, a->m, nets, r.h, r.w, &arena, e));
        VQZ_TAKE(&arena, from, (size_t)r.w * BLOCK);
        VQZ_TAKE(&arena, to, (size_t)r.w * C);
        VQZ_TAKE(&arena, nothing, C);
        if (pass) break;
        if (arena.overflow) return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "a tile of %u x %u positions does not fit in memory", r.w, r.h);
        VQZ_TRY(vqz_alloc(mem, &block, arena.used, 1, e));
    }
    memset(from, 0, BLOCK * sizeof *from);
    vqz_net_run(net, &(vqz_view){from, 1, 1, BLOCK}, &(vqz_view){nothing, 1, 1, C}, a->scratch);
    for (int round = 0; round < ROUNDS; round++) {
        memcpy(s.latents, a->latents, (size_t)r.h * r.w * C * sizeof *s.latents);
        vqz_synthesise(&s, r.h, r.w, (vqz_rect){0, 0, r.w * STEP, r.h * STEP});
        for (uint32_t i = 0; i < r.h; i++) {
            missing(a->blocks + (size_t)i * r.w * BLOCK, s.out + (size_t)i * r.w * STEP * STEP * 3, r.w, from);
            vqz_net_run(net, &(vqz_view){from, 1, r.w, BLOCK}, &(vqz_view){to, 1, r.w, C}, a->scratch);
            int16_t *v = a->latents + (size_t)i * r.w * C;
            for (size_t k = 0; k < (size_t)r.w * C; k++) v[k] = (int16_t)vqz_corrected(v[k], to[k], nothing[k % C]);
        }
    }
    for (uint32_t i = 0; i < tile.h; i++)
        memcpy(y->data + i * y->stride * C, a->latents + ((size_t)(tile.y - r.y + i) * r.w + (tile.x - r.x)) * C, (size_t)tile.w * C * sizeof *y->data);
    vqz_free(mem, block);
    return VQZ_OK;
}
