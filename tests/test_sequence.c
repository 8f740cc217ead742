/* Sequences through the public interface: files, packets, seeking. */
#include "base/bytes.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "tests/film.h"

/* ---- files ---- */
static void round_trip(float quality, unsigned layout, uint32_t tile, uint32_t hash, size_t step, uint32_t claimed) {
    vqz_settings s = settings_of(quality, tile);
    s.pixel_hash = hash;
    use(&s, layout);
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
    use(&s, VQZ_RGB);
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
    use(&s, VQZ_RGB);
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
    use(&s, VQZ_RGB);
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
    use(&s, VQZ_RGBA);
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
    use(&s, VQZ_RGB);
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
    use(&s, VQZ_RGB);
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
    static const uint8_t most[VQZ_TAIL_SIZE] = {12, 0, 0, 4}, more[VQZ_TAIL_SIZE] = {13, 0, 0, 4};
    assert_int_equal(vqz_toc_size(most), (1 << 26) + 12);
    assert_int_equal(vqz_toc_size(more), 0);

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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(files), cmocka_unit_test(first_only), cmocka_unit_test(skipping), cmocka_unit_test(encoder_states), cmocka_unit_test(packet_mode), cmocka_unit_test(splitting), cmocka_unit_test(seeking)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
