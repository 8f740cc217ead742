/* Sequences through the public interface: files, packets, seeking, damage. */
#include "base/bytes.h"
#include "base/crc32c.h"
#include "tests/codec_io.h"
#include "tests/pictures.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>

enum { W = 200, H = 80, FRAMES = 4, PREAMBLE = 10, MOST = 64 };
static const int64_t times[FRAMES] = {-7, 0, 40, (int64_t)10 * 3600 * 90000};
static const uint64_t durations[FRAMES] = {7, 40, 0, 3600};

static vqz_model *model;
static vqz_settings settings_of(float quality, uint32_t tile) {
    vqz_settings s;
    vqz_settings_init(&s);
    s.quality = quality;
    s.tile_size = tile;
    s.threads = 1;
    s.effort = 0;
    return s;
}

static const vqz_settings *current;          /* of the sequence that `make` makes */
static unsigned current_layout;

static uint8_t *picture(int n) { return make_picture(PICTURE_PHOTO, W, H, current_layout, (uint32_t)n + 1); }
static vqz_image_info image_info(void) { return (vqz_image_info){.width = W, .height = H, .layout = (vqz_layout)current_layout}; }

static vqz_encoder *open_encoder(uint32_t frames) {
    vqz_encoder *enc;
    vqz_image_info info = image_info();
    const vqz_timing timing = {1, 90000, frames};
    assert_int_equal(vqz_encoder_open(&enc, current, model, NULL), VQZ_OK);
    assert_int_equal(vqz_encoder_begin_sequence(enc, &info, &timing), VQZ_OK);
    return enc;
}

static vqz_status drain(vqz_encoder *enc, bytes *out) {
    const uint8_t *data;
    size_t size;
    vqz_status s;
    while ((s = vqz_encoder_receive(enc, &data, &size)) == VQZ_OK) bytes_add(out, data, size);
    return s;
}

/* The file, and the size of the largest piece that one frame made. */
static bytes make(uint32_t frames, uint32_t claimed) {
    bytes out = {0};
    vqz_encoder *enc = open_encoder(claimed);
    assert_int_equal(drain(enc, &out), VQZ_AGAIN);
    for (uint32_t i = 0; i < frames; i++) {
        uint8_t *p = picture((int)i);
        assert_int_equal(vqz_encoder_begin_frame(enc, times[i], durations[i]), VQZ_OK);
        for (uint32_t y = 0; y < H; y += 20) {
            assert_int_equal(vqz_encoder_send_rows(enc, p + (size_t)y * W * current_layout, (ptrdiff_t)(W * current_layout), 20), VQZ_OK);
            assert_int_equal(drain(enc, &out), VQZ_AGAIN);
        }
        free(p);
    }
    assert_int_equal(vqz_encoder_end_sequence(enc), VQZ_OK);
    assert_int_equal(drain(enc, &out), VQZ_END);
    vqz_encoder_close(enc);
    return out;
}

static uint8_t *decoded_still(int n) {
    vqz_error e = {0};
    vqz_file_info info;
    vqz_image_info image = image_info();
    bytes file;
    uint8_t *p = picture(n), *pixels;
    assert_int_equal(encode_picture(current, &image, p, H, &file, &e), VQZ_OK);
    assert_int_equal(decode_picture(current, file, 0, &pixels, &info, NULL, &e), VQZ_OK);
    assert_int_equal(info.sequence, 0);
    free(p);
    free(file.data);
    return pixels;
}

typedef struct seen {
    vqz_frame frame;
    vqz_status status;                       /* VQZ_END where it is whole */
    uint8_t *pixels;
    uint32_t unverified;
} seen;

typedef struct film {
    vqz_status status;                       /* of the end */
    unsigned count;
    seen frames[MOST];
    vqz_file_info info;
    char text[192];
} film;

static void drop_film(film *f) {
    for (unsigned i = 0; i < f->count; i++) free(f->frames[i].pixels);
}

static vqz_decoder *open_decoder(int partial) {
    vqz_decoder *d;
    vqz_settings s = settings_of(75, 0);
    s.partial = (uint32_t)partial;
    assert_int_equal(vqz_decoder_open(&d, &s, NULL), VQZ_OK);
    assert_int_equal(vqz_decoder_add_model(d, model), VQZ_OK);
    return d;
}

/* What there is until VQZ_AGAIN, VQZ_END or an error. `open`: a frame is being received. */
static vqz_status pull(vqz_decoder *d, film *f, bool *open) {
    for (;;) {
        vqz_status s;
        seen *v = &f->frames[f->count - *open];
        if (!*open) {
            assert_true(f->count < MOST);
            s = vqz_decoder_next_frame(d, &v->frame);
            if (s != VQZ_OK) return s;
            assert_int_equal(v->frame.number, f->count);
            assert_int_equal(vqz_decoder_info(d, &f->info), VQZ_OK);
            v->pixels = calloc((size_t)f->info.image.width * f->info.image.height, f->info.image.layout);
            f->count++;
            *open = true;
        }
        vqz_band b;
        s = vqz_decoder_receive(d, &b);
        if (s == VQZ_AGAIN) return s;
        size_t row = (size_t)f->info.image.width * f->info.image.layout;
        for (uint32_t i = 0; s == VQZ_OK && i < b.rows; i++) memcpy(v->pixels + (b.y + i) * row, b.pixels + (ptrdiff_t)i * b.stride, row);
        if (s == VQZ_OK) v->unverified += b.unverified_tiles;
        else {
            assert_true(s == VQZ_END || vqz_decoder_error(d)->status == s);
            assert_true(s == VQZ_END || strlen(vqz_decoder_error(d)->text) > 8);
            v->status = s;
            *open = false;
        }
    }
}

static film read_film(bytes b, size_t step, int partial) {
    film f = {0};
    bool open = false;
    vqz_decoder *d = open_decoder(partial);
    for (size_t at = 0; (f.status = pull(d, &f, &open)) == VQZ_AGAIN;) {
        size_t n = step && step < b.size - at ? step : b.size - at;
        assert_int_equal(n ? vqz_decoder_send(d, b.data + at, n) : vqz_decoder_flush(d), VQZ_OK);
        at += n;
    }
    snprintf(f.text, sizeof f.text, "%s", vqz_decoder_error(d)->text);
    vqz_decoder_close(d);
    return f;
}

static void expect_frame(const seen *v, unsigned i) {
    uint8_t *want = decoded_still((int)i);
    assert_int_equal(v->status, VQZ_END);
    assert_int_equal(v->frame.pts, times[i]);
    assert_int_equal(v->frame.duration, durations[i]);
    assert_int_equal(v->frame.key, 1);
    assert_memory_equal(v->pixels, want, (size_t)W * H * current_layout);
    free(want);
}

/* ---- files ---- */
static void round_trip(float quality, unsigned layout, uint32_t tile, uint32_t hash, size_t step, uint32_t claimed) {
    vqz_settings s = settings_of(quality, tile);
    s.pixel_hash = hash;
    current = &s;
    current_layout = layout;
    bytes b = make(FRAMES, claimed);
    film f = read_film(b, step, 0);
    assert_int_equal(f.status, VQZ_END);
    assert_int_equal(f.count, FRAMES);
    assert_int_equal(f.info.sequence, 1);
    assert_int_equal(f.info.timing.timebase_num, 1);
    assert_int_equal(f.info.timing.timebase_den, 90000);
    assert_int_equal(f.info.timing.frames, claimed);
    for (unsigned i = 0; i < FRAMES; i++) expect_frame(&f.frames[i], i);     /* the same pixels as a still's */
    drop_film(&f);
    free(b.data);
}

static void files(void **state) {
    (void)state;
    round_trip(40, VQZ_RGB, 0, 0, 0, 0);
    round_trip(40, VQZ_RGBA, 128, 1, 1, FRAMES);
    round_trip(95, VQZ_RGB, 128, 1, 777, FRAMES);
    round_trip(95, VQZ_GRAY, 0, 0, 13, 0);
}

/* A reader that asks for no frame gets the first one. */
static void first_only(void **state) {
    (void)state;
    vqz_settings s = settings_of(40, 0);
    current = &s;
    current_layout = VQZ_RGB;
    bytes b = make(2, 0);
    vqz_file_info info;
    vqz_error e;
    uint8_t *pixels, *want = decoded_still(0);
    assert_int_equal(decode_picture(&s, b, 50, &pixels, &info, NULL, &e), VQZ_OK);
    assert_memory_equal(pixels, want, W * H * 3);
    free(want);
    free(pixels);
    /* a still is one frame */
    vqz_image_info image = image_info();
    bytes still;
    uint8_t *p = picture(0);
    assert_int_equal(encode_picture(&s, &image, p, H, &still, &e), VQZ_OK);
    film f = read_film(still, 7, 0);
    assert_int_equal(f.status, VQZ_END);
    assert_int_equal(f.count, 1);
    assert_int_equal(f.frames[0].frame.pts, 0);
    assert_int_equal(f.frames[0].status, VQZ_END);
    drop_film(&f);
    free(p);
    free(still.data);
    free(b.data);
}

/* Frames that nobody receives, or only in part, do not hinder the next ones. */
static void skipping(void **state) {
    (void)state;
    vqz_settings s = settings_of(40, 128);
    current = &s;
    current_layout = VQZ_RGB;
    bytes b = make(FRAMES, 0);
    vqz_decoder *d = open_decoder(0);
    vqz_frame frame;
    vqz_band band;
    film f = {0};
    bool open = false;
    assert_int_equal(vqz_decoder_send(d, b.data, b.size), VQZ_OK);
    assert_int_equal(vqz_decoder_next_frame(d, &frame), VQZ_OK);
    assert_int_equal(vqz_decoder_next_frame(d, &frame), VQZ_OK);
    assert_int_equal(frame.number, 1);
    assert_int_equal(vqz_decoder_receive(d, &band), VQZ_OK);
    f.count = 2;                             /* `pull` goes on with the third */
    assert_int_equal(pull(d, &f, &open), VQZ_END);
    assert_int_equal(f.count, FRAMES);
    expect_frame(&f.frames[2], 2);
    expect_frame(&f.frames[3], 3);
    assert_int_equal(vqz_decoder_next_frame(d, &frame), VQZ_END);
    vqz_decoder_close(d);
    drop_film(&f);
    free(b.data);
}

/* ---- what the encoder refuses ---- */
static void encoder_states(void **state) {
    (void)state;
    vqz_settings s = settings_of(10, 0);
    current = &s;
    current_layout = VQZ_RGB;
    vqz_encoder *enc = open_encoder(2);
    bytes out = {0};
    vqz_image_info info = image_info();
    vqz_packet packet;
    uint8_t *p = picture(0);
    const vqz_timing bad = {0, 25, 0};
    assert_int_equal(vqz_encoder_begin_frame(enc, 0, 1), VQZ_AGAIN);         /* the header waits */
    drain(enc, &out);
    assert_int_equal(vqz_encoder_send_rows(enc, p, W * 3, 1), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_encoder_begin(enc, &info), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_encoder_end_sequence(enc), VQZ_ERR_ARGUMENT);       /* no frame */
    assert_int_equal(vqz_encoder_begin_frame(enc, 5, 1), VQZ_OK);
    assert_int_equal(vqz_encoder_begin_frame(enc, 6, 1), VQZ_ERR_ARGUMENT);  /* rows are missing */
    assert_int_equal(vqz_encoder_end_sequence(enc), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_encoder_receive_packet(enc, &packet), VQZ_AGAIN);
    assert_int_equal(vqz_encoder_send_rows(enc, p, W * 3, H), VQZ_OK);
    assert_int_equal(vqz_encoder_send_rows(enc, p, W * 3, 1), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_encoder_begin_frame(enc, 6, 1), VQZ_AGAIN);
    drain(enc, &out);
    assert_int_equal(vqz_encoder_begin_frame(enc, 5, 1), VQZ_ERR_ARGUMENT);  /* the same time again */
    assert_int_equal(vqz_encoder_begin_frame(enc, (int64_t)1 << 61, 0), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_encoder_begin_frame(enc, 6, (uint64_t)1 << 61), VQZ_ERR_ARGUMENT);
    assert_int_equal(vqz_encoder_end_sequence(enc), VQZ_ERR_ARGUMENT);       /* one of two */
    assert_int_equal(vqz_encoder_begin_frame(enc, 6, 1), VQZ_OK);
    assert_int_equal(vqz_encoder_send_rows(enc, p, W * 3, H), VQZ_OK);
    drain(enc, &out);
    assert_int_equal(vqz_encoder_begin_frame(enc, 7, 1), VQZ_ERR_ARGUMENT);  /* a third one */
    assert_int_equal(vqz_encoder_end_sequence(enc), VQZ_OK);
    assert_int_equal(drain(enc, &out), VQZ_END);
    film f = read_film(out, 0, 0);
    assert_int_equal(f.status, VQZ_END);
    assert_int_equal(f.count, 2);
    assert_int_equal(vqz_encoder_begin(enc, &info), VQZ_OK);                 /* and another file, a still */
    assert_int_equal(vqz_encoder_receive_packet(enc, &packet), VQZ_ERR_ARGUMENT);
    vqz_encoder_close(enc);
    assert_int_equal(vqz_encoder_open(&enc, &s, model, NULL), VQZ_OK);
    assert_int_equal(vqz_encoder_begin_sequence(enc, &info, &bad), VQZ_ERR_ARGUMENT);
    vqz_encoder_close(enc);
    drop_film(&f);
    free(out.data);
    free(p);
}

/* ---- packets ---- */
typedef struct packets {
    bytes all, data[MOST];                   /* all: one after the other */
    vqz_packet packet[MOST];
    unsigned count;
} packets;

static void keep_packet(packets *p, vqz_packet k) {
    if (k.data) bytes_add(&p->all, k.data, k.size);
    if (k.data) bytes_add(&p->data[p->count], k.data, k.size);
    p->packet[p->count++] = k;
}

static void drop_packets(packets *p) {
    for (unsigned i = 0; i < p->count; i++) free(p->data[i].data);
    free(p->all.data);
}

static packets encode_packets(void) {
    packets p = {0};
    vqz_packet k;
    vqz_encoder *enc = open_encoder(0);
    for (int i = -1; i <= FRAMES; i++) {
        if (i == FRAMES) assert_int_equal(vqz_encoder_end_sequence(enc), VQZ_OK);
        else if (i >= 0) {
            uint8_t *pixels = picture(i);
            assert_int_equal(vqz_encoder_begin_frame(enc, times[i], durations[i]), VQZ_OK);
            assert_int_equal(vqz_encoder_send_rows(enc, pixels, (ptrdiff_t)(W * current_layout), H), VQZ_OK);
            free(pixels);
        }
        assert_int_equal(vqz_encoder_receive_packet(enc, &k), VQZ_OK);
        assert_int_equal(k.kind, i < 0 ? VQZ_PACKET_HEADER : i < FRAMES ? VQZ_PACKET_FRAME : VQZ_PACKET_TRAILER);
        keep_packet(&p, k);
        assert_int_equal(vqz_encoder_receive_packet(enc, &k), i < FRAMES ? VQZ_AGAIN : VQZ_END);
    }
    vqz_encoder_close(enc);
    return p;
}

static void packet_mode(void **state) {
    (void)state;
    vqz_settings s = settings_of(40, 128);
    current = &s;
    current_layout = VQZ_RGBA;
    packets p = encode_packets();
    bytes file = make(FRAMES, 0);
    assert_int_equal(p.all.size, file.size);                 /* together they are the file */
    assert_memory_equal(p.all.data, file.data, file.size);
    for (unsigned i = 0; i < FRAMES; i++) {
        assert_int_equal(p.packet[i + 1].pts, times[i]);
        assert_int_equal(p.packet[i + 1].duration, durations[i]);
        assert_int_equal(p.packet[i + 1].key, 1);
    }
    vqz_decoder *d = open_decoder(0);
    film f = {0};
    bool open = false;
    vqz_file_info info;
    assert_int_equal(vqz_decoder_send_packet(d, p.data[0].data, p.data[0].size), VQZ_OK);
    assert_int_equal(vqz_decoder_info(d, &info), VQZ_OK);    /* extradata is enough */
    assert_int_equal(info.image.width, W);
    assert_int_equal(info.timing.timebase_den, 90000);
    static const unsigned order[] = {2, 0, 0, 3, 1};         /* from anywhere, and again */
    for (unsigned i = 0; i < 5; i++) {
        bytes b = p.data[order[i] + 1];
        if (i == 3) {                                        /* one that is cut, one that is damaged: each fails at once and alone */
            assert_int_equal(vqz_decoder_send_packet(d, b.data, b.size - 1), VQZ_OK);
            assert_int_equal(pull(d, &f, &open), VQZ_AGAIN);
            assert_int_equal(f.frames[3].status, VQZ_ERR_TRUNCATED);
            b.data[100] ^= 1;
            assert_int_equal(vqz_decoder_send_packet(d, b.data, b.size), VQZ_OK);
            assert_int_equal(pull(d, &f, &open), VQZ_AGAIN);
            assert_int_equal(f.frames[4].status, VQZ_ERR_CHECKSUM);
            b.data[100] ^= 1;
        }
        assert_int_equal(vqz_decoder_send_packet(d, b.data, b.size), VQZ_OK);
        assert_int_equal(pull(d, &f, &open), VQZ_AGAIN);
        assert_false(open);
        assert_int_equal(f.count, i < 3 ? i + 1 : i + 3);
        expect_frame(&f.frames[f.count - 1], order[i]);
    }
    assert_int_equal(vqz_decoder_send_packet(d, p.data[1].data, p.data[1].size), VQZ_OK);    /* given up before it was received */
    assert_int_equal(vqz_decoder_send_packet(d, p.data[2].data, p.data[2].size), VQZ_OK);
    assert_int_equal(pull(d, &f, &open), VQZ_AGAIN);
    expect_frame(&f.frames[f.count - 1], 1);
    bytes both = {0};                                        /* the header once more */
    bytes_add(&both, p.data[0].data, p.data[0].size);
    bytes_add(&both, p.data[4].data, p.data[4].size);
    assert_int_equal(vqz_decoder_send_packet(d, both.data, both.size), VQZ_OK);
    assert_int_equal(pull(d, &f, &open), VQZ_AGAIN);
    expect_frame(&f.frames[f.count - 1], 3);
    unsigned before = f.count;
    both.data[20] ^= 1;                                      /* another one */
    assert_int_equal(vqz_decoder_send_packet(d, both.data, both.size), VQZ_OK);
    assert_int_equal(pull(d, &f, &open), VQZ_AGAIN);
    assert_int_equal(f.frames[before].status, VQZ_ERR_CORRUPT);
    free(both.data);
    assert_int_equal(vqz_decoder_send_packet(d, p.data[5].data, p.data[5].size), VQZ_OK);    /* the trailer says nothing here */
    assert_int_equal(pull(d, &f, &open), VQZ_END);
    vqz_decoder_close(d);
    d = open_decoder(0);
    assert_int_equal(vqz_decoder_send_packet(d, p.data[0].data, p.data[0].size), VQZ_OK);
    assert_int_equal(vqz_decoder_flush(d), VQZ_OK);
    assert_int_equal(pull(d, &f, &open), VQZ_END);           /* no frames at all */
    vqz_decoder_close(d);
    d = open_decoder(0);
    assert_int_equal(vqz_decoder_send_packet(d, p.data[0].data, p.data[0].size - 1), VQZ_OK);
    assert_int_equal(vqz_decoder_info(d, &info), VQZ_ERR_TRUNCATED);
    vqz_decoder_close(d);
    d = open_decoder(0);                                     /* both ways of sending do not mix */
    assert_int_equal(vqz_decoder_send(d, p.data[0].data, p.data[0].size), VQZ_OK);
    assert_int_equal(vqz_decoder_send_packet(d, p.data[1].data, p.data[1].size), VQZ_ERR_ARGUMENT);
    vqz_decoder_close(d);
    drop_film(&f);
    drop_packets(&p);
    free(file.data);
}

static packets split(bytes b, size_t step, vqz_status *status) {
    packets p = {0};
    vqz_splitter *sp;
    vqz_packet k;
    assert_int_equal(vqz_splitter_open(&sp, NULL, NULL), VQZ_OK);
    for (size_t at = 0;;) {
        *status = vqz_splitter_receive(sp, &k);
        if (*status == VQZ_OK) {
            if (k.status == VQZ_OK) assert_memory_equal(k.data, b.data + k.offset, k.size);
            else assert_true(!k.data && vqz_splitter_error(sp)->status == k.status);
            keep_packet(&p, k);
        } else if (*status == VQZ_AGAIN) {
            size_t n = step < b.size - at ? step : b.size - at;
            assert_int_equal(n ? vqz_splitter_send(sp, b.data + at, n) : vqz_splitter_flush(sp), VQZ_OK);
            at += n;
        } else break;
    }
    vqz_splitter_close(sp);
    return p;
}

static void splitting(void **state) {
    (void)state;
    vqz_settings s = settings_of(40, 128);
    current = &s;
    current_layout = VQZ_RGB;
    packets p = encode_packets();
    static const size_t steps[] = {1, 100, 1 << 20};
    for (int i = 0; i < 3; i++) {
        vqz_status status;
        packets q = split(p.all, steps[i], &status);
        assert_int_equal(status, VQZ_END);
        assert_int_equal(q.count, p.count - 1);              /* all but the trailer */
        for (unsigned k = 0; k < q.count; k++) {
            assert_int_equal(q.packet[k].kind, p.packet[k].kind);
            assert_int_equal(q.packet[k].pts, p.packet[k].pts);
            assert_int_equal(q.packet[k].duration, p.packet[k].duration);
            assert_int_equal(q.data[k].size, p.data[k].size);
        }
        drop_packets(&q);
    }
    vqz_status status;
    p.all.data[p.data[0].size + p.data[1].size + 60] ^= 4;   /* the second frame */
    packets q = split(p.all, 99, &status);
    assert_int_equal(status, VQZ_END);
    assert_int_equal(q.count, p.count - 1);
    assert_int_equal(q.packet[2].status, VQZ_ERR_CHECKSUM);
    assert_int_equal(q.packet[3].status, VQZ_OK);
    drop_packets(&q);
    bytes cut = {p.all.data, p.all.size - 1};
    q = split(cut, 99, &status);
    assert_int_equal(status, VQZ_ERR_TRUNCATED);
    assert_int_equal(q.count, p.count - 1);
    drop_packets(&q);
    /* a still */
    vqz_image_info image = image_info();
    vqz_error e;
    bytes still;
    uint8_t *pixels = picture(0);
    assert_int_equal(encode_picture(&s, &image, pixels, H, &still, &e), VQZ_OK);
    q = split(still, 10, &status);
    assert_int_equal(status, VQZ_END);
    assert_int_equal(q.count, 2);
    assert_int_equal(q.all.size, still.size);
    vqz_decoder *d = open_decoder(0);
    film f = {0};
    bool open = false;
    for (unsigned i = 0; i < 2; i++) assert_int_equal(vqz_decoder_send_packet(d, q.data[i].data, q.data[i].size), VQZ_OK);
    assert_int_equal(pull(d, &f, &open), VQZ_END);
    assert_int_equal(f.count, 1);
    assert_int_equal(f.frames[0].status, VQZ_END);
    vqz_decoder_close(d);
    drop_film(&f);
    drop_packets(&q);
    drop_packets(&p);
    free(pixels);
    free(still.data);
}

/* ---- seeking ---- */
static void seeking(void **state) {
    (void)state;
    vqz_settings s = settings_of(40, 0);
    current = &s;
    current_layout = VQZ_RGB;
    bytes b = make(FRAMES, 0);
    vqz_toc toc;
    vqz_toc_entry entry[FRAMES + 1];
    uint32_t size = vqz_toc_size(b.data + b.size - VQZ_TAIL_SIZE);
    assert_true(size < b.size);
    assert_int_equal(vqz_toc_open(&toc, b.data + b.size - size, size, NULL), VQZ_OK);
    assert_int_equal(toc.frames, FRAMES);
    assert_int_equal(toc.start, times[0]);
    assert_int_equal(toc.end, times[3] + (int64_t)durations[3]);
    assert_int_equal(toc.indexed, 1);
    for (unsigned i = 0; i < FRAMES; i++) {
        assert_int_equal(vqz_toc_next(&toc, &entry[i]), VQZ_OK);
        assert_int_equal(entry[i].pts, times[i]);
        assert_int_equal(entry[i].key, 1);
        assert_memory_equal(b.data + entry[i].offset, "FRAM", 4);
    }
    assert_int_equal(vqz_toc_next(&toc, &entry[FRAMES]), VQZ_END);
    b.data[b.size - size + 12] ^= 1;
    assert_int_equal(vqz_toc_open(&toc, b.data + b.size - size, size, NULL), VQZ_ERR_CHECKSUM);
    b.data[b.size - size + 12] ^= 1;
    assert_int_equal(vqz_toc_open(&toc, b.data + b.size - size + 1, size - 1, NULL), VQZ_ERR_CORRUPT);
    assert_int_equal(vqz_toc_open(&toc, b.data, b.size, NULL), VQZ_ERR_CORRUPT);

    vqz_decoder *d = open_decoder(0);
    film f = {0};
    bool open = false;
    vqz_frame frame;
    assert_int_equal(vqz_decoder_seek(d, entry[1].offset), VQZ_ERR_ARGUMENT);        /* before the header */
    assert_int_equal(vqz_decoder_send(d, b.data, (size_t)entry[0].offset + 300), VQZ_OK);
    assert_int_equal(vqz_decoder_next_frame(d, &frame), VQZ_OK);
    static const unsigned order[] = {3, 1, 0, 2};
    for (unsigned i = 0; i < 4; i++) {
        uint64_t at = entry[order[i]].offset;
        assert_int_equal(vqz_decoder_seek(d, at), VQZ_OK);
        film g = {.count = i + 1};                           /* frame numbers go on */
        assert_int_equal(vqz_decoder_send(d, b.data + at, b.size - (size_t)at), VQZ_OK);
        if (i < 3) {
            vqz_band band;
            uint8_t *want = decoded_still((int)order[i]);
            assert_int_equal(vqz_decoder_next_frame(d, &frame), VQZ_OK);
            assert_int_equal(frame.pts, times[order[i]]);
            assert_int_equal(frame.offset, at);
            assert_int_equal(vqz_decoder_receive(d, &band), VQZ_OK);
            assert_memory_equal(band.pixels, want, W * H * 3);
            free(want);
        } else {                                             /* to the end, whose index is not held against what was left out */
            assert_int_equal(pull(d, &g, &open), VQZ_END);
            assert_int_equal(g.count, i + 1 + 2);
            expect_frame(&g.frames[i + 1], 2);
            expect_frame(&g.frames[i + 2], 3);
            drop_film(&g);
        }
    }
    assert_int_equal(vqz_decoder_seek(d, entry[3].offset), VQZ_OK);                  /* also behind the end, and behind a cut */
    assert_int_equal(vqz_decoder_flush(d), VQZ_OK);
    assert_int_equal(vqz_decoder_next_frame(d, &frame), VQZ_ERR_TRUNCATED);
    assert_int_equal(vqz_decoder_seek(d, entry[3].offset), VQZ_OK);
    assert_int_equal(vqz_decoder_send(d, b.data + entry[3].offset, b.size - (size_t)entry[3].offset), VQZ_OK);
    assert_int_equal(vqz_decoder_next_frame(d, &frame), VQZ_OK);
    assert_int_equal(frame.pts, times[3]);
    vqz_decoder_close(d);
    drop_film(&f);
    free(b.data);
}

/* ---- damage ---- */
static size_t next_chunk(bytes b, size_t at) { return at + 12 + vqz_load32(b.data + at + 4); }

/* Offsets of all chunks; the last one is the end of the file. */
static unsigned chunks_of(bytes b, size_t *at) {
    unsigned n = 0;
    for (size_t i = PREAMBLE; i < b.size; i = next_chunk(b, i)) at[n++] = i;
    at[n] = b.size;
    return n;
}

/* Frames whose pixels are right; the others must have failed, or, with `partial`, have tiles that are not verified. */
static unsigned good_frames(const film *f, uint8_t *const stills[FRAMES], bool partial, bool good[FRAMES]) {
    unsigned count = 0;
    memset(good, 0, FRAMES * sizeof *good);
    for (unsigned i = 0; i < f->count; i++) {
        const seen *v = &f->frames[i];
        if (v->status != VQZ_END || v->unverified) {
            assert_true(v->status != VQZ_END || partial);
            continue;
        }
        unsigned k = 0;
        while (k < FRAMES && times[k] != v->frame.pts) k++;
        assert_true(k < FRAMES);
        assert_memory_equal(v->pixels, stills[k], (size_t)W * H * current_layout);
        good[k] = true;
        count++;
    }
    return count;
}

/* One changed byte anywhere behind the header costs one frame at most, in pieces of any size. */
static void one_byte(void **state) {
    (void)state;
    vqz_settings s = settings_of(20, 128);
    current = &s;
    current_layout = VQZ_RGB;
    bytes b = make(FRAMES, 0);
    uint8_t *stills[FRAMES];
    for (int i = 0; i < FRAMES; i++) stills[i] = decoded_still(i);
    size_t at[MOST];
    unsigned chunks = chunks_of(b, at), failed = 0;
    bool good[FRAMES];
    for (unsigned c = 1; c < chunks; c++)
        for (unsigned place = 0; place < 6; place++) {       /* type, length, the first bytes, the crc */
            static const uint8_t places[6] = {0, 2, 4, 6, 8, 10};
            size_t i = place < 5 ? at[c] + places[place] + c % 2 : at[c + 1] - 1 - c % 4;
            static const uint8_t bits[] = {1, 0x20, 0x80, 0xFF};
            uint8_t change = bits[(c + place) % 4];
            b.data[i] ^= change;
            int partial = (int)(c + place) % 2;
            film f = read_film(b, place % 3 ? 0 : 500, partial);
            if (f.status != VQZ_END && c + 1 < chunks) fail_msg("byte %zu: %s", i, f.text);
            unsigned whole = good_frames(&f, stills, partial, good);
            if (whole < FRAMES - 1u || (c + 1 == chunks && whole < FRAMES)) fail_msg("byte %zu, partial %d: %u frames", i, partial, whole);
            failed += whole < FRAMES;
            b.data[i] ^= change;
            drop_film(&f);
        }
    assert_true(failed > 50);
    for (int i = 0; i < FRAMES; i++) free(stills[i]);
    free(b.data);
}

static void cuts(void **state) {
    (void)state;
    vqz_settings s = settings_of(20, 128);
    current = &s;
    current_layout = VQZ_RGB;
    bytes b = make(FRAMES, 0);
    size_t at[MOST];
    unsigned chunks = chunks_of(b, at), frames = 0;
    for (unsigned c = 1; c <= chunks; c++) {
        bytes cut = b;
        bool frame_ends = c == chunks || memcmp(b.data + at[c], "TILE", 4);
        for (int d = c == chunks ? -1 : 0; d < (c == chunks ? 0 : 2); d++) {
            cut.size = at[c] + (size_t)d;
            film f = read_film(cut, 1000, 0);
            assert_int_equal(f.status, VQZ_ERR_TRUNCATED);
            unsigned whole = 0;
            for (unsigned i = 0; i < f.count; i++) {
                whole += f.frames[i].status == VQZ_END;
                assert_true(f.frames[i].status == VQZ_END || (i + 1 == f.count && f.frames[i].status == VQZ_ERR_TRUNCATED));     /* one error, at the end */
            }
            if (c > 1) assert_int_equal(whole, frames + (frame_ends && c < chunks));
            drop_film(&f);
            f = read_film(cut, 0, 1);                        /* what is there is shown, and nothing is wrong */
            if (c > 2) assert_int_equal(f.status, VQZ_END);
            drop_film(&f);
        }
        if (frame_ends && c > 1) frames++;
    }
    assert_int_equal(frames, FRAMES + 1);                    /* the last cut is in INDX */
    free(b.data);
}

static bytes without(bytes b, const size_t *at, unsigned chunk) {
    bytes r = {0};
    bytes_add(&r, b.data, at[chunk]);
    bytes_add(&r, b.data + at[chunk + 1], b.size - at[chunk + 1]);
    return r;
}

/* Whole chunks that are not there, and lengths that lie. */
static void missing(void **state) {
    (void)state;
    vqz_settings s = settings_of(20, 128);
    current = &s;
    current_layout = VQZ_RGB;
    bytes b = make(FRAMES, 0);
    uint8_t *stills[FRAMES];
    for (int i = 0; i < FRAMES; i++) stills[i] = decoded_still(i);
    size_t at[MOST];
    unsigned chunks = chunks_of(b, at);
    bool good[FRAMES];
    for (unsigned c = 2; c + 1 < chunks; c++)
        for (int partial = 0; partial < 2; partial++) {
            bytes r = without(b, at, c);
            film f = read_film(r, 333, partial);
            assert_int_equal(f.status, VQZ_END);
            assert_int_equal(good_frames(&f, stills, partial, good), FRAMES - 1);
            drop_film(&f);
            free(r.data);
        }
    for (unsigned c = 2; c + 1 < chunks; c++) {              /* the chunk says that it holds the rest of the file, or more than that */
        uint32_t was = vqz_load32(b.data + at[c] + 4);
        for (int k = 0; k < 2; k++) {
            vqz_store32(b.data + at[c] + 4, k ? (uint32_t)(b.size - at[c] - 12) : 200000);
            film f = read_film(b, 0, 0);
            assert_int_equal(f.status, VQZ_END);
            if (good_frames(&f, stills, false, good) != FRAMES - 1) fail_msg("chunk %u", c);
            drop_film(&f);
        }
        vqz_store32(b.data + at[c] + 4, was);
    }
    for (int i = 0; i < FRAMES; i++) free(stills[i]);
    free(b.data);
}

static void claims(void **state) {
    (void)state;
    vqz_settings s = settings_of(20, 0);
    current = &s;
    current_layout = VQZ_RGB;
    bytes b = make(FRAMES, FRAMES), fewer = {0};
    size_t at[MOST];
    unsigned chunks = chunks_of(b, at);
    assert_int_equal(chunks, 1 + 2 * FRAMES + 1);
    bytes_add(&fewer, b.data, at[7]);                        /* three frames, then the index of four, then one of three */
    bytes_add(&fewer, b.data + at[9], b.size - at[9]);
    film f = read_film(fewer, 0, 0);
    assert_int_equal(f.status, VQZ_ERR_CORRUPT);
    assert_int_equal(f.count, 3);
    assert_non_null(strstr(f.text, "INDX chunk at offset"));
    assert_non_null(strstr(f.text, ": it comes after 3 frames, HEAD says 4"));
    drop_film(&f);
    free(fewer.data);
    free(b.data);
}

static uint8_t *put_chunk(uint8_t *to, const char *type, const uint8_t *payload, uint32_t n, uint32_t says, uint32_t crc) {
    memcpy(to, type, 4);
    vqz_store32(to + 4, says);
    memcpy(to + 8, payload, n);
    vqz_store32(to + 8 + n, crc ^ vqz_crc32c(0, to, 8 + n));
    return to + 12 + n;
}

/* Thousands of frames, each with a tile that says that it holds all that follows: what is read again and again has a limit. */
static void nested(void **state) {
    (void)state;
    vqz_settings s = settings_of(20, 0);
    current = &s;
    current_layout = VQZ_RGB;
    enum { COUNT = 10000, MOST_EACH = 64 };
    bytes b = make(1, 0), bomb = {malloc(1000 + COUNT * MOST_EACH), 0};
    size_t at[MOST];
    chunks_of(b, at);
    memcpy(bomb.data, b.data, at[1]);
    uint8_t *to = bomb.data + at[1];
    for (uint32_t i = 0; i < COUNT; i++) {
        uint8_t fram[8] = {8}, tile[9] = {0};
        size_t n = 1 + vqz_store_long(fram + 1, vqz_fold(i));
        fram[n++] = 1;
        to = put_chunk(to, "FRAM", fram, (uint32_t)n, (uint32_t)n, 0);
        to = put_chunk(to, "TILE", tile, 9, 400000, 1);
    }
    bomb.size = (size_t)(to - bomb.data);
    for (int partial = 0; partial < 2; partial++) {
        vqz_decoder *d = open_decoder(partial);
        vqz_frame frame;
        vqz_band band;
        clock_t start = clock();
        assert_int_equal(vqz_decoder_send(d, bomb.data, bomb.size), VQZ_OK);
        assert_int_equal(vqz_decoder_flush(d), VQZ_OK);
        unsigned frames = 0;
        vqz_status end;
        while ((end = vqz_decoder_next_frame(d, &frame)) == VQZ_OK) {
            vqz_status st = vqz_decoder_receive(d, &band);
            assert_true(st == VQZ_ERR_CHECKSUM || st == VQZ_ERR_CORRUPT || st == VQZ_ERR_TRUNCATED);
            frames++;
        }
        assert_true(frames > 40);
        assert_int_equal(end, partial ? VQZ_END : VQZ_ERR_TRUNCATED);
        assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 4);
        vqz_decoder_close(d);
    }
    free(bomb.data);
    free(b.data);
}

static int setup(void **state) {
    (void)state;
    return vqz_model_builtin(&model, 0, NULL) != VQZ_OK;
}

static int teardown(void **state) {
    (void)state;
    vqz_model_unref(model);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(files), cmocka_unit_test(first_only), cmocka_unit_test(skipping), cmocka_unit_test(encoder_states),
                                       cmocka_unit_test(packet_mode), cmocka_unit_test(splitting), cmocka_unit_test(seeking), cmocka_unit_test(one_byte),
                                       cmocka_unit_test(cuts), cmocka_unit_test(missing), cmocka_unit_test(claims),
                                       cmocka_unit_test(nested)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
