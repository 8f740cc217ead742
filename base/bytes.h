/* Checked little-endian reading and writing. A reader never passes its end: the first short read sets
 * `failed`, later reads give 0, and the caller checks once. */
#ifndef VQZ_BASE_BYTES_H
#define VQZ_BASE_BYTES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct vqz_reader {
    const uint8_t *data;
    size_t size, pos;
    bool failed;
} vqz_reader;

static inline vqz_reader vqz_reader_of(const void *data, size_t size) {
    return (vqz_reader){(const uint8_t *)data, size, 0, false};
}
static inline size_t vqz_reader_left(const vqz_reader *r) { return r->size - r->pos; }
/* Pointer to the next n bytes, which are then consumed; NULL (and failed) if fewer are left. */
static inline const uint8_t *vqz_read_bytes(vqz_reader *r, size_t n) {
    if (r->failed || n > r->size - r->pos) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *p = r->data + r->pos;
    r->pos += n;
    return p;
}
static inline uint16_t vqz_load16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t vqz_load32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t vqz_load64(const uint8_t *p) { return vqz_load32(p) | (uint64_t)vqz_load32(p + 4) << 32; }
static inline uint8_t vqz_read8(vqz_reader *r) { const uint8_t *p = vqz_read_bytes(r, 1); return p ? *p : 0; }
static inline uint16_t vqz_read16(vqz_reader *r) { const uint8_t *p = vqz_read_bytes(r, 2); return p ? vqz_load16(p) : 0; }
static inline uint32_t vqz_read32(vqz_reader *r) { const uint8_t *p = vqz_read_bytes(r, 4); return p ? vqz_load32(p) : 0; }
static inline uint64_t vqz_read64(vqz_reader *r) { const uint8_t *p = vqz_read_bytes(r, 8); return p ? vqz_load64(p) : 0; }
/* LEB128, at most 5 bytes and 32 bits; anything longer or wider fails. */
static inline uint32_t vqz_read_varint(vqz_reader *r) {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint8_t b = vqz_read8(r);
        v |= (uint64_t)(b & 127) << shift;
        if (!(b & 128)) {
            if (v > UINT32_MAX) r->failed = true;
            return r->failed ? 0 : (uint32_t)v;
        }
    }
    r->failed = true;
    return 0;
}
/* The same with at most 9 bytes and 63 bits. */
static inline uint64_t vqz_read_long(vqz_reader *r) {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
        uint8_t b = vqz_read8(r);
        v |= (uint64_t)(b & 127) << shift;
        if (!(b & 128)) return r->failed ? 0 : v;
    }
    r->failed = true;
    return 0;
}
/* Signed numbers -2^62 .. 2^62 - 1 as longs: 0, -1, 1, -2 and so on are 0, 1, 2, 3. */
static inline uint64_t vqz_fold(int64_t v) { return v < 0 ? ~((uint64_t)v << 1) : (uint64_t)v << 1; }
static inline int64_t vqz_unfold(uint64_t v) { return v & 1 ? -(int64_t)(v >> 1) - 1 : (int64_t)(v >> 1); }

static inline void vqz_store16(uint8_t *p, uint16_t v) { p[0] = (uint8_t)v; p[1] = (uint8_t)(v >> 8); }
static inline void vqz_store32(uint8_t *p, uint32_t v) { vqz_store16(p, (uint16_t)v); vqz_store16(p + 2, (uint16_t)(v >> 16)); }
static inline void vqz_store64(uint8_t *p, uint64_t v) { vqz_store32(p, (uint32_t)v); vqz_store32(p + 4, (uint32_t)(v >> 32)); }
/* Writes 1..9 bytes (v is below 2^63), returns how many. */
static inline size_t vqz_store_long(uint8_t *p, uint64_t v) {
    size_t n = 0;
    for (; v > 127; v >>= 7) p[n++] = (uint8_t)(v | 128);
    p[n++] = (uint8_t)v;
    return n;
}
/* Writes 1..5 bytes, returns how many. */
static inline size_t vqz_store_varint(uint8_t *p, uint32_t v) { return vqz_store_long(p, v); }
#endif
