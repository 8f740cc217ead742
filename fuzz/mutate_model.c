/* Mutations of model files: a byte or a few of one section, whose frequencies are then made to sum up and whose codewords to ascend; mostly
 * without moving anything, because all sizes follow from ARCH and NETS. */
#include "base/bytes.h"
#include "codec/rans.h"
#include "fuzz/fuzz.h"
#include <stdlib.h>

enum { MAGIC = 8, SECTION = 8, SECTIONS = 7, LADR = 5, ZTAB = 6 };

typedef struct section { size_t at, size; } section;     /* of the contents */

static unsigned parse(const uint8_t *data, size_t size, section s[SECTIONS]) {
    size_t at = MAGIC;
    unsigned n = 0;
    for (; n < SECTIONS && at <= size && size - at >= SECTION; n++) {
        size_t length = vqz_load32(data + at + 4), left = size - at - SECTION;
        s[n] = (section){at + SECTION, length < left ? length : left};
        at += SECTION + s[n].size;
    }
    return n;
}

/* n frequencies of at least 1 that sum up: what is too much or too little goes to and from the largest. */
static void mend_frequencies(uint8_t *p, size_t n) {
    int64_t rest = VQZ_RANS_TOTAL;
    for (size_t i = 0; i < n; i++) {
        if (!vqz_load16(p + 2 * i) || vqz_load16(p + 2 * i) > VQZ_RANS_TOTAL) vqz_store16(p + 2 * i, 1);
        rest -= vqz_load16(p + 2 * i);
    }
    for (size_t i = 0; i < n && rest; i++) {
        int64_t f = vqz_load16(p + 2 * i), to = f + rest < 1 ? 1 : f + rest;
        vqz_store16(p + 2 * i, (uint16_t)to);
        rest -= to - f;
    }
}

static void mend_ladder(uint8_t *data, size_t size) {
    if (size < 4) return;
    size_t at = 4, rungs = data[0], pairs = vqz_load16(data + 2);
    for (size_t i = 0; i < rungs + pairs; i++) {
        if (size - at < 4) return;
        size_t n = vqz_load16(data + at), values = n * (i < rungs ? 2 : 4);
        at += 4;
        if (size - at < values + 2 * (n + 1)) return;
        for (size_t k = 1; i < rungs && k < n; k++) {
            int16_t before = (int16_t)vqz_load16(data + at + 2 * k - 2), value = (int16_t)vqz_load16(data + at + 2 * k);
            if (value <= before && before < INT16_MAX) vqz_store16(data + at + 2 * k, (uint16_t)(before + 1));
        }
        mend_frequencies(data + at + values, n + 1);
        at += values + 2 * (n + 1);
    }
}

static void mend_tables(uint8_t *data, size_t size) {
    for (size_t at = 2; at < size && size - at >= 2;) {
        size_t n = 2 * (size_t)data[at] + 2;
        if (size - at - 2 < 2 * n) return;
        mend_frequencies(data + at + 2, n);
        at += 2 + 2 * n;
    }
}

/* Values that are more than noise in 8, 16 and 32 bits. */
static void mutate_value(uint8_t *p, size_t left, uint32_t *state) {
    static const uint32_t values[] = {0, 1, 2, 3, 127, 128, 129, 255, 32767, 32768, 32769, 65535, 0x7fffffff, 0x80000001, 0xffffffff};
    uint32_t v = values[fuzz_random(state) % 15];
    switch (fuzz_random(state) % 5) {
    case 0: *p = (uint8_t)v; break;
    case 1: *p ^= (uint8_t)(1u << fuzz_random(state) % 8); break;
    case 2: *p = (uint8_t)(*p + fuzz_random(state) % 9 - 4); break;
    case 3:
        if (left >= 2) vqz_store16(p, (uint16_t)v);
        break;
    default:
        if (left >= 4) vqz_store32(p, v);
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    uint32_t state = seed;
    section s[SECTIONS];
    fuzz_random(&state);
    unsigned n = size < MAGIC ? 0 : parse(data, size, s);
    if (!n || fuzz_random(&state) % 20 == 0) return LLVMFuzzerMutate(data, size, most);
    unsigned which = fuzz_random(&state) % n;
    if (!s[which].size) return size;
    for (uint32_t turns = 1 + fuzz_random(&state) % 4; turns--;) {
        /* sizes and shapes stand at the beginning of a section, and between arrays that are much larger */
        size_t at = fuzz_random(&state) % s[which].size;
        if (fuzz_random(&state) % 3 == 0) at %= 64;
        mutate_value(data + s[which].at + at, s[which].size - at, &state);
        if (fuzz_random(&state) % 8 == 0) {              /* a whole run: weights, bounds */
            size_t length = 1 + fuzz_random(&state) % 256;
            for (size_t i = at; i < s[which].size && i < at + length; i++) data[s[which].at + i] = data[s[which].at + at];
        }
    }
    if (n == SECTIONS && fuzz_random(&state) % 32) {
        mend_ladder(data + s[LADR].at, s[LADR].size);
        mend_tables(data + s[ZTAB].at, s[ZTAB].size);
    }
    return size;
}
