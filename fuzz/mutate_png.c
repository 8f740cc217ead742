/* Mutations of PNG files with the chunks' checksums put right again, mostly. */
#include "fuzz/fuzz.h"
#include <zlib.h>

enum { SIGNATURE = 8, FRAME = 12 };

static uint32_t load(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    uint32_t state = seed;
    fuzz_random(&state);
    size = LLVMFuzzerMutate(data, size, most);
    if (fuzz_random(&state) % 16 == 0) return size;
    for (size_t at = SIGNATURE; at + FRAME <= size;) {
        size_t length = load(data + at);
        if (length > size - at - FRAME) break;
        uint32_t crc = (uint32_t)crc32(0, data + at + 4, (uInt)(length + 4));
        for (unsigned i = 0; i < 4; i++) data[at + 8 + length + i] = (uint8_t)(crc >> (24 - 8 * i));
        at += FRAME + length;
    }
    return size;
}
