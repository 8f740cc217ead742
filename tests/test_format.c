/* The container: what the writer makes, the reader must give back, whole, in pieces, cut off or damaged. */
#include "tests/container.h"

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
        cmocka_unit_test(test_grid), cmocka_unit_test(test_chunk_order), cmocka_unit_test(test_round_trip), cmocka_unit_test(test_golden),
        cmocka_unit_test(test_overhead), cmocka_unit_test(test_writer_reuse), cmocka_unit_test(test_truncation), cmocka_unit_test(test_corruption),
        cmocka_unit_test(test_misuse), cmocka_unit_test(test_memory_limits)};
    return cmocka_run_group_tests(tests, fill_metadata, NULL);
}
