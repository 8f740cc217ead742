/* bitstream.md, "Pixels": from latents to colour samples. */
#include "decoder.h"

/* The picture is made in windows, each from its own latents and a ring of REACH around them: no pixel depends on latents
 * farther away (model.md), so nothing but time is lost, and memory is bounded. */
enum { WINDOW = 32 };

static void window(const struct model *m, const struct picture *pic, const struct tensor *latents, uint32_t x, uint32_t y) {
    uint32_t x0 = x < REACH ? 0 : x - REACH, x1 = (uint32_t)clamp(x + WINDOW + REACH, 0, latents->w);
    uint32_t y0 = y < REACH ? 0 : y - REACH, y1 = (uint32_t)clamp(y + WINDOW + REACH, 0, latents->h);
    struct tensor full = new_tensor(y1 - y0, x1 - x0, m->C), scaled = new_tensor(y1 - y0, x1 - x0, m->C);
    for (uint32_t v = y0; v < y1; v++)
        for (uint32_t u = x0; u < x1; u++)
            for (uint32_t c = 0; c < m->C; c++) {
                at(&full, v - y0, u - x0)[c] = at(latents, v, u)[c];
                at(&scaled, v - y0, u - x0)[c] = latq(m, c, at(latents, v, u)[c]);
            }
    struct tensor linear = run_net(&m->net[SYNTHESIS_LINEAR][0], full, NULL);
    struct tensor pixels = run_net(&m->net[SYNTHESIS][0], scaled, &linear);
    uint32_t right = (uint32_t)clamp(16 * (x + WINDOW), 0, pic->width), end = (uint32_t)clamp(16 * (y + WINDOW), 0, pic->height);
    struct rectangle r = {16 * x, 16 * y, right - 16 * x, end - 16 * y};
    for (size_t i = 0; i < (size_t)r.w * r.h; i++) {
        const int16_t *v = at(&pixels, r.y - 16 * y0 + (uint32_t)i / r.w, r.x - 16 * x0 + (uint32_t)i % r.w);
        uint8_t *p = pixel(pic, r, i), rgb[3];
        for (int k = 0; k < 3; k++)
            rgb[k] = (uint8_t)clamp((v[k] + 32) >> 6, 0, 255);
        for (uint32_t k = 0; k < colours(pic); k++)
            p[k] = colours(pic) == 3 ? rgb[k] : (uint8_t)((rgb[0] + 2 * rgb[1] + rgb[2] + 2) >> 2);
    }
}

void synthesize(const struct model *m, const struct picture *pic, const struct tensor *latents) {
    for (uint32_t y = 0; y < latents->h; y += WINDOW)
        for (uint32_t x = 0; x < latents->w; x += WINDOW) {
            void *scope = mark();
            window(m, pic, latents, x, y);
            release(scope);
        }
}
