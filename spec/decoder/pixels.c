/* bitstream.md, "Pixels": from latents to colour samples. */
#include "decoder.h"

/* The picture is made in windows, each from its own latents and a ring of RING around them: no pixel depends on latents
 * farther away (model.md), so nothing but time is lost, and memory is bounded. */
enum { WINDOW = 32, RING = 2 };

static void put_pixel(const int16_t v[3], uint32_t samples, uint8_t *out) {
    int rgb[3];
    for (int i = 0; i < 3; i++)
        rgb[i] = (int)clamp((v[i] + 32) >> 6, 0, 255);
    for (int i = 0; i < (samples <= 2 ? 1 : 3); i++)
        out[i] = (uint8_t)(samples <= 2 ? (rgb[0] + 2 * rgb[1] + rgb[2] + 2) >> 2 : rgb[i]);
}

static void window(const struct model *m, const struct picture *pic, const struct tensor *latents, uint32_t x,
                   uint32_t y, uint8_t *samples) {
    uint32_t x0 = x < RING ? 0 : x - RING, y0 = y < RING ? 0 : y - RING;
    uint32_t x1 = latents->w - x < WINDOW + RING ? latents->w : x + WINDOW + RING;
    uint32_t y1 = latents->h - y < WINDOW + RING ? latents->h : y + WINDOW + RING;
    size_t scope = mark();
    struct tensor full = new_tensor(y1 - y0, x1 - x0, m->C), scaled = new_tensor(y1 - y0, x1 - x0, m->C);
    for (uint32_t v = y0; v < y1; v++)
        for (uint32_t u = x0; u < x1; u++)
            for (uint32_t c = 0; c < m->C; c++) {
                at(&full, v - y0, u - x0)[c] = at(latents, v, u)[c];
                at(&scaled, v - y0, u - x0)[c] = latq(m, c, at(latents, v, u)[c]);
            }
    struct tensor linear = run_net(&m->net[SYNTHESIS_LINEAR][0], full, NULL);
    struct tensor pixels = run_net(&m->net[SYNTHESIS][0], scaled, &linear);
    for (uint32_t py = 16 * y; py < 16 * (y + WINDOW) && py < pic->height; py++)
        for (uint32_t px = 16 * x; px < 16 * (x + WINDOW) && px < pic->width; px++)
            put_pixel(at(&pixels, py - 16 * y0, px - 16 * x0), pic->samples,
                      samples + ((size_t)py * pic->width + px) * pic->samples);
    release(scope);
}

void synthesize(const struct model *m, const struct picture *pic, const struct tensor *latents, uint8_t *samples) {
    for (uint32_t y = 0; y < latents->h; y += WINDOW)
        for (uint32_t x = 0; x < latents->w; x += WINDOW)
            window(m, pic, latents, x, y, samples);
}
