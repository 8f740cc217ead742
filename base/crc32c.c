#include "base/crc32c.h"

/* The table is linear over XOR, so the entries of the eight single bits make all 256 at compile time. */
#define BIT(i, k, v) ((i) >> (k) & 1 ? (uint32_t)(v) : 0u)
#define T1(i) (BIT(i, 0, 0xF26B8303) ^ BIT(i, 1, 0xE13B70F7) ^ BIT(i, 2, 0xC79A971F) ^ BIT(i, 3, 0x8AD958CF) ^ \
               BIT(i, 4, 0x105EC76F) ^ BIT(i, 5, 0x20BD8EDE) ^ BIT(i, 6, 0x417B1DBC) ^ BIT(i, 7, 0x82F63B78))
#define T4(i) T1(i), T1((i) + 1), T1((i) + 2), T1((i) + 3)
#define T16(i) T4(i), T4((i) + 4), T4((i) + 8), T4((i) + 12)
#define T64(i) T16(i), T16((i) + 16), T16((i) + 32), T16((i) + 48)
static const uint32_t table[256] = {T64(0), T64(64), T64(128), T64(192)};

uint32_t vqz_crc32c(uint32_t crc, const void *data, size_t n) {
    const uint8_t *p = data;
    crc = ~crc;
    for (size_t i = 0; i < n; i++) crc = crc >> 8 ^ table[(crc ^ p[i]) & 255];
    return ~crc;
}
