/* Every frame of a file by all ways that there are: from the whole file, from packets, by seeking to what the index says. Where the file is without
 * error they must agree. The input's last byte chooses pieces and which frames are left out. */
#include "fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { MOST_PIXELS = 1 << 14, MOST_FRAMES = 64 };

typedef struct seen {
    vqz_frame frame;
    vqz_status status;           /* VQZ_END: whole */
    uint64_t content;
} seen;

typedef struct film {
    vqz_status status;
    unsigned count;
    uint64_t pixels;             /* of all frames */
    seen frames[MOST_FRAMES];
    vqz_file_info info;
} film;

typedef struct input { const uint8_t *data; size_t size, at, step; } input;

static vqz_settings settings(bool partial) {
    vqz_settings s;
    vqz_settings_init(&s);
    s.max_pixels = MOST_PIXELS;
    s.threads = 1;
    s.partial = partial;
    return s;
}

static vqz_decoder *open_decoder(bool partial) {
    vqz_decoder *d;
    vqz_settings s = settings(partial);
    FUZZ_CHECK(vqz_decoder_open(&d, &s, NULL) == VQZ_OK);
    for (unsigned i = 0; i < FUZZ_MODELS; i++) FUZZ_CHECK(vqz_decoder_add_model(d, fuzz_model(i)) == VQZ_OK);
    return d;
}

/* More bytes, or the end; false: there were none left to send. */
static bool feed(vqz_decoder *d, input *in) {
    size_t n = in->size - in->at < in->step ? in->size - in->at : in->step;
    if (!n) return vqz_decoder_flush(d) == VQZ_OK;
    FUZZ_CHECK(vqz_decoder_send(d, in->data + in->at, n) == VQZ_OK || vqz_decoder_error(d)->status);
    in->at += n;
    return true;
}

/* What is to be had of the present frame. VQZ_AGAIN: more bytes are needed and `in` is NULL. */
static vqz_status receive(vqz_decoder *d, input *in, const vqz_file_info *info, uint64_t *content) {
    vqz_status s;
    vqz_band band;
    uint32_t y = 0;
    *content = 0;
    while ((s = vqz_decoder_receive(d, &band)) == VQZ_OK || s == VQZ_AGAIN) {
        if (s == VQZ_AGAIN && !in) return s;
        if (s == VQZ_AGAIN) {
            FUZZ_CHECK(feed(d, in));
            continue;
        }
        FUZZ_CHECK(band.y == y && band.rows && band.rows <= info->image.height - y);
        y += band.rows;
        *content = XXH64(band.pixels, (size_t)band.rows * info->image.width * info->image.layout, *content);
    }
    if (s == VQZ_END) FUZZ_CHECK(y == info->image.height);
    else fuzz_check_error(s, vqz_decoder_error(d));
    return s;
}

/* skip: a bit for each frame (modulo 8) that is not received. */
static void read_file(film *f, const uint8_t *data, size_t size, size_t step, bool partial, unsigned skip) {
    vqz_decoder *d = open_decoder(partial);
    input in = {data, size, 0, step};
    *f = (film){0};
    while (f->count < MOST_FRAMES) {
        seen *v = &f->frames[f->count];
        f->status = vqz_decoder_next_frame(d, &v->frame);
        if (f->status == VQZ_AGAIN) {
            FUZZ_CHECK(feed(d, &in));
            continue;
        }
        if (f->status != VQZ_OK) break;
        FUZZ_CHECK(v->frame.number == f->count && v->frame.offset <= size);
        FUZZ_CHECK(vqz_decoder_info(d, &f->info) == VQZ_OK);
        f->pixels += (uint64_t)f->info.image.width * f->info.image.height;
        if (f->count && v->frame.status == VQZ_OK && v[-1].frame.status == VQZ_OK && !partial) FUZZ_CHECK(v->frame.pts > v[-1].frame.pts);
        v->content = 0;
        v->status = skip >> (f->count % 8) & 1 ? VQZ_END : receive(d, &in, &f->info, &v->content);
        f->count++;
    }
    if (f->status != VQZ_END && f->status != VQZ_OK) fuzz_check_error(f->status, vqz_decoder_error(d));
    vqz_decoder_close(d);
}

static bool whole(const film *f) {
    bool ok = f->status == VQZ_END;
    for (unsigned i = 0; i < f->count; i++) ok &= f->frames[i].status == VQZ_END && f->frames[i].frame.status == VQZ_OK;
    return ok;
}

static void same_frame(const seen *a, const vqz_frame *b, uint64_t content) {
    FUZZ_CHECK(a->frame.pts == b->pts && a->frame.duration == b->duration && a->frame.key == b->key && a->frame.quality_x16 == b->quality_x16);
    FUZZ_CHECK(a->content == content);
}

/* Packets out of the splitter into a second decoder. skip: of these frames only the first band is asked for. */
static void read_packets(const film *f, const uint8_t *data, size_t size, size_t step, bool partial, unsigned skip) {
    vqz_splitter *split;
    vqz_packet p;
    vqz_settings set = settings(partial);
    vqz_decoder *d = open_decoder(partial);
    vqz_status s, to = VQZ_OK;
    unsigned count = 0;
    size_t at = 0;
    bool flushed = false;
    FUZZ_CHECK(vqz_splitter_open(&split, &set, NULL) == VQZ_OK);
    while ((s = vqz_splitter_receive(split, &p)) == VQZ_OK || s == VQZ_AGAIN) {
        if (s == VQZ_AGAIN) {
            size_t n = size - at < step ? size - at : step;
            FUZZ_CHECK(!flushed);
            flushed = !n;
            if (n ? vqz_splitter_send(split, data + at, n) != VQZ_OK : vqz_splitter_flush(split) != VQZ_OK) break;
            at += n;
            continue;
        }
        FUZZ_CHECK(p.status != VQZ_OK || (p.data && p.offset <= size && p.size <= size - p.offset && memcmp(p.data, data + p.offset, p.size) == 0));
        if (p.status == VQZ_OK && to == VQZ_OK) to = vqz_decoder_send_packet(d, p.data, p.size);
        if (p.kind == VQZ_PACKET_HEADER || p.status != VQZ_OK || to != VQZ_OK) continue;
        vqz_frame frame;
        uint64_t content = 0;
        vqz_status got = vqz_decoder_next_frame(d, &frame);
        if (skip >> (count % 8) & 1) {
            vqz_band band;
            vqz_decoder_receive(d, &band);
            count++;
            continue;
        }
        vqz_file_info info;
        if (got == VQZ_OK && (got = vqz_decoder_info(d, &info)) == VQZ_OK) got = receive(d, NULL, &info, &content);
        if (whole(f) && count < f->count && f->info.sequence) {
            FUZZ_CHECK(got == VQZ_END || got == VQZ_AGAIN);
            same_frame(&f->frames[count], &frame, content);
            FUZZ_CHECK(p.offset == f->frames[count].frame.offset && p.pts == frame.pts && p.duration == frame.duration);
        }
        count++;
    }
    if (s != VQZ_END && s != VQZ_AGAIN) fuzz_check_error(s, vqz_splitter_error(split));
    if (whole(f)) FUZZ_CHECK(s == VQZ_END && (count == f->count || !f->info.sequence));
    vqz_splitter_close(split);
    vqz_decoder_close(d);
}

/* To the frame that the index names, in a decoder that has seen the header only. */
static void seek(const film *f, const uint8_t *data, size_t size, const vqz_toc_entry *to, unsigned number) {
    vqz_decoder *d = open_decoder(false);
    vqz_file_info info;
    vqz_frame frame;
    uint64_t content;
    vqz_status s;
    FUZZ_CHECK(vqz_decoder_send(d, data, (size_t)f->frames[0].frame.offset) == VQZ_OK);
    s = vqz_decoder_info(d, &info);
    if (s == VQZ_OK && vqz_decoder_seek(d, to->offset) == VQZ_OK) {
        input in = {data, size, to->offset < size ? (size_t)to->offset : size, size};
        while ((s = vqz_decoder_next_frame(d, &frame)) == VQZ_AGAIN) FUZZ_CHECK(feed(d, &in));
        if (s == VQZ_OK) s = receive(d, &in, &info, &content);
        if (whole(f) && number < f->count) {
            FUZZ_CHECK(s == VQZ_END);
            same_frame(&f->frames[number], &frame, content);
        }
    }
    vqz_decoder_close(d);
}

static void read_index(const film *f, const uint8_t *data, size_t size, unsigned number) {
    vqz_toc toc;
    vqz_toc_entry entry;
    vqz_error e;
    if (size < VQZ_TAIL_SIZE) return;
    size_t n = vqz_toc_size(data + size - VQZ_TAIL_SIZE);
    if (n > size) n = size;
    vqz_status s = vqz_toc_open(&toc, data + size - n, n, &e);
    if (s != VQZ_OK) {
        fuzz_check_error(s, &e);
        return;
    }
    for (unsigned i = 0; i < MOST_FRAMES && (s = vqz_toc_next(&toc, &entry)) == VQZ_OK; i++) {
        if (whole(f) && f->info.sequence && i < f->count && toc.frames == f->count)
            FUZZ_CHECK(entry.offset == f->frames[i].frame.offset && entry.pts == f->frames[i].frame.pts);
        if (i == number && f->count && f->info.sequence) seek(f, data, size, &entry, i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static film f, g;
    uint8_t pick = size ? data[size - 1] : 0;
    fuzz_budget b = fuzz_begin();
    size_t step = (size_t[]){1, 5, 64, 1000}[pick & 3];
    read_file(&f, data, size, size ? size : 1, false, 0);
    uint64_t pixels = f.pixels;
    if (f.count < MOST_FRAMES) {
        read_packets(&f, data, size, step, false, pick >> 3);
        read_index(&f, data, size, pick >> 2 & 3);
        read_file(&g, data, size, step, false, pick >> 3);
        bool needs_pixels = f.count && f.status != VQZ_END && f.frames[f.count - 1].status == f.status;      /* a final error that skipping may not meet */
        if (!needs_pixels) FUZZ_CHECK(g.count == f.count && g.status == f.status);
        for (unsigned i = 0; i < f.count && i < g.count; i++)
            if (!(pick >> 3 >> (i % 8) & 1)) FUZZ_CHECK(g.frames[i].status == f.frames[i].status && g.frames[i].content == f.frames[i].content);
        read_file(&g, data, size, step, true, 0);
        pixels += g.pixels;
        if (whole(&f)) FUZZ_CHECK(g.count == f.count && whole(&g));
        if (g.count < MOST_FRAMES) read_packets(&g, data, size, step, true, 0);
    }
    fuzz_end(&b, size * 8, pixels * 4, 10000);
    return 0;
}
