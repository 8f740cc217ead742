/* vqz decoder over libvqz.
 * A packet is a frame of the sequence whose header is the extradata, or, where that is missing or the packet begins with a header of its own, a whole file. */
#include "libavutil/mem.h"
#include "libavutil/opt.h"
#include "codec_internal.h"
#include "decode.h"
#include "internal.h"
#include "libvqz.h"

typedef struct LibvqzDecContext {
    const AVClass *class;
    int partial, verify;
    vqz_decoder *dec;            /* of the extradata's sequence */
    uint8_t *header;
    int header_size;
} LibvqzDecContext;

static int open_decoder(AVCodecContext *avctx, vqz_decoder **dec)
{
    LibvqzDecContext *s = avctx->priv_data;
    vqz_settings settings;
    vqz_error error;

    libvqz_settings(avctx, &settings);
    settings.partial = s->partial;
    settings.verify  = s->verify;
    return vqz_decoder_open(dec, &settings, &error) == VQZ_OK ? 0 : libvqz_error(avctx, &error);
}

static int set_properties(AVCodecContext *avctx, const vqz_image_info *image)
{
    const uint8_t *cicp = image->cicp;

    for (int i = 0; libvqz_layouts[i]; i++)
        if (libvqz_layouts[i] == image->layout)
            avctx->pix_fmt = libvqz_formats[i];
    avctx->colorspace  = image->layout >= VQZ_RGB ? AVCOL_SPC_RGB : AVCOL_SPC_UNSPECIFIED;
    avctx->color_range = AVCOL_RANGE_JPEG;
    if (cicp[0] | cicp[1] | cicp[2] | cicp[3]) {
        avctx->color_primaries = cicp[0];
        avctx->color_trc       = cicp[1];
        avctx->colorspace      = cicp[2];
        avctx->color_range     = cicp[3] ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    }
    return ff_set_dimensions(avctx, image->width, image->height);
}

static vqz_status try_header(LibvqzDecContext *s, const uint8_t *data, int size, vqz_file_info *info)
{
    vqz_status status = vqz_decoder_send_packet(s->dec, data, size);

    return status == VQZ_OK ? vqz_decoder_info(s->dec, info) : status;
}

/* A sequence's decoder is kept; a still's is opened for each packet. */
static int set_header(AVCodecContext *avctx, const uint8_t *data, int size)
{
    LibvqzDecContext *s = avctx->priv_data;
    vqz_file_info info;
    vqz_status status;
    int ret;

    vqz_decoder_close(s->dec);
    s->dec = NULL;
    av_freep(&s->header);
    s->header_size = 0;
    if (!size)
        return 0;
    if ((ret = open_decoder(avctx, &s->dec)) < 0)
        return ret;
    status = try_header(s, data, size, &info);
    if (status == VQZ_ERR_TRUNCATED && !data[size - 1]) {    /* Matroska and AVI make it even */
        vqz_decoder_close(s->dec);
        s->dec = NULL;
        if ((ret = open_decoder(avctx, &s->dec)) < 0)
            return ret;
        status = try_header(s, data, --size, &info);
    }
    if (status == VQZ_AGAIN) {
        av_log(avctx, AV_LOG_ERROR, "The extradata are not a whole header.\n");
        return AVERROR_INVALIDDATA;
    }
    if (status != VQZ_OK)
        return libvqz_error(avctx, vqz_decoder_error(s->dec));
    if ((ret = set_properties(avctx, &info.image)) < 0)
        return ret;
    if (info.sequence)
        avctx->pkt_timebase = avctx->pkt_timebase.num ? avctx->pkt_timebase
                                                      : (AVRational){ info.timing.timebase_num, info.timing.timebase_den };
    if (!(s->header = av_memdup(data, size)))
        return AVERROR(ENOMEM);
    s->header_size = size;
    if (!info.sequence) {
        vqz_decoder_close(s->dec);
        s->dec = NULL;
    }
    return 0;
}

static int add_side_data(AVFrame *frame, const vqz_image_info *image)
{
    AVFrameSideData *sd;

    if (image->meta.icc_size) {
        if (!(sd = av_frame_new_side_data(frame, AV_FRAME_DATA_ICC_PROFILE, image->meta.icc_size)))
            return AVERROR(ENOMEM);
        memcpy(sd->data, image->meta.icc, image->meta.icc_size);
    }
    if (image->orientation > 1) {
        int32_t *matrix;
        if (!(sd = av_frame_new_side_data(frame, AV_FRAME_DATA_DISPLAYMATRIX, 9 * sizeof(*matrix))))
            return AVERROR(ENOMEM);
        matrix = (int32_t *)sd->data;
        memset(matrix, 0, 9 * sizeof(*matrix));
        for (int i = 0; i < 4; i++)
            matrix[libvqz_matrix_places[i]] = libvqz_orientations[image->orientation][i] * (1 << 16);
        matrix[8] = 1 << 30;
    }
    return 0;
}

/* The frame that `dec` holds. */
static int receive(AVCodecContext *avctx, vqz_decoder *dec, AVFrame *frame)
{
    vqz_file_info info;
    vqz_frame about;
    vqz_band band;
    vqz_status status = vqz_decoder_info(dec, &info);
    size_t row;
    int ret;

    if (status == VQZ_OK)
        status = vqz_decoder_next_frame(dec, &about);
    if (status == VQZ_AGAIN || status == VQZ_END) {
        av_log(avctx, AV_LOG_ERROR, "The packet holds no frame.\n");
        return AVERROR_INVALIDDATA;
    }
    if (status != VQZ_OK)
        return libvqz_error(avctx, vqz_decoder_error(dec));
    if ((ret = set_properties(avctx, &info.image)) < 0 || (ret = ff_get_buffer(avctx, frame, 0)) < 0)
        return ret;
    row = (size_t)info.image.width * info.image.layout;
    while ((status = vqz_decoder_receive(dec, &band)) == VQZ_OK) {
        for (uint32_t y = 0; y < band.rows; y++)
            memcpy(frame->data[0] + (ptrdiff_t)(band.y + y) * frame->linesize[0], band.pixels + (ptrdiff_t)y * band.stride, row);
        if (band.unverified_tiles) {
            frame->decode_error_flags |= FF_DECODE_ERROR_INVALID_BITSTREAM;
            frame->flags |= AV_FRAME_FLAG_CORRUPT;
        }
    }
    if (status != VQZ_END)
        return libvqz_error(avctx, vqz_decoder_error(dec));
#ifdef AV_FRAME_FLAG_KEY
    frame->flags |= AV_FRAME_FLAG_KEY;
#else
    frame->key_frame = 1;
#endif
    frame->pict_type = AV_PICTURE_TYPE_I;
    return add_side_data(frame, &info.image);
}

static int decode_file(AVCodecContext *avctx, AVFrame *frame, const uint8_t *header, int header_size, const AVPacket *pkt)
{
    vqz_decoder *dec;
    vqz_status status;
    int ret = open_decoder(avctx, &dec);

    if (ret < 0)
        return ret;
    status = header_size ? vqz_decoder_send(dec, header, header_size) : VQZ_OK;
    if (status == VQZ_OK)
        status = vqz_decoder_send(dec, pkt->data, pkt->size);
    if (status == VQZ_OK)
        status = vqz_decoder_flush(dec);
    ret = status == VQZ_OK ? receive(avctx, dec, frame) : libvqz_error(avctx, vqz_decoder_error(dec));
    vqz_decoder_close(dec);
    return ret;
}

static int libvqz_decode(AVCodecContext *avctx, AVFrame *frame, int *got_frame, AVPacket *pkt)
{
    LibvqzDecContext *s = avctx->priv_data;
    size_t size;
    const uint8_t *header = av_packet_get_side_data(pkt, AV_PKT_DATA_NEW_EXTRADATA, &size);
    int ret = 0, begins;

    if (header && size < INT_MAX && (size != s->header_size || memcmp(header, s->header, size)))
        if ((ret = set_header(avctx, header, size)) < 0)
            return ret;
    begins = vqz_probe(pkt->data, pkt->size) == VQZ_OK;
    if (begins && !(s->header_size && pkt->size > s->header_size && !memcmp(pkt->data, s->header, s->header_size))) {
        ret = decode_file(avctx, frame, NULL, 0, pkt);
    } else if (s->dec) {
        if (vqz_decoder_send_packet(s->dec, pkt->data, pkt->size) != VQZ_OK)
            return libvqz_error(avctx, vqz_decoder_error(s->dec));
        ret = receive(avctx, s->dec, frame);
    } else {
        ret = decode_file(avctx, frame, s->header, begins ? 0 : s->header_size, pkt);
    }
    if (ret < 0)
        return ret;
    *got_frame = 1;
    return pkt->size;
}

static av_cold int libvqz_decode_init(AVCodecContext *avctx)
{
    return set_header(avctx, avctx->extradata, avctx->extradata_size);
}

static av_cold int libvqz_decode_close(AVCodecContext *avctx)
{
    LibvqzDecContext *s = avctx->priv_data;

    vqz_decoder_close(s->dec);
    av_freep(&s->header);
    return 0;
}

#define OFFSET(x) offsetof(LibvqzDecContext, x)
#define VD AV_OPT_FLAG_VIDEO_PARAM | AV_OPT_FLAG_DECODING_PARAM
static const AVOption options[] = {
    { "partial", "deliver damaged frames, with the tiles that arrived", OFFSET(partial), AV_OPT_TYPE_BOOL, { .i64 = 0 }, 0, 1, VD },
    { "verify",  "check the hashes of latents and pixels",              OFFSET(verify),  AV_OPT_TYPE_BOOL, { .i64 = 1 }, 0, 1, VD },
    { NULL }
};

static const AVClass libvqz_decoder_class = {
    .class_name = "libvqz decoder",
    .item_name  = av_default_item_name,
    .option     = options,
    .version    = LIBAVUTIL_VERSION_INT,
};

const FFCodec ff_libvqz_decoder = {
    .p.name         = "libvqz",
    .p.long_name    = NULL_IF_CONFIG_SMALL("libvqz learned image codec"),
    .p.type         = AVMEDIA_TYPE_VIDEO,
    .p.id           = AV_CODEC_ID_VQZ,
    .p.priv_class   = &libvqz_decoder_class,
    .p.capabilities = AV_CODEC_CAP_DR1 | AV_CODEC_CAP_OTHER_THREADS,
    .p.wrapper_name = "libvqz",
    .priv_data_size = sizeof(LibvqzDecContext),
    .init           = libvqz_decode_init,
    .close          = libvqz_decode_close,
    FF_CODEC_DECODE_CB(libvqz_decode),
    .caps_internal  = FF_CODEC_CAP_INIT_CLEANUP | FF_CODEC_CAP_AUTO_THREADS
#ifdef FF_CODEC_CAP_INIT_THREADSAFE
                      | FF_CODEC_CAP_INIT_THREADSAFE
#endif
    ,
};
