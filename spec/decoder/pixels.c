/* bitstream.md, "Pixels": from latents to colour samples. */
#include "inter.h"

void synthesize(const struct model *m, const struct picture *pic, struct rectangle tile, const struct tensor *latents) {
    uint32_t x = (uint32_t)larger((int)tile.x / 16 - REACH, 0), y = (uint32_t)larger((int)tile.y / 16 - REACH, 0);
    uint32_t w = (uint32_t)clamp(ceil_div(tile.x + tile.w, 16) + REACH, 0, latents->w) - x;
    uint32_t h = (uint32_t)clamp(ceil_div(tile.y + tile.h, 16) + REACH, 0, latents->h) - y;
    struct tensor full = new_tensor(h, w, m->C), scaled = new_tensor(h, w, m->C);
    for (uint32_t v = 0; v < h; v++)
        for (uint32_t u = 0; u < w; u++)
            for (uint32_t c = 0; c < m->C; c++)
                at(&scaled, v, u)[c] = latq(m, c, at(&full, v, u)[c] = at(latents, y + v, x + u)[c]);
    const struct net *net = &m->net[SYNTHESIS][0];
    struct tensor linear = run_net(&m->net[SYNTHESIS_LINEAR][0], full, NULL);
    struct tensor pixels = run_net(net, net->tensor[0].type == S16 ? full : scaled, &linear);
    for (uint32_t i = 0; i < tile.w * tile.h; i++) {
        const int16_t *v = at(&pixels, tile.y - 16 * y + i / tile.w, tile.x - 16 * x + i % tile.w);
        uint8_t *p = pixel(pic, tile, i), rgb[3];
        for (uint32_t k = 0; k < 3; k++)
            rgb[k] = (uint8_t)clamp((inter_sample(tile.x + i % tile.w, tile.y + i / tile.w, k, v[k]) + 32) >> 6, 0, 255);
        for (uint32_t k = 0; k < colours(pic); k++)
            p[k] = colours(pic) == 3 ? rgb[k] : (uint8_t)((rgb[0] + 2 * rgb[1] + rgb[2] + 2) >> 2);
    }
}
