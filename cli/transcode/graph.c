/* Filters between decoder and encoder: turning, the user's own, a constant rate, the format that the encoder takes. The graph is made from the first
 * frame, and again where frames change on the way. */
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/bprint.h>
#include "cli/transcode/transcode.h"

vqz_status film_graph_open(film_graph *g, const film_args *a, const film_in *in, vqz_error *e) {
    *g = (film_graph){.args = a, .timebase = in->timebase, .rate = in->rate, .aspect = in->aspect, .orientation = in->orientation, .wanted = AV_PIX_FMT_NONE};
    g->like = av_frame_alloc();
    return g->like ? VQZ_OK : film_no_memory(e);
}

/* NULL: no memory. The caller frees it with av_free. */
static char *describe(const film_graph *g) {
    static const char *const turns[9] = {NULL, NULL, "hflip", "hflip,vflip", "vflip", "transpose=0", "transpose=1", "transpose=3", "transpose=2"};
    const AVRational r = g->args->rate.num ? g->args->rate : g->rate.num ? g->rate : (AVRational){25, 1};
    AVBPrint text;
    char *whole = NULL;
    av_bprint_init(&text, 0, AV_BPRINT_SIZE_UNLIMITED);
    if (g->orientation > 1) av_bprintf(&text, "%s,", turns[g->orientation]);
    if (g->args->filters) av_bprintf(&text, "%s,", g->args->filters);
    if (g->args->rate.num || g->constant) av_bprintf(&text, "fps=%d/%d,", r.num, r.den);
    if (g->width) av_bprintf(&text, "scale=%d:%d,", g->width, g->height);
    if (g->yuv) av_bprintf(&text, "scale=%s,", g->yuv);
    if (g->wanted != AV_PIX_FMT_NONE) av_bprintf(&text, "format=%s,", av_get_pix_fmt_name(g->wanted));
    av_bprintf(&text, "null");
    return av_bprint_is_complete(&text) && av_bprint_finalize(&text, &whole) >= 0 ? whole : NULL;
}

static int add_source(film_graph *g, const AVFrame *f) {
    AVBufferSrcParameters *p = av_buffersrc_parameters_alloc();
    if (!p || !(g->from = avfilter_graph_alloc_filter(g->graph, avfilter_get_by_name("buffer"), "in"))) {
        av_free(p);
        return AVERROR(ENOMEM);
    }
    p->format = f->format;
    p->width = f->width;
    p->height = f->height;
    p->time_base = g->timebase;
    p->frame_rate = g->rate;
    p->sample_aspect_ratio = f->sample_aspect_ratio.num ? f->sample_aspect_ratio : g->aspect;
    p->hw_frames_ctx = NULL;
#if LIBAVFILTER_VERSION_INT >= AV_VERSION_INT(9, 16, 100)
    p->color_space = f->colorspace;
    p->color_range = f->color_range;
#endif
    int code = av_buffersrc_parameters_set(g->from, p);
    av_free(p);
    return code < 0 ? code : avfilter_init_str(g->from, NULL);
}

static int connect(film_graph *g, const char *description) {
    AVFilterInOut *in = avfilter_inout_alloc(), *out = avfilter_inout_alloc();
    int code = AVERROR(ENOMEM);
    if (in && out) {
        *out = (AVFilterInOut){.name = av_strdup("in"), .filter_ctx = g->from};
        *in = (AVFilterInOut){.name = av_strdup("out"), .filter_ctx = g->to};
        code = avfilter_graph_parse_ptr(g->graph, description, &in, &out, NULL);
    }
    avfilter_inout_free(&in);
    avfilter_inout_free(&out);
    return code < 0 ? code : avfilter_graph_config(g->graph, NULL);
}

vqz_status film_graph_prepare(film_graph *g, const AVFrame *f, vqz_error *e) {
    char *description = describe(g);
    avfilter_graph_free(&g->graph);
    g->graph = avfilter_graph_alloc();
    int code = description && g->graph ? add_source(g, f) : AVERROR(ENOMEM);
    if (code >= 0) code = avfilter_graph_create_filter(&g->to, avfilter_get_by_name("buffersink"), "out", NULL, NULL, g->graph);
    if (code >= 0) code = connect(g, description);
    vqz_status s = code < 0 ? film_fail(e, code, "filters") : VQZ_OK;
    av_free(description);
    av_frame_unref(g->like);
    if (s == VQZ_OK && av_frame_copy_props(g->like, f) < 0) s = film_no_memory(e);
    g->like->format = f->format;
    g->like->width = f->width;
    g->like->height = f->height;
    return s;
}

enum AVPixelFormat film_graph_format(const film_graph *g) { return (enum AVPixelFormat)av_buffersink_get_format(g->to); }
AVRational film_graph_timebase(const film_graph *g) { return av_buffersink_get_time_base(g->to); }

bool film_graph_fits(const film_graph *g, const AVFrame *f) {
    return f->format == g->like->format && f->width == g->like->width && f->height == g->like->height;
}

vqz_status film_graph_send(film_graph *g, AVFrame *frame, vqz_error *e) {
    if (frame && !film_graph_fits(g, frame)) {
        g->width = av_buffersink_get_w(g->to);
        g->height = av_buffersink_get_h(g->to);
        if (g->wanted == AV_PIX_FMT_NONE) g->wanted = film_graph_format(g);
        g->changed = true;
        vqz_status s = film_graph_prepare(g, frame, e);
        if (s != VQZ_OK) return s;
    }
    int code;
    if (frame) {
        const int64_t rate = g->rate.num ? av_rescale_q(1, av_inv_q(g->rate), g->timebase) : 0, own = film_duration(frame);
        if (frame->pts != AV_NOPTS_VALUE) g->end = frame->pts + (own > 0 ? own : rate);
        code = av_buffersrc_add_frame_flags(g->from, frame, AV_BUFFERSRC_FLAG_KEEP_REF);
    } else {
        code = av_buffersrc_close(g->from, g->end, AV_BUFFERSRC_FLAG_PUSH);      /* without its end, the last frame would last no time */
    }
    return code < 0 && code != AVERROR_EOF ? film_fail(e, code, "filters") : VQZ_OK;
}

vqz_status film_graph_receive(film_graph *g, AVFrame *frame, vqz_error *e) {
    const int code = av_buffersink_get_frame(g->to, frame);
    if (code == AVERROR(EAGAIN)) return VQZ_AGAIN;
    if (code == AVERROR_EOF) return VQZ_END;
    if (code < 0) return film_fail(e, code, "filters");
#if LIBAVUTIL_VERSION_INT < AV_VERSION_INT(57, 30, 100)
    if (av_cmp_q(g->timebase, film_graph_timebase(g)) != 0) film_set_duration(frame, 0);      /* filters leave it as it was */
#endif
    return VQZ_OK;
}

void film_graph_close(film_graph *g) {
    avfilter_graph_free(&g->graph);
    av_frame_free(&g->like);
    *g = (film_graph){0};
}
