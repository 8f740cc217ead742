/* PNG reader: every bit depth, palette, interlacing; 16 bits are reduced to 8. */
#include "cli/image.h"
#include "cli/image_png.h"
#include <setjmp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is more than a vqz file could hold is refused early: a chunk, and all that libpng keeps at once. */
enum { CHUNK_LIMIT = 8 << 20, CHUNKS_KEPT = 32, LIBPNG_MEMORY = 64 << 20 };

typedef struct png_reader {
    image_reader base;
    png_memory memory;
    png_structp png;
    png_infop png_info;
    vqz_error error;             /* of the call that longjmp left */
    char warning[96];            /* the last one: libpng gives the reason of an error as a warning before it */
    char left_out[96];           /* the last one about a chunk of metadata */
    uint8_t *rows;
    size_t stride;
    uint32_t y, batch;           /* rows delivered; rows that `rows` holds */
    bool whole;                  /* `rows` holds the picture */
} png_reader;

static bool png_probe(const uint8_t *p, size_t n) { return n >= 8 && png_sig_cmp(p, 0, 8) == 0; }

/* The size stands before each block. */
typedef union png_block { size_t size; max_align_t align; } png_block;

png_voidp png_get_memory(png_structp png, png_alloc_size_t size) {
    png_memory *m = png_get_mem_ptr(png);
    const bool room = size <= m->limit - m->used;
    png_block *b = room ? malloc(sizeof *b + size) : NULL;
    if (!b) {
        if (m->failed == VQZ_OK) m->failed = room ? VQZ_ERR_MEMORY : VQZ_ERR_LIMIT;
        return NULL;
    }
    b->size = size;
    m->used += size;
    return b + 1;
}

void png_drop_memory(png_structp png, png_voidp p) {
    png_memory *m = png_get_mem_ptr(png);
    if (!p) return;
    png_block *b = (png_block *)p - 1;
    m->used -= b->size;
    free(b);
}

vqz_status png_memory_failed(const png_memory *m, vqz_error *e) {
    if (m->failed == VQZ_ERR_LIMIT)
        cli_fail(e, VQZ_ERR_LIMIT, NO_OFFSET, "libpng needs more than %llu bytes beside the picture", (unsigned long long)m->limit);
    else if (m->failed != VQZ_OK) cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    return m->failed;
}

static void png_failed(png_structp png, png_const_charp text) {
    png_reader *r = png_get_error_ptr(png);
    if (r->error.status == VQZ_OK && png_memory_failed(&r->memory, &r->error) == VQZ_OK)
        cli_fail(&r->error, VQZ_ERR_CORRUPT, source_offset(r->base.in), "bad PNG: %s%s%s%s", text,
                 r->warning[0] ? " (" : "", r->warning, r->warning[0] ? ")" : "");
    png_longjmp(png, 1);
}

static const char *const metadata_chunks[] = {"iCCP", "eXIf", "iTXt", NULL};

static void png_warned(png_structp png, png_const_charp text) {
    png_reader *r = png_get_error_ptr(png);
    snprintf(r->warning, sizeof r->warning, "%s", text);
    for (const char *const *c = metadata_chunks; *c; c++)
        if (strncmp(text, *c, 4) == 0) snprintf(r->left_out, sizeof r->left_out, "%s", text);
}

static void png_take(png_structp png, png_bytep to, size_t n) {
    png_reader *r = png_get_io_ptr(png);
    if (source_read(r->base.in, to, n) == n) return;
    source_short(r->base.in, &r->error);
    png_error(png, "short read");
}

static void png_close(image_reader *base) {
    png_reader *r = (png_reader *)base;
    png_destroy_read_struct(&r->png, &r->png_info, NULL);
    free(r->rows);
    free(r);
}

/* EXIF and XMP may stand behind the pixels. The encoder wants them first: such a picture is read as a whole. */
static bool metadata_may_be_late(const source *in) {
    uint64_t at = 8;
    bool pixels_seen = false;
    if (!in->regular) return true;
    for (unsigned chunks = 0; chunks < 1000000; chunks++) {
        uint8_t head[8];
        if (pread(in->fd, head, 8, (off_t)at) != 8) return false;
        if (memcmp(head + 4, "IDAT", 4) == 0) pixels_seen = true;
        else if (memcmp(head + 4, "IEND", 4) == 0) return false;
        else if (pixels_seen && (memcmp(head + 4, "eXIf", 4) == 0 || memcmp(head + 4, "iTXt", 4) == 0)) return true;
        at += 12 + ((uint64_t)head[0] << 24 | (uint64_t)head[1] << 16 | (uint64_t)head[2] << 8 | head[3]);
    }
    return true;
}

static void collect_metadata(png_reader *r) {
    vqz_image_info *info = &r->base.info;
    png_charp name;
    png_bytep blob;
    png_uint_32 size;
    int method;
    if (png_get_iCCP(r->png, r->png_info, &name, &method, &blob, &size) & PNG_INFO_iCCP) {
        info->meta.icc = blob;
        info->meta.icc_size = size;
    }
    if (png_get_eXIf_1(r->png, r->png_info, &size, &blob) & PNG_INFO_eXIf) {
        info->meta.exif = blob;
        info->meta.exif_size = size;
    }
    png_textp text;
    int count = 0;
    png_get_text(r->png, r->png_info, &text, &count);
    for (int i = 0; i < count; i++)
        if (strcmp(text[i].key, PNG_XMP_KEY) == 0 && !info->meta.xmp) {
            info->meta.xmp = (const uint8_t *)text[i].text;
            info->meta.xmp_size = text[i].itxt_length;
        }
    const void *const kept[] = {info->meta.icc, info->meta.exif, info->meta.xmp};
    for (int i = 0; metadata_chunks[i]; i++)
        if (strncmp(r->left_out, metadata_chunks[i], 4) == 0 && !kept[i]) {
            char note[112];
            snprintf(note, sizeof note, "left out: %s", r->left_out);
            image_note_loss(&r->base, note);
        }
#ifdef PNG_cICP_SUPPORTED
    png_get_cICP(r->png, r->png_info, &info->cicp[0], &info->cicp[1], &info->cicp[2], &info->cicp[3]);
#endif
    png_unknown_chunkp unknown;
    int unknowns = png_get_unknown_chunks(r->png, r->png_info, &unknown);
    for (int i = 0; i < unknowns; i++) {
        if (memcmp(unknown[i].name, "cICP", 4) == 0 && unknown[i].size == 4) memcpy(info->cicp, unknown[i].data, 4);
        if (memcmp(unknown[i].name, "acTL", 4) == 0) image_note_loss(&r->base, "its animation is left out");
    }
    double gamma;
    int intent;
    if (!info->meta.icc && !info->cicp[0] && !png_get_sRGB(r->png, r->png_info, &intent) &&
        png_get_gAMA(r->png, r->png_info, &gamma) && (gamma < 0.44 || gamma > 0.47))
        image_note_loss(&r->base, "its gamma is not carried");
}

/* Everything becomes 8-bit gray, gray+alpha, RGB or RGBA. */
static void set_transforms(png_reader *r) {
    int depth = png_get_bit_depth(r->png, r->png_info), type = png_get_color_type(r->png, r->png_info);
    if (depth == 16) {
        png_set_scale_16(r->png);
        image_note_loss(&r->base, "16-bit samples reduced to 8");
    }
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(r->png);
    if (depth < 8) png_set_expand_gray_1_2_4_to_8(r->png);
    if (png_get_valid(r->png, r->png_info, PNG_INFO_tRNS)) png_set_tRNS_to_alpha(r->png);
}

static void read_rows(png_reader *r, uint32_t first, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) png_read_row(r->png, r->rows + (size_t)(first + i) * r->stride, NULL);
}

/* Chunks that libpng would parse and keep for nobody; text chunks can grow a thousandfold. XMP stands in iTXt. */
static const png_byte unwanted[] = "tEXt\0zTXt\0sPLT\0hIST\0pCAL\0sCAL\0pHYs\0oFFs\0tIME\0bKGD\0sBIT\0cHRM";

static vqz_status open_steps(png_reader *r, const image_config *config, vqz_error *e) {
    if (setjmp(png_jmpbuf(r->png))) {
        *e = r->error;
        return e->status;
    }
    bool late = metadata_may_be_late(r->base.in);
    png_set_read_fn(r->png, r, png_take);
    png_set_user_limits(r->png, VQZ_MAX_SIDE, VQZ_MAX_SIDE);
    png_set_chunk_malloc_max(r->png, CHUNK_LIMIT);
    png_set_chunk_cache_max(r->png, CHUNKS_KEPT);
    png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, unwanted, sizeof unwanted / 5);
#ifdef PNG_cICP_SUPPORTED
    enum { KEPT = 1 };
#else
    enum { KEPT = 2 };
#endif
    png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_ALWAYS, (png_const_bytep)"acTL\0cICP", KEPT);
    png_read_info(r->png, r->png_info);
    uint32_t width = png_get_image_width(r->png, r->png_info), height = png_get_image_height(r->png, r->png_info);
    vqz_status s = image_check_size(width, height, config, e);
    if (s != VQZ_OK) return s;
    set_transforms(r);
    int passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->png_info);
    r->base.info.width = width;
    r->base.info.height = height;
    r->base.info.layout = (vqz_layout)png_get_channels(r->png, r->png_info);
    r->stride = png_get_rowbytes(r->png, r->png_info);
    if (r->stride != (size_t)width * (size_t)r->base.info.layout)
        return cli_fail(e, VQZ_ERR_INTERNAL, NO_OFFSET, "libpng rows have an unexpected size");
    r->whole = late || passes > 1;
    if (r->whole) image_note_whole(&r->base, passes > 1 ? "interlaced" : r->base.in->regular ? "metadata behind the pixels" : "PNG from a pipe");
    r->batch = r->whole ? height : (uint32_t)(65536 / r->stride + 1);
    s = image_alloc(&r->rows, r->batch, r->stride, config, e);
    if (s != VQZ_OK) return s;
    if (r->whole) {
        for (int pass = 0; pass < passes; pass++) read_rows(r, 0, height);
        png_read_end(r->png, r->png_info);
    }
    if (png_memory_failed(&r->memory, e) != VQZ_OK) return e->status;
    collect_metadata(r);
    return VQZ_OK;
}

static vqz_status png_open(image_reader *base, const image_config *config, vqz_error *e) {
    png_reader *r = (png_reader *)base;
    r->memory.limit = config->settings.max_memory < LIBPNG_MEMORY ? config->settings.max_memory : LIBPNG_MEMORY;
    r->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, r, png_failed, png_warned, &r->memory, png_get_memory, png_drop_memory);
    r->png_info = r->png ? png_create_info_struct(r->png) : NULL;
    return r->png_info ? open_steps(r, config, e) : png_memory_failed(&r->memory, e);
}

static vqz_status png_next(image_reader *base, image_rows *rows, vqz_error *e) {
    png_reader *r = (png_reader *)base;
    const uint32_t left = base->info.height - r->y;
    if (!left) return VQZ_END;
    if (setjmp(png_jmpbuf(r->png))) {
        *e = r->error;
        return e->status;
    }
    uint32_t count = left < r->batch ? left : r->batch;
    if (!r->whole) {
        read_rows(r, 0, count);
        if (count == left) png_read_end(r->png, NULL);
    }
    r->y += count;
    *rows = (image_rows){r->rows, (ptrdiff_t)r->stride, count};
    return VQZ_OK;
}

const image_reader_ops image_png_reader = {"PNG", sizeof(png_reader), png_probe, png_open, png_next, png_close, NULL};
