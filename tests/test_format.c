/* The container: what the writer makes, the reader must give back, whole, in pieces, cut off or damaged. */
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

static void put(file *f, const void *data, size_t n) {
    f->data = realloc(f->data, f->size + n + 1);
    assert_non_null(f->data);
    if (n) memcpy(f->data + f->size, data, n);
    f->size += n;
}
static void drop(file *f) {
    free(f->data);
    *f = (file){0};
}

/* The payload of a TILE chunk in all tests: its length and bytes follow from the ordinal. */
static size_t payload_of(uint32_t ordinal, uint8_t *out) {
    size_t n = 8 + ordinal * 7 % 50;
    for (size_t i = 0; i < n; i++) out[i] = (uint8_t)(ordinal * 37 + i * 11 + 5);
    return n;
}

static vqz_head head_of(uint32_t w, uint32_t h, uint32_t tw, uint32_t th, uint8_t layout) {
    vqz_head d = {.width = w, .height = h, .layout = layout, .orientation = 1, .tile_width = tw, .tile_height = th, .quality_x16 = 1200};
    for (int i = 0; i < VQZ_MODEL_ID_SIZE; i++) d.model_id[i] = (uint8_t)(0xA0 + i);
    return d;
}

/* The chunk that the format puts at `ordinal`: found among all, so that every ordinal must exist once. */
static vqz_tile_chunk chunk_at(const vqz_head *h, uint32_t ordinal) {
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

static void drain(vqz_mux *m, file *f) {
    const uint8_t *p;
    size_t n;
    vqz_mux_take(m, &p, &n);
    put(f, p, n);
}

/* Writes a picture; `greedy`: everything is taken at the end only. */
static void write_with(vqz_mux *m, file *f, const vqz_head *h, const vqz_metadata *meta, bool greedy) {
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

static file write_file(const vqz_head *h, const vqz_metadata *meta) {
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

static void expect_blob(result *r, unsigned i, const uint8_t *got, size_t ngot, const uint8_t *want, size_t nwant) {
    r->meta_size[i] = ngot;
    if (!ngot) {
        assert_null(got);
    } else {
        assert_int_equal(ngot, nwant);
        assert_memory_equal(got, want, nwant);
    }
}

/* Reads with pieces of `step` bytes. Every tile that is delivered must be one that was written, in order. */
static result read_limited(const uint8_t *data, size_t size, size_t step, bool partial, const vqz_metadata *meta, uint64_t max_pixels,
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
static result read_file(const uint8_t *data, size_t size, size_t step, bool partial, const vqz_metadata *meta) {
    return read_limited(data, size, step, partial, meta, VQZ_MAX_PIXELS, 1 << 26);
}
static void expect_status(const result *r, vqz_status want) {
    if (r->status != want) fail_msg("%s instead of %s: %s", vqz_status_name(r->status), vqz_status_name(want), r->error.text);
}

/* Metadata: one that compresses, one that does not, one of a single byte. */
static uint8_t icc[3000], exif[300], xmp[1] = {'x'};
static const vqz_metadata META = {icc, exif, xmp, sizeof icc, sizeof exif, sizeof xmp};
static int fill_metadata(void **state) {
    (void)state;
    uint32_t v = 1;
    for (size_t i = 0; i < sizeof icc; i++) icc[i] = (uint8_t)(i / 40);
    for (size_t i = 0; i < sizeof exif; i++) exif[i] = (uint8_t)((v = v * 1664525 + 1013904223) >> 24);
    return 0;
}

/* ---- grid ---- */
static void test_grid(void **state) {
    (void)state;
    static const uint32_t tiles[] = {64, 128, 512, 1024, VQZ_MAX_SIDE};
    for (size_t k = 0; k < 5; k++)
        for (uint32_t size = 1; size < 5000; size += size < 300 ? 1 : 37) {
            uint32_t t = tiles[k], x, y, w, h, sum = 0;
            vqz_head d = head_of(size, 3, t, 64, VQZ_RGB), turned = head_of(3, size, 64, t, VQZ_RGB);
            vqz_grid g = vqz_grid_of(&d);
            assert_int_equal(g.ny, 1);
            assert_int_equal(vqz_grid_of(&turned).ny, g.nx);
            uint64_t most = 0;
            for (uint32_t i = 0; i < g.nx; i++) {
                uint32_t a, b, aw, bh;
                vqz_grid_rect(&d, i, 0, &x, &y, &w, &h);
                vqz_grid_rect(&turned, 0, i, &a, &b, &aw, &bh);
                assert_true(x == sum && y == 0 && h == 3 && b == x && bh == w && a == 0 && aw == 3);
                if (i + 1 < g.nx) assert_int_equal(w, t);
                else if (i) assert_true(2 * w >= t && 2 * w < 3 * t);
                else assert_true(2 * (uint64_t)w < 3 * (uint64_t)t);
                sum += w;
                if ((uint64_t)w * h > most) most = (uint64_t)w * h;
            }
            assert_int_equal(sum, size);
            assert_true(vqz_grid_max_area(&d) == most);
        }
    /* two dimensions, with a merged and a separate remainder: every pixel in exactly one tile */
    vqz_head d = head_of(150, 170, 64, 64, VQZ_RGB);
    vqz_grid g = vqz_grid_of(&d);
    assert_true(g.nx == 2 && g.ny == 3);
    uint8_t count[150 * 170] = {0};
    for (uint32_t i = 0; i < g.nx * g.ny; i++) {
        uint32_t x, y, w, h;
        vqz_grid_rect(&d, i % g.nx, i / g.nx, &x, &y, &w, &h);
        assert_true(x % 64 == 0 && y % 64 == 0);
        for (uint32_t v = y; v < y + h; v++)
            for (uint32_t u = x; u < x + w; u++) count[v * 150 + u]++;
    }
    for (int i = 0; i < 150 * 170; i++) assert_int_equal(count[i], 1);
}

/* Where every chunk stands: 2 x 3 tiles with all layers, then other shapes. */
static void test_chunk_order(void **state) {
    (void)state;
    static const char want[] = "a0 l0 a1 l1 a2 l2 a3 l3 r0 r1 a4 l4 a5 l5 r2 r3 r4 r5 ";
    vqz_head h = head_of(128, 192, 64, 64, VQZ_RGBA);
    h.residual = 1;
    char got[64] = "";
    for (uint32_t i = 0; i < vqz_grid_chunks(&h); i++) {
        vqz_tile_chunk t = chunk_at(&h, i);
        snprintf(got + strlen(got), 8, "%c%u ", "lra"[t.layer], t.index);
    }
    assert_string_equal(got, want);
    for (unsigned k = 0; k < 32; k++) {
        h = head_of(64 * (1 + k % 2), 64 * (1 + k / 8), 64, 64, k & 2 ? VQZ_GRAYA : VQZ_GRAY);
        h.residual = k >> 2 & 1;
        assert_int_equal(vqz_grid_chunks(&h), vqz_grid_tiles(&h) * (1 + (k >> 1 & 1) + h.residual));
        for (uint32_t i = 0; i < vqz_grid_chunks(&h); i++) chunk_at(&h, i);
    }
}

/* ---- round trips ---- */
static void same_head(const vqz_head *a, const vqz_head *b) {   /* field by field: the struct has padding */
    assert_true(a->width == b->width && a->height == b->height && a->layout == b->layout && a->orientation == b->orientation);
    assert_memory_equal(a->cicp, b->cicp, sizeof a->cicp);
    assert_true(a->tile_width == b->tile_width && a->tile_height == b->tile_height && a->quality_x16 == b->quality_x16);
    assert_memory_equal(a->model_id, b->model_id, sizeof a->model_id);
    assert_true(a->pixel_hash == b->pixel_hash && a->residual == b->residual);
}

static void test_round_trip(void **state) {
    (void)state;
    static const uint32_t sizes[][4] = {{1, 1, 64, 64}, {95, 64, 64, 64}, {96, 64, 64, 64}, {300, 200, 128, 64}, {768, 512, 768, 512}, {70, 90, 1024, 1024}};
    for (unsigned layout = VQZ_GRAY; layout <= VQZ_RGBA; layout++)
        for (size_t k = 0; k < 6; k++)
            for (unsigned options = 0; options < 64; options++) {
                vqz_head h = head_of(sizes[k][0], sizes[k][1], sizes[k][2], sizes[k][3], (uint8_t)layout);
                h.orientation = (uint8_t)(1 + options % 8);
                h.quality_x16 = (uint16_t)(options * 25);
                h.pixel_hash = options & 1;
                h.residual = (options & 32) != 0;
                if (options & 2) memcpy(h.cicp, "\x09\x10\x00\x01", 4);
                vqz_metadata m = META;
                if (!(options & 4)) m.icc_size = 0;
                if (!(options & 8)) m.exif = NULL, m.exif_size = 0;
                if (!(options & 16)) m.xmp = NULL, m.xmp_size = 0;
                file f = write_file(&h, options == 3 ? NULL : &m);
                static const size_t steps[] = {1, 13, SIZE_MAX};
                for (int s = 0; s < 3; s++)
                    for (int partial = 0; partial < 2; partial++) {
                        result r = read_file(f.data, f.size, steps[s], partial, &m);
                        expect_status(&r, VQZ_END);
                        assert_true(r.ended && r.tiles == f.chunks && r.offset == f.size);
                        same_head(&r.head, &h);
                        assert_true(r.meta_size[0] == m.icc_size && r.meta_size[1] == m.exif_size && r.meta_size[2] == m.xmp_size);
                        assert_true(r.has_hash == h.pixel_hash && (!r.has_hash || r.hash == HASH));
                    }
                drop(&f);
            }
}

/* The example of spec/container.md, byte for byte. */
static void test_golden(void **state) {
    (void)state;
    static const uint8_t golden[] = {
        0x89, 0x56, 0x51, 0x5A, 0x0D, 0x0A, 0x1A, 0x0A, 0x00, 0x00,
        'H', 'E', 'A', 'D', 25, 0, 0, 0, 0x02, 0xFF, 0x05, 0xFF, 0x03, 11, 7, 0xB0, 0x09,
        0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF, 0xAD, 0x17, 0x4C, 0x93,
        'T', 'I', 'L', 'E', 9, 0, 0, 0, 0, 5, 16, 27, 38, 49, 60, 71, 82, 0x70, 0x87, 0xF9, 0x1A};
    vqz_head h = head_of(768, 512, 768, 512, VQZ_RGB);
    file f = write_file(&h, NULL);
    assert_int_equal(f.size, sizeof golden);
    assert_memory_equal(f.data, golden, sizeof golden);
    drop(&f);
}

static void test_overhead(void **state) {
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1}, {768, 512}, {1024, 1024}, {1535, 1535}, {16384, 64}, {64, 16384}, {VQZ_MAX_SIDE, 9}, {9, VQZ_MAX_SIDE}};
    for (size_t k = 0; k < 8; k++) {
        vqz_head h = head_of(sizes[k][0], sizes[k][1], (sizes[k][0] + 63) / 64 * 64, (sizes[k][1] + 63) / 64 * 64, VQZ_RGB);
        h.orientation = 8;
        h.quality_x16 = 1600;
        uint8_t payload[64];
        file f = write_file(&h, NULL);
        assert_true(f.size - payload_of(0, payload) <= 62);   /* as the specification says; the aim was 64 */
        drop(&f);
    }
}

/* One writer, several pictures, taken piece by piece or at once: always the same bytes. */
static void test_writer_reuse(void **state) {
    (void)state;
    vqz_memory mem;
    vqz_mux *m;
    vqz_head h = head_of(300, 200, 128, 64, VQZ_RGBA);
    h.pixel_hash = h.residual = 1;
    file alone = write_file(&h, &META), three = {0};
    vqz_memory_init(&mem, 1 << 26);
    assert_int_equal(vqz_mux_create(&m, &mem, NULL), VQZ_OK);
    write_with(m, &three, &h, &META, true);
    write_with(m, &three, &h, &META, false);
    write_with(m, &three, &h, &META, true);
    assert_int_equal(three.size, 3 * alone.size);
    for (int i = 0; i < 3; i++) assert_memory_equal(three.data + (size_t)i * alone.size, alone.data, alone.size);
    vqz_mux_free(m);
    vqz_mux_free(NULL);
    assert_true(mem.used == 0);

    /* the reader stops at the end of the first and ignores what follows */
    result r = read_file(three.data, three.size, 10, false, &META);
    expect_status(&r, VQZ_END);
    assert_true(r.offset == alone.size && r.tiles == alone.chunks);
    drop(&alone);
    drop(&three);
}

/* ---- cut off, damaged ---- */
static void test_truncation(void **state) {
    (void)state;
    static const uint32_t sizes[][2] = {{50, 50}, {200, 130}};
    for (int k = 0; k < 2; k++) {
        vqz_head h = head_of(sizes[k][0], sizes[k][1], 64, 64, k ? VQZ_RGBA : VQZ_RGB);
        h.pixel_hash = h.residual = (uint8_t)k;
        file f = write_file(&h, k ? &META : NULL);
        size_t head_end = VQZ_PREAMBLE_SIZE + VQZ_CHUNK_OVERHEAD + vqz_load32(f.data + VQZ_PREAMBLE_SIZE + 4);
        for (size_t cut = 0; cut < f.size; cut++) {
            unsigned whole = 0;
            while (whole < f.chunks && f.end[whole] <= cut) whole++;
            for (size_t step = 1; step < 100; step *= 9) {
                result r = read_file(f.data, cut, step, false, &META);
                expect_status(&r, VQZ_ERR_TRUNCATED);
                assert_true(r.error.offset == cut && r.tiles == whole && !r.ended);
                r = read_file(f.data, cut, step, true, &META);
                expect_status(&r, cut < head_end ? VQZ_ERR_TRUNCATED : VQZ_END);
                assert_true(r.tiles == whole && r.ended == (cut >= head_end));
            }
        }
        drop(&f);
    }
}

/* Every other value of every byte of a file with all kinds of chunks, one of them unknown and ancillary. */
static void test_corruption(void **state) {
    (void)state;
    vqz_metadata meta = {exif, NULL, xmp, 20, 0, 1};
    vqz_head h = head_of(128, 64, 64, 64, VQZ_GRAYA);
    h.pixel_hash = 1;
    memcpy(h.cicp, "\1\2\3\1", 4);
    file f = write_file(&h, &meta);
    size_t head_end = VQZ_PREAMBLE_SIZE + VQZ_CHUNK_OVERHEAD + vqz_load32(f.data + VQZ_PREAMBLE_SIZE + 4);
    size_t first_tile = f.end[0] - (12 + 1 + 8);
    for (size_t i = 0; i < f.size; i++) {
        uint8_t right = f.data[i];
        for (unsigned x = 1; x < 256; x++) {
            f.data[i] = (uint8_t)(right ^ x);
            result r = read_file(f.data, f.size, SIZE_MAX, false, &meta);
            if (r.status < VQZ_ERR_SIGNATURE || r.status > VQZ_ERR_CORRUPT) fail_msg("byte %zu ^ %u: %s", i, x, vqz_status_name(r.status));
            if (i >= VQZ_PREAMBLE_SIZE && r.error.offset > i) assert_int_equal(r.status, VQZ_ERR_TRUNCATED);
            r = read_file(f.data, f.size, SIZE_MAX, true, &meta);
            expect_status(&r, i < head_end ? r.status : VQZ_END);
            if (i < head_end) assert_true(r.status > VQZ_END && !r.ended);
            for (unsigned t = 0; t < f.chunks && i >= head_end; t++) {
                size_t start = t ? f.end[t - 1] : first_tile;
                bool hit = i >= start && i < f.end[t];
                bool length = i < f.size - 8 && (i < first_tile || f.end[f.chunks - 1] > i);   /* a wrong length may swallow what follows */
                if (hit) assert_false(r.seen[t]);
                else if (!length || i >= f.end[t]) assert_true(r.seen[t]);
            }
        }
        f.data[i] = right;
    }
    /* damage in a payload costs that chunk only, damage in a type or a too large length too */
    for (unsigned t = 0; t < f.chunks; t++) {
        size_t start = t ? f.end[t - 1] : first_tile;
        const size_t places[] = {start, start + 1, start + 7, start + 12, f.end[t] - 1};
        for (int k = 0; k < 5; k++) {
            f.data[places[k]] ^= 0x80;
            result r = read_file(f.data, f.size, 3, true, &meta);
            expect_status(&r, VQZ_END);
            for (unsigned u = 0; u < f.chunks; u++) assert_int_equal(r.seen[u], u != t);
            f.data[places[k]] ^= 0x80;
        }
    }
    f.data[f.end[0] - 1] ^= 1;
    char text[100];
    uint32_t stored = vqz_load32(f.data + f.end[0] - 4);
    snprintf(text, sizeof text, "TILE chunk at offset %zu: crc32c is %08x, computed %08x", first_tile, stored, stored ^ 1u << 24);
    result r = read_file(f.data, f.size, 5, false, &meta);
    expect_status(&r, VQZ_ERR_CHECKSUM);
    assert_string_equal(r.error.text, text);
    assert_true(r.error.offset == first_tile);
    drop(&f);
}

/* ---- files made by hand ---- */
static void put_chunk(file *f, const char *type, const void *payload, size_t n) {
    uint8_t b[8];
    size_t start = !memcmp(type, "HEAD", 4) && f->size == VQZ_PREAMBLE_SIZE ? 0 : f->size;
    memcpy(b, type, 4);
    vqz_store32(b + 4, (uint32_t)n);
    put(f, b, 8);
    put(f, payload, n);
    vqz_store32(b, vqz_crc32c(0, f->data + start, f->size - start));
    put(f, b, 4);
}
static void put_start(file *f, const uint8_t *head, size_t n) {
    put(f, vqz_preamble, VQZ_PREAMBLE_SIZE);
    put_chunk(f, "HEAD", head, n);
}
/* RGB of 128 x 64 pixels, two tiles. */
static const uint8_t two_tiles[] = {2, 127, 63, 0, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* A file from a script: H head, 0 1 2 tiles, a alpha, r residual, q layer 3 of tile 0, s short tile, e tile without bytes, i ICC, P hash,
 * X right index, Y wrong index, u U unknown ancillary and critical chunk, n no chunk. */
static file script(const char *s) {
    file f = {0};
    uint8_t b[64], index[64];
    size_t nindex = 0, last = 0;
    put(&f, vqz_preamble, VQZ_PREAMBLE_SIZE);
    for (; *s; s++) switch (*s) {
        case 'H': put_chunk(&f, "HEAD", two_tiles, sizeof two_tiles); break;
        case '0': case '1': case '2': {
            unsigned t = (unsigned)(*s - '0');
            nindex += vqz_store_varint(index + nindex, (uint32_t)(f.size - last));
            last = f.size;
            b[0] = (uint8_t)(t << 2);
            put_chunk(&f, "TILE", b, 1 + payload_of(t, b + 1));
            break;
        }
        case 'a': case 'r': case 'q': b[0] = *s == 'a' ? 2 : *s == 'r' ? 1 : 3; put_chunk(&f, "TILE", b, 1 + payload_of(0, b + 1)); break;
        case 's': b[0] = 0; put_chunk(&f, "TILE", b, payload_of(0, b + 1)); break;
        case 'e': put_chunk(&f, "TILE", b, 0); break;
        case 'i': put_chunk(&f, "iCCP", "\0abc", 4); break;
        case 'P': put_chunk(&f, "PHSH", "12345678", 8); break;
        case 'X': case 'Y':
            vqz_store32(index + nindex, (uint32_t)nindex + 16 + (*s == 'Y'));
            put_chunk(&f, "INDX", index, nindex + 4);
            break;
        case 'u': put_chunk(&f, "fNam", "name", 4); break;
        case 'U': put_chunk(&f, "UNKN", "name", 4); break;
        case 'n': put_chunk(&f, "TI1E", "name", 4); break;
        default: fail();
        }
    return f;
}

static void test_order(void **state) {
    (void)state;
    static const struct { const char *script; vqz_status strict, partial; unsigned tiles; } cases[] = {
        {"H01X", VQZ_END, VQZ_END, 2}, {"Hi01X", VQZ_END, VQZ_END, 2}, {"uH01X", VQZ_ERR_CORRUPT, VQZ_ERR_CORRUPT, 0},
        {"HuiuU01X", VQZ_ERR_VERSION, VQZ_ERR_VERSION, 0}, {"Huiu0u1uX", VQZ_END, VQZ_END, 2}, {"H0U1X", VQZ_ERR_VERSION, VQZ_ERR_VERSION, 1},
        {"H", VQZ_ERR_TRUNCATED, VQZ_END, 0}, {"H0", VQZ_ERR_TRUNCATED, VQZ_END, 1}, {"H01", VQZ_ERR_TRUNCATED, VQZ_END, 2},
        {"HH01X", VQZ_ERR_CORRUPT, VQZ_END, 2}, {"H10X", VQZ_ERR_CORRUPT, VQZ_END, 1}, {"H001X", VQZ_ERR_CORRUPT, VQZ_END, 2},
        {"H011X", VQZ_ERR_CORRUPT, VQZ_END, 2}, {"H1X", VQZ_ERR_CORRUPT, VQZ_END, 1}, {"H0X1", VQZ_ERR_CORRUPT, VQZ_END, 1},
        {"HX01", VQZ_ERR_CORRUPT, VQZ_END, 0}, {"H0i1X", VQZ_ERR_CORRUPT, VQZ_END, 2}, {"Hii01X", VQZ_ERR_CORRUPT, VQZ_END, 2},
        {"H01PX", VQZ_ERR_CORRUPT, VQZ_END, 2}, {"HP01X", VQZ_ERR_CORRUPT, VQZ_END, 2}, {"H01Y", VQZ_ERR_CORRUPT, VQZ_END, 2},
        {"Ha01X", VQZ_ERR_CORRUPT, VQZ_END, 2}, {"Hr01X", VQZ_ERR_CORRUPT, VQZ_END, 2}, {"Hq01X", VQZ_ERR_VERSION, VQZ_ERR_VERSION, 0}, {"H012X", VQZ_ERR_CORRUPT, VQZ_END, 2},
        {"Hs1X", VQZ_ERR_CORRUPT, VQZ_END, 1}, {"He1X", VQZ_ERR_CORRUPT, VQZ_END, 1}, {"Hn01X", VQZ_ERR_CORRUPT, VQZ_END, 2},
        {"H0n1X", VQZ_ERR_CORRUPT, VQZ_END, 2}, {"H01u", VQZ_ERR_TRUNCATED, VQZ_END, 2}};
    static const vqz_metadata meta = {.icc = (const uint8_t *)"abc", .icc_size = 3};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t step = 1; step < 200; step *= 100) {
            file f = script(cases[i].script);
            result r = read_file(f.data, f.size, step, false, &meta);
            if (r.status != cases[i].strict) fail_msg("%s: %s, %s", cases[i].script, vqz_status_name(r.status), r.error.text);
            r = read_file(f.data, f.size, step, true, &meta);
            if (r.status != cases[i].partial || r.tiles != cases[i].tiles)
                fail_msg("%s, partial: %s, %u tiles", cases[i].script, vqz_status_name(r.status), r.tiles);
            drop(&f);
        }
    /* an announced hash */
    uint8_t head[sizeof two_tiles];
    memcpy(head, two_tiles, sizeof head);
    head[0] |= 64;
    head[1] = 63;   /* one tile of 64 x 64 */
    for (int k = 0; k < 4; k++) {
        static const vqz_status want[] = {VQZ_END, VQZ_ERR_CORRUPT, VQZ_ERR_TRUNCATED, VQZ_ERR_CORRUPT};
        file f = {0};
        uint8_t tile[64] = {0};
        size_t n = 1 + payload_of(0, tile + 1);
        put_start(&f, head, sizeof head);
        if (k == 1) put_chunk(&f, "PHSH", "12345678", 8);
        put_chunk(&f, "TILE", tile, n);
        if (k != 2) put_chunk(&f, "PHSH", "12345678", k == 3 ? 7 : 8);
        result r = read_file(f.data, f.size, 4, false, NULL);
        expect_status(&r, want[k]);
        if (!k) assert_true(r.has_hash && r.hash == 0x3837363534333231u);
        drop(&f);
    }
}

static void expect_head(const uint8_t *head, size_t n, vqz_status want, const char *text) {
    file f = {0};
    uint8_t tile[64] = {0};
    put_start(&f, head, n);
    put_chunk(&f, "TILE", tile, 1 + payload_of(0, tile + 1));
    for (int partial = 0; partial < 2; partial++) {
        result r = read_file(f.data, f.size, SIZE_MAX, partial, NULL);
        expect_status(&r, want);
        if (want > VQZ_END && !strstr(r.error.text, text)) fail_msg("'%s' lacks '%s'", r.error.text, text);
        if (want > VQZ_END) assert_true(r.peak < 4096);
    }
    drop(&f);
}

static void test_bad_heads(void **state) {
    (void)state;
    /* flags, width, height, tile width, tile height, quality; then the model id */
    static const struct { uint8_t fields[20]; size_t n; vqz_status want; const char *text; } cases[] = {
        {{2, 64, 64, 0, 0, 16}, 6, VQZ_END, ""},
        {{2, 0xBF, 0x0B, 0xBF, 0x0B, 15, 15, 16}, 8, VQZ_END, ""},                                   /* 1472 x 1472 in one tile of 1024 */
        {{0x82, 4, 64, 64, 0, 0, 16}, 7, VQZ_ERR_VERSION, "reserved flags"},
        {{0x82, 2, 64, 64, 0, 0, 16}, 7, VQZ_ERR_CORRUPT, "too few"},                                /* a sequence without its fields */
        {{0x82, 0, 64, 64, 0, 0, 16}, 7, VQZ_END, ""},                                                /* a longer form of 2 */
        {{2, 0xFF, 0xFF, 0xFF, 0xFF, 15, 64, 0, 0, 16}, 10, VQZ_ERR_LIMIT, "a side may have 262144"}, /* 2^32 */
        {{2, 0x80, 0x80, 0x10, 64, 0, 0, 16}, 8, VQZ_ERR_LIMIT, "a side may have 262144"},
        {{2, 64, 0xFF, 0xFF, 0xFF, 0x7F, 0, 0, 16}, 9, VQZ_ERR_LIMIT, "a side may have 262144"},
        {{2, 0xFF, 0xFF, 0x0F, 0xFF, 0xFF, 0x0F, 15, 15, 16}, 10, VQZ_ERR_LIMIT, "the limit is 268435456 in all"},
        {{2, 0xFF, 0xFF, 0x0F, 0x80, 0x08, 15, 15, 16}, 9, VQZ_ERR_LIMIT, "the limit is 268435456 in all"},
        {{2, 0xFF, 0x7F, 0xFF, 0x7F, 31, 31, 16}, 8, VQZ_ERR_CORRUPT, "the largest tile"},
        {{2, 0xFF, 0x0B, 0xFF, 0x0B, 23, 24, 16}, 8, VQZ_END, ""},                                   /* 1536 x 1536 in one tile */
        {{2, 0xFF, 0x0B, 0x80, 0x0C, 23, 24, 16}, 8, VQZ_ERR_CORRUPT, "the largest tile has 2360832"},
        {{2, 64, 64, 0x80, 0x20, 0, 16}, 7, VQZ_ERR_CORRUPT, "tile width"},
        {{2, 64, 64, 0, 0xFF, 0xFF, 0xFF, 0xFF, 15, 16}, 10, VQZ_ERR_CORRUPT, "tile height"},
        {{2, 64, 64, 0, 0, 0xC1, 0x0C}, 7, VQZ_ERR_CORRUPT, "quality is 1601"},
        {{2, 64, 64, 0, 0, 0xC0, 0x0C}, 7, VQZ_END, ""},
        {{2, 64, 64, 0, 0, 16, 0}, 7, VQZ_ERR_VERSION, "1 bytes follow"},
        {{0x22, 64, 64, 0, 0, 16}, 6, VQZ_ERR_CORRUPT, "too few"},                                   /* CICP announced and missing */
        {{2, 64, 64, 0, 0}, 5, VQZ_ERR_CORRUPT, "too few"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t head[64] = {0};
        memcpy(head, cases[i].fields, cases[i].n);
        expect_head(head, cases[i].n + 16, cases[i].want, cases[i].text);
    }
    const uint8_t no_cicp[26] = {0x22, 64, 64, 0, 0, 16}, nothing[65] = {0};
    expect_head(no_cicp, sizeof no_cicp, VQZ_ERR_CORRUPT, "CICP");
    expect_head(nothing, 0, VQZ_ERR_CORRUPT, "too few");
    expect_head(nothing, 65, VQZ_ERR_CORRUPT, "HEAD chunk at offset 10: its length is 65");

    vqz_head h = head_of(300, 200, 128, 64, VQZ_RGB);   /* the caller's own limit */
    file f = write_file(&h, NULL);
    result r = read_limited(f.data, f.size, 9, false, NULL, 59999, 1 << 20);
    expect_status(&r, VQZ_ERR_LIMIT);
    r = read_limited(f.data, f.size, 9, false, NULL, 60000, 1 << 20);
    expect_status(&r, VQZ_END);
    /* other versions and other files */
    f.data[9] = 77;
    vqz_store32(f.data + f.end[0], 0);
    f.data[8] = 1;
    r = read_file(f.data, 9, 1, true, NULL);
    expect_status(&r, VQZ_ERR_VERSION);
    r = read_file((const uint8_t *)"\x89PNG\r\n", 6, 1, true, NULL);
    expect_status(&r, VQZ_ERR_SIGNATURE);
    r = read_file((const uint8_t *)"\x89VQZ", 4, 1, true, NULL);
    expect_status(&r, VQZ_ERR_TRUNCATED);
    r = read_file((const uint8_t *)"", 0, 1, false, NULL);
    expect_status(&r, VQZ_ERR_TRUNCATED);
    drop(&f);
}

static void test_minor_version(void **state) {
    (void)state;
    uint8_t head[64] = {2, 64, 64, 0, 0, 16}, tile[64] = {0}, crc[4];
    file f = {0};
    put(&f, vqz_preamble, VQZ_PREAMBLE_SIZE);
    f.data[9] = 200;   /* a later minor version, otherwise the same */
    put_chunk(&f, "HEAD", head, 22);
    put_chunk(&f, "TILE", tile, 1 + payload_of(0, tile + 1));
    result r = read_file(f.data, f.size, 1, false, NULL);
    expect_status(&r, VQZ_END);
    vqz_store32(crc, vqz_crc32c(0, f.data + 10, 30));   /* HEAD's checksum without the bytes before it */
    memcpy(f.data + 40, crc, 4);
    r = read_file(f.data, f.size, 1, false, NULL);
    expect_status(&r, VQZ_ERR_CHECKSUM);
    drop(&f);
}

/* ---- sizes that lie ---- */
static void expect_icc(const uint8_t *payload, size_t n, vqz_status want, const vqz_metadata *meta) {
    file f = {0};
    uint8_t head[64] = {2, 64, 64, 0, 0, 16}, tile[64] = {0};
    put_start(&f, head, 22);
    put_chunk(&f, "iCCP", payload, n);
    put_chunk(&f, "TILE", tile, 1 + payload_of(0, tile + 1));
    result r = read_file(f.data, f.size, 1000, false, meta);
    expect_status(&r, want);
    assert_true(r.peak < 10 << 20);
    if (want == VQZ_END) assert_int_equal(r.meta_size[0], meta->icc_size);
    else assert_true(r.error.offset == 44);
    r = read_file(f.data, f.size, 1000, true, meta);   /* the picture survives */
    expect_status(&r, want == VQZ_ERR_CORRUPT ? VQZ_END : want);
    drop(&f);
}

static void test_metadata_limits(void **state) {
    (void)state;
    size_t big = VQZ_MAX_METADATA, room = 1 << 16;
    uint8_t *zeros = calloc(2, big), *payload = malloc(room);
    assert_true(zeros && payload);
    payload[0] = 1;
    static const struct { size_t real, declared; vqz_status want; } cases[] = {
        {1000, 1000, VQZ_END}, {VQZ_MAX_METADATA, VQZ_MAX_METADATA, VQZ_END}, {1000, 999, VQZ_ERR_CORRUPT}, {1000, 1001, VQZ_ERR_CORRUPT},
        {2 * VQZ_MAX_METADATA, VQZ_MAX_METADATA, VQZ_ERR_CORRUPT}, {2 * VQZ_MAX_METADATA, 1, VQZ_ERR_CORRUPT}, {1000, 0, VQZ_ERR_CORRUPT},
        {VQZ_MAX_METADATA + 1, VQZ_MAX_METADATA + 1, VQZ_ERR_CORRUPT}, {2 * VQZ_MAX_METADATA, UINT32_MAX, VQZ_ERR_CORRUPT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = 1 + vqz_store_varint(payload + 1, (uint32_t)cases[i].declared);
        size_t z = ZSTD_compress(payload + n, room - n - 16, zeros, cases[i].real, 3);
        assert_false(ZSTD_isError(z));
        vqz_metadata meta = {.icc = zeros, .icc_size = cases[i].declared};
        expect_icc(payload, n + z, cases[i].want, &meta);
        if (i == 0) {   /* not exactly one frame: garbage behind it, a second frame, cut short, a skippable frame, no frame */
            expect_icc(payload, n + z + 1, VQZ_ERR_CORRUPT, NULL);
            memcpy(payload + n + z, payload + n, z);
            expect_icc(payload, n + 2 * z, VQZ_ERR_CORRUPT, NULL);
            expect_icc(payload, n + z - 1, VQZ_ERR_CORRUPT, NULL);
            expect_icc(payload, n, VQZ_ERR_CORRUPT, NULL);
            uint8_t skip[] = {1, 1, 0x50, 0x2A, 0x4D, 0x18, 1, 0, 0, 0, 7};
            expect_icc(skip, sizeof skip, VQZ_ERR_CORRUPT, NULL);
            payload[n + z / 2] ^= 0x55;
            payload[n + 4] ^= 0x5F;
            expect_icc(payload, n + z, VQZ_ERR_CORRUPT, NULL);
        }
    }
    expect_icc((const uint8_t *)"\2abc", 4, VQZ_ERR_VERSION, NULL);
    expect_icc((const uint8_t *)"\0", 1, VQZ_ERR_CORRUPT, NULL);
    expect_icc((const uint8_t *)"", 0, VQZ_ERR_CORRUPT, NULL);
    free(zeros);
    free(payload);
}

/* Lengths that are possible but not delivered cost no memory; impossible ones are refused at once. */
static void test_declared_lengths(void **state) {
    (void)state;
    static const struct { const char *type; uint32_t length; vqz_status want; } cases[] = {
        {"TILE", 1472u * 1472 * 16 + 4096 + 5, VQZ_ERR_TRUNCATED}, {"TILE", 1472u * 1472 * 16 + 4096 + 6, VQZ_ERR_CORRUPT},
        {"TILE", UINT32_MAX, VQZ_ERR_CORRUPT}, {"iCCP", VQZ_MAX_METADATA + 1, VQZ_ERR_TRUNCATED}, {"iCCP", VQZ_MAX_METADATA + 2, VQZ_ERR_CORRUPT},
        {"xMPd", UINT32_MAX, VQZ_ERR_CORRUPT}, {"PHSH", 9, VQZ_ERR_CORRUPT}, {"INDX", 10, VQZ_ERR_CORRUPT}, {"fNam", 1u << 26, VQZ_ERR_TRUNCATED},
        {"fNam", (1u << 26) + 1, VQZ_ERR_CORRUPT}, {"fNam", UINT32_MAX, VQZ_ERR_CORRUPT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t head[64] = {2, 0xBF, 0x0B, 0xBF, 0x0B, 15, 15, 16}, b[1000] = {0};
        file f = {0};
        put_start(&f, head, 24);
        memcpy(b, cases[i].type, 4);
        vqz_store32(b + 4, cases[i].length);
        put(&f, b, sizeof b);
        result r = read_file(f.data, f.size, 100, false, NULL);
        expect_status(&r, cases[i].want);
        assert_true(r.peak < 8192);
        if (cases[i].want == VQZ_ERR_CORRUPT) assert_non_null(strstr(r.error.text, cases[i].type));
        r = read_file(f.data, f.size, 100, true, NULL);
        expect_status(&r, VQZ_END);
        drop(&f);
    }
    /* a long ancillary chunk passes through without being kept */
    uint8_t *much = calloc(1, 1 << 20), head[64] = {2, 64, 64, 0, 0, 16}, tile[64] = {0};
    file f = {0};
    put_start(&f, head, 22);
    put_chunk(&f, "fNam", much, 1 << 20);
    put_chunk(&f, "TILE", tile, 1 + payload_of(0, tile + 1));
    result r = read_file(f.data, f.size, 500, false, NULL);
    expect_status(&r, VQZ_END);
    assert_true(r.peak < 8192);
    free(much);
    drop(&f);
}

/* A tile is limited by its own area, not by the picture's largest. */
static void test_tile_size(void **state) {
    (void)state;
    vqz_memory mem;
    vqz_mux *m;
    vqz_head h = head_of(64 + 32, 16, 64, 64, VQZ_RGB);   /* areas 1024 and 512 */
    size_t most = 16 * 512 + 4096;
    uint8_t *b = calloc(1, most + 2);
    vqz_memory_init(&mem, 1 << 20);
    assert_int_equal(vqz_mux_create(&m, &mem, NULL), VQZ_OK);
    assert_int_equal(vqz_mux_begin(m, &h, NULL, NULL), VQZ_OK);
    assert_int_equal(vqz_mux_tile(m, &(vqz_tile_chunk){0, VQZ_LAYER_LATENT, b, 16 * 1024 + 4096 + 1}, NULL), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_mux_tile(m, &(vqz_tile_chunk){0, VQZ_LAYER_LATENT, b, 8}, NULL), VQZ_OK);
    assert_int_equal(vqz_mux_tile(m, &(vqz_tile_chunk){1, VQZ_LAYER_LATENT, b, most + 1}, NULL), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_mux_tile(m, &(vqz_tile_chunk){1, VQZ_LAYER_LATENT, b, most}, NULL), VQZ_OK);
    assert_int_equal(vqz_mux_end(m, NULL, NULL), VQZ_OK);
    file f = {0}, g = {0};
    drain(m, &f);
    vqz_mux_free(m);

    b[0] = 4;   /* the same, one byte longer, by hand */
    put(&g, f.data, VQZ_PREAMBLE_SIZE + 12 + 23);
    put_chunk(&g, "TILE", (const uint8_t[9]){0}, 9);
    put_chunk(&g, "TILE", b, most + 2);
    vqz_demux *d;
    vqz_event ev;
    vqz_error e = {0};
    assert_int_equal(vqz_demux_create(&d, &mem, VQZ_MAX_PIXELS, NULL), VQZ_OK);
    assert_int_equal(vqz_demux_send(d, g.data, g.size, NULL), VQZ_OK);
    do assert_int_equal(vqz_demux_next(d, &ev, false, &e), VQZ_OK);
    while (ev.kind != VQZ_EV_TILE);
    assert_int_equal(vqz_demux_next(d, &ev, false, &e), VQZ_ERR_CORRUPT);
    assert_non_null(strstr(e.text, "12289 bytes are not possible for layer 0 of tile 1"));
    vqz_demux_free(d);
    vqz_demux_free(NULL);
    assert_true(mem.used == 0);
    drop(&f);
    drop(&g);
    free(b);
}

/* A reader that can seek: from the last 8 bytes to INDX, from INDX to every tile. */
static void test_index(void **state) {
    (void)state;
    vqz_head h = head_of(300, 200, 64, 64, VQZ_GRAYA);
    file f = write_file(&h, &META);
    uint32_t size = vqz_load32(f.data + f.size - 8);
    const uint8_t *x = f.data + f.size - size;
    assert_memory_equal(x, "INDX", 4);
    assert_int_equal(vqz_load32(x + 4), size - 12);
    vqz_reader r = vqz_reader_of(x + 8, size - 16);
    size_t at = 0;
    for (unsigned i = 0; i < f.chunks; i++) {
        at += vqz_read_varint(&r);
        assert_memory_equal(f.data + at, "TILE", 4);
        if (i + 1 < f.chunks && i < MAX_CHUNKS) assert_true(at + 12 + vqz_load32(f.data + at + 4) == f.end[i]);
        assert_int_equal(f.data[at + 8] >> 2 | (f.data[at + 9] & 0) << 5, i / 2);
        assert_int_equal(f.data[at + 8] & 3, i % 2 ? 0 : 2);
    }
    assert_true(!r.failed && !vqz_reader_left(&r));
    drop(&f);
}

/* ---- callers' mistakes, memory ---- */
static void test_misuse(void **state) {
    (void)state;
    vqz_memory mem;
    vqz_mux *m;
    uint8_t b[64] = {0};
    vqz_memory_init(&mem, 1 << 24);
    assert_int_equal(vqz_mux_create(&m, &mem, NULL), VQZ_OK);
    const vqz_head good = head_of(200, 100, 64, 64, VQZ_RGBA);
    static const struct { size_t offset; uint8_t bytes; uint32_t value; vqz_status want; } changes[] = {
        {offsetof(vqz_head, width), 4, 0, VQZ_ERR_ARGUMENT}, {offsetof(vqz_head, height), 4, 0, VQZ_ERR_ARGUMENT},
        {offsetof(vqz_head, width), 4, VQZ_MAX_SIDE + 1, VQZ_ERR_LIMIT}, {offsetof(vqz_head, layout), 1, 0, VQZ_ERR_ARGUMENT},
        {offsetof(vqz_head, layout), 1, 5, VQZ_ERR_ARGUMENT}, {offsetof(vqz_head, orientation), 1, 0, VQZ_ERR_ARGUMENT},
        {offsetof(vqz_head, orientation), 1, 9, VQZ_ERR_ARGUMENT}, {offsetof(vqz_head, tile_width), 4, 0, VQZ_ERR_ARGUMENT},
        {offsetof(vqz_head, tile_width), 4, 100, VQZ_ERR_ARGUMENT}, {offsetof(vqz_head, tile_height), 4, VQZ_MAX_SIDE + 64, VQZ_ERR_ARGUMENT},
        {offsetof(vqz_head, quality_x16), 2, 1601, VQZ_ERR_ARGUMENT}, {offsetof(vqz_head, pixel_hash), 1, 2, VQZ_ERR_ARGUMENT},
        {offsetof(vqz_head, residual), 1, 2, VQZ_ERR_ARGUMENT}};
    const uint8_t *p;
    size_t n;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        vqz_head h = good;
        uint8_t v[4];
        vqz_store32(v, changes[i].value);
        memcpy((uint8_t *)&h + changes[i].offset, v, changes[i].bytes);   /* the test machines are little-endian */
        vqz_error e = {0};
        if (vqz_mux_begin(m, &h, NULL, &e) != changes[i].want) fail_msg("change %zu: %s", i, e.text);
        assert_int_equal(e.status, changes[i].want);
        vqz_mux_take(m, &p, &n);
        assert_int_equal(n, 0);
    }
    vqz_head huge = head_of(20000, 20000, 512, 512, VQZ_RGB), coarse = head_of(2000, 2000, 2048, 2048, VQZ_RGB);
    assert_int_equal(vqz_mux_begin(m, &huge, NULL, NULL), VQZ_ERR_LIMIT);
    assert_int_equal(vqz_mux_begin(m, &coarse, NULL, NULL), VQZ_ERR_ARGUMENT);
    vqz_metadata meta = {.icc = icc, .icc_size = VQZ_MAX_METADATA + 1};
    assert_int_equal(vqz_mux_begin(m, &good, &meta, NULL), VQZ_ERR_LIMIT);
    meta = (vqz_metadata){.icc = icc, .icc_size = 10, .xmp_size = 5};
    assert_int_equal(vqz_mux_begin(m, &good, &meta, NULL), VQZ_ERR_ARGUMENT);
    vqz_mux_take(m, &p, &n);
    assert_int_equal(n, 0);

    const vqz_tile_chunk alpha0 = {0, VQZ_LAYER_ALPHA, b, 1}, latent0 = {0, VQZ_LAYER_LATENT, b, 8}, alpha1 = {1, VQZ_LAYER_ALPHA, b, 4};
    assert_int_equal(vqz_mux_tile(m, &alpha0, NULL), VQZ_ERR_ARGUMENT);   /* before begin */
    assert_int_equal(vqz_mux_end(m, NULL, NULL), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_mux_begin(m, &good, NULL, NULL), VQZ_OK);
    assert_int_equal(vqz_mux_begin(m, &good, NULL, NULL), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_mux_tile(m, &latent0, NULL), VQZ_ERR_ARGUMENT);  /* alpha is due */
    assert_int_equal(vqz_mux_tile(m, &(vqz_tile_chunk){0, VQZ_LAYER_ALPHA, b, 0}, NULL), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_mux_tile(m, &alpha0, NULL), VQZ_OK);
    assert_int_equal(vqz_mux_tile(m, &alpha0, NULL), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_mux_tile(m, &alpha1, NULL), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_mux_tile(m, &(vqz_tile_chunk){0, VQZ_LAYER_LATENT, b, 7}, NULL), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_mux_tile(m, &(vqz_tile_chunk){0, VQZ_LAYER_RESIDUAL, b, 8}, NULL), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_mux_tile(m, &(vqz_tile_chunk){0x80000000u, VQZ_LAYER_LATENT, b, 8}, NULL), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_mux_end(m, NULL, NULL), VQZ_ERR_ARGUMENT);       /* tiles are missing */
    for (uint32_t i = 1; i < vqz_grid_chunks(&good); i++) {
        vqz_tile_chunk t = {i / 2, i % 2 ? VQZ_LAYER_LATENT : VQZ_LAYER_ALPHA, b, 8};
        assert_int_equal(vqz_mux_tile(m, &t, NULL), VQZ_OK);
    }
    assert_int_equal(vqz_mux_tile(m, &alpha0, NULL), VQZ_ERR_ARGUMENT);   /* after the last one */
    assert_int_equal(vqz_mux_end(m, &HASH, NULL), VQZ_ERR_ARGUMENT);      /* not announced */
    assert_int_equal(vqz_mux_end(m, NULL, NULL), VQZ_OK);
    assert_int_equal(vqz_mux_end(m, NULL, NULL), VQZ_ERR_ARGUMENT);
    vqz_mux_free(m);

    vqz_demux *d;
    assert_int_equal(vqz_demux_create(&d, &mem, 1000, NULL), VQZ_OK);
    vqz_demux_flush(d);
    assert_int_equal(vqz_demux_send(d, b, 1, NULL), VQZ_ERR_ARGUMENT);
    vqz_demux_free(d);
    assert_true(mem.used == 0);
}

/* Whatever allocation fails, writer and reader say so and leave nothing behind. */
static void test_memory_limits(void **state) {
    (void)state;
    vqz_head h = head_of(300, 200, 64, 64, VQZ_RGBA);
    h.pixel_hash = h.residual = 1;
    file f = write_file(&h, &META);
    unsigned failures[2] = {0, 0}, successes[2] = {0, 0};
    for (uint64_t limit = 0; limit < 24000; limit += 64) {
        result r = read_limited(f.data, f.size, 50, false, &META, VQZ_MAX_PIXELS, limit);
        assert_true(r.status == VQZ_ERR_LIMIT || r.status == VQZ_END);
        (r.status == VQZ_END ? successes : failures)[0]++;

        vqz_memory mem;
        vqz_mux *m;
        vqz_memory_init(&mem, limit);
        vqz_status s = vqz_mux_create(&m, &mem, NULL);
        uint8_t payload[64];
        if (s == VQZ_OK) s = vqz_mux_begin(m, &h, &META, NULL);
        for (uint32_t i = 0; s == VQZ_OK && i < vqz_grid_chunks(&h); i++) {
            vqz_tile_chunk t = chunk_at(&h, i);
            t.payload = payload;
            t.size = payload_of(i, payload);
            s = vqz_mux_tile(m, &t, NULL);
        }
        if (s == VQZ_OK) s = vqz_mux_end(m, &HASH, NULL);
        assert_true(s == VQZ_ERR_LIMIT || s == VQZ_OK);
        (s == VQZ_OK ? successes : failures)[1]++;
        vqz_mux_free(m);
        assert_true(mem.used == 0);
    }
    for (int i = 0; i < 2; i++) assert_true(failures[i] > 10 && successes[i] > 10);
    drop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grid), cmocka_unit_test(test_chunk_order), cmocka_unit_test(test_round_trip), cmocka_unit_test(test_golden), cmocka_unit_test(test_overhead),
        cmocka_unit_test(test_writer_reuse), cmocka_unit_test(test_truncation), cmocka_unit_test(test_corruption), cmocka_unit_test(test_order),
        cmocka_unit_test(test_bad_heads), cmocka_unit_test(test_minor_version), cmocka_unit_test(test_metadata_limits),
        cmocka_unit_test(test_declared_lengths), cmocka_unit_test(test_tile_size), cmocka_unit_test(test_index), cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_memory_limits)};
    return cmocka_run_group_tests(tests, fill_metadata, NULL);
}
