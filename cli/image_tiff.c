/* TIFF reader, with libtiff: the first page, of every kind that the library shows as RGBA; 8-bit gray and RGB row by row. */
#include "cli/image.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool tiff_probe(const uint8_t *p, size_t n) {
    return n >= 4 && (memcmp(p, "II*", 4) == 0 || memcmp(p, "MM\0*", 4) == 0 || memcmp(p, "II+", 4) == 0 || memcmp(p, "MM\0+", 4) == 0);
}

#ifdef VQZ_HAVE_TIFF
#include "cli/lazy.h"
#include <tiffio.h>

#define TIFF_FUNCTIONS(X)                                                                                                                                  \
    X(TIFFOpenOptionsAlloc) X(TIFFOpenOptionsFree) X(TIFFOpenOptionsSetMaxSingleMemAlloc) X(TIFFOpenOptionsSetErrorHandlerExtR)                       \
    X(TIFFOpenOptionsSetWarningHandlerExtR) X(TIFFClientOpenExt) X(TIFFClose) X(TIFFGetField) X(TIFFGetFieldDefaulted) X(TIFFIsTiled)                 \
    X(TIFFScanlineSize64) X(TIFFReadScanline) X(TIFFRGBAImageOK) X(TIFFRGBAImageBegin) X(TIFFRGBAImageGet) X(TIFFRGBAImageEnd) X(TIFFLastDirectory)
TIFF_FUNCTIONS(LAZY_POINTER)
static const lazy_symbol tiff_symbols[] = {TIFF_FUNCTIONS(LAZY_SYMBOL)};
static lazy_library tiff_library = {.name = LAZY_NAME(VQZ_TIFF_LIBRARY), .needed_for = "TIFF", .symbols = tiff_symbols, .count = sizeof tiff_symbols / sizeof *tiff_symbols};

typedef struct tiff_reader {
    image_reader base;
    uint8_t *file;               /* of a pipe, all of it */
    uint64_t size, at;
    TIFF *tiff;
    char why[120];               /* what the library complained of first */
    int read_error;              /* errno */
    bool tag_lost;
    uint8_t exif[26];            /* has the orientation, and nothing else */
    uint8_t *row;                /* read row by row, else: */
    uint32_t *raster;
    bool associated;             /* its colours are multiplied by alpha */
    uint32_t y;
} tiff_reader;

/* ---- what the library calls ---- */
static tmsize_t tiff_get(thandle_t handle, void *to, tmsize_t wanted) {
    tiff_reader *r = handle;
    const uint64_t left = r->size - r->at;
    size_t n = (uint64_t)wanted < left ? (size_t)wanted : (size_t)left;
    if (wanted <= 0) return 0;
    if (r->file) memcpy(to, r->file + r->at, n);
    else {
        const ssize_t got = pread(r->base.in->fd, to, n, (off_t)r->at);
        if (got < 0) r->read_error = errno;
        n = got < 0 ? 0 : (size_t)got;
    }
    r->at += n;
    return (tmsize_t)n;
}

static tmsize_t tiff_put(thandle_t handle, void *from, tmsize_t n) {
    (void)handle;
    (void)from;
    (void)n;
    return -1;
}

static toff_t tiff_seek(thandle_t handle, toff_t to, int whence) {
    tiff_reader *r = handle;
    const uint64_t from = whence == SEEK_CUR ? r->at : whence == SEEK_END ? r->size : 0;
    uint64_t at;
    if (__builtin_add_overflow(from, to, &at) || at > r->size) at = r->size;      /* there is nothing to read there */
    return r->at = at;
}

static int tiff_done(thandle_t handle) {
    (void)handle;
    return 0;
}

static toff_t tiff_size(thandle_t handle) { return ((tiff_reader *)handle)->size; }

static int tiff_complaint(TIFF *t, void *handle, const char *module, const char *format, va_list ap) {
    tiff_reader *r = handle;
    (void)t;
    (void)module;
    if (!r->why[0]) vsnprintf(r->why, sizeof r->why, format, ap);
    return 1;
}

/* Most are about tags that nobody needs; but a tag that cannot be read is left out with one. */
static int tiff_warning(TIFF *t, void *handle, const char *module, const char *format, va_list ap) {
    tiff_reader *r = handle;
    char text[200];
    (void)t;
    (void)module;
    vsnprintf(text, sizeof text, format, ap);
    r->tag_lost |= strstr(text, "IO error") != NULL;
    return 1;
}

/* ---- opening ---- */
static vqz_status tiff_bad(const tiff_reader *r, const char *else_why, vqz_error *e) {
    if (r->read_error) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "cannot read: %s", strerror(r->read_error));
    return cli_fail(e, VQZ_ERR_CORRUPT, NO_OFFSET, "bad TIFF: %.120s", r->why[0] ? r->why : else_why);
}

static void tiff_close(image_reader *base) {
    tiff_reader *r = (tiff_reader *)base;
    if (r->tiff) TIFFClose_(r->tiff);
    free(r->raster);
    free(r->row);
    free(r->file);
    free(r);
}

static vqz_status tiff_begin(tiff_reader *r, const image_config *config, vqz_error *e) {
    const uint64_t most = config->settings.max_memory < INT32_MAX ? config->settings.max_memory : INT32_MAX;
    vqz_status s = VQZ_OK;
    size_t size;
    r->size = r->base.in->size;
    if (!r->base.in->regular) {
        s = source_read_all(r->base.in, &r->file, &size, config->settings.max_memory, e);
        r->size = size;
    }
    if (s != VQZ_OK) return s;
    TIFFOpenOptions *o = TIFFOpenOptionsAlloc_();
    if (!o) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    TIFFOpenOptionsSetMaxSingleMemAlloc_(o, (tmsize_t)most);
    TIFFOpenOptionsSetErrorHandlerExtR_(o, tiff_complaint, r);
    TIFFOpenOptionsSetWarningHandlerExtR_(o, tiff_warning, r);
    r->tiff = TIFFClientOpenExt_("TIFF", "rm", r, tiff_get, tiff_put, tiff_seek, tiff_done, tiff_size, NULL, NULL, o);
    TIFFOpenOptionsFree_(o);
    return r->tiff ? VQZ_OK : tiff_bad(r, "it cannot be opened", e);
}

typedef struct tiff_kind {
    uint16_t depth, samples, photometric, planes, extra, format, orientation;
    uint16_t extra_kind;         /* of the first extra sample */
} tiff_kind;

static tiff_kind tiff_kind_of(TIFF *t) {
    tiff_kind k = {0};
    uint16_t *extras = NULL;
    TIFFGetFieldDefaulted_(t, TIFFTAG_BITSPERSAMPLE, &k.depth);
    TIFFGetFieldDefaulted_(t, TIFFTAG_SAMPLESPERPIXEL, &k.samples);
    TIFFGetFieldDefaulted_(t, TIFFTAG_PLANARCONFIG, &k.planes);
    TIFFGetFieldDefaulted_(t, TIFFTAG_SAMPLEFORMAT, &k.format);
    TIFFGetFieldDefaulted_(t, TIFFTAG_ORIENTATION, &k.orientation);
    TIFFGetField_(t, TIFFTAG_PHOTOMETRIC, &k.photometric);
    if (TIFFGetFieldDefaulted_(t, TIFFTAG_EXTRASAMPLES, &k.extra, &extras) && k.extra && extras) k.extra_kind = extras[0];
    return k;
}

static void tiff_metadata(tiff_reader *r, const tiff_kind *k) {
    static const uint8_t block[26] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1};
    vqz_metadata *m = &r->base.info.meta;
    uint32_t size = 0;
    uint64_t place;
    void *data = NULL;
    if (TIFFGetField_(r->tiff, TIFFTAG_ICCPROFILE, &size, &data) && size && data && k->photometric != PHOTOMETRIC_SEPARATED) {
        m->icc = data;
        m->icc_size = size;
    }
    if (TIFFGetField_(r->tiff, TIFFTAG_XMLPACKET, &size, &data) && size && data) {
        m->xmp = data;
        m->xmp_size = size;
    }
    if (k->orientation > 1 && k->orientation <= 8) {
        memcpy(r->exif, block, sizeof block);
        r->exif[19] = (uint8_t)k->orientation;
        m->exif = r->exif;
        m->exif_size = sizeof r->exif;
    }
    if (TIFFGetField_(r->tiff, TIFFTAG_EXIFIFD, &place)) image_note_loss(&r->base, "EXIF left out");
    if (k->photometric == PHOTOMETRIC_SEPARATED) image_note_loss(&r->base, "CMYK converted to RGB without its colour profile");
    if (r->tag_lost) image_note_loss(&r->base, "a part of its metadata cannot be read");
    if (k->depth > 8) image_note_loss(&r->base, "16-bit samples reduced to 8");
    if (!TIFFLastDirectory_(r->tiff)) image_note_loss(&r->base, "the first page of several");
}

/* Rows as vqz wants them stand in the file: gray or RGB, alpha as such. */
static bool tiff_has_rows(const tiff_reader *r, const tiff_kind *k) {
    const bool gray = k->photometric == PHOTOMETRIC_MINISBLACK, alpha = k->extra == 1 && k->extra_kind == EXTRASAMPLE_UNASSALPHA;
    if (k->depth != 8 || k->format != SAMPLEFORMAT_UINT || k->planes != PLANARCONFIG_CONTIG || TIFFIsTiled_(r->tiff)) return false;
    if (!(gray || k->photometric == PHOTOMETRIC_RGB) || (k->extra && !alpha)) return false;
    return k->samples == (gray ? 1 : 3) + alpha && TIFFScanlineSize64_(r->tiff) == (uint64_t)r->base.info.width * k->samples;
}

static vqz_status tiff_raster(tiff_reader *r, const tiff_kind *k, const image_config *config, vqz_error *e) {
    char why[1024] = "";
    TIFFRGBAImage im;
    vqz_image_info *info = &r->base.info;
    uint8_t *pixels;
    if (!TIFFRGBAImageOK_(r->tiff, why) || !TIFFRGBAImageBegin_(&im, r->tiff, 1, why))
        return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "this kind of TIFF is not supported: %.120s", why);
    im.req_orientation = im.orientation;         /* rows as they are stored */
    r->associated = im.alpha != 0;               /* it multiplies other ones */
    info->layout = im.alpha ? VQZ_RGBA : k->photometric <= PHOTOMETRIC_MINISBLACK ? VQZ_GRAY : VQZ_RGB;
    vqz_status s = image_alloc(&pixels, info->height, (uint64_t)info->width * sizeof *r->raster, config, e);
    if (s == VQZ_OK) r->raster = (uint32_t *)(void *)pixels;
    if (s == VQZ_OK && !TIFFRGBAImageGet_(&im, r->raster, info->width, info->height)) s = tiff_bad(r, "its pixels cannot be decoded", e);
    TIFFRGBAImageEnd_(&im);
    if (s == VQZ_OK) image_note_whole(&r->base, "this kind of TIFF");
    return s == VQZ_OK ? image_alloc(&r->row, 1, (uint64_t)info->width * (uint64_t)info->layout, config, e) : s;
}

static vqz_status tiff_open(image_reader *base, const image_config *config, vqz_error *e) {
    tiff_reader *r = (tiff_reader *)base;
    uint32_t w = 0, h = 0;
    vqz_status s = tiff_begin(r, config, e);
    if (s != VQZ_OK) return s;
    TIFFGetField_(r->tiff, TIFFTAG_IMAGEWIDTH, &w);
    TIFFGetField_(r->tiff, TIFFTAG_IMAGELENGTH, &h);
    if ((s = image_check_size(w, h, config, e)) != VQZ_OK) return s;
    const tiff_kind k = tiff_kind_of(r->tiff);
    r->base.info = (vqz_image_info){.width = w, .height = h, .layout = (vqz_layout)k.samples};
    tiff_metadata(r, &k);
    return tiff_has_rows(r, &k) ? image_alloc(&r->row, 1, (uint64_t)w * k.samples, config, e) : tiff_raster(r, &k, config, e);
}

/* Of the library's pixels, where R is the lowest byte of the number. */
static void tiff_unpack(tiff_reader *r, const uint32_t *from) {
    const vqz_layout layout = r->base.info.layout;
    uint8_t *to = r->row;
    for (uint32_t x = 0; x < r->base.info.width; x++, to += layout) {
        const unsigned alpha = TIFFGetA(from[x]);
        const unsigned samples[3] = {TIFFGetR(from[x]), TIFFGetG(from[x]), TIFFGetB(from[x])};
        for (unsigned i = 0; i < 3 && i < (unsigned)layout; i++) {
            const unsigned v = r->associated && alpha ? (samples[i] * 255 + alpha / 2) / alpha : samples[i];
            to[i] = (uint8_t)(v < 255 ? v : 255);
        }
        if (layout == VQZ_RGBA) to[3] = (uint8_t)alpha;
    }
}

static vqz_status tiff_next(image_reader *base, image_rows *rows, vqz_error *e) {
    tiff_reader *r = (tiff_reader *)base;
    if (r->y == base->info.height) return VQZ_END;
    if (r->raster) tiff_unpack(r, r->raster + (size_t)r->y * base->info.width);
    else if (TIFFReadScanline_(r->tiff, r->row, r->y, 0) != 1) return tiff_bad(r, "a row cannot be decoded", e);
    r->y++;
    *rows = (image_rows){r->row, (ptrdiff_t)base->info.width * (ptrdiff_t)base->info.layout, 1};
    return VQZ_OK;
}

const image_reader_ops image_tiff_reader = {"TIFF", sizeof(tiff_reader), tiff_probe, tiff_open, tiff_next, tiff_close, &tiff_library};
#else
const image_reader_ops image_tiff_reader = {"TIFF", sizeof(image_reader), tiff_probe, NULL, NULL, NULL, NULL};
#endif
