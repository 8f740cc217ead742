/* Frames that refer to the one before, through the public interface. */
#include "base/bytes.h"
#include "base/crc32c.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "tests/film.h"

enum { N = 6, PREAMBLE = 10 };
typedef enum { MOVING, STANDING, CUT } scene;        /* CUT: another scene from frame 3 on, in which all stands */

static uint8_t *shot(scene kind, int n) {
    const uint32_t layout = current_layout;
    uint8_t *large = make_picture(kind == CUT && n >= 3 ? PICTURE_NOISE : PICTURE_PHOTO, 2 * W, 2 * H, layout, 4), *p = malloc((size_t)W * H * layout);
    const size_t dx = kind == MOVING ? 3 * (size_t)n : 40, dy = kind == MOVING ? (size_t)n : 30;
    for (size_t y = 0; y < H; y++) memcpy(p + y * W * layout, large + ((y + dy) * 2 * W + dx) * layout, W * layout);
    free(large);
    return p;
}

static vqz_settings inter_settings(float quality, uint32_t tile, uint32_t interval) {
    vqz_settings s = settings_of(quality, tile);
    s.key_interval = interval;
    return s;
}

/* The file; sizes[i]: bytes of frame i. */
static bytes shoot(scene kind, size_t sizes[N]) {
    bytes out = {0};
    vqz_encoder *enc = open_encoder(N);
    assert_int_equal(drain(enc, &out), VQZ_AGAIN);
    for (int i = 0; i < N; i++) {
        uint8_t *p = shot(kind, i);
        const size_t before = out.size;
        assert_int_equal(vqz_encoder_begin_frame(enc, 10 * i, 10), VQZ_OK);
        for (uint32_t y = 0; y < H; y += 20) {
            assert_int_equal(vqz_encoder_send_rows(enc, p + (size_t)y * W * current_layout, (ptrdiff_t)(W * current_layout), 20), VQZ_OK);
            assert_int_equal(drain(enc, &out), VQZ_AGAIN);
        }
        sizes[i] = out.size - before;
        free(p);
    }
    assert_int_equal(vqz_encoder_end_sequence(enc), VQZ_OK);
    assert_int_equal(drain(enc, &out), VQZ_END);
    vqz_encoder_close(enc);
    return out;
}

static double error_of(const uint8_t *a, const uint8_t *b) {
    double sum = 0;
    for (size_t i = 0; i < (size_t)W * H * current_layout; i++) {
        if (current_layout % 2 == 0 && !a[i / current_layout * current_layout + current_layout - 1]) continue;      /* nobody sees it */
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    }
    return sum / (double)((size_t)W * H * current_layout);
}

static void good(const film *f, scene kind, const char *keys, double most) {
    assert_int_equal(f->status, VQZ_END);
    assert_int_equal(f->count, N);
    for (int i = 0; i < N; i++) {
        uint8_t *p = shot(kind, i);
        assert_int_equal(f->frames[i].status, VQZ_END);
        assert_int_equal(f->frames[i].frame.key, keys[i] == 'K');
        assert_int_equal(f->frames[i].frame.pts, 10 * i);
        assert_true(error_of(p, f->frames[i].pixels) < most);
        free(p);
    }
}

/* In all layouts, with tiles and residuals: what the decoder makes is what the encoder went on from (the pixel hash), and it is like the film. */
static void layouts(void **state) {
    (void)state;
    static const struct { unsigned layout; float quality; uint32_t tile; double most; } tries[] = {
        {VQZ_RGB, 40, 0, 40}, {VQZ_RGBA, 60, 128, 8}, {VQZ_GRAY, 50, 128, 30}, {VQZ_GRAYA, 97, 128, 2}, {VQZ_RGB, 98, 0, 8}};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        vqz_settings s = inter_settings(tries[i].quality, tries[i].tile, 4);
        size_t sizes[N];
        s.pixel_hash = 1;
        use(&s, tries[i].layout);
        bytes b = shoot(MOVING, sizes);
        film f = read_film(b, i % 2 ? 501 : 0, 0);
        good(&f, MOVING, "K...K.", tries[i].most);
        drop_film(&f);
        free(b.data);
    }
}

/* What stands costs next to nothing and stays as it is; what moves costs less than in a key frame. */
static void savings(void **state) {
    (void)state;
    vqz_settings s = inter_settings(50, 0, 100);
    size_t sizes[N];
    use(&s, VQZ_RGB);
    bytes b = shoot(STANDING, sizes);
    film f = read_film(b, 0, 0);
    good(&f, STANDING, "K.....", 100);
    for (int i = 1; i < N; i++) {
        assert_true(sizes[i] < 110);
        if (i > 1) assert_true(error_of(f.frames[i - 1].pixels, f.frames[i].pixels) < 3);
    }
    drop_film(&f);
    free(b.data);
    b = shoot(MOVING, sizes);
    for (int i = 1; i < N; i++) assert_true(sizes[i] < sizes[0] / 3);
    free(b.data);
}

static void scene_cut(void **state) {
    (void)state;
    vqz_settings s = inter_settings(40, 0, 100);
    size_t sizes[N];
    use(&s, VQZ_RGB);
    bytes b = shoot(CUT, sizes);
    film f = read_film(b, 0, 0);
    good(&f, CUT, "K..K..", 5500);
    drop_film(&f);
    free(b.data);
    s.scene_cut = 0;
    b = shoot(CUT, sizes);
    f = read_film(b, 0, 0);
    good(&f, CUT, "K.....", 5500);
    drop_film(&f);
    free(b.data);
}

/* Neither threads nor kernels change a byte. */
static void same_everywhere(void **state) {
    (void)state;
    vqz_settings s = inter_settings(55, 128, 100);
    size_t sizes[N];
    use(&s, VQZ_RGB);
    bytes a = shoot(MOVING, sizes);
    s.threads = 3;
    s.cpu = VQZ_CPU_SCALAR;
    bytes b = shoot(MOVING, sizes);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    free(a.data);
    free(b.data);
}

/* Frames that nobody receives are decoded where the next one needs them. */
static void left_out(void **state) {
    (void)state;
    vqz_settings s = inter_settings(40, 128, 4);
    size_t sizes[N];
    use(&s, VQZ_RGB);
    bytes b = shoot(MOVING, sizes);
    film want = read_film(b, 0, 0), f = {0};
    vqz_decoder *d = open_decoder(0);
    vqz_frame frame;
    vqz_band band;
    bool open = false;
    assert_int_equal(vqz_decoder_send(d, b.data, b.size), VQZ_OK);
    for (int i = 0; i < 3; i++) assert_int_equal(vqz_decoder_next_frame(d, &frame), VQZ_OK);
    assert_int_equal(vqz_decoder_receive(d, &band), VQZ_OK);
    assert_memory_equal(band.pixels, want.frames[2].pixels, (size_t)band.rows * W * 3);
    f.count = 3;
    for (int i = 0; i < 3; i++) f.frames[i].pixels = NULL;
    assert_int_equal(pull(d, &f, &open), VQZ_END);
    assert_int_equal(f.count, N);
    for (int i = 3; i < N; i++) assert_memory_equal(f.frames[i].pixels, want.frames[i].pixels, (size_t)W * H * 3);
    vqz_decoder_close(d);
    drop_film(&f);
    drop_film(&want);
    free(b.data);
}

/* Offset of frame i. */
static size_t frame_at(bytes b, int i) {
    size_t at = PREAMBLE;
    for (; memcmp(b.data + at, "FRAM", 4) != 0 || i-- > 0; at += 12 + vqz_load32(b.data + at + 4)) {}
    return at;
}

static vqz_status receive_all(vqz_decoder *d, uint8_t *pixels) {
    vqz_band band;
    vqz_status s;
    while ((s = vqz_decoder_receive(d, &band)) == VQZ_OK) memcpy(pixels + (size_t)band.y * W * 3, band.pixels, (size_t)band.rows * W * 3);
    return s;
}

/* Packets, some of which are not asked for or come again; decoding goes on from any key frame, and says where it cannot. */
static void packets(void **state) {
    (void)state;
    vqz_settings s = inter_settings(40, 0, 3);
    size_t sizes[N];
    use(&s, VQZ_RGB);
    bytes b = shoot(MOVING, sizes);
    film want = read_film(b, 0, 0);
    static uint8_t pixels[W * H * 3];
    static const struct { int frame; bool asked; vqz_status status; } steps[] = {
        {4, true, VQZ_ERR_REFERENCE}, {0, true, VQZ_END}, {1, false, VQZ_END}, {2, true, VQZ_END}, {2, true, VQZ_ERR_REFERENCE}, {3, true, VQZ_END},
        {5, true, VQZ_ERR_REFERENCE}, {4, true, VQZ_END}, {5, true, VQZ_END}, {0, true, VQZ_END}};
    vqz_decoder *d = open_decoder(0);
    assert_int_equal(vqz_decoder_send_packet(d, b.data, frame_at(b, 0)), VQZ_OK);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        vqz_frame frame;
        const int n = steps[i].frame;
        assert_int_equal(vqz_decoder_send_packet(d, b.data + frame_at(b, n), sizes[n]), VQZ_OK);
        if (!steps[i].asked) continue;
        assert_int_equal(vqz_decoder_next_frame(d, &frame), VQZ_OK);
        assert_int_equal(receive_all(d, pixels), steps[i].status);
        if (steps[i].status == VQZ_END) assert_memory_equal(pixels, want.frames[n].pixels, sizeof pixels);
        else assert_non_null(strstr(vqz_decoder_error(d)->text, "refers to"));
    }
    vqz_decoder_close(d);
    /* and with offsets */
    d = open_decoder(0);
    vqz_frame frame;
    assert_int_equal(vqz_decoder_send(d, b.data, frame_at(b, 1)), VQZ_OK);
    assert_int_equal(vqz_decoder_next_frame(d, &frame), VQZ_OK);
    assert_int_equal(vqz_decoder_seek(d, frame_at(b, 3)), VQZ_OK);
    assert_int_equal(vqz_decoder_send(d, b.data + frame_at(b, 3), b.size - frame_at(b, 3)), VQZ_OK);
    for (int i = 3; i < N; i++) {
        assert_int_equal(vqz_decoder_next_frame(d, &frame), VQZ_OK);
        assert_int_equal(receive_all(d, pixels), VQZ_END);
        assert_memory_equal(pixels, want.frames[i].pixels, sizeof pixels);
    }
    vqz_decoder_close(d);
    drop_film(&want);
    free(b.data);
}

/* A damaged frame costs those up to the next key frame; the partial mode shows them, and says what they are. */
static void damage(void **state) {
    (void)state;
    vqz_settings s = inter_settings(40, 128, 4);
    size_t sizes[N];
    use(&s, VQZ_RGB);
    bytes b = shoot(MOVING, sizes);
    b.data[frame_at(b, 1) + sizes[1] - 40] ^= 1;
    film f = read_film(b, 0, 0);
    static const vqz_status want[N] = {VQZ_END, VQZ_ERR_CHECKSUM, VQZ_ERR_REFERENCE, VQZ_ERR_REFERENCE, VQZ_END, VQZ_END};
    assert_int_equal(f.count, N);
    for (int i = 0; i < N; i++) assert_int_equal(f.frames[i].status, want[i]);
    drop_film(&f);
    f = read_film(b, 0, 1);
    assert_int_equal(f.count, N);
    for (int i = 0; i < N; i++) {
        uint8_t *p = shot(MOVING, i);
        assert_int_equal(f.frames[i].status, VQZ_END);
        assert_int_equal(f.frames[i].unverified != 0, i >= 1 && i < 4);
        assert_true(error_of(p, f.frames[i].pixels) < 3000);
        free(p);
    }
    drop_film(&f);
    free(b.data);
}

/* Any byte of an inter frame's tile changed, with the right checksum: an error or other pixels, and nothing worse. */
static void crafted(void **state) {
    (void)state;
    vqz_settings s = inter_settings(30, 0, 100);
    size_t sizes[N], refused = 0, tried = 0;
    use(&s, VQZ_RGB);
    bytes b = shoot(MOVING, sizes);
    const size_t at = frame_at(b, 1), tile = at + 12 + vqz_load32(b.data + at + 4), length = vqz_load32(b.data + tile + 4);
    vqz_decoder *d = open_decoder(1);
    static uint8_t pixels[W * H * 3];
    assert_int_equal(vqz_decoder_send_packet(d, b.data, frame_at(b, 0)), VQZ_OK);
    for (size_t i = 1; i < length; i++, tried++) {
        vqz_frame frame;
        vqz_band band;
        uint32_t unverified = 0;
        b.data[tile + 8 + i] ^= (uint8_t)(1 << i % 8);
        vqz_store32(b.data + tile + 8 + length, vqz_crc32c(0, b.data + tile, 8 + length));
        for (int n = 0; n < 2; n++) {
            assert_int_equal(vqz_decoder_send_packet(d, b.data + frame_at(b, n), sizes[n]), VQZ_OK);
            assert_int_equal(vqz_decoder_next_frame(d, &frame), VQZ_OK);
            vqz_status status;
            while ((status = vqz_decoder_receive(d, &band)) == VQZ_OK) {
                memcpy(pixels + (size_t)band.y * W * 3, band.pixels, (size_t)band.rows * W * 3);
                unverified += band.unverified_tiles;
            }
            assert_int_equal(status, VQZ_END);
        }
        refused += unverified != 0;
        b.data[tile + 8 + i] ^= (uint8_t)(1 << i % 8);
    }
    assert_true(tried > 60 && refused * 10 > tried * 9);
    vqz_decoder_close(d);
    free(b.data);
}

static void settings(void **state) {
    (void)state;
    vqz_settings s = inter_settings(40, 0, 0);
    vqz_encoder *enc;
    vqz_error e;
    assert_int_equal(vqz_encoder_open(&enc, &s, model, &e), VQZ_ERR_ARGUMENT);
    assert_non_null(strstr(e.text, "key_interval"));
    s.key_interval = 10;                     /* without loss, every frame is for itself */
    s.lossless = 1;
    size_t sizes[N];
    use(&s, VQZ_RGB);
    bytes b = shoot(MOVING, sizes);
    film f = read_film(b, 0, 0);
    good(&f, MOVING, "KKKKKK", 0.001);
    drop_film(&f);
    free(b.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(layouts), cmocka_unit_test(savings),  cmocka_unit_test(scene_cut), cmocka_unit_test(same_everywhere), cmocka_unit_test(left_out),
                                       cmocka_unit_test(packets), cmocka_unit_test(damage), cmocka_unit_test(crafted),   cmocka_unit_test(settings)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
