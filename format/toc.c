/* The index of a sequence for callers that seek. */
#include "base/crc32c.h"
#include "format/chunk.h"

enum { TAIL = 4 };                           /* the size field, and, behind the payload, the crc */

uint32_t vqz_toc_size(const uint8_t tail[VQZ_TAIL_SIZE]) {
    const uint32_t size = vqz_load32(tail);
    return size <= VQZ_MAX_FRAME_INDEX + VQZ_CHUNK_OVERHEAD ? size : 0;
}

vqz_status vqz_toc_open(vqz_toc *toc, const uint8_t *data, size_t size, vqz_error *e) {
    if (!toc || (!data && size)) return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "vqz_toc_open: NULL argument");
    *toc = (vqz_toc){0};
    if (size < VQZ_CHUNK_OVERHEAD + TAIL || vqz_load32(data + size - VQZ_TAIL_SIZE) != size)
        return vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "the file does not end with an index");
    vqz_chunk_header c = vqz_chunk_parse(data);
    if (c.kind != VQZ_CHUNK_INDEX || c.length != size - VQZ_CHUNK_OVERHEAD)
        return vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "the file does not end with an index");
    if (vqz_load32(data + size - 4) != vqz_crc32c(0, data, size - 4))
        return vqz_fail(e, VQZ_ERR_CHECKSUM, VQZ_NO_OFFSET, "the crc of the index is wrong");
    vqz_reader r = vqz_reader_of(data + VQZ_CHUNK_HEADER, c.length - TAIL);
    toc->frames = vqz_read_varint(&r);
    toc->pts = toc->start = vqz_unfold(vqz_read_long(&r));
    toc->end = vqz_unfold(vqz_read_long(&r));
    if (r.failed) return vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "the index is too short");
    toc->at = r.data + r.pos;
    toc->left = vqz_reader_left(&r);
    toc->indexed = toc->left != 0;
    return VQZ_OK;
}

vqz_status vqz_toc_next(vqz_toc *toc, vqz_toc_entry *entry) {
    if (!toc || !entry) return VQZ_ERR_ARGUMENT;
    if (!toc->indexed || toc->next == toc->frames) return VQZ_END;
    vqz_reader r = vqz_reader_of(toc->at, toc->left);
    uint64_t place = vqz_read_long(&r);
    int64_t step = vqz_unfold(vqz_read_long(&r));
    if (r.failed || toc->pts < -VQZ_TIME_LIMIT || toc->pts >= VQZ_TIME_LIMIT) return VQZ_ERR_CORRUPT;
    toc->at += r.pos;
    toc->left -= r.pos;
    toc->offset += place >> 1;
    toc->pts += step;
    toc->next++;
    *entry = (vqz_toc_entry){toc->offset, toc->pts, (uint32_t)(place & 1)};
    return VQZ_OK;
}
