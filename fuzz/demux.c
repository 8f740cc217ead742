/* The demuxer on arbitrary bytes, in both modes, in pieces whose size the input chooses. */
#include "base/crc32c.h"
#include "format/format.h"
#include "fuzz/tile.h"

/* For the mutator: what is in a tile is nothing to the demuxer. */
bool fuzz_make_tile(vqz_model *m, uint32_t h, uint32_t w, fuzz_bytes *in, vqz_buffer *out) {
    uint8_t noise[8 + 32];
    size_t n = 8 + fuzz_byte(in) % 32u;
    (void)m, (void)h, (void)w;
    for (size_t i = 0; i < n; i++) noise[i] = fuzz_byte(in);
    return vqz_buffer_append(out, noise, n, NULL) == VQZ_OK;
}

typedef struct outcome {
    vqz_status status;
    uint64_t offset, tiles;
    uint32_t content;            /* of all that was delivered */
} outcome;

static void take_head(const vqz_event *ev, outcome *o) {
    const vqz_head *h = ev->head;
    vqz_grid g = vqz_grid_of(h);
    uint32_t x, y, w, ht;
    vqz_grid_rect(h, g.nx - 1, g.ny - 1, &x, &y, &w, &ht);
    FUZZ_CHECK(x + w == h->width && y + ht == h->height);
    FUZZ_CHECK((uint64_t)h->width * h->height <= VQZ_MAX_PIXELS);
    FUZZ_CHECK(h->layout >= VQZ_GRAY && h->layout <= VQZ_RGBA && h->orientation >= 1 && h->orientation <= 8);
    FUZZ_CHECK(!ev->meta->icc == !ev->meta->icc_size && !ev->meta->exif == !ev->meta->exif_size && !ev->meta->xmp == !ev->meta->xmp_size);
    o->content = vqz_crc32c(o->content, ev->meta->icc, ev->meta->icc_size);
    o->content = vqz_crc32c(o->content, ev->meta->exif, ev->meta->exif_size);
    o->content = vqz_crc32c(o->content, ev->meta->xmp, ev->meta->xmp_size);
}

static outcome run(const uint8_t *data, size_t size, size_t step, bool partial) {
    vqz_memory mem;
    vqz_demux *d;
    vqz_event ev;
    vqz_error e;
    outcome o = {0};
    bool head = false;
    size_t at = 0;
    vqz_memory_init(&mem, 64 << 20);
    FUZZ_CHECK(vqz_demux_create(&d, &mem, VQZ_MAX_PIXELS, NULL) == VQZ_OK);
    while ((o.status = vqz_demux_next(d, &ev, partial, &e)) == VQZ_OK || o.status == VQZ_AGAIN) {
        if (o.status == VQZ_AGAIN) {
            size_t n = size - at < step ? size - at : step;
            if (n) FUZZ_CHECK(vqz_demux_send(d, data + at, n, &e) == VQZ_OK);
            else vqz_demux_flush(d);
            at += n;
            continue;
        }
        FUZZ_CHECK(head == (ev.kind != VQZ_EV_HEAD));
        if (ev.kind == VQZ_EV_HEAD) {
            head = true;
            take_head(&ev, &o);
        } else if (ev.kind == VQZ_EV_TILE) {
            FUZZ_CHECK(ev.offset < size);
            o.content = vqz_crc32c(o.content, ev.tile.payload, ev.tile.size);
            o.tiles++;
        }
    }
    if (o.status != VQZ_END) {
        fuzz_check_error(o.status, &e);
        o.offset = e.offset;
    }
    FUZZ_CHECK(o.tiles <= size / 14);   /* 12 bytes of frame, 1 of key, 1 of payload, none delivered twice */
    vqz_demux_free(d);
    FUZZ_CHECK(mem.used == 0);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_budget b = fuzz_begin();
    size_t step = size ? 1 + (size_t)data[size - 1] : 1;
    for (int partial = 0; partial < 2; partial++) {
        outcome pieces = run(data, size, step, partial), whole = run(data, size, size ? size : 1, partial);
        FUZZ_CHECK(pieces.status == whole.status && pieces.tiles == whole.tiles && pieces.content == whole.content && pieces.offset == whole.offset);
    }
    fuzz_end(&b, size, 0, 0);
    return 0;
}
