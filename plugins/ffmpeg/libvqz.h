/* What the decoder and the encoder over libvqz share. */
#ifndef AVCODEC_LIBVQZ_H
#define AVCODEC_LIBVQZ_H
#include <vqz/vqz.h>
#include "libavutil/error.h"
#include "libavutil/frame.h"
#include "avcodec.h"
#include "libvqz_orientation.h"

static inline int libvqz_error(void *log, const vqz_error *e)
{
    av_log(log, AV_LOG_ERROR, "%s (%s)\n", e->text, vqz_status_name(e->status));
    switch (e->status) {
    case VQZ_ERR_MEMORY:      return AVERROR(ENOMEM);
    case VQZ_ERR_LIMIT:       return AVERROR(ERANGE);
    case VQZ_ERR_ARGUMENT:    return AVERROR(EINVAL);
    case VQZ_ERR_UNSUPPORTED: return AVERROR_PATCHWELCOME;
    case VQZ_ERR_INTERNAL:    return AVERROR_BUG;
    default:                  return AVERROR_INVALIDDATA;
    }
}

static inline void libvqz_settings(const AVCodecContext *avctx, vqz_settings *s)
{
    vqz_settings_init(s);
    s->threads = avctx->thread_count > 0 ? avctx->thread_count : 0;
    if (avctx->max_pixels > 0 && (uint64_t)avctx->max_pixels < s->max_pixels)
        s->max_pixels = avctx->max_pixels;
}

static const enum AVPixelFormat libvqz_formats[] = {
    AV_PIX_FMT_RGB24, AV_PIX_FMT_RGBA, AV_PIX_FMT_GRAY8, AV_PIX_FMT_YA8, AV_PIX_FMT_NONE
};
static const uint8_t libvqz_layouts[] = { VQZ_RGB, VQZ_RGBA, VQZ_GRAY, VQZ_GRAYA, 0 };
#endif
