/* Encoders and decoders with GPUs, through the plug-in with devices of the model: the same bytes and pixels as without, and what happens where devices fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdbool.h>
#include "codec_io.h"
#include "pictures.h"

typedef struct picture {
    vqz_image_info info;
    vqz_settings settings;
    uint8_t *samples, *decoded;              /* decoded: by the processor */
    bytes file;                              /* the processor's */
} picture;

static void fake(const char *trouble, const char *devices) {
    assert_int_equal(trouble ? setenv("VQZ_FAKE", trouble, 1) : unsetenv("VQZ_FAKE"), 0);
    assert_int_equal(devices ? setenv("VQZ_FAKE_DEVICES", devices, 1) : unsetenv("VQZ_FAKE_DEVICES"), 0);
}

static vqz_status try_fake(vqz_device **d, vqz_device_kind kind, const char *trouble, const char *devices, vqz_error *e) {
    fake(trouble, devices);
    return vqz_device_open(d, kind, VQZ_DEVICE_ALL, FAKE_PLUGIN, e);
}

static vqz_device *open_fake(vqz_device_kind kind, const char *trouble, const char *devices) {
    vqz_device *d;
    vqz_error e = {0};
    if (try_fake(&d, kind, trouble, devices, &e) != VQZ_OK) fail_msg("%s", e.text);
    return d;
}

/* A picture, half of it a checkerboard where `screen` is set, as the processor codes it. */
typedef struct recipe {
    uint32_t w, h;
    vqz_layout layout;
    float quality;
    uint32_t tile, hash;
    bool screen;
    int32_t effort;
    uint32_t tune;
    bool vivid;                              /* green, which the processor has to see to */
} recipe;

static picture make_recipe(const recipe *k) {
    const uint32_t w = k->w, h = k->h;
    const vqz_layout layout = k->layout;
    picture p = {.info = {.width = w, .height = h, .layout = layout}, .samples = make_picture(PICTURE_PHOTO, w, h, layout, w)};
    vqz_file_info info;
    vqz_error e = {0};
    for (uint32_t y = 0; k->screen && y < h; y++)
        for (uint32_t x = w / 2; x < w; x++) memset(p.samples + ((size_t)y * w + x) * layout, (x / 2 + y / 3) % 2 ? 255 : 0, layout);
    for (size_t i = 0; k->vivid && i < (size_t)w * h * layout; i++)
        p.samples[i] = (uint8_t)(i % layout == 1 ? 255 - p.samples[i] % 16 : p.samples[i] % 16);
    vqz_settings_init(&p.settings);
    p.settings.quality = k->quality;
    p.settings.threads = 1;
    p.settings.tile_size = k->tile;
    p.settings.pixel_hash = k->hash;
    p.settings.effort = k->effort;
    p.settings.tune = k->tune;
    assert_int_equal(encode_picture(&p.settings, &p.info, p.samples, h, &p.file, &e), VQZ_OK);
    assert_int_equal(decode_picture(&p.settings, p.file, 0, &p.decoded, &info, NULL, &e), VQZ_OK);
    return p;
}

static picture make(uint32_t w, uint32_t h, vqz_layout layout, float quality, bool screen) {
    const recipe k = {w, h, layout, quality, 0, 0, screen, 4, VQZ_TUNE_VISUAL, false};
    return make_recipe(&k);
}

static void drop(picture *p) {
    free(p->samples);
    free(p->decoded);
    free(p->file.data);
}

static size_t size_of(const picture *p) { return (size_t)p->info.width * p->info.height * p->info.layout; }

static vqz_status encode(const picture *p, vqz_device *d, vqz_error *e) {
    vqz_settings s = p->settings;
    bytes file;
    s.device = d;
    const vqz_status status = encode_picture(&s, &p->info, p->samples, 7, &file, e);
    if (status == VQZ_OK && (file.size != p->file.size || memcmp(file.data, p->file.data, file.size) != 0)) fail_msg("other bytes: %zu, not %zu", file.size, p->file.size);
    free(file.data);
    return status;
}

static vqz_status decode(const picture *p, vqz_device *d, vqz_error *e) {
    vqz_settings s = p->settings;
    vqz_file_info info;
    uint8_t *samples;
    s.device = d;
    const vqz_status status = decode_picture(&s, p->file, 100, &samples, &info, NULL, e);
    if (status == VQZ_OK && memcmp(samples, p->decoded, size_of(p)) != 0) fail_msg("other pixels");
    free(samples);
    return status;
}

static void both_work(const picture *p, vqz_device *d) {
    vqz_error e = {0};
    if (encode(p, d, &e) != VQZ_OK) fail_msg("encode: %s", e.text);
    if (decode(p, d, &e) != VQZ_OK) fail_msg("decode: %s", e.text);
}

static void test_same(void **state) {
    static const recipe kinds[] = {
        {40, 17, VQZ_RGB, 75, 0, 0, false, 4, VQZ_TUNE_VISUAL, false}, {33, 20, VQZ_RGBA, 40, 0, 0, false, 3, VQZ_TUNE_PSNR, false}, {30, 20, VQZ_GRAY, 85, 0, 1, false, 4, VQZ_TUNE_VISUAL, false},
        {64, 16, VQZ_RGB, 92, 0, 1, true, 4, VQZ_TUNE_VISUAL, false}, {16, 195, VQZ_GRAYA, 60, 128, 0, false, 4, VQZ_TUNE_VISUAL, false}, {200, 16, VQZ_RGB, 30, 128, 0, true, 4, VQZ_TUNE_VISUAL, false},
        {1, 1, VQZ_RGB, 50, 0, 0, false, 4, VQZ_TUNE_VISUAL, false}, {48, 32, VQZ_RGB, 60, 0, 0, false, 4, VQZ_TUNE_VISUAL, true},
        {150, 20, VQZ_RGB, 90, 128, 1, false, 4, VQZ_TUNE_VISUAL, true},
        {160, 24, VQZ_RGBA, 97, 128, 1, true, 4, VQZ_TUNE_VISUAL, false}};        /* steps, alpha, residuals, pixels as they are, several tiles */
    (void)state;
    vqz_device *d = open_fake(VQZ_DEVICE_CUDA, NULL, NULL);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        picture p = make_recipe(&kinds[i]);
        both_work(&p, d);
        if (i == 0) both_work(&p, d);        /* what was laid out serves again */
        drop(&p);
    }
    vqz_error e;
    assert_int_equal(vqz_device_trouble(d, &e), VQZ_OK);
    vqz_device_unref(d);
}

/* The N-th call goes wrong, for some N, until there are not that many. Kernels do nothing: what is before the failure does not count. */
static void fail_at(const picture *p, vqz_status (*code)(const picture *, vqz_device *, vqz_error *), const char *kind, const char *text) {
    const bool passes = strcmp(kind, "memory") == 0;
    unsigned times = 0, unopened = 0;
    for (unsigned n = 1;; n += n / 3 + 1, times++) {
        char trouble[32];
        vqz_error e = {0}, f = {0};
        vqz_device_info info;
        snprintf(trouble, sizeof trouble, "%s:%u", kind, n);
        vqz_device *d;
        if (try_fake(&d, VQZ_DEVICE_CUDA, trouble, NULL, &e) != VQZ_OK) {      /* while it proves itself */
            assert_int_equal(e.status, VQZ_ERR_DEVICE);
            if (!strstr(e.text, "CUDA: ") || !strstr(e.text, text)) fail_msg("%s: %s", trouble, e.text);
            unopened++;
            continue;
        }
        const vqz_status s = code(p, d, &e);
        const bool failed = vqz_device_trouble(d, &f) != VQZ_OK;
        if (failed) {
            assert_int_equal(s, VQZ_ERR_DEVICE);
            assert_int_equal(e.status, VQZ_ERR_DEVICE);
            assert_string_equal(e.text, f.text);
            if (!strstr(e.text, "CUDA: ") || !strstr(e.text, text)) fail_msg("%s: %s", trouble, e.text);
            assert_int_equal(vqz_device_get_info(d, 0, &info), passes ? VQZ_OK : VQZ_ERR_DEVICE);
            if (!passes) {                   /* lost is lost */
                assert_int_equal(code(p, d, &e), VQZ_ERR_DEVICE);
                assert_non_null(strstr(e.text, "no GPU is left: CUDA: "));
            }
        }
        vqz_device_unref(d);
        if (!failed) break;
        d = open_fake(VQZ_DEVICE_AUTO, trouble, NULL);
        if (code(p, d, &e) != VQZ_OK) fail_msg("%s: %s", trouble, e.text);
        assert_int_equal(vqz_device_trouble(d, &e), VQZ_ERR_DEVICE);
        if (!passes) assert_int_equal(code(p, d, &e), VQZ_OK);
        vqz_device_unref(d);
    }
    assert_true(unopened && times - unopened > 5);
}

/* As encode, and the file is not looked at. */
static vqz_status encode_hollow(const picture *p, vqz_device *d, vqz_error *e) {
    vqz_settings s = p->settings;
    bytes file;
    s.device = d;
    const vqz_status status = encode_picture(&s, &p->info, p->samples, 7, &file, e);
    vqz_error trouble;
    if (status == VQZ_OK && vqz_device_trouble(d, &trouble) != VQZ_OK) {
        assert_int_equal(file.size, p->file.size);
        assert_memory_equal(file.data, p->file.data, file.size);
    }
    free(file.data);
    return status;
}

static void test_faults(void **state) {
    static const struct { const char *kind, *text; } kinds[] = {{"memory", "out of memory"}, {"launch", "launch failure"}, {"address", "illegal memory access"}};
    (void)state;
    picture p = make(16, 16, VQZ_RGB, 75, false);
    assert_int_equal(setenv("VQZ_FAKE_HOLLOW", "1", 1), 0);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        fail_at(&p, encode_hollow, kinds[i].kind, kinds[i].text);
        fail_at(&p, decode, kinds[i].kind, kinds[i].text);
    }
    assert_int_equal(unsetenv("VQZ_FAKE_HOLLOW"), 0);
    drop(&p);
}

static void refused(const char *library, uint32_t number, const char *trouble, const char *devices, vqz_status status, const char *text) {
    for (int kind = VQZ_DEVICE_AUTO; kind <= VQZ_DEVICE_CUDA; kind++) {
        vqz_device *d;
        vqz_error e = {0};
        fake(trouble, devices);
        assert_int_equal(vqz_device_open(&d, (vqz_device_kind)kind, number, library, &e), status);
        assert_null(d);
        assert_int_equal(e.status, status);
        if (!strstr(e.text, text)) fail_msg("\"%s\" is not in \"%s\"", text, e.text);
    }
}

/* What a device shows of its sums decides by what it works, or that it does not. */
static void test_sums(void **state) {
    (void)state;
    picture p = make(16, 16, VQZ_RGB, 60, false);
    vqz_device_info info;
    vqz_device *d = open_fake(VQZ_DEVICE_CUDA, "mma", NULL);
    assert_int_equal(vqz_device_get_info(d, 0, &info), VQZ_OK);
    assert_non_null(strstr(info.note, "dp4a"));
    both_work(&p, d);
    vqz_device_unref(d);
    drop(&p);
    refused(FAKE_PLUGIN, VQZ_DEVICE_ALL, "sums", NULL, VQZ_ERR_DEVICE, "sums are not those of the definition");
    d = open_fake(VQZ_DEVICE_CUDA, NULL, NULL);
    assert_int_equal(vqz_device_get_info(d, 0, &info), VQZ_OK);
    assert_string_equal(info.note, "");
    vqz_device_unref(d);
}

static void test_opening(void **state) {
    (void)state;
    refused(FAKE_PLUGIN, VQZ_DEVICE_ALL, NULL, "0", VQZ_ERR_DEVICE, "no CUDA-capable device");
    refused(FAKE_PLUGIN, VQZ_DEVICE_ALL, "driver", NULL, VQZ_ERR_DEVICE, "driver version is insufficient");
    refused(FAKE_PLUGIN, VQZ_DEVICE_ALL, "old", "2", VQZ_ERR_DEVICE, "compute capability 6.0, 7.5 is needed");
    refused(FAKE_PLUGIN, 2, NULL, "2", VQZ_ERR_DEVICE, "GPU 2 is asked for, there are 2");
    refused("libvqz_cuda.so", 0, NULL, NULL, VQZ_ERR_ARGUMENT, "no absolute path");
    refused("/nowhere/libvqz_cuda.so", 0, NULL, NULL, VQZ_ERR_DEVICE, "no plug-in for GPUs");
    refused(STRANGE_PLUGIN, 0, NULL, NULL, VQZ_ERR_DEVICE, "another program");
    refused(WRONG_PLUGIN, 0, NULL, NULL, VQZ_ERR_DEVICE, "does not belong to vqz");
    vqz_device *d = open_fake(VQZ_DEVICE_CUDA, NULL, "3");
    vqz_device_info info;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(vqz_device_get_info(d, i, &info), VQZ_OK);
        assert_int_equal(info.number, i);
        assert_true(info.memory > 0 && info.name[0]);
    }
    assert_int_equal(vqz_device_get_info(d, 3, &info), VQZ_END);
    vqz_settings s;
    vqz_encoder *enc;
    vqz_error e = {0};
    vqz_settings_init(&s);
    s.device = d;
    s.effort = 5;
    assert_int_equal(vqz_encoder_open(&enc, &s, NULL, &e), VQZ_ERR_UNSUPPORTED);
    assert_null(enc);
    vqz_device_unref(d);
}

/* It is the device's work that the other tests compare: where kernels do nothing, that shows. */
static void test_used(void **state) {
    (void)state;
    picture p = make(16, 16, VQZ_RGB, 50, false);
    vqz_settings s = p.settings;
    vqz_file_info info;
    vqz_error e = {0};
    bytes file;
    uint8_t *samples;
    assert_int_equal(setenv("VQZ_FAKE_HOLLOW", "1", 1), 0);
    s.device = open_fake(VQZ_DEVICE_CUDA, NULL, NULL);
    assert_int_equal(encode_picture(&s, &p.info, p.samples, 16, &file, &e), VQZ_OK);
    assert_true(file.size < p.file.size);
    assert_int_equal(decode_picture(&s, p.file, 0, &samples, &info, NULL, &e), VQZ_ERR_DEVICE);
    assert_non_null(strstr(e.text, "damage in a file that has none"));
    s.verify = 0;
    assert_int_equal(decode_picture(&s, p.file, 0, &samples, &info, NULL, &e), VQZ_OK);
    assert_memory_not_equal(samples, p.decoded, size_of(&p));
    free(samples);
    vqz_device_unref(s.device);
    s.verify = 1;
    s.device = open_fake(VQZ_DEVICE_AUTO, NULL, NULL);
    assert_int_equal(decode_picture(&s, p.file, 0, &samples, &info, NULL, &e), VQZ_OK);
    assert_memory_equal(samples, p.decoded, size_of(&p));
    free(samples);
    vqz_device_unref(s.device);
    assert_int_equal(unsetenv("VQZ_FAKE_HOLLOW"), 0);
    free(file.data);
    drop(&p);
}

/* Several pictures at once, dealt out to several GPUs, one of which fails. */
typedef struct crowd {
    const picture *p;
    vqz_device *d;
    vqz_status status;
} crowd;

static void *work(void *arg) {
    crowd *c = arg;
    vqz_error e = {0};
    c->status = encode(c->p, c->d, &e);
    if (c->status == VQZ_OK) c->status = decode(c->p, c->d, &e);
    return NULL;
}

static void test_crowd(void **state) {
    enum { THREADS = 3 };
    static const char *const troubles[] = {NULL, "address:300", "memory:90"};
    (void)state;
    picture p[2] = {make(16, 16, VQZ_RGB, 60, false), make(10, 12, VQZ_RGBA, 70, false)};
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
        vqz_device *d = open_fake(VQZ_DEVICE_AUTO, troubles[i], "2");
        pthread_t thread[THREADS];
        crowd c[THREADS];
        for (unsigned k = 0; k < THREADS; k++) {
            c[k] = (crowd){&p[k % 2], d, VQZ_OK};
            assert_int_equal(pthread_create(&thread[k], NULL, work, &c[k]), 0);
        }
        for (unsigned k = 0; k < THREADS; k++) {
            pthread_join(thread[k], NULL);
            assert_int_equal(c[k].status, VQZ_OK);
        }
        vqz_error e = {0};
        vqz_device_info info;
        assert_int_equal(vqz_device_trouble(d, &e), troubles[i] ? VQZ_ERR_DEVICE : VQZ_OK);
        const int lost = (vqz_device_get_info(d, 0, &info) == VQZ_ERR_DEVICE) + (vqz_device_get_info(d, 1, &info) == VQZ_ERR_DEVICE);
        assert_int_equal(lost, i == 1);
        vqz_device_unref(d);
    }
    drop(&p[0]);
    drop(&p[1]);
}

/* Damaged and incomplete files are the processor's: the same status, text and tiles. */
static void test_damaged(void **state) {
    (void)state;
    picture p = make(300, 40, VQZ_RGB, 50, false);
    vqz_device *d = open_fake(VQZ_DEVICE_CUDA, NULL, NULL);
    for (uint32_t partial = 0; partial < 2; partial++)
        for (size_t i = 200; i < p.file.size; i += p.file.size / 5) {
            bytes files[2] = {{malloc(p.file.size), p.file.size}, {malloc(i), i}};   /* a wrong byte; cut off */
            memcpy(files[0].data, p.file.data, p.file.size);
            files[0].data[i] ^= 16;
            memcpy(files[1].data, p.file.data, i);
            for (int k = 0; k < 2; k++) {
                vqz_settings s = p.settings;
                vqz_file_info info;
                vqz_error want = {0}, got = {0};
                uint8_t *a, *b;
                uint32_t bad_a = 0, bad_b = 0;
                s.partial = partial;
                const vqz_status one = decode_picture(&s, files[k], 0, &a, &info, &bad_a, &want);
                s.device = d;
                assert_int_equal(decode_picture(&s, files[k], 0, &b, &info, &bad_b, &got), one);
                assert_string_equal(got.text, want.text);
                assert_int_equal(bad_a, bad_b);
                if (a) assert_memory_equal(a, b, size_of(&p));
                free(a);
                free(b);
                free(files[k].data);
            }
        }
    vqz_device_unref(d);
    drop(&p);
}

/* Frames of a sequence. */
static bytes make_film(vqz_settings s, vqz_device *d, const vqz_image_info *info, uint8_t *const samples[2]) {
    const vqz_timing timing = {1, 25, 0};
    vqz_encoder *enc;
    vqz_error e = {0};
    bytes film = {0};
    s.device = d;
    assert_int_equal(vqz_encoder_open(&enc, &s, NULL, &e), VQZ_OK);
    assert_int_equal(vqz_encoder_begin_sequence(enc, info, &timing), VQZ_OK);
    for (int i = 0; i <= 4; i++) {
        const uint8_t *data;
        size_t size;
        while (vqz_encoder_receive(enc, &data, &size) == VQZ_OK) bytes_add(&film, data, size);
        assert_int_equal(i < 4 ? vqz_encoder_begin_frame(enc, i, 1) : vqz_encoder_end_sequence(enc), VQZ_OK);
        if (i < 4) assert_int_equal(vqz_encoder_send_rows(enc, samples[i % 2], (ptrdiff_t)info->width * (ptrdiff_t)info->layout, info->height), VQZ_OK);
    }
    const uint8_t *data;
    size_t size;
    while (vqz_encoder_receive(enc, &data, &size) == VQZ_OK) bytes_add(&film, data, size);
    vqz_encoder_close(enc);
    return film;
}

/* All four frames of a film. */
static uint8_t *show_film(vqz_settings s, vqz_device *d, bytes film, size_t frame) {
    uint8_t *all = malloc(4 * frame);
    vqz_decoder *dec;
    vqz_error e = {0};
    vqz_frame f;
    vqz_band b;
    s.device = d;
    assert_non_null(all);
    assert_int_equal(vqz_decoder_open(&dec, &s, &e), VQZ_OK);
    assert_int_equal(vqz_decoder_send(dec, film.data, film.size), VQZ_OK);
    assert_int_equal(vqz_decoder_flush(dec), VQZ_OK);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(vqz_decoder_next_frame(dec, &f), VQZ_OK);
        assert_int_equal(vqz_decoder_receive(dec, &b), VQZ_OK);
        memcpy(all + i * frame, b.pixels, frame);
        assert_int_equal(vqz_decoder_receive(dec, &b), VQZ_END);
    }
    vqz_decoder_close(dec);
    return all;
}

/* Frames that refer to others are the processor's; those between which they stand, the device's. */
static void test_inter(void **state) {
    (void)state;
    picture p = make(32, 16, VQZ_RGB, 60, false), q = make(32, 16, VQZ_RGB, 60, true);
    uint8_t *const samples[2] = {p.samples, q.samples};
    vqz_settings s = p.settings;
    s.key_interval = 3;
    s.scene_cut = 0;
    vqz_device *d = open_fake(VQZ_DEVICE_CUDA, NULL, NULL);
    const bytes want = make_film(s, NULL, &p.info, samples), got = make_film(s, d, &p.info, samples);
    assert_int_equal(got.size, want.size);
    assert_memory_equal(got.data, want.data, want.size);
    uint8_t *one = show_film(s, NULL, want, size_of(&p)), *two = show_film(s, d, want, size_of(&p));
    assert_memory_equal(one, two, 4 * size_of(&p));
    vqz_device_unref(d);
    free(one);
    free(two);
    free(want.data);
    free(got.data);
    drop(&p);
    drop(&q);
}

static void test_film(void **state) {
    (void)state;
    picture p = make(32, 16, VQZ_RGB, 60, false), q = make(32, 16, VQZ_RGB, 60, true);
    uint8_t *const samples[2] = {p.samples, q.samples};
    const bytes want = make_film(p.settings, NULL, &p.info, samples);
    vqz_device *d = open_fake(VQZ_DEVICE_AUTO, "launch:900", NULL);      /* it fails in one of the frames */
    const bytes got = make_film(p.settings, d, &p.info, samples);
    assert_int_equal(got.size, want.size);
    assert_memory_equal(got.data, want.data, want.size);
    vqz_device_unref(d);
    d = open_fake(VQZ_DEVICE_CUDA, NULL, NULL);
    vqz_settings s = p.settings;
    vqz_decoder *dec;
    vqz_error e = {0};
    vqz_frame f;
    s.device = d;
    assert_int_equal(vqz_decoder_open(&dec, &s, &e), VQZ_OK);
    assert_int_equal(vqz_decoder_send(dec, want.data, want.size), VQZ_OK);
    assert_int_equal(vqz_decoder_flush(dec), VQZ_OK);
    for (unsigned i = 0; i < 4; i++) {
        vqz_band b;
        assert_int_equal(vqz_decoder_next_frame(dec, &f), VQZ_OK);
        if (i == 1) continue;                /* left out */
        assert_int_equal(vqz_decoder_receive(dec, &b), VQZ_OK);
        assert_memory_equal(b.pixels, i % 2 ? q.decoded : p.decoded, size_of(&p));
        assert_int_equal(vqz_decoder_receive(dec, &b), VQZ_END);
    }
    assert_int_equal(vqz_decoder_next_frame(dec, &f), VQZ_END);
    vqz_decoder_close(dec);
    vqz_device_unref(d);
    free(want.data);
    free(got.data);
    drop(&p);
    drop(&q);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_opening), cmocka_unit_test(test_sums), cmocka_unit_test(test_same), cmocka_unit_test(test_used), cmocka_unit_test(test_faults),
                                       cmocka_unit_test(test_crowd),
                                       cmocka_unit_test(test_damaged), cmocka_unit_test(test_film), cmocka_unit_test(test_inter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
