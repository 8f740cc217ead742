/* vqz encoder over libvqz.
 * Where the container wants a global header, that is the extradata and a packet is a frame of the sequence; else every packet is a still, a whole file. */
#include "libavutil/mem.h"
#include "libavutil/opt.h"
#include "codec_internal.h"
#include "encode.h"
#include "internal.h"
#include "libvqz.h"
#include "version.h"

typedef struct LibvqzEncContext {
    const AVClass *class;
    float quality;
    int effort, tune, lossless, tile_size, pixel_hash;
    vqz_encoder *enc;
    int sequence;
} LibvqzEncContext;

static int encoder_failed(AVCodecContext *avctx)
{
    LibvqzEncContext *s = avctx->priv_data;
    return libvqz_error(avctx, vqz_encoder_error(s->enc));
}

static vqz_image_info image_of(AVCodecContext *avctx)
{
    vqz_image_info info = { .width = avctx->width, .height = avctx->height };
    const int limited = avctx->color_range == AVCOL_RANGE_MPEG;

    for (int i = 0; libvqz_layouts[i]; i++)
        if (libvqz_formats[i] == avctx->pix_fmt)
            info.layout = libvqz_layouts[i];
    if (limited || avctx->color_primaries != AVCOL_PRI_UNSPECIFIED || avctx->color_trc != AVCOL_TRC_UNSPECIFIED) {
        info.cicp[0] = avctx->color_primaries;
        info.cicp[1] = avctx->color_trc;
        info.cicp[2] = info.layout >= VQZ_RGB ? AVCOL_SPC_RGB : AVCOL_SPC_UNSPECIFIED;
        info.cicp[3] = !limited;
    }
    return info;
}

static void add_side_data(vqz_image_info *info, AVFrameSideData *const *sd, int nb_sd)
{
    for (int i = 0; i < nb_sd; i++) {
        if (sd[i]->type == AV_FRAME_DATA_ICC_PROFILE) {
            info->meta.icc      = sd[i]->data;
            info->meta.icc_size = sd[i]->size;
        }
        if (sd[i]->type == AV_FRAME_DATA_DISPLAYMATRIX && sd[i]->size >= 9 * sizeof(int32_t)) {
            const int orientation = libvqz_orientation((const int32_t *)sd[i]->data);
            if (orientation)
                info->orientation = orientation;
        }
    }
}

/* The header becomes the extradata. */
static int begin_sequence(AVCodecContext *avctx)
{
    LibvqzEncContext *s = avctx->priv_data;
    vqz_image_info info = image_of(avctx);
    const vqz_timing timing = { avctx->time_base.num, avctx->time_base.den, 0 };
    vqz_packet packet;

#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(61, 0, 0)
    add_side_data(&info, avctx->decoded_side_data, avctx->nb_decoded_side_data);
#endif
    if (vqz_encoder_begin_sequence(s->enc, &info, &timing) != VQZ_OK || vqz_encoder_receive_packet(s->enc, &packet) != VQZ_OK)
        return encoder_failed(avctx);
    if (!(avctx->extradata = av_mallocz(packet.size + AV_INPUT_BUFFER_PADDING_SIZE)))
        return AVERROR(ENOMEM);
    memcpy(avctx->extradata, packet.data, packet.size);
    avctx->extradata_size = packet.size;
    return 0;
}

static av_cold int libvqz_encode_init(AVCodecContext *avctx)
{
    LibvqzEncContext *s = avctx->priv_data;
    vqz_settings settings;
    vqz_error error;

    libvqz_settings(avctx, &settings);
    settings.quality    = s->quality;
    settings.effort     = s->effort;
    settings.tune       = s->tune;
    settings.lossless   = s->lossless;
    settings.tile_size  = s->tile_size;
    settings.pixel_hash = s->pixel_hash;
    if (avctx->flags & AV_CODEC_FLAG_QSCALE)
        settings.quality = av_clipf(avctx->global_quality / (float)FF_QP2LAMBDA, 0, 100);
    if (vqz_encoder_open(&s->enc, &settings, NULL, &error) != VQZ_OK)
        return libvqz_error(avctx, &error);
    s->sequence = !!(avctx->flags & AV_CODEC_FLAG_GLOBAL_HEADER);
    return s->sequence ? begin_sequence(avctx) : 0;
}

static int put_packet(AVCodecContext *avctx, AVPacket *pkt, const uint8_t *data, size_t size)
{
    int64_t have = pkt->size;
    int ret;

    if (size > INT_MAX - AV_INPUT_BUFFER_PADDING_SIZE - have)
        return AVERROR(ERANGE);
    if ((ret = have ? av_grow_packet(pkt, size) : ff_get_encode_buffer(avctx, pkt, size, 0)) < 0)
        return ret;
    memcpy(pkt->data + have, data, size);
    return 0;
}

static int encode_frame(AVCodecContext *avctx, AVPacket *pkt, const AVFrame *frame)
{
    LibvqzEncContext *s = avctx->priv_data;
    vqz_packet packet;
    int64_t duration;

#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
    duration = frame->duration;
#else
    duration = frame->pkt_duration;
#endif
    if (frame->pts == AV_NOPTS_VALUE) {
        av_log(avctx, AV_LOG_ERROR, "A frame has no time.\n");
        return AVERROR(EINVAL);
    }
    if (vqz_encoder_begin_frame(s->enc, frame->pts, FFMAX(duration, 0)) != VQZ_OK ||
        vqz_encoder_send_rows(s->enc, frame->data[0], frame->linesize[0], avctx->height) != VQZ_OK ||
        vqz_encoder_receive_packet(s->enc, &packet) != VQZ_OK)
        return encoder_failed(avctx);
    return put_packet(avctx, pkt, packet.data, packet.size);
}

static int encode_still(AVCodecContext *avctx, AVPacket *pkt, const AVFrame *frame)
{
    LibvqzEncContext *s = avctx->priv_data;
    vqz_image_info info = image_of(avctx);
    const uint8_t *data;
    size_t size;
    vqz_status status;
    int ret;

    add_side_data(&info, frame->side_data, frame->nb_side_data);
    if (vqz_encoder_begin(s->enc, &info) != VQZ_OK ||
        vqz_encoder_send_rows(s->enc, frame->data[0], frame->linesize[0], avctx->height) != VQZ_OK)
        return encoder_failed(avctx);
    while ((status = vqz_encoder_receive(s->enc, &data, &size)) == VQZ_OK)
        if ((ret = put_packet(avctx, pkt, data, size)) < 0)
            return ret;
    return status == VQZ_END ? 0 : encoder_failed(avctx);
}

static int libvqz_encode(AVCodecContext *avctx, AVPacket *pkt, const AVFrame *frame, int *got_packet)
{
    LibvqzEncContext *s = avctx->priv_data;
    int ret = s->sequence ? encode_frame(avctx, pkt, frame) : encode_still(avctx, pkt, frame);

    if (ret < 0)
        return ret;
    pkt->flags |= AV_PKT_FLAG_KEY;
    *got_packet = 1;
    return 0;
}

static av_cold int libvqz_encode_close(AVCodecContext *avctx)
{
    LibvqzEncContext *s = avctx->priv_data;

    vqz_encoder_close(s->enc);
    av_freep(&avctx->extradata);
    avctx->extradata_size = 0;
    return 0;
}

#define OFFSET(x) offsetof(LibvqzEncContext, x)
#define VE AV_OPT_FLAG_VIDEO_PARAM | AV_OPT_FLAG_ENCODING_PARAM
static const AVOption options[] = {
    { "quality",    "0 to 100; -q:v does the same",         OFFSET(quality),    AV_OPT_TYPE_FLOAT, { .dbl = 75 }, 0, 100, VE },
    { "effort",     "time spent on smaller files",          OFFSET(effort),     AV_OPT_TYPE_INT,   { .i64 = 4 }, 0, 9, VE },
    { "tune",       "what choices are judged by",           OFFSET(tune),       AV_OPT_TYPE_INT,   { .i64 = VQZ_TUNE_VISUAL }, VQZ_TUNE_VISUAL, VQZ_TUNE_PSNR, VE, .unit = "tune" },
    { "visual",     NULL, 0, AV_OPT_TYPE_CONST, { .i64 = VQZ_TUNE_VISUAL }, 0, 0, VE, .unit = "tune" },
    { "psnr",       NULL, 0, AV_OPT_TYPE_CONST, { .i64 = VQZ_TUNE_PSNR },   0, 0, VE, .unit = "tune" },
    { "lossless",   "every sample comes back as it is",     OFFSET(lossless),   AV_OPT_TYPE_BOOL,  { .i64 = 0 }, 0, 1, VE },
    { "tile_size",  "multiple of 64 up to 1024; 0: chosen", OFFSET(tile_size),  AV_OPT_TYPE_INT,   { .i64 = 0 }, 0, 1024, VE },
    { "pixel_hash", "store a hash of the decoded pixels",   OFFSET(pixel_hash), AV_OPT_TYPE_BOOL,  { .i64 = 0 }, 0, 1, VE },
    { NULL }
};

static const AVClass libvqz_encoder_class = {
    .class_name = "libvqz encoder",
    .item_name  = av_default_item_name,
    .option     = options,
    .version    = LIBAVUTIL_VERSION_INT,
};

static const FFCodecDefault defaults[] = {
    { "b", "0" },
    { NULL }
};

const FFCodec ff_libvqz_encoder = {
    .p.name         = "libvqz",
    .p.long_name    = NULL_IF_CONFIG_SMALL("libvqz learned image codec"),
    .p.type         = AVMEDIA_TYPE_VIDEO,
    .p.id           = AV_CODEC_ID_VQZ,
    .p.priv_class   = &libvqz_encoder_class,
    .p.capabilities = AV_CODEC_CAP_DR1 | AV_CODEC_CAP_OTHER_THREADS,
    .p.wrapper_name = "libvqz",
#ifdef CODEC_PIXFMTS_ARRAY
    CODEC_PIXFMTS_ARRAY(libvqz_formats),
#else
    .p.pix_fmts     = libvqz_formats,
#endif
    .priv_data_size = sizeof(LibvqzEncContext),
    .defaults       = defaults,
    .init           = libvqz_encode_init,
    .close          = libvqz_encode_close,
    FF_CODEC_ENCODE_CB(libvqz_encode),
    .caps_internal  = FF_CODEC_CAP_INIT_CLEANUP | FF_CODEC_CAP_AUTO_THREADS
#ifdef FF_CODEC_CAP_INIT_THREADSAFE
                      | FF_CODEC_CAP_INIT_THREADSAFE
#endif
    ,
};
