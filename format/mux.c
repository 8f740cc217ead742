#include "base/crc32c.h"
#include "format/chunk.h"
#include "format/grid.h"
#include "format/head.h"
#include "format/index.h"
#include "format/metadata.h"

struct vqz_mux {
    vqz_memory *mem;
    vqz_buffer out;
    bool taken;                  /* the caller has had what `out` holds */
    uint64_t drained;            /* bytes that have left `out`: its offset in the file */
    bool writing;                /* between begin and end */
    vqz_head head;
    uint32_t next, chunks;       /* TILE chunks written, and how many the picture needs */
    vqz_index index;
};

vqz_status vqz_mux_create(vqz_mux **out, vqz_memory *mem, vqz_error *e) {
    void *p;
    *out = NULL;
    VQZ_TRY(vqz_alloc(mem, &p, 1, sizeof(vqz_mux), e));
    vqz_mux *m = p;
    m->mem = m->out.mem = m->index.entries.mem = mem;
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
    m->head = *h;
    m->next = 0;
    m->chunks = vqz_grid_chunks(h);
    m->index.entries.size = 0;
    m->index.last = 0;
    m->writing = true;
    return VQZ_OK;
}

vqz_status vqz_mux_tile(vqz_mux *m, const vqz_tile_chunk *t, vqz_error *e) {
    const vqz_head *h = &m->head;
    if (!m->writing || !vqz_grid_has_layer(h, t->layer) || t->index >= vqz_grid_tiles(h) || vqz_grid_ordinal(h, t->index, t->layer) != m->next)
        return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "layer %u of tile %u is not the next one to be written", t->layer, t->index);
    if (!vqz_grid_payload_ok(h, t->index, t->layer, t->size))
        return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "%zu bytes are not possible for layer %u of tile %u", t->size, t->layer,
                        t->index);
    drop_taken(m);
    uint8_t key[5];
    const vqz_piece pieces[] = {{key, vqz_store_varint(key, t->index << 2 | t->layer)}, {t->payload, t->size}};
    if (vqz_grid_tiles(&m->head) > 1) VQZ_TRY(vqz_index_add(&m->index, m->drained + m->out.size, e));
    VQZ_TRY(vqz_chunk_write(&m->out, VQZ_CHUNK_TILE, 0, pieces, 2, e));
    m->next++;
    return VQZ_OK;
}

vqz_status vqz_mux_end(vqz_mux *m, const uint64_t *pixel_hash, vqz_error *e) {
    if (!m->writing) return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "no picture has been begun");
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
    if (vqz_grid_tiles(&m->head) > 1) VQZ_TRY(vqz_index_write(&m->index, &m->out, e));
    m->writing = false;
    return VQZ_OK;
}

void vqz_mux_take(vqz_mux *m, const uint8_t **data, size_t *size) {
    drop_taken(m);
    *data = m->out.data;
    *size = m->out.size;
    m->taken = true;
}
