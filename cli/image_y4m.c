/* y4m: 8-bit 4:4:4, 4:2:2, 4:2:0 and mono are read, 4:4:4 and mono are written.
 * All arithmetic is in integers, so that every machine makes the same pixels. */
#include "cli/image.h"
#include <stdlib.h>
#include <string.h>

/* ---- colour: coefficients in 1/65536 from Kr and Kb in 1/10000 ---- */
typedef struct matrix {
    int64_t kr, kg, kb;          /* in 1/10000 */
    int64_t y_range, c_range;    /* 219 and 224, or 255 and 255 */
    int64_t y_offset;
} matrix;

static int64_t divide_round(int64_t a, int64_t b) { return a >= 0 ? (a + b / 2) / b : -((-a + b / 2) / b); }   /* b > 0 */
static uint8_t clamp_byte(int64_t v) { return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v); }

static matrix matrix_of(video_matrix which, uint32_t width, uint32_t height, bool full) {
    if (which == MATRIX_AUTO) which = width >= 1280 || height > 576 ? MATRIX_BT709 : MATRIX_BT601;
    matrix m = which == MATRIX_BT709 ? (matrix){.kr = 2126, .kb = 722} : (matrix){.kr = 2990, .kb = 1140};
    m.kg = 10000 - m.kr - m.kb;
    m.y_range = full ? 255 : 219;
    m.c_range = full ? 255 : 224;
    m.y_offset = full ? 0 : 16;
    return m;
}

typedef struct to_rgb { int64_t y, rv, gu, gv, bu, y_offset; } to_rgb;

static to_rgb to_rgb_of(const matrix *m) {
    const int64_t one = 65536, c = 10000 * m->c_range;
    return (to_rgb){.y = divide_round(255 * one, m->y_range),
                    .rv = divide_round(255 * one * 2 * (10000 - m->kr), c),
                    .bu = divide_round(255 * one * 2 * (10000 - m->kb), c),
                    .gu = divide_round(255 * one * 2 * (10000 - m->kb) * m->kb / m->kg, c),
                    .gv = divide_round(255 * one * 2 * (10000 - m->kr) * m->kr / m->kg, c),
                    .y_offset = m->y_offset};
}

static void rgb_pixel(const to_rgb *t, uint8_t *rgb, int y, int u, int v) {
    const int64_t l = t->y * (y - t->y_offset) + 32768;
    rgb[0] = clamp_byte((l + t->rv * (v - 128)) >> 16);
    rgb[1] = clamp_byte((l - t->gu * (u - 128) - t->gv * (v - 128)) >> 16);
    rgb[2] = clamp_byte((l + t->bu * (u - 128)) >> 16);
}

/* ---- reader ---- */
typedef struct y4m_reader {
    image_reader base;
    uint8_t *planes, *row;
    size_t bytes;                /* of a frame's planes */
    bool waiting;                /* the first frame has been read, and is not begun */
    uint32_t chroma_width, chroma_height, y;
    bool mono, half_x, half_y;   /* which directions are subsampled */
    bool centre_x, centre_y;     /* chroma sits between two luma samples, else on the first of them */
    to_rgb colour;
} y4m_reader;

static bool y4m_probe(const uint8_t *p, size_t n) { return n >= 10 && memcmp(p, "YUV4MPEG2 ", 10) == 0; }

static void y4m_close(image_reader *base) {
    y4m_reader *r = (y4m_reader *)base;
    free(r->planes);
    free(r->row);
    free(r);
}

/* A line without its newline; false when it is longer than the buffer or the input ends. */
static bool read_line(source *in, char *line, size_t size) {
    for (size_t n = 0; n < size; n++) {
        int c = source_getc(in);
        if (c < 0) return false;
        if (c == '\n') {
            line[n] = 0;
            return true;
        }
        line[n] = c ? (char)c : '?';
    }
    return false;
}

static bool set_sampling(y4m_reader *r, const char *c) {
    static const struct { const char *name; bool half_x, half_y, centre_x, centre_y, mono; } kinds[] = {{"444", false, false, false, false, false},   {"422", true, false, false, false, false},
                 {"420", true, true, true, true, false},       {"420jpeg", true, true, true, true, false},
                 {"420mpeg2", true, true, false, true, false}, {"420paldv", true, true, false, false, false},
                 {"mono", false, false, false, false, true}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(c, kinds[i].name) == 0) {
            r->half_x = kinds[i].half_x;
            r->half_y = kinds[i].half_y;
            r->centre_x = kinds[i].centre_x;
            r->centre_y = kinds[i].centre_y;
            r->mono = kinds[i].mono;
            return true;
        }
    return false;
}

/* "F30000:1001" as a timebase: the time of a frame. */
static void set_rate(y4m_reader *r, const char *text) {
    char *end;
    const unsigned long long a = strtoull(text, &end, 10), b = *end == ':' ? strtoull(end + 1, NULL, 10) : 0;
    if (a && b && a <= VQZ_MAX_TIMEBASE && b <= VQZ_MAX_TIMEBASE)
        r->base.timing = (vqz_timing){(uint32_t)b, (uint32_t)a, 0};
}

/* The next frame, all of whose planes are read. VQZ_END: there is none. */
static vqz_status read_frame(y4m_reader *r, vqz_error *e) {
    char line[1024];
    source *in = r->base.in;
    if (in->pos == in->end && !source_fill(in)) return in->error ? source_short(in, e) : VQZ_END;
    if (!read_line(in, line, sizeof line) || (strcmp(line, "FRAME") != 0 && strncmp(line, "FRAME ", 6) != 0))
        return cli_fail(e, VQZ_ERR_CORRUPT, source_offset(in), "y4m: FRAME expected");
    r->y = 0;
    return source_read(in, r->planes, r->bytes) == r->bytes ? VQZ_OK : source_short(in, e);
}

static vqz_status y4m_go_on(image_reader *base, vqz_error *e) {
    y4m_reader *r = (y4m_reader *)base;
    base->frame.duration = 1;
    if (!r->waiting) {
        base->frame.pts++;
        return read_frame(r, e);
    }
    r->waiting = false;
    return VQZ_OK;
}

static vqz_status y4m_read(y4m_reader *r, source *in, const image_config *config, vqz_error *e) {
    char line[1024], *save = NULL;
    uint64_t width = 0, height = 0;
    bool full = false, known = set_sampling(r, "420");
    r->base.timing = (vqz_timing){1, 25, 0};
    if (!read_line(in, line, sizeof line))
        return cli_fail(e, VQZ_ERR_CORRUPT, source_offset(in), "bad y4m header: its line does not end");
    for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        if (*word == 'W') width = strtoull(word + 1, NULL, 10);
        if (*word == 'H') height = strtoull(word + 1, NULL, 10);
        if (*word == 'F') set_rate(r, word + 1);
        if (*word == 'C') known = set_sampling(r, word + 1);
        if (strcmp(word, "XCOLORRANGE=FULL") == 0) full = true;
        if (!known)
            return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET,
                            "y4m sampling %.20s is not supported (8-bit 444, 422, 420 and mono are)", word + 1);
    }
    vqz_status s = image_check_size(width, height, config, e);
    if (s != VQZ_OK) return s;
    r->base.info =
        (vqz_image_info){.width = (uint32_t)width, .height = (uint32_t)height, .layout = r->mono ? VQZ_GRAY : VQZ_RGB};
    r->chroma_width = r->mono ? 0 : (uint32_t)(r->half_x ? (width + 1) / 2 : width);
    r->chroma_height = r->mono ? 0 : (uint32_t)(r->half_y ? (height + 1) / 2 : height);
    uint64_t bytes = width * height + 2 * (uint64_t)r->chroma_width * r->chroma_height;
    if ((s = image_alloc(&r->planes, 1, bytes, config, e)) != VQZ_OK) return s;
    if ((s = image_alloc(&r->row, 1, width * (r->mono ? 1 : 3), config, e)) != VQZ_OK) return s;
    r->bytes = (size_t)bytes;
    if ((s = read_frame(r, e)) != VQZ_OK) return s == VQZ_END ? source_short(in, e) : s;
    image_note_whole(&r->base, "planes one after the other");
    r->waiting = true;
    r->base.moving = in->pos < in->end || source_fill(in);
    r->base.go_on = y4m_go_on;
    if (config->timing.timebase_den) r->base.timing = config->timing;
    matrix m = matrix_of(config->matrix, (uint32_t)width, (uint32_t)height, full);
    r->colour = to_rgb_of(&m);
    return VQZ_OK;
}

static vqz_status y4m_open(image_reader **out, source *in, const image_config *config, vqz_error *e) {
    y4m_reader *r = calloc(1, sizeof *r);
    if (!r) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    r->base.ops = &image_y4m_reader;
    r->base.in = in;
    vqz_status s = y4m_read(r, in, config, e);
    if (s != VQZ_OK) y4m_close(&r->base);
    else *out = &r->base;
    return s;
}

/* Where luma position p lies between chroma samples: first one, second one, and the weight of the second in quarters. */
typedef struct tap { uint32_t a, b; int weight; } tap;

static tap tap_of(uint32_t p, uint32_t count, bool half, bool centre) {
    if (!half) return (tap){p, p, 0};
    uint32_t i = p / 2, next = i + 1 < count ? i + 1 : i;
    if (!centre) return (tap){i, next, p & 1 ? 2 : 0};
    return p & 1 ? (tap){i, next, 1} : (tap){i, i ? i - 1 : 0, 1};
}

static int chroma(const uint8_t *plane, uint32_t width, tap x, tap y) {
    const uint8_t *p = plane + (size_t)y.a * width, *q = plane + (size_t)y.b * width;
    int top = p[x.a] * (4 - x.weight) + p[x.b] * x.weight, bottom = q[x.a] * (4 - x.weight) + q[x.b] * x.weight;
    return (top * (4 - y.weight) + bottom * y.weight + 8) >> 4;
}

static vqz_status y4m_next(image_reader *base, image_rows *rows, vqz_error *e) {
    (void)e;
    y4m_reader *r = (y4m_reader *)base;
    const uint32_t width = base->info.width;
    if (r->y == base->info.height) return VQZ_END;
    const uint8_t *luma = r->planes + (size_t)r->y * width;
    const uint8_t *u = r->planes + (size_t)base->info.height * width, *v = u + (size_t)r->chroma_width * r->chroma_height;
    if (r->mono) {
        for (uint32_t x = 0; x < width; x++)
            r->row[x] = clamp_byte((r->colour.y * (luma[x] - r->colour.y_offset) + 32768) >> 16);
    } else {
        tap ty = tap_of(r->y, r->chroma_height, r->half_y, r->centre_y);
        for (uint32_t x = 0; x < width; x++) {
            tap tx = tap_of(x, r->chroma_width, r->half_x, r->centre_x);
            rgb_pixel(&r->colour, r->row + 3 * (size_t)x, luma[x], chroma(u, r->chroma_width, tx, ty),
                      chroma(v, r->chroma_width, tx, ty));
        }
    }
    r->y++;
    *rows = (image_rows){r->row, (ptrdiff_t)width * (ptrdiff_t)base->info.layout, 1};
    return VQZ_OK;
}

const image_reader_ops image_y4m_reader = {"y4m", y4m_probe, y4m_open, y4m_next, y4m_close};

/* ---- writer: limited range. Planes follow each other, so chroma waits in memory ---- */
typedef struct y4m_writer {
    image_writer base;
    matrix m;
    uint8_t *luma, *u, *v;       /* one row; two planes */
    uint32_t y;
} y4m_writer;

static void y4m_writer_close(image_writer *base) {
    y4m_writer *w = (y4m_writer *)base;
    free(w->luma);
    free(w->u);
    free(w->v);
    free(w);
}

static vqz_status y4m_writer_open(image_writer **out, sink *to, image_format format, const vqz_image_info *info,
                                  const image_config *config, vqz_error *e) {
    (void)format;
    y4m_writer *w = calloc(1, sizeof *w);
    if (!w) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    w->base = (image_writer){
        .ops = &image_y4m_writer, .out = to, .width = info->width, .height = info->height, .layout = info->layout};
    w->m = matrix_of(config->matrix, info->width, info->height, false);
    const bool color = info->layout >= VQZ_RGB;
    vqz_status s = image_alloc(&w->luma, 1, info->width, config, e);
    if (s == VQZ_OK && color) s = image_alloc(&w->u, info->height, info->width, config, e);
    if (s == VQZ_OK && color) s = image_alloc(&w->v, info->height, info->width, config, e);
    if (s != VQZ_OK) {
        y4m_writer_close(&w->base);
        return s;
    }
    if (info->layout == VQZ_GRAYA || info->layout == VQZ_RGBA)
        snprintf(w->base.note, sizeof w->base.note, "alpha left out; .pam and .png keep it");
    char head[128];
    const vqz_timing rate = config->timing.timebase_den ? config->timing : (vqz_timing){1, 25, 0};
    if (!to->written) {
        snprintf(head, sizeof head, "YUV4MPEG2 W%u H%u F%u:%u Ip A1:1 C%s XCOLORRANGE=LIMITED\n", info->width, info->height, rate.timebase_den,
                 rate.timebase_num, color ? "444" : "mono");
        sink_write(to, head, strlen(head));
    }
    sink_write(to, "FRAME\n", 6);
    *out = &w->base;
    return VQZ_OK;
}

static void write_pixel(y4m_writer *w, uint32_t x, const uint8_t *p, bool color) {
    const matrix *m = &w->m;
    int64_t r = p[0], g = color ? p[1] : r, b = color ? p[2] : r,
            l = m->kr * r + m->kg * g + m->kb * b; /* luma in 1/10000 */
    w->luma[x] = clamp_byte(m->y_offset + divide_round(l * m->y_range, 2550000));
    if (!color) return;
    size_t at = (size_t)w->y * w->base.width + x;
    w->u[at] = clamp_byte(128 + divide_round((10000 * b - l) * m->c_range, 255 * 2 * (10000 - m->kb)));
    w->v[at] = clamp_byte(128 + divide_round((10000 * r - l) * m->c_range, 255 * 2 * (10000 - m->kr)));
}

static vqz_status y4m_writer_rows(image_writer *base, const image_rows *rows, vqz_error *e) {
    y4m_writer *w = (y4m_writer *)base;
    for (uint32_t i = 0; i < rows->count; i++, w->y++) {
        const uint8_t *p = rows->pixels + (ptrdiff_t)i * rows->stride;
        for (uint32_t x = 0; x < base->width; x++)
            write_pixel(w, x, p + (size_t)x * (size_t)base->layout, base->layout >= VQZ_RGB);
        if (!sink_write(base->out, w->luma, base->width)) return sink_failed(base->out, e);
    }
    return VQZ_OK;
}

static vqz_status y4m_writer_finish(image_writer *base, vqz_error *e) {
    y4m_writer *w = (y4m_writer *)base;
    const size_t plane = (size_t)base->width * base->height;
    if (w->u && (!sink_write(base->out, w->u, plane) || !sink_write(base->out, w->v, plane)))
        return sink_failed(base->out, e);
    return base->out->error ? sink_failed(base->out, e) : VQZ_OK;
}

const image_writer_ops image_y4m_writer = {y4m_writer_open, y4m_writer_rows, y4m_writer_finish, y4m_writer_close};
