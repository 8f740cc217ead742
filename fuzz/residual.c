/* The residual decoder. Input: width and height less 1 (the lowest 6 bits), bit 7 of the height: gray; the payload. */
#include "codec/residual.h"
#include "fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    const uint32_t w = 1 + (data[0] & 63u), h = 1 + (data[1] & 63u);
    const unsigned colours = data[1] & 128 ? 1 : 3, step = colours + 1;
    const size_t samples = (size_t)w * h * step;
    vqz_residual r;
    vqz_arena plan = {0}, fill = {0};
    vqz_error e;
    fuzz_budget b = fuzz_begin();
    vqz_residual_layout(&r, w, colours, &plan);
    uint8_t *pixels = malloc(samples);
    fill.base = aligned_alloc(64, plan.used);
    FUZZ_CHECK(fill.base && pixels && !plan.overflow);
    vqz_residual_layout(&r, w, colours, &fill);
    memset(pixels, 100, samples);
    vqz_status s = vqz_residual_decode(&r, data + 2, size - 2, (vqz_samples){pixels, (size_t)w * step, step}, h, &e);
    if (s != VQZ_OK) fuzz_check_error(s, &e);
    for (size_t i = colours; i < samples; i += step) FUZZ_CHECK(pixels[i] == 100);      /* alpha is not its business */
    if (s == VQZ_OK && data[2] == 0)
        for (size_t i = 0; i < samples; i++) FUZZ_CHECK(pixels[i] == 100);
    free(pixels);
    free(fill.base);
    fuzz_end(&b, size, (uint64_t)w * h, 0);
    return 0;
}
