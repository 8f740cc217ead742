#include "tests/cli_sources.h"

static const uint32_t sizes[][2] = {{1, 1}, {1, 17}, {17, 1}, {3, 2}, {63, 65}, {65, 129}, {300, 260}};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void expect_pixels(const image *a, const image *b, int tolerance) {
    assert_int_equal(a->info.width, b->info.width);
    assert_int_equal(a->info.height, b->info.height);
    assert_int_equal(a->info.layout, b->info.layout);
    for (size_t i = 0; i < a->stride * a->info.height; i++)
        if (abs(a->pixels[i] - b->pixels[i]) > tolerance)
            fail_msg("sample %zu: %d, not %d", i, b->pixels[i], a->pixels[i]);
}

static void expect_round_trip(const image *im, image_format format, vqz_layout back_as, int tolerance,
                              const image_config *config) {
    sink file;
    image back, want = {.info = im->info, .stride = (size_t)im->info.width * back_as};
    vqz_error e;
    want.info.layout = back_as;
    want.pixels = malloc(want.stride * want.info.height);
    for (uint32_t y = 0; y < im->info.height; y++)
        image_convert_row(want.pixels + y * want.stride, back_as, im->pixels + y * im->stride, im->info.layout,
                          im->info.width);
    test_write(&file, im, format, config);
    assert_int_equal(test_read(file.buffer, file.used, config, &back, NULL, &e), VQZ_OK);
    expect_pixels(&want, &back, tolerance);
    image_free(&back);
    /* every shorter file is an error: its last byte belongs to the picture */
    for (size_t n = file.used - 1; n > 0; n = n * 2 / 3)
        assert_int_not_equal(test_read(file.buffer, n, config, &back, NULL, &e), VQZ_OK);
    image_free(&want);
    sink_close(&file);
}

static void test_round_trips(void **state) {
    (void)state;
    image_config config = test_config();
    for (int i = 0; i < SIZES; i++)
        for (vqz_layout layout = VQZ_GRAY; layout <= VQZ_RGBA; layout++) {
            image im = test_picture(sizes[i][0], sizes[i][1], layout);
            vqz_layout opaque = layout >= VQZ_RGB ? VQZ_RGB : VQZ_GRAY;
            config.png_level = i % 10;
            expect_round_trip(&im, FORMAT_PNG, layout, 0, &config);
            expect_round_trip(&im, FORMAT_PAM, layout, 0, &config);
            expect_round_trip(&im, FORMAT_PPM, VQZ_RGB, 0, &config);
            expect_round_trip(&im, FORMAT_PNM, opaque, 0, &config);
            if (opaque == VQZ_GRAY) expect_round_trip(&im, FORMAT_PGM, VQZ_GRAY, 0, &config);
            config.matrix = (video_matrix)(i % 3);
            expect_round_trip(&im, FORMAT_Y4M, opaque, opaque == VQZ_GRAY ? 1 : 3, &config); /* 219 luma steps for 256 */
            image_free(&im);
        }
}

static void test_refused_outputs(void **state) {
    (void)state;
    image_config config = test_config();
    vqz_image_info info = {.width = 2, .height = 2, .layout = VQZ_RGB};
    image_writer *w;
    sink out;
    vqz_error e;
    sink_open_memory(&out);
    assert_int_equal(image_writer_open(&w, &out, FORMAT_PGM, &info, &config, &e), VQZ_ERR_UNSUPPORTED);
    assert_null(w);
    assert_int_equal(image_writer_open(&w, &out, FORMAT_NONE, &info, &config, &e), VQZ_ERR_UNSUPPORTED);
    sink_close(&out);
    assert_int_equal(image_format_of_path("a.b/c.PnG"), FORMAT_PNG);
    assert_int_equal(image_format_of_path("a.png/c"), FORMAT_NONE);
    assert_int_equal(image_format_of_path("png"), FORMAT_NONE);
}

/* ---- PNM and y4m from literal files ---- */
typedef struct literal {
    const char *file;
    size_t size;
    uint32_t width, height;
    vqz_layout layout;
    uint8_t pixels[16];
} literal;
#define FILE_OF(text) (text), sizeof(text) - 1

static void test_literal_files(void **state) {
    (void)state;
    static const literal table[] = {
        {FILE_OF("P1\n# a comment\n3 2\n101\n0 1 0"), 3, 2, VQZ_GRAY, {0, 255, 0, 255, 0, 255}},
        {FILE_OF("P4 9 2\n\x80\x80\x7f\x00"),
         9,
         2,
         VQZ_GRAY,
         {0, 255, 255, 255, 255, 255, 255, 255, 0, 255, 0, 0, 0, 0, 0, 0}},
        {FILE_OF("P2 2 1 100 0 50"), 2, 1, VQZ_GRAY, {0, 128}},
        {FILE_OF("P2 2 1 65535 257 65535"), 2, 1, VQZ_GRAY, {1, 255}},
        {FILE_OF("P3#c\r1 1#d\n#e\n255\n1 2 3\n"), 1, 1, VQZ_RGB, {1, 2, 3}},
        {FILE_OF("P5 2 1 255\n\x00\xff"), 2, 1, VQZ_GRAY, {0, 255}},
        {FILE_OF("P5 2 1 1023\n\x03\xff\x02\x00"), 2, 1, VQZ_GRAY, {255, 128}},
        {FILE_OF("P6 1 1 15\n\x00\x01\x0f"), 1, 1, VQZ_RGB, {0, 17, 255}},
        {FILE_OF("P7\nWIDTH 1\nHEIGHT 2\nDEPTH 2\nMAXVAL 255\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\nabcd"),
         1,
         2,
         VQZ_GRAYA,
         {97, 98, 99, 100}},
        {FILE_OF("P7\n# c\nMAXVAL 255\nDEPTH 4\nHEIGHT 1\nWIDTH 1\nENDHDR\nwxyz"), 1, 1, VQZ_RGBA, {119, 120, 121, 122}},
        {FILE_OF("YUV4MPEG2 W2 H1 F25:1 Cmono\nFRAME\n\x10\xeb"), 2, 1, VQZ_GRAY, {0, 255}},
        {FILE_OF("YUV4MPEG2 W2 H1 Cmono XCOLORRANGE=FULL\nFRAME Ip\n\x10\xeb"), 2, 1, VQZ_GRAY, {16, 235}},
        /* pure red in BT.601 and BT.709, rounded to 8 bits before it gets here */
        {FILE_OF("YUV4MPEG2 W1 H1 C444\nFRAME\n\x51\x5a\xf0"), 1, 1, VQZ_RGB, {254, 0, 0}},
        {FILE_OF("YUV4MPEG2 H1 W1 C444 XCOLORRANGE=FULL\nFRAME\n\x4c\x55\xff"), 1, 1, VQZ_RGB, {254, 0, 0}},
        /* 4:2:0 with one chroma sample for all; and 4:2:2 whose chroma lies on the even columns */
        {FILE_OF("YUV4MPEG2 W2 H2 C420jpeg\nFRAME\n\x10\xeb\x10\xeb\x80\x80"),
         2,
         2,
         VQZ_RGB,
         {0, 0, 0, 255, 255, 255, 0, 0, 0, 255, 255, 255}},
        {FILE_OF("YUV4MPEG2 W3 H1 C422 XCOLORRANGE=FULL\nFRAME\n\x80\x80\x80\x80\x80\x80\xa0"),
         3,
         1,
         VQZ_RGB,
         {128, 128, 128, 150, 117, 128, 173, 105, 128}},
    };
    image_config config = test_config();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const literal *t = &table[i];
        image im, want = {.info = {.width = t->width, .height = t->height, .layout = t->layout},
                          .stride = (size_t)t->width * t->layout,
                          .pixels = (uint8_t *)(uintptr_t)t->pixels};
        vqz_error e;
        if (test_read(t->file, t->size, &config, &im, NULL, &e) != VQZ_OK) fail_msg("file %zu: %s", i, e.text);
        if (t->width * t->height * t->layout > sizeof t->pixels)
            want.info.height = im.info.height = 1; /* the first row is enough */
        expect_pixels(&want, &im, 0);
        image_free(&im);
    }
}

static void test_chroma_positions(void **state) {
    (void)state;
    /* a step in chroma: columns 0 0 | 64 64 around a 4x2 picture; what each siting makes of the inner columns */
    static const struct { const char *sampling; int v[4]; } table[] = {
        {"420jpeg", {128, 144, 176, 192}}, {"420mpeg2", {128, 160, 192, 192}}, {"420paldv", {128, 160, 192, 192}}};
    image_config config = test_config();
    for (size_t i = 0; i < 3; i++) {
        char file[128];
        int n = snprintf(file, sizeof file, "YUV4MPEG2 W4 H2 C%s XCOLORRANGE=FULL\nFRAME\n", table[i].sampling);
        memset(file + n, 100, 8);
        memcpy(file + n + 8, "\x80\x80\x80\xc0", 4);
        image im;
        vqz_error e;
        assert_int_equal(test_read(file, (size_t)n + 12, &config, &im, NULL, &e), VQZ_OK);
        for (int x = 0; x < 4; x++)
            assert_int_equal(im.pixels[3 * x], 100 + (int)((91881 * (table[i].v[x] - 128) + 32768) >> 16)); /* 1.402 */
        image_free(&im);
    }
}

static void test_malformed(void **state) {
    (void)state;
    static const struct { const char *file; size_t size; const char *why; } table[] = {
        {FILE_OF(""), "is empty"},
        {FILE_OF("GIF89a"), "not a vqz, PNG"},
        {FILE_OF("P6 1 1 255\n\x01\x02"), "ends early"},
        {FILE_OF("P6 0 1 255\n"), "empty"},
        {FILE_OF("P6 300000 1 255\n"), "at most"},
        {FILE_OF("P6 262144 262144 255\n"), "max-pixels"},
        {FILE_OF("P6 99999999999 1 255\n"), "width and height"},
        {FILE_OF("P5 2 2 0\n"), "1 to 65535"},
        {FILE_OF("P5 2 2 65536\n"), "1 to 65535"},
        {FILE_OF("P5 1 1 10\n\x0b"), "above 10"},
        {FILE_OF("P2 1 1 10 11"), "above 10"},
        {FILE_OF("P2 2 1 10 1 x"), "not a number"},
        {FILE_OF("P1 2 1 1 2"), "above 1"},
        {FILE_OF("P7\nWIDTH 2\nHEIGHT 2\nDEPTH 5\nMAXVAL 255\nENDHDR\n"), "DEPTH"},
        {FILE_OF("P7\nWIDTH -2\nHEIGHT 2\nDEPTH 1\nMAXVAL 255\nENDHDR\n"), "not a number"},
        {FILE_OF("P7\nWIDTH 99999999999999999999999\nHEIGHT 2\nDEPTH 1\nMAXVAL 255\nENDHDR\n"), "not a number"},
        {FILE_OF("P7\nWIDTH 2 2\nHEIGHT 2\nDEPTH 1\nMAXVAL 255\nENDHDR\n"), "not a number"},
        {FILE_OF("P7\nWIDTH 2\n"), "ENDHDR"},
        {FILE_OF("YUV4MPEG2 W2 H2 C420p10\nFRAME\n"), "not supported"},
        {FILE_OF("YUV4MPEG2 W2 H2 C420jpeg"), "does not end"},
        {FILE_OF("YUV4MPEG2 W2\nFRAME\n"), "empty"},
        {FILE_OF("YUV4MPEG2 W2 H2\nFRAMEX\n123456"), "FRAME expected"},
        {FILE_OF("YUV4MPEG2 W2 H2\nFRAME\n12345"), "ends early"},
        {FILE_OF("YUV4MPEG2 W262144 H1024\nFRAME\n12345"), "ends early"},
        {FILE_OF("\x89PNG\r\n\x1a\n"), "ends early"},
        {FILE_OF("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\x05\0\0\0\0\0\x01\x08\x02\0\0\0\x9d\x74\x66\xa5"), "bad PNG"},
        {FILE_OF("\xff\xd8\xff\xe0"), "ends early"},
        {FILE_OF("\xff\xd8\xff\xd9"), "bad JPEG"},
    };
    image_config config = test_config();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        image im;
        vqz_error e;
        if (test_read(table[i].file, table[i].size, &config, &im, NULL, &e) == VQZ_OK)
            fail_msg("file %zu was accepted", i);
        if (!strstr(e.text, table[i].why)) fail_msg("file %zu: \"%s\" does not say \"%s\"", i, e.text, table[i].why);
    }
    config.settings.max_memory = 1000;
    image im;
    vqz_error e;
    assert_int_equal(test_read(FILE_OF("P5 100 100 255\n"), &config, &im, NULL, &e), VQZ_ERR_LIMIT);
}

/* ---- PNG ---- */
typedef struct png_case {
    int depth, type, interlace;
    vqz_layout layout;
} png_case;

static void write_to_sink(png_structp png, png_bytep data, size_t n) {
    assert_true(sink_write(png_get_io_ptr(png), data, n));
}
static void no_flush(png_structp png) { (void)png; }

/* A w x h PNG of the given kind whose raw rows are `raw`. */
static void make_png(sink *out, const png_case *c, uint32_t w, uint32_t h, const uint8_t *raw, size_t row_bytes) {
    static png_color palette[4] = {{10, 20, 30}, {40, 50, 60}, {70, 80, 90}, {100, 110, 120}};
    static png_byte clear[2] = {255, 0};
    png_bytep rows[64];
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    sink_open_memory(out);
    png_set_write_fn(png, out, write_to_sink, no_flush);
    png_set_IHDR(png, info, w, h, c->depth, c->type, c->interlace ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, 0, 0);
    if (c->type == PNG_COLOR_TYPE_PALETTE) {
        png_set_PLTE(png, info, palette, 4);
        if (c->layout == VQZ_RGBA) png_set_tRNS(png, info, clear, 2, NULL);
    }
    for (uint32_t y = 0; y < h; y++) rows[y] = (png_bytep)(uintptr_t)(raw + y * row_bytes);
    png_set_rows(png, info, rows);
    png_write_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
    png_destroy_write_struct(&png, &info);
}

/* What sample `i` of pixel `x` of a raw row becomes. */
static uint8_t png_expected(const png_case *c, const uint8_t *row, uint32_t x, unsigned i) {
    const unsigned channels = c->type == PNG_COLOR_TYPE_RGB          ? 3
                              : c->type == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
                              : c->type == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                                     : 1;
    const size_t at = (size_t)x * channels + i;
    if (c->depth == 16) return (uint8_t)(((row[2 * at] << 8 | row[2 * at + 1]) * 255 + 32767) / 65535);
    if (c->depth == 8 && c->type != PNG_COLOR_TYPE_PALETTE) return row[at];
    unsigned v =
        (unsigned)row[x * (unsigned)c->depth / 8] >> (8 - (unsigned)c->depth - x * (unsigned)c->depth % 8) & ((1u << c->depth) - 1);
    if (c->type == PNG_COLOR_TYPE_GRAY) return (uint8_t)(v * 255 / ((1u << c->depth) - 1));
    return (uint8_t)(i == 3 ? (v == 1 ? 0 : 255) : 10 + 30 * v + 10 * i);
}

static void test_png_kinds(void **state) {
    (void)state;
    static const png_case kinds[] = {
        {1, PNG_COLOR_TYPE_GRAY, 0, VQZ_GRAY},         {2, PNG_COLOR_TYPE_GRAY, 1, VQZ_GRAY},
        {4, PNG_COLOR_TYPE_GRAY, 0, VQZ_GRAY},         {8, PNG_COLOR_TYPE_GRAY, 1, VQZ_GRAY},
        {16, PNG_COLOR_TYPE_GRAY, 0, VQZ_GRAY},        {8, PNG_COLOR_TYPE_GRAY_ALPHA, 1, VQZ_GRAYA},
        {2, PNG_COLOR_TYPE_PALETTE, 0, VQZ_RGB},       {2, PNG_COLOR_TYPE_PALETTE, 1, VQZ_RGBA},
        {8, PNG_COLOR_TYPE_RGB, 1, VQZ_RGB},           {16, PNG_COLOR_TYPE_RGB, 1, VQZ_RGB},
        {16, PNG_COLOR_TYPE_GRAY_ALPHA, 0, VQZ_GRAYA}, {16, PNG_COLOR_TYPE_RGB_ALPHA, 0, VQZ_RGBA},
        {8, PNG_COLOR_TYPE_RGB_ALPHA, 1, VQZ_RGBA}};
    enum { W = 13, H = 11, ROW = W * 8 };
    uint8_t raw[ROW * H];
    image_config config = test_config();
    for (size_t i = 0; i < sizeof raw; i++) raw[i] = (uint8_t)(i * 89 + (i >> 3) * 7);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        sink file;
        image im;
        image_reader *r;
        vqz_error e;
        make_png(&file, &kinds[k], W, H, raw, ROW);
        if (test_read(file.buffer, file.used, &config, &im, &r, &e) != VQZ_OK) fail_msg("kind %zu: %s", k, e.text);
        assert_int_equal(im.info.layout, kinds[k].layout);
        for (uint32_t y = 0; y < H; y++)
            for (uint32_t x = 0; x < W; x++)
                for (unsigned i = 0; i < (unsigned)kinds[k].layout; i++)
                    assert_int_equal(im.pixels[y * im.stride + x * (size_t)kinds[k].layout + i],
                                     png_expected(&kinds[k], raw + y * ROW, x, i));
        assert_int_equal(strstr(r->note, "16-bit") != NULL, kinds[k].depth == 16);
        image_reader_close(r);
        image_free(&im);
        sink_close(&file);
    }
}

static uint32_t big32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Moves the first chunk of this type to just before IEND. */
static void move_to_end(sink *file, const char *type) {
    size_t at = 8;
    while (memcmp(file->buffer + at + 4, type, 4) != 0) at += 12 + big32(file->buffer + at);
    size_t n = 12 + big32(file->buffer + at), after = file->used - 12 - at - n;
    uint8_t chunk[512];
    assert_true(n <= sizeof chunk);
    memcpy(chunk, file->buffer + at, n);
    memmove(file->buffer + at, file->buffer + at + n, after);
    memcpy(file->buffer + at + after, chunk, n);
}

static void expect_metadata(image_reader *r, const vqz_image_info *want) {
    assert_int_equal(r->info.meta.exif_size, want->meta.exif_size);
    assert_memory_equal(r->info.meta.exif, want->meta.exif, want->meta.exif_size);
    assert_int_equal(r->info.meta.xmp_size, want->meta.xmp_size);
    assert_memory_equal(r->info.meta.xmp, want->meta.xmp, want->meta.xmp_size);
    assert_int_equal(r->info.meta.icc_size, want->meta.icc_size);
    assert_memory_equal(r->info.meta.icc, want->meta.icc, want->meta.icc_size);
}

/* A display profile for RGB with one tag of noise: libpng refuses what compresses to almost nothing. */
enum { ICC_SIZE = 256 };
static void make_icc(uint8_t icc[ICC_SIZE]) {
    memset(icc, 0, ICC_SIZE);
    icc[2] = ICC_SIZE >> 8;
    icc[8] = 2;
    memcpy(icc + 12, "mntrRGB XYZ ", 12);
    memcpy(icc + 36, "acsp", 4);
    memcpy(icc + 68, "\0\0\xf6\xd6\0\1\0\0\0\0\xd3\x2d", 12);
    memcpy(icc + 128, "\0\0\0\1desc\0\0\0\x90\0\0\0\x70", 16);
    for (unsigned i = 144; i < ICC_SIZE; i++) icc[i] = (uint8_t)(i * i * 37 >> 3);
}

static const uint8_t exif_right[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0,
                                     3,   0,   0, 0,  1, 0, 6, 0, 0, 0, 0, 0,    0};

static void test_png_metadata(void **state) {
    (void)state;
    static const char xmp[] = "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>";
    uint8_t icc[ICC_SIZE];
    image_config config = test_config();
    image im = test_picture(300, 300, VQZ_RGB);      /* more than one batch of rows */
    make_icc(icc);
    im.info.meta = (vqz_metadata){.icc = icc, .icc_size = sizeof icc, .exif = exif_right, .exif_size = sizeof exif_right,
                                  .xmp = (const uint8_t *)xmp, .xmp_size = sizeof xmp - 1};
    memcpy(im.info.cicp, (uint8_t[]){12, 16, 0, 1}, 4);
    sink file;
    test_write(&file, &im, FORMAT_PNG, &config);
    for (int late = 0; late < 3; late++) {           /* as written; then EXIF, then XMP behind the pixels */
        char name[] = "/tmp/vqz-test-XXXXXX";
        int fd = mkstemp(name);
        assert_true(fd >= 0 && write(fd, file.buffer, file.used) == (ssize_t)file.used);
        close(fd);
        source in;
        image_reader *r;
        image back;
        vqz_error e;
        assert_int_equal(source_open(&in, name, &e), VQZ_OK);
        assert_int_equal(image_reader_open(&r, &in, &config, &e), VQZ_OK);
        assert_int_equal(((png_reader *)r)->whole, late > 0);
        expect_metadata(r, &im.info);
        assert_memory_equal(r->info.cicp, im.info.cicp, 4);
        assert_int_equal(image_load(&back, r, &config, &e), VQZ_OK);
        expect_pixels(&im, &back, 0);
        image_free(&back);
        image_reader_close(r);
        source_close(&in);
        unlink(name);
        move_to_end(&file, late ? "iTXt" : "eXIf");
    }
    sink_close(&file);
    image_free(&im);
}

/* ---- JPEG ---- */
static void make_jpeg(sink *out, const image *im, J_COLOR_SPACE in, J_COLOR_SPACE stored, bool progressive) {
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long size = 0;
    uint8_t icc[ICC_SIZE];
    make_icc(icc);
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &data, &size);
    c.image_width = im->info.width;
    c.image_height = im->info.height;
    c.input_components = (int)im->info.layout;
    c.in_color_space = in;
    jpeg_set_defaults(&c);
    jpeg_set_colorspace(&c, stored);
    jpeg_set_quality(&c, 100, TRUE);
    if (progressive) jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    uint8_t exif[6 + sizeof exif_right] = "Exif\0";
    memcpy(exif + 6, exif_right, sizeof exif_right);
    jpeg_write_marker(&c, JPEG_APP0 + 1, exif, sizeof exif);
    jpeg_write_marker(&c, JPEG_APP0 + 1, (const JOCTET *)"http://ns.adobe.com/xap/1.0/\0<x/>", 33);
    jpeg_write_icc_profile(&c, icc, sizeof icc);
    for (uint32_t y = 0; y < im->info.height; y++) {
        JSAMPROW row = im->pixels + y * im->stride;
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    sink_open_memory(out);
    sink_write(out, data, size);
    free(data);
}

static image smooth_picture(uint32_t w, uint32_t h, vqz_layout layout) {
    image im = test_picture(w, h, layout);
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++)
            for (unsigned i = 0; i < (unsigned)layout; i++)
                im.pixels[y * im.stride + x * (size_t)layout + i] = (uint8_t)(40 + x + y + 30 * i);
    return im;
}

static void test_jpeg(void **state) {
    (void)state;
    static const struct { J_COLOR_SPACE in, stored; int channels; bool progressive; } table[] = {
        {JCS_GRAYSCALE, JCS_GRAYSCALE, 1, false}, {JCS_RGB, JCS_YCbCr, 3, false}, {JCS_RGB, JCS_RGB, 3, true},
        {JCS_RGB, JCS_YCbCr, 3, true},            {JCS_CMYK, JCS_CMYK, 4, false}, {JCS_CMYK, JCS_YCCK, 4, false}};
    image_config config = test_config();
    uint8_t icc[ICC_SIZE];
    make_icc(icc);
    vqz_image_info want = {.meta = {.icc = icc,
                                    .icc_size = sizeof icc,
                                    .exif = exif_right,
                                    .exif_size = sizeof exif_right,
                                    .xmp = (const uint8_t *)"<x/>",
                                    .xmp_size = 4}};
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        const bool cmyk = table[k].channels == 4;
        image im = smooth_picture(61, 47, (vqz_layout)table[k].channels), back;
        sink file;
        image_reader *r;
        vqz_error e;
        make_jpeg(&file, &im, table[k].in, table[k].stored, table[k].progressive);
        if (test_read(file.buffer, file.used, &config, &back, &r, &e) != VQZ_OK) fail_msg("JPEG %zu: %s", k, e.text);
        assert_int_equal(back.info.layout, cmyk ? VQZ_RGB : (vqz_layout)table[k].channels);
        assert_int_equal(r->note[0] != 0, cmyk);
        for (size_t i = 0; i < back.stride * back.info.height; i++) {
            int expected = im.pixels[i];
            if (cmyk)
                expected = im.pixels[i / 3 * 4 + i % 3] * im.pixels[i / 3 * 4 + 3] /
                           255; /* libjpeg marks CMYK files as Adobe's: inverted inks */
            assert_true(abs(back.pixels[i] - expected) <= 4);
        }
        want.meta.icc_size = cmyk ? 0 : sizeof icc;      /* a CMYK profile says nothing of RGB */
        expect_metadata(r, &want);
        image_reader_close(r);
        image_free(&back);
        for (size_t n = file.used - 1; n > 2; n = n * 4 / 5)
            assert_int_not_equal(test_read(file.buffer, n, &config, &back, NULL, &e), VQZ_OK);
        sink_close(&file);
        image_free(&im);
    }
}

/* Flipped bytes make another picture or an error, and nothing else; sanitizers watch. */
static void test_corruption(void **state) {
    (void)state;
    image_config config = test_config();
    config.settings.max_pixels = 1 << 20;
    config.settings.max_memory = 1 << 24;
    image im = smooth_picture(37, 29, VQZ_RGB);
    static const image_format formats_used[] = {FORMAT_PNG, FORMAT_PAM, FORMAT_Y4M};
    uint32_t seed = 1, refused = 0;
    for (int k = 0; k < 5; k++) {
        sink file;
        if (k < 3) test_write(&file, &im, formats_used[k], &config);
        else make_jpeg(&file, &im, JCS_RGB, JCS_YCbCr, k == 4);
        for (int n = 0; n < 200; n++) {
            uint8_t saved[3];
            size_t at[3];
            for (int i = 0; i < 3; i++) {
                seed = seed * 1664525 + 1013904223;
                at[i] = (seed >> 8) % (n & 1 && file.used > 400 ? 400 : file.used);   /* half of them near the headers */
                saved[i] = file.buffer[at[i]];
                file.buffer[at[i]] ^= (uint8_t)(seed | 1);
            }
            image back;
            vqz_error e;
            if (test_read(file.buffer, file.used, &config, &back, NULL, &e) != VQZ_OK) refused++;
            image_free(&back);
            for (int i = 2; i >= 0; i--) file.buffer[at[i]] = saved[i];
        }
        sink_close(&file);
    }
    assert_true(refused > 300);
    image_free(&im);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trips),   cmocka_unit_test(test_refused_outputs),
                                       cmocka_unit_test(test_literal_files), cmocka_unit_test(test_chroma_positions),
                                       cmocka_unit_test(test_malformed),     cmocka_unit_test(test_png_kinds),
                                       cmocka_unit_test(test_png_metadata),  cmocka_unit_test(test_jpeg),
                                       cmocka_unit_test(test_corruption)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
