/* WebP, TIFF, HEIC and AVIF: files made by the libraries themselves, of every kind that matters, and their metadata. */
#include "tests/cli_sources.h"
#if defined(VQZ_HAVE_WEBP) && defined(VQZ_HAVE_TIFF) && defined(VQZ_HAVE_HEIF)
#include <libheif/heif.h>
#include <tiffio.h>
#include <webp/encode.h>
#include <webp/mux.h>

/* For LeakSanitizer: what the encoder of HEVC, which only makes files here, does not give back. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libx265"; }

enum { W = 61, H = 47 };
static const uint8_t exif_right[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0};
static const uint8_t xmp[] = "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>";
static const uint8_t icc[132] = {0, 0, 0, 132, 'n', 'o', 'n', 'e'};

/* Smooth, so that lossy codecs are near it; alpha falls from left to right. */
static image smooth(vqz_layout layout) {
    image im = test_picture(W, H, layout);
    for (uint32_t y = 0; y < H; y++)
        for (uint32_t x = 0; x < W; x++)
            for (unsigned i = 0; i < (unsigned)layout; i++)
                im.pixels[y * im.stride + x * (size_t)layout + i] = (uint8_t)(i == 3 || (layout == VQZ_GRAYA && i == 1) ? 255 - 4 * x : 40 + x + 2 * y + 30 * i);
    return im;
}

static void expect(const image *want, const image *got, int tolerance) {
    assert_int_equal(got->info.width, want->info.width);
    assert_int_equal(got->info.height, want->info.height);
    assert_int_equal(got->info.layout, want->info.layout);
    for (size_t i = 0; i < want->stride * want->info.height; i++)
        if (abs(want->pixels[i] - got->pixels[i]) > tolerance) fail_msg("sample %zu: %d, not %d", i, got->pixels[i], want->pixels[i]);
}

/* Reads a file whole, from memory and from a file, and cut off, which must be an error or be told where the file holds one picture. */
static image_reader *read_all_ways(const void *data, size_t size, bool one, image *im) {
    image_config config = test_config();
    image_reader *r;
    vqz_error e;
    if (test_read(data, size, &config, im, &r, &e) != VQZ_OK) fail_msg("%s", e.text);
    char name[] = "/tmp/vqz-test-XXXXXX";
    const int fd = mkstemp(name);
    assert_true(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
    source in;
    image_reader *again;
    image same;
    assert_int_equal(source_open(&in, name, &e), VQZ_OK);
    assert_int_equal(image_reader_open(&again, &in, &config, &e), VQZ_OK);
    assert_int_equal(image_load(&same, again, &config, &e), VQZ_OK);
    expect(im, &same, 0);
    image_reader_close(again);
    source_close(&in);
    unlink(name);
    image_free(&same);
    for (size_t n = size - size / 4; one && n > 16; n = n * 2 / 3) {
        if (test_read(data, n, &config, &same, &again, &e) == VQZ_OK && !again->loss) fail_msg("%zu of %zu bytes are enough", n, size);
        image_reader_close(again);
        image_free(&same);
        assert_true(e.status != VQZ_ERR_INTERNAL);
    }
    config.settings.max_pixels = W * H - 1;
    assert_int_equal(test_read(data, size, &config, &same, NULL, &e), VQZ_ERR_LIMIT);
    config = test_config();
    config.settings.max_memory = 1000;
    const vqz_status s = test_read(data, size, &config, &same, NULL, &e);
    if (s == VQZ_OK) assert_true(im->info.layout <= VQZ_RGBA && size <= 100000);     /* row by row it may do */
    else assert_true(s == VQZ_ERR_LIMIT || s == VQZ_ERR_CORRUPT);
    image_free(&same);
    return r;
}

static void expect_blob(const uint8_t *got, size_t got_size, const void *want, size_t size) {
    assert_int_equal(got_size, size);
    assert_memory_equal(got, want, size);
}

/* ---- WebP ---- */
static void webp_stills(void **state) {
    (void)state;
    for (vqz_layout layout = VQZ_RGB; layout <= VQZ_RGBA; layout++)
        for (int lossless = 0; lossless < 2; lossless++) {
            image im = smooth(layout), got;
            uint8_t *out = NULL;
            const int stride = (int)im.stride;
            size_t size = layout == VQZ_RGB ? (lossless ? WebPEncodeLosslessRGB(im.pixels, W, H, stride, &out) : WebPEncodeRGB(im.pixels, W, H, stride, 100, &out))
                                            : (lossless ? WebPEncodeLosslessRGBA(im.pixels, W, H, stride, &out) : WebPEncodeRGBA(im.pixels, W, H, stride, 100, &out));
            assert_true(size > 0);
            image_reader *r = read_all_ways(out, size, true, &got);
            if (lossless && layout == VQZ_RGB) expect(&im, &got, 0);
            else expect(&im, &got, 12);
            assert_false(r->loss);
            assert_string_equal(r->note, "");
            image_reader_close(r);
            WebPFree(out);
            image_free(&im);
            image_free(&got);
        }
}

static void webp_with_metadata(void **state) {
    (void)state;
    image im = smooth(VQZ_RGB), got;
    uint8_t *out = NULL, prefixed[6 + sizeof exif_right] = "Exif\0";
    const size_t size = WebPEncodeLosslessRGB(im.pixels, W, H, (int)im.stride, &out);
    const WebPData picture = {out, size}, xmp_data = {xmp, sizeof xmp - 1}, icc_data = {icc, sizeof icc};
    memcpy(prefixed + 6, exif_right, sizeof exif_right);
    for (int prefix = 0; prefix < 2; prefix++) {
        const WebPData exif_data = {prefix ? prefixed : exif_right, sizeof exif_right + (prefix ? 6 : 0)};
        WebPData file;
        WebPMux *mux = WebPMuxNew();
        assert_int_equal(WebPMuxSetImage(mux, &picture, 0), WEBP_MUX_OK);
        assert_int_equal(WebPMuxSetChunk(mux, "ICCP", &icc_data, 0), WEBP_MUX_OK);
        assert_int_equal(WebPMuxSetChunk(mux, "EXIF", &exif_data, 0), WEBP_MUX_OK);
        assert_int_equal(WebPMuxSetChunk(mux, "XMP ", &xmp_data, 0), WEBP_MUX_OK);
        assert_int_equal(WebPMuxAssemble(mux, &file), WEBP_MUX_OK);
        image_reader *r = read_all_ways(file.bytes, file.size, true, &got);
        expect(&im, &got, 0);
        const vqz_metadata *m = &r->info.meta;
        expect_blob(m->icc, m->icc_size, icc, sizeof icc);
        expect_blob(m->exif, m->exif_size, exif_right, sizeof exif_right);
        expect_blob(m->xmp, m->xmp_size, xmp, sizeof xmp - 1);
        image_reader_close(r);
        image_free(&got);
        WebPDataClear(&file);
        WebPMuxDelete(mux);
    }
    WebPFree(out);
    image_free(&im);
}

static void webp_animation(void **state) {
    (void)state;
    enum { FRAMES = 3 };
    static const int times[FRAMES + 1] = {0, 40, 1000, 1030};
    WebPAnimEncoderOptions options;
    WebPConfig c;
    WebPData file;
    assert_true(WebPAnimEncoderOptionsInit(&options) && WebPConfigInit(&c));
    c.lossless = c.exact = 1;
    WebPAnimEncoder *enc = WebPAnimEncoderNew(W, H, &options);
    image frames[FRAMES];
    for (int i = 0; i < FRAMES; i++) {
        WebPPicture p;
        frames[i] = smooth(VQZ_RGBA);
        for (size_t k = 0; k < frames[i].stride * H; k++) frames[i].pixels[k] = k % 4 == 3 ? 255 : (uint8_t)(frames[i].pixels[k] + i * 20);
        assert_true(WebPPictureInit(&p));
        p.width = W;
        p.height = H;
        p.use_argb = 1;
        assert_true(WebPPictureImportRGBA(&p, frames[i].pixels, (int)frames[i].stride));
        assert_true(WebPAnimEncoderAdd(enc, &p, times[i], &c));
        WebPPictureFree(&p);
    }
    assert_true(WebPAnimEncoderAdd(enc, NULL, times[FRAMES], NULL));
    assert_true(WebPAnimEncoderAssemble(enc, &file));
    WebPAnimEncoderDelete(enc);
    image_config config = test_config();
    source in;
    image_reader *r;
    vqz_error e;
    source_open_memory(&in, file.bytes, file.size);
    assert_int_equal(image_reader_open(&r, &in, &config, &e), VQZ_OK);
    assert_true(r->moving && !r->loss);
    assert_int_equal(r->timing.timebase_den, 1000);
    for (int i = 0; i < FRAMES; i++) {
        image got, want = frames[i];
        assert_int_equal(image_reader_go_on(r, &e), VQZ_OK);
        assert_int_equal(r->frame.pts, times[i]);
        assert_int_equal(r->frame.duration, times[i + 1] - times[i]);
        assert_int_equal(image_load(&got, r, &config, &e), VQZ_OK);
        if (got.info.layout == VQZ_RGB) {
            image_to_rgb(&want, &e);
            frames[i] = want;
        }
        expect(&want, &got, 0);
        image_free(&got);
        image_free(&frames[i]);
    }
    assert_int_equal(image_reader_go_on(r, &e), VQZ_END);
    image_reader_close(r);
    image first;                                 /* who asks for no frame gets the first one */
    assert_int_equal(test_read(file.bytes, file.size, &config, &first, NULL, &e), VQZ_OK);
    image_free(&first);
    config.settings.max_memory = W * H * 8 - 1;
    assert_int_equal(test_read(file.bytes, file.size, &config, &first, NULL, &e), VQZ_ERR_LIMIT);
    WebPDataClear(&file);
}

/* ---- TIFF ---- */
typedef struct tiff_case {
    const char *name;
    uint16_t photometric, bits, samples, planes, compression, extra;     /* extra: 0 none, else EXTRASAMPLE_* + 1 */
    uint16_t orientation, pages;
    bool tiled, big;
    vqz_layout layout;
    int tolerance;
    const char *note;            /* NULL: nothing is lost */
} tiff_case;

static uint16_t sample_of(const tiff_case *c, const image *im, uint32_t x, uint32_t y, unsigned i) {
    const uint8_t v = im->pixels[y * im->stride + x * (size_t)im->info.layout + (i < (unsigned)im->info.layout ? i : 0)];
    return (uint16_t)(c->bits == 16 ? v * 257 : c->bits == 8 ? v : v >> (8 - c->bits));
}

/* Rows of `width` samples' worth of pixels from (x0, y0), of one plane or all. */
static void pack(uint8_t *to, size_t bytes, const tiff_case *c, const image *im, uint32_t x0, uint32_t y, uint32_t width, int plane) {
    memset(to, 0, bytes);
    size_t bit = 0;
    for (uint32_t x = x0; x < x0 + width; x++)
        for (unsigned i = plane < 0 ? 0 : (unsigned)plane; i < (plane < 0 ? c->samples : (unsigned)plane + 1u); i++, bit += c->bits) {
            const uint16_t v = x < W && y < H ? sample_of(c, im, x, y, i) : 0;
            if (c->bits == 16) memcpy(to + bit / 8, &v, 2);
            else to[bit / 8] |= (uint8_t)(v << (8 - c->bits - bit % 8));
        }
}

static void write_page(TIFF *t, const tiff_case *c, const image *im) {
    static uint8_t row[64 * 1024];
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, W);
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, H);
    TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, c->bits);
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, c->samples);
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC, c->photometric);
    TIFFSetField(t, TIFFTAG_PLANARCONFIG, c->planes);
    TIFFSetField(t, TIFFTAG_COMPRESSION, c->compression);
    if (c->orientation) TIFFSetField(t, TIFFTAG_ORIENTATION, c->orientation);
    if (c->extra) TIFFSetField(t, TIFFTAG_EXTRASAMPLES, 1, (uint16_t[]){(uint16_t)(c->extra - 1)});
    if (c->photometric == PHOTOMETRIC_YCBCR) TIFFSetField(t, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    TIFFSetField(t, TIFFTAG_ICCPROFILE, (uint32_t)sizeof icc, icc);
    TIFFSetField(t, TIFFTAG_XMLPACKET, (uint32_t)sizeof xmp - 1, xmp);
    if (c->photometric == PHOTOMETRIC_PALETTE) {
        uint16_t map[3][256];
        for (unsigned i = 0; i < 256; i++)
            for (unsigned k = 0; k < 3; k++) map[k][i] = (uint16_t)((k == 0 ? i : k == 1 ? 255 - i : i / 2) * 257);
        TIFFSetField(t, TIFFTAG_COLORMAP, map[0], map[1], map[2]);
    }
    const uint16_t planes = c->planes == PLANARCONFIG_SEPARATE ? c->samples : (uint16_t)1;
    if (c->tiled) {
        enum { T = 32 };
        TIFFSetField(t, TIFFTAG_TILEWIDTH, T);
        TIFFSetField(t, TIFFTAG_TILELENGTH, T);
        const size_t line = (size_t)TIFFTileRowSize(t);
        for (uint16_t p = 0; p < planes; p++)
            for (uint32_t y = 0; y < H; y += T)
                for (uint32_t x = 0; x < W; x += T) {
                    for (uint32_t k = 0; k < T; k++) pack(row + k * line, line, c, im, x, y + k, T, planes > 1 ? p : -1);
                    assert_true(TIFFWriteTile(t, row, x, y, 0, p) > 0);
                }
    } else {
        TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, c->compression == COMPRESSION_JPEG ? 16 : 7);
        for (uint16_t p = 0; p < planes; p++)
            for (uint32_t y = 0; y < H; y++) {
                pack(row, (size_t)TIFFScanlineSize(t), c, im, 0, y, W, planes > 1 ? p : -1);
                assert_int_equal(TIFFWriteScanline(t, row, y, p), 1);
            }
    }
}

static size_t make_tiff(const tiff_case *c, const image *im, uint8_t *to, size_t room) {
    char name[] = "/tmp/vqz-test-XXXXXX";
    const int fd = mkstemp(name);
    assert_true(fd >= 0);
    TIFF *t = TIFFFdOpen(dup(fd), "test", c->big ? "w8" : "w");
    for (int page = 0; page < (c->pages ? c->pages : 1); page++) {
        write_page(t, c, im);
        assert_int_equal(TIFFWriteDirectory(t), 1);
    }
    TIFFClose(t);
    const ssize_t n = pread(fd, to, room, 0);
    assert_true(n > 0 && (size_t)n < room);
    close(fd);
    unlink(name);
    return (size_t)n;
}

static uint8_t expected_tiff(const tiff_case *c, const image *im, uint32_t x, uint32_t y, unsigned i) {
    const unsigned most = (1u << c->bits) - 1, v = sample_of(c, im, x, y, i);
    if (c->photometric == PHOTOMETRIC_PALETTE) return (uint8_t)(i == 0 ? v : i == 1 ? 255 - v : v / 2);
    if (c->photometric == PHOTOMETRIC_SEPARATED) {
        const unsigned k = 255 - sample_of(c, im, x, y, 3);
        return (uint8_t)((255 - v) * k / 255);
    }
    const unsigned scaled = (v * 255 + most / 2) / most;
    return (uint8_t)(c->photometric == PHOTOMETRIC_MINISWHITE ? 255 - scaled : scaled);
}

static void tiff_kinds(void **state) {
    (void)state;
    enum { UNASSOCIATED = EXTRASAMPLE_UNASSALPHA + 1, ASSOCIATED = EXTRASAMPLE_ASSOCALPHA + 1 };
    static const tiff_case cases[] = {
        {"gray", PHOTOMETRIC_MINISBLACK, 8, 1, 1, COMPRESSION_NONE, 0, 1, 1, false, false, VQZ_GRAY, 0, NULL},
        {"white is 0", PHOTOMETRIC_MINISWHITE, 8, 1, 1, COMPRESSION_LZW, 0, 1, 1, false, false, VQZ_GRAY, 0, NULL},
        {"1 bit", PHOTOMETRIC_MINISBLACK, 1, 1, 1, COMPRESSION_NONE, 0, 1, 1, false, false, VQZ_GRAY, 0, NULL},
        {"fax", PHOTOMETRIC_MINISWHITE, 1, 1, 1, COMPRESSION_CCITTFAX4, 0, 1, 1, false, false, VQZ_GRAY, 0, NULL},
        {"4 bits", PHOTOMETRIC_MINISBLACK, 4, 1, 1, COMPRESSION_PACKBITS, 0, 1, 1, false, false, VQZ_GRAY, 0, NULL},
        {"palette", PHOTOMETRIC_PALETTE, 8, 1, 1, COMPRESSION_NONE, 0, 1, 1, false, false, VQZ_RGB, 0, NULL},
        {"RGB", PHOTOMETRIC_RGB, 8, 3, 1, COMPRESSION_NONE, 0, 1, 1, false, false, VQZ_RGB, 0, NULL},
        {"deflate", PHOTOMETRIC_RGB, 8, 3, 1, COMPRESSION_ADOBE_DEFLATE, 0, 1, 1, false, true, VQZ_RGB, 0, NULL},
        {"planes", PHOTOMETRIC_RGB, 8, 3, 2, COMPRESSION_LZW, 0, 1, 1, false, false, VQZ_RGB, 0, NULL},
        {"tiles", PHOTOMETRIC_RGB, 8, 3, 1, COMPRESSION_LZW, 0, 1, 1, true, false, VQZ_RGB, 0, NULL},
        {"tiled planes", PHOTOMETRIC_RGB, 8, 3, 2, COMPRESSION_NONE, 0, 1, 1, true, false, VQZ_RGB, 0, NULL},
        {"alpha", PHOTOMETRIC_RGB, 8, 4, 1, COMPRESSION_LZW, UNASSOCIATED, 1, 1, false, false, VQZ_RGBA, 0, NULL},
        {"gray and alpha", PHOTOMETRIC_MINISBLACK, 8, 2, 1, COMPRESSION_NONE, UNASSOCIATED, 1, 1, false, false, VQZ_GRAYA, 0, NULL},
        {"alpha in tiles", PHOTOMETRIC_RGB, 8, 4, 1, COMPRESSION_LZW, UNASSOCIATED, 1, 1, true, false, VQZ_RGBA, 9, NULL},
        {"turned", PHOTOMETRIC_RGB, 8, 3, 1, COMPRESSION_NONE, 0, 6, 1, false, false, VQZ_RGB, 0, NULL},
        {"turned tiles", PHOTOMETRIC_RGB, 8, 3, 1, COMPRESSION_NONE, 0, 3, 1, true, false, VQZ_RGB, 0, NULL},
        {"16 bits", PHOTOMETRIC_RGB, 16, 3, 1, COMPRESSION_LZW, 0, 1, 1, false, false, VQZ_RGB, 0, "16-bit samples reduced to 8"},
        {"16-bit gray", PHOTOMETRIC_MINISBLACK, 16, 1, 1, COMPRESSION_NONE, 0, 1, 1, false, false, VQZ_GRAY, 0, "16-bit samples reduced to 8"},
        {"CMYK", PHOTOMETRIC_SEPARATED, 8, 4, 1, COMPRESSION_NONE, 0, 1, 1, false, false, VQZ_RGB, 1, "CMYK converted to RGB without its colour profile"},
        {"pages", PHOTOMETRIC_RGB, 8, 3, 1, COMPRESSION_NONE, 0, 1, 3, false, false, VQZ_RGB, 0, "the first page of several"},
        {"JPEG", PHOTOMETRIC_YCBCR, 8, 3, 1, COMPRESSION_JPEG, 0, 1, 1, false, false, VQZ_RGB, 40, NULL},
    };
    static uint8_t file[1 << 20];
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const tiff_case *c = &cases[k];
        image im = smooth(c->samples == 2 ? VQZ_GRAYA : (vqz_layout)c->samples), got;
        const size_t size = make_tiff(c, &im, file, sizeof file);
        image_config config = test_config();
        image_reader *r;
        vqz_error e;
        if (test_read(file, size, &config, &got, &r, &e) != VQZ_OK) fail_msg("%s: %s", c->name, e.text);
        image_reader_close(r);
        image_free(&got);
        r = read_all_ways(file, size, c->pages == 1, &got);
        assert_int_equal(got.info.layout, c->layout);
        for (uint32_t y = 0; y < H; y++)
            for (uint32_t x = 0; x < W; x++)
                for (unsigned i = 0; i < (unsigned)c->layout; i++) {
                    const int a = got.pixels[y * got.stride + x * (size_t)c->layout + i], b = expected_tiff(c, &im, x, y, i);
                    if (abs(a - b) > c->tolerance) fail_msg("%s: (%u, %u), sample %u: %d, not %d", c->name, x, y, i, a, b);
                }
        assert_int_equal(r->loss, c->note != NULL);
        if (c->note && !strstr(r->note, c->note)) fail_msg("%s: note \"%s\"", c->name, r->note);
        const vqz_metadata *m = &r->info.meta;
        if (c->photometric == PHOTOMETRIC_SEPARATED) assert_int_equal(m->icc_size, 0);
        else expect_blob(m->icc, m->icc_size, icc, sizeof icc);
        expect_blob(m->xmp, m->xmp_size, xmp, sizeof xmp - 1);
        assert_int_equal(exif_orientation(m->exif, m->exif_size), c->orientation > 1 ? c->orientation : 0);
        image_reader_close(r);
        image_free(&got);
        image_free(&im);
    }
}

/* ---- HEIC and AVIF ---- */
static struct heif_error keep_bytes(struct heif_context *context, const void *data, size_t size, void *to) {
    (void)context;
    sink_write(to, data, size);
    return (struct heif_error){heif_error_Ok, heif_suberror_Unspecified, ""};
}

/* False: this libheif has no such encoder. */
static bool make_heif(sink *out, enum heif_compression_format format, const image *pictures, int count, enum heif_orientation turned, int bits) {
    struct heif_context *c = heif_context_alloc();
    struct heif_encoder *enc = NULL;
    struct heif_writer writer = {.writer_api_version = 1, .write = keep_bytes};
    struct heif_encoding_options *options = heif_encoding_options_alloc();
    sink_open_memory(out);
    const bool there = heif_context_get_encoder_for_format(c, format, &enc).code == heif_error_Ok;
    if (there) heif_encoder_set_lossy_quality(enc, 95);
    options->image_orientation = turned;
    for (int n = 0; there && n < count; n++) {
        struct heif_image *im;
        struct heif_image_handle *handle;
        const image *from = &pictures[n];
        const int samples = (int)from->info.layout;
        int stride;
        const enum heif_chroma chroma = bits > 8       ? heif_chroma_interleaved_RRGGBB_LE
                                        : samples == 4 ? heif_chroma_interleaved_RGBA
                                                       : heif_chroma_interleaved_RGB;
        assert_int_equal(heif_image_create(W, H, heif_colorspace_RGB, chroma, &im).code, heif_error_Ok);
        assert_int_equal(heif_image_add_plane(im, heif_channel_interleaved, W, H, bits).code, heif_error_Ok);
        uint8_t *to = heif_image_get_plane(im, heif_channel_interleaved, &stride);
        for (uint32_t y = 0; y < H; y++)
            for (size_t x = 0; x < from->stride; x++) {
                const unsigned v = from->pixels[y * from->stride + x];
                if (bits == 8) to[y * (size_t)stride + x] = (uint8_t)v;
                else {
                    const unsigned wide = v << (bits - 8) | v >> (16 - bits);
                    to[y * (size_t)stride + 2 * x] = (uint8_t)wide;
                    to[y * (size_t)stride + 2 * x + 1] = (uint8_t)(wide >> 8);
                }
            }
        if (n == 0) assert_int_equal(heif_image_set_raw_color_profile(im, "prof", icc, sizeof icc).code, heif_error_Ok);
        const struct heif_error why = heif_context_encode_image(c, im, enc, options, &handle);
        if (why.code != heif_error_Ok) fail_msg("%s", why.message);
        if (n == 0) {
            assert_int_equal(heif_context_add_exif_metadata(c, handle, exif_right, sizeof exif_right).code, heif_error_Ok);
            assert_int_equal(heif_context_add_XMP_metadata(c, handle, xmp, sizeof xmp - 1).code, heif_error_Ok);
        }
        heif_image_handle_release(handle);
        heif_image_release(im);
    }
    if (there) assert_int_equal(heif_context_write(c, &writer, out).code, heif_error_Ok);
    if (enc) heif_encoder_release(enc);
    heif_encoding_options_free(options);
    heif_context_free(c);
    return there;
}

static void heif_kinds(void **state) {
    (void)state;
    static const struct { enum heif_compression_format format; vqz_layout layout; enum heif_orientation turned; int bits, pictures; const char *note; } cases[] = {
        {heif_compression_AV1, VQZ_RGB, heif_orientation_normal, 8, 1, NULL},
        {heif_compression_AV1, VQZ_RGBA, heif_orientation_normal, 8, 1, NULL},
        {heif_compression_AV1, VQZ_RGB, heif_orientation_rotate_90_cw, 8, 1, NULL},
        {heif_compression_AV1, VQZ_RGBA, heif_orientation_flip_horizontally, 8, 1, NULL},
        {heif_compression_HEVC, VQZ_RGB, heif_orientation_normal, 10, 1, "10-bit samples reduced to 8"},
        {heif_compression_HEVC, VQZ_RGB, heif_orientation_normal, 8, 1, NULL},
        {heif_compression_HEVC, VQZ_RGBA, heif_orientation_rotate_180, 8, 1, NULL},
        {heif_compression_HEVC, VQZ_RGB, heif_orientation_normal, 8, 2, "the primary one of several pictures"},
    };
    unsigned run = 0;
    image_config config = test_config();
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        image im[2] = {smooth(cases[k].layout), smooth(cases[k].layout)}, got;
        sink file;
        vqz_error e;
        if (make_heif(&file, cases[k].format, im, cases[k].pictures, cases[k].turned, cases[k].bits)) {
            image_reader *r = read_all_ways(file.buffer, file.used, cases[k].pictures == 1, &got);
            im[0].info.orientation = (uint8_t)cases[k].turned;       /* the numbers are those of EXIF */
            if (cases[k].turned > 1) assert_int_equal(orientation_apply(&im[0], &config, &e), VQZ_OK);
            expect(&im[0], &got, 14);
            assert_int_equal(r->loss, cases[k].note != NULL);
            if (cases[k].note && !strstr(r->note, cases[k].note)) fail_msg("case %zu: note \"%s\"", k, r->note);
            const vqz_metadata *m = &r->info.meta;
            expect_blob(m->icc, m->icc_size, icc, sizeof icc);
            expect_blob(m->xmp, m->xmp_size, xmp, sizeof xmp - 1);
            assert_int_equal(m->exif_size, sizeof exif_right);
            assert_int_equal(exif_orientation(m->exif, m->exif_size), 1);        /* the pixels are upright */
            image_reader_close(r);
            image_free(&got);
            run++;
        }
        sink_close(&file);
        image_free(&im[0]);
        image_free(&im[1]);
    }
    if (!run) skip();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(webp_stills), cmocka_unit_test(webp_with_metadata), cmocka_unit_test(webp_animation), cmocka_unit_test(tiff_kinds),
                                       cmocka_unit_test(heif_kinds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void) { return 77; }
#endif
