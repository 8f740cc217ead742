/* Every allocation of the library fails once (-Wl,--wrap): the status says so, what was made is released, and nothing is left of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "codec_io.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);

static _Atomic long calls, live;             /* since `watch`; blocks that are held */
static long chosen;                          /* the call that fails; 0: none */
static _Atomic int watching;

static int fails(void) { return watching && ++calls == chosen; }
static void *held(void *p) {
    live += p && watching;
    return p;
}
void *__wrap_malloc(size_t size) { return fails() ? NULL : held(__real_malloc(size)); }
void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : held(__real_calloc(n, size)); }
void *__wrap_realloc(void *p, size_t size) {
    if (fails()) return NULL;
    live += !p && watching;
    return __real_realloc(p, size);
}
void __wrap_free(void *p) {
    live -= p && watching;
    __real_free(p);
}

enum { W = 150, H = 140, MAX_OUT = 1 << 17 };
typedef struct picture {
    vqz_image_info info;
    vqz_settings settings;
    uint8_t pixels[W * H * 4], file[MAX_OUT];
    size_t size;                             /* of the file */
    uint64_t sum;                            /* of the decoded pixels */
} picture;

/* Both go on where the test's own buffers would allocate: these are calls of the library only. */
static vqz_status encode(picture *p, vqz_model *model) {
    vqz_encoder *enc;
    vqz_error e;
    p->size = 0;
    vqz_status s = vqz_encoder_open(&enc, &p->settings, model, &e);
    if (s != VQZ_OK) {
        assert_null(enc);
        assert_int_equal(e.status, s);
        return s;
    }
    s = vqz_encoder_begin(enc, &p->info);
    if (s == VQZ_OK) s = vqz_encoder_send_rows(enc, p->pixels, (ptrdiff_t)W * (ptrdiff_t)p->info.layout, H);
    while (s == VQZ_OK) {
        const uint8_t *data;
        size_t size;
        s = vqz_encoder_receive(enc, &data, &size);
        if (s != VQZ_OK) break;
        assert_true(size <= MAX_OUT - p->size);
        memcpy(p->file + p->size, data, size);
        p->size += size;
    }
    if (s != VQZ_END) {
        assert_int_equal(vqz_encoder_error(enc)->status, s);
        assert_true(vqz_encoder_error(enc)->text[0] != 0);
    }
    vqz_encoder_close(enc);
    return s;
}

static vqz_status decode(picture *p, vqz_model *model) {
    vqz_decoder *dec;
    vqz_error e;
    p->sum = 0;
    vqz_status s = vqz_decoder_open(&dec, &p->settings, &e);
    if (s != VQZ_OK) {
        assert_null(dec);
        return s;
    }
    s = model ? vqz_decoder_add_model(dec, model) : VQZ_OK;
    for (size_t at = 0; s == VQZ_OK;) {
        vqz_band b;
        s = vqz_decoder_receive(dec, &b);
        if (s == VQZ_OK)
            for (uint32_t y = 0; y < b.rows; y++)
                for (uint32_t x = 0; x < W * p->info.layout; x++) p->sum = p->sum * 31 + b.pixels[(ptrdiff_t)y * b.stride + (ptrdiff_t)x];
        if (s != VQZ_AGAIN) continue;
        size_t n = p->size - at < 97 ? p->size - at : 97;
        s = n ? vqz_decoder_send(dec, p->file + at, n) : vqz_decoder_flush(dec);
        at += n;
    }
    if (s != VQZ_END) {
        assert_int_equal(vqz_decoder_error(dec)->status, s);
        assert_true(vqz_decoder_error(dec)->text[0] != 0);
        vqz_band b;
        assert_int_equal(vqz_decoder_receive(dec, &b), s);     /* it stays failed */
    }
    vqz_decoder_close(dec);
    return s;
}

/* A model of its own, too: with `model` NULL each call opens the built-in one. */
static vqz_status open_model(picture *p, vqz_model *model) {
    vqz_error e;
    (void)p;
    (void)model;
    vqz_model *m;
    vqz_status s = vqz_model_builtin(&m, 0, &e);
    if (s == VQZ_OK) vqz_model_unref(m);
    else assert_null(m);
    return s == VQZ_OK ? VQZ_END : s;
}

static long run(vqz_status (*what)(picture *, vqz_model *), picture *p, vqz_model *model, long fail, vqz_status *s) {
    chosen = fail;
    calls = live = 0;
    watching = 1;
    *s = what(p, model);
    watching = 0;
    return calls;
}

static void each_fails(vqz_status (*what)(picture *, vqz_model *), picture *p, vqz_model *model) {
    vqz_status s;
    run(what, p, model, 0, &s);              /* a shared model keeps what its first use makes */
    const long n = run(what, p, model, 0, &s);
    const uint64_t sum = p->sum;
    const size_t size = p->size;
    static uint8_t file[MAX_OUT];
    memcpy(file, p->file, size);
    assert_int_equal(s, VQZ_END);
    assert_true(n > 5);
    long refused = 0;
    for (long i = 1; i <= n; i++) {
        run(what, p, model, i, &s);
        if (live) fail_msg("call %ld of %ld: %ld blocks are left", i, n, (long)live);
        refused += s == VQZ_ERR_MEMORY;
        if (s == VQZ_END) assert_true(p->size == size && p->sum == sum && memcmp(p->file, file, size) == 0);
        else assert_int_equal(s, VQZ_ERR_MEMORY);
        memcpy(p->file, file, size);
        p->size = size;
    }
    assert_true(refused > 5);
    print_message("%ld allocations, %ld end the call\n", n, refused);
}

static picture *make(vqz_layout layout, float quality, uint32_t tile, uint32_t threads) {
    static picture p;
    static uint8_t blob[3000];
    p = (picture){.info = {.width = W, .height = H, .layout = layout, .orientation = 6}};
    vqz_settings_init(&p.settings);
    p.settings.quality = quality;
    p.settings.tile_size = tile;
    p.settings.threads = threads;
    p.settings.pixel_hash = tile != 0;
    for (size_t i = 0; i < sizeof blob; i++) blob[i] = (uint8_t)(i / 40);
    p.info.meta = (vqz_metadata){.icc = blob, .icc_size = sizeof blob, .exif = blob, .exif_size = 20, .xmp = blob, .xmp_size = 1000};
    for (uint32_t y = 0; y < H; y++)
        for (uint32_t x = 0; x < W * layout; x++) p.pixels[y * W * layout + x] = (uint8_t)(x * 2 + y * 3 + (x * y >> 5));
    return &p;
}

static void test_pictures(void **state) {
    (void)state;
    vqz_error e;
    vqz_model *model;
    vqz_status s;
    assert_int_equal(vqz_model_builtin(&model, 0, &e), VQZ_OK);
    const struct { vqz_layout layout; float quality; uint32_t tile, threads; } table[] = {
        {VQZ_RGB, 60, 0, 1}, {VQZ_RGBA, 95, 128, 3}, {VQZ_GRAY, 98, 0, 1}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        picture *p = make(table[i].layout, table[i].quality, table[i].tile, table[i].threads);
        each_fails(encode, p, model);
        run(encode, p, model, 0, &s);
        each_fails(decode, p, model);
    }
    vqz_model_unref(model);
}

static void test_models(void **state) {
    (void)state;
    vqz_status s;
    picture *p = make(VQZ_GRAY, 50, 0, 1);
    each_fails(open_model, p, NULL);
    each_fails(encode, p, NULL);
    run(encode, p, NULL, 0, &s);
    each_fails(decode, p, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pictures), cmocka_unit_test(test_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
