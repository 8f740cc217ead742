#include "base/crc32c.h"
#include "format/chunk.h"
#include "format/frame.h"
#include "format/grid.h"
#include "format/head.h"
#include "format/index.h"
#include "format/metadata.h"

struct vqz_mux {
    vqz_memory *mem;
    vqz_buffer out;
    bool taken;                  /* the caller has had what `out` holds */
    uint64_t drained;            /* bytes that have left `out`: its offset in the file */
    bool writing, in_frame;      /* between begin and end; a frame's */
    vqz_head head;               /* the file's; in a frame, with what that has of residuals and hash */
    vqz_head file_head;
    uint32_t next, chunks;       /* TILE chunks of the frame: written, and how many it needs */
    vqz_index index;
};

vqz_status vqz_mux_create(vqz_mux **out, vqz_memory *mem, vqz_error *e) {
    void *p;
    *out = NULL;
    VQZ_TRY(vqz_alloc(mem, &p, 1, sizeof(vqz_mux), e));
    vqz_mux *m = p;
    m->mem = m->out.mem = m->index.entries.mem = mem;
    m->index.keep = true;
    *out = m;
    return VQZ_OK;
}

void vqz_mux_free(vqz_mux *m) {
    if (!m) return;
    vqz_buffer_free(&m->out);
    vqz_buffer_free(&m->index.entries);
    vqz_free(m->mem, m);
}

static void drop_taken(vqz_mux *m) {
    if (!m->taken) return;
    m->drained += m->out.size;
    m->out.size = 0;
    m->taken = false;
}

static vqz_status write_start(vqz_mux *m, const vqz_head *h, const vqz_metadata *meta, vqz_error *e) {
    uint8_t payload[VQZ_HEAD_MAX];
    vqz_piece piece = {payload, 0};
    VQZ_TRY(vqz_head_write(h, payload, &piece.size, e));
    VQZ_TRY(vqz_buffer_append(&m->out, vqz_preamble, VQZ_PREAMBLE_SIZE, e));
    VQZ_TRY(vqz_chunk_write(&m->out, VQZ_CHUNK_HEAD, vqz_crc32c(0, vqz_preamble, VQZ_PREAMBLE_SIZE), &piece, 1, e));
    return meta ? vqz_metadata_write(&m->out, meta, e) : VQZ_OK;
}

static void begin_frame(vqz_mux *m, const vqz_frame_head *f) {
    m->head = m->file_head;
    m->head.pixel_hash = f->pixel_hash;
    m->head.residual = f->residual;
    m->next = 0;
    m->chunks = vqz_grid_chunks(&m->head);
    m->in_frame = true;
}

vqz_status vqz_mux_begin(vqz_mux *m, const vqz_head *h, const vqz_metadata *meta, vqz_error *e) {
    if (m->writing) return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "a picture was begun before the last one was ended");
    drop_taken(m);
    size_t start = m->out.size;
    vqz_status s = write_start(m, h, meta, e);
    if (s != VQZ_OK) {
        m->out.size = start;
        return s;
    }
    m->drained = 0 - (uint64_t)start;   /* offsets count from this picture's first byte */
    m->file_head = *h;
    vqz_index_reset(&m->index);
    m->writing = true;
    const vqz_frame_head implied = vqz_frame_implied(h);
    if (!h->sequence) begin_frame(m, &implied);
    return VQZ_OK;
}

vqz_status vqz_mux_ancillary(vqz_mux *m, const char type[4], const void *data, size_t size, vqz_error *e) {
    enum { MOST = 1 << 20 };             /* what readers take in sequences, too */
    uint8_t bytes[VQZ_CHUNK_HEADER] = {0};
    memcpy(bytes, type, 4);
    const vqz_chunk_header h = vqz_chunk_parse(bytes);
    if (!m->writing || m->index.frames || m->next) return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "such a chunk stands before the first frame");
    if (!h.named || h.critical || h.kind != VQZ_CHUNK_UNKNOWN)
        return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "'%.4s' is no type of an ancillary chunk that this library leaves to others", type);
    if (size > MOST) return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "a %.4s chunk of %zu bytes is too long", type, size);
    drop_taken(m);
    return vqz_chunk_write_type(&m->out, type, data, size, e);
}

vqz_status vqz_mux_frame_fits(const vqz_mux *m, const vqz_frame_head *f, vqz_error *e) {
    if (!m->writing || m->in_frame || !m->file_head.sequence)
        return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "no frame can begin here");
    if (m->index.frames && f->pts <= m->index.last_pts)
        return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "a frame's time is %lld, that of the one before %lld: times must grow", (long long)f->pts,
                        (long long)m->index.last_pts);
    if (m->file_head.frames && m->index.frames == m->file_head.frames)
        return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "more than the %u frames that the head says", m->file_head.frames);
    uint8_t payload[VQZ_FRAME_MAX];
    size_t size;
    return vqz_frame_write(f, &m->file_head, payload, &size, e);
}

vqz_status vqz_mux_frame(vqz_mux *m, const vqz_frame_head *f, vqz_error *e) {
    uint8_t payload[VQZ_FRAME_MAX];
    vqz_piece piece = {payload, 0};
    VQZ_TRY(vqz_mux_frame_fits(m, f, e));
    drop_taken(m);
    VQZ_TRY(vqz_frame_write(f, &m->file_head, payload, &piece.size, e));
    uint64_t offset = m->drained + m->out.size;
    VQZ_TRY(vqz_chunk_write(&m->out, VQZ_CHUNK_FRAME, 0, &piece, 1, e));
    VQZ_TRY(vqz_index_add_frame(&m->index, offset, f, e));
    begin_frame(m, f);
    return VQZ_OK;
}

vqz_status vqz_mux_tile(vqz_mux *m, const vqz_tile_chunk *t, vqz_error *e) {
    const vqz_head *h = &m->head;
    if (!m->in_frame || !vqz_grid_has_layer(h, t->layer) || t->index >= vqz_grid_tiles(h) || vqz_grid_ordinal(h, t->index, t->layer) != m->next)
        return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "layer %u of tile %u is not the next one to be written", t->layer, t->index);
    if (!vqz_grid_payload_ok(h, t->index, t->layer, t->size))
        return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "%zu bytes are not possible for layer %u of tile %u", t->size, t->layer,
                        t->index);
    drop_taken(m);
    uint8_t key[5];
    const vqz_piece pieces[] = {{key, vqz_store_varint(key, t->index << 2 | t->layer)}, {t->payload, t->size}};
    if (!h->sequence && vqz_grid_tiles(h) > 1) VQZ_TRY(vqz_index_add(&m->index, m->drained + m->out.size, e));
    VQZ_TRY(vqz_chunk_write(&m->out, VQZ_CHUNK_TILE, 0, pieces, 2, e));
    m->next++;
    return VQZ_OK;
}

vqz_status vqz_mux_frame_end(vqz_mux *m, const uint64_t *pixel_hash, vqz_error *e) {
    if (!m->in_frame) return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "no frame has been begun");
    if (m->next != m->chunks)
        return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "%u of %u TILE chunks have been written", m->next, m->chunks);
    if (!pixel_hash != !m->head.pixel_hash)
        return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "a pixel hash is %s, the head says otherwise",
                        pixel_hash ? "given" : "missing");
    drop_taken(m);
    if (pixel_hash) {
        uint8_t hash[8];
        vqz_store64(hash, *pixel_hash);
        const vqz_piece piece = {hash, sizeof hash};
        VQZ_TRY(vqz_chunk_write(&m->out, VQZ_CHUNK_HASH, 0, &piece, 1, e));
    }
    m->in_frame = false;
    return VQZ_OK;
}

vqz_status vqz_mux_end(vqz_mux *m, const uint64_t *pixel_hash, vqz_error *e) {
    const vqz_head *h = &m->file_head;
    if (!m->writing) return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "no picture has been begun");
    if (m->in_frame) VQZ_TRY(vqz_mux_frame_end(m, pixel_hash, e));
    if (h->sequence && (!m->index.frames || (h->frames && m->index.frames != h->frames)))
        return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "%u frames have been written, %u are needed", m->index.frames, h->frames ? h->frames : 1);
    drop_taken(m);
    if (h->sequence || vqz_grid_tiles(h) > 1) VQZ_TRY(vqz_index_write(&m->index, h, &m->out, e));
    m->writing = false;
    return VQZ_OK;
}

void vqz_mux_take(vqz_mux *m, const uint8_t **data, size_t *size) {
    drop_taken(m);
    *data = m->out.data;
    *size = m->out.size;
    m->taken = true;
}
