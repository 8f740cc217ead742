/* .vqz as one more input format: the decoder's bands are the reader's rows. */
#include "cli/image.h"
#include <stdlib.h>

typedef struct vqz_image_reader {
    image_reader base;
    vqz_decoder *decoder;
    bool flushed;
} vqz_image_reader;

static bool vqz_is_ours(const uint8_t *p, size_t n) {
    vqz_status s = vqz_probe(p, n);
    return s == VQZ_OK || s == VQZ_AGAIN || s == VQZ_ERR_VERSION || s == VQZ_ERR_CHECKSUM;
}

static void vqz_close(image_reader *base) {
    vqz_image_reader *r = (vqz_image_reader *)base;
    vqz_decoder_close(r->decoder);
    free(r);
}

static vqz_status decoder_failed(const vqz_image_reader *r, vqz_status s, vqz_error *e) {
    const vqz_error *why = vqz_decoder_error(r->decoder);
    if (why && why->status == s && why->text[0]) *e = *why;
    else cli_fail(e, s, NO_OFFSET, "%s", vqz_status_text(s));
    return s;
}

/* Answers VQZ_AGAIN: passes on what the source has, or says that it has ended. */
static vqz_status feed(vqz_image_reader *r, vqz_error *e) {
    source *in = r->base.in;
    vqz_status s;
    if (r->flushed)
        return cli_fail(e, VQZ_ERR_INTERNAL, source_offset(in), "the decoder asks for more than the file has");
    if (in->pos == in->end && !source_fill(in)) {
        if (in->error) return source_short(in, e);
        r->flushed = true;
        s = vqz_decoder_flush(r->decoder);
    } else {
        s = vqz_decoder_send(r->decoder, in->data + in->pos, in->end - in->pos);
        in->pos = in->end;
    }
    return s == VQZ_OK ? s : decoder_failed(r, s, e);
}

static vqz_status vqz_go_on(image_reader *base, vqz_error *e) {
    vqz_image_reader *r = (vqz_image_reader *)base;
    vqz_status s;
    while ((s = vqz_decoder_next_frame(r->decoder, &base->frame)) == VQZ_AGAIN)
        if ((s = feed(r, e)) != VQZ_OK) return s;
    return s == VQZ_OK || s == VQZ_END ? s : decoder_failed(r, s, e);
}

static vqz_status vqz_open(image_reader *base, const image_config *config, vqz_error *e) {
    vqz_image_reader *r = (vqz_image_reader *)base;
    vqz_status s = vqz_decoder_open(&r->decoder, &config->settings, e);
    if (s != VQZ_OK) return s;
    if (config->model && (s = vqz_decoder_add_model(r->decoder, config->model)) != VQZ_OK) return decoder_failed(r, s, e);
    if (config->other && (s = vqz_decoder_add_model(r->decoder, config->other)) != VQZ_OK) return decoder_failed(r, s, e);
    while ((s = vqz_decoder_info(r->decoder, &r->base.file)) == VQZ_AGAIN)
        if ((s = feed(r, e)) != VQZ_OK) return s;
    if (s != VQZ_OK) return decoder_failed(r, s, e);
    r->base.info = r->base.file.image;
    r->base.moving = r->base.file.sequence != 0;
    r->base.timing = r->base.file.timing;
    r->base.go_on = vqz_go_on;
    return VQZ_OK;
}

static vqz_status vqz_next(image_reader *base, image_rows *rows, vqz_error *e) {
    vqz_image_reader *r = (vqz_image_reader *)base;
    vqz_band band;
    vqz_status s;
    while ((s = vqz_decoder_receive(r->decoder, &band)) == VQZ_AGAIN)
        if ((s = feed(r, e)) != VQZ_OK) return s;
    if (s == VQZ_END) return s;
    if (s != VQZ_OK) return decoder_failed(r, s, e);
    base->unverified_tiles += band.unverified_tiles;
    *rows = (image_rows){band.pixels, band.stride, band.rows};
    return VQZ_OK;
}

const image_reader_ops image_vqz_reader = {"vqz", sizeof(vqz_image_reader), vqz_is_ours, vqz_open, vqz_next, vqz_close, NULL};
