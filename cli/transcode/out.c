/* The film that goes out: a .vqz file, or what libavformat writes. Files get their name when they are complete. */
#include <errno.h>
#include <libavutil/avstring.h>
#include <libavutil/mathematics.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/transcode/transcode.h"

enum { MOST_WAITING = 128 << 20, IO_BUFFER = 65536 };

/* ---- where to ---- */
static int write_file(void *opaque,
#if LIBAVFORMAT_VERSION_MAJOR >= 61
                      const
#endif
                      uint8_t *data, int size) {
    sink *s = opaque;
    for (int done = 0; done < size;) {
        const ssize_t n = write(s->fd, data + done, (size_t)(size - done));
        if (n < 0 && errno != EINTR) return AVERROR(errno);
        if (n > 0) done += (int)n;
    }
    return size;
}

static int64_t seek_file(void *opaque, int64_t offset, int whence) {
    const sink *s = opaque;
    struct stat st;
    if (whence == AVSEEK_SIZE) return fstat(s->fd, &st) == 0 ? st.st_size : AVERROR(errno);
    const off_t at = lseek(s->fd, (off_t)offset, whence & ~AVSEEK_FORCE);
    return at < 0 ? AVERROR(errno) : at;
}

/* Muxers write to the temporary file; those that read it again (-movflags faststart) find it by its number. */
static vqz_status open_io(film_out *out, vqz_error *e) {
    uint8_t *buffer = av_malloc(IO_BUFFER);
    char *url = av_asprintf("/proc/self/fd/%d", out->file.fd);
    if (buffer && url) out->io = avio_alloc_context(buffer, IO_BUFFER, 1, &out->file, NULL, write_file, out->file.temp ? seek_file : NULL);
    if (!out->io) {
        av_free(buffer);
        av_free(url);
        return film_no_memory(e);
    }
    av_free(out->format->url);
    out->format->url = url;
    out->format->pb = out->io;
    out->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    return VQZ_OK;
}

static bool same_file(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static vqz_status open_target(film_out *out, vqz_error *e) {
    const char *name = out->args->out;
    if (same_file(out->args->in, name)) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "OUT, %s, is the same file", path_tail(name));
    if (out->format && out->format->oformat->flags & AVFMT_NOFILE) return VQZ_OK;
    if (out->format && strcmp(name, "-") != 0 && !film_is_file(name)) {
        const int code = avio_open2(&out->format->pb, name, AVIO_FLAG_WRITE, NULL, &out->options);
        return code < 0 ? film_fail(e, code, path_tail(name)) : VQZ_OK;
    }
    vqz_status s = sink_open(&out->file, name, e);
    if (s != VQZ_OK) return s;
    out->file_open = true;
    return out->format ? open_io(out, e) : VQZ_OK;
}

/* ---- what ---- */
static bool is_vqz(const film_args *a) {
    const char *dot = strrchr(a->out, '.');
    if (a->out_format) return strcmp(a->out_format, "vqz") == 0;
    return strcmp(a->out, "-") == 0 || (dot && strcmp(dot, ".vqz") == 0);
}

static vqz_status choose_codec(film_out *out, vqz_error *e) {
    const AVOutputFormat *f = out->format ? out->format->oformat : NULL;
    const char *name = out->args->codec;
    const bool encoder = name && strcmp(name, "vqz") != 0 && strcmp(name, "copy") != 0;
    out->copies = name && strcmp(name, "copy") == 0;
    if (!f && (encoder || out->copies))
        return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, encoder ? "a .vqz file holds vqz: -c:v %.60s needs another OUT" : "-c:v %.10s needs a Matroska or QuickTime file as OUT", name);
    if (out->copies && (out->args->filters || out->args->rate.num || out->args->pixel_format))
        return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "with -c:v copy frames are not decoded: no -vf, -r or -pix_fmt");
    if (!f || out->copies) return VQZ_OK;
    if (encoder && !(out->codec = avcodec_find_encoder_by_name(name))) {
        const AVCodecDescriptor *d = avcodec_descriptor_get_by_name(name);
        out->codec = d ? avcodec_find_encoder(d->id) : NULL;
        if (!out->codec) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "FFmpeg has no encoder %.60s", name);
    }
    if (!name && out->in->coded_by_vqz) {
        const enum AVCodecID id = av_guess_codec(f, NULL, out->args->out, NULL, AVMEDIA_TYPE_VIDEO);
        if (!(out->codec = avcodec_find_encoder(id)))
            return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "FFmpeg has no encoder for %.40s files (%s): name one with -c:v", f->name, avcodec_get_name(id));
    }
    if (out->codec && out->codec->type != AVMEDIA_TYPE_VIDEO) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "%.60s is no encoder of video", out->codec->name);
    if (out->codec || strcmp(f->name, "matroska") == 0 || strcmp(f->name, "mov") == 0 || strcmp(f->name, "nut") == 0) return VQZ_OK;
    return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "%.40s files cannot hold vqz: use .vqz, .mkv or .mov, or one of FFmpeg's encoders with -c:v", f->name);
}

/* ---- other streams ---- */
static bool takes(const film_out *out, const AVStream *st) {
    const AVOutputFormat *f = out->format->oformat;
    const enum AVCodecID id = st->codecpar->codec_id;
    const int known = avformat_query_codec(f, id, FF_COMPLIANCE_NORMAL);
    switch (st->codecpar->codec_type) {
    case AVMEDIA_TYPE_AUDIO: return id != AV_CODEC_ID_NONE && (known > 0 || (known < 0 && f->audio_codec != AV_CODEC_ID_NONE));
    case AVMEDIA_TYPE_SUBTITLE: return id != AV_CODEC_ID_NONE && (known > 0 || (known < 0 && f->subtitle_codec != AV_CODEC_ID_NONE));
    case AVMEDIA_TYPE_ATTACHMENT: return strcmp(f->name, "matroska") == 0;
    default: return false;
    }
}

static bool asked_for(const film_out *out, const AVStream *st) {
    const enum AVMediaType type = st->codecpar->codec_type;
    return !(type == AVMEDIA_TYPE_AUDIO && out->args->no_sound) && !(type == AVMEDIA_TYPE_SUBTITLE && out->args->no_subtitles);
}

static void leave_out(film_out *out, const AVStream *st) {
    const char *type = av_get_media_type_string(st->codecpar->codec_type);
    const size_t n = strlen(out->note);
    if (!type || st->codecpar->codec_type == AVMEDIA_TYPE_DATA) return;
    snprintf(out->note + n, sizeof out->note - n, "%s%s (%s)", n ? ", " : "left out: ", type, avcodec_get_name(st->codecpar->codec_id));
}

static vqz_status map_streams(film_out *out, vqz_error *e) {
    const AVFormatContext *in = out->in->format;
    int next = 0;
    if (!in) return VQZ_OK;
    if (!(out->map = malloc(in->nb_streams * sizeof *out->map))) return film_no_memory(e);
    for (int i = 0; i < (int)in->nb_streams; i++) {
        const AVStream *st = in->streams[i];
        out->map[i] = -1;
        if (i == out->in->video) out->video = next++;
        else if (!asked_for(out, st)) continue;
        else if (out->format && takes(out, st)) out->map[i] = next++;
        else leave_out(out, st);
    }
    return VQZ_OK;
}

vqz_status film_out_open(film_out *out, const film_args *a, const film_in *in, vqz_error *e) {
    *out = (film_out){.args = a, .in = in};
    sink_open_memory(&out->file);
    if (!is_vqz(a)) {
        const int code = avformat_alloc_output_context2(&out->format, NULL, a->out_format, a->out);
        if (code < 0) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "FFmpeg does not know what %s is to be: give it another name, or -f", path_tail(a->out));
    }
    if (av_dict_copy(&out->options, a->out_options, 0) < 0) return film_no_memory(e);
    vqz_status s = choose_codec(out, e);
    if (s == VQZ_OK) s = map_streams(out, e);
    return s == VQZ_OK ? open_target(out, e) : s;
}

bool film_out_wants(const film_out *out, int stream) { return out->map && out->map[stream] >= 0; }

/* ---- header ---- */
static vqz_status add_streams(film_out *out, const AVCodecParameters *par, AVRational timebase, AVRational rate, vqz_error *e) {
    const AVFormatContext *in = out->in->format;
    for (int i = 0; i < (in ? (int)in->nb_streams : 1); i++) {
        const bool film = i == out->in->video;
        const AVStream *from = in ? in->streams[i] : NULL;
        if (!film && !film_out_wants(out, i)) continue;
        AVStream *st = avformat_new_stream(out->format, NULL);
        if (!st || avcodec_parameters_copy(st->codecpar, film || !from ? par : from->codecpar) < 0) return film_no_memory(e);
        st->time_base = film || !from ? timebase : from->time_base;
        if (film) {
            st->avg_frame_rate = rate;
            st->sample_aspect_ratio = par->sample_aspect_ratio;
        } else {
            st->codecpar->codec_tag = 0;
        }
        if (from && av_dict_copy(&st->metadata, from->metadata, 0) < 0) return film_no_memory(e);
        if (from) st->disposition = from->disposition;
        if (film) av_dict_set(&st->metadata, "encoder", NULL, 0);
    }
    return VQZ_OK;
}

static vqz_status add_chapters(film_out *out, vqz_error *e) {
    const AVFormatContext *in = out->in->format;
    const int64_t end = out->args->length == AV_NOPTS_VALUE ? INT64_MAX : out->args->length;
    AVFormatContext *f = out->format;
    if (!in || !in->nb_chapters) return VQZ_OK;
    if (!(f->chapters = av_calloc(in->nb_chapters, sizeof *f->chapters))) return film_no_memory(e);
    for (unsigned i = 0; i < in->nb_chapters; i++) {
        const AVChapter *c = in->chapters[i];
        const int64_t from = av_rescale_q(c->start, c->time_base, MICROSECONDS) - out->zero, to = av_rescale_q(c->end, c->time_base, MICROSECONDS) - out->zero;
        if (to <= 0 || from >= end) continue;
        AVChapter *copy = av_mallocz(sizeof *copy);
        if (!copy) return film_no_memory(e);
        f->chapters[f->nb_chapters++] = copy;
        copy->id = c->id;
        copy->time_base = MICROSECONDS;
        copy->start = FFMAX(from, 0);
        copy->end = FFMIN(to, end);
        if (av_dict_copy(&copy->metadata, c->metadata, 0) < 0) return film_no_memory(e);
    }
    return VQZ_OK;
}

static vqz_status write_packet(film_out *out, AVPacket *packet, int stream, AVRational from, vqz_error *e) {
    packet->stream_index = stream;
    packet->pos = -1;
    av_packet_rescale_ts(packet, from, out->format->streams[stream]->time_base);
    const int code = av_interleaved_write_frame(out->format, packet);
    return code < 0 ? film_fail(e, code, path_tail(out->args->out)) : VQZ_OK;
}

static vqz_status write_other(film_out *out, AVPacket *packet, vqz_error *e) {
    const int from = packet->stream_index;
    return write_packet(out, packet, out->map[from], out->in->format->streams[from]->time_base, e);
}

vqz_status film_out_begin(film_out *out, const AVCodecParameters *par, AVRational timebase, AVRational rate, vqz_error *e) {
    vqz_status s = add_streams(out, par, timebase, rate, e);
    if (s == VQZ_OK) s = add_chapters(out, e);
    if (s != VQZ_OK) return s;
    if (out->in->format && av_dict_copy(&out->format->metadata, out->in->format->metadata, 0) < 0) return film_no_memory(e);
    int code = avformat_init_output(out->format, &out->options);
    if (code < 0) return film_fail(e, code, path_tail(out->args->out));
    const AVDictionaryEntry *left = av_dict_get(out->options, "", NULL, AV_DICT_IGNORE_SUFFIX);
    if (left) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "no option -%.60s of %.30s or %.30s", left->key, out->codec ? out->codec->name : "vqz", out->format->oformat->name);
    if ((code = avformat_write_header(out->format, NULL)) < 0) return film_fail(e, code, path_tail(out->args->out));
    out->begun = true;
    for (size_t i = 0; s == VQZ_OK && i < out->waiting_count; i++) {
        s = write_other(out, out->waiting[i], e);
        av_packet_free(&out->waiting[i]);
    }
    out->waiting_count = 0;
    return s;
}

/* ---- packets ---- */
vqz_status film_out_video(film_out *out, AVPacket *packet, AVRational timebase, vqz_error *e) { return write_packet(out, packet, out->video, timebase, e); }

static vqz_status wait(film_out *out, AVPacket *packet, vqz_error *e) {
    if (packet->size > MOST_WAITING - (int)out->waiting_bytes)
        return cli_fail(e, VQZ_ERR_LIMIT, NO_OFFSET, "%d MiB of sound and subtitles come before the first frame", MOST_WAITING >> 20);
    if (out->waiting_count == out->waiting_room) {
        const size_t room = out->waiting_room ? 2 * out->waiting_room : 64;
        AVPacket **more = realloc(out->waiting, room * sizeof *more);
        if (!more) return film_no_memory(e);
        out->waiting = more;
        out->waiting_room = room;
    }
    AVPacket *kept = av_packet_alloc();
    if (!kept) return film_no_memory(e);
    av_packet_move_ref(kept, packet);
    out->waiting[out->waiting_count++] = kept;
    out->waiting_bytes += (size_t)kept->size;
    return VQZ_OK;
}

vqz_status film_out_other(film_out *out, AVPacket *packet, vqz_error *e) {
    const int64_t shift = av_rescale_q(out->zero, MICROSECONDS, out->in->format->streams[packet->stream_index]->time_base);
    if (packet->pts != AV_NOPTS_VALUE) packet->pts -= shift;
    if (packet->dts != AV_NOPTS_VALUE) packet->dts -= shift;
    return out->begun ? write_other(out, packet, e) : wait(out, packet, e);
}

vqz_status film_out_bytes(film_out *out, const uint8_t *data, size_t size, vqz_error *e) {
    const AVDictionaryEntry *left = av_dict_get(out->options, "", NULL, AV_DICT_IGNORE_SUFFIX);
    if (left) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "no option -%.60s of vqz", left->key);
    return sink_write(&out->file, data, size) ? VQZ_OK : sink_failed(&out->file, e);
}

uint64_t film_out_written(film_out *out) {
    AVIOContext *pb = out->format ? out->format->pb : NULL;
    const int64_t now = !pb ? (int64_t)out->file.written : FFMAX(avio_size(pb), avio_tell(pb));
    if (now > (int64_t)out->written) out->written = (uint64_t)now;
    return out->written;
}

vqz_status film_out_finish(film_out *out, vqz_error *e) {
    if (out->format) {
        int code = av_write_trailer(out->format);
        out->begun = false;
        if (out->format->pb) avio_flush(out->format->pb);
        if (code >= 0 && out->format->pb && out->format->pb->error < 0) code = out->format->pb->error;
        if (code < 0) return film_fail(e, code, path_tail(out->args->out));
    }
    film_out_written(out);
    return out->file_open ? sink_commit(&out->file, e) : VQZ_OK;
}

void film_out_close(film_out *out) {
    for (size_t i = 0; i < out->waiting_count; i++) av_packet_free(&out->waiting[i]);
    free(out->waiting);
    free(out->map);
    if (out->format && !out->io && !(out->format->oformat->flags & AVFMT_NOFILE)) avio_closep(&out->format->pb);
    avformat_free_context(out->format);
    if (out->io) av_freep(&out->io->buffer);
    avio_context_free(&out->io);
    av_dict_free(&out->options);
    sink_close(&out->file);
    *out = (film_out){0};
    sink_open_memory(&out->file);
}
