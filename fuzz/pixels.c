/* Pixels as they are, both ways. Input: width and height less 1 (the lowest 6 bits), bit 7 of the width: a mask, of the height: gray; a byte whose
 * lowest bit asks for the memory; then a section, which is decoded; then the same bytes as pixels, which must come back. */
#include "codec/pixels.h"
#include "fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

static void decode(const uint8_t *data, size_t size, uint32_t w, uint32_t h, unsigned colours) {
    const size_t step = colours + 1, n = (size_t)w * h * step;
    vqz_memory mem;
    vqz_error e;
    uint8_t *out = malloc(n);
    FUZZ_CHECK(out);
    memset(out, 77, n);
    vqz_memory_init(&mem, 16 << 20);
    const vqz_pixels p = {.samples = {out, w * step, step}, .w = w, .h = h, .colours = colours};
    vqz_status s = vqz_pixels_decode(&p, &mem, data, size, false, &e);
    if (s != VQZ_OK) fuzz_check_error(s, &e);
    for (size_t i = colours; i < n; i += step) FUZZ_CHECK(out[i] == 77);
    FUZZ_CHECK(mem.used == 0);
    free(out);
}

static void encode(const uint8_t *data, size_t size, uint32_t w, uint32_t h, unsigned colours, bool masked, unsigned flags) {
    const size_t n = (size_t)w * h * colours;
    const uint32_t nx = vqz_pixel_blocks(w);
    vqz_memory mem;
    vqz_rans_enc rans;
    fuzz_bytes in = {.data = data, .size = size};
    void *section = NULL;
    size_t section_size = 0;
    uint8_t *pixels = malloc(2 * n), *back = pixels + n, mask[16];
    FUZZ_CHECK(pixels);
    for (size_t i = 0; i < sizeof mask; i++) mask[i] = fuzz_byte(&in) & 1;
    const unsigned few = fuzz_byte(&in) & 1 ? 3 : 255;                             /* few colours come again */
    for (size_t i = 0; i < n; i++) pixels[i] = back[i] = (uint8_t)(fuzz_byte(&in) & few);
    vqz_memory_init(&mem, 64 << 20);
    vqz_rans_enc_init(&rans, &mem);
    vqz_pixels p = {.samples = {pixels, (size_t)w * colours, colours}, .w = w, .h = h, .colours = colours, .mask = masked ? mask : NULL};
    FUZZ_CHECK(vqz_pixels_encode(&p, flags, &rans, &section, &section_size, NULL) == VQZ_OK);
    p.samples.data = back;
    p.mask = NULL;
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++)
            if (!masked || mask[y / VQZ_PIXEL_BLOCK * nx + x / VQZ_PIXEL_BLOCK]) memset(back + ((size_t)y * w + x) * colours, 0, colours);
    FUZZ_CHECK(vqz_pixels_decode(&p, &mem, section, section_size, true, NULL) == VQZ_OK);
    FUZZ_CHECK(memcmp(pixels, back, n) == 0);
    vqz_free(&mem, section);
    vqz_rans_enc_free(&rans);
    FUZZ_CHECK(mem.used == 0);
    free(pixels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) return 0;
    const uint32_t w = 1 + (data[0] & 63u), h = 1 + (data[1] & 63u);
    const unsigned colours = data[1] & 128 ? 1 : 3;
    fuzz_budget b = fuzz_begin();
    decode(data + 3, size - 3, w, h, colours);
    encode(data + 3, size - 3, w, h, colours, data[0] & 128, data[2] & 1 ? VQZ_PIXELS_MEMORY : 0);
    fuzz_end(&b, size, (uint64_t)w * h, 0);
    return 0;
}
