#include "base/crc32c.h"
#include "format/chunk.h"
#include "format/grid.h"
#include "format/head.h"
#include "format/index.h"
#include "format/metadata.h"

typedef enum {
    AT_PREAMBLE, AT_CHUNK, IN_CHUNK,
    IN_SKIPPED,                  /* a chunk that is only checked, piece by piece */
    LOST,                        /* partial: the frame of a chunk was damaged; looking for the next TILE */
    DONE
} demux_state;

struct vqz_demux {
    vqz_memory *mem;
    uint64_t max_pixels;
    vqz_buffer in;               /* what was sent and not yet consumed, from pos on */
    size_t pos;
    uint64_t base;               /* offset in the input of in.data[0] */
    bool flushed;
    demux_state state;
    vqz_error error;             /* the first failure; repeated by every later call */

    vqz_chunk_header chunk;      /* the current one */
    uint64_t chunk_offset;
    uint64_t skip_left;          /* IN_SKIPPED: payload bytes to come */
    uint32_t crc;                /* of the current chunk so far; before HEAD: of the preamble */

    bool have_head, head_sent;
    vqz_head head;
    vqz_metadata meta;
    uint32_t next, chunks, tiles;  /* TILE chunks: next ordinal, number; number of tiles */
    bool have_hash, have_index;
    uint64_t hash;
    vqz_index index;
};

typedef unsigned long long ull;
/* An error in the current chunk: vqz_demux_next puts the chunk's name and place before the text. */
#define REASON(e, status, ...) vqz_fail(e, status, VQZ_NO_OFFSET, __VA_ARGS__)

vqz_status vqz_demux_create(vqz_demux **out, vqz_memory *mem, uint64_t max_pixels, vqz_error *e) {
    void *p;
    *out = NULL;
    VQZ_TRY(vqz_alloc(mem, &p, 1, sizeof(vqz_demux), e));
    vqz_demux *d = p;
    d->mem = d->in.mem = d->index.entries.mem = mem;
    d->max_pixels = max_pixels < VQZ_MAX_PIXELS ? max_pixels : VQZ_MAX_PIXELS;
    *out = d;
    return VQZ_OK;
}

void vqz_demux_free(vqz_demux *d) {
    if (!d) return;
    vqz_buffer_free(&d->in);
    vqz_buffer_free(&d->index.entries);
    vqz_metadata_free(&d->meta, d->mem);
    vqz_free(d->mem, d);
}

static size_t available(const vqz_demux *d) { return d->in.size - d->pos; }
uint64_t vqz_demux_offset(const vqz_demux *d) { return d->base + d->pos; }

vqz_status vqz_demux_send(vqz_demux *d, const uint8_t *data, size_t size, vqz_error *e) {
    if (d->flushed) return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "input was sent after the end of the input");
    if (d->state == DONE || d->error.status) return VQZ_OK;   /* nobody will look at it */
    /* Room is made where that moves fewer bytes than have been consumed: every byte is moved at most once on average. */
    if (d->pos >= available(d)) {
        size_t left = available(d);
        if (left) memmove(d->in.data, d->in.data + d->pos, left);
        d->base += d->pos;
        d->in.size = left;
        d->pos = 0;
    }
    return vqz_buffer_append(&d->in, data, size, e);
}

void vqz_demux_flush(vqz_demux *d) { d->flushed = true; }

static void emit_head(vqz_demux *d, vqz_event *ev) {
    *ev = (vqz_event){.kind = VQZ_EV_HEAD, .head = &d->head, .meta = &d->meta};
    d->head_sent = true;
}

static void emit_end(vqz_demux *d, vqz_event *ev) {
    *ev = (vqz_event){.kind = VQZ_EV_END, .offset = vqz_demux_offset(d), .has_pixel_hash = d->have_hash, .pixel_hash = d->hash};
    d->state = DONE;
}

/* There are not enough bytes to go on. At the end of the input that is an error, or, in partial mode, the end. */
static vqz_status starved(vqz_demux *d, vqz_event *ev, bool partial, vqz_error *e) {
    if (!d->flushed) return VQZ_AGAIN;
    uint64_t end = d->base + d->in.size;
    if (partial && d->have_head) {
        if (!d->head_sent) emit_head(d, ev);
        else emit_end(d, ev);
        return VQZ_OK;
    }
    if (!d->have_head)
        return vqz_fail(e, VQZ_ERR_TRUNCATED, end, "the file ends after %llu bytes, before its HEAD chunk is complete", (ull)end);
    if (d->state == AT_CHUNK)
        return vqz_fail(e, VQZ_ERR_TRUNCATED, end, "the file ends after %llu bytes, with %u of %u TILE chunks%s", (ull)end,
                        d->next, d->chunks, d->next == d->chunks ? " but not all that follows" : "");
    return vqz_fail(e, VQZ_ERR_TRUNCATED, end, "%.4s chunk at offset %llu: the file ends after %llu of its %llu bytes",
                    (const char *)d->chunk.type, (ull)d->chunk_offset, (ull)(end - d->chunk_offset),
                    (ull)d->chunk.length + VQZ_CHUNK_OVERHEAD);
}

static vqz_status at_preamble(vqz_demux *d, vqz_event *ev, bool partial, vqz_error *e) {
    size_t n = available(d), signature = VQZ_PREAMBLE_SIZE - 2;
    if (!n) return starved(d, ev, partial, e);
    const uint8_t *p = d->in.data + d->pos;
    if (memcmp(p, vqz_preamble, n < signature ? n : signature))
        return vqz_fail(e, VQZ_ERR_SIGNATURE, 0, "the file does not begin with the signature of vqz");
    if (n > signature && p[signature] != VQZ_MAJOR)
        return vqz_fail(e, VQZ_ERR_VERSION, signature, "the file has format version %u, this library reads version %d",
                        p[signature], VQZ_MAJOR);
    if (n < VQZ_PREAMBLE_SIZE) return starved(d, ev, partial, e);
    d->crc = vqz_crc32c(0, p, VQZ_PREAMBLE_SIZE);
    d->pos += VQZ_PREAMBLE_SIZE;
    d->state = AT_CHUNK;
    return VQZ_OK;
}

static vqz_status unknown_critical(vqz_error *e) {
    return REASON(e, VQZ_ERR_VERSION, "this version does not know it, and the picture cannot be decoded without it");
}

static vqz_status check_header(const vqz_demux *d, bool partial, vqz_error *e) {
    const vqz_chunk_header *c = &d->chunk;
    if (!c->named) return REASON(e, VQZ_ERR_CORRUPT, "its type is not four letters");
    if (!d->have_head && c->kind != VQZ_CHUNK_HEAD) return REASON(e, VQZ_ERR_CORRUPT, "the first chunk must be HEAD");
    if (c->kind == VQZ_CHUNK_UNKNOWN && c->critical && !partial) return unknown_critical(e);
    uint32_t most = vqz_chunk_max_length(c->kind, &d->head);
    if (c->length > most) return REASON(e, VQZ_ERR_CORRUPT, "its length is %u, at most %u is possible", c->length, most);
    return VQZ_OK;
}

/* The last chunk of a file follows from its head: INDX, else PHSH, else the last TILE. */
static bool complete(const vqz_demux *d) {
    if (d->tiles != 1) return d->have_index;
    return d->next == d->chunks && d->have_hash == d->head.pixel_hash;
}

static vqz_status at_chunk(vqz_demux *d, vqz_event *ev, bool partial, vqz_error *e) {
    if (complete(d)) {
        emit_end(d, ev);
        return VQZ_OK;
    }
    if (available(d) < VQZ_CHUNK_HEADER) return starved(d, ev, partial, e);
    d->chunk = vqz_chunk_parse(d->in.data + d->pos);
    d->chunk_offset = vqz_demux_offset(d);
    vqz_status s = check_header(d, partial, e);
    if (s != VQZ_OK) {
        if (!partial || !d->have_head) return s;
        d->pos++;
        d->state = LOST;
        return VQZ_OK;
    }
    if (d->chunk.kind == VQZ_CHUNK_UNKNOWN) {
        d->crc = vqz_crc32c(0, d->in.data + d->pos, VQZ_CHUNK_HEADER);
        d->pos += VQZ_CHUNK_HEADER;
        d->skip_left = d->chunk.length;
        d->state = IN_SKIPPED;
        return VQZ_OK;
    }
    d->state = IN_CHUNK;
    if (d->chunk.kind >= VQZ_CHUNK_TILE && !d->head_sent) emit_head(d, ev);
    return VQZ_OK;
}

static vqz_status lost(vqz_demux *d, vqz_event *ev, bool partial, vqz_error *e) {
    for (; available(d) >= 4; d->pos++)
        if (!memcmp(d->in.data + d->pos, "TILE", 4)) {
            d->state = AT_CHUNK;
            return VQZ_OK;
        }
    return starved(d, ev, partial, e);
}

static vqz_status crc_error(uint32_t stored, uint32_t computed, vqz_error *e) {
    return REASON(e, VQZ_ERR_CHECKSUM, "crc32c is %08x, computed %08x", stored, computed);
}

static vqz_status in_skipped(vqz_demux *d, vqz_event *ev, bool partial, vqz_error *e) {
    size_t n = available(d) < d->skip_left ? available(d) : (size_t)d->skip_left;
    d->crc = vqz_crc32c(d->crc, d->in.data + d->pos, n);
    d->pos += n;
    d->skip_left -= n;
    if (d->skip_left || available(d) < 4) return starved(d, ev, partial, e);
    uint32_t stored = vqz_load32(d->in.data + d->pos);
    d->pos += 4;
    d->state = AT_CHUNK;
    if (stored != d->crc) return partial ? VQZ_OK : crc_error(stored, d->crc, e);
    return d->chunk.critical ? unknown_critical(e) : VQZ_OK;
}

static vqz_status read_head(vqz_demux *d, const uint8_t *payload, size_t size, vqz_error *e) {
    if (d->have_head) return REASON(e, VQZ_ERR_CORRUPT, "it is the second one");
    VQZ_TRY(vqz_head_read(&d->head, payload, size, d->max_pixels, e));
    d->have_head = true;
    d->tiles = vqz_grid_tiles(&d->head);
    d->chunks = vqz_grid_chunks(&d->head);
    return VQZ_OK;
}

static vqz_status read_tile(vqz_demux *d, vqz_event *ev, bool partial, const uint8_t *payload, size_t size, vqz_error *e) {
    vqz_reader r = vqz_reader_of(payload, size);
    uint32_t key = vqz_read_varint(&r), index = key >> 2;
    uint8_t layer = key & 3;
    if (r.failed) return REASON(e, VQZ_ERR_CORRUPT, "it has no tile index");
    if (layer > VQZ_LAYER_ALPHA) return REASON(e, VQZ_ERR_VERSION, "this version does not know layer %u", layer);
    if (index >= d->tiles) return REASON(e, VQZ_ERR_CORRUPT, "tile %u does not exist, the picture has %u", index, d->tiles);
    if (!vqz_grid_has_layer(&d->head, layer))
        return REASON(e, VQZ_ERR_CORRUPT, "the picture has no %s", layer == VQZ_LAYER_ALPHA ? "alpha" : "residuals");
    uint32_t ordinal = vqz_grid_ordinal(&d->head, index, layer);
    if (partial ? ordinal < d->next : ordinal != d->next)
        return REASON(e, VQZ_ERR_CORRUPT, "it is number %u in the order of TILE chunks, number %u is due", ordinal, d->next);
    vqz_tile_chunk t = {index, layer, r.data + r.pos, vqz_reader_left(&r)};
    if (!vqz_grid_payload_ok(&d->head, index, layer, t.size))
        return REASON(e, VQZ_ERR_CORRUPT, "%zu bytes are not possible for layer %u of tile %u", t.size, layer, index);
    if (d->tiles > 1) VQZ_TRY(vqz_index_add(&d->index, d->chunk_offset, e));
    d->next = ordinal + 1;
    *ev = (vqz_event){.kind = VQZ_EV_TILE, .tile = t, .offset = d->chunk_offset};
    return VQZ_OK;
}

static vqz_status read_hash(vqz_demux *d, bool partial, const uint8_t *payload, size_t size, vqz_error *e) {
    if (!d->head.pixel_hash) return REASON(e, VQZ_ERR_CORRUPT, "HEAD does not announce it");
    if (d->have_hash) return REASON(e, VQZ_ERR_CORRUPT, "it is the second one");
    if (size != 8) return REASON(e, VQZ_ERR_CORRUPT, "its length is %zu, not 8", size);
    if (!partial && d->next != d->chunks) return REASON(e, VQZ_ERR_CORRUPT, "it comes after %u of %u TILE chunks", d->next, d->chunks);
    d->hash = vqz_load64(payload);
    d->have_hash = true;
    return VQZ_OK;
}

static vqz_status read_index(vqz_demux *d, bool partial, const uint8_t *payload, size_t size, vqz_error *e) {
    if (d->tiles == 1) return REASON(e, VQZ_ERR_CORRUPT, "a picture of one tile has no index");
    d->have_index = true;
    if (partial) return VQZ_OK;   /* where chunks were damaged it says nothing */
    if (d->next != d->chunks || d->have_hash != d->head.pixel_hash)
        return REASON(e, VQZ_ERR_CORRUPT, "it comes after %u of %u TILE chunks%s", d->next, d->chunks,
                      d->next == d->chunks ? ", before PHSH" : "");
    return vqz_index_check(&d->index, payload, size, e);
}

static vqz_status read_chunk(vqz_demux *d, vqz_event *ev, bool partial, const uint8_t *payload, size_t size, vqz_error *e) {
    vqz_chunk_kind kind = d->chunk.kind;
    switch (kind) {
    case VQZ_CHUNK_HEAD: return read_head(d, payload, size, e);
    case VQZ_CHUNK_TILE: return read_tile(d, ev, partial, payload, size, e);
    case VQZ_CHUNK_HASH: return read_hash(d, partial, payload, size, e);
    case VQZ_CHUNK_INDEX: return read_index(d, partial, payload, size, e);
    default: break;
    }
    if (d->head_sent) return REASON(e, VQZ_ERR_CORRUPT, "metadata must come before the first TILE");
    return vqz_metadata_read(&d->meta, d->mem, kind, payload, size, e);
}

static vqz_status in_chunk(vqz_demux *d, vqz_event *ev, bool partial, vqz_error *e) {
    size_t size = d->chunk.length;
    if (available(d) < size + VQZ_CHUNK_OVERHEAD) return starved(d, ev, partial, e);
    const uint8_t *p = d->in.data + d->pos;
    uint32_t stored = vqz_load32(p + VQZ_CHUNK_HEADER + size);
    uint32_t computed = vqz_crc32c(d->have_head ? 0 : d->crc, p, VQZ_CHUNK_HEADER + size);
    vqz_status s = stored == computed ? read_chunk(d, ev, partial, p + VQZ_CHUNK_HEADER, size, e) : crc_error(stored, computed, e);
    bool spoilt = s == VQZ_ERR_CHECKSUM || s == VQZ_ERR_CORRUPT;
    if (s != VQZ_OK && !(spoilt && partial && d->have_head)) return s;
    d->pos += size + VQZ_CHUNK_OVERHEAD;
    d->state = AT_CHUNK;
    return VQZ_OK;
}

static vqz_status step(vqz_demux *d, vqz_event *ev, bool partial, vqz_error *e) {
    switch (d->state) {
    case AT_PREAMBLE: return at_preamble(d, ev, partial, e);
    case AT_CHUNK: return at_chunk(d, ev, partial, e);
    case IN_CHUNK: return in_chunk(d, ev, partial, e);
    case IN_SKIPPED: return in_skipped(d, ev, partial, e);
    case LOST: return lost(d, ev, partial, e);
    case DONE: break;
    }
    return VQZ_END;
}

vqz_status vqz_demux_next(vqz_demux *d, vqz_event *ev, bool partial, vqz_error *e) {
    vqz_error *kept = &d->error;
    *ev = (vqz_event){0};
    if (!kept->status) {
        vqz_error reason;
        vqz_status s;
        do s = step(d, ev, partial, &reason);
        while (s == VQZ_OK && ev->kind == VQZ_EV_NONE);
        if (s == VQZ_OK || s == VQZ_AGAIN || s == VQZ_END) return s;
        *ev = (vqz_event){0};
        if (reason.offset != VQZ_NO_OFFSET) *kept = reason;
        else if (d->chunk.named)
            vqz_fail(kept, s, d->chunk_offset, "%.4s chunk at offset %llu: %s", (const char *)d->chunk.type,
                     (ull)d->chunk_offset, reason.text);
        else vqz_fail(kept, s, d->chunk_offset, "chunk at offset %llu: %s", (ull)d->chunk_offset, reason.text);
    }
    return vqz_fail(e, kept->status, kept->offset, "%s", kept->text);
}
