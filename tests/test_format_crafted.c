/* Container files made by hand, chunk by chunk: wrong orders, wrong heads, sizes that lie. */
#include "tests/container.h"

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
        {{0x82, 8, 64, 64, 0, 0, 16}, 7, VQZ_ERR_VERSION, "reserved flags"},
        {{0x82, 4, 64, 64, 0, 0, 16}, 7, VQZ_ERR_CORRUPT, "inter flag"},
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order), cmocka_unit_test(test_bad_heads), cmocka_unit_test(test_minor_version), cmocka_unit_test(test_metadata_limits),
        cmocka_unit_test(test_declared_lengths), cmocka_unit_test(test_tile_size), cmocka_unit_test(test_index)};
    return cmocka_run_group_tests(tests, fill_metadata, NULL);
}
