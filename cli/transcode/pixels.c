/* Frames of FFmpeg to rows of vqz, and RGB to YUV for encoders: exact and the same everywhere, where swscale is not (spec/video.md). */
#include <libavutil/imgutils.h>
#include <stdlib.h>
#include "cli/image_yuv.h"
#include "cli/transcode/transcode.h"

/* ---- which formats ---- */
static const enum AVPixelFormat plain[] = {AV_PIX_FMT_GRAY8, AV_PIX_FMT_YA8, AV_PIX_FMT_RGB24, AV_PIX_FMT_RGBA, AV_PIX_FMT_NONE};   /* as vqz_layout, from 1 */
static const enum AVPixelFormat grays[] = {AV_PIX_FMT_GRAY8, AV_PIX_FMT_GRAY10, AV_PIX_FMT_GRAY12, AV_PIX_FMT_GRAY14, AV_PIX_FMT_GRAY16, AV_PIX_FMT_YA8, AV_PIX_FMT_NONE};
static const enum AVPixelFormat planar[] = {
    AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P,
    AV_PIX_FMT_YUV420P9, AV_PIX_FMT_YUV422P9, AV_PIX_FMT_YUV444P9, AV_PIX_FMT_YUV420P10, AV_PIX_FMT_YUV422P10, AV_PIX_FMT_YUV444P10,
    AV_PIX_FMT_YUV420P12, AV_PIX_FMT_YUV422P12, AV_PIX_FMT_YUV444P12, AV_PIX_FMT_YUV420P14, AV_PIX_FMT_YUV422P14, AV_PIX_FMT_YUV444P14,
    AV_PIX_FMT_YUV420P16, AV_PIX_FMT_YUV422P16, AV_PIX_FMT_YUV444P16, AV_PIX_FMT_YUVA420P, AV_PIX_FMT_YUVA422P, AV_PIX_FMT_YUVA444P,
    AV_PIX_FMT_YUVA420P10, AV_PIX_FMT_YUVA422P10, AV_PIX_FMT_YUVA444P10, AV_PIX_FMT_NONE};

static bool among(enum AVPixelFormat f, const enum AVPixelFormat *list) {
    while (*list != AV_PIX_FMT_NONE && *list != f) list++;
    return *list == f;
}

static bool has_alpha(enum AVPixelFormat f) { return av_pix_fmt_desc_get(f)->flags & (AV_PIX_FMT_FLAG_ALPHA | AV_PIX_FMT_FLAG_PAL); }

enum AVPixelFormat film_readable(enum AVPixelFormat from) {
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(from);
    if (among(from, plain) || among(from, grays) || among(from, planar)) return from;
    if (d->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BAYER)) return has_alpha(from) ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24;
    return avcodec_find_best_pix_fmt_of_list(d->nb_components < 3 ? grays : planar, from, has_alpha(from), NULL);
}

enum AVPixelFormat film_format(vqz_layout layout) { return plain[layout - 1]; }

vqz_layout film_layout(enum AVPixelFormat f) {
    const bool colour = av_pix_fmt_desc_get(f)->nb_components >= 3;
    return (vqz_layout)((colour ? VQZ_RGB : VQZ_GRAY) + (has_alpha(f) ? 1 : 0));
}

/* ---- which matrix ---- */
enum AVColorSpace film_matrix(enum AVColorPrimaries primaries, int width, int height) {
    switch (primaries) {
    case AVCOL_PRI_BT709: return AVCOL_SPC_BT709;
    case AVCOL_PRI_BT2020: return AVCOL_SPC_BT2020_NCL;
    case AVCOL_PRI_BT470BG: return AVCOL_SPC_BT470BG;
    case AVCOL_PRI_SMPTE170M: return AVCOL_SPC_SMPTE170M;
    default: return width >= 1280 || height > 576 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
    }
}

static bool set_matrix(yuv_kind *k, enum AVColorSpace space, enum AVColorPrimaries primaries, int width, int height) {
    if (space == AVCOL_SPC_UNSPECIFIED) space = film_matrix(primaries, width, height);
    switch (space) {
    case AVCOL_SPC_BT709: yuv_set_matrix(k, MATRIX_BT709, 0, 0); return true;
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M: yuv_set_matrix(k, MATRIX_BT601, 0, 0); return true;
    case AVCOL_SPC_FCC: k->kr = 3000, k->kb = 1100; return true;
    case AVCOL_SPC_SMPTE240M: k->kr = 2120, k->kb = 870; return true;
    case AVCOL_SPC_BT2020_NCL: k->kr = 2627, k->kb = 593; return true;
    default: return false;
    }
}

static bool kind_of(yuv_kind *k, const AVFrame *f) {
    const enum AVPixelFormat format = (enum AVPixelFormat)f->format;
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(format);
    const bool jpeg = format == AV_PIX_FMT_YUVJ420P || format == AV_PIX_FMT_YUVJ422P || format == AV_PIX_FMT_YUVJ444P;
    *k = (yuv_kind){.depth = (unsigned)d->comp[0].depth, .mono = d->nb_components < 3, .alpha = has_alpha(format)};
    k->half_x = d->log2_chroma_w;
    k->half_y = d->log2_chroma_h;
    k->centre_x = f->chroma_location == AVCHROMA_LOC_CENTER || f->chroma_location == AVCHROMA_LOC_TOP || f->chroma_location == AVCHROMA_LOC_BOTTOM;
    k->centre_y = f->chroma_location != AVCHROMA_LOC_TOPLEFT && f->chroma_location != AVCHROMA_LOC_TOP;
    k->full = f->color_range == AVCOL_RANGE_JPEG || (f->color_range == AVCOL_RANGE_UNSPECIFIED && (jpeg || k->mono));
    return k->mono || set_matrix(k, f->colorspace, f->color_primaries, f->width, f->height);
}

/* ---- rows ---- */
vqz_status film_rows(const AVFrame *f, image_rows *rows, uint8_t **buffer, const options *o, vqz_error *e) {
    const enum AVPixelFormat format = (enum AVPixelFormat)f->format;
    const bool limited_gray = format == AV_PIX_FMT_GRAY8 && f->color_range == AVCOL_RANGE_MPEG;
    yuv_kind kind;
    if (among(format, plain) && !limited_gray) {
        *rows = (image_rows){f->data[0], f->linesize[0], (uint32_t)f->height};
        return VQZ_OK;
    }
    if (!kind_of(&kind, f)) {
        const char *name = av_color_space_name(f->colorspace);
        return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "colours with the matrix %s are not supported", name ? name : "of an unknown number");
    }
    const yuv_to_rgb to_rgb = yuv_to_rgb_of(&kind);
    const yuv_planes planes = {{f->data[0], f->data[1], f->data[2], f->data[3]},
                               {f->linesize[0], f->linesize[1], f->linesize[2], f->linesize[3]},
                               (uint32_t)f->width,
                               (uint32_t)f->height};
    const size_t stride = (size_t)f->width * (size_t)yuv_layout(&kind);
    if (!*buffer) {                              /* the size of frames never changes */
        vqz_status s = image_alloc(buffer, (uint64_t)f->height, stride, &o->config, e);
        if (s != VQZ_OK) return s;
    }
    for (uint32_t y = 0; y < planes.height; y++) yuv_read_row(&to_rgb, &planes, y, *buffer + y * stride);
    *rows = (image_rows){*buffer, (ptrdiff_t)stride, planes.height};
    return VQZ_OK;
}

bool film_writable(enum AVPixelFormat f) { return among(f, planar) && !has_alpha(f) && av_pix_fmt_desc_get(f)->comp[0].depth == 8; }

vqz_status film_to_yuv(const AVFrame *rgb, enum AVPixelFormat format, enum AVColorSpace matrix, AVFrame *yuv, vqz_error *e) {
    const image_rows rows = {rgb->data[0], rgb->linesize[0], (uint32_t)rgb->height};
    yuv_kind kind;
    yuv->format = format;
    yuv->width = rgb->width;
    yuv->height = rgb->height;
    if (av_frame_get_buffer(yuv, 0) < 0 || av_frame_copy_props(yuv, rgb) < 0) return film_no_memory(e);
    yuv->colorspace = matrix;
    yuv->color_range = AVCOL_RANGE_UNSPECIFIED;
    yuv->chroma_location = AVCHROMA_LOC_LEFT;
    if (!kind_of(&kind, yuv)) return cli_fail(e, VQZ_ERR_INTERNAL, NO_OFFSET, "a matrix without numbers");
    yuv->color_range = kind.full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    if (kind.full) yuv->chroma_location = AVCHROMA_LOC_CENTER;
    kind.centre_x = kind.full;
    yuv_write_rows(&kind, &rows, film_layout((enum AVPixelFormat)rgb->format), (uint32_t)rgb->width, yuv->data,
                   (const ptrdiff_t[3]){yuv->linesize[0], yuv->linesize[1], yuv->linesize[2]});
    return VQZ_OK;
}
