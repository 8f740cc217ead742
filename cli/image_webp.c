/* WebP reader: pictures and animations, with the libraries libwebp and libwebpdemux. */
#include "cli/image.h"
#include <stdlib.h>
#include <string.h>

static bool webp_probe(const uint8_t *p, size_t n) { return n >= 12 && memcmp(p, "RIFF", 4) == 0 && memcmp(p + 8, "WEBP", 4) == 0; }

#ifdef VQZ_HAVE_WEBP
#include <webp/decode.h>
#include <webp/demux.h>

enum { WEBP_BLOBS = 3 };

typedef struct webp_reader {
    image_reader base;
    uint8_t *file;
    size_t size;
    WebPDemuxer *demux;
    WebPChunkIterator blobs[WEBP_BLOBS];      /* ICC, EXIF, XMP */
    WebPAnimDecoder *frames;     /* of an animation */
    uint8_t *pixels;             /* the whole picture; of an animation whose canvas has no alpha */
    uint8_t *frame;              /* RGBA of the present one, the decoder's */
    bool given;
} webp_reader;

static void webp_close(image_reader *base) {
    webp_reader *r = (webp_reader *)base;
    for (unsigned i = 0; i < WEBP_BLOBS; i++) WebPDemuxReleaseChunkIterator(&r->blobs[i]);
    WebPAnimDecoderDelete(r->frames);
    WebPDemuxDelete(r->demux);
    free(r->pixels);
    free(r->file);
    free(r);
}

static void webp_metadata(webp_reader *r) {
    static const char names[WEBP_BLOBS][5] = {"ICCP", "EXIF", "XMP "};
    vqz_metadata *m = &r->base.info.meta;
    const uint8_t **const data[WEBP_BLOBS] = {&m->icc, &m->exif, &m->xmp};
    size_t *const sizes[WEBP_BLOBS] = {&m->icc_size, &m->exif_size, &m->xmp_size};
    for (unsigned i = 0; i < WEBP_BLOBS; i++) {
        if (!WebPDemuxGetChunk(r->demux, names[i], 1, &r->blobs[i]) || !r->blobs[i].chunk.size) continue;
        *data[i] = r->blobs[i].chunk.bytes;
        *sizes[i] = r->blobs[i].chunk.size;
    }
    if (m->exif_size > 6 && memcmp(m->exif, "Exif\0", 6) == 0) {     /* some writers keep what JPEG has before it */
        m->exif += 6;
        m->exif_size -= 6;
    }
}

static vqz_status webp_bad(VP8StatusCode code, vqz_error *e) {
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY: return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    case VP8_STATUS_NOT_ENOUGH_DATA: return cli_fail(e, VQZ_ERR_TRUNCATED, NO_OFFSET, "the file ends early");
    case VP8_STATUS_UNSUPPORTED_FEATURE: return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "this kind of WebP is not supported");
    default: return cli_fail(e, VQZ_ERR_CORRUPT, NO_OFFSET, "bad WebP");
    }
}

/* The time of a frame is the end of the one before; every one lasts, if only for an instant. */
static vqz_status webp_go_on(image_reader *base, vqz_error *e) {
    webp_reader *r = (webp_reader *)base;
    int end;
    if (!WebPAnimDecoderHasMoreFrames(r->frames)) return VQZ_END;
    if (!WebPAnimDecoderGetNext(r->frames, &r->frame, &end)) return cli_fail(e, VQZ_ERR_CORRUPT, NO_OFFSET, "bad WebP: a frame of the animation cannot be decoded");
    base->frame.pts += (int64_t)base->frame.duration;
    base->frame.duration = end > base->frame.pts ? (uint64_t)(end - base->frame.pts) : 1;
    r->given = false;
    return VQZ_OK;
}

static vqz_status webp_animation(webp_reader *r, const image_config *config, vqz_error *e) {
    const WebPData data = {r->file, r->size};
    const vqz_image_info *info = &r->base.info;
    WebPAnimDecoderOptions options;
    if ((uint64_t)info->width * info->height * 8 > config->settings.max_memory)      /* two canvases */
        return cli_fail(e, VQZ_ERR_LIMIT, NO_OFFSET, "an animation of %ux%u pixels needs more than --memory %llu", info->width, info->height,
                        (unsigned long long)config->settings.max_memory);
    if (!WebPAnimDecoderOptionsInit(&options)) return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "libwebpdemux is another version than the one that vqz was built with");
    r->frames = WebPAnimDecoderNew(&data, &options);
    if (!r->frames) return cli_fail(e, VQZ_ERR_CORRUPT, NO_OFFSET, "bad WebP: the animation cannot be decoded");
    r->base.moving = true;
    r->base.timing = config->timing.timebase_den ? config->timing : (vqz_timing){1, 1000, 0};
    r->base.go_on = webp_go_on;
    return info->layout == VQZ_RGB ? image_alloc(&r->pixels, info->height, (uint64_t)info->width * 3, config, e) : VQZ_OK;
}

static vqz_status webp_still(webp_reader *r, const image_config *config, vqz_error *e) {
    WebPDecoderConfig c;
    const vqz_image_info *info = &r->base.info;
    const uint64_t stride = (uint64_t)info->width * (uint64_t)info->layout;
    if (!WebPInitDecoderConfig(&c)) return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "libwebp is another version than the one that vqz was built with");
    vqz_status s = image_alloc(&r->pixels, info->height, stride, config, e);
    if (s != VQZ_OK) return s;
    c.output.colorspace = info->layout == VQZ_RGBA ? MODE_RGBA : MODE_RGB;
    c.output.is_external_memory = 1;
    c.output.u.RGBA.rgba = r->pixels;
    c.output.u.RGBA.stride = (int)stride;
    c.output.u.RGBA.size = (size_t)(stride * info->height);
    const VP8StatusCode code = WebPDecode(r->file, r->size, &c);
    return code == VP8_STATUS_OK ? VQZ_OK : webp_bad(code, e);
}

static vqz_status webp_open(image_reader *base, const image_config *config, vqz_error *e) {
    webp_reader *r = (webp_reader *)base;
    WebPBitstreamFeatures features;
    vqz_status s = source_read_all(r->base.in, &r->file, &r->size, config->settings.max_memory, e);
    if (s != VQZ_OK) return s;
    const VP8StatusCode code = WebPGetFeatures(r->file, r->size, &features);
    if (code != VP8_STATUS_OK) return webp_bad(code, e);
    if ((s = image_check_size((uint64_t)features.width, (uint64_t)features.height, config, e)) != VQZ_OK) return s;
    const WebPData data = {r->file, r->size};
    WebPDemuxState state;
    r->demux = WebPDemuxPartial(&data, &state);
    if (!r->demux || state != WEBP_DEMUX_DONE) return webp_bad(r->demux ? VP8_STATUS_NOT_ENOUGH_DATA : VP8_STATUS_BITSTREAM_ERROR, e);
    r->base.info = (vqz_image_info){.width = (uint32_t)features.width, .height = (uint32_t)features.height, .layout = features.has_alpha ? VQZ_RGBA : VQZ_RGB};
    webp_metadata(r);
    image_note_whole(&r->base, "WebP");
    return features.has_animation ? webp_animation(r, config, e) : webp_still(r, config, e);
}

static vqz_status webp_next(image_reader *base, image_rows *rows, vqz_error *e) {
    webp_reader *r = (webp_reader *)base;
    const uint32_t w = base->info.width, h = base->info.height;
    if (r->frames && !r->frame) {                /* who asks for no frame gets the first one */
        const vqz_status s = webp_go_on(base, e);
        if (s != VQZ_OK) return s;
    }
    if (r->given) return VQZ_END;
    r->given = true;
    for (uint32_t y = 0; r->frames && r->pixels && y < h; y++)
        image_convert_row(r->pixels + (size_t)y * w * 3, VQZ_RGB, r->frame + (size_t)y * w * 4, VQZ_RGBA, w);
    *rows = (image_rows){r->pixels ? r->pixels : r->frame, (ptrdiff_t)w * (ptrdiff_t)base->info.layout, h};
    return VQZ_OK;
}

const image_reader_ops image_webp_reader = {"WebP", sizeof(webp_reader), webp_probe, webp_open, webp_next, webp_close, NULL};
#else
const image_reader_ops image_webp_reader = {"WebP", sizeof(image_reader), webp_probe, NULL, NULL, NULL, NULL};
#endif
