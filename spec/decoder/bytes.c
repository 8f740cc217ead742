/* Numbers, checksums and hashes: container.md section 1; XXH64 and SHA-256 by their own definitions. */
#include "decoder.h"

const uint8_t *get_block(struct bytes *b, size_t size) {
    require(size <= b->left, b->fault, b->what, "ends too early");
    const uint8_t *p = b->at;
    b->at += size;
    b->left -= size;
    return p;
}

uint64_t load(const uint8_t *p, int width) { return width ? *p | load(p + 1, width - 1) << 8 : 0; }
uint32_t get_number(struct bytes *b, int width) { return (uint32_t)load(get_block(b, (size_t)width), width); }

uint32_t get_ranged(struct bytes *b, int width, uint32_t lo, uint32_t hi) {
    uint32_t v = get_number(b, width);
    require(v >= lo && v <= hi, b->fault, b->what, "has a number out of its range");
    return v;
}

int32_t *get_array(struct bytes *b, size_t count, int width, int32_t lo, int32_t hi) {
    const int64_t half = (int64_t)1 << (8 * width - 1);
    require(count <= b->left / (size_t)width, b->fault, b->what, "ends too early");
    int32_t *p = take(count, sizeof *p);
    for (size_t i = 0; i < count; i++) {
        int64_t v = get_number(b, width);
        p[i] = (int32_t)(lo < 0 && v >= half ? v - 2 * half : v);
        require(p[i] >= lo && p[i] <= hi, b->fault, b->what, "has a number out of its range");
    }
    return p;
}

/* 7 bits a byte, in `most` bytes at most. */
static uint64_t get_sevens(struct bytes *b, uint32_t most, uint64_t max, bool shortest) {
    uint64_t v = 0;
    for (uint32_t i = 0, byte = 128; byte >= 128 && i < most; i++) {
        byte = get_number(b, 1);
        v |= (uint64_t)(byte & 127) << (7 * i);
        bool good = v <= max && (i + 1 < most || byte < 128) && !(shortest && i > 0 && byte == 0);
        require(good, b->fault, b->what, "has a number that is too long");
    }
    return v;
}

uint32_t get_varint(struct bytes *b) { return (uint32_t)get_sevens(b, 5, UINT32_MAX, false); }
uint64_t get_long(struct bytes *b) { return get_sevens(b, 9, INT64_MAX, false); }
uint64_t get_shortest(struct bytes *b) { return get_sevens(b, 9, INT64_MAX, true); }
int64_t fold(uint64_t v) { return v % 2 ? -(int64_t)(v / 2) - 1 : (int64_t)(v / 2); }

uint32_t crc32c(uint32_t before, const uint8_t *p, size_t size) {
    uint32_t crc = ~before;
    for (size_t i = 0; i < size; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);   /* 0x1EDC6F41 with its bits reflected */
    }
    return ~crc;
}

/* ---- XXH64, seed 0 ---- */
static const uint64_t P1 = 0x9E3779B185EBCA87u, P2 = 0xC2B2AE3D27D4EB4Fu, P3 = 0x165667B19E3779F9u,
                      P4 = 0x85EBCA77C2B2AE63u, P5 = 0x27D4EB2F165667C5u;

static uint64_t rotate64(uint64_t v, int n) { return v << n | v >> (64 - n); }
static uint64_t xxh_round(uint64_t acc, uint64_t in) { return rotate64(acc + in * P2, 31) * P1; }

uint64_t xxh64(const uint8_t *p, size_t size) {
    uint64_t h = P5, lane[4] = {P1 + P2, P2, 0, 0 - P1};
    size_t left = size;
    for (; left >= 32; left -= 32, p += 32)
        for (int i = 0; i < 4; i++)
            lane[i] = xxh_round(lane[i], load(p + 8 * i, 8));
    if (size >= 32) {
        h = rotate64(lane[0], 1) + rotate64(lane[1], 7) + rotate64(lane[2], 12) + rotate64(lane[3], 18);
        for (int i = 0; i < 4; i++)
            h = (h ^ xxh_round(0, lane[i])) * P1 + P4;
    }
    h += size;
    for (; left >= 8; left -= 8, p += 8)
        h = rotate64(h ^ xxh_round(0, load(p, 8)), 27) * P1 + P4;
    for (; left >= 4; left -= 4, p += 4)
        h = rotate64(h ^ load(p, 4) * P1, 23) * P2 + P3;
    for (; left > 0; left--, p++)
        h = rotate64(h ^ *p * P5, 11) * P1;
    h = (h ^ h >> 33) * P2;
    h = (h ^ h >> 29) * P3;
    return h ^ h >> 32;
}

/* ---- SHA-256 (FIPS 180-4); its constants are the first 32 bits of the fractions of roots of the first primes ---- */
static uint32_t rotate32(uint32_t v, int n) { return v >> n | v << (32 - n); }

void sha256(const uint8_t *p, size_t size, uint8_t digest[32]) {
    static const uint32_t K[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
        0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
        0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
        0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
        0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
        0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
        0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2};
    uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint32_t w[64] = {0}, v[8];
    size_t padded = (size + 8) / 64 * 64 + 64;
    uint8_t *copy = take(padded, 1);
    memcpy(copy, p, size);
    copy[size] = 0x80;
    for (size_t i = 0; i < 8; i++)
        copy[padded - 1 - i] = (uint8_t)((uint64_t)size * 8 >> (8 * i));
    for (const uint8_t *block = copy; block < copy + padded; block += 64) {
        for (int i = 0; i < 64; i++)
            w[i / 4] = w[i / 4] << 8 | block[i];   /* big-endian */
        for (int i = 16; i < 64; i++)
            w[i] = w[i - 16] + w[i - 7] + (rotate32(w[i - 15], 7) ^ rotate32(w[i - 15], 18) ^ w[i - 15] >> 3) +
                   (rotate32(w[i - 2], 17) ^ rotate32(w[i - 2], 19) ^ w[i - 2] >> 10);
        memcpy(v, h, sizeof v);
        for (int i = 0; i < 64; i++) {
            uint32_t t1 = v[7] + (rotate32(v[4], 6) ^ rotate32(v[4], 11) ^ rotate32(v[4], 25)) +
                          ((v[4] & v[5]) ^ (~v[4] & v[6])) + K[i] + w[i];
            uint32_t t2 = (rotate32(v[0], 2) ^ rotate32(v[0], 13) ^ rotate32(v[0], 22)) +
                          ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
            memmove(v + 1, v, 7 * sizeof v[0]);
            v[4] += t1;
            v[0] = t1 + t2;
        }
        for (int i = 0; i < 8; i++)
            h[i] += v[i];
    }
    for (int i = 0; i < 32; i++)
        digest[i] = (uint8_t)(h[i / 4] >> (24 - i % 4 * 8));
}
