/* Makes and reads sequences of four small frames, for tests of the public interface. */
#ifndef VQZ_TESTS_FILM_H
#define VQZ_TESTS_FILM_H
#include "tests/builtin.h"
#include "tests/codec_io.h"
#include "tests/pictures.h"
#include <stdio.h>

enum { W = 200, H = 80, FRAMES = 4, MOST = 64 };
static const int64_t times[FRAMES] = {-7, 0, 40, (int64_t)10 * 3600 * 90000};
static const uint64_t durations[FRAMES] = {7, 40, 0, 3600};

static inline vqz_settings settings_of(float quality, uint32_t tile) {
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
static inline void use(const vqz_settings *s, unsigned layout) {
    current = s;
    current_layout = layout;
}

static inline uint8_t *picture(int n) { return make_picture(PICTURE_PHOTO, W, H, current_layout, (uint32_t)n + 1); }
static inline vqz_image_info image_info(void) { return (vqz_image_info){.width = W, .height = H, .layout = (vqz_layout)current_layout}; }

static inline vqz_encoder *open_encoder(uint32_t frames) {
    vqz_encoder *enc;
    vqz_image_info info = image_info();
    const vqz_timing timing = {1, 90000, frames};
    assert_int_equal(vqz_encoder_open(&enc, current, model, NULL), VQZ_OK);
    assert_int_equal(vqz_encoder_begin_sequence(enc, &info, &timing), VQZ_OK);
    return enc;
}

static inline vqz_status drain(vqz_encoder *enc, bytes *out) {
    const uint8_t *data;
    size_t size;
    vqz_status s;
    while ((s = vqz_encoder_receive(enc, &data, &size)) == VQZ_OK) bytes_add(out, data, size);
    return s;
}

/* The file, and the size of the largest piece that one frame made. */
static inline bytes make(uint32_t frames, uint32_t claimed) {
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

static inline uint8_t *decoded_still(int n) {
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

/* The frames as stills. */
static inline void make_stills(uint8_t *stills[FRAMES]) {
    for (int i = 0; i < FRAMES; i++) stills[i] = decoded_still(i);
}
static inline void drop_stills(uint8_t *stills[FRAMES]) {
    for (int i = 0; i < FRAMES; i++) free(stills[i]);
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

static inline void drop_film(film *f) {
    for (unsigned i = 0; i < f->count; i++) free(f->frames[i].pixels);
}

static inline vqz_decoder *open_decoder(int partial) {
    vqz_decoder *d;
    vqz_settings s = settings_of(75, 0);
    s.partial = (uint32_t)partial;
    assert_int_equal(vqz_decoder_open(&d, &s, NULL), VQZ_OK);
    assert_int_equal(vqz_decoder_add_model(d, model), VQZ_OK);
    return d;
}

/* What there is until VQZ_AGAIN, VQZ_END or an error. `open`: a frame is being received. */
static inline vqz_status pull(vqz_decoder *d, film *f, bool *open) {
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

static inline film read_film(bytes b, size_t step, int partial) {
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

static inline void expect_frame(const seen *v, unsigned i) {
    uint8_t *want = decoded_still((int)i);
    assert_int_equal(v->status, VQZ_END);
    assert_int_equal(v->frame.pts, times[i]);
    assert_int_equal(v->frame.duration, durations[i]);
    assert_int_equal(v->frame.key, 1);
    assert_memory_equal(v->pixels, want, (size_t)W * H * current_layout);
    free(want);
}
#endif
