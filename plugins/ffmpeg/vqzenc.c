/* vqz muxer: the header from the extradata, packets as they are, and an index (spec/container.md, section 14). libvqz reads what each packet says of its frame.
 * The times in a file are those that its encoder wrote into the packets. */
#include <vqz/vqz.h>
#include "libavutil/crc.h"
#include "libavutil/intreadwrite.h"
#include "libavutil/mem.h"
#include "avformat.h"
#include "avio_internal.h"
#include "internal.h"
#if LIBAVFORMAT_VERSION_MAJOR >= 61
#include "mux.h"
#endif

#define MAX_INDEX (1 << 26)
#define CRC32C 0x82F63B78

typedef struct VqzMuxContext {
    vqz_decoder *dec;            /* reads frames' descriptions */
    AVIOContext *entries;        /* of the index; given up where it would be too large */
    int64_t entries_size;
    vqz_file_info info;
    int header_size;
    int64_t start, last_pts, end, offset, last_offset;
    uint32_t frames;
} VqzMuxContext;

static int failed(AVFormatContext *s, const vqz_error *e)
{
    av_log(s, AV_LOG_ERROR, "%s (%s)\n", e->text, vqz_status_name(e->status));
    return e->status == VQZ_ERR_MEMORY ? AVERROR(ENOMEM) : AVERROR_INVALIDDATA;
}

static vqz_status open_header(VqzMuxContext *c, const uint8_t *data, int size, vqz_error *error)
{
    vqz_status status;

    vqz_decoder_close(c->dec);
    c->dec = NULL;
    status = vqz_decoder_open(&c->dec, NULL, error);
    if (status != VQZ_OK)
        return status;
    status = vqz_decoder_send_packet(c->dec, data, size);
    if (status == VQZ_OK)
        status = vqz_decoder_info(c->dec, &c->info);
    *error = *vqz_decoder_error(c->dec);
    c->header_size = size;
    return status;
}

static int init(AVFormatContext *s)
{
    VqzMuxContext *c = s->priv_data;
    AVCodecParameters *par = s->nb_streams == 1 ? s->streams[0]->codecpar : NULL;
    vqz_error error;
    vqz_status status;
    int ret;

    if (!par || par->codec_id != AV_CODEC_ID_VQZ) {
        av_log(s, AV_LOG_ERROR, "A vqz file holds one stream of vqz and nothing else.\n");
        return AVERROR(EINVAL);
    }
    if (!par->extradata_size) {
        av_log(s, AV_LOG_ERROR, "The stream has no header (extradata): its packets are stills, each a file of its own. Write them with %%03d in the name, or encode again.\n");
        return AVERROR(EINVAL);
    }
    status = open_header(c, par->extradata, par->extradata_size, &error);
    if (status == VQZ_ERR_TRUNCATED && !par->extradata[par->extradata_size - 1])   /* Matroska and AVI make it even */
        status = open_header(c, par->extradata, par->extradata_size - 1, &error);
    if (status != VQZ_OK)
        return failed(s, &error);
    if ((ret = avio_open_dyn_buf(&c->entries)) < 0)
        return ret;
    if (c->info.sequence)
        avpriv_set_pts_info(s->streams[0], 64, c->info.timing.timebase_num, c->info.timing.timebase_den);
    return 0;
}

static int write_header(AVFormatContext *s)
{
    VqzMuxContext *c = s->priv_data;
    const AVCodecParameters *par = s->streams[0]->codecpar;

    avio_write(s->pb, par->extradata, c->header_size);
    c->offset = c->header_size;
    return 0;
}

static int put_long(AVIOContext *pb, uint64_t v)
{
    int n = 1;

    for (; v > 127; v >>= 7, n++)
        avio_w8(pb, (v & 127) | 128);
    avio_w8(pb, v);
    return n;
}

static uint64_t fold(int64_t v)
{
    return v < 0 ? ~((uint64_t)v << 1) : (uint64_t)v << 1;
}

static int add_entry(AVFormatContext *s, const vqz_frame *frame)
{
    VqzMuxContext *c = s->priv_data;

    if (!c->frames)
        c->start = c->last_pts = frame->pts;
    else if (frame->pts <= c->last_pts) {
        av_log(s, AV_LOG_ERROR, "A frame's own time, %"PRId64", is not behind that of the frame before, %"PRId64"; encode again to join films.\n",
               frame->pts, c->last_pts);
        return AVERROR(EINVAL);
    }
    if (c->entries_size < MAX_INDEX / 2) {
        c->entries_size += put_long(c->entries, (uint64_t)(c->offset - c->last_offset) << 1 | frame->key);
        c->entries_size += put_long(c->entries, fold(frame->pts - c->last_pts));
    }
    c->last_offset = c->offset;
    c->last_pts    = frame->pts;
    c->end         = frame->pts + frame->duration;
    c->frames++;
    return 0;
}

static int write_packet(AVFormatContext *s, AVPacket *pkt)
{
    VqzMuxContext *c = s->priv_data;
    const AVCodecParameters *par = s->streams[0]->codecpar;
    const uint8_t *data = pkt->data;
    int size = pkt->size, ret;
    vqz_frame frame;
    vqz_status status;

    if (size > c->header_size && !memcmp(data, par->extradata, c->header_size)) {   /* repeated */
        data += c->header_size;
        size -= c->header_size;
    }
    if (c->info.sequence) {
        status = vqz_decoder_send_packet(c->dec, data, size);
        if (status == VQZ_OK)
            status = vqz_decoder_next_frame(c->dec, &frame);
        if (status == VQZ_OK)
            status = frame.status;
        if (status != VQZ_OK) {
            av_log(s, AV_LOG_ERROR, "A packet is not a frame of vqz (%s).\n", vqz_status_name(status));
            return AVERROR_INVALIDDATA;
        }
        if ((ret = add_entry(s, &frame)) < 0)
            return ret;
    } else if (c->frames++) {
        av_log(s, AV_LOG_ERROR, "A still has one frame.\n");
        return AVERROR(EINVAL);
    }
    avio_write(s->pb, data, size);
    c->offset += size;
    return 0;
}

static int write_index(AVFormatContext *s, AVIOContext *pb)
{
    VqzMuxContext *c = s->priv_data;
    AVCRC table[257];
    uint8_t *entries, *chunk;
    int size, entries_size = avio_close_dyn_buf(c->entries, &entries);
    uint32_t crc;

    c->entries = NULL;
    avio_write(pb, "INDX", 4);
    avio_wl32(pb, 0);
    put_long(pb, c->frames);
    put_long(pb, fold(c->start));
    put_long(pb, fold(c->end));
    if (c->entries_size < MAX_INDEX / 2)
        avio_write(pb, entries, entries_size);
    av_free(entries);
    avio_wl32(pb, avio_tell(pb) + 8);
    size = avio_get_dyn_buf(pb, &chunk);
    if (pb->error)
        return pb->error;
    AV_WL32(chunk + 4, size - 8);
    av_crc_init(table, 1, 32, CRC32C, sizeof(table));
    crc = ~av_crc(table, ~0U, chunk, size);
    avio_write(s->pb, chunk, size);
    avio_wl32(s->pb, crc);
    return 0;
}

static int write_trailer(AVFormatContext *s)
{
    VqzMuxContext *c = s->priv_data;
    AVIOContext *pb;
    int ret;

    if (!c->info.sequence)
        return 0;
    if (!c->frames || (c->info.timing.frames && c->info.timing.frames != c->frames)) {
        av_log(s, AV_LOG_ERROR, "The file is not valid: it has %"PRIu32" frames, its header says %"PRIu32". Encode again to cut a film.\n",
               c->frames, c->info.timing.frames);
        return AVERROR_INVALIDDATA;
    }
    if ((ret = avio_open_dyn_buf(&pb)) < 0)
        return ret;
    ret = write_index(s, pb);
    ffio_free_dyn_buf(&pb);
    return ret;
}

static void deinit(AVFormatContext *s)
{
    VqzMuxContext *c = s->priv_data;

    vqz_decoder_close(c->dec);
    ffio_free_dyn_buf(&c->entries);
}

#if LIBAVFORMAT_VERSION_MAJOR >= 61
const FFOutputFormat ff_vqz_muxer = {
    .p.name         = "vqz",
    .p.long_name    = NULL_IF_CONFIG_SMALL("vqz learned image codec"),
    .p.extensions   = "vqz",
    .p.video_codec  = AV_CODEC_ID_VQZ,
    .p.flags        = AVFMT_GLOBALHEADER | AVFMT_VARIABLE_FPS | AVFMT_TS_NEGATIVE,
#else
const AVOutputFormat ff_vqz_muxer = {
    .name           = "vqz",
    .long_name      = NULL_IF_CONFIG_SMALL("vqz learned image codec"),
    .extensions     = "vqz",
    .video_codec    = AV_CODEC_ID_VQZ,
    .flags          = AVFMT_GLOBALHEADER | AVFMT_VARIABLE_FPS | AVFMT_TS_NEGATIVE,
#endif
    .priv_data_size = sizeof(VqzMuxContext),
    .init           = init,
    .write_header   = write_header,
    .write_packet   = write_packet,
    .write_trailer  = write_trailer,
    .deinit         = deinit,
};
