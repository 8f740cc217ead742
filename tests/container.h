/* Files of the container for tests: written by the muxer, read by the demuxer in steps, results kept for comparison. */
#ifndef VQZ_TESTS_CONTAINER_H
#define VQZ_TESTS_CONTAINER_H
#include "base/crc32c.h"
#include "format/chunk.h"
#include "format/format.h"
#include "format/grid.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <cmocka.h>

enum { MAX_CHUNKS = 64 };
static const uint64_t HASH = 0x0123456789ABCDEFu;

typedef struct file {
    uint8_t *data;
    size_t size;
    size_t end[MAX_CHUNKS];      /* where each TILE chunk ends */
    unsigned chunks;
} file;

static inline void put(file *f, const void *data, size_t n) {
    f->data = realloc(f->data, f->size + n + 1);
    assert_non_null(f->data);
    if (n) memcpy(f->data + f->size, data, n);
    f->size += n;
}
static inline void drop(file *f) {
    free(f->data);
    *f = (file){0};
}

/* The payload of a TILE chunk in all tests: its length and bytes follow from the ordinal. */
static inline size_t payload_of(uint32_t ordinal, uint8_t *out) {
    size_t n = 8 + ordinal * 7 % 50;
    for (size_t i = 0; i < n; i++) out[i] = (uint8_t)(ordinal * 37 + i * 11 + 5);
    return n;
}

static inline vqz_head head_of(uint32_t w, uint32_t h, uint32_t tw, uint32_t th, uint8_t layout) {
    vqz_head d = {.width = w, .height = h, .layout = layout, .orientation = 1, .tile_width = tw, .tile_height = th, .quality_x16 = 1200};
    for (int i = 0; i < VQZ_MODEL_ID_SIZE; i++) d.model_id[i] = (uint8_t)(0xA0 + i);
    return d;
}

/* The chunk that the format puts at `ordinal`: found among all, so that every ordinal must exist once. */
static inline vqz_tile_chunk chunk_at(const vqz_head *h, uint32_t ordinal) {
    vqz_tile_chunk t = {0};
    unsigned found = 0;
    for (uint32_t i = 0; i < vqz_grid_tiles(h); i++)
        for (uint8_t layer = 0; layer < 4; layer++)
            if (vqz_grid_has_layer(h, layer) && vqz_grid_ordinal(h, i, layer) == ordinal) {
                t = (vqz_tile_chunk){.index = i, .layer = layer};
                found++;
            }
    assert_int_equal(found, 1);
    return t;
}

static inline void drain(vqz_mux *m, file *f) {
    const uint8_t *p;
    size_t n;
    vqz_mux_take(m, &p, &n);
    put(f, p, n);
}

/* Writes a picture; `greedy`: everything is taken at the end only. */
static inline void write_with(vqz_mux *m, file *f, const vqz_head *h, const vqz_metadata *meta, bool greedy) {
    vqz_error e = {0};
    uint8_t payload[64];
    size_t start = f->size;
    if (vqz_mux_begin(m, h, meta, &e) != VQZ_OK) fail_msg("begin: %s", e.text);
    if (!greedy) drain(m, f);
    for (uint32_t i = 0; i < vqz_grid_chunks(h); i++) {
        vqz_tile_chunk t = chunk_at(h, i);
        t.payload = payload;
        t.size = payload_of(i, payload);
        if (vqz_mux_tile(m, &t, &e) != VQZ_OK) fail_msg("tile %u: %s", i, e.text);
        if (!greedy) drain(m, f);
        if (i < MAX_CHUNKS) f->end[i] = f->size - start;
        f->chunks = i + 1;
    }
    if (vqz_mux_end(m, h->pixel_hash ? &HASH : NULL, &e) != VQZ_OK) fail_msg("end: %s", e.text);
    drain(m, f);
}

static inline file write_file(const vqz_head *h, const vqz_metadata *meta) {
    vqz_memory mem;
    vqz_mux *m;
    file f = {0};
    vqz_memory_init(&mem, 1 << 26);
    assert_int_equal(vqz_mux_create(&m, &mem, NULL), VQZ_OK);
    write_with(m, &f, h, meta, false);
    vqz_mux_free(m);
    assert_true(mem.used == 0);
    return f;
}

typedef struct result {
    vqz_status status;           /* VQZ_END where all went well */
    vqz_error error;
    vqz_head head;
    bool have_head, ended, has_hash;
    uint64_t hash, offset, peak;
    unsigned tiles;
    bool seen[MAX_CHUNKS];       /* TILE chunks by ordinal, payload intact */
    size_t meta_size[3];
} result;

static inline void expect_blob(result *r, unsigned i, const uint8_t *got, size_t ngot, const uint8_t *want, size_t nwant) {
    r->meta_size[i] = ngot;
    if (!ngot) {
        assert_null(got);
    } else {
        assert_int_equal(ngot, nwant);
        assert_memory_equal(got, want, nwant);
    }
}

/* Reads with pieces of `step` bytes. Every tile that is delivered must be one that was written, in order. */
static inline result read_limited(const uint8_t *data, size_t size, size_t step, bool partial, const vqz_metadata *meta, uint64_t max_pixels,
                           uint64_t memory) {
    vqz_memory mem;
    vqz_demux *d;
    result r = {0};
    int64_t last = -1;
    static const vqz_metadata none;
    if (!meta) meta = &none;
    vqz_memory_init(&mem, memory);
    r.status = vqz_demux_create(&d, &mem, max_pixels, &r.error);
    if (r.status != VQZ_OK) return r;
    for (size_t pos = 0;;) {
        vqz_event ev;
        r.status = vqz_demux_next(d, &ev, partial, &r.error);
        if (r.status == VQZ_AGAIN) {
            size_t n = size - pos < step ? size - pos : step;
            if (!n) vqz_demux_flush(d);
            r.status = n ? vqz_demux_send(d, data + pos, n, &r.error) : VQZ_OK;
            pos += n;
            if (r.status == VQZ_OK) continue;
        }
        if (r.status != VQZ_OK) break;
        if (ev.kind == VQZ_EV_HEAD) {
            assert_false(r.have_head);
            r.have_head = true;
            r.head = *ev.head;
            expect_blob(&r, 0, ev.meta->icc, ev.meta->icc_size, meta->icc, meta->icc_size);
            expect_blob(&r, 1, ev.meta->exif, ev.meta->exif_size, meta->exif, meta->exif_size);
            expect_blob(&r, 2, ev.meta->xmp, ev.meta->xmp_size, meta->xmp, meta->xmp_size);
        } else if (ev.kind == VQZ_EV_TILE) {
            uint8_t want[64];
            uint32_t ordinal = vqz_grid_ordinal(&r.head, ev.tile.index, ev.tile.layer);
            assert_true(r.have_head && ordinal > last);
            assert_int_equal(ev.tile.size, payload_of(ordinal, want));
            assert_memory_equal(ev.tile.payload, want, ev.tile.size);
            assert_memory_equal(data + ev.offset, "TILE", 4);
            if (ordinal < MAX_CHUNKS) r.seen[ordinal] = true;
            last = ordinal;
            r.tiles++;
        } else if (ev.kind == VQZ_EV_FRAME) {
            assert_true(r.have_head && last == -1 && ev.frame.key);
        } else if (ev.kind == VQZ_EV_FRAME_END) {
            r.has_hash = ev.has_pixel_hash;
            r.hash = ev.pixel_hash;
        } else {
            assert_int_equal(ev.kind, VQZ_EV_END);
            assert_true(r.have_head && !r.ended);
            r.ended = true;
        }
    }
    r.offset = vqz_demux_offset(d);
    r.peak = mem.peak;
    if (r.status != VQZ_END) {   /* errors stay, and name themselves */
        vqz_event ev;
        vqz_error again = {0};
        assert_int_equal(r.error.status, r.status);
        assert_true(strlen(r.error.text) > 10);
        if (memory > 1 << 20) {
            assert_int_equal(vqz_demux_next(d, &ev, partial, &again), r.status);
            assert_string_equal(again.text, r.error.text);
        }
    }
    vqz_demux_free(d);
    assert_true(mem.used == 0);
    return r;
}
static inline result read_file(const uint8_t *data, size_t size, size_t step, bool partial, const vqz_metadata *meta) {
    return read_limited(data, size, step, partial, meta, VQZ_MAX_PIXELS, 1 << 26);
}
static inline void expect_status(const result *r, vqz_status want) {
    if (r->status != want) fail_msg("%s instead of %s: %s", vqz_status_name(r->status), vqz_status_name(want), r->error.text);
}

/* Metadata: one that compresses, one that does not, one of a single byte. */
static uint8_t icc[3000], exif[300], xmp[1] = {'x'};
static const vqz_metadata META = {icc, exif, xmp, sizeof icc, sizeof exif, sizeof xmp};
static inline int fill_metadata(void **state) {
    (void)state;
    uint32_t v = 1;
    for (size_t i = 0; i < sizeof icc; i++) icc[i] = (uint8_t)(i / 40);
    for (size_t i = 0; i < sizeof exif; i++) exif[i] = (uint8_t)((v = v * 1664525 + 1013904223) >> 24);
    return 0;
}
#endif
