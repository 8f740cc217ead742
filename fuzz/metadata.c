/* The payload of a metadata chunk; what it holds then goes through the program's EXIF code, and back into a chunk. */
#include "cli/orientation.h"
#include "format/metadata.h"
#include "fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

static void try_exif(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size), was = exif_orientation(data, size);
    FUZZ_CHECK(copy && was <= 8);
    memcpy(copy, data, size);
    exif_set_orientation(copy, size, 3);
    if (was) FUZZ_CHECK(exif_orientation(copy, size) == 3);
    else FUZZ_CHECK(memcmp(copy, data, size) == 0 || exif_orientation(copy, size) == 3);
    free(copy);
}

static void write_and_read(const vqz_metadata *meta, vqz_memory *mem, vqz_chunk_kind kind) {
    vqz_buffer b = {.mem = mem};
    vqz_metadata back = {0};
    FUZZ_CHECK(vqz_metadata_write(&b, meta, NULL) == VQZ_OK);
    vqz_chunk_header c = vqz_chunk_parse(b.data);
    FUZZ_CHECK(c.kind == kind && c.length + VQZ_CHUNK_OVERHEAD == b.size);
    FUZZ_CHECK(vqz_metadata_read(&back, mem, kind, b.data + VQZ_CHUNK_HEADER, c.length, NULL) == VQZ_OK);
    FUZZ_CHECK(back.icc_size == meta->icc_size && back.exif_size == meta->exif_size && back.xmp_size == meta->xmp_size);
    const uint8_t *p = back.icc ? back.icc : back.exif ? back.exif : back.xmp, *q = meta->icc ? meta->icc : meta->exif ? meta->exif : meta->xmp;
    FUZZ_CHECK(memcmp(p, q, back.icc_size + back.exif_size + back.xmp_size) == 0);
    vqz_metadata_free(&back, mem);
    vqz_buffer_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vqz_memory mem;
    vqz_metadata meta = {0};
    vqz_error e;
    vqz_chunk_kind kind = VQZ_CHUNK_ICC + (vqz_chunk_kind)(size % 3);
    fuzz_budget b = fuzz_begin();
    vqz_memory_init(&mem, 64 << 20);
    vqz_status s = vqz_metadata_read(&meta, &mem, kind, data, size, &e);
    if (s == VQZ_OK) {
        const uint8_t *blob = meta.icc ? meta.icc : meta.exif ? meta.exif : meta.xmp;
        size_t n = meta.icc_size + meta.exif_size + meta.xmp_size;
        FUZZ_CHECK(blob && n && n <= VQZ_MAX_METADATA);
        try_exif(blob, n);
        if (n < 65536) write_and_read(&meta, &mem, kind);
        FUZZ_CHECK(vqz_metadata_read(&meta, &mem, kind, data, size, &e) == VQZ_ERR_CORRUPT);      /* the second one */
    } else fuzz_check_error(s, &e);
    vqz_metadata_free(&meta, &mem);
    FUZZ_CHECK(mem.used == 0);
    fuzz_end(&b, size, 0, 0);
    return 0;
}
