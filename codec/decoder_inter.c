/* Frames that refer to the one before: the last whole picture, and whether it is the right one. */
#include "codec/decoder.h"
#include "codec/colour.h"
#include "codec/neutral.h"
#include <string.h>

static size_t picture_bytes(const vqz_decoder *d) { return (size_t)d->head.width * d->head.height * 3; }

void vqz_decoder_inter_layout(vqz_decoder *d, vqz_arena *a) {
    inter_state *s = &d->inter;
    if (!d->head.inter) return;
    const size_t w = vqz_positions(d->head.width), h = vqz_positions(d->head.height);
    VQZ_TAKE(a, s->present, picture_bytes(d));
    VQZ_TAKE(a, s->last, picture_bytes(d));
    VQZ_TAKE(a, s->motion.block, w * h);
    VQZ_TAKE(a, s->motion.vector, 4 * w * h);
    VQZ_TAKE(a, s->neutral, d->model->C);
    s->motion.stride = s->motion.w = (uint32_t)w;
    s->motion.h = (uint32_t)h;
}

vqz_status vqz_decoder_inter_allocated(vqz_decoder *d) {
    if (!d->head.inter) return VQZ_OK;
    memset(d->inter.last, 128, picture_bytes(d));
    return vqz_neutral_latents(d->model, vqz_kernels_get(d->settings.cpu), &d->mem, d->inter.neutral, &d->error);
}

void vqz_decoder_inter_begin(vqz_decoder *d, const vqz_frame_head *f) {
    inter_state *s = &d->inter;
    s->back = f->back;
    s->missing = f->back && (!s->have_last || s->last_pts != f->pts - (int64_t)f->back);
    s->doubtful = s->missing || (f->back && s->last_doubtful);
}

vqz_status vqz_decoder_inter_check(vqz_decoder *d) {
    const inter_state *s = &d->inter;
    if (!s->missing || d->settings.partial) return VQZ_OK;
    return vqz_fail(&d->error, VQZ_ERR_REFERENCE, d->frame.offset, "frame %llu refers to that of time %lld, which has not been decoded",
                    (unsigned long long)d->frame.number, (long long)(d->frame.pts - (int64_t)s->back));
}

void vqz_decoder_inter_prepare(vqz_decoder *d) {
    d->pixels.motion = d->inter.back ? &d->inter.motion : NULL;
    d->pixels.reference = (vqz_reference){d->inter.last, d->head.width, d->head.height};
}

/* Of a tile row. */
vqz_motion vqz_decoder_inter_motion(const vqz_decoder *d, uint32_t tx, uint32_t ty, uint32_t w, uint32_t h) {
    return vqz_motion_part(&d->inter.motion, tx * d->head.tile_width / VQZ_MOTION_BLOCK, ty * d->head.tile_height / VQZ_MOTION_BLOCK, vqz_positions(h), vqz_positions(w));
}

void vqz_decoder_inter_rows(vqz_decoder *d, const vqz_band *band) {
    inter_state *s = &d->inter;
    if (!d->head.inter) return;
    const size_t width = d->head.width, layout = d->head.layout;
    const bool gray = vqz_is_gray(d->head.layout);
    for (uint32_t i = 0; i < band->rows; i++) {
        const uint8_t *from = band->pixels + (ptrdiff_t)i * band->stride;
        uint8_t *to = s->present + (band->y + i) * width * 3;
        if (layout == VQZ_RGB) memcpy(to, from, width * 3);
        else
            for (size_t x = 0; x < width; x++, from += layout, to += 3)
                for (unsigned c = 0; c < 3; c++) to[c] = from[gray ? 0 : c];
    }
    s->doubtful |= band->unverified_tiles != 0;
    if (band->y + band->rows < d->head.height) return;
    uint8_t *last = s->present;
    s->present = s->last;
    s->last = last;
    s->last_pts = d->frame.pts;
    s->last_doubtful = s->doubtful;
    s->have_last = true;
}
