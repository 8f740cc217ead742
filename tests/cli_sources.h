/* The program has no library of its own: its picture input and output is compiled into the tests. */
#include "cli/image.c"
#include "cli/image_jpeg.c"
#include "cli/image_png.c"
#include "cli/image_png_write.c"
#include "cli/image_pnm.c"
#include "cli/image_nut.c"
#include "cli/image_vqz.c"
#include "cli/image_y4m.c"
#include "cli/image_yuv.c"
#include "cli/metrics.c"
#include "cli/orientation.c"
#include "cli/sink.c"
#include "cli/stream.c"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static inline image_config test_config(void) {
    image_config c = {.png_level = 1};
    vqz_settings_init(&c.settings);
    return c;
}

/* Reads a file in memory; the metadata dies with the reader unless `keep` takes it. */
static inline vqz_status test_read(const void *data, size_t size, const image_config *config, image *im,
                                   image_reader **keep, vqz_error *e) {
    source in;
    image_reader *r;
    *e = (vqz_error){.offset = NO_OFFSET};
    *im = (image){0};
    source_open_memory(&in, data, size);
    vqz_status s = image_reader_open(&r, &in, config, e);
    if (s == VQZ_OK) s = image_load(im, r, config, e);
    if (keep) *keep = r;
    else image_reader_close(r);
    if (s != VQZ_OK) assert_true(e->status == s && e->text[0]);
    return s;
}

/* Writes a picture into a memory sink that the caller closes. */
static inline void test_write(sink *out, const image *im, image_format format, const image_config *config) {
    image_writer *w;
    vqz_error e;
    sink_open_memory(out);
    assert_int_equal(image_writer_open(&w, out, format, &im->info, config, &e), VQZ_OK);
    for (uint32_t y = 0; y < im->info.height; y += 3) {   /* bands of three rows */
        uint32_t left = im->info.height - y;
        image_rows rows = {im->pixels + y * im->stride, (ptrdiff_t)im->stride, left < 3 ? left : 3};
        assert_int_equal(image_writer_rows(w, &rows, &e), VQZ_OK);
    }
    assert_int_equal(image_writer_finish(w, &e), VQZ_OK);
    if (w->note[0] && !strstr(w->note, "alpha")) fail_msg("%s", w->note);
    image_writer_close(w);
}

static inline image test_picture(uint32_t width, uint32_t height, vqz_layout layout) {
    image im = {.info = {.width = width, .height = height, .layout = layout}, .stride = (size_t)width * layout};
    im.pixels = malloc(im.stride * height);
    assert_non_null(im.pixels);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < im.stride; x++) im.pixels[y * im.stride + x] = (uint8_t)(x * 5 + y * 3 + ((x * y) >> 4));
    return im;
}
