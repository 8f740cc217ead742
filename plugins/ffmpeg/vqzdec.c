/* vqz demuxer over libvqz: the header becomes the extradata, each frame a packet. Seeking needs the index at the file's end. */
#include <vqz/vqz.h>
#include "libavutil/mem.h"
#include "libavutil/opt.h"
#include "avformat.h"
#include "internal.h"
#if LIBAVFORMAT_VERSION_MAJOR >= 61
#include "demux.h"
#endif

#define READ_SIZE 65536
#define MAX_TOC (1 << 26)

typedef struct VqzDemuxContext {
    const AVClass *class;
    int partial;
    vqz_splitter *split;
    int64_t shift;               /* from the splitter's offsets to those of the file */
    int sought, still;
    uint8_t buffer[READ_SIZE];
} VqzDemuxContext;

static int failed(AVFormatContext *s, const vqz_error *e)
{
    av_log(s, AV_LOG_ERROR, "%s (%s)\n", e->text, vqz_status_name(e->status));
    return e->status == VQZ_ERR_MEMORY ? AVERROR(ENOMEM) : AVERROR_INVALIDDATA;
}

static int read_probe(const AVProbeData *p)
{
    return vqz_probe(p->buf, p->buf_size) == VQZ_OK ? AVPROBE_SCORE_MAX : 0;
}

/* The next packet. */
static int receive(AVFormatContext *s, vqz_packet *packet)
{
    VqzDemuxContext *c = s->priv_data;

    for (;;) {
        vqz_status status = vqz_splitter_receive(c->split, packet);
        int size;

        if (status == VQZ_OK)
            return 0;
        if (status == VQZ_END || (c->sought && status == VQZ_ERR_CORRUPT))   /* the index counts from the beginning, where this splitter was not */
            return AVERROR_EOF;
        if (status == VQZ_AGAIN) {
            size = avio_read(s->pb, c->buffer, READ_SIZE);
            if (size == AVERROR_EOF)
                status = vqz_splitter_flush(c->split);
            else if (size < 0)
                return size;
            else
                status = vqz_splitter_send(c->split, c->buffer, size);
        }
        if (status != VQZ_OK)
            return failed(s, vqz_splitter_error(c->split));
    }
}

static int open_splitter(AVFormatContext *s)
{
    VqzDemuxContext *c = s->priv_data;
    vqz_settings settings;
    vqz_error error;

    vqz_settings_init(&settings);
    settings.partial = c->partial;
    vqz_splitter_close(c->split);
    c->split = NULL;
    return vqz_splitter_open(&c->split, &settings, &error) == VQZ_OK ? 0 : failed(s, &error);
}

static int set_stream(AVFormatContext *s, AVStream *st, const vqz_file_info *info)
{
    static const enum AVPixelFormat formats[] = { AV_PIX_FMT_NONE, AV_PIX_FMT_GRAY8, AV_PIX_FMT_YA8, AV_PIX_FMT_RGB24, AV_PIX_FMT_RGBA };
    VqzDemuxContext *c = s->priv_data;

    c->still = !info->sequence;
    st->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
    st->codecpar->codec_id   = AV_CODEC_ID_VQZ;
    st->codecpar->width      = info->image.width;
    st->codecpar->height     = info->image.height;
    st->codecpar->format     = formats[info->image.layout];
    if (c->still)
        avpriv_set_pts_info(st, 64, 1, 25);
    else
        avpriv_set_pts_info(st, 64, info->timing.timebase_num, info->timing.timebase_den);
    st->nb_frames = c->still ? 1 : info->timing.frames;
    return 0;
}

static int read_info(AVFormatContext *s, AVStream *st, const vqz_packet *header)
{
    vqz_decoder *dec;
    vqz_file_info info;
    vqz_error error;
    vqz_status status;
    int ret;

    if (vqz_decoder_open(&dec, NULL, &error) != VQZ_OK)
        return failed(s, &error);
    status = vqz_decoder_send_packet(dec, header->data, header->size);
    if (status == VQZ_OK)
        status = vqz_decoder_info(dec, &info);
    ret = status == VQZ_OK ? set_stream(s, st, &info) : failed(s, vqz_decoder_error(dec));
    vqz_decoder_close(dec);
    return ret;
}

/* Where frames are. A file without an index can only be read from its beginning. */
static int read_toc(AVFormatContext *s, AVStream *st)
{
    const int64_t size = avio_size(s->pb), here = avio_tell(s->pb);
    uint8_t tail[VQZ_TAIL_SIZE], *data;
    vqz_toc toc;
    vqz_toc_entry entry;
    uint32_t toc_size;

    if (size < VQZ_TAIL_SIZE || avio_seek(s->pb, size - VQZ_TAIL_SIZE, SEEK_SET) < 0)
        return 0;
    toc_size = avio_read(s->pb, tail, VQZ_TAIL_SIZE) == VQZ_TAIL_SIZE ? vqz_toc_size(tail) : 0;
    if (toc_size && toc_size <= MAX_TOC && toc_size <= size && (data = av_malloc(toc_size))) {
        if (avio_seek(s->pb, size - toc_size, SEEK_SET) >= 0 && avio_read(s->pb, data, toc_size) == toc_size &&
            vqz_toc_open(&toc, data, toc_size, NULL) == VQZ_OK) {
            st->start_time = toc.start;
            st->duration   = toc.end - toc.start;
            st->nb_frames  = toc.frames;
            while (toc.indexed && vqz_toc_next(&toc, &entry) == VQZ_OK)
                if (av_add_index_entry(st, entry.offset, entry.pts, 0, 0, entry.key ? AVINDEX_KEYFRAME : 0) < 0)
                    break;
        }
        av_free(data);
    }
    return avio_seek(s->pb, here, SEEK_SET) < 0 ? AVERROR(EIO) : 0;
}

static int read_header(AVFormatContext *s)
{
    VqzDemuxContext *c = s->priv_data;
    AVStream *st = avformat_new_stream(s, NULL);
    vqz_packet packet;
    int ret;

    if (!st)
        return AVERROR(ENOMEM);
    if ((ret = open_splitter(s)) < 0)
        return ret;
    if ((ret = receive(s, &packet)) < 0)
        return ret == AVERROR_EOF ? AVERROR_INVALIDDATA : ret;
    if ((ret = ff_alloc_extradata(st->codecpar, packet.size)) < 0)
        return ret;
    memcpy(st->codecpar->extradata, packet.data, packet.size);
    if ((ret = read_info(s, st, &packet)) < 0)
        return ret;
    return (s->pb->seekable & AVIO_SEEKABLE_NORMAL) && !c->still ? read_toc(s, st) : 0;
}

static int read_packet(AVFormatContext *s, AVPacket *pkt)
{
    VqzDemuxContext *c = s->priv_data;
    vqz_packet packet;
    int ret;

    for (;;) {
        if ((ret = receive(s, &packet)) < 0)
            return ret;
        if (packet.kind == VQZ_PACKET_FRAME && packet.status == VQZ_OK)
            break;
        if (packet.kind == VQZ_PACKET_FRAME)
            failed(s, vqz_splitter_error(c->split));     /* costs this frame */
    }
    if (packet.size > INT_MAX - AV_INPUT_BUFFER_PADDING_SIZE)
        return AVERROR_INVALIDDATA;
    if ((ret = av_new_packet(pkt, packet.size)) < 0)
        return ret;
    memcpy(pkt->data, packet.data, packet.size);
    pkt->pts      = pkt->dts = packet.pts;
    pkt->duration = packet.duration;
    pkt->pos      = packet.offset + c->shift;
    if (packet.key)
        pkt->flags |= AV_PKT_FLAG_KEY;
    return 0;
}

static int read_seek(AVFormatContext *s, int stream, int64_t timestamp, int flags)
{
    VqzDemuxContext *c = s->priv_data;
    AVStream *st = s->streams[stream];
    const int i = av_index_search_timestamp(st, timestamp, flags);
    const AVIndexEntry *entry = i < 0 ? NULL : avformat_index_get_entry(st, i);
    vqz_packet header;
    int64_t at;
    int ret;

    if (!entry)
        return -1;
    if ((at = avio_seek(s->pb, entry->pos, SEEK_SET)) < 0)
        return at;
    if ((ret = open_splitter(s)) < 0)
        return ret;
    if (vqz_splitter_send(c->split, st->codecpar->extradata, st->codecpar->extradata_size) != VQZ_OK)
        return failed(s, vqz_splitter_error(c->split));
    if ((ret = receive(s, &header)) < 0)
        return ret;
    c->shift  = at - st->codecpar->extradata_size;
    c->sought = 1;
    return 0;
}

static int read_close(AVFormatContext *s)
{
    VqzDemuxContext *c = s->priv_data;

    vqz_splitter_close(c->split);
    c->split = NULL;
    return 0;
}

#define OFFSET(x) offsetof(VqzDemuxContext, x)
static const AVOption options[] = {
    { "partial", "deliver damaged frames; the decoder's option of that name goes with it", OFFSET(partial), AV_OPT_TYPE_BOOL, { .i64 = 0 }, 0, 1, AV_OPT_FLAG_DECODING_PARAM },
    { NULL }
};

static const AVClass vqz_demuxer_class = {
    .class_name = "vqz demuxer",
    .item_name  = av_default_item_name,
    .option     = options,
    .version    = LIBAVUTIL_VERSION_INT,
};

#if LIBAVFORMAT_VERSION_MAJOR >= 61
const FFInputFormat ff_vqz_demuxer = {
    .p.name         = "vqz",
    .p.long_name    = NULL_IF_CONFIG_SMALL("vqz learned image codec"),
    .p.extensions   = "vqz",
    .p.priv_class   = &vqz_demuxer_class,
    .flags_internal = FF_INFMT_FLAG_INIT_CLEANUP,
#else
const AVInputFormat ff_vqz_demuxer = {
    .name           = "vqz",
    .long_name      = NULL_IF_CONFIG_SMALL("vqz learned image codec"),
    .extensions     = "vqz",
    .priv_class     = &vqz_demuxer_class,
    .flags_internal = FF_FMT_INIT_CLEANUP,
#endif
    .priv_data_size = sizeof(VqzDemuxContext),
    .read_probe     = read_probe,
    .read_header    = read_header,
    .read_packet    = read_packet,
    .read_seek      = read_seek,
    .read_close     = read_close,
};
