/* JPEG through libjpeg-turbo's API, as cjpeg -optimize and djpeg would do it: from a PPM file to one in the other format. */
#include "cli/rd.h"
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>

typedef struct jpeg_job {
    struct jpeg_error_mgr errors;
    jmp_buf jump;
    vqz_error error;
} jpeg_job;

#define STRING(x) #x
#define TEXT_OF(x) STRING(x)
const char *rd_jpeg_version(void) {
#ifdef LIBJPEG_TURBO_VERSION
    return "libjpeg-turbo " TEXT_OF(LIBJPEG_TURBO_VERSION) ", optimised Huffman tables";
#else
    return "libjpeg " TEXT_OF(JPEG_LIB_VERSION) ", optimised Huffman tables";
#endif
}

static void fail(j_common_ptr c) {
    jpeg_job *j = c->client_data;
    char text[JMSG_LENGTH_MAX];
    c->err->format_message(c, text);
    cli_fail(&j->error, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "libjpeg: %.150s", text);
    longjmp(j->jump, 1);
}

static void be_silent(j_common_ptr c) { (void)c; }

static bool open_both(const char *from, const char *to, FILE **in, FILE **out) {
    *in = fopen(from, "rbe");
    *out = *in ? fopen(to, "wbe") : NULL;
    if (!*out && *in) (void)fclose(*in);
    return *out != NULL;
}

static vqz_status not_open(vqz_error *e) { return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "cannot open a temporary file: %s", strerror(errno)); }

static vqz_status close_both(FILE *in, FILE *out, vqz_status s, vqz_error *e) {
    const bool bad = ferror(out) != 0;
    (void)fclose(in);
    if ((fclose(out) != 0 || bad) && s == VQZ_OK) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "cannot write a temporary file: %s", strerror(errno));
    return s;
}

/* The head of a PPM file of our own: three lines. */
static bool read_head(FILE *in, unsigned *width, unsigned *height) {
    char lines[3][32], *end;
    for (int i = 0; i < 3; i++)
        if (!fgets(lines[i], sizeof lines[i], in)) return false;
    if (strcmp(lines[0], "P6\n") != 0 || strcmp(lines[2], "255\n") != 0) return false;
    *width = (unsigned)strtoul(lines[1], &end, 10);
    *height = (unsigned)strtoul(end, NULL, 10);
    return *width && *height;
}

static vqz_status encode(jpeg_job *j, struct jpeg_compress_struct *c, FILE *in, FILE *out, int quality, bool full_chroma, uint8_t **row, vqz_error *e) {
    unsigned width, height;
    if (!read_head(in, &width, &height)) return cli_fail(e, VQZ_ERR_INTERNAL, NO_OFFSET, "a temporary file is no PPM file");
    *row = malloc((size_t)width * 3);
    if (!*row) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    if (setjmp(j->jump)) {
        *e = j->error;
        return e->status;
    }
    jpeg_create_compress(c);
    jpeg_stdio_dest(c, out);
    c->image_width = width;
    c->image_height = height;
    c->input_components = 3;
    c->in_color_space = JCS_RGB;
    jpeg_set_defaults(c);
    jpeg_set_quality(c, quality, TRUE);
    c->optimize_coding = TRUE;
    c->comp_info[0].h_samp_factor = c->comp_info[0].v_samp_factor = full_chroma ? 1 : 2;
    jpeg_start_compress(c, TRUE);
    while (c->next_scanline < height) {
        JSAMPROW p = *row;
        if (fread(p, 3, width, in) != width) return cli_fail(e, VQZ_ERR_INTERNAL, NO_OFFSET, "a temporary file is cut off");
        jpeg_write_scanlines(c, &p, 1);
    }
    jpeg_finish_compress(c);
    return VQZ_OK;
}

vqz_status rd_jpeg_encode(const char *from, const char *to, int quality, bool full_chroma, vqz_error *e) {
    jpeg_job j = {.error.offset = NO_OFFSET};
    struct jpeg_compress_struct c = {.client_data = &j};
    FILE *in, *out;
    uint8_t *row = NULL;
    if (!open_both(from, to, &in, &out)) return not_open(e);
    c.err = jpeg_std_error(&j.errors);
    j.errors.error_exit = fail;
    j.errors.output_message = be_silent;
    const vqz_status s = encode(&j, &c, in, out, quality, full_chroma, &row, e);
    jpeg_destroy_compress(&c);
    free(row);
    return close_both(in, out, s, e);
}

static vqz_status decode(jpeg_job *j, struct jpeg_decompress_struct *d, FILE *in, FILE *out, uint8_t **row, vqz_error *e) {
    if (setjmp(j->jump)) {
        *e = j->error;
        return e->status;
    }
    jpeg_create_decompress(d);
    jpeg_stdio_src(d, in);
    jpeg_read_header(d, TRUE);
    d->out_color_space = JCS_RGB;
    jpeg_start_decompress(d);
    *row = malloc((size_t)d->output_width * 3);
    if (!*row) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    fprintf(out, "P6\n%u %u\n255\n", d->output_width, d->output_height);
    while (d->output_scanline < d->output_height) {
        JSAMPROW p = *row;
        jpeg_read_scanlines(d, &p, 1);
        (void)fwrite(p, 3, d->output_width, out);
    }
    jpeg_finish_decompress(d);
    return VQZ_OK;
}

vqz_status rd_jpeg_decode(const char *from, const char *to, vqz_error *e) {
    jpeg_job j = {.error.offset = NO_OFFSET};
    struct jpeg_decompress_struct d = {.client_data = &j};
    FILE *in, *out;
    uint8_t *row = NULL;
    if (!open_both(from, to, &in, &out)) return not_open(e);
    d.err = jpeg_std_error(&j.errors);
    j.errors.error_exit = fail;
    j.errors.output_message = be_silent;
    const vqz_status s = decode(&j, &d, in, out, &row, e);
    jpeg_destroy_decompress(&d);
    free(row);
    return close_both(in, out, s, e);
}
