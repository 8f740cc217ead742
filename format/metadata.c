#include "format/metadata.h"
#include <zstd.h>
#include <zstd_errors.h>

enum { STORED = 0, ZSTD = 1, LEVEL = 12 };

typedef struct slot {
    const char *name;
    vqz_chunk_kind kind;
    const uint8_t **data;
    size_t *size;
} slot;

static slot slot_of(vqz_metadata *m, unsigned i) {
    const slot slots[VQZ_METADATA_KINDS] = {{"ICC profile", VQZ_CHUNK_ICC, &m->icc, &m->icc_size},
                                            {"EXIF block", VQZ_CHUNK_EXIF, &m->exif, &m->exif_size},
                                            {"XMP packet", VQZ_CHUNK_XMP, &m->xmp, &m->xmp_size}};
    return slots[i];
}

static vqz_status no_memory(vqz_error *e) { return vqz_fail(e, VQZ_ERR_MEMORY, VQZ_NO_OFFSET, "out of memory for zstd"); }

/* The frame is written without its own content size and checksum: the chunk has both. *n is 0 where it does not fit. */
static vqz_status compress(void *out, size_t room, const void *data, size_t size, size_t *n, vqz_error *e) {
    ZSTD_CCtx *z = ZSTD_createCCtx();
    if (!z) return no_memory(e);
    ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
    ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 0);
    *n = ZSTD_compress2(z, out, room, data, size);
    ZSTD_freeCCtx(z);
    if (!ZSTD_isError(*n)) return VQZ_OK;
    const ZSTD_ErrorCode code = ZSTD_getErrorCode(*n);
    *n = 0;
    return code == ZSTD_error_memory_allocation ? no_memory(e) : VQZ_OK;
}

static vqz_status write_blob(vqz_buffer *b, vqz_chunk_kind kind, const uint8_t *data, size_t size, vqz_error *e) {
    uint8_t prefix[6] = {ZSTD};
    size_t nprefix = 1 + vqz_store_varint(prefix + 1, (uint32_t)size);
    void *packed;
    VQZ_TRY(vqz_alloc(b->mem, &packed, size, 1, e));
    size_t n = 0;
    vqz_status s = size > nprefix ? compress(packed, size - nprefix, data, size, &n, e) : VQZ_OK;
    vqz_piece pieces[] = {{prefix, nprefix}, {packed, n}};
    if (!n) {
        prefix[0] = STORED;
        pieces[0].size = 1;
        pieces[1] = (vqz_piece){data, size};
    }
    if (s == VQZ_OK) s = vqz_chunk_write(b, kind, 0, pieces, 2, e);
    vqz_free(b->mem, packed);
    return s;
}

vqz_status vqz_metadata_write(vqz_buffer *b, const vqz_metadata *meta, vqz_error *e) {
    vqz_metadata m = *meta;
    for (unsigned i = 0; i < VQZ_METADATA_KINDS; i++) {
        slot s = slot_of(&m, i);
        if (!*s.size) continue;
        if (!*s.data) return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "the %s has a size but no data", s.name);
        if (*s.size > VQZ_MAX_METADATA)
            return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "the %s has %zu bytes, allowed are %d", s.name, *s.size, VQZ_MAX_METADATA);
        VQZ_TRY(write_blob(b, s.kind, *s.data, *s.size, e));
    }
    return VQZ_OK;
}

/* The output is never larger than the declared size, which has been checked, and the frame must fill it and the payload exactly. */
static vqz_status decompress(uint8_t *out, size_t size, const uint8_t *data, size_t n, vqz_error *e) {
    size_t frame = n >= 4 && vqz_load32(data) == ZSTD_MAGICNUMBER ? ZSTD_findFrameCompressedSize(data, n) : 0;
    if (ZSTD_isError(frame) || frame != n) return vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "it does not hold exactly one zstd frame");
    ZSTD_DCtx *z = ZSTD_createDCtx();
    if (!z) return no_memory(e);
    size_t got = ZSTD_decompressDCtx(z, out, size, data, n);
    ZSTD_freeDCtx(z);
    if (ZSTD_isError(got))
        return vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "zstd cannot decompress it to the declared %zu bytes: %s", size,
                        ZSTD_getErrorName(got));
    if (got != size)
        return vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "it declares %zu bytes and decompresses to %zu", size, got);
    return VQZ_OK;
}

vqz_status vqz_metadata_read(vqz_metadata *meta, vqz_memory *mem, vqz_chunk_kind kind, const uint8_t *payload, size_t size, vqz_error *e) {
    slot s = slot_of(meta, 0);
    for (unsigned i = 1; s.kind != kind; i++) s = slot_of(meta, i);
    if (*s.data) return vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "it is the second one");
    vqz_reader r = vqz_reader_of(payload, size);
    uint8_t method = vqz_read8(&r);
    size_t declared = method == ZSTD ? vqz_read_varint(&r) : vqz_reader_left(&r);
    if (method > ZSTD) return vqz_fail(e, VQZ_ERR_VERSION, VQZ_NO_OFFSET, "compression method %u is unknown", method);
    if (r.failed || !declared) return vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "it is empty");
    if (declared > VQZ_MAX_METADATA)
        return vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "it declares %zu bytes, allowed are %d", declared, VQZ_MAX_METADATA);
    void *out;
    VQZ_TRY(vqz_alloc(mem, &out, declared, 1, e));
    size_t left = vqz_reader_left(&r);
    const uint8_t *data = vqz_read_bytes(&r, left);
    vqz_status st = VQZ_OK;
    if (method == STORED) memcpy(out, data, left);
    else st = decompress(out, declared, data, left, e);
    if (st != VQZ_OK) {
        vqz_free(mem, out);
        return st;
    }
    *s.data = out;
    *s.size = declared;
    return VQZ_OK;
}

void vqz_metadata_free(vqz_metadata *meta, vqz_memory *mem) {
    for (unsigned i = 0; i < VQZ_METADATA_KINDS; i++) vqz_free(mem, (void *)(uintptr_t)*slot_of(meta, i).data);
    *meta = (vqz_metadata){0};
}
