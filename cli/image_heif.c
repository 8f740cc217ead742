/* HEIF reader (HEIC, AVIF), with libheif: the primary picture, turned and cropped as the file says. */
#include "cli/image.h"
#include "cli/orientation.h"
#include <stdlib.h>
#include <string.h>

static bool heif_probe(const uint8_t *p, size_t n) {
    static const char brands[][5] = {"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "avif", "avis"};
    if (n < 12 || memcmp(p + 4, "ftyp", 4) != 0) return false;
    for (size_t i = 0; i < sizeof brands / sizeof *brands; i++)
        if (memcmp(p + 8, brands[i], 4) == 0) return true;
    return false;
}

#ifdef VQZ_HAVE_HEIF
#include <libheif/heif.h>

#define HEIF_FUNCTIONS(X)                                                                                                                                  \
    X(heif_init) X(heif_context_alloc) X(heif_context_free) X(heif_context_read_from_memory_without_copy) X(heif_context_set_maximum_image_size_limit) \
    X(heif_context_set_max_decoding_threads) X(heif_context_get_primary_image_handle) X(heif_context_get_number_of_top_level_images)                  \
    X(heif_image_handle_release) X(heif_image_handle_get_width) X(heif_image_handle_get_height) X(heif_image_handle_has_alpha_channel)               \
    X(heif_image_handle_is_premultiplied_alpha) X(heif_image_handle_get_luma_bits_per_pixel) X(heif_image_handle_has_depth_image)                    \
    X(heif_image_handle_get_list_of_metadata_block_IDs) X(heif_image_handle_get_metadata_type) X(heif_image_handle_get_metadata_content_type)        \
    X(heif_image_handle_get_metadata_size) X(heif_image_handle_get_metadata) X(heif_image_handle_get_raw_color_profile_size)                         \
    X(heif_image_handle_get_raw_color_profile) X(heif_image_handle_get_nclx_color_profile) X(heif_nclx_color_profile_free) X(heif_decode_image)      \
    X(heif_image_get_width) X(heif_image_get_height) X(heif_image_get_plane_readonly) X(heif_image_release)
HEIF_FUNCTIONS(LAZY_POINTER)
static const lazy_symbol heif_symbols[] = {HEIF_FUNCTIONS(LAZY_SYMBOL)};

static void heif_ready(void) { heif_init_(NULL); }       /* its plug-ins, before a sandbox closes */

static lazy_library heif_library = {.name = LAZY_NAME(VQZ_HEIF_LIBRARY), .needed_for = "HEIF and AVIF", .symbols = heif_symbols, .count = sizeof heif_symbols / sizeof *heif_symbols, .ready = heif_ready};

enum { HEIF_METADATA = 4 << 20 };        /* what a .vqz can hold */

typedef struct heif_picture {
    image_reader base;
    uint8_t *file;
    size_t size;
    struct heif_context *context;
    struct heif_image_handle *handle;
    struct heif_image *image;
    const uint8_t *pixels;
    uint8_t *row;                /* of a picture whose colours are multiplied by alpha */
    int stride;
    uint8_t *icc, *exif, *xmp;
    uint32_t y;
} heif_picture;

static void heif_close(image_reader *base) {
    heif_picture *r = (heif_picture *)base;
    if (r->image) heif_image_release_(r->image);
    if (r->handle) heif_image_handle_release_(r->handle);
    if (r->context) heif_context_free_(r->context);
    free(r->row);
    free(r->icc);
    free(r->exif);
    free(r->xmp);
    free(r->file);
    free(r);
}

static vqz_status heif_bad(struct heif_error why, vqz_error *e) {
    if (why.code == heif_error_Memory_allocation_error) return cli_fail(e, VQZ_ERR_LIMIT, NO_OFFSET, "libheif refuses to take so much memory: %.120s", why.message);
    const bool unsupported = why.code == heif_error_Unsupported_feature || why.code == heif_error_Unsupported_filetype;
    return cli_fail(e, unsupported ? VQZ_ERR_UNSUPPORTED : VQZ_ERR_CORRUPT, NO_OFFSET, "%s HEIF: %.140s", unsupported ? "unsupported" : "bad", why.message);
}

/* A block of metadata, which the reader keeps; *size 0: it is not kept. */
static uint8_t *heif_block(const heif_picture *r, heif_item_id id, size_t *size) {
    *size = heif_image_handle_get_metadata_size_(r->handle, id);
    uint8_t *data = *size && *size <= HEIF_METADATA + 4 ? malloc(*size) : NULL;
    if (data && heif_image_handle_get_metadata_(r->handle, id, data).code == heif_error_Ok) return data;
    free(data);
    *size = 0;
    return NULL;
}

static void heif_blocks(heif_picture *r) {
    enum { MOST = 16 };
    heif_item_id ids[MOST];
    vqz_metadata *m = &r->base.info.meta;
    const int count = heif_image_handle_get_list_of_metadata_block_IDs_(r->handle, NULL, ids, MOST);
    for (int i = 0; i < count; i++) {
        const char *type = heif_image_handle_get_metadata_type_(r->handle, ids[i]), *content = heif_image_handle_get_metadata_content_type_(r->handle, ids[i]);
        size_t size;
        if (strcmp(type, "Exif") == 0 && !r->exif && (r->exif = heif_block(r, ids[i], &size)) && size > 4) {
            const uint64_t skip = 4 + ((uint64_t)r->exif[0] << 24 | (uint64_t)r->exif[1] << 16 | (uint64_t)r->exif[2] << 8 | r->exif[3]);
            if (skip < size) {                   /* the TIFF header's place stands before */
                m->exif = r->exif + skip;
                m->exif_size = size - (size_t)skip;
                exif_set_orientation(r->exif + skip, m->exif_size, 1);   /* the file itself says how it is turned, and libheif has done so */
            }
        } else if (strcmp(type, "mime") == 0 && content && strcmp(content, "application/rdf+xml") == 0 && !r->xmp && (r->xmp = heif_block(r, ids[i], &size))) {
            m->xmp = r->xmp;
            m->xmp_size = size;
        }
    }
}

static void heif_colour(heif_picture *r) {
    vqz_image_info *info = &r->base.info;
    const size_t size = heif_image_handle_get_raw_color_profile_size_(r->handle);
    struct heif_color_profile_nclx *nclx = NULL;
    r->icc = size && size <= HEIF_METADATA ? malloc(size) : NULL;
    if (r->icc && heif_image_handle_get_raw_color_profile_(r->handle, r->icc).code == heif_error_Ok) {
        info->meta.icc = r->icc;
        info->meta.icc_size = size;
    }
    if (heif_image_handle_get_nclx_color_profile_(r->handle, &nclx).code != heif_error_Ok || !nclx) return;
    if (nclx->color_primaries != heif_color_primaries_unspecified && nclx->transfer_characteristics != heif_transfer_characteristic_unspecified) {
        info->cicp[0] = (uint8_t)nclx->color_primaries;
        info->cicp[1] = (uint8_t)nclx->transfer_characteristics;
        info->cicp[3] = 1;                       /* what comes out is RGB, full range */
    }
    heif_nclx_color_profile_free_(nclx);
}

static void heif_losses(heif_picture *r) {
    const int bits = heif_image_handle_get_luma_bits_per_pixel_(r->handle);
    char text[64];
    if (bits > 8) {
        snprintf(text, sizeof text, "%d-bit samples reduced to 8", bits);
        image_note_loss(&r->base, text);
    }
    if (heif_context_get_number_of_top_level_images_(r->context) > 1) image_note_loss(&r->base, "the primary one of several pictures");
    if (memcmp(r->file + 8, "avis", 4) == 0 || memcmp(r->file + 8, "msf1", 4) == 0) image_note_loss(&r->base, "its sequence of pictures is left out");
    if (heif_image_handle_has_depth_image_(r->handle)) image_note_loss(&r->base, "its depth map is left out");
}

static vqz_status heif_pixels(heif_picture *r, const image_config *config, vqz_error *e) {
    vqz_image_info *info = &r->base.info;
    const bool alpha = heif_image_handle_has_alpha_channel_(r->handle) != 0;
    const struct heif_error why = heif_decode_image_(r->handle, &r->image, heif_colorspace_RGB, alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB, NULL);
    if (why.code != heif_error_Ok) return heif_bad(why, e);
    r->pixels = heif_image_get_plane_readonly_(r->image, heif_channel_interleaved, &r->stride);
    const int w = heif_image_get_width_(r->image, heif_channel_interleaved), h = heif_image_get_height_(r->image, heif_channel_interleaved);
    info->layout = alpha ? VQZ_RGBA : VQZ_RGB;
    if (!r->pixels || w <= 0 || h <= 0 || r->stride < w * (int)info->layout) return cli_fail(e, VQZ_ERR_CORRUPT, NO_OFFSET, "bad HEIF: it has no pixels");
    info->width = (uint32_t)w;
    info->height = (uint32_t)h;
    const vqz_status s = image_check_size(info->width, info->height, config, e);
    return s == VQZ_OK && alpha && heif_image_handle_is_premultiplied_alpha_(r->handle) ? image_alloc(&r->row, 1, (uint64_t)info->width * 4, config, e) : s;
}

/* The side of a square of as many pixels as a picture may have: what libheif holds against every picture of a file, those that others are put together from included. */
static int largest_side(const vqz_settings *s) {
    const uint64_t room = s->max_memory / 8, most = s->max_pixels < room ? s->max_pixels : room;
    uint64_t side = 1;
    while (side < VQZ_MAX_SIDE && side * side < most) side++;
    return (int)side;
}

static vqz_status heif_open(image_reader *base, const image_config *config, vqz_error *e) {
    heif_picture *r = (heif_picture *)base;
    vqz_status s = source_read_all(r->base.in, &r->file, &r->size, config->settings.max_memory, e);
    if (s != VQZ_OK) return s;
    r->context = heif_context_alloc_();
    if (!r->context) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    heif_context_set_maximum_image_size_limit_(r->context, largest_side(&config->settings));
    heif_context_set_max_decoding_threads_(r->context, 0);
    struct heif_error why = heif_context_read_from_memory_without_copy_(r->context, r->file, r->size, NULL);
    if (why.code == heif_error_Ok) why = heif_context_get_primary_image_handle_(r->context, &r->handle);
    if (why.code != heif_error_Ok) return heif_bad(why, e);
    const int w = heif_image_handle_get_width_(r->handle), h = heif_image_handle_get_height_(r->handle);
    s = image_check_size(w > 0 ? (uint64_t)w : 0, h > 0 ? (uint64_t)h : 0, config, e);
    if (s == VQZ_OK && (uint64_t)w * (uint64_t)h * 8 > config->settings.max_memory)      /* planes, and what is made of them */
        s = cli_fail(e, VQZ_ERR_LIMIT, NO_OFFSET, "a picture of %dx%d pixels needs more than --memory %llu", w, h, (unsigned long long)config->settings.max_memory);
    if (s == VQZ_OK) s = heif_pixels(r, config, e);
    if (s != VQZ_OK) return s;
    heif_blocks(r);
    heif_colour(r);
    heif_losses(r);
    image_note_whole(&r->base, "HEIF");
    return VQZ_OK;
}

static vqz_status heif_next(image_reader *base, image_rows *rows, vqz_error *e) {
    heif_picture *r = (heif_picture *)base;
    (void)e;
    const uint32_t left = base->info.height - r->y;
    if (!left) return VQZ_END;
    const uint8_t *from = r->pixels + (size_t)r->y * (size_t)r->stride;
    r->y += r->row ? 1 : left;
    *rows = (image_rows){r->row ? r->row : from, r->stride, r->row ? 1 : left};
    for (size_t i = 0; r->row && i < (size_t)base->info.width * 4; i++) {
        const unsigned a = from[i | 3], v = a && i % 4 != 3 ? (from[i] * 255u + a / 2) / a : from[i];
        r->row[i] = (uint8_t)(v < 255 ? v : 255);
    }
    return VQZ_OK;
}

const image_reader_ops image_heif_reader = {"HEIF", sizeof(heif_picture), heif_probe, heif_open, heif_next, heif_close, &heif_library};
#else
const image_reader_ops image_heif_reader = {"HEIF", sizeof(image_reader), heif_probe, NULL, NULL, NULL, NULL};
#endif
