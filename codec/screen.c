#include "codec/screen.h"

/* How many of the pixels that have one have the colour of the pixel to the left or above, in percent. */
static unsigned repeated(const vqz_pixels *p) {
    uint64_t same = 0, all = 0;
    for (uint32_t y = 0; y < p->h; y++) {
        const uint8_t *row = p->samples.data + y * p->samples.stride, *up = y ? row - p->samples.stride : row;
        for (uint32_t x = 1; x < p->w; x++) {
            const size_t at = x * p->samples.step;
            same += !memcmp(row + at, row + at - p->samples.step, p->colours) || (y && !memcmp(row + at, up + at, p->colours));
        }
        all += p->w - 1;
    }
    return all ? (unsigned)(100 * same / all) : 100;
}

static vqz_status encode(const vqz_pixels *p, unsigned flags, vqz_rans_enc *rans, void **out, size_t *size, vqz_error *e) {
    *out = NULL;
    *size = 1;
    VQZ_TRY(vqz_alloc(rans->mem, out, 1, 1, e));
    *(uint8_t *)*out = VQZ_TILE_PIXELS;
    vqz_status s = vqz_pixels_encode(p, flags, rans, out, size, e);
    if (s != VQZ_OK) vqz_free(rans->mem, *out);
    return s;
}

vqz_status vqz_exact_encode(const vqz_pixels *p, vqz_rans_enc *rans, uint8_t **out, size_t *size, vqz_error *e) {
    enum { PHOTO = 25, SCREEN = 75 };        /* in between both ways are tried */
    const unsigned percent = repeated(p);
    void *data, *other;
    size_t other_size;
    VQZ_TRY(encode(p, percent < PHOTO ? 0 : VQZ_PIXELS_MEMORY, rans, &data, size, e));
    if (percent >= PHOTO && percent < SCREEN) {
        vqz_status s = encode(p, 0, rans, &other, &other_size, e);
        if (s != VQZ_OK) {
            vqz_free(rans->mem, data);
            return s;
        }
        const bool better = other_size < *size;
        vqz_free(rans->mem, better ? data : other);
        if (better) data = other;
        if (better) *size = other_size;
    }
    *out = data;
    return VQZ_OK;
}
