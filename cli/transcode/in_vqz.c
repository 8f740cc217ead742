/* A .vqz file as a film of one stream: libvqz takes it apart, the index at its end tells where frames are. */
#include <libavutil/mathematics.h>
#include <string.h>
#include <unistd.h>
#include "cli/transcode/transcode.h"

enum { MAX_TOC = 1 << 26 };

struct vqz_film {
    source *in;
    const options *o;
    vqz_splitter *split;
    uint8_t *header;
    size_t header_size;
    AVPacket *first;             /* was read to know its duration; NULL: it has been given away */
    bool flushed, still;
    bool sought;                 /* the splitter began in the middle: what the index says does not fit it */
    uint64_t lost;
};

static vqz_status split_failed(const vqz_film *f, vqz_status s, vqz_error *e) {
    *e = *vqz_splitter_error(f->split);
    return e->status == s ? s : cli_fail(e, s, NO_OFFSET, "%s", vqz_status_text(s));
}

static vqz_status next_packet(vqz_film *f, vqz_packet *packet, vqz_error *e) {
    for (;;) {
        vqz_status s = vqz_splitter_receive(f->split, packet);
        if (s == VQZ_OK) return s;
        if (s == VQZ_END || (f->sought && s == VQZ_ERR_CORRUPT)) return VQZ_END;
        if (s == VQZ_AGAIN && !f->flushed && !film_stopped()) {
            source *in = f->in;
            if (in->pos == in->end && !source_fill(in)) {
                if (in->error) return source_short(in, e);
                f->flushed = true;
                s = vqz_splitter_flush(f->split);
            } else {
                s = vqz_splitter_send(f->split, in->data + in->pos, in->end - in->pos);
                in->pos = in->end;
            }
        } else if (s == VQZ_AGAIN) {
            return VQZ_END;
        }
        if (s != VQZ_OK) return split_failed(f, s, e);
    }
}

static vqz_status open_splitter(vqz_film *f, vqz_error *e) {
    vqz_splitter_close(f->split);
    f->split = NULL;
    f->flushed = false;
    return vqz_splitter_open(&f->split, &f->o->config.settings, e);
}

static vqz_status try_header(vqz_decoder **dec, const uint8_t *header, size_t size, const options *o, vqz_file_info *info, vqz_error *e) {
    vqz_status s = vqz_decoder_open(dec, &o->config.settings, e);
    if (s == VQZ_OK && o->config.model) s = vqz_decoder_add_model(*dec, o->config.model);
    if (s == VQZ_OK) s = vqz_decoder_send_packet(*dec, header, size);
    if (s == VQZ_OK) s = vqz_decoder_info(*dec, info);
    if (s == VQZ_AGAIN) return cli_fail(e, VQZ_ERR_TRUNCATED, NO_OFFSET, "the header of vqz is not whole");
    if (s != VQZ_OK && *dec) *e = *vqz_decoder_error(*dec);
    return s;
}

vqz_status vqz_film_decoder(vqz_decoder **dec, const uint8_t *header, int size, const options *o, vqz_file_info *info, vqz_error *e) {
    vqz_status s = VQZ_ERR_TRUNCATED;
    *dec = NULL;
    if (size < 1) return cli_fail(e, s, NO_OFFSET, "the track of vqz has no header");
    s = try_header(dec, header, (size_t)size, o, info, e);
    if (s != VQZ_ERR_TRUNCATED || header[size - 1]) return s;
    vqz_decoder_close(*dec);                     /* Matroska and AVI make it even */
    return try_header(dec, header, (size_t)size - 1, o, info, e);
}

static vqz_status set_stream(vqz_film *f, film_in *in, vqz_error *e) {
    vqz_decoder *dec;
    vqz_file_info info = {0};
    vqz_status s = vqz_film_decoder(&dec, f->header, (int)f->header_size, f->o, &info, e);
    vqz_decoder_close(dec);
    if (s != VQZ_OK) return s;
    f->still = !info.sequence;
    in->timebase = f->still ? (AVRational){1, 25} : (AVRational){(int)info.timing.timebase_num, (int)info.timing.timebase_den};
    in->par->codec_type = AVMEDIA_TYPE_VIDEO;
    in->par->codec_tag = VQZ_TAG;
    in->par->width = (int)info.image.width;
    in->par->height = (int)info.image.height;
    in->par->extradata = av_mallocz(f->header_size + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!in->par->extradata) return film_no_memory(e);
    memcpy(in->par->extradata, f->header, f->header_size);
    in->par->extradata_size = (int)f->header_size;
    return VQZ_OK;
}

/* The index, whose bytes the caller frees. NULL: there is none, or the file cannot be read at any place. */
static uint8_t *read_toc(const source *in, vqz_toc *toc) {
    uint8_t tail[VQZ_TAIL_SIZE], *data;
    if (!in->regular || in->size < sizeof tail) return NULL;
    if (pread(in->fd, tail, sizeof tail, (off_t)(in->size - sizeof tail)) != (ssize_t)sizeof tail) return NULL;
    const uint32_t size = vqz_toc_size(tail);
    if (!size || size > MAX_TOC || size > in->size || !(data = av_malloc(size))) return NULL;
    vqz_error e;
    if (pread(in->fd, data, size, (off_t)(in->size - size)) == (ssize_t)size && vqz_toc_open(toc, data, size, &e) == VQZ_OK) return data;
    av_free(data);
    return NULL;
}

static void set_times(film_in *in) {
    vqz_toc toc;
    uint8_t *data = read_toc(&in->source, &toc);
    if (!data) return;
    in->start = av_rescale_q(toc.start, in->timebase, MICROSECONDS);
    in->length = av_rescale_q(toc.end - toc.start, in->timebase, MICROSECONDS);
    av_free(data);
}

static vqz_status begin(vqz_film *f, film_in *in, vqz_error *e) {
    vqz_packet header;
    vqz_status s = open_splitter(f, e);
    if (s != VQZ_OK) return s;
    if ((s = next_packet(f, &header, e)) != VQZ_OK) return s == VQZ_END ? cli_fail(e, VQZ_ERR_TRUNCATED, NO_OFFSET, "the file ends early") : s;
    if (!(f->header = av_memdup(header.data, header.size)) || !(f->first = av_packet_alloc())) return film_no_memory(e);
    f->header_size = header.size;
    if ((s = set_stream(f, in, e)) != VQZ_OK) return s;
    AVPacket *first = f->first;
    f->first = NULL;
    s = vqz_film_read(f, first, e);
    if (s != VQZ_OK) {
        av_packet_free(&first);
        return s == VQZ_END ? cli_fail(e, VQZ_ERR_TRUNCATED, NO_OFFSET, "has no frame that can be read") : s;
    }
    f->first = first;
    if (!f->still) in->start = av_rescale_q(first->pts, in->timebase, MICROSECONDS);
    if (first->duration > 0 && first->duration < INT32_MAX) in->rate = av_div_q(av_inv_q(in->timebase), (AVRational){(int)first->duration, 1});
    set_times(in);
    return VQZ_OK;
}

vqz_status vqz_film_open(vqz_film **film, film_in *in, const film_args *a, vqz_error *e) {
    vqz_film *f = av_mallocz(sizeof *f);
    if (!f || !(in->par = avcodec_parameters_alloc())) {
        av_free(f);
        return film_no_memory(e);
    }
    *film = f;
    f->in = &in->source;
    f->o = &a->o;
    return begin(f, in, e);
}

vqz_status vqz_film_seek(vqz_film *f, int64_t pts, vqz_error *e) {
    vqz_toc toc;
    vqz_toc_entry entry;
    vqz_packet header;
    uint64_t offset = 0;
    uint8_t *data = f->still ? NULL : read_toc(f->in, &toc);
    if (!data) return VQZ_OK;                    /* it is read from where it is */
    while (toc.indexed && vqz_toc_next(&toc, &entry) == VQZ_OK && (!offset || entry.pts <= pts))
        if (entry.key) offset = entry.offset;
    av_free(data);
    if (!offset) return VQZ_OK;
    av_packet_free(&f->first);
    if (lseek(f->in->fd, (off_t)offset, SEEK_SET) < 0) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "cannot go to byte %llu", (unsigned long long)offset);
    f->in->base = offset;
    f->in->pos = f->in->end = 0;
    f->sought = true;
    vqz_status s = open_splitter(f, e);
    if (s == VQZ_OK && (s = vqz_splitter_send(f->split, f->header, f->header_size)) != VQZ_OK) s = split_failed(f, s, e);
    return s == VQZ_OK ? next_packet(f, &header, e) : s;
}

vqz_status vqz_film_read(vqz_film *f, AVPacket *packet, vqz_error *e) {
    vqz_packet p;
    vqz_status s;
    if (f->first) {
        av_packet_move_ref(packet, f->first);
        av_packet_free(&f->first);
        return VQZ_OK;
    }
    do {
        if ((s = next_packet(f, &p, e)) != VQZ_OK) return s;
        if (p.kind == VQZ_PACKET_FRAME && p.status != VQZ_OK) f->lost++;
    } while (p.kind != VQZ_PACKET_FRAME || p.status != VQZ_OK);
    if (p.size > INT32_MAX - AV_INPUT_BUFFER_PADDING_SIZE || av_new_packet(packet, (int)p.size) < 0) return film_no_memory(e);
    memcpy(packet->data, p.data, p.size);
    packet->pts = packet->dts = p.pts;
    packet->duration = p.duration > INT64_MAX ? 0 : (int64_t)p.duration;
    if (f->still) packet->duration = 1;
    if (p.key) packet->flags |= AV_PKT_FLAG_KEY;
    return VQZ_OK;
}

uint64_t vqz_film_lost(const vqz_film *f) { return f->lost; }

void vqz_film_close(vqz_film *f) {
    if (!f) return;
    vqz_splitter_close(f->split);
    av_packet_free(&f->first);
    av_free(f->header);
    av_free(f);
}
