/* Files that are small and want much: what libpng, libjpeg, zlib and zstd may hold, and --max-pixels and --memory before anything is allocated. */
#include "tests/cli_sources.h"
#include "codec_io.h"
#include <sys/resource.h>
#include <zlib.h>

enum { MIB = 1 << 20 };

/* ---- files ---- */
static void put_chunk(sink *f, const char *type, const void *data, size_t size) {
    const uint8_t length[4] = {(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size};
    uLong crc = crc32(crc32(0, (const Bytef *)type, 4), data, (uInt)size);
    const uint8_t sum[4] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8), (uint8_t)crc};
    assert_true(sink_write(f, length, 4) && sink_write(f, type, 4) && sink_write(f, data, size) && sink_write(f, sum, 4));
}

/* A chunk whose text, behind `prefix`, has `size` equal bytes. */
static void put_bomb(sink *f, const char *type, const void *prefix, size_t prefix_size, size_t size) {
    uLongf packed = compressBound((uLong)size);
    uint8_t *text = malloc(size), *all = malloc(prefix_size + packed);
    assert_true(text && all);
    memset(text, 'A', size);
    memcpy(all, prefix, prefix_size);
    assert_int_equal(compress2(all + prefix_size, &packed, text, (uLong)size, 9), Z_OK);
    put_chunk(f, type, all, prefix_size + packed);
    free(text);
    free(all);
}
#define PUT_BOMB(f, type, prefix, size) put_bomb(f, type, prefix, sizeof(prefix) - 1, size)

static void png_start(sink *f, uint32_t width, uint32_t height, bool interlaced) {
    const uint8_t head[13] = {(uint8_t)(width >> 24), (uint8_t)(width >> 16), (uint8_t)(width >> 8), (uint8_t)width,
                              (uint8_t)(height >> 24), (uint8_t)(height >> 16), (uint8_t)(height >> 8), (uint8_t)height, 8, 2, 0, 0, interlaced};
    sink_open_memory(f);
    assert_true(sink_write(f, "\x89PNG\r\n\x1a\n", 8));
    put_chunk(f, "IHDR", head, sizeof head);
}

/* Pixels of a picture of at most 16x16, which is all that any of the files has. */
static void png_end(sink *f) {
    PUT_BOMB(f, "IDAT", "", 0);
    put_chunk(f, "IEND", "", 0);
}

/* Memory that this process has taken so far at most. */
static long peak(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return r.ru_maxrss / 1024;
}

/* Reads the file under a limit in MiB (0: the default): the status, what the error says, and the memory. */
static void expect(sink *f, unsigned memory, vqz_status want, const char *says) {
    image_config config = test_config();
    image im;
    vqz_error e;
    if (memory) config.settings.max_memory = (uint64_t)memory * MIB;
    const long before = peak();
    vqz_status s = test_read(f->buffer, f->used, &config, &im, NULL, &e);
    if (s != want || (says && !strstr(e.text, says))) fail_msg("%s: %s", vqz_status_name(s), e.text);
#ifndef __SANITIZE_ADDRESS__
    assert_true(peak() - before < 90);
#else
    (void)before;
#endif
    image_free(&im);
}

/* ---- PNG ---- */
static void test_text(void **state) {
    (void)state;
    sink f;
    png_start(&f, 16, 16, false);
    for (int i = 0; i < 10; i++) PUT_BOMB(&f, "zTXt", "key\0\0", 15 * MIB);   /* 150 MiB: not even looked at */
    png_end(&f);
    expect(&f, 0, VQZ_ERR_CORRUPT, "Not enough image data");
    sink_close(&f);

    png_start(&f, 16, 16, false);
    for (int i = 0; i < 12; i++) PUT_BOMB(&f, "iTXt", "key\0\1\0\0\0", 7 * MIB);
    png_end(&f);
    expect(&f, 0, VQZ_ERR_LIMIT, "more than 67108864 bytes");
    expect(&f, 10, VQZ_ERR_LIMIT, "more than 10485760 bytes");
    sink_close(&f);
}

/* A profile above the limit is left out with a note; so is XMP. */
static void test_left_out(void **state) {
    (void)state;
    image_config config = test_config();
    const struct { const char *type, *prefix; size_t prefix_size; } table[] = {{"iCCP", "icc\0\0", 5}, {"iTXt", PNG_XMP_KEY "\0\1\0\0\0", 22}};
    for (size_t i = 0; i < 2; i++) {
        uint8_t rows[2 * 7] = {0};
        sink f;
        image im;
        image_reader *r;
        vqz_error e;
        png_start(&f, 2, 2, false);
        put_bomb(&f, table[i].type, table[i].prefix, table[i].prefix_size, 120 * MIB);
        uLongf packed = compressBound(sizeof rows);
        uint8_t idat[64];
        assert_int_equal(compress2(idat, &packed, rows, sizeof rows, 9), Z_OK);
        put_chunk(&f, "IDAT", idat, packed);
        put_chunk(&f, "IEND", "", 0);
        const long before = peak();
        assert_int_equal(test_read(f.buffer, f.used, &config, &im, &r, &e), VQZ_OK);
        assert_true(!im.info.meta.icc && !im.info.meta.xmp);
        assert_non_null(strstr(r->note, table[i].type));
#ifndef __SANITIZE_ADDRESS__
        assert_true(peak() - before < 90);
#else
        (void)before;
#endif
        image_reader_close(r);
        image_free(&im);
        sink_close(&f);
    }
}

static void test_claimed_size(void **state) {
    (void)state;
    sink f;
    png_start(&f, 262144, 1024, true);           /* 768 MiB of rows, if one believes it */
    png_end(&f);
    expect(&f, 100, VQZ_ERR_LIMIT, "1024 rows of 786432 bytes need more than --memory 104857600");
    expect(&f, 0, VQZ_ERR_CORRUPT, "Not enough image data");
    sink_close(&f);
    png_start(&f, 262144, 262144, false);
    png_end(&f);
    expect(&f, 0, VQZ_ERR_LIMIT, "262144x262144 pixels: more than --max-pixels 268435456");
    sink_close(&f);
    png_start(&f, 0x7fffffff, 1, false);
    png_end(&f);
    expect(&f, 0, VQZ_ERR_CORRUPT, "bad PNG");
    sink_close(&f);
}

/* ---- JPEG: markers that libjpeg keeps, and a progressive picture ---- */
static void test_jpeg(void **state) {
    (void)state;
    static uint8_t marker[65537] = {0xff, 0xe2, 0xff, 0xff};
    sink f;
    sink_open_memory(&f);
    assert_true(sink_write(&f, "\xff\xd8", 2));
    for (int i = 0; i < 1100; i++) assert_true(sink_write(&f, marker, sizeof marker));
    expect(&f, 0, VQZ_ERR_LIMIT, "more than 67108864 bytes before its pixels");
    expect(&f, 3, VQZ_ERR_LIMIT, "more than 3145728 bytes before its pixels");
    sink_close(&f);
    static const uint8_t progressive[] = {
        0xff, 0xd8, 0xff, 0xdb, 0, 67, 0, [7 ... 70] = 1, 0xff, 0xc2, 0, 17, 8, 0x40, 0, 0x40, 0, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0,
        0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0, 0xff, 0xd9};   /* 16384 x 16384: 1.5 GiB of coefficients */
    sink_open_memory(&f);
    assert_true(sink_write(&f, progressive, sizeof progressive));
    expect(&f, 200, VQZ_ERR_LIMIT, "progressive JPEG of 16384x16384 pixels needs more than 209715200 bytes");
    sink_close(&f);
}

/* ---- .vqz: the plan is made before the memory is taken ---- */
static void test_plan(void **state) {
    (void)state;
    vqz_settings settings;
    vqz_settings_init(&settings);
    static uint8_t pixels[300 * 200 * 3], blob[1 * MIB];
    const vqz_image_info info = {.width = 300, .height = 200, .layout = VQZ_RGB, .meta = {.xmp = blob, .xmp_size = sizeof blob}};
    bytes file;
    vqz_error e;
    uint8_t *decoded;
    vqz_file_info of_file;
    assert_int_equal(encode_picture(&settings, &info, pixels, 200, &file, &e), VQZ_OK);
    assert_true(file.size < 4000);               /* the XMP of 1 MiB is next to nothing */
    assert_int_equal(decode_picture(&settings, file, 0, &decoded, &of_file, NULL, &e), VQZ_OK);
    free(decoded);
    const uint64_t plan = of_file.peak_memory;
    for (unsigned part = 1; part <= 2; part++) { /* what the header says is enough, and half of it is refused */
        settings.max_memory = plan / part;
        vqz_status s = decode_picture(&settings, file, 0, &decoded, &of_file, NULL, &e);
        assert_int_equal(s, part == 1 ? VQZ_OK : VQZ_ERR_LIMIT);
        assert_true(s == VQZ_OK || strstr(e.text, "limit"));
        free(decoded);
    }
    settings.max_memory = sizeof blob / 2;       /* less than the XMP alone */
    assert_int_equal(decode_picture(&settings, file, 0, &decoded, &of_file, NULL, &e), VQZ_ERR_LIMIT);
    vqz_settings_init(&settings);
    settings.max_pixels = 300 * 200 - 1;
    assert_int_equal(decode_picture(&settings, file, 0, &decoded, &of_file, NULL, &e), VQZ_ERR_LIMIT);
    free(file.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_text), cmocka_unit_test(test_left_out), cmocka_unit_test(test_claimed_size),
                                       cmocka_unit_test(test_jpeg), cmocka_unit_test(test_plan)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
