/* vqz filter: every frame is encoded and decoded, and says what it took: lavfi.vqz.bytes, lavfi.vqz.bpp and lavfi.vqz.psnr. */
#include "libavutil/opt.h"
#include "avfilter.h"
#if LIBAVFILTER_VERSION_MAJOR >= 10
#include "filters.h"
#else
#include "internal.h"
#endif
#include "formats.h"
#include "video.h"
#include "roundtrip.h"

typedef struct VqzContext {
    const AVClass *class;
    float quality;
    int effort, tune, lossless;
    vqz_roundtrip *trip;
} VqzContext;

static const enum AVPixelFormat pix_fmts[] = {
    AV_PIX_FMT_RGB24, AV_PIX_FMT_RGBA, AV_PIX_FMT_GRAY8, AV_PIX_FMT_YA8, AV_PIX_FMT_NONE
};

static int failed(AVFilterContext *ctx, const vqz_error *e)
{
    av_log(ctx, AV_LOG_ERROR, "%s (%s)\n", e->text, vqz_status_name(e->status));
    return e->status == VQZ_ERR_MEMORY ? AVERROR(ENOMEM) : AVERROR_EXTERNAL;
}

static int config_input(AVFilterLink *link)
{
    static const vqz_layout layouts[] = { VQZ_RGB, VQZ_RGBA, VQZ_GRAY, VQZ_GRAYA };
    AVFilterContext *ctx = link->dst;
    VqzContext *s = ctx->priv;
    vqz_layout layout = VQZ_RGB;
    vqz_settings settings;
    vqz_error error;

    for (int i = 0; pix_fmts[i] != AV_PIX_FMT_NONE; i++)
        if (pix_fmts[i] == link->format)
            layout = layouts[i];
    vqz_settings_init(&settings);
    settings.threads  = ff_filter_get_nb_threads(ctx);
    settings.quality  = s->quality;
    settings.effort   = s->effort;
    settings.tune     = s->tune;
    settings.lossless = s->lossless;
    vqz_roundtrip_close(s->trip);
    s->trip = NULL;
    return vqz_roundtrip_open(&s->trip, &settings, link->w, link->h, layout, &error) == VQZ_OK ? 0 : failed(ctx, &error);
}

static int filter_frame(AVFilterLink *link, AVFrame *in)
{
    AVFilterContext *ctx = link->dst;
    AVFilterLink *outlink = ctx->outputs[0];
    VqzContext *s = ctx->priv;
    AVFrame *out = ff_get_video_buffer(outlink, outlink->w, outlink->h);
    vqz_roundtrip_result result;
    vqz_error error;
    char text[32];
    int ret = out ? av_frame_copy_props(out, in) : AVERROR(ENOMEM);

    if (ret >= 0 && vqz_roundtrip_frame(s->trip, in->data[0], in->linesize[0], out->data[0], out->linesize[0], &result, &error) != VQZ_OK)
        ret = failed(ctx, &error);
    av_frame_free(&in);
    if (ret < 0) {
        av_frame_free(&out);
        return ret;
    }
    av_dict_set_int(&out->metadata, "lavfi.vqz.bytes", result.bytes, 0);
    snprintf(text, sizeof(text), "%.4f", 8.0 * result.bytes / ((double)link->w * link->h));
    av_dict_set(&out->metadata, "lavfi.vqz.bpp", text, 0);
    snprintf(text, sizeof(text), "%.3f", result.psnr);
    av_dict_set(&out->metadata, "lavfi.vqz.psnr", text, 0);
    return ff_filter_frame(outlink, out);
}

static av_cold void uninit(AVFilterContext *ctx)
{
    VqzContext *s = ctx->priv;

    vqz_roundtrip_close(s->trip);
}

#define OFFSET(x) offsetof(VqzContext, x)
#define FLAGS AV_OPT_FLAG_VIDEO_PARAM | AV_OPT_FLAG_FILTERING_PARAM
static const AVOption vqz_options[] = {
    { "quality",  "0 to 100",                         OFFSET(quality),  AV_OPT_TYPE_FLOAT, { .dbl = 75 }, 0, 100, FLAGS },
    { "effort",   "time spent on smaller files",      OFFSET(effort),   AV_OPT_TYPE_INT,   { .i64 = 4 }, 0, 9, FLAGS },
    { "tune",     "what choices are judged by",       OFFSET(tune),     AV_OPT_TYPE_INT,   { .i64 = VQZ_TUNE_VISUAL }, VQZ_TUNE_VISUAL, VQZ_TUNE_PSNR, FLAGS, .unit = "tune" },
    { "visual",   NULL, 0, AV_OPT_TYPE_CONST, { .i64 = VQZ_TUNE_VISUAL }, 0, 0, FLAGS, .unit = "tune" },
    { "psnr",     NULL, 0, AV_OPT_TYPE_CONST, { .i64 = VQZ_TUNE_PSNR },   0, 0, FLAGS, .unit = "tune" },
    { "lossless", "every sample comes back as it is", OFFSET(lossless), AV_OPT_TYPE_BOOL,  { .i64 = 0 }, 0, 1, FLAGS },
    { NULL }
};

AVFILTER_DEFINE_CLASS(vqz);

static const AVFilterPad inputs[] = {
    { .name = "default", .type = AVMEDIA_TYPE_VIDEO, .config_props = config_input, .filter_frame = filter_frame },
};

static const AVFilterPad outputs[] = {
    { .name = "default", .type = AVMEDIA_TYPE_VIDEO },
};

#if LIBAVFILTER_VERSION_MAJOR >= 11
const FFFilter ff_vf_vqz = {
    .p.name        = "vqz",
    .p.description = NULL_IF_CONFIG_SMALL("Encode and decode with vqz."),
    .p.priv_class  = &vqz_class,
    .p.flags       = AVFILTER_FLAG_SUPPORT_TIMELINE_GENERIC,
#else
const AVFilter ff_vf_vqz = {
    .name          = "vqz",
    .description   = NULL_IF_CONFIG_SMALL("Encode and decode with vqz."),
    .priv_class    = &vqz_class,
    .flags         = AVFILTER_FLAG_SUPPORT_TIMELINE_GENERIC,
#endif
    .priv_size     = sizeof(VqzContext),
    .uninit        = uninit,
    FILTER_INPUTS(inputs),
    FILTER_OUTPUTS(outputs),
    FILTER_PIXFMTS_ARRAY(pix_fmts),
};
