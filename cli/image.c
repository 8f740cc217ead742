#include "cli/image.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- readers ---- */
static const image_reader_ops *const readers[] = {&image_vqz_reader, &image_png_reader, &image_jpeg_reader,
                                                  &image_pnm_reader, &image_y4m_reader, &image_webp_reader,
                                                  &image_tiff_reader, &image_heif_reader};

vqz_status image_reader_open_as(const image_reader_ops *ops, image_reader **out, source *in, const image_config *config, vqz_error *e) {
    if (!ops->open) return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "this vqz was built without the library for WebP, TIFF, HEIC or AVIF files that this one needs");
    if (ops->library) {
        const vqz_status s = lazy_load(ops->library, e);
        if (s != VQZ_OK) return s;
    }
    image_reader *r = calloc(1, ops->size);
    if (!r) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    r->ops = ops;
    r->in = in;
    const vqz_status s = ops->open(r, config, e);
    if (s == VQZ_OK) *out = r;
    else ops->close(r);
    return s;
}

vqz_status image_reader_open(image_reader **r, source *in, const image_config *config, vqz_error *e) {
    *r = NULL;
    size_t n = source_peek(in, 16);
    if (in->error) return source_short(in, e);
    if (n == 0) return cli_fail(e, VQZ_ERR_TRUNCATED, NO_OFFSET, "is empty");
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (readers[i]->probe(in->data + in->pos, n)) return image_reader_open_as(readers[i], r, in, config, e);
    return cli_fail(e, VQZ_ERR_SIGNATURE, 0, "not a vqz, PNG, JPEG, PNM, y4m, WebP, TIFF, HEIC or AVIF file");
}

void image_readers_prepare(void) {
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (readers[i]->library) {
            vqz_error e;
            lazy_load(readers[i]->library, &e);      /* if not, opening a file will say so */
        }
}

vqz_status image_reader_go_on(image_reader *r, vqz_error *e) {
    bool first = !r->begun;
    r->begun = true;
    return r->go_on ? r->go_on(r, e) : first ? VQZ_OK : VQZ_END;
}

vqz_status image_reader_next(image_reader *r, image_rows *rows, vqz_error *e) { return r->ops->next(r, rows, e); }

void image_reader_close(image_reader *r) {
    if (r) r->ops->close(r);
}

vqz_status image_check_size(uint64_t width, uint64_t height, const image_config *config, vqz_error *e) {
    if (!width || !height)
        return cli_fail(e, VQZ_ERR_CORRUPT, NO_OFFSET, "the picture is %llux%llu pixels: empty",
                        (unsigned long long)width, (unsigned long long)height);
    if (width > VQZ_MAX_SIDE || height > VQZ_MAX_SIDE)
        return cli_fail(e, VQZ_ERR_LIMIT, NO_OFFSET, "the picture is %llux%llu pixels: a side may have %u at most",
                    (unsigned long long)width, (unsigned long long)height, VQZ_MAX_SIDE);
    if (width * height > config->settings.max_pixels)
        return cli_fail(e, VQZ_ERR_LIMIT, NO_OFFSET, "the picture is %llux%llu pixels: more than --max-pixels %llu",
                        (unsigned long long)width, (unsigned long long)height,
                        (unsigned long long)config->settings.max_pixels);
    return VQZ_OK;
}

vqz_status image_alloc(uint8_t **p, uint64_t height, uint64_t stride, const image_config *config, vqz_error *e) {
    uint64_t bytes;
    *p = NULL;
    if (__builtin_mul_overflow(height, stride, &bytes) || bytes > config->settings.max_memory || bytes > SIZE_MAX / 2)
        return cli_fail(e, VQZ_ERR_LIMIT, NO_OFFSET, "%llu rows of %llu bytes need more than --memory %llu",
                        (unsigned long long)height, (unsigned long long)stride,
                        (unsigned long long)config->settings.max_memory);
    *p = malloc(bytes ? (size_t)bytes : 1);
    return *p ? VQZ_OK : cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory (%llu bytes)", (unsigned long long)bytes);
}

void image_note(image_reader *r, const char *text) {
    size_t used = strlen(r->note);
    snprintf(r->note + used, sizeof r->note - used, "%s%s", used ? "; " : "", text);
}

void image_note_loss(image_reader *r, const char *text) {
    image_note(r, text);
    r->loss = true;
}

void image_note_whole(image_reader *r, const char *why) {
    enum { SMALL = 1 << 22 };
    char text[96];
    if ((uint64_t)r->info.width * r->info.height <= SMALL) return;
    snprintf(text, sizeof text, "%s: the whole picture is held in memory", why);
    image_note(r, text);
}

/* ---- writers ---- */
static const struct { const char *name; image_format format; const image_writer_ops *ops; } formats[] = {
    {"png", FORMAT_PNG, &image_png_writer}, {"ppm", FORMAT_PPM, &image_pnm_writer},
    {"pgm", FORMAT_PGM, &image_pnm_writer}, {"pnm", FORMAT_PNM, &image_pnm_writer},
    {"pam", FORMAT_PAM, &image_pnm_writer}, {"y4m", FORMAT_Y4M, &image_y4m_writer},
    {"nut", FORMAT_NUT, &image_nut_writer},
};
enum { FORMAT_COUNT = sizeof formats / sizeof *formats };

bool image_format_moves(image_format f) { return f != FORMAT_PNG; }

image_format image_format_of(const char *name) {
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (strcasecmp(name, formats[i].name) == 0) return formats[i].format;
    return FORMAT_NONE;
}

const char *image_format_name(uint32_t i) { return i < FORMAT_COUNT ? formats[i].name : NULL; }

image_format image_format_of_path(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot && !strchr(dot, '/') ? image_format_of(dot + 1) : FORMAT_NONE;
}

const char *image_format_extension(image_format f) {
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (formats[i].format == f) return formats[i].name;
    return "";
}

vqz_status image_writer_open(image_writer **w, sink *out, image_format format, const vqz_image_info *info,
                             const image_config *config, vqz_error *e) {
    *w = NULL;
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (formats[i].format == format) return formats[i].ops->open(w, out, format, info, config, e);
    return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "unknown output format");
}

vqz_status image_writer_rows(image_writer *w, const image_rows *rows, vqz_error *e) { return w->ops->rows(w, rows, e); }
vqz_status image_writer_finish(image_writer *w, vqz_error *e) { return w->ops->finish(w, e); }

void image_writer_close(image_writer *w) {
    if (w) w->ops->close(w);
}

void image_convert_row(uint8_t *dst, vqz_layout to, const uint8_t *src, vqz_layout from, uint32_t width) {
    bool from_color = from >= VQZ_RGB, from_alpha = from == VQZ_GRAYA || from == VQZ_RGBA;
    bool to_color = to >= VQZ_RGB, to_alpha = to == VQZ_GRAYA || to == VQZ_RGBA;
    if (from == to) {
        memcpy(dst, src, (size_t)width * (size_t)to);
        return;
    }
    for (uint32_t x = 0; x < width; x++, src += from, dst += to) {
        uint8_t r = src[0], g = from_color ? src[1] : r, b = from_color ? src[2] : r;
        if (to_color) {
            dst[0] = r;
            dst[1] = g;
            dst[2] = b;
        } else {
            dst[0] = (uint8_t)((r + 2 * g + b + 2) >> 2);
        }
        if (to_alpha) dst[to - 1] = from_alpha ? src[from - 1] : 255;
    }
}

/* ---- whole pictures ---- */
vqz_status image_load(image *im, image_reader *r, const image_config *config, vqz_error *e) {
    *im = (image){.info = r->info, .stride = (size_t)r->info.width * (size_t)r->info.layout};
    vqz_status s = image_alloc(&im->pixels, r->info.height, im->stride, config, e);
    uint32_t y = 0;
    while (s == VQZ_OK) {
        image_rows rows;
        s = image_reader_next(r, &rows, e);
        if (s != VQZ_OK) break;
        if (rows.count > im->info.height - y)
            s = cli_fail(e, VQZ_ERR_INTERNAL, NO_OFFSET, "the reader gave too many rows");
        else
            for (uint32_t i = 0; i < rows.count; i++, y++)
                memcpy(im->pixels + y * im->stride, rows.pixels + (ptrdiff_t)i * rows.stride, im->stride);
    }
    if (s == VQZ_END && y != im->info.height)
        s = cli_fail(e, VQZ_ERR_INTERNAL, NO_OFFSET, "the reader gave %u of %u rows", y, im->info.height);
    if (s == VQZ_END) return VQZ_OK;
    image_free(im);
    return s;
}

vqz_status image_to_rgb(image *im, vqz_error *e) {
    const vqz_layout from = im->info.layout;
    const size_t count = (size_t)im->info.width * im->info.height;
    if (from == VQZ_RGB) return VQZ_OK;
    uint8_t *rgb = malloc(count * 3);
    if (!rgb) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory (%zu bytes)", count * 3);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *s = im->pixels + i * (size_t)from;
        unsigned a = from == VQZ_GRAYA ? s[1] : from == VQZ_RGBA ? s[3] : 255;
        for (unsigned c = 0; c < 3; c++)
            rgb[i * 3 + c] = (uint8_t)((s[from == VQZ_RGBA ? c : 0] * a + 128 * (255 - a) + 127) / 255);
    }
    free(im->pixels);
    im->pixels = rgb;
    im->info.layout = VQZ_RGB;
    im->stride = (size_t)im->info.width * 3;
    return VQZ_OK;
}

void image_free(image *im) {
    free(im->pixels);
    *im = (image){0};
}
