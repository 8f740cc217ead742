/* Bytes in, frames out, each in bands. */
#include "codec/decoder.h"
#include "base/crc32c.h"
#include "codec/settings.h"
#include "format/chunk.h"
#include <string.h>

static vqz_status fail(vqz_decoder *d, vqz_status s) { return d->failed = d->error.status = s; }

vqz_status vqz_decoder_open(vqz_decoder **out, const vqz_settings *settings, vqz_error *error) {
    if (!out) return vqz_fail(error, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "vqz_decoder_open: NULL argument");
    *out = NULL;
    vqz_settings s;
    vqz_memory mem;
    void *p;
    VQZ_TRY(vqz_settings_read(&s, settings, error));
    vqz_memory_init(&mem, s.max_memory);
    VQZ_TRY(vqz_alloc(&mem, &p, 1, sizeof(vqz_decoder), error));
    vqz_decoder *d = p;
    d->mem = mem;
    d->settings = s;
    d->held_payload.mem = d->kept.bytes.mem = &d->mem;
    if (s.device) vqz_device_ref(s.device);
    vqz_status status = vqz_demux_create(&d->demux, &d->mem, s.max_pixels, error);
    if (status != VQZ_OK) {
        vqz_decoder_close(d);
        return status;
    }
    *out = d;
    return VQZ_OK;
}

void vqz_decoder_close(vqz_decoder *d) {
    if (!d) return;
    for (uint32_t i = 0; d->tiles && i < d->grid.nx; i++)
        for (unsigned k = 0; k < 3; k++) {
            vqz_buffer_free(&d->tiles[i].layer[k].payload);
            vqz_buffer_free(&d->tiles[i].pixels[k].payload);
        }
    vqz_buffer_free(&d->held_payload);
    vqz_decoder_keep_none(d);
    vqz_free(&d->mem, d->kept.tile);
    vqz_free(&d->mem, d->kept.samples);
    vqz_buffer_free(&d->kept.bytes);
    vqz_device_unref(d->settings.device);
    vqz_pool_free(d->pool);
    vqz_free(&d->mem, d->block);
    vqz_demux_free(d->demux);
    vqz_model_unref(d->model);
    for (unsigned i = 0; i < d->nmodels; i++) vqz_model_unref(d->models[i]);
    vqz_memory mem = d->mem;
    vqz_free(&mem, d);
}

const vqz_error *vqz_decoder_error(const vqz_decoder *d) { return &d->error; }

vqz_status vqz_decoder_add_model(vqz_decoder *d, vqz_model *model) {
    if (!d || !model) return VQZ_ERR_ARGUMENT;
    if (d->nmodels == MAX_MODELS) return vqz_fail(&d->error, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "more than %d models", MAX_MODELS);
    vqz_model_ref(model);
    d->models[d->nmodels++] = model;
    return VQZ_OK;
}

vqz_status vqz_decoder_send(vqz_decoder *d, const uint8_t *data, size_t size) {
    if (!d || (!data && size)) return VQZ_ERR_ARGUMENT;
    if (d->failed) return d->failed;
    vqz_status s = vqz_demux_send(d->demux, data, size, &d->error);
    return s == VQZ_OK ? s : fail(d, s);
}

vqz_status vqz_decoder_flush(vqz_decoder *d) {
    if (!d) return VQZ_ERR_ARGUMENT;
    if (d->failed) return d->failed;
    vqz_demux_flush(d->demux);
    return VQZ_OK;
}

/* ---- the header: model, plan ------------------------------------------------------------------ */

static vqz_status find_model(vqz_decoder *d) {
    for (unsigned i = 0; i < d->nmodels; i++)
        if (memcmp(d->models[i]->id, d->head.model_id, sizeof d->head.model_id) == 0) {
            vqz_model_ref(d->model = d->models[i]);
            return VQZ_OK;
        }
    return vqz_model_find(&d->model, d->head.model_id, &d->error);     /* none: reported when pixels are asked for, `info` works without */
}

static vqz_status take_head(vqz_decoder *d, const vqz_event *ev) {
    d->head = *ev->head;
    d->meta = *ev->meta;
    d->have_head = true;
    VQZ_TRY(find_model(d));
    return d->model ? vqz_decoder_plan(d) : VQZ_OK;
}

/* ---- driving ---------------------------------------------------------------------------------- */

/* What a sequence survives. */
static bool costs_a_frame(const vqz_decoder *d, vqz_status s) {
    return d->head.sequence && (s == VQZ_ERR_CHECKSUM || s == VQZ_ERR_CORRUPT || s == VQZ_ERR_VERSION || s == VQZ_ERR_HASH || s == VQZ_ERR_REFERENCE);
}

static void begin_frame(vqz_decoder *d, const vqz_event *ev) {
    const vqz_frame_head *f = &ev->frame;
    d->frame = (vqz_frame){.number = d->frames++, .offset = ev->offset, .pts = f->pts, .duration = f->duration, .key = f->key, .quality_x16 = f->quality_x16};
    d->at = ANNOUNCED;
    d->frame_status = VQZ_OK;
    d->frame_read = d->has_pixel_hash = false;
    d->head.pixel_hash = f->pixel_hash;
    d->head.residual = f->residual;
    d->collect = d->refined = d->deliver = d->tiles_met = 0;
    d->made = false;
    d->held.kind = VQZ_EV_NONE;
    vqz_decoder_inter_begin(d, f);
    vqz_decoder_keep_none(d);
    for (uint32_t i = 0; d->laid_out && i < d->grid.nx; i++)
        for (unsigned k = 0; k < 3; k++) d->tiles[i].layer[k].payload.size = 0;
    XXH64_reset(&d->hash, 0);
}

/* The present frame is damaged, or one of which nothing is known. */
static void take_damage(vqz_decoder *d, const vqz_event *ev) {
    d->error = *ev->error;
    if (d->at == NO_FRAME || d->frame_read) begin_frame(d, ev);
    if (d->at != OVER) d->frame.status = d->frame_status = ev->error->status;
    d->frame_read = true;
    vqz_decoder_keep_end(d);
}

static vqz_status take_frame_end(vqz_decoder *d, const vqz_event *ev) {
    d->frame_read = true;
    vqz_decoder_keep_end(d);
    d->has_pixel_hash = ev->has_pixel_hash;
    d->pixel_hash = ev->pixel_hash;
    if (d->at == OVER) return VQZ_OK;
    if (d->head.sequence && !d->tiles_met) {     /* partial: a few bytes shall not make a picture */
        d->frame_status = vqz_fail(&d->error, VQZ_ERR_CORRUPT, d->frame.offset, "frame %llu has no tiles", (unsigned long long)d->frame.number);
        return VQZ_OK;
    }
    return d->laid_out ? VQZ_OK : vqz_decoder_allocate(d);
}

/* One event of the demuxer. */
static vqz_status step(vqz_decoder *d) {
    vqz_event ev;
    bool kept;
    vqz_status s = vqz_demux_next(d->demux, &ev, d->settings.partial != 0, &d->error);
    if (s != VQZ_OK) return s;
    switch (ev.kind) {
    case VQZ_EV_HEAD: return take_head(d, &ev);
    case VQZ_EV_FRAME: begin_frame(d, &ev); break;
    case VQZ_EV_TILE:
        d->tiles_met++;
        if (d->at == OVER) break;
        if (!d->laid_out) VQZ_TRY(vqz_decoder_allocate(d));
        VQZ_TRY(vqz_decoder_keep(d, &ev, &kept));
        if (kept) break;
        d->held = ev;
        d->held_payload.size = 0;
        VQZ_TRY(vqz_buffer_append(&d->held_payload, ev.tile.payload, ev.tile.size, &d->error));
        d->held.tile.payload = d->held_payload.data;
        break;
    case VQZ_EV_FRAME_END: return take_frame_end(d, &ev);
    case VQZ_EV_DAMAGED: take_damage(d, &ev); break;
    case VQZ_EV_END: d->ended = true; break;
    case VQZ_EV_NONE: break;
    }
    return VQZ_OK;
}

/* What is collected next: residuals as soon as the latents that their pixels depend on are there. */
static bool residuals_are_due(const vqz_decoder *d) {
    return d->head.residual && (d->collect == d->grid.ny || d->collect > d->refined + 1);
}

/* All that will come of what is collected is there. */
static vqz_status finish(vqz_decoder *d) {
    if (!residuals_are_due(d)) return vqz_decoder_finish_row(d);
    d->refined++;
    return VQZ_OK;
}

static vqz_status take_tile(vqz_decoder *d, const vqz_event *ev) {
    part *p = &d->tiles[ev->tile.index % d->grid.nx].layer[ev->tile.layer];
    p->offset = ev->offset;
    return vqz_buffer_append(&p->payload, ev->tile.payload, ev->tile.size, &d->error);
}

/* The held TILE goes to its row, once what comes before that in the file is finished. */
static vqz_status use_held(vqz_decoder *d) {
    const vqz_event *ev = &d->held;
    uint32_t row = ev->tile.index / d->grid.nx, layer = ev->tile.layer;
    bool due = residuals_are_due(d) ? layer == VQZ_LAYER_RESIDUAL && row == d->refined : layer != VQZ_LAYER_RESIDUAL && row == d->collect;
    if (!due) return finish(d);                                      /* what is missing will not come any more */
    VQZ_TRY(take_tile(d, ev));
    d->held.kind = VQZ_EV_NONE;
    bool last = layer != VQZ_LAYER_ALPHA && ev->tile.index + 1 == (row + 1) * d->grid.nx;
    return last ? finish(d) : VQZ_OK;
}

/* The row to deliver is there, with its residuals or, where there are none, with the latents of the row below it. */
static bool row_ready(const vqz_decoder *d) {
    if (!d->laid_out || d->deliver == d->grid.ny) return false;
    return d->head.residual ? d->refined > d->deliver : d->collect == d->grid.ny || d->collect > d->deliver + 1;
}

static vqz_status check_pixels(vqz_decoder *d) {
    uint64_t hash = XXH64_digest(&d->hash);
    if (d->kept.doubted && !d->settings.partial)
        return vqz_fail(&d->error, VQZ_ERR_DEVICE, VQZ_NO_OFFSET, "the GPU has found damage in a file that has none: it does not calculate as it should");
    if (!d->settings.verify || !d->has_pixel_hash || d->settings.partial || hash == d->pixel_hash) return VQZ_END;
    return vqz_fail(&d->error, VQZ_ERR_HASH, VQZ_NO_OFFSET, "the decoded pixels hash to %016llx, the file says %016llx",
                    (unsigned long long)hash, (unsigned long long)d->pixel_hash);
}

/* The next band of the present frame; VQZ_END behind the last one. */
static vqz_status next_band(vqz_decoder *d, vqz_band *band) {
    VQZ_TRY(vqz_decoder_inter_check(d));
    for (;;) {
        vqz_status s;
        if (d->kept.state == ON_DEVICE && d->deliver < d->grid.ny) {
            s = vqz_decoder_device_row(d, band);
            if (s != VQZ_AGAIN) return s;
            continue;
        }
        if (row_ready(d)) {
            s = vqz_decoder_deliver_row(d, band);
            if (s != VQZ_OK || d->deliver > d->kept.shown) return s;
            continue;
        }
        if (d->held.kind == VQZ_EV_TILE || vqz_decoder_replay(d)) s = use_held(d);
        else if (d->frame_status != VQZ_OK) return d->frame_status;
        else if (d->frame_read && d->deliver == d->grid.ny) return check_pixels(d);
        else if (d->frame_read) s = finish(d);                   /* partial: the rest of the picture is blank */
        else s = step(d);
        if (s != VQZ_OK) return s;
    }
}

/* Reads on until a frame is announced. */
static vqz_status find_frame(vqz_decoder *d) {
    while (d->at != ANNOUNCED) {
        if (d->ended) return VQZ_END;
        vqz_status s = step(d);
        if (s == VQZ_AGAIN) return s;
        if (s != VQZ_OK && s != VQZ_END) return fail(d, s);
    }
    d->at = IN_FRAME;
    return VQZ_OK;
}

/* What is not received of the present frame is left out; where others may refer to it, it is decoded. */
static vqz_status skip_rest(vqz_decoder *d) {
    vqz_status s = VQZ_END;
    vqz_band band;
    if (d->at != IN_FRAME) return VQZ_OK;
    while (d->head.inter && (s = next_band(d, &band)) == VQZ_OK) {}
    if (s == VQZ_AGAIN) return s;
    if (s != VQZ_END && s != d->frame_status && !costs_a_frame(d, s)) return fail(d, s);
    d->at = OVER;
    d->frame_status = VQZ_END;
    return VQZ_OK;
}

vqz_status vqz_decoder_next_frame(vqz_decoder *d, vqz_frame *frame) {
    if (!d || !frame) return VQZ_ERR_ARGUMENT;
    if (d->failed) return d->failed;
    VQZ_TRY(skip_rest(d));
    VQZ_TRY(find_frame(d));
    *frame = d->frame;
    return VQZ_OK;
}

vqz_status vqz_decoder_receive(vqz_decoder *d, vqz_band *band) {
    if (!d || !band) return VQZ_ERR_ARGUMENT;
    if (d->failed) return d->failed;
    if (d->at == NO_FRAME || d->at == ANNOUNCED) VQZ_TRY(find_frame(d));
    if (d->at == OVER) return d->frame_status;
    vqz_status s = next_band(d, band);
    if (s == VQZ_OK || s == VQZ_AGAIN) return s;
    if (s != VQZ_END && s != d->frame_status && !costs_a_frame(d, s)) return fail(d, s);
    d->at = OVER;
    return d->frame_status = s;
}

vqz_status vqz_decoder_send_packet(vqz_decoder *d, const uint8_t *data, size_t size) {
    if (!d || (!data && size)) return VQZ_ERR_ARGUMENT;
    if (d->failed) return d->failed;
    vqz_status s = d->have_head ? VQZ_OK : step(d);                  /* the header, if that was the last packet */
    if (s != VQZ_OK && s != VQZ_AGAIN) return fail(d, s);
    if (d->head.inter && d->at != IN_FRAME) s = find_frame(d);       /* nobody asked for that frame, but the next one may */
    if (s != VQZ_OK && s != VQZ_AGAIN && s != VQZ_END) return s;
    if (d->at == ANNOUNCED || d->at == IN_FRAME) {
        d->at = IN_FRAME;
        s = skip_rest(d);
        if (s != VQZ_OK && s != VQZ_AGAIN) return s;
        d->at = OVER;
        d->frame_status = VQZ_END;
        d->frame_read = true;
    }
    s = vqz_demux_send_packet(d->demux, data, size, &d->error);
    return s == VQZ_OK ? s : fail(d, s);
}

vqz_status vqz_decoder_seek(vqz_decoder *d, uint64_t offset) {
    if (!d) return VQZ_ERR_ARGUMENT;
    if (d->failed && d->failed != VQZ_ERR_TRUNCATED) return d->failed;
    VQZ_TRY(vqz_demux_seek(d->demux, offset, &d->error));
    d->failed = VQZ_OK;
    d->ended = false;
    d->at = OVER;
    d->frame_read = true;
    d->frame_status = VQZ_END;
    return VQZ_OK;
}

vqz_status vqz_decoder_info(vqz_decoder *d, vqz_file_info *info) {
    if (!d || !info) return VQZ_ERR_ARGUMENT;
    if (d->failed) return d->failed;
    if (!d->have_head) {
        vqz_status s = step(d);
        if (s == VQZ_AGAIN) return s;
        if (s != VQZ_OK) return fail(d, s);
    }
    vqz_grid g = vqz_grid_of(&d->head);
    *info = (vqz_file_info){.image = {.width = d->head.width, .height = d->head.height, .layout = (vqz_layout)d->head.layout, .orientation = d->head.orientation, .meta = d->meta},
                            .tile_width = d->head.tile_width, .tile_height = d->head.tile_height, .tiles_x = g.nx, .tiles_y = g.ny,
                            .major = VQZ_MAJOR, .minor = VQZ_MINOR, .quality_x16 = d->head.quality_x16, .peak_memory = d->planned};
    memcpy(info->image.cicp, d->head.cicp, sizeof info->image.cicp);
    memcpy(info->model_id, d->head.model_id, sizeof info->model_id);
    info->sequence = d->head.sequence;
    info->timing = (vqz_timing){d->head.timebase_num, d->head.timebase_den, d->head.frames};
    return VQZ_OK;
}

vqz_status vqz_probe(const uint8_t *data, size_t size) {
    enum { SIGNATURE = 8 };
    if (!data && size) return VQZ_ERR_ARGUMENT;
    if (size && memcmp(data, vqz_preamble, size < SIGNATURE ? size : SIGNATURE) != 0) return VQZ_ERR_SIGNATURE;
    if (size > SIGNATURE && data[SIGNATURE] != VQZ_MAJOR) return VQZ_ERR_VERSION;
    return size < VQZ_PREAMBLE_SIZE ? VQZ_AGAIN : VQZ_OK;
}

vqz_status vqz_find_chunk(const uint8_t *data, size_t size, const char type[4], const uint8_t **contents, size_t *contents_size) {
    if (!type || !contents || !contents_size) return VQZ_ERR_ARGUMENT;
    *contents = NULL;
    *contents_size = 0;
    VQZ_TRY(vqz_probe(data, size));
    for (size_t at = VQZ_PREAMBLE_SIZE; size - at >= VQZ_CHUNK_HEADER;) {
        const vqz_chunk_header h = vqz_chunk_parse(data + at);
        if (!h.named || h.length > INT32_MAX) return VQZ_ERR_CORRUPT;
        if (h.kind == VQZ_CHUNK_TILE || h.kind == VQZ_CHUNK_FRAME) return VQZ_END;
        if (size - at < VQZ_CHUNK_OVERHEAD + (size_t)h.length) return VQZ_AGAIN;
        const size_t covered = VQZ_CHUNK_HEADER + h.length;
        if (memcmp(h.type, type, sizeof h.type) == 0) {
            if (vqz_load32(data + at + covered) != vqz_crc32c(0, data + at, covered)) return VQZ_ERR_CHECKSUM;
            *contents = data + at + VQZ_CHUNK_HEADER;
            *contents_size = h.length;
            return VQZ_OK;
        }
        at += VQZ_CHUNK_OVERHEAD + h.length;
    }
    return VQZ_AGAIN;
}
