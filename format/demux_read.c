#include "format/demux.h"
#include "format/frame.h"
#include "format/grid.h"
#include "format/head.h"
#include "format/metadata.h"

void vqz_demux_emit_frame(vqz_demux *d, vqz_event *ev, const vqz_frame_head *f) {
    *ev = (vqz_event){.kind = VQZ_EV_FRAME, .frame = *f, .offset = d->chunk_offset};
    d->now = d->head;
    d->now.pixel_hash = f->pixel_hash;
    d->now.residual = f->residual;
    d->next = 0;
    d->chunks = vqz_grid_chunks(&d->now);
    d->have_hash = false;
    d->pts = f->pts;
    d->in_frame = d->have_pts = true;
    d->frames++;
}

vqz_status vqz_demux_unknown_critical(vqz_error *e) {
    return REASON(e, VQZ_ERR_VERSION, "this version does not know it, and the picture cannot be decoded without it");
}

static vqz_status read_head(vqz_demux *d, const uint8_t *payload, size_t size, vqz_error *e) {
    if (d->have_head) return REASON(e, VQZ_ERR_CORRUPT, "it is the second one");
    VQZ_TRY(vqz_head_read(&d->head, payload, size, d->max_pixels, e));
    d->have_head = true;
    d->tiles = vqz_grid_tiles(&d->head);
    return VQZ_OK;
}

static vqz_status read_frame(vqz_demux *d, vqz_event *ev, const uint8_t *payload, size_t size, vqz_error *e) {
    vqz_frame_head f;
    if (!d->head.sequence) return REASON(e, VQZ_ERR_CORRUPT, "a still picture has none");
    VQZ_TRY(vqz_frame_read(&f, &d->head, payload, size, e));
    if (!d->packets) {                       /* which may come from anywhere */
        if (!d->frames && !f.key) return REASON(e, VQZ_ERR_CORRUPT, "decoding cannot begin at the first frame");
        if (d->have_pts && f.pts <= d->pts) return REASON(e, VQZ_ERR_CORRUPT, "its time is %lld, that of the frame before %lld", (long long)f.pts, (long long)d->pts);
        if (!d->spoilt) VQZ_TRY(vqz_index_add_frame(&d->index, d->chunk_offset, &f, e));
    }
    vqz_demux_emit_frame(d, ev, &f);
    return VQZ_OK;
}

static vqz_status read_tile(vqz_demux *d, vqz_event *ev, bool partial, const uint8_t *payload, size_t size, vqz_error *e) {
    vqz_reader r = vqz_reader_of(payload, size);
    uint32_t key = vqz_read_varint(&r), index = key >> 2;
    uint8_t layer = key & 3;
    if (!d->in_frame) return REASON(e, VQZ_ERR_CORRUPT, "it belongs to no frame");
    if (r.failed) return REASON(e, VQZ_ERR_CORRUPT, "it has no tile index");
    if (layer > VQZ_LAYER_ALPHA) return REASON(e, VQZ_ERR_VERSION, "this version does not know layer %u", layer);
    if (index >= d->tiles) return REASON(e, VQZ_ERR_CORRUPT, "tile %u does not exist, the picture has %u", index, d->tiles);
    if (!vqz_grid_has_layer(&d->now, layer))
        return REASON(e, VQZ_ERR_CORRUPT, "the picture has no %s", layer == VQZ_LAYER_ALPHA ? "alpha" : "residuals");
    uint32_t ordinal = vqz_grid_ordinal(&d->now, index, layer);
    if (partial ? ordinal < d->next : ordinal != d->next)
        return REASON(e, VQZ_ERR_CORRUPT, "it is number %u in the order of TILE chunks, number %u is due", ordinal, d->next);
    vqz_tile_chunk t = {index, layer, r.data + r.pos, vqz_reader_left(&r)};
    if (!vqz_grid_payload_ok(&d->now, index, layer, t.size))
        return REASON(e, VQZ_ERR_CORRUPT, "%zu bytes are not possible for layer %u of tile %u", t.size, layer, index);
    if (!d->head.sequence && d->tiles > 1) VQZ_TRY(vqz_index_add(&d->index, d->chunk_offset, e));
    d->next = ordinal + 1;
    *ev = (vqz_event){.kind = VQZ_EV_TILE, .tile = t, .offset = d->chunk_offset};
    return VQZ_OK;
}

static vqz_status read_hash(vqz_demux *d, bool partial, const uint8_t *payload, size_t size, vqz_error *e) {
    if (!d->in_frame) return REASON(e, VQZ_ERR_CORRUPT, "it belongs to no frame");
    if (!d->now.pixel_hash) return REASON(e, VQZ_ERR_CORRUPT, "%s does not announce it", d->head.sequence ? "FRAM" : "HEAD");
    if (d->have_hash) return REASON(e, VQZ_ERR_CORRUPT, "it is the second one");
    if (size != 8) return REASON(e, VQZ_ERR_CORRUPT, "its length is %zu, not 8", size);
    if (!partial && d->next != d->chunks) return REASON(e, VQZ_ERR_CORRUPT, "it comes after %u of %u TILE chunks", d->next, d->chunks);
    d->hash = vqz_load64(payload);
    d->have_hash = true;
    return VQZ_OK;
}

static vqz_status read_index(vqz_demux *d, bool partial, const uint8_t *payload, size_t size, vqz_error *e) {
    if (d->head.sequence) {
        d->have_index = true;
        if (d->spoilt || partial) return VQZ_OK;   /* where chunks were damaged it says nothing */
        if (!d->frames) return REASON(e, VQZ_ERR_CORRUPT, "it comes before the first frame");
        if (d->head.frames && d->head.frames != d->frames) return REASON(e, VQZ_ERR_CORRUPT, "it comes after %llu frames, HEAD says %u", (ull)d->frames, d->head.frames);
        return vqz_index_check(&d->index, &d->head, payload, size, e);
    }
    if (d->tiles == 1) return REASON(e, VQZ_ERR_CORRUPT, "a picture of one tile has no index");
    d->have_index = true;
    if (partial) return VQZ_OK;
    if (d->next != d->chunks || d->have_hash != d->head.pixel_hash)
        return REASON(e, VQZ_ERR_CORRUPT, "it comes after %u of %u TILE chunks%s", d->next, d->chunks,
                      d->next == d->chunks ? ", before PHSH" : "");
    return vqz_index_check(&d->index, &d->head, payload, size, e);
}

vqz_status vqz_demux_read_chunk(vqz_demux *d, vqz_event *ev, bool partial, const uint8_t *payload, size_t size, vqz_error *e) {
    vqz_chunk_kind kind = d->chunk.kind;
    switch (kind) {
    case VQZ_CHUNK_HEAD: return read_head(d, payload, size, e);
    case VQZ_CHUNK_FRAME: return read_frame(d, ev, payload, size, e);
    case VQZ_CHUNK_TILE: return read_tile(d, ev, partial, payload, size, e);
    case VQZ_CHUNK_HASH: return read_hash(d, partial, payload, size, e);
    case VQZ_CHUNK_INDEX: return read_index(d, partial, payload, size, e);
    case VQZ_CHUNK_UNKNOWN: return d->chunk.critical ? vqz_demux_unknown_critical(e) : VQZ_OK;
    default: break;
    }
    if (d->head_sent) return REASON(e, VQZ_ERR_CORRUPT, "metadata must come before the first TILE");
    return vqz_metadata_read(&d->meta, d->mem, kind, payload, size, e);
}

