/* The film that comes in: a .vqz file, or what libavformat reads. */
#include <libavutil/mathematics.h>
#include <string.h>
#include "cli/transcode/transcode.h"
#include "plugins/ffmpeg/libvqz_orientation.h"

vqz_status film_fail(vqz_error *e, int code, const char *what) {
    char why[AV_ERROR_MAX_STRING_SIZE];
    if (code == AVERROR(ENOMEM)) return film_no_memory(e);
    av_strerror(code, why, sizeof why);
    return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "%.110s: %s", what, why);
}

vqz_status film_no_memory(vqz_error *e) { return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory"); }

/* ---- standard input, whose first bytes have been looked at ---- */
static int read_pipe(void *opaque, uint8_t *to, int size) {
    source *s = opaque;
    if (s->pos == s->end && !source_fill(s)) return s->error ? AVERROR(s->error) : AVERROR_EOF;
    size_t n = s->end - s->pos;
    if (n > (size_t)size) n = (size_t)size;
    memcpy(to, s->data + s->pos, n);
    s->pos += n;
    return (int)n;
}

static vqz_status open_pipe(film_in *in, vqz_error *e) {
    enum { BUFFER = 65536 };
    uint8_t *buffer = av_malloc(BUFFER);
    if (!buffer || !(in->pipe = avio_alloc_context(buffer, BUFFER, 0, &in->source, read_pipe, NULL, NULL)) || !(in->format = avformat_alloc_context())) {
        if (!in->pipe) av_free(buffer);
        return film_no_memory(e);
    }
    in->format->pb = in->pipe;
    return VQZ_OK;
}

bool film_is_file(const char *name) {
    const char *protocol = avio_find_protocol_name(name);
    return !protocol || strcmp(protocol, "file") == 0;
}

/* Whether the film is a .vqz file. Names of anything but files (URLs, patterns of names) are for FFmpeg, which looks for itself. */
static vqz_status look(film_in *in, const film_args *a, bool *ours, vqz_error *e) {
    const bool pipe = strcmp(a->in, "-") == 0;
    *ours = false;
    if (!pipe && (a->in_format || !film_is_file(a->in))) return VQZ_OK;
    vqz_status s = source_open(&in->source, a->in, e);
    if (s != VQZ_OK) return pipe ? s : VQZ_OK;
    const size_t n = source_peek(&in->source, 16);
    if (in->source.error) return source_short(&in->source, e);
    const vqz_status p = vqz_probe(in->source.data + in->source.pos, n);
    *ours = !a->in_format && (p == VQZ_OK || p == VQZ_ERR_VERSION || p == VQZ_ERR_CHECKSUM);
    if (!*ours && !pipe) source_close(&in->source);
    return VQZ_OK;
}

/* ---- libavformat ---- */
static int stop(void *nothing) {
    (void)nothing;
    return film_stopped();
}

static bool is_picture(const AVStream *st) { return st->disposition & AV_DISPOSITION_ATTACHED_PIC; }

static int display_orientation(const AVStream *st) {
    const uint8_t *data = NULL;
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 30, 100)
    const AVPacketSideData *sd = av_packet_side_data_get(st->codecpar->coded_side_data, st->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    if (sd && sd->size >= 9 * sizeof(int32_t)) data = sd->data;
#else
    size_t size;
    data = av_stream_get_side_data(st, AV_PKT_DATA_DISPLAYMATRIX, &size);
    if (data && size < 9 * sizeof(int32_t)) data = NULL;
#endif
    return data ? libvqz_orientation((const int32_t *)data) : 1;
}

static vqz_status set_video(film_in *in, vqz_error *e) {
    in->video = av_find_best_stream(in->format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (in->video < 0) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "has no video");
    AVStream *st = in->format->streams[in->video];
    in->coded_by_vqz = st->codecpar->codec_id == AV_CODEC_ID_NONE && st->codecpar->codec_tag == VQZ_TAG;
    in->par = st->codecpar;
    in->timebase = st->time_base;
    in->rate = av_guess_frame_rate(in->format, st, NULL);
    in->aspect = av_guess_sample_aspect_ratio(in->format, st, NULL);
    in->orientation = display_orientation(st);
    in->start = in->format->start_time == AV_NOPTS_VALUE ? 0 : in->format->start_time;
    in->length = in->format->duration == AV_NOPTS_VALUE ? 0 : in->format->duration;
    for (unsigned i = 0; i < in->format->nb_streams; i++)        /* of several films in one, one is taken */
        if ((int)i != in->video && in->format->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !is_picture(in->format->streams[i]))
            in->format->streams[i]->discard = AVDISCARD_ALL;
    return VQZ_OK;
}

static vqz_status unknown_options(AVDictionary *left, const char *what, vqz_error *e) {
    const AVDictionaryEntry *first = av_dict_get(left, "", NULL, AV_DICT_IGNORE_SUFFIX);
    return first ? cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "no option -%.60s %s", first->key, what) : VQZ_OK;
}

static vqz_status open_format(film_in *in, const film_args *a, vqz_error *e) {
    const AVInputFormat *format = a->in_format ? av_find_input_format(a->in_format) : NULL;
    AVDictionary *given = NULL;
    if (a->in_format && !format) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "FFmpeg has no format %.60s to read", a->in_format);
    if (in->source.fd < 0 && !(in->format = avformat_alloc_context())) return film_no_memory(e);
    if (in->source.fd >= 0) {
        vqz_status s = open_pipe(in, e);
        if (s != VQZ_OK) return s;
    }
    in->format->interrupt_callback = (AVIOInterruptCB){.callback = stop};
    if (av_dict_copy(&given, a->in_options, 0) < 0) return film_no_memory(e);
    int code = avformat_open_input(&in->format, in->pipe ? NULL : a->in, format, &given);
    vqz_status s = code < 0 ? film_fail(e, code, "cannot open") : unknown_options(given, "of this format", e);
    av_dict_free(&given);
    if (s != VQZ_OK) return s;
    code = avformat_find_stream_info(in->format, NULL);
    return code < 0 ? film_fail(e, code, "cannot be understood") : set_video(in, e);
}

vqz_status film_in_open(film_in *in, const film_args *a, vqz_error *e) {
    bool ours;
    *in = (film_in){.source.fd = -1, .orientation = 1, .rate = {0, 1}, .aspect = {0, 1}};
    vqz_status s = look(in, a, &ours, e);
    if (s != VQZ_OK || !ours) return s == VQZ_OK ? open_format(in, a, e) : s;
    in->coded_by_vqz = true;
    if ((s = unknown_options(a->in_options, "of this format", e)) != VQZ_OK) return s;
    return vqz_film_open(&in->vqz, in, a, e);
}

vqz_status film_in_seek(film_in *in, int64_t time, vqz_error *e) {
    if (in->vqz) return vqz_film_seek(in->vqz, av_rescale_q(time, MICROSECONDS, in->timebase), e);
    if (!in->format->pb || !(in->format->pb->seekable & AVIO_SEEKABLE_NORMAL)) return VQZ_OK;
    const int code = avformat_seek_file(in->format, -1, INT64_MIN, time, time, 0);
    if (code < 0) av_log(NULL, AV_LOG_WARNING, "This file cannot be sought: it is read from its beginning.\n");
    return VQZ_OK;
}

vqz_status film_in_read(film_in *in, AVPacket *packet, vqz_error *e) {
    if (in->vqz) return vqz_film_read(in->vqz, packet, e);
    const int code = av_read_frame(in->format, packet);
    if (code == AVERROR_EXIT && film_stopped()) return VQZ_END;
    if (code == AVERROR_EOF) return in->format->pb && in->format->pb->error < 0 && !film_stopped() ? film_fail(e, in->format->pb->error, "cannot read") : VQZ_END;
    return code < 0 ? film_fail(e, code, "cannot read") : VQZ_OK;
}

uint64_t film_in_lost(const film_in *in) { return in->vqz ? vqz_film_lost(in->vqz) : 0; }

void film_in_close(film_in *in) {
    if (in->vqz) avcodec_parameters_free(&in->par);
    vqz_film_close(in->vqz);
    avformat_close_input(&in->format);
    if (in->pipe) av_freep(&in->pipe->buffer);
    avio_context_free(&in->pipe);
    source_close(&in->source);
    *in = (film_in){.source.fd = -1};
}
