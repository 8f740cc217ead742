/* vqz transcode: the way of a packet from IN to OUT. */
#include "cli/transcode/transcode.h"
#include <libavutil/mathematics.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
#include "cli/commands.h"
#include "cli/device.h"

/* ---- Ctrl-C ---- */
static volatile sig_atomic_t stopped;
static struct sigaction before[2];
static const int stops[2] = {SIGINT, SIGTERM};

static void on_stop(int number) {
    (void)number;
    stopped = 1;
    for (int i = 0; i < 2; i++) sigaction(stops[i], &before[i], NULL);       /* the next one ends the program at once */
}

static void catch_stops(void) {
    const struct sigaction action = {.sa_handler = on_stop};
    for (int i = 0; i < 2; i++)
        if (sigaction(stops[i], NULL, &before[i]) == 0 && before[i].sa_handler != SIG_IGN) sigaction(stops[i], &action, NULL);
}

bool film_stopped(void) { return stopped; }

/* ---- what FFmpeg says ---- */
static atomic_uint complaints;   /* errors that a decoder or a reader of files has found, and may have covered up */

static void on_log(void *who, int level, const char *format, va_list ap) {
    const AVClass *class = who ? *(const AVClass **)who : NULL;
    const AVClassCategory of = !class ? AV_CLASS_CATEGORY_NA : class->get_category ? class->get_category(who) : class->category;
    if (level <= AV_LOG_ERROR && strchr(format, '\n') && (of == AV_CLASS_CATEGORY_DECODER || of == AV_CLASS_CATEGORY_DEMUXER)) atomic_fetch_add(&complaints, 1);
    if (level > av_log_get_level()) return;
    if (isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);        /* in the place of the line that shows how far it is */
    av_log_default_callback(who, level, format, ap);
}

/* ---- the work ---- */
typedef struct film {
    film_args *args;
    progress *progress;
    film_in in;
    film_decoder decoder;
    film_graph graph;
    film_encoder encoder;
    film_out out;
    AVPacket *packet;
    AVFrame *frame, *filtered;
    int64_t begin, end;          /* of what is asked for, in microseconds of the input */
    int64_t now;                 /* where the film is, in microseconds of the output */
    int64_t shift;               /* what is taken off the film's times, in its units */
    uint64_t copied;             /* packets of video */
    bool prepared, full;         /* the graph, or with -c:v copy the header, is there; no more frames are wanted */
    bool *done;                  /* streams of which all has come that is asked for */
} film;

static uint64_t frames_of(const film *f) { return f->out.copies ? f->copied : f->encoder.frames; }

static void tell(film *f) {
    const int64_t left = f->in.length - (f->begin == INT64_MIN ? 0 : f->begin - f->in.start);
    const int64_t whole = f->in.length && f->end == INT64_MAX ? left : f->end == INT64_MAX ? 0 : FFMIN(f->args->length, f->in.length ? left : INT64_MAX);
    progress_film(f->progress, frames_of(f), (double)f->now / AV_TIME_BASE, (double)whole / AV_TIME_BASE, film_out_written(&f->out));
}

/* No more frames: sound ends with the last one. */
static void count_frame(film *f) {
    if ((int64_t)frames_of(f) < f->args->frames || f->full) return;
    f->full = true;
    f->end = FFMIN(f->end, f->out.zero + f->now + 1);
}

static vqz_status encode_filtered(film *f, vqz_error *e) {
    vqz_status s;
    while ((s = film_graph_receive(&f->graph, f->filtered, e)) == VQZ_OK) {
        if (f->filtered->pts != AV_NOPTS_VALUE) f->now = av_rescale_q(f->filtered->pts, f->encoder.timebase, MICROSECONDS);
        if (!f->full) s = film_encoder_send(&f->encoder, f->filtered, e);
        av_frame_unref(f->filtered);
        if (s != VQZ_OK) return s;
        count_frame(f);
        tell(f);
    }
    return s == VQZ_AGAIN || s == VQZ_END ? VQZ_OK : s;
}

/* Films of pictures alone begin with 0; others keep in step with the sound. */
static void set_shift(film *f, int64_t first) {
    if (!f->args->copy_times) f->shift = f->out.format ? av_rescale_q(f->out.zero, MICROSECONDS, f->in.timebase) : first;
}

/* Whether a frame, or a packet that is copied, is among what is asked for. Its times become those of the output. */
static bool select_time(film *f, int64_t *pts) {
    if (*pts == AV_NOPTS_VALUE) return !f->full;
    const int64_t time = av_rescale_q(*pts, f->in.timebase, MICROSECONDS);
    if (time >= f->end) f->full = true;
    if (time < f->begin || f->full) return false;
    if (!f->prepared) set_shift(f, *pts);
    *pts -= f->shift;
    return true;
}

static vqz_status take_frame(film *f, AVFrame *frame, vqz_error *e) {
    vqz_status s = VQZ_OK;
    if (!select_time(f, &frame->pts)) return VQZ_OK;
    if (!f->prepared) {
        s = film_encoder_choose(&f->encoder, &f->graph, frame, e);
    } else if (!film_graph_fits(&f->graph, frame)) {
        s = film_graph_send(&f->graph, NULL, e);
        if (s == VQZ_OK) s = encode_filtered(f, e);
    }
    if (s != VQZ_OK) return s;
    f->prepared = true;
    s = film_graph_send(&f->graph, frame, e);
    return s == VQZ_OK ? encode_filtered(f, e) : s;
}

/* NULL: there are no more packets. */
static vqz_status decode_packet(film *f, const AVPacket *packet, vqz_error *e) {
    vqz_status s = film_decoder_send(&f->decoder, packet, e);
    while (s == VQZ_OK && (s = film_decoder_receive(&f->decoder, f->frame, e)) == VQZ_OK) {
        s = take_frame(f, f->frame, e);
        av_frame_unref(f->frame);
    }
    return s == VQZ_AGAIN || s == VQZ_END ? VQZ_OK : s;
}

/* From the first key packet on. */
static vqz_status copy_packet(film *f, AVPacket *packet, vqz_error *e) {
    vqz_status s = VQZ_OK;
    const int64_t pts = packet->pts;
    if ((!f->prepared && !(packet->flags & AV_PKT_FLAG_KEY)) || !select_time(f, &packet->pts)) return VQZ_OK;
    if (packet->dts != AV_NOPTS_VALUE) packet->dts -= pts == AV_NOPTS_VALUE ? f->shift : pts - packet->pts;
    if (!f->prepared) s = film_out_begin(&f->out, f->in.par, f->in.timebase, f->in.rate, e);
    f->prepared = true;
    if (packet->pts != AV_NOPTS_VALUE) f->now = av_rescale_q(packet->pts, f->in.timebase, MICROSECONDS);
    if (s == VQZ_OK) s = film_out_video(&f->out, packet, f->in.timebase, e);
    f->copied++;
    count_frame(f);
    tell(f);
    return s;
}

static vqz_status take_other(film *f, AVPacket *packet, vqz_error *e) {
    const int64_t pts = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    const int64_t time = pts == AV_NOPTS_VALUE ? f->begin : av_rescale_q(pts, f->in.format->streams[packet->stream_index]->time_base, MICROSECONDS);
    if (time >= f->end) f->done[packet->stream_index] = true;
    return time >= f->end || time < f->begin ? VQZ_OK : film_out_other(&f->out, packet, e);
}

static vqz_status take_packet(film *f, AVPacket *packet, vqz_error *e) {
    if (packet->stream_index != f->in.video) return film_out_wants(&f->out, packet->stream_index) ? take_other(f, packet, e) : VQZ_OK;
    if (f->full) return VQZ_OK;
    return f->out.copies ? copy_packet(f, packet, e) : decode_packet(f, packet, e);
}

/* Of all frames and all sound that is asked for. Subtitles may be far apart: nobody waits for them. */
static bool has_all(const film *f) {
    if (!f->full) return false;
    for (unsigned i = 0; f->in.format && i < f->in.format->nb_streams; i++)
        if (film_out_wants(&f->out, (int)i) && !f->done[i] && f->in.format->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_AUDIO) return false;
    return true;
}

/* ---- from begin to end ---- */
static vqz_status open_film(film *f, vqz_error *e) {
    f->packet = av_packet_alloc();
    f->frame = av_frame_alloc();
    f->filtered = av_frame_alloc();
    if (!f->packet || !f->frame || !f->filtered) return film_no_memory(e);
    vqz_status s = film_in_open(&f->in, f->args, e);
    if (s != VQZ_OK) return s;
    if (f->in.format && !(f->done = av_calloc(f->in.format->nb_streams, sizeof *f->done))) return film_no_memory(e);
    const int64_t first = f->in.start + (f->args->start == AV_NOPTS_VALUE ? 0 : f->args->start);
    f->begin = f->args->start == AV_NOPTS_VALUE ? INT64_MIN : first;
    f->end = f->args->length == AV_NOPTS_VALUE ? INT64_MAX : first + f->args->length;
    if (f->begin != INT64_MIN) s = film_in_seek(&f->in, f->begin, e);
    if (s == VQZ_OK) s = film_out_open(&f->out, f->args, &f->in, e);
    if (s != VQZ_OK) return s;
    f->out.zero = f->args->copy_times ? 0 : first;
    if (f->out.copies) return VQZ_OK;
    if ((s = film_decoder_open(&f->decoder, &f->in, f->args, e)) != VQZ_OK) return s;
    if (f->decoder.vqz) f->in.orientation = f->decoder.info.image.orientation;
    if ((s = film_graph_open(&f->graph, f->args, &f->in, e)) != VQZ_OK) return s;
    f->graph.constant = f->out.format && !(f->out.format->oformat->flags & (AVFMT_VARIABLE_FPS | AVFMT_NOTIMESTAMPS | AVFMT_TS_NEGATIVE));
    return film_encoder_open(&f->encoder, f->args, &f->out, e);
}

/* What has come before an error of the input is finished: `bad` says so. */
static vqz_status run_film(film *f, vqz_error *bad, vqz_error *e) {
    vqz_status s = VQZ_OK;
    while (s == VQZ_OK && !film_stopped() && !has_all(f)) {
        s = film_in_read(&f->in, f->packet, e);
        if (s > VQZ_END && (f->prepared || f->encoder.frames)) {
            *bad = *e;
            s = VQZ_END;
        }
        if (s == VQZ_OK) s = take_packet(f, f->packet, e);
        av_packet_unref(f->packet);
    }
    if (s == VQZ_END) s = VQZ_OK;
    if (s == VQZ_OK && !f->out.copies) s = decode_packet(f, NULL, e);
    if (s == VQZ_OK && !f->prepared) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "not one frame could be had");
    if (s == VQZ_OK && !f->out.copies && (s = film_graph_send(&f->graph, NULL, e)) == VQZ_OK) s = encode_filtered(f, e);
    if (s == VQZ_OK && !f->out.copies) s = film_encoder_finish(&f->encoder, e);
    return s == VQZ_OK ? film_out_finish(&f->out, e) : s;
}

/* What the user should know of an output that is there. False: it is not all that was asked for. */
static bool report(film *f, const vqz_error *bad) {
    const progress *p = f->progress;
    const film_args *a = f->args;
    const uint64_t lost = f->decoder.lost + film_in_lost(&f->in);
    char text[128];
    report_note(p, a->in, f->out.note);
    report_note(p, a->in, f->encoder.note);
    if (f->graph.changed) report_note(p, a->in, "the size or format of frames changes on the way: all became as the first one");
    if (f->encoder.late) {
        snprintf(text, sizeof text, "%llu frames left out, whose time is not behind that of the one before", (unsigned long long)f->encoder.late);
        report_note(p, a->in, text);
    }
    if (atomic_load(&complaints)) {
        snprintf(text, sizeof text, "FFmpeg found %u errors in it; pictures or sound may be damaged", atomic_load(&complaints));
        report_note(p, a->in, text);
    }
    progress_clear(p);
    if (bad->status) report_error(a->in, bad);
    if (lost) fprintf(stderr, "vqz: %s: %llu frames or packets were damaged or missing; %s has the rest\n", a->in, (unsigned long long)lost, a->out);
    device_tell(&a->o, p);
    if (film_stopped()) fprintf(stderr, "vqz: stopped: %s ends with frame %llu\n", a->out, (unsigned long long)frames_of(f));
    report_result(p, "%s -> %s: %llu frames, %llu bytes, %.2f s", a->in, a->out, (unsigned long long)frames_of(f), (unsigned long long)f->out.written, now_seconds() - p->start);
    return !bad->status && !lost && !film_stopped();
}

static void close_film(film *f) {
    film_encoder_close(&f->encoder);
    film_graph_close(&f->graph);
    film_decoder_close(&f->decoder);
    film_out_close(&f->out);
    film_in_close(&f->in);
    av_packet_free(&f->packet);
    av_frame_free(&f->frame);
    av_frame_free(&f->filtered);
    av_free(f->done);
}

static int transcode(film_args *a) {
    progress p = progress_start(&a->o, 1, 0);
    film f = {.args = a, .progress = &p, .in.source.fd = -1};
    vqz_error e = {.offset = NO_OFFSET}, bad = {.offset = NO_OFFSET};
    sink_open_memory(&f.out.file);
    vqz_status s = open_film(&f, &e);
    if (s == VQZ_OK) s = run_film(&f, &bad, &e);
    const bool good = s == VQZ_OK && report(&f, &bad);
    progress_clear(&p);
    if (s != VQZ_OK) report_error(a->in, &e);
    close_film(&f);
    return good ? EXIT_DONE : EXIT_FAILED;
}

int cmd_transcode(options *o) {
    film_args a;
    loaded_model model;
    int code = EXIT_USAGE;
    if (film_args_parse(&a, o, o->inputs, o->input_count)) {
        code = EXIT_FAILED;
        av_log_set_level(a.o.quiet ? AV_LOG_FATAL : AV_LOG_ERROR);
        av_log_set_callback(on_log);
        if (device_open(&a.o) && model_load(&model, &a.o)) {
            catch_stops();
            code = transcode(&a);
            model_free(&model);
        }
        device_close(&a.o);
    }
    film_args_free(&a);
    return code;
}
