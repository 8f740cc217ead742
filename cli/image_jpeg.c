/* JPEG reader through the libjpeg API: gray, YCbCr, RGB, CMYK and YCCK; ICC, EXIF and XMP are kept. */
#include "cli/image.h"
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>
#include <jerror.h>

enum {
    MAX_SCANS = 200,             /* a progressive file with thousands of scans costs minutes and shows nothing more */
    MAX_HEADER = 64 << 20        /* bytes before the pixels: libjpeg keeps all EXIF, XMP and ICC markers, which it counts nowhere */
};

typedef struct jpeg_reader {
    image_reader base;
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr input;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    vqz_error error;
    JOCTET *icc;
    uint8_t *rows, *raw;         /* raw: one CMYK row */
    size_t stride;
    uint32_t y, batch;
    uint64_t header_limit;
    bool created, inverted, header_done;
} jpeg_reader;

static bool jpeg_probe(const uint8_t *p, size_t n) { return n >= 3 && p[0] == 0xff && p[1] == 0xd8 && p[2] == 0xff; }

static uint64_t jpeg_offset(const jpeg_reader *r) { return source_offset(r->base.in) - r->input.bytes_in_buffer; }

static void jpeg_failed(j_common_ptr c) {
    jpeg_reader *r = c->client_data;
    char text[JMSG_LENGTH_MAX];
    c->err->format_message(c, text);
    const int code = c->err->msg_code;
    if (r->error.status != VQZ_OK) longjmp(r->jump, 1);
    if (code == JERR_OUT_OF_MEMORY) cli_fail(&r->error, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    else if (code == JERR_NO_BACKING_STORE)      /* what libjpeg wants to do with a picture above its limit */
        cli_fail(&r->error, VQZ_ERR_LIMIT, NO_OFFSET, "a progressive JPEG of %ux%u pixels needs more than %ld bytes (--memory)", r->jpeg.image_width,
                 r->jpeg.image_height, r->jpeg.mem->max_memory_to_use);
    else cli_fail(&r->error, VQZ_ERR_CORRUPT, jpeg_offset(r), "bad JPEG: %.150s", text);
    longjmp(r->jump, 1);
}

/* libjpeg goes on with invented data after these; a picture that is partly gray is no success. */
static void jpeg_message(j_common_ptr c, int level) {
    if (level >= 0) return;
    int code = c->err->msg_code;
    if (code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE || code == JWRN_ARITH_BAD_CODE ||
        code == JWRN_MUST_RESYNC || code == JWRN_NOT_SEQUENTIAL || code == JWRN_BOGUS_PROGRESSION)
        jpeg_failed(c);
    c->err->num_warnings++;
}

static void jpeg_silent(j_common_ptr c) { (void)c; }
static void jpeg_start_input(j_decompress_ptr d) { (void)d; }

static boolean jpeg_fill(j_decompress_ptr d) {
    jpeg_reader *r = d->client_data;
    source *in = r->base.in;
    r->input.bytes_in_buffer = 0;
    if (!r->header_done && source_offset(in) > r->header_limit) {
        cli_fail(&r->error, VQZ_ERR_LIMIT, source_offset(in), "the JPEG has more than %llu bytes before its pixels", (unsigned long long)r->header_limit);
        longjmp(r->jump, 1);
    }
    if (in->pos == in->end && !source_fill(in)) {
        source_short(in, &r->error);
        longjmp(r->jump, 1);
    }
    r->input.next_input_byte = in->data + in->pos;
    r->input.bytes_in_buffer = in->end - in->pos;
    in->pos = in->end;
    return TRUE;
}

static void jpeg_skip(j_decompress_ptr d, long n) {
    jpeg_reader *r = d->client_data;
    while (n > 0) {
        if (!r->input.bytes_in_buffer) jpeg_fill(d);
        size_t k = r->input.bytes_in_buffer < (size_t)n ? r->input.bytes_in_buffer : (size_t)n;
        r->input.next_input_byte += k;
        r->input.bytes_in_buffer -= k;
        n -= (long)k;
    }
}

static void jpeg_watch(j_common_ptr c) {
    jpeg_reader *r = c->client_data;
    if (r->jpeg.input_scan_number <= MAX_SCANS) return;
    cli_fail(&r->error, VQZ_ERR_LIMIT, jpeg_offset(r), "bad JPEG: more than %d scans", MAX_SCANS);
    longjmp(r->jump, 1);
}

static void jpeg_close(image_reader *base) {
    jpeg_reader *r = (jpeg_reader *)base;
    if (r->created) jpeg_destroy_decompress(&r->jpeg);
    free(r->icc);
    free(r->rows);
    free(r->raw);
    free(r);
}

static void collect_markers(jpeg_reader *r) {
    static const char exif[] = "Exif\0", xmp[] = "http://ns.adobe.com/xap/1.0/";   /* each with its NUL(s) */
    vqz_metadata *meta = &r->base.info.meta;
    for (jpeg_saved_marker_ptr m = r->jpeg.marker_list; m; m = m->next) {
        if (m->marker == JPEG_APP0 + 2 && m->data_length > 4 && memcmp(m->data, "MPF", 4) == 0 && !r->base.loss)
            image_note_loss(&r->base, "further pictures behind the first one are left out");    /* a second view, a gain map for HDR */
        if (m->marker != JPEG_APP0 + 1) continue;
        if (m->data_length > sizeof exif && !memcmp(m->data, exif, sizeof exif) && !meta->exif) {
            meta->exif = m->data + sizeof exif;
            meta->exif_size = m->data_length - sizeof exif;
        } else if (m->data_length > sizeof xmp && !memcmp(m->data, xmp, sizeof xmp) && !meta->xmp) {
            meta->xmp = m->data + sizeof xmp;
            meta->xmp_size = m->data_length - sizeof xmp;
        }
    }
    unsigned size;
    bool cmyk = r->jpeg.out_color_space == JCS_CMYK;
    if (jpeg_read_icc_profile(&r->jpeg, &r->icc, &size) && !cmyk) {
        meta->icc = r->icc;
        meta->icc_size = size;
    }
    if (cmyk) image_note_loss(&r->base, "CMYK converted to RGB without its colour profile");
}

static vqz_status open_jpeg(jpeg_reader *r, const image_config *config, vqz_error *e) {
    struct jpeg_decompress_struct *d = &r->jpeg;
    if (setjmp(r->jump)) {
        *e = r->error;
        return e->status;
    }
    jpeg_create_decompress(d);
    r->created = true;
    d->src = &r->input;
    d->progress = &r->progress;
    d->mem->max_memory_to_use = (long)(config->settings.max_memory < INT32_MAX ? config->settings.max_memory : INT32_MAX);
    jpeg_save_markers(d, JPEG_APP0 + 1, 0xffff);
    jpeg_save_markers(d, JPEG_APP0 + 2, 0xffff);
    r->header_limit = config->settings.max_memory < MAX_HEADER ? config->settings.max_memory : MAX_HEADER;
    jpeg_read_header(d, TRUE);
    r->header_done = true;
    vqz_status s = image_check_size(d->image_width, d->image_height, config, e);
    if (s != VQZ_OK) return s;
    bool gray = d->jpeg_color_space == JCS_GRAYSCALE,
         cmyk = d->jpeg_color_space == JCS_CMYK || d->jpeg_color_space == JCS_YCCK;
    d->out_color_space = gray ? JCS_GRAYSCALE : cmyk ? JCS_CMYK : JCS_RGB;
    r->inverted = d->saw_Adobe_marker;           /* Adobe stores 255 - ink */
    collect_markers(r);
    jpeg_start_decompress(d);
    r->base.info.width = d->output_width;
    r->base.info.height = d->output_height;
    r->base.info.layout = gray ? VQZ_GRAY : VQZ_RGB;
    if (jpeg_has_multiple_scans(d)) image_note_whole(&r->base, "progressive");
    r->stride = (size_t)d->output_width * (gray ? 1 : 3);
    r->batch = (uint32_t)(65536 / r->stride + 1);
    s = image_alloc(&r->rows, r->batch, r->stride, config, e);
    return s == VQZ_OK && cmyk ? image_alloc(&r->raw, 1, (uint64_t)d->output_width * 4, config, e) : s;
}

static vqz_status jpeg_open(image_reader *base, const image_config *config, vqz_error *e) {
    jpeg_reader *r = (jpeg_reader *)base;
    r->jpeg.client_data = r;
    r->jpeg.err = jpeg_std_error(&r->errors);
    r->errors.error_exit = jpeg_failed;
    r->errors.emit_message = jpeg_message;
    r->errors.output_message = jpeg_silent;
    r->progress.progress_monitor = jpeg_watch;
    r->input = (struct jpeg_source_mgr){.init_source = jpeg_start_input,
                                        .fill_input_buffer = jpeg_fill,
                                        .skip_input_data = jpeg_skip,
                                        .resync_to_restart = jpeg_resync_to_restart,
                                        .term_source = jpeg_start_input};
    return open_jpeg(r, config, e);
}

static void cmyk_row(const jpeg_reader *r, uint8_t *rgb) {
    const uint8_t flip = r->inverted ? 0 : 255, *p = r->raw;
    for (uint32_t x = 0; x < r->base.info.width; x++, p += 4, rgb += 3) {
        unsigned k = p[3] ^ flip;
        for (unsigned c = 0; c < 3; c++) rgb[c] = (uint8_t)(((p[c] ^ flip) * k + 127) / 255);
    }
}

/* The film of a "motion photo", say. Phones also write some bytes of their own there. */
static void jpeg_note_rest(jpeg_reader *r) {
    enum { SMALL = 4096 };
    const source *in = r->base.in;
    if (in->regular && !r->base.loss && in->size > jpeg_offset(r) + SMALL) image_note_loss(&r->base, "what follows the picture in the file is left out");
}

static vqz_status jpeg_next(image_reader *base, image_rows *rows, vqz_error *e) {
    jpeg_reader *r = (jpeg_reader *)base;
    const uint32_t left = base->info.height - r->y;
    if (!left) return VQZ_END;
    if (setjmp(r->jump)) {
        *e = r->error;
        return e->status;
    }
    uint32_t count = left < r->batch ? left : r->batch;
    for (uint32_t i = 0; i < count; i++) {
        JSAMPROW row = r->rows + i * r->stride, to = r->raw ? r->raw : row;
        jpeg_read_scanlines(&r->jpeg, &to, 1);
        if (r->raw) cmyk_row(r, row);
    }
    if (count == left) {
        jpeg_finish_decompress(&r->jpeg);
        jpeg_note_rest(r);
    }
    r->y += count;
    *rows = (image_rows){r->rows, (ptrdiff_t)r->stride, count};
    return VQZ_OK;
}

const image_reader_ops image_jpeg_reader = {"JPEG", sizeof(jpeg_reader), jpeg_probe, jpeg_open, jpeg_next, jpeg_close, NULL};
