#include "format/index.h"
#include "base/crc32c.h"
#include "format/grid.h"

enum { SUMMARY_MAX = 5 + 9 + 9, TAIL = 4 };

uint32_t vqz_index_max(const vqz_head *h) { return h->sequence ? VQZ_MAX_FRAME_INDEX : vqz_grid_chunks(h) * 5 + TAIL; }

void vqz_index_reset(vqz_index *x) {
    x->entries.size = 0;
    x->size = x->last = 0;
    x->crc = x->frames = 0;
    x->start = x->last_pts = x->end = 0;
}

static vqz_status add(vqz_index *x, const uint8_t *entry, size_t n, vqz_error *e) {
    if (x->keep && x->size == x->entries.size && x->size <= VQZ_MAX_FRAME_INDEX / 2) VQZ_TRY(vqz_buffer_append(&x->entries, entry, n, e));
    x->crc = vqz_crc32c(x->crc, entry, n);
    x->size += n;
    return VQZ_OK;
}

vqz_status vqz_index_add(vqz_index *x, uint64_t offset, vqz_error *e) {
    uint8_t entry[5];
    uint64_t distance = offset - x->last;
    if (distance > UINT32_MAX)
        return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "it is %llu bytes behind the one before, the index can hold %u",
                        (unsigned long long)distance, UINT32_MAX);
    x->last = offset;
    return add(x, entry, vqz_store_varint(entry, (uint32_t)distance), e);
}

vqz_status vqz_index_add_frame(vqz_index *x, uint64_t offset, const vqz_frame_head *f, vqz_error *e) {
    uint8_t entry[18];
    if (x->frames == UINT32_MAX) return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "a file can hold %u frames", UINT32_MAX);
    if (!x->frames) x->start = x->last_pts = f->pts;
    size_t n = vqz_store_long(entry, (offset - x->last) << 1 | f->key);
    n += vqz_store_long(entry + n, vqz_fold(f->pts - x->last_pts));
    VQZ_TRY(add(x, entry, n, e));
    x->last = offset;
    x->last_pts = f->pts;
    x->end = f->pts + (int64_t)f->duration;
    x->frames++;
    return VQZ_OK;
}

/* What stands before the entries. */
static size_t summary(const vqz_index *x, const vqz_head *h, uint8_t out[SUMMARY_MAX]) {
    if (!h->sequence) return 0;
    size_t n = vqz_store_varint(out, x->frames);
    n += vqz_store_long(out + n, vqz_fold(x->start));
    return n + vqz_store_long(out + n, vqz_fold(x->end));
}

/* The last field of the payload, and so, before the crc, of the file is the chunk's whole size, by which a reader that can seek finds the
 * chunk's start. */
vqz_status vqz_index_write(const vqz_index *x, const vqz_head *h, vqz_buffer *b, vqz_error *e) {
    uint8_t tail[TAIL], begin[SUMMARY_MAX];
    size_t n = summary(x, h, begin), entries = x->size == x->entries.size ? x->entries.size : 0;   /* all of them or none */
    vqz_store32(tail, (uint32_t)(n + entries + TAIL + VQZ_CHUNK_OVERHEAD));
    const vqz_piece pieces[] = {{begin, n}, {x->entries.data, entries}, {tail, TAIL}};
    return vqz_chunk_write(b, VQZ_CHUNK_INDEX, 0, pieces, 3, e);
}

vqz_status vqz_index_check(const vqz_index *x, const vqz_head *h, const uint8_t *payload, size_t size, vqz_error *e) {
    uint8_t begin[SUMMARY_MAX];
    size_t n = summary(x, h, begin);
    if (size < n + TAIL || memcmp(payload, begin, n))
        return vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "it does not fit the %u frames of the file", x->frames);
    size_t entries = size - n - TAIL;
    bool none = h->sequence && !entries;
    if (!none && (entries != x->size || vqz_crc32c(0, payload + n, entries) != x->crc))
        return vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "its entries are not where the %s chunks are", h->sequence ? "FRAM" : "TILE");
    if (vqz_load32(payload + size - TAIL) != size + VQZ_CHUNK_OVERHEAD)
        return vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "its size field is %u, its size %zu", vqz_load32(payload + size - TAIL),
                        size + VQZ_CHUNK_OVERHEAD);
    return VQZ_OK;
}
