/* Packets become frames, by libvqz or by libavcodec. What cannot be decoded costs its frame, is said, and counted. */
#include <string.h>
#include "cli/transcode/transcode.h"

static vqz_status open_av(film_decoder *d, const film_in *in, const film_args *a, vqz_error *e) {
    const AVCodec *codec = avcodec_find_decoder(in->par->codec_id);
    if (!codec) return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "FFmpeg has no decoder for its video, %s", avcodec_get_name(in->par->codec_id));
    if (!(d->av = avcodec_alloc_context3(codec))) return film_no_memory(e);
    int code = avcodec_parameters_to_context(d->av, in->par);
    if (code < 0) return film_fail(e, code, "cannot decode");
    d->av->pkt_timebase = in->timebase;
    d->av->thread_count = (int)a->o.config.settings.threads;
    d->av->max_pixels = (int64_t)a->o.config.settings.max_pixels;
    code = avcodec_open2(d->av, codec, NULL);
    return code < 0 ? film_fail(e, code, "cannot decode") : VQZ_OK;
}

vqz_status film_decoder_open(film_decoder *d, const film_in *in, const film_args *a, vqz_error *e) {
    *d = (film_decoder){.timebase = in->timebase};
    if (!in->coded_by_vqz) return open_av(d, in, a, e);
    if (!(d->packet = av_packet_alloc())) return film_no_memory(e);
    return vqz_film_decoder(&d->vqz, in->par->extradata, in->par->extradata_size, &a->o, &d->info, e);
}

static void lose(film_decoder *d, const vqz_error *e) {
    d->lost++;
    av_log(NULL, AV_LOG_ERROR, "vqz: a frame cannot be decoded: %s (%s)\n", e->text, vqz_status_name(e->status));
}

vqz_status film_decoder_send(film_decoder *d, const AVPacket *packet, vqz_error *e) {
    if (d->vqz) {
        d->waiting = packet != NULL;
        d->ended = !packet;
        if (!packet) return VQZ_OK;
        const vqz_status s = vqz_decoder_send_packet(d->vqz, packet->data, (size_t)packet->size);
        if (s != VQZ_OK) {
            lose(d, vqz_decoder_error(d->vqz));
            d->waiting = false;
        }
        return s == VQZ_ERR_MEMORY || s == VQZ_ERR_INTERNAL ? (*e = *vqz_decoder_error(d->vqz), s)
                                                           : av_packet_copy_props(d->packet, packet) < 0 ? film_no_memory(e) : VQZ_OK;
    }
    const int code = avcodec_send_packet(d->av, packet);
    if (code >= 0 || code == AVERROR_EOF) return VQZ_OK;
    if (code == AVERROR(ENOMEM)) return film_no_memory(e);
    d->lost++;                                   /* libavcodec has said why */
    return VQZ_OK;
}

/* ---- vqz ---- */
static void set_colours(AVFrame *f, const vqz_image_info *info) {
    const uint8_t *c = info->cicp;
    f->colorspace = info->layout >= VQZ_RGB ? AVCOL_SPC_RGB : AVCOL_SPC_UNSPECIFIED;
    f->color_range = AVCOL_RANGE_JPEG;
    f->color_primaries = AVCOL_PRI_UNSPECIFIED;
    f->color_trc = AVCOL_TRC_UNSPECIFIED;
    if (!(c[0] | c[1] | c[2] | c[3])) return;
    f->color_primaries = (enum AVColorPrimaries)c[0];
    f->color_trc = (enum AVColorTransferCharacteristic)c[1];
    if (!c[3]) f->color_range = AVCOL_RANGE_MPEG;
}

static vqz_status copy_bands(film_decoder *d, AVFrame *f, vqz_error *e) {
    const size_t row = (size_t)d->info.image.width * (size_t)d->info.image.layout;
    uint32_t unverified = 0;
    vqz_band band;
    vqz_status s;
    while ((s = vqz_decoder_receive(d->vqz, &band)) == VQZ_OK) {
        for (uint32_t y = 0; y < band.rows; y++)
            memcpy(f->data[0] + (ptrdiff_t)(band.y + y) * f->linesize[0], band.pixels + (ptrdiff_t)y * band.stride, row);
        unverified += band.unverified_tiles;
    }
    if (unverified) d->lost++;
    if (s != VQZ_END) *e = *vqz_decoder_error(d->vqz);
    return s == VQZ_END ? VQZ_OK : s;
}

static vqz_status receive_vqz(film_decoder *d, AVFrame *f, vqz_error *e) {
    vqz_frame about;
    if (!d->waiting) return d->ended ? VQZ_END : VQZ_AGAIN;
    d->waiting = false;
    vqz_status s = vqz_decoder_next_frame(d->vqz, &about);
    if (s == VQZ_AGAIN || s == VQZ_END) return cli_fail(e, VQZ_ERR_CORRUPT, NO_OFFSET, "a packet holds no frame");
    if (s != VQZ_OK) {
        *e = *vqz_decoder_error(d->vqz);
        return s;
    }
    f->format = film_format(d->info.image.layout);
    f->width = (int)d->info.image.width;
    f->height = (int)d->info.image.height;
    set_colours(f, &d->info.image);
    if (av_frame_get_buffer(f, 0) < 0) return film_no_memory(e);
    f->pts = f->best_effort_timestamp = d->packet->pts;
    film_set_duration(f, d->packet->duration);
    return copy_bands(d, f, e);
}

vqz_status film_decoder_receive(film_decoder *d, AVFrame *f, vqz_error *e) {
    if (d->vqz) {
        const vqz_status s = receive_vqz(d, f, e);
        if (s <= VQZ_ERR_MEMORY || s == VQZ_ERR_INTERNAL || s == VQZ_ERR_LIMIT || s == VQZ_ERR_MODEL_UNKNOWN) return s;
        av_frame_unref(f);
        lose(d, e);
        return VQZ_AGAIN;
    }
    enum { TRIES = 64 };         /* with threads, errors of several packets may come one after the other */
    int code = 0;
    for (int i = 0; i < TRIES; i++) {
        code = avcodec_receive_frame(d->av, f);
        if (code >= 0 || code == AVERROR(EAGAIN) || code == AVERROR_EOF || code == AVERROR(ENOMEM)) break;
        d->lost++;
    }
    if (code == AVERROR(EAGAIN)) return VQZ_AGAIN;
    if (code == AVERROR(ENOMEM)) return film_no_memory(e);
    if (code < 0) return VQZ_END;
    if (f->flags & AV_FRAME_FLAG_CORRUPT || f->decode_error_flags) d->lost++;
    f->pts = f->best_effort_timestamp;
    return VQZ_OK;
}

void film_decoder_close(film_decoder *d) {
    avcodec_free_context(&d->av);
    vqz_decoder_close(d->vqz);
    av_packet_free(&d->packet);
    *d = (film_decoder){0};
}
