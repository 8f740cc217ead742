#include "cli/orientation.h"
#include <stdlib.h>
#include <string.h>

static uint32_t get(const uint8_t *p, unsigned bytes, bool big) {
    uint32_t v = 0;
    for (unsigned i = 0; i < bytes; i++) v |= (uint32_t)p[i] << 8 * (big ? bytes - 1 - i : i);
    return v;
}

/* Offset of the orientation's 16-bit value in the first directory, 0 where there is none. */
static size_t find_orientation(const uint8_t *exif, size_t size, bool *big) {
    enum { TAG = 0x0112, SHORT = 3 };
    if (size < 8) return 0;
    *big = exif[0] == 'M';
    if (memcmp(exif, *big ? "MM" : "II", 2) != 0 || get(exif + 2, 2, *big) != 42) return 0;
    size_t directory = get(exif + 4, 4, *big);
    if (directory < 8 || directory > size - 2) return 0;
    size_t count = get(exif + directory, 2, *big), entry = directory + 2;
    for (; count && size - entry >= 12; count--, entry += 12)
        if (get(exif + entry, 2, *big) == TAG && get(exif + entry + 2, 2, *big) == SHORT &&
            get(exif + entry + 4, 4, *big) == 1)
            return entry + 8;
    return 0;
}

uint8_t exif_orientation(const uint8_t *exif, size_t size) {
    bool big;
    size_t at = exif ? find_orientation(exif, size, &big) : 0;
    uint32_t v = at ? get(exif + at, 2, big) : 0;
    return (uint8_t)(v <= 8 ? v : 0);
}

void exif_set_orientation(uint8_t *exif, size_t size, uint8_t orientation) {
    bool big;
    size_t at = exif ? find_orientation(exif, size, &big) : 0;
    if (!at) return;
    exif[at + !big] = 0;
    exif[at + big] = orientation;
}

vqz_status orientation_apply(image *im, const image_config *config, vqz_error *e) {
    const unsigned o = im->info.orientation;
    if (o < 2 || o > 8) return VQZ_OK;
    const bool swap = o >= 5;
    /* the stored picture read backwards in x or y, before the axes are swapped */
    const bool back_x = o == 2 || o == 3 || o == 7 || o == 8, back_y = o == 3 || o == 4 || o == 6 || o == 7;
    const uint32_t w = im->info.width, h = im->info.height, to_w = swap ? h : w, to_h = swap ? w : h;
    const ptrdiff_t pixel = im->info.layout, stride = (ptrdiff_t)im->stride, to_stride = (ptrdiff_t)to_w * pixel;
    uint8_t *turned;
    vqz_status s = image_alloc(&turned, to_h, (uint64_t)to_stride, config, e);
    if (s != VQZ_OK) return s;
    const uint8_t *origin =
        im->pixels + (back_x ? (ptrdiff_t)(w - 1) * pixel : 0) + (back_y ? (ptrdiff_t)(h - 1) * stride : 0);
    const ptrdiff_t along_x = back_x ? -pixel : pixel, along_y = back_y ? -stride : stride;
    const ptrdiff_t step_x = swap ? along_y : along_x, step_y = swap ? along_x : along_y;
    enum { BLOCK = 64 };         /* of rows and columns: reading across rows stays in the cache */
    for (uint32_t by = 0; by < to_h; by += BLOCK)
        for (uint32_t bx = 0; bx < to_w; bx += BLOCK)
            for (uint32_t y = by; y < to_h && y < by + BLOCK; y++)
                for (uint32_t x = bx; x < to_w && x < bx + BLOCK; x++)
                    memcpy(turned + (ptrdiff_t)y * to_stride + (ptrdiff_t)x * pixel,
                           origin + (ptrdiff_t)x * step_x + (ptrdiff_t)y * step_y, (size_t)pixel);
    free(im->pixels);
    im->pixels = turned;
    im->stride = (size_t)to_stride;
    im->info.width = to_w;
    im->info.height = to_h;
    im->info.orientation = 1;
    return VQZ_OK;
}
