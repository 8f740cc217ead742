/* Frames become packets, by libvqz or by one of libavcodec's encoders. */
#include <libavfilter/buffersink.h>
#include <stdlib.h>
#include <string.h>
#include "cli/transcode/transcode.h"

vqz_status film_encoder_open(film_encoder *c, const film_args *a, film_out *out, vqz_error *e) {
    *c = (film_encoder){.args = a, .out = out, .codec = out->codec, .format = AV_PIX_FMT_NONE, .last = AV_NOPTS_VALUE};
    c->held = av_frame_alloc();
    c->yuv = av_frame_alloc();
    c->packet = av_packet_alloc();
    if (!c->held || !c->yuv || !c->packet) return film_no_memory(e);
    return c->codec ? VQZ_OK : vqz_encoder_open(&c->vqz, &a->o.config.settings, a->o.config.model, e);
}

/* ---- what the encoder takes ---- */
static const enum AVPixelFormat *formats_of(const AVCodec *codec) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(61, 13, 100)
    const void *list = NULL;
    return avcodec_get_supported_config(NULL, codec, AV_CODEC_CONFIG_PIX_FORMAT, 0, &list, NULL) < 0 ? NULL : list;
#else
    return codec->pix_fmts;
#endif
}

static bool lists(const enum AVPixelFormat *list, enum AVPixelFormat f) {
    for (; *list != AV_PIX_FMT_NONE; list++)
        if (*list == f) return true;
    return false;
}

static bool is_yuv(enum AVPixelFormat f) {
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(f);
    return d->nb_components >= 3 && !(d->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BAYER));
}

static bool has_alpha(enum AVPixelFormat f) { return av_pix_fmt_desc_get(f)->flags & AV_PIX_FMT_FLAG_ALPHA; }

/* RGB stays RGB where that loses nothing; else 4:2:0 is what every player shows. */
static enum AVPixelFormat choose_format(const enum AVPixelFormat *list, enum AVPixelFormat from) {
    const bool alpha = has_alpha(from);
    int loss = 0;
    if (!list || lists(list, from)) return from;
    const enum AVPixelFormat best = avcodec_find_best_pix_fmt_of_list(list, from, alpha, &loss);
    if (is_yuv(from) || !is_yuv(best)) return best;
    for (const enum AVPixelFormat *f = list; *f != AV_PIX_FMT_NONE; f++) {
        const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(*f);
        if ((d->flags & AV_PIX_FMT_FLAG_RGB) && d->comp[0].depth >= 8 && d->nb_components == (alpha ? 4 : 3)) return *f;
    }
    if (alpha && lists(list, AV_PIX_FMT_YUVA420P)) return AV_PIX_FMT_YUVA420P;
    for (const enum AVPixelFormat *f = list; *f != AV_PIX_FMT_NONE; f++)         /* encoders begin with the range that they like best */
        if (*f == AV_PIX_FMT_YUV420P || *f == AV_PIX_FMT_YUVJ420P) return *f;
    return best;
}

static const char *matrix_name(enum AVColorSpace matrix) {
    return matrix == AVCOL_SPC_BT2020_NCL ? "out_color_matrix=bt2020:out_range=tv" : matrix == AVCOL_SPC_BT709 ? "out_color_matrix=bt709:out_range=tv"
                                                                                                         : "out_color_matrix=smpte170m:out_range=tv";
}

static vqz_status choose_av(film_encoder *c, film_graph *g, enum AVPixelFormat from, const AVFrame *first, vqz_error *e) {
    enum AVPixelFormat to = choose_format(formats_of(c->codec), from);
    if (to == from && !is_yuv(from) && strcmp(c->out->format->oformat->name, "yuv4mpegpipe") == 0)       /* whose encoder takes everything */
        to = av_pix_fmt_desc_get(from)->nb_components < 3 ? AV_PIX_FMT_GRAY8 : AV_PIX_FMT_YUV444P;
    if (c->args->pixel_format && (to = av_get_pix_fmt(c->args->pixel_format)) == AV_PIX_FMT_NONE)
        return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "-pix_fmt: FFmpeg knows no %.60s", c->args->pixel_format);
    const int width = av_buffersink_get_w(g->to), height = av_buffersink_get_h(g->to);
    const bool odd = (width | height) & 1, even_only = c->codec->id == AV_CODEC_ID_H264 || c->codec->id == AV_CODEC_ID_HEVC;
    if (!c->args->pixel_format && odd && even_only && to == AV_PIX_FMT_YUV420P) to = AV_PIX_FMT_YUV444P;      /* the one way to keep such sizes */
    if (has_alpha(from) && !has_alpha(to)) snprintf(c->note, sizeof c->note, "transparency is left out");
    g->wanted = to;
    if (is_yuv(from) || !is_yuv(to)) return VQZ_OK;
    c->matrix = film_matrix(first->color_primaries, width, height);
    if (film_writable(to)) {
        c->format = to;
        g->wanted = film_readable(from);
    } else {
        g->yuv = matrix_name(c->matrix);
    }
    return VQZ_OK;
}

vqz_status film_encoder_choose(film_encoder *c, film_graph *g, const AVFrame *first, vqz_error *e) {
    vqz_status s = film_graph_prepare(g, first, e);
    if (s != VQZ_OK) return s;
    const enum AVPixelFormat from = film_graph_format(g);
    if (c->codec) s = choose_av(c, g, from, first, e);
    else g->wanted = film_readable(from);
    if (s == VQZ_OK && (g->wanted != from || g->yuv)) s = film_graph_prepare(g, first, e);
    if (s != VQZ_OK) return s;
    c->timebase = film_graph_timebase(g);
    c->rate = av_buffersink_get_frame_rate(g->to);
    if (!c->rate.num) c->rate = g->rate.num ? g->rate : (AVRational){25, 1};
    const int depth = av_pix_fmt_desc_get(from)->comp[0].depth;
    if (!c->codec && depth > 8) snprintf(c->note, sizeof c->note, "samples of %d bits become 8; primaries and transfer stay as they are", depth);
    return VQZ_OK;
}

/* ---- libavcodec ---- */
static vqz_status begin_av(film_encoder *c, const AVFrame *f, vqz_error *e) {
    AVCodecContext *av = c->av = avcodec_alloc_context3(c->codec);
    const vqz_settings *settings = &c->args->o.config.settings;
    AVCodecParameters *par = avcodec_parameters_alloc();
    if (!av || !par) {
        avcodec_parameters_free(&par);
        return film_no_memory(e);
    }
    av->width = f->width;
    av->height = f->height;
    av->pix_fmt = (enum AVPixelFormat)f->format;
    av->sample_aspect_ratio = f->sample_aspect_ratio;
    av->framerate = c->rate;
    av->time_base = c->codec->id == AV_CODEC_ID_MPEG4 && c->timebase.den > 65535 ? av_inv_q(c->rate) : c->timebase;
    av->colorspace = f->colorspace;
    av->color_range = f->color_range;
    av->color_primaries = f->color_primaries;
    av->color_trc = f->color_trc;
    av->chroma_sample_location = f->chroma_location;
    av->thread_count = (int)settings->threads;
    if (c->out->format->oformat->flags & AVFMT_GLOBALHEADER) av->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (c->args->quality_given) {
        av->flags |= AV_CODEC_FLAG_QSCALE;
        av->global_quality = (int)(settings->quality * FF_QP2LAMBDA);
    }
    if (c->args->interval_given) av->gop_size = (int)settings->key_interval;
    int code = avcodec_open2(av, c->codec, &c->out->options);
    if (code >= 0) code = avcodec_parameters_from_context(par, av);
    vqz_status s = code < 0 ? film_fail(e, code, c->codec->name) : film_out_begin(c->out, par, av->time_base, c->rate, e);
    avcodec_parameters_free(&par);
    return s;
}

static vqz_status drain_av(film_encoder *c, vqz_error *e) {
    for (;;) {
        const int code = avcodec_receive_packet(c->av, c->packet);
        if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return VQZ_OK;
        if (code < 0) return film_fail(e, code, c->codec->name);
        if (c->packet->duration <= 0) c->packet->duration = av_rescale_q(1, av_inv_q(c->rate), c->av->time_base);
        vqz_status s = film_out_video(c->out, c->packet, c->av->time_base, e);
        if (s != VQZ_OK) return s;
    }
}

static vqz_status encode_av(film_encoder *c, AVFrame *f, vqz_error *e) {
    vqz_status s = VQZ_OK;
    if (c->format != AV_PIX_FMT_NONE) {
        s = film_to_yuv(f, c->format, c->matrix, c->yuv, e);
        av_frame_unref(f);
        if (s != VQZ_OK) return s;
        av_frame_move_ref(f, c->yuv);
    }
    if (c->matrix != AVCOL_SPC_RGB) f->colorspace = c->matrix;
    if (!c->opened && (s = begin_av(c, f, e)) != VQZ_OK) return s;
    c->opened = true;
    f->pts = av_rescale_q(f->pts, c->timebase, c->av->time_base);
    f->pict_type = AV_PICTURE_TYPE_NONE;         /* what it was is not for this encoder */
    const int code = avcodec_send_frame(c->av, f);
    av_frame_unref(f);
    return code < 0 ? film_fail(e, code, c->codec->name) : drain_av(c, e);
}

static vqz_status finish_av(film_encoder *c, vqz_error *e) {
    const int code = avcodec_send_frame(c->av, NULL);
    return code < 0 ? film_fail(e, code, c->codec->name) : drain_av(c, e);
}

/* ---- vqz ---- */
static vqz_status vqz_failed(const film_encoder *c, vqz_error *e) {
    *e = *vqz_encoder_error(c->vqz);
    return e->status;
}

static void describe(film_encoder *c, const AVFrame *f) {
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get((enum AVPixelFormat)f->format);
    const bool limited = (d->flags & AV_PIX_FMT_FLAG_RGB) && f->color_range == AVCOL_RANGE_MPEG;
    const bool known = f->color_primaries != AVCOL_PRI_UNSPECIFIED || f->color_trc != AVCOL_TRC_UNSPECIFIED;
    c->info = (vqz_image_info){.width = (uint32_t)f->width, .height = (uint32_t)f->height, .layout = film_layout((enum AVPixelFormat)f->format)};
    if (!known && !limited) return;
    c->info.cicp[0] = (uint8_t)f->color_primaries;
    c->info.cicp[1] = (uint8_t)f->color_trc;
    c->info.cicp[2] = c->info.layout >= VQZ_RGB ? AVCOL_SPC_RGB : AVCOL_SPC_UNSPECIFIED;
    c->info.cicp[3] = !limited;
}

/* The header goes into a .vqz file, or becomes the track's. */
static vqz_status begin_vqz(film_encoder *c, const AVFrame *f, vqz_error *e) {
    const vqz_timing timing = {(uint32_t)c->timebase.num, (uint32_t)c->timebase.den, 0};
    vqz_packet header;
    if (vqz_encoder_begin_sequence(c->vqz, &c->info, &timing) != VQZ_OK || vqz_encoder_receive_packet(c->vqz, &header) != VQZ_OK) return vqz_failed(c, e);
    if (!c->out->format) return film_out_bytes(c->out, header.data, header.size, e);
    AVCodecParameters *par = avcodec_parameters_alloc();
    if (!par || !(par->extradata = av_mallocz(header.size + AV_INPUT_BUFFER_PADDING_SIZE))) {
        avcodec_parameters_free(&par);
        return film_no_memory(e);
    }
    memcpy(par->extradata, header.data, header.size);
    par->extradata_size = (int)header.size;
    par->codec_type = AVMEDIA_TYPE_VIDEO;
    par->codec_tag = VQZ_TAG;
    par->width = f->width;
    par->height = f->height;
    par->sample_aspect_ratio = f->sample_aspect_ratio;
    par->color_primaries = f->color_primaries;
    par->color_trc = f->color_trc;
    vqz_status s = film_out_begin(c->out, par, c->timebase, c->rate, e);
    avcodec_parameters_free(&par);
    return s;
}

static vqz_status put_packet(film_encoder *c, const vqz_packet *p, vqz_error *e) {
    if (!c->out->format) return film_out_bytes(c->out, p->data, p->size, e);
    if (p->size > INT32_MAX - AV_INPUT_BUFFER_PADDING_SIZE || av_new_packet(c->packet, (int)p->size) < 0) return film_no_memory(e);
    memcpy(c->packet->data, p->data, p->size);
    c->packet->pts = c->packet->dts = p->pts;
    c->packet->duration = (int64_t)p->duration;
    if (p->key) c->packet->flags |= AV_PKT_FLAG_KEY;
    return film_out_video(c->out, c->packet, c->timebase, e);
}

static vqz_status encode_vqz(film_encoder *c, int64_t duration, vqz_error *e) {
    AVFrame *f = c->held;
    image_rows rows;
    vqz_packet packet;
    vqz_status s = film_rows(f, &rows, &c->rows, &c->args->o, e);
    if (s != VQZ_OK) return s;
    if (!c->opened) {
        describe(c, f);
        s = begin_vqz(c, f, e);
    }
    if (s != VQZ_OK) return s;
    c->opened = true;
    if (vqz_encoder_begin_frame(c->vqz, f->pts, (uint64_t)duration) != VQZ_OK || vqz_encoder_send_rows(c->vqz, rows.pixels, rows.stride, rows.count) != VQZ_OK ||
        vqz_encoder_receive_packet(c->vqz, &packet) != VQZ_OK)
        return vqz_failed(c, e);
    av_frame_unref(f);
    return put_packet(c, &packet, e);
}

/* A film of one frame is a picture. */
static vqz_status encode_still(film_encoder *c, vqz_error *e) {
    image_rows rows;
    const uint8_t *data;
    size_t size;
    vqz_status s = film_rows(c->held, &rows, &c->rows, &c->args->o, e);
    if (s != VQZ_OK) return s;
    describe(c, c->held);
    if (vqz_encoder_begin(c->vqz, &c->info) != VQZ_OK || vqz_encoder_send_rows(c->vqz, rows.pixels, rows.stride, rows.count) != VQZ_OK) return vqz_failed(c, e);
    while ((s = vqz_encoder_receive(c->vqz, &data, &size)) == VQZ_OK)
        if ((s = film_out_bytes(c->out, data, size, e)) != VQZ_OK) return s;
    return s == VQZ_END ? VQZ_OK : vqz_failed(c, e);
}

static vqz_status finish_vqz(film_encoder *c, vqz_error *e) {
    vqz_packet trailer;
    if (!c->opened && !c->out->format) return encode_still(c, e);
    const int64_t own = film_duration(c->held), rate = av_rescale_q(1, av_inv_q(c->rate), c->timebase);
    vqz_status s = encode_vqz(c, own > 0 ? own : c->step > 0 ? c->step : rate, e);
    if (s != VQZ_OK || c->out->format) return s;
    if (vqz_encoder_end_sequence(c->vqz) != VQZ_OK || vqz_encoder_receive_packet(c->vqz, &trailer) != VQZ_OK) return vqz_failed(c, e);
    return film_out_bytes(c->out, trailer.data, trailer.size, e);
}

/* ---- both ---- */
vqz_status film_encoder_send(film_encoder *c, AVFrame *f, vqz_error *e) {
    vqz_status s = VQZ_OK;
    if (f->pts == AV_NOPTS_VALUE) f->pts = c->frames ? c->last + FFMAX(av_rescale_q(1, av_inv_q(c->rate), c->timebase), 1) : 0;
    if (c->frames && f->pts <= c->last) {
        c->late++;
        av_frame_unref(f);
        return VQZ_OK;
    }
    c->step = c->frames ? f->pts - c->last : 0;
    c->last = f->pts;
    if (c->codec) s = encode_av(c, f, e);
    else if (c->frames) s = encode_vqz(c, c->step, e);
    if (s != VQZ_OK) return s;
    if (!c->codec) av_frame_move_ref(c->held, f);
    c->frames++;
    return VQZ_OK;
}

vqz_status film_encoder_finish(film_encoder *c, vqz_error *e) {
    if (!c->frames) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "no frame came out of it");
    return c->codec ? finish_av(c, e) : finish_vqz(c, e);
}

void film_encoder_close(film_encoder *c) {
    avcodec_free_context(&c->av);
    vqz_encoder_close(c->vqz);
    av_frame_free(&c->held);
    av_frame_free(&c->yuv);
    av_packet_free(&c->packet);
    free(c->rows);
    *c = (film_encoder){0};
}
