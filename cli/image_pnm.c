/* Netpbm: P1-P6 (bitmaps, gray, colour; text and binary) and P7 (PAM). Only the first picture of a file is read. */
#include "cli/image.h"
#include <stdlib.h>
#include <string.h>

typedef struct pnm_reader {
    image_reader base;
    int kind;                    /* the digit after P */
    unsigned depth;              /* samples per pixel in the file */
    uint32_t maxval, y;
    size_t raw_size;             /* bytes of a binary row */
    uint8_t *raw, *row;
    bool invert;                 /* bitmaps: 1 is black */
} pnm_reader;

static bool pnm_probe(const uint8_t *p, size_t n) {
    return n >= 3 && p[0] == 'P' && p[1] >= '1' && p[1] <= '7' && (p[2] <= ' ' || p[2] == '#');
}

#define SPACES " \t\v\f\r"       /* within a line */
static bool is_space(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* One character; a comment counts as the line end that closes it. */
static int next_char(source *in) {
    int c = source_getc(in);
    if (c == '#')
        while (c != '\n' && c != '\r' && c >= 0) c = source_getc(in);
    return c;
}

typedef enum number_result { NUMBER, NO_NUMBER, NUMBER_ENDED } number_result;

/* A decimal number with the white space around it, of which one character behind it is consumed. */
static number_result read_number(source *in, uint32_t *value) {
    int c = next_char(in);
    while (is_space(c)) c = next_char(in);
    if (c < 0) return NUMBER_ENDED;
    if (c < '0' || c > '9') return NO_NUMBER;
    uint64_t v = 0;
    for (; c >= '0' && c <= '9'; c = next_char(in)) {
        v = v * 10 + (unsigned)(c - '0');
        if (v > UINT32_MAX) return NO_NUMBER;
    }
    *value = (uint32_t)v;
    return c < 0 || is_space(c) ? NUMBER : NO_NUMBER;
}

static vqz_status bad_header(const source *in, const char *what, vqz_error *e) {
    if (in->error) return source_short(in, e);
    return cli_fail(e, VQZ_ERR_CORRUPT, source_offset(in), "bad PNM header: %s", what);
}

/* PAM: lines of "KEY VALUE" up to ENDHDR. */
static vqz_status read_pam_header(source *in, uint32_t *w, uint32_t *h, uint32_t *depth, uint32_t *maxval, vqz_error *e) {
    char line[256];
    *w = *h = *depth = *maxval = 0;
    for (unsigned lines = 0; lines < 1000; lines++) {
        size_t n = 0;
        int c;
        while ((c = source_getc(in)) >= 0 && c != '\n') {
            if (n + 1 == sizeof line) return bad_header(in, "a line is too long", e);
            line[n++] = (char)c;
        }
        line[n] = 0;
        if (c < 0) return bad_header(in, "ENDHDR is missing", e);
        const char *key = line + strspn(line, SPACES);
        char *value = line + (key - line) + strcspn(key, SPACES), *end;
        if (*value) *value++ = 0;
        uint32_t *to = !strcmp(key, "WIDTH")    ? w
                       : !strcmp(key, "HEIGHT") ? h
                       : !strcmp(key, "DEPTH")  ? depth
                       : !strcmp(key, "MAXVAL") ? maxval
                                                : NULL;
        if (!strcmp(key, "ENDHDR")) return VQZ_OK;
        if (!to) continue;       /* TUPLTYPE says no more than DEPTH for the four layouts; comments */
        value += strspn(value, SPACES);
        const unsigned long long v = strtoull(value, &end, 10);      /* too large: ULLONG_MAX */
        if (*value < '0' || *value > '9' || end[strspn(end, SPACES)] || v > UINT32_MAX) return bad_header(in, "a value is not a number", e);
        *to = (uint32_t)v;
    }
    return bad_header(in, "ENDHDR is missing", e);
}

static void pnm_close(image_reader *base) {
    pnm_reader *r = (pnm_reader *)base;
    free(r->raw);
    free(r->row);
    free(r);
}

static vqz_status pnm_open(image_reader *base, const image_config *config, vqz_error *e) {
    pnm_reader *r = (pnm_reader *)base;
    source *in = base->in;
    uint32_t w = 0, h = 0, depth = 1;
    uint8_t magic[2];
    source_read(in, magic, 2);
    r->kind = magic[1] - '0';
    r->maxval = 1;
    r->invert = r->kind == 1 || r->kind == 4;
    if (r->kind == 7) {
        vqz_status s = read_pam_header(in, &w, &h, &depth, &r->maxval, e);
        if (s != VQZ_OK) return s;
    } else {
        depth = r->kind == 3 || r->kind == 6 ? 3 : 1;
        if (read_number(in, &w) != NUMBER || read_number(in, &h) != NUMBER)
            return bad_header(in, "width and height expected", e);
        if (!r->invert && read_number(in, &r->maxval) != NUMBER)
            return bad_header(in, "the largest sample value expected", e);
    }
    if (depth < 1 || depth > 4) return bad_header(in, "DEPTH is not 1 to 4", e);
    if (r->maxval < 1 || r->maxval > 65535) return bad_header(in, "the largest sample value is not 1 to 65535", e);
    vqz_status s = image_check_size(w, h, config, e);
    if (s != VQZ_OK) return s;
    if (r->maxval > 255) image_note_loss(&r->base, "16-bit samples reduced to 8");
    r->depth = depth;
    r->base.info = (vqz_image_info){.width = w, .height = h, .layout = (vqz_layout)depth};
    r->raw_size = r->kind == 4 ? (w + 7u) / 8 : (size_t)w * depth * (r->maxval > 255 ? 2 : 1);
    if ((s = image_alloc(&r->row, 1, (uint64_t)w * depth, config, e)) != VQZ_OK) return s;
    return image_alloc(&r->raw, 1, r->raw_size, config, e);
}

static vqz_status text_row(pnm_reader *r, size_t samples, vqz_error *e) {
    source *in = r->base.in;
    for (size_t i = 0; i < samples; i++) {
        uint32_t v = 0;
        if (r->kind == 1) {      /* bits need no space between them */
            int c;
            do c = source_getc(in);
            while (is_space(c));
            v = (uint32_t)(c - '0');
            if (c < 0) return source_short(in, e);
        } else {
            number_result got = read_number(in, &v);
            if (got == NO_NUMBER) return cli_fail(e, VQZ_ERR_CORRUPT, source_offset(in), "a sample is not a number");
            if (got == NUMBER_ENDED) return source_short(in, e);
        }
        if (v > r->maxval) return cli_fail(e, VQZ_ERR_CORRUPT, source_offset(in), "a sample is above %u", r->maxval);
        if (r->invert) v = 1 - v;
        r->row[i] = (uint8_t)((v * 255 + r->maxval / 2) / r->maxval);
    }
    return VQZ_OK;
}

static vqz_status binary_row(pnm_reader *r, size_t samples, vqz_error *e) {
    source *in = r->base.in;
    uint8_t *to = r->maxval == 255 ? r->row : r->raw;          /* as they are, or to be scaled */
    if (source_read(in, to, r->raw_size) != r->raw_size) return source_short(in, e);
    if (r->kind == 4) {
        for (size_t i = 0; i < samples; i++) r->row[i] = r->raw[i >> 3] >> (7 - (i & 7)) & 1 ? 0 : 255;
    } else if (r->maxval != 255) {
        for (size_t i = 0; i < samples; i++) {
            uint32_t v = r->maxval > 255 ? (uint32_t)r->raw[2 * i] << 8 | r->raw[2 * i + 1] : r->raw[i];
            if (v > r->maxval)
                return cli_fail(e, VQZ_ERR_CORRUPT, source_offset(in), "a sample of the row that ends here is above %u",
                                r->maxval);
            r->row[i] = (uint8_t)((v * 255 + r->maxval / 2) / r->maxval);
        }
    }
    return VQZ_OK;
}

static void pnm_note_rest(pnm_reader *r) {
    int c = source_getc(r->base.in);
    while (is_space(c)) c = source_getc(r->base.in);
    if (c == 'P') image_note_loss(&r->base, "the first picture of several");
}

static vqz_status pnm_next(image_reader *base, image_rows *rows, vqz_error *e) {
    pnm_reader *r = (pnm_reader *)base;
    if (r->y == base->info.height) return VQZ_END;
    size_t samples = (size_t)base->info.width * r->depth;
    vqz_status s = r->kind <= 3 ? text_row(r, samples, e) : binary_row(r, samples, e);
    if (s != VQZ_OK) return s;
    if (++r->y == base->info.height) pnm_note_rest(r);
    *rows = (image_rows){r->row, (ptrdiff_t)samples, 1};
    return VQZ_OK;
}

const image_reader_ops image_pnm_reader = {"PNM", sizeof(pnm_reader), pnm_probe, pnm_open, pnm_next, pnm_close, NULL};

/* ---- writer ---- */
typedef struct pnm_writer {
    image_writer base;
    vqz_layout to;
    uint8_t *row;
} pnm_writer;

static void pnm_writer_close(image_writer *base) {
    pnm_writer *w = (pnm_writer *)base;
    free(w->row);
    free(w);
}

static vqz_status pnm_writer_open(image_writer **out, sink *to, image_format format, const vqz_image_info *info,
                                  const image_config *config, vqz_error *e) {
    static const char *const tuple[] = {"", "GRAYSCALE", "GRAYSCALE_ALPHA", "RGB", "RGB_ALPHA"};
    vqz_layout layout = info->layout;
    bool color = layout >= VQZ_RGB, alpha = layout == VQZ_GRAYA || layout == VQZ_RGBA;
    if (format == FORMAT_PGM && color)
        return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "a PGM file has no colour; write .ppm instead");
    if (format != FORMAT_PAM) layout = color || format == FORMAT_PPM ? VQZ_RGB : VQZ_GRAY;
    pnm_writer *w = calloc(1, sizeof *w);
    if (!w) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    w->base = (image_writer){
        .ops = &image_pnm_writer, .out = to, .width = info->width, .height = info->height, .layout = info->layout};
    w->to = layout;
    vqz_status s = image_alloc(&w->row, 1, (uint64_t)info->width * layout, config, e);
    if (s != VQZ_OK) {
        pnm_writer_close(&w->base);
        return s;
    }
    if (alpha && format != FORMAT_PAM)
        snprintf(w->base.note, sizeof w->base.note, "alpha left out; .pam and .png keep it");
    char head[160];
    if (format == FORMAT_PAM)
        snprintf(head, sizeof head, "P7\nWIDTH %u\nHEIGHT %u\nDEPTH %d\nMAXVAL 255\nTUPLTYPE %s\nENDHDR\n", info->width,
                 info->height, (int)layout, tuple[layout]);
    else
        snprintf(head, sizeof head, "P%c\n%u %u\n255\n", layout == VQZ_RGB ? '6' : '5', info->width, info->height);
    sink_write(to, head, strlen(head));
    *out = &w->base;
    return VQZ_OK;
}

static vqz_status pnm_writer_rows(image_writer *base, const image_rows *rows, vqz_error *e) {
    pnm_writer *w = (pnm_writer *)base;
    const size_t row = (size_t)base->width * (size_t)w->to;
    if (w->to == base->layout && rows->stride == (ptrdiff_t)row)
        return sink_write(base->out, rows->pixels, row * rows->count) ? VQZ_OK : sink_failed(base->out, e);
    for (uint32_t i = 0; i < rows->count; i++) {
        image_convert_row(w->row, w->to, rows->pixels + (ptrdiff_t)i * rows->stride, base->layout, base->width);
        if (!sink_write(base->out, w->row, row)) return sink_failed(base->out, e);
    }
    return VQZ_OK;
}

static vqz_status pnm_writer_finish(image_writer *base, vqz_error *e) {
    return base->out->error ? sink_failed(base->out, e) : VQZ_OK;
}

const image_writer_ops image_pnm_writer = {pnm_writer_open, pnm_writer_rows, pnm_writer_finish, pnm_writer_close};
