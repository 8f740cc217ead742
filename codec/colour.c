#include "codec/colour.h"
#include "codec/transform.h"
#include <string.h>

/* `above` may have transparent pixels only where nothing visible came before: they are mid-gray. */
static void fill_transparent(const uint8_t *alpha, uint32_t width, const uint8_t *above, uint8_t *rgb) {
    for (uint32_t x = 0; x < width; x++) {
        if (alpha[x]) continue;
        for (uint32_t c = 0; c < 3; c++) {
            unsigned left = x ? rgb[x * 3 - 3 + c] : above ? above[c] : 128, up = above ? above[x * 3 + c] : left;
            rgb[x * 3 + c] = (uint8_t)((left + up + 1) / 2);
        }
    }
}

void vqz_row_split(unsigned layout, const uint8_t *src, uint32_t width, uint8_t *rgb, uint8_t *alpha) {
    bool gray = vqz_is_gray(layout);
    if (layout == VQZ_RGB) memcpy(rgb, src, (size_t)width * 3);
    else
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < 3; c++) rgb[x * 3 + c] = src[x * layout + (gray ? 0 : c)];
    for (uint32_t x = 0; vqz_has_alpha(layout) && x < width; x++) alpha[x] = src[x * layout + layout - 1];
}

void vqz_row_in(unsigned layout, const uint8_t *src, uint32_t width, const uint8_t *above, uint8_t *rgb, uint8_t *alpha) {
    vqz_row_split(layout, src, width, rgb, alpha);
    if (vqz_has_alpha(layout)) fill_transparent(alpha, width, above, rgb);
}

void vqz_row_out(unsigned layout, const int16_t *samples, const uint8_t *alpha, uint32_t count, uint8_t *dst) {
    if (layout == VQZ_RGB) {
        for (uint32_t i = 0; i < count * 3; i++) dst[i] = vqz_sample(samples[i]);
        return;
    }
    for (uint32_t x = 0; x < count; x++, dst += layout) {
        unsigned r = vqz_sample(samples[x * 3]), g = vqz_sample(samples[x * 3 + 1]), b = vqz_sample(samples[x * 3 + 2]);
        if (vqz_is_gray(layout)) dst[0] = vqz_gray(r, g, b);
        else {
            dst[0] = (uint8_t)r;
            dst[1] = (uint8_t)g;
            dst[2] = (uint8_t)b;
        }
        if (alpha) dst[layout - 1] = alpha[x];
    }
}
