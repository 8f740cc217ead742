/* PNG writer: 8 bits, with ICC, EXIF, XMP and cICP. */
#include "cli/image.h"
#include "cli/image_png.h"
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

typedef struct png_writer {
    image_writer base;
    png_structp png;
    png_infop png_info;
    png_memory memory;
    vqz_error error;
} png_writer;

static void png_write_failed(png_structp png, png_const_charp text) {
    png_writer *w = png_get_error_ptr(png);
    if (w->error.status == VQZ_OK && png_memory_failed(&w->memory, &w->error) == VQZ_OK) cli_fail(&w->error, VQZ_ERR_ARGUMENT, NO_OFFSET, "cannot write PNG: %s", text);
    png_longjmp(png, 1);
}

static void png_write_warned(png_structp png, png_const_charp text) {
    png_writer *w = png_get_error_ptr(png);
    if (!w->base.note[0]) snprintf(w->base.note, sizeof w->base.note, "PNG: %s", text);
}

static void png_put(png_structp png, png_bytep data, size_t n) {
    png_writer *w = png_get_io_ptr(png);
    if (sink_write(w->base.out, data, n)) return;
    sink_failed(w->base.out, &w->error);
    png_error(png, "write");
}

static void png_flush_nothing(png_structp png) { (void)png; }

static void png_writer_close(image_writer *base) {
    png_writer *w = (png_writer *)base;
    png_destroy_write_struct(&w->png, &w->png_info);
    free(w);
}

static void set_metadata(png_writer *w, const vqz_image_info *info) {
    const vqz_metadata *m = &info->meta;
    if (m->icc) png_set_iCCP(w->png, w->png_info, "icc", PNG_COMPRESSION_TYPE_BASE, m->icc, (png_uint_32)m->icc_size);
    if (m->exif) png_set_eXIf_1(w->png, w->png_info, (png_uint_32)m->exif_size, (png_bytep)(uintptr_t)m->exif);
    if (info->cicp[0] || info->cicp[1]) {
        uint8_t cicp[4];
        memcpy(cicp, info->cicp, 4);
        cicp[2] = 0;             /* PNG holds RGB samples only */
#ifdef PNG_cICP_SUPPORTED
        png_set_cICP(w->png, w->png_info, cicp[0], cicp[1], cicp[2], cicp[3]);
#else
        png_set_keep_unknown_chunks(w->png, PNG_HANDLE_CHUNK_ALWAYS, (png_const_bytep)"cICP", 1);
        png_unknown_chunk chunk = {.name = "cICP", .data = cicp, .size = 4, .location = PNG_HAVE_IHDR};
        png_set_unknown_chunks(w->png, w->png_info, &chunk, 1);
#endif
    }
}

/* libpng wants the text as a C string; XMP is UTF-8 and has no NUL. */
static vqz_status set_xmp(png_writer *w, const vqz_metadata *m, vqz_error *e) {
    if (!m->xmp) return VQZ_OK;
    char *text = malloc(m->xmp_size + 1);
    if (!text) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    memcpy(text, m->xmp, m->xmp_size);
    text[m->xmp_size] = 0;
    png_text t = {.compression = PNG_ITXT_COMPRESSION_NONE, .key = (png_charp)(uintptr_t)PNG_XMP_KEY, .text = text,
                  .itxt_length = strlen(text), .lang = NULL, .lang_key = NULL};
    if (setjmp(png_jmpbuf(w->png))) {
        free(text);
        *e = w->error;
        return e->status;
    }
    png_set_text(w->png, w->png_info, &t, 1);    /* copies */
    free(text);
    return VQZ_OK;
}

static vqz_status write_start(png_writer *w, const vqz_image_info *info, int level, vqz_error *e) {
    static const int types[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                PNG_COLOR_TYPE_RGB_ALPHA};
    if (setjmp(png_jmpbuf(w->png))) {
        *e = w->error;
        return e->status;
    }
    png_set_write_fn(w->png, w, png_put, png_flush_nothing);
    png_set_user_limits(w->png, VQZ_MAX_SIDE, VQZ_MAX_SIDE);
    png_set_benign_errors(w->png, 1);            /* an odd ICC profile is left out with a note, not fatal */
    png_set_compression_level(w->png, level);
    if (level == 1) png_set_compression_strategy(w->png, Z_RLE);   /* photos do not repeat: as small, and faster */
    if (level <= 2) png_set_filter(w->png, PNG_FILTER_TYPE_BASE, level ? PNG_FILTER_SUB : PNG_FILTER_NONE);
    png_set_IHDR(w->png, w->png_info, info->width, info->height, 8, types[info->layout], PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
    set_metadata(w, info);
    png_write_info(w->png, w->png_info);
    return VQZ_OK;
}

static vqz_status png_writer_open(image_writer **out, sink *to, image_format format, const vqz_image_info *info,
                                  const image_config *config, vqz_error *e) {
    (void)format;
    png_writer *w = calloc(1, sizeof *w);
    if (!w) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    w->base = (image_writer){
        .ops = &image_png_writer, .out = to, .width = info->width, .height = info->height, .layout = info->layout};
    w->memory.limit = config->settings.max_memory;
    w->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, w, png_write_failed, png_write_warned, &w->memory, png_get_memory, png_drop_memory);
    w->png_info = w->png ? png_create_info_struct(w->png) : NULL;
    vqz_status s = w->png_info ? set_xmp(w, &info->meta, e) : png_memory_failed(&w->memory, e);
    if (s == VQZ_OK) s = write_start(w, info, config->png_level, e);
    if (s != VQZ_OK) png_writer_close(&w->base);
    else *out = &w->base;
    return s;
}

static vqz_status png_writer_rows(image_writer *base, const image_rows *rows, vqz_error *e) {
    png_writer *w = (png_writer *)base;
    if (setjmp(png_jmpbuf(w->png))) {
        *e = w->error;
        return e->status;
    }
    for (uint32_t i = 0; i < rows->count; i++) png_write_row(w->png, rows->pixels + (ptrdiff_t)i * rows->stride);
    return VQZ_OK;
}

static vqz_status png_writer_finish(image_writer *base, vqz_error *e) {
    png_writer *w = (png_writer *)base;
    if (setjmp(png_jmpbuf(w->png))) {
        *e = w->error;
        return e->status;
    }
    png_write_end(w->png, NULL);
    return png_memory_failed(&w->memory, e);
}

const image_writer_ops image_png_writer = {png_writer_open, png_writer_rows, png_writer_finish, png_writer_close};
