#include "format/chunk.h"
#include "base/crc32c.h"
#include "format/frame.h"
#include "format/grid.h"
#include "format/head.h"
#include "format/index.h"

const uint8_t vqz_preamble[VQZ_PREAMBLE_SIZE] = {0x89, 'V', 'Q', 'Z', '\r', '\n', 0x1A, '\n', VQZ_MAJOR, VQZ_MINOR};

static const char types[VQZ_CHUNK_UNKNOWN][5] = {
    [VQZ_CHUNK_HEAD] = "HEAD", [VQZ_CHUNK_ICC] = "iCCP", [VQZ_CHUNK_EXIF] = "eXIf", [VQZ_CHUNK_XMP] = "xMPd",
    [VQZ_CHUNK_FRAME] = "FRAM", [VQZ_CHUNK_TILE] = "TILE", [VQZ_CHUNK_HASH] = "PHSH", [VQZ_CHUNK_INDEX] = "INDX"};

static bool is_letter(uint8_t c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }

vqz_chunk_header vqz_chunk_parse(const uint8_t *p) {
    vqz_chunk_header h = {.length = vqz_load32(p + 4)};
    memcpy(h.type, p, 4);
    h.named = is_letter(p[0]) && is_letter(p[1]) && is_letter(p[2]) && is_letter(p[3]);
    h.critical = !(p[0] & 32);
    unsigned k = 0;
    while (k < VQZ_CHUNK_UNKNOWN && memcmp(types[k], p, 4)) k++;
    h.kind = (vqz_chunk_kind)k;
    return h;
}

uint32_t vqz_chunk_max_length(vqz_chunk_kind kind, const vqz_head *h) {
    switch (kind) {
    case VQZ_CHUNK_HEAD: return VQZ_HEAD_MAX;
    case VQZ_CHUNK_ICC: case VQZ_CHUNK_EXIF: case VQZ_CHUNK_XMP: return VQZ_MAX_METADATA + 1;
    case VQZ_CHUNK_FRAME: return VQZ_FRAME_MAX;
    case VQZ_CHUNK_TILE: return 5 + vqz_grid_payload_max(vqz_grid_max_area(h));   /* 5: its key */
    case VQZ_CHUNK_HASH: return 8;
    case VQZ_CHUNK_INDEX: return vqz_index_max(h);
    case VQZ_CHUNK_UNKNOWN: break;
    }
    return h->sequence ? 1u << 20 : 1u << 26;   /* in a sequence it is held whole, see demux.c */
}

static vqz_status write_chunk(vqz_buffer *b, const char *type, uint32_t crc, const vqz_piece *pieces, size_t count, vqz_error *e) {
    uint8_t header[VQZ_CHUNK_HEADER], tail[4];
    size_t length = 0, start = b->size;
    for (size_t i = 0; i < count; i++)
        if (vqz_add(length, pieces[i].size, &length) || length > INT32_MAX)
            return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "a %.4s chunk of %zu bytes is too long", type, length);
    memcpy(header, type, 4);
    vqz_store32(header + 4, (uint32_t)length);
    crc = vqz_crc32c(crc, header, sizeof header);
    vqz_status s = vqz_buffer_append(b, header, sizeof header, e);
    for (size_t i = 0; i < count && s == VQZ_OK; i++) {
        crc = vqz_crc32c(crc, pieces[i].data, pieces[i].size);
        s = vqz_buffer_append(b, pieces[i].data, pieces[i].size, e);
    }
    vqz_store32(tail, crc);
    if (s == VQZ_OK) s = vqz_buffer_append(b, tail, sizeof tail, e);
    if (s != VQZ_OK) b->size = start;
    return s;
}

vqz_status vqz_chunk_write(vqz_buffer *b, vqz_chunk_kind kind, uint32_t crc, const vqz_piece *pieces, size_t count, vqz_error *e) {
    return write_chunk(b, types[kind], crc, pieces, count, e);
}

vqz_status vqz_chunk_write_type(vqz_buffer *b, const char type[4], const void *data, size_t size, vqz_error *e) {
    const vqz_piece piece = {data, size};
    return write_chunk(b, type, 0, &piece, 1, e);
}
