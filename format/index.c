#include "format/index.h"
#include "format/grid.h"

/* The last field of the payload, and so, before the crc, of the file: the chunk's whole size, by which a reader that can seek
 * finds the chunk's start. */
static uint32_t chunk_size(const vqz_index *x) { return (uint32_t)x->entries.size + 4 + VQZ_CHUNK_OVERHEAD; }

uint32_t vqz_index_max(const vqz_head *h) { return vqz_grid_chunks(h) * 5 + 4; }

vqz_status vqz_index_add(vqz_index *x, uint64_t offset, vqz_error *e) {
    uint8_t entry[5];
    uint64_t distance = offset - x->last;
    if (distance > UINT32_MAX)
        return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "it is %llu bytes behind the one before, the index can hold %u",
                        (unsigned long long)distance, UINT32_MAX);
    x->last = offset;
    return vqz_buffer_append(&x->entries, entry, vqz_store_varint(entry, (uint32_t)distance), e);
}

vqz_status vqz_index_write(const vqz_index *x, vqz_buffer *b, vqz_error *e) {
    uint8_t tail[4];
    vqz_store32(tail, chunk_size(x));
    const vqz_piece pieces[] = {{x->entries.data, x->entries.size}, {tail, sizeof tail}};
    return vqz_chunk_write(b, VQZ_CHUNK_INDEX, 0, pieces, 2, e);
}

vqz_status vqz_index_check(const vqz_index *x, const uint8_t *payload, size_t size, vqz_error *e) {
    if (size != x->entries.size + 4 || memcmp(payload, x->entries.data, x->entries.size))
        return vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "its entries are not where the TILE chunks are");
    if (vqz_load32(payload + size - 4) != chunk_size(x))
        return vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "its size field is %u, its size %u", vqz_load32(payload + size - 4),
                        chunk_size(x));
    return VQZ_OK;
}
