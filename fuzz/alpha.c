/* The alpha coder both ways. Input: width and height less 1 (the lowest 6 bits each), then a payload, which is decoded; then the same bytes as
 * a plane, which must come back. */
#include "codec/alpha.h"
#include "fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

static void decode(const uint8_t *data, size_t size, uint32_t w, uint32_t h) {
    vqz_memory mem;
    vqz_error e;
    uint8_t *plane = malloc((size_t)w * h * 2);
    FUZZ_CHECK(plane);
    memset(plane, 77, (size_t)w * h * 2);
    vqz_memory_init(&mem, 16 << 20);
    vqz_status s = vqz_alpha_decode(&mem, data, size, plane, (ptrdiff_t)w * 2, 2, w, h, &e);      /* every other byte is somebody else's */
    if (s != VQZ_OK) fuzz_check_error(s, &e);
    for (size_t i = 0; i < (size_t)w * h; i++) FUZZ_CHECK(plane[2 * i + 1] == 77);
    FUZZ_CHECK(mem.used == 0);
    free(plane);
}

static void encode(const uint8_t *data, size_t size, uint32_t w, uint32_t h) {
    vqz_memory mem;
    fuzz_bytes in = {.data = data, .size = size};
    size_t pixels = (size_t)w * h, n;
    uint8_t *plane = malloc(pixels * 2), *payload, *back = plane + pixels, last = 0;
    FUZZ_CHECK(plane);
    uint8_t mask = (uint8_t[]){255, 224, 192, 128, 3}[fuzz_byte(&in) % 5];        /* few values make long runs */
    for (size_t i = 0; i < pixels; i++) {
        uint8_t v = fuzz_byte(&in);
        plane[i] = last = v & 1 ? last : (uint8_t)(mask == 128 ? v & 128 ? 255 : 0 : v & mask);
    }
    vqz_memory_init(&mem, 16 << 20);
    FUZZ_CHECK(vqz_alpha_encode(&mem, plane, (ptrdiff_t)w, 1, w, h, &payload, &n, NULL) == VQZ_OK);
    FUZZ_CHECK(n <= pixels + 1);
    FUZZ_CHECK(vqz_alpha_decode(&mem, payload, n, back, (ptrdiff_t)w, 1, w, h, NULL) == VQZ_OK);
    FUZZ_CHECK(memcmp(plane, back, pixels) == 0);
    vqz_free(&mem, payload);
    FUZZ_CHECK(mem.used == 0);
    free(plane);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    uint32_t w = 1 + (data[0] & 63u), h = 1 + (data[1] & 63u);
    fuzz_budget b = fuzz_begin();
    decode(data + 2, size - 2, w, h);
    encode(data + 2, size - 2, w, h);
    fuzz_end(&b, size, (uint64_t)w * h, 0);
    return 0;
}
