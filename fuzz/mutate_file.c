/* Mutations of vqz files that keep what stands around the mutated part right: lengths, checksums, the index, the model id, the latents' hash.
 * A tenth of them goes without. */
#include "base/crc32c.h"
#include "codec/alpha.h"
#include "format/chunk.h"
#include "format/frame.h"
#include "format/grid.h"
#include "format/head.h"
#include "format/index.h"
#include "fuzz/tile.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_CHUNKS = 64, MOST_PIXELS = 1 << 14 };

typedef struct piece {
    uint8_t type[4];
    uint8_t *data;               /* malloc'ed */
    size_t size;
} piece;

typedef struct parts {
    piece chunk[MOST_CHUNKS];
    unsigned count;
    vqz_head head;
    bool have_head;
} parts;

static void set(piece *p, const void *data, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    FUZZ_CHECK(copy);
    if (size) memcpy(copy, data, size);
    free(p->data);
    p->data = copy;
    p->size = size;
}

static void insert(parts *f, unsigned at, const char *type, const void *data, size_t size) {
    if (f->count == MOST_CHUNKS) return;
    memmove(&f->chunk[at + 1], &f->chunk[at], (f->count++ - at) * sizeof *f->chunk);
    f->chunk[at] = (piece){0};
    memcpy(f->chunk[at].type, type, 4);
    set(&f->chunk[at], data, size);
}

static void drop(parts *f, unsigned at) {
    free(f->chunk[at].data);
    memmove(&f->chunk[at], &f->chunk[at + 1], (--f->count - at) * sizeof *f->chunk);
}

static bool is(const piece *p, const char *type) { return memcmp(p->type, type, 4) == 0; }

static bool parse(parts *f, const uint8_t *data, size_t size) {
    *f = (parts){0};
    if (size < VQZ_PREAMBLE_SIZE || memcmp(data, vqz_preamble, VQZ_PREAMBLE_SIZE - 2) != 0) return false;
    for (size_t at = VQZ_PREAMBLE_SIZE; size - at >= VQZ_CHUNK_HEADER && f->count < MOST_CHUNKS;) {
        size_t length = vqz_load32(data + at + 4), left = size - at - VQZ_CHUNK_HEADER;
        if (length > left) length = left;
        insert(f, f->count, (const char *)data + at, data + at + VQZ_CHUNK_HEADER, length);
        at += VQZ_CHUNK_HEADER + length + (left - length < 4 ? left - length : 4);
    }
    f->have_head = f->count && is(&f->chunk[0], "HEAD") &&
                   vqz_head_read(&f->head, f->chunk[0].data, f->chunk[0].size, VQZ_MAX_PIXELS, NULL) == VQZ_OK;
    return f->count > 0;
}

static void release(parts *f) {
    while (f->count) drop(f, f->count - 1);
}

/* ---- mutations ---- */

static void mutate_bytes(piece *p, uint32_t *state) {
    size_t most = p->size + 64;
    p->data = realloc(p->data, most);
    FUZZ_CHECK(p->data);
    for (uint32_t n = 1 + fuzz_random(state) % 3; n--;) p->size = LLVMFuzzerMutate(p->data, p->size, most);
}

static void mutate_head(parts *f, uint32_t *state) {
    vqz_head *h = &f->head;
    uint8_t payload[VQZ_HEAD_MAX];
    size_t size;
    if (!f->have_head) return;
    switch (fuzz_random(state) % 8) {
    case 0: h->width = 1 + fuzz_random(state) % 300; break;
    case 1: h->height = 1 + fuzz_random(state) % 300; break;
    case 2: h->layout = (uint8_t)(1 + fuzz_random(state) % 4); break;
    case 3: h->tile_width = 64 * (1 + fuzz_random(state) % 5); break;
    case 4: h->tile_height = 64 * (1 + fuzz_random(state) % 5); break;
    case 5: h->residual ^= 1; break;
    case 6: h->pixel_hash ^= 1; break;
    default: memcpy(h->model_id, fuzz_model_id(fuzz_random(state) % FUZZ_MODELS), sizeof h->model_id); break;
    }
    if (memcmp(h->model_id, fuzz_model_id(FUZZ_SMALL_MODELS), sizeof h->model_id) == 0) {      /* slow with sanitizers */
        h->width = 1 + h->width % 32;
        h->height = 1 + h->height % 32;
    }
    if (vqz_head_write(h, payload, &size, NULL) == VQZ_OK) set(&f->chunk[0], payload, size);
}

static vqz_model *model_of(const vqz_head *h) {
    for (unsigned i = 0; i < FUZZ_MODELS; i++)
        if (memcmp(h->model_id, fuzz_model_id(i), sizeof h->model_id) == 0) return fuzz_model(i);
    return NULL;
}

/* Alpha that its own encoder made, and latents of arbitrary symbols, are valid; a residual is a step and noise. */
static bool make_payload(const vqz_head *h, uint32_t index, unsigned layer, uint32_t *state, vqz_buffer *out) {
    uint32_t x, y, w, ht;
    uint8_t seed[256];
    vqz_grid g = vqz_grid_of(h);
    vqz_model *m = model_of(h);
    vqz_grid_rect(h, index % g.nx, index / g.nx, &x, &y, &w, &ht);
    if ((uint64_t)w * ht > MOST_PIXELS || !m) return false;
    for (size_t i = 0; i < sizeof seed; i++) seed[i] = (uint8_t)fuzz_random(state);
    fuzz_bytes in = {.data = seed, .size = 1 + fuzz_random(state) % sizeof seed};
    if (layer == VQZ_LAYER_LATENT) return fuzz_make_tile(m, ht, w, &in, out);
    if (layer == VQZ_LAYER_RESIDUAL) {
        seed[0] = fuzz_random(state) & 1 ? 0 : (uint8_t)(1 + seed[0] % 8);
        return vqz_buffer_append(out, seed, seed[0] ? in.size : 1, NULL) == VQZ_OK;
    }
    uint8_t *plane = malloc((size_t)w * ht), *payload;
    size_t size;
    FUZZ_CHECK(plane);
    for (size_t i = 0; i < (size_t)w * ht; i++) plane[i] = fuzz_byte(&in) & 1 ? 255 : fuzz_byte(&in);
    FUZZ_CHECK(vqz_alpha_encode(out->mem, plane, (ptrdiff_t)w, 1, w, ht, &payload, &size, NULL) == VQZ_OK);
    FUZZ_CHECK(vqz_buffer_append(out, payload, size, NULL) == VQZ_OK);
    vqz_free(out->mem, payload);
    free(plane);
    return true;
}

/* All TILE chunks that the head asks for, in their order: those of the old file by ordinal, or new ones. */
static void make_tiles(parts *f, uint32_t *state, bool all) {
    vqz_memory mem;
    vqz_memory_init(&mem, 64 << 20);
    vqz_buffer b = {.mem = &mem};
    if (!f->have_head || vqz_grid_chunks(&f->head) > MOST_CHUNKS / 2) return;
    unsigned at = 0, next = vqz_grid_chunks(&f->head), tiles = vqz_grid_tiles(&f->head);
    while (at < f->count && !is(&f->chunk[at], "TILE")) at++;
    for (uint32_t ordinal = 0; ordinal < next; ordinal++, at++)
        for (uint32_t i = 0; i < tiles * 3; i++) {
            uint32_t index = i / 3, layer = i % 3;
            if (!vqz_grid_has_layer(&f->head, (uint8_t)layer) || vqz_grid_ordinal(&f->head, index, (uint8_t)layer) != ordinal) continue;
            bool there = at < f->count && is(&f->chunk[at], "TILE");
            if (there && !all && fuzz_random(state) % 2) break;
            uint8_t key[5];
            b.size = 0;
            FUZZ_CHECK(vqz_buffer_append(&b, key, vqz_store_varint(key, index * 4 + layer), NULL) == VQZ_OK);
            if (!make_payload(&f->head, index, layer, state, &b)) break;
            if (there) set(&f->chunk[at], b.data, b.size);
            else insert(f, at < f->count ? at : f->count, "TILE", b.data, b.size);
            break;
        }
    while (all && at < f->count && is(&f->chunk[at], "TILE")) drop(f, at);
    vqz_buffer_free(&b);
}

/* A frame of a sequence once more at the end, at a later time. */
static void repeat_frame(parts *f, uint32_t *state) {
    vqz_frame_head frame;
    uint8_t payload[VQZ_FRAME_MAX], head[VQZ_HEAD_MAX];
    size_t size;
    int64_t last = INT64_MIN;
    unsigned from = fuzz_random(state) % f->count, to = f->count;
    while (from < f->count && !is(&f->chunk[from], "FRAM")) from++;
    if (from == f->count || !f->have_head || !f->head.sequence) return;
    if (is(&f->chunk[to - 1], "INDX")) to--;
    for (unsigned i = 0; i < to; i++)
        if (is(&f->chunk[i], "FRAM") && vqz_frame_read(&frame, &f->head, f->chunk[i].data, f->chunk[i].size, NULL) == VQZ_OK) last = frame.pts;
    if (vqz_frame_read(&frame, &f->head, f->chunk[from].data, f->chunk[from].size, NULL) != VQZ_OK) return;
    frame.pts = last + 1 + (int64_t)(fuzz_random(state) % 3 ? fuzz_random(state) % 100 : (uint64_t)fuzz_random(state) << fuzz_random(state) % 38);
    if (vqz_frame_write(&frame, &f->head, payload, &size, NULL) != VQZ_OK) return;
    insert(f, to++, "FRAM", payload, size);
    for (unsigned i = from + 1, end = to - 1; i < end && !is(&f->chunk[i], "FRAM"); i++)
        insert(f, to++, (const char *)f->chunk[i].type, f->chunk[i].data, f->chunk[i].size);
    f->head.frames += f->head.frames != 0;
    if (vqz_head_write(&f->head, head, &size, NULL) == VQZ_OK) set(&f->chunk[0], head, size);
}

static void mutate_order(parts *f, uint32_t *state) {
    static const char types[][5] = {"TILE", "INDX", "PHSH", "iCCP", "eXIf", "xMPd", "anCi", "FRAM", "HEAD"};
    unsigned i = fuzz_random(state) % f->count, k = fuzz_random(state) % f->count;
    piece swap = f->chunk[i];
    switch (fuzz_random(state) % 5) {
    case 0:
        f->chunk[i] = f->chunk[k];
        f->chunk[k] = swap;
        break;
    case 1: insert(f, k, (const char *)f->chunk[i].type, f->chunk[i].data, f->chunk[i].size); break;
    case 2:
        if (f->count > 1) drop(f, i);
        break;
    case 3: memcpy(f->chunk[i].type, types[fuzz_random(state) % 9], 4); break;
    default: {
        uint8_t bytes[16] = {(uint8_t)(fuzz_random(state) % 3), 5, 1};
        insert(f, k, types[1 + fuzz_random(state) % 7], bytes, fuzz_random(state) % sizeof bytes);
    }
    }
}

/* ---- writing ---- */

/* The index over the chunks before it; false where there can be none. */
static bool make_index(const parts *f, unsigned at, vqz_memory *mem, vqz_buffer *chunk) {
    vqz_index x = {.entries = {.mem = mem}, .keep = true};
    vqz_frame_head frame;
    uint64_t offset = VQZ_PREAMBLE_SIZE;
    bool ok = f->have_head;
    for (unsigned i = 0; ok && i < at; i++) {
        const piece *p = &f->chunk[i];
        if (!f->head.sequence && is(p, "TILE")) ok = vqz_index_add(&x, offset, NULL) == VQZ_OK;
        if (f->head.sequence && is(p, "FRAM"))
            ok = vqz_frame_read(&frame, &f->head, p->data, p->size, NULL) == VQZ_OK && vqz_index_add_frame(&x, offset, &frame, NULL) == VQZ_OK;
        offset += p->size + VQZ_CHUNK_OVERHEAD;
    }
    if (ok) ok = vqz_index_write(&x, &f->head, chunk, NULL) == VQZ_OK;
    vqz_buffer_free(&x.entries);
    return ok;
}

static size_t put_together(parts *f, uint8_t *out, size_t most, uint32_t *state, bool keep_index) {
    vqz_memory mem;
    vqz_memory_init(&mem, 64 << 20);
    vqz_buffer b = {.mem = &mem}, index = {.mem = &mem};
    FUZZ_CHECK(vqz_buffer_append(&b, vqz_preamble, VQZ_PREAMBLE_SIZE, NULL) == VQZ_OK);
    for (unsigned i = 0; i < f->count; i++) {
        uint8_t header[VQZ_CHUNK_HEADER], crc[4];
        piece *p = &f->chunk[i];
        if (is(p, "INDX") && !keep_index) {
            index.size = 0;
            if (make_index(f, i, &mem, &index)) set(p, index.data + VQZ_CHUNK_HEADER, index.size - VQZ_CHUNK_OVERHEAD);
        }
        memcpy(header, p->type, 4);
        vqz_store32(header + 4, (uint32_t)p->size);
        if (fuzz_random(state) % 256 == 0) vqz_store32(header + 4, fuzz_random(state) << (fuzz_random(state) % 9));
        uint32_t sum = vqz_crc32c(is(p, "HEAD") ? vqz_crc32c(0, vqz_preamble, VQZ_PREAMBLE_SIZE) : 0, header, sizeof header);
        vqz_store32(crc, vqz_crc32c(sum, p->data, p->size));
        if (fuzz_random(state) % 256 == 0) crc[0] ^= 1;
        FUZZ_CHECK(vqz_buffer_append(&b, header, sizeof header, NULL) == VQZ_OK);
        FUZZ_CHECK(vqz_buffer_append(&b, p->data, p->size, NULL) == VQZ_OK);
        FUZZ_CHECK(vqz_buffer_append(&b, crc, 4, NULL) == VQZ_OK);
    }
    size_t size = b.size < most ? b.size : most;
    memcpy(out, b.data, size);
    vqz_buffer_free(&b);
    vqz_buffer_free(&index);
    if (fuzz_random(state) % 32 == 0) size = fuzz_random(state) % (size + 1);                      /* cut off */
    for (unsigned n = fuzz_random(state) % 16 ? 0 : 2; n && size < most; n--) out[size++] = (uint8_t)fuzz_random(state);   /* other pieces, see decode.c */
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    uint32_t state = seed;
    parts f;
    fuzz_random(&state);
    if (fuzz_random(&state) % 10 == 0 || !parse(&f, data, size)) return LLVMFuzzerMutate(data, size, most);
    bool index_too = false;
    unsigned at;
    switch (fuzz_random(&state) % 8) {
    case 0: mutate_head(&f, &state); break;
    case 1:
        mutate_head(&f, &state);
        make_tiles(&f, &state, true);
        break;
    case 2: make_tiles(&f, &state, false); break;
    case 3: mutate_order(&f, &state); break;
    case 4: repeat_frame(&f, &state); break;
    default:
        at = fuzz_random(&state) % f.count;
        index_too = is(&f.chunk[at], "INDX");
        mutate_bytes(&f.chunk[at], &state);
    }
    size = put_together(&f, data, most, &state, index_too);
    release(&f);
    return size;
}

/* A chunk of the second file in place of one of its type in the first, or before one. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *out, size_t most, unsigned seed) {
    uint32_t state = seed;
    parts f, g;
    size_t size = 0;
    fuzz_random(&state);
    bool have = parse(&f, a, na), other = parse(&g, b, nb);
    if (have && other) {
        const piece *from = &g.chunk[fuzz_random(&state) % g.count];
        unsigned at = fuzz_random(&state) % f.count;
        for (unsigned i = 0; i < f.count && !is(&f.chunk[at], (const char *)from->type); i++) at = (at + 1) % f.count;
        if (memcmp(f.chunk[at].type, from->type, 4) == 0) set(&f.chunk[at], from->data, from->size);
        else insert(&f, at, (const char *)from->type, from->data, from->size);
        size = put_together(&f, out, most, &state, false);
    }
    if (have) release(&f);
    if (other) release(&g);
    return size;
}
