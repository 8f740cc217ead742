#include "format/demux.h"
#include "base/crc32c.h"
#include "format/frame.h"
#include "format/grid.h"
#include "format/metadata.h"

/* Looking for chunks inside a damaged one, whose length may be wrong, reads bytes again: so much more than the input may be read. */
enum { READ_AGAIN = 4, READ_AGAIN_MORE = 1 << 24 };

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

static vqz_status append(vqz_demux *d, const uint8_t *data, size_t size, vqz_error *e) {
    size_t n = vqz_buffer_drop(&d->in, d->pos);
    d->base += n;
    d->pos -= n;
    return vqz_buffer_append(&d->in, data, size, e);
}

static vqz_status ended(vqz_error *e) { return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "input was sent after the end of the input"); }

vqz_status vqz_demux_send(vqz_demux *d, const uint8_t *data, size_t size, vqz_error *e) {
    if (d->flushed) return ended(e);
    if (d->packets) return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "bytes were sent between packets");
    if (d->state == DONE || d->error.status) return VQZ_OK;   /* nobody will look at it */
    return append(d, data, size, e);
}

static void drop_packet(vqz_demux *d) {
    d->pos = d->in.size;
    d->boundary = d->in_frame = false;
    if (d->have_head) d->state = AT_CHUNK;
}

/* Hosts may put the header before key frames, too. */
static bool repeats_header(const vqz_demux *d, const uint8_t *data, size_t size) {
    return d->header_size && size > d->header_size && data[0] == vqz_preamble[0] && vqz_crc32c(0, data, d->header_size) == d->header_crc;
}

vqz_status vqz_demux_send_packet(vqz_demux *d, const uint8_t *data, size_t size, vqz_error *e) {
    if (d->flushed) return ended(e);
    if (!d->packets && (d->pos || d->in.size)) return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "a packet was sent after single bytes");
    if (d->state == DONE || d->error.status) return VQZ_OK;
    d->packets = d->spoilt = true;           /* an index is about files */
    drop_packet(d);
    size_t skip = repeats_header(d, data, size) ? d->header_size : 0;
    VQZ_TRY(append(d, data + skip, size - skip, e));
    d->base += skip;
    d->boundary = true;
    return VQZ_OK;
}

void vqz_demux_flush(vqz_demux *d) { d->flushed = true; }

vqz_status vqz_demux_seek(vqz_demux *d, uint64_t offset, vqz_error *e) {
    if (!d->head_sent || !d->head.sequence || d->packets)
        return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "only a sequence whose header has been read can be sought in, and no packets");
    d->in.size = d->pos = 0;
    d->base = offset;
    d->state = AT_CHUNK;
    d->flushed = d->in_frame = d->have_index = d->have_pts = false;
    d->spoilt = true;
    d->error = (vqz_error){0};
    return VQZ_OK;
}

static void emit_head(vqz_demux *d, vqz_event *ev) {
    *ev = (vqz_event){.kind = VQZ_EV_HEAD, .head = &d->head, .meta = &d->meta};
    d->head_sent = true;
}

static void emit_implied_frame(vqz_demux *d, vqz_event *ev) {
    const vqz_frame_head f = vqz_frame_implied(&d->head);
    vqz_demux_emit_frame(d, ev, &f);
}

static void emit_frame_end(vqz_demux *d, vqz_event *ev) {
    *ev = (vqz_event){.kind = VQZ_EV_FRAME_END, .offset = vqz_demux_offset(d), .has_pixel_hash = d->have_hash, .pixel_hash = d->hash};
    d->in_frame = false;
}

static void emit_end(vqz_demux *d, vqz_event *ev) {
    *ev = (vqz_event){.kind = VQZ_EV_END, .offset = vqz_demux_offset(d)};
    d->state = DONE;
}

/* d->damage is filled. */
static void emit_damaged(vqz_demux *d, vqz_event *ev) {
    *ev = (vqz_event){.kind = VQZ_EV_DAMAGED, .offset = d->damage.offset, .error = &d->damage};
    d->in_frame = false;
    d->spoilt = true;
}

static vqz_status truncated(const vqz_demux *d, vqz_error *e) {
    uint64_t end = d->base + d->in.size;
    if (!d->have_head)
        return vqz_fail(e, VQZ_ERR_TRUNCATED, end, "the file ends after %llu bytes, before its HEAD chunk is complete", (ull)end);
    if (d->state == IN_CHUNK || d->state == IN_SKIPPED)
        return vqz_fail(e, VQZ_ERR_TRUNCATED, end, "%.4s chunk at offset %llu: the file ends after %llu of its %llu bytes",
                        (const char *)d->chunk.type, (ull)d->chunk_offset, (ull)(end - d->chunk_offset),
                        (ull)d->chunk.length + VQZ_CHUNK_OVERHEAD);
    if (d->head.sequence && !d->in_frame)
        return vqz_fail(e, VQZ_ERR_TRUNCATED, end, "the file ends after %llu bytes, behind %llu frames, without INDX", (ull)end, (ull)d->frames);
    return vqz_fail(e, VQZ_ERR_TRUNCATED, end, "the file ends after %llu bytes, with %u of %u TILE chunks%s", (ull)end,
                    d->next, d->chunks, d->next == d->chunks ? " but not all that follows" : "");
}

/* A packet of frames has been read to its end, or as far as it goes. */
static vqz_status packet_starved(vqz_demux *d, vqz_event *ev, bool partial, vqz_error *e) {
    bool rest = d->in_frame || d->state == IN_CHUNK || d->state == IN_SKIPPED || (d->state == AT_CHUNK && available(d));
    if (!d->head_sent && !rest) {
        emit_head(d, ev);
        d->header_size = d->in.size;
        d->header_crc = vqz_crc32c(0, d->in.data, d->in.size);
    } else if (!d->head_sent || (rest && !(partial && d->in_frame))) return truncated(d, e);
    else if (rest) {
        emit_frame_end(d, ev);
        drop_packet(d);
    } else {
        drop_packet(d);
        if (!d->flushed) return VQZ_AGAIN;
        emit_end(d, ev);
    }
    return VQZ_OK;
}

/* There are not enough bytes to go on. At the end of the input that is an error, or, in partial mode, the end. */
static vqz_status starved(vqz_demux *d, vqz_event *ev, bool partial, vqz_error *e) {
    if (!d->flushed && !d->boundary) return VQZ_AGAIN;
    if (d->state == IN_CHUNK && d->head_sent && d->head.sequence && (!d->packets || (partial && d->in_frame))) {
        d->pos++;                            /* perhaps its length was wrong, and there are more frames or tiles in it */
        d->state = LOST;
        return VQZ_OK;
    }
    if (d->packets && d->have_head) return packet_starved(d, ev, partial, e);
    if (!partial || !d->have_head) return truncated(d, e);
    if (!d->head_sent) emit_head(d, ev);
    else if (!d->frames && !d->head.sequence) emit_implied_frame(d, ev);
    else if (d->in_frame) emit_frame_end(d, ev);
    else emit_end(d, ev);
    return VQZ_OK;
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

static vqz_status check_header(const vqz_demux *d, bool partial, vqz_error *e) {
    const vqz_chunk_header *c = &d->chunk;
    if (!c->named) return REASON(e, VQZ_ERR_CORRUPT, "its type is not four letters");
    if (!d->have_head && c->kind != VQZ_CHUNK_HEAD) return REASON(e, VQZ_ERR_CORRUPT, "the first chunk must be HEAD");
    bool crc_first = partial || d->head.sequence;    /* the type may be a damaged one */
    if (c->kind == VQZ_CHUNK_UNKNOWN && c->critical && !crc_first) return vqz_demux_unknown_critical(e);
    uint32_t most = vqz_chunk_max_length(c->kind, &d->head);
    if (c->length > most) return REASON(e, VQZ_ERR_CORRUPT, "its length is %u, at most %u is possible", c->length, most);
    return VQZ_OK;
}

/* The last chunk of a still follows from its head: INDX, else PHSH, else the last TILE; of a frame of a sequence: PHSH, else the last TILE. */
static bool complete(const vqz_demux *d) {
    if (!d->head.sequence && d->tiles != 1) return d->have_index;
    return d->next == d->chunks && d->have_hash == d->now.pixel_hash;
}

static vqz_status at_chunk(vqz_demux *d, vqz_event *ev, bool partial, vqz_error *e) {
    bool over = d->head.sequence ? d->have_index : d->frames && !d->in_frame;
    if (d->in_frame && complete(d)) emit_frame_end(d, ev);
    else if (over) emit_end(d, ev);
    if (ev->kind != VQZ_EV_NONE) return VQZ_OK;
    if (available(d) < VQZ_CHUNK_HEADER) return starved(d, ev, partial, e);
    d->chunk = vqz_chunk_parse(d->in.data + d->pos);
    d->chunk_offset = vqz_demux_offset(d);
    vqz_status s = check_header(d, partial, e);
    if (s != VQZ_OK) {
        if (!partial || !d->have_head || d->head.sequence) return s;
        d->pos++;
        d->state = LOST;
        return VQZ_OK;
    }
    bool known = d->chunk.kind != VQZ_CHUNK_UNKNOWN;
    if (known && d->chunk.kind >= VQZ_CHUNK_FRAME && !d->head_sent) emit_head(d, ev);
    else if (d->head_sent && !d->head.sequence && !d->frames) emit_implied_frame(d, ev);
    else if (known || d->head.sequence) d->state = IN_CHUNK;
    else {
        d->crc = vqz_crc32c(0, d->in.data + d->pos, VQZ_CHUNK_HEADER);
        d->pos += VQZ_CHUNK_HEADER;
        d->skip_left = d->chunk.length;
        d->state = IN_SKIPPED;
    }
    return VQZ_OK;
}

static bool may_read_again(vqz_demux *d, uint64_t n) {
    if (d->read_again + n > READ_AGAIN * vqz_demux_offset(d) + READ_AGAIN_MORE) return false;
    d->read_again += n;
    return true;
}

typedef enum { NO_CHUNK, A_CHUNK, MORE_NEEDED } found;

/* Whether a chunk of the sequence begins here at which frames can be read again: a whole one, with the right crc. */
static found frame_begins(vqz_demux *d) {
    const uint8_t *p = d->in.data + d->pos;
    if (memcmp(p, "FRAM", 4) && memcmp(p, "INDX", 4)) return NO_CHUNK;
    vqz_chunk_header c = vqz_chunk_parse(p);
    size_t before = VQZ_CHUNK_HEADER + (size_t)c.length;
    if (c.length > vqz_chunk_max_length(c.kind, &d->head)) return NO_CHUNK;
    if (available(d) < before + 4) return d->flushed || d->boundary ? NO_CHUNK : MORE_NEEDED;
    if (c.kind == VQZ_CHUNK_INDEX && !may_read_again(d, c.length)) return NO_CHUNK;
    return vqz_load32(p + before) == vqz_crc32c(0, p, before) ? A_CHUNK : NO_CHUNK;
}

static vqz_status lost(vqz_demux *d, vqz_event *ev, bool partial, vqz_error *e) {
    bool tiles = !d->head.sequence || (partial && d->in_frame);
    for (; available(d) >= VQZ_CHUNK_HEADER; d->pos++) {
        found f = d->head.sequence ? frame_begins(d) : NO_CHUNK;
        if (f == MORE_NEEDED) return VQZ_AGAIN;
        if (f == A_CHUNK || (tiles && !memcmp(d->in.data + d->pos, "TILE", 4))) {
            d->state = AT_CHUNK;
            return VQZ_OK;
        }
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
    return d->chunk.critical ? vqz_demux_unknown_critical(e) : VQZ_OK;
}

static bool ends_frame(const vqz_demux *d) { return d->head.sequence && (d->chunk.kind == VQZ_CHUNK_FRAME || d->chunk.kind == VQZ_CHUNK_INDEX); }
/* What may be wrong with some bytes while others are right. */
static bool is_damage(vqz_status s) { return s == VQZ_ERR_CHECKSUM || s == VQZ_ERR_CORRUPT || s == VQZ_ERR_VERSION; }

static vqz_status in_chunk(vqz_demux *d, vqz_event *ev, bool partial, vqz_error *e) {
    size_t size = d->chunk.length;
    if (available(d) < size + VQZ_CHUNK_OVERHEAD) return starved(d, ev, partial, e);
    const uint8_t *p = d->in.data + d->pos;
    uint32_t stored = vqz_load32(p + VQZ_CHUNK_HEADER + size);
    uint32_t computed = vqz_crc32c(d->have_head ? 0 : d->crc, p, VQZ_CHUNK_HEADER + size);
    if (stored == computed && ends_frame(d) && d->in_frame) {        /* and the chunk's turn comes again */
        if (partial) emit_frame_end(d, ev);
        else {
            vqz_fail(&d->damage, VQZ_ERR_CORRUPT, d->chunk_offset, "%.4s chunk at offset %llu: it comes after %u of %u TILE chunks of a frame%s", (const char *)d->chunk.type,
                     (ull)d->chunk_offset, d->next, d->chunks, d->next == d->chunks ? ", before PHSH" : "");
            emit_damaged(d, ev);
        }
        return VQZ_OK;
    }
    vqz_status s = stored == computed ? vqz_demux_read_chunk(d, ev, partial, p + VQZ_CHUNK_HEADER, size, e) : crc_error(stored, computed, e);
    bool left_out = is_damage(s) && s != VQZ_ERR_VERSION && partial && d->have_head && !d->head.sequence;
    if (s != VQZ_OK && !left_out) return s;
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

static void describe(const vqz_demux *d, const vqz_error *reason, vqz_error *to) {
    char type[5] = {0};
    if (reason->offset != VQZ_NO_OFFSET) *to = *reason;
    else {
        if (d->chunk.named) memcpy(type, d->chunk.type, 4);
        vqz_fail(to, reason->status, d->chunk_offset, "%s%schunk at offset %llu: %s", type, *type ? " " : "", (ull)d->chunk_offset, reason->text);
    }
}

/* In a sequence, damage costs the frame in which it is. False: it is the end. Without an event: something was left out, the frame goes on. */
static bool recover(vqz_demux *d, vqz_event *ev, bool partial, const vqz_error *reason) {
    bool early = !d->head_sent && (d->chunk.kind < VQZ_CHUNK_FRAME || reason->status == VQZ_ERR_VERSION);   /* it belongs to no frame */
    if (!d->have_head || !d->head.sequence || early) return false;
    if (reason->status == VQZ_ERR_TRUNCATED && d->packets) {
        d->damage = *reason;
        emit_damaged(d, ev);
        drop_packet(d);
        return true;
    }
    if (!is_damage(reason->status)) return false;
    if (ends_frame(d) && d->in_frame) {      /* the chunk is another frame's, or nobody's */
        vqz_fail(&d->damage, VQZ_ERR_CORRUPT, d->chunk_offset, "chunk at offset %llu: the frame before has %u of %u TILE chunks", (ull)d->chunk_offset, d->next, d->chunks);
        if (partial) emit_frame_end(d, ev);
        else emit_damaged(d, ev);
        d->state = AT_CHUNK;
        return true;
    }
    if (d->chunk.kind == VQZ_CHUNK_INDEX && !d->spoilt) return false;
    bool whole = d->state == IN_CHUNK;       /* all of it was read before it turned out to be wrong */
    bool again = !whole || may_read_again(d, d->chunk.length);
    if (partial && d->in_frame && reason->status != VQZ_ERR_VERSION) d->spoilt = true;
    else {
        describe(d, reason, &d->damage);
        d->damage_due = !d->head_sent;
        if (d->damage_due) emit_head(d, ev);
        else emit_damaged(d, ev);
    }
    d->pos += again ? 1 : d->chunk.length + VQZ_CHUNK_OVERHEAD;
    d->state = LOST;
    return true;
}

vqz_status vqz_demux_next(vqz_demux *d, vqz_event *ev, bool partial, vqz_error *e) {
    vqz_error reason;
    *ev = (vqz_event){0};
    if (d->damage_due) {
        d->damage_due = false;
        emit_damaged(d, ev);
        return VQZ_OK;
    }
    while (!d->error.status) {
        vqz_status s = step(d, ev, partial, &reason);
        if (s == VQZ_AGAIN || s == VQZ_END) return s;
        if (s != VQZ_OK) {
            *ev = (vqz_event){0};
            if (!recover(d, ev, partial, &reason)) describe(d, &reason, &d->error);
        }
        if (ev->kind != VQZ_EV_NONE) return VQZ_OK;
    }
    return vqz_fail(e, d->error.status, d->error.offset, "%s", d->error.text);
}
