/* y4m: 8-bit 4:4:4, 4:2:2, 4:2:0 and mono are read, 4:4:4 and mono are written. */
#include "cli/image_yuv.h"
#include <stdlib.h>
#include <string.h>

/* ---- reader ---- */
typedef struct y4m_reader {
    image_reader base;
    uint8_t *planes, *row;
    size_t bytes;                /* of a frame's planes */
    bool waiting;                /* the first frame has been read, and is not begun */
    uint32_t y;
    yuv_kind kind;
    yuv_to_rgb colour;
    yuv_planes at;
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
            r->kind.half_x = kinds[i].half_x;
            r->kind.half_y = kinds[i].half_y;
            r->kind.centre_x = kinds[i].centre_x;
            r->kind.centre_y = kinds[i].centre_y;
            r->kind.mono = kinds[i].mono;
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

static vqz_status y4m_open(image_reader *base, const image_config *config, vqz_error *e) {
    y4m_reader *r = (y4m_reader *)base;
    source *in = base->in;
    char line[1024], *save = NULL;
    uint64_t width = 0, height = 0;
    bool known = set_sampling(r, "420");
    r->kind.depth = 8;
    r->base.timing = (vqz_timing){1, 25, 0};
    if (!read_line(in, line, sizeof line))
        return cli_fail(e, VQZ_ERR_CORRUPT, source_offset(in), "bad y4m header: its line does not end");
    for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        if (*word == 'W') width = strtoull(word + 1, NULL, 10);
        if (*word == 'H') height = strtoull(word + 1, NULL, 10);
        if (*word == 'F') set_rate(r, word + 1);
        if (*word == 'C') known = set_sampling(r, word + 1);
        if (strcmp(word, "XCOLORRANGE=FULL") == 0) r->kind.full = true;
        if (!known)
            return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET,
                            "y4m sampling %.20s is not supported (8-bit 444, 422, 420 and mono are)", word + 1);
    }
    vqz_status s = image_check_size(width, height, config, e);
    if (s != VQZ_OK) return s;
    r->base.info =
        (vqz_image_info){.width = (uint32_t)width, .height = (uint32_t)height, .layout = yuv_layout(&r->kind)};
    const size_t luma = (size_t)width * (size_t)height;
    const uint32_t chroma_width = yuv_chroma_side((uint32_t)width, r->kind.half_x);
    const size_t chroma = r->kind.mono ? 0 : (size_t)chroma_width * yuv_chroma_side((uint32_t)height, r->kind.half_y);
    const uint64_t bytes = (uint64_t)luma + 2 * (uint64_t)chroma;
    if ((s = image_alloc(&r->planes, 1, bytes, config, e)) != VQZ_OK) return s;
    if ((s = image_alloc(&r->row, 1, width * (uint64_t)r->base.info.layout, config, e)) != VQZ_OK) return s;
    r->bytes = (size_t)bytes;
    if ((s = read_frame(r, e)) != VQZ_OK) return s == VQZ_END ? source_short(in, e) : s;
    image_note_whole(&r->base, "planes one after the other");
    r->waiting = true;
    r->base.moving = in->pos < in->end || source_fill(in);
    r->base.go_on = y4m_go_on;
    if (config->timing.timebase_den) r->base.timing = config->timing;
    r->at = (yuv_planes){.data = {r->planes, r->planes + luma, r->planes + luma + chroma},
                         .stride = {(ptrdiff_t)width, (ptrdiff_t)chroma_width, (ptrdiff_t)chroma_width},
                         .width = (uint32_t)width,
                         .height = (uint32_t)height};
    yuv_set_matrix(&r->kind, config->matrix, (uint32_t)width, (uint32_t)height);
    r->colour = yuv_to_rgb_of(&r->kind);
    return VQZ_OK;
}

static vqz_status y4m_next(image_reader *base, image_rows *rows, vqz_error *e) {
    (void)e;
    y4m_reader *r = (y4m_reader *)base;
    if (r->y == base->info.height) return VQZ_END;
    yuv_read_row(&r->colour, &r->at, r->y++, r->row);
    *rows = (image_rows){r->row, (ptrdiff_t)base->info.width * (ptrdiff_t)base->info.layout, 1};
    return VQZ_OK;
}

const image_reader_ops image_y4m_reader = {"y4m", sizeof(y4m_reader), y4m_probe, y4m_open, y4m_next, y4m_close, NULL};

/* ---- writer: limited range. Planes follow each other, so chroma waits in memory ---- */
typedef struct y4m_writer {
    image_writer base;
    yuv_kind kind;
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
    const bool color = info->layout >= VQZ_RGB;
    w->kind = (yuv_kind){.depth = 8, .mono = !color};
    yuv_set_matrix(&w->kind, config->matrix, info->width, info->height);
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

static vqz_status y4m_writer_rows(image_writer *base, const image_rows *rows, vqz_error *e) {
    y4m_writer *w = (y4m_writer *)base;
    const ptrdiff_t width = (ptrdiff_t)base->width;
    for (uint32_t i = 0; i < rows->count; i++, w->y++) {
        const image_rows one = {rows->pixels + (ptrdiff_t)i * rows->stride, rows->stride, 1};
        const ptrdiff_t at = (ptrdiff_t)w->y * width;
        yuv_write_rows(&w->kind, &one, base->layout, base->width, (uint8_t *const[3]){w->luma, w->u ? w->u + at : NULL, w->v ? w->v + at : NULL},
                       (const ptrdiff_t[3]){width, width, width});
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
