/* vqz-count: the symbols it counts are those that were coded, all of them and no others. */
#include "training/count/counts.c"
#include "tests/builtin.h"
#include "tests/codec_io.h"
#include "tests/pictures.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static int open_psnr_model(void **state) {     /* which writes no steps: those are no symbols of a codebook */
    (void)state;
    return open_model_of(VQZ_TUNE_PSNR);
}

enum { TILE = 128, WIDTH = 300, HEIGHT = 140 };

static bytes encode(float quality, test_picture kind) {
    vqz_settings s;
    vqz_settings_init(&s);
    s.tune = VQZ_TUNE_PSNR;
    s.threads = 1;
    s.quality = quality;
    s.tile_size = TILE;
    vqz_image_info info = {.width = WIDTH, .height = HEIGHT, .layout = VQZ_RGBA};
    vqz_error e = {0};
    bytes b;
    uint8_t *p = make_picture(kind, WIDTH, HEIGHT, 4, 5);
    if (encode_picture(&s, &info, p, HEIGHT, &b, &e) != VQZ_OK) fail_msg("%s", e.text);
    free(p);
    return b;
}

/* What the latent payloads of a file say about themselves: values of the slices they code, hyper-latents, bits of the symbols. */
typedef struct sums {
    uint64_t values, hyper, bits, lanes, raw;
} sums;

static sums sums_of(bytes b) {
    vqz_memory mem;
    vqz_demux *d;
    vqz_event ev;
    const vqz_head *head = NULL;
    sums t = {0};
    vqz_memory_init(&mem, 1 << 26);
    assert_int_equal(vqz_demux_create(&d, &mem, VQZ_MAX_PIXELS, NULL), VQZ_OK);
    assert_int_equal(vqz_demux_send(d, b.data, b.size, NULL), VQZ_OK);
    vqz_demux_flush(d);
    while (assert_int_equal(vqz_demux_next(d, &ev, false, NULL), VQZ_OK), ev.kind != VQZ_EV_END) {
        if (ev.kind == VQZ_EV_HEAD) head = ev.head;
        if (ev.kind != VQZ_EV_TILE || ev.tile.layer != VQZ_LAYER_LATENT) continue;
        vqz_tile_parts parts;
        assert_int_equal(vqz_tile_split(&parts, ev.tile.payload, ev.tile.size, NULL), VQZ_OK);
        if (!parts.latents) continue;
        vqz_reader r = vqz_reader_of(parts.latents, parts.latents_size);
        vqz_latent_head h;
        uint32_t x, y, w, high, nx = vqz_grid_of(head).nx;
        assert_int_equal(vqz_latent_head_read(&h, model, &r, NULL), VQZ_OK);
        vqz_grid_rect(head, ev.tile.index % nx, ev.tile.index / nx, &x, &y, &w, &high);
        w = vqz_positions(w);
        high = vqz_positions(high);
        for (uint32_t i = 0; i < model->S; i++)
            if (h.mask >> i & 1) t.values += (uint64_t)w * high * model->slice[i];
        t.hyper += (uint64_t)((w + 3) / 4) * ((high + 3) / 4) * model->Z;
        t.bits += (uint64_t)h.words * 16;
        t.lanes += h.lanes;
        t.raw += vqz_reader_left(&r) - (size_t)h.words * 2;
    }
    vqz_demux_free(d);
    return t;
}

static double bits_of(const vqz_table *t, uint32_t symbol) { return t->single ? 0 : 15 - log2(t->freq[symbol]); }

/* Counts -> the same sums. Bits of hyper-latents by their tables. */
static sums sums_counted(const vqz_counts *c, double *bits, uint64_t *escapes) {
    sums t = {0};
    *bits = 0;
    *escapes = 0;
    for (uint32_t i = 0; i < model->rungs + model->npairs; i++) {
        bool scalar = i < model->rungs;
        const vqz_codebook *book = scalar ? &model->scalar[i] : &model->pair[i - model->rungs];
        for (uint32_t s = 0; s <= book->n; s++) {
            uint64_t n = c->symbol[c->first[i] + s];
            t.values += scalar ? n : 2 * n;
            *bits += (double)n * bits_of(&book->table, s);
            if (s == book->n || book->shift) *escapes += n;
        }
    }
    for (uint32_t row = 0; row < model->nlevels; row++)
        for (uint32_t k = 0; k < model->Z; k++) {
            const vqz_level *level = &model->level[row];
            const vqz_table *z = &model->ztable[level->ztab[k]];
            int32_t reach = (int32_t)(z->n - 2) / 2;
            for (int32_t v = -VQZ_COUNTS_REACH; v <= VQZ_COUNTS_REACH; v++) {
                uint64_t n = c->hyper[((size_t)row * model->Z + k) * SPAN + (size_t)(v + VQZ_COUNTS_REACH)];
                int32_t symbol = v - level->zoff[k] + reach;
                bool escape = symbol < 0 || symbol > 2 * reach;
                t.hyper += n;
                *bits += (double)n * bits_of(z, escape ? z->n - 1 : (uint32_t)symbol);
                if (escape) *escapes += n;
            }
        }
    return t;
}

/* Numbers of values and hyper-latents agree exactly, and the symbols' bits fill the words: a symbol counted in the wrong place would show. */
static void counts_what_was_coded(void **state) {
    (void)state;
    static const struct { float quality; test_picture kind; } cases[] = {{5, PICTURE_PHOTO}, {45, PICTURE_PHOTO}, {90, PICTURE_PHOTO}, {90, PICTURE_NOISE}, {0, PICTURE_FLAT}};
    uint64_t escapes_seen = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vqz_counts c;
        bytes b = encode(cases[i].quality, cases[i].kind);
        double bits;
        uint64_t escapes;
        assert_int_equal(vqz_counts_init(&c, model, NULL), VQZ_OK);
        assert_int_equal(vqz_counts_add(&c, b.data, b.size, NULL), VQZ_OK);
        sums want = sums_of(b), got = sums_counted(&c, &bits, &escapes);
        assert_int_equal(got.values, want.values);
        assert_int_equal(got.hyper, want.hyper);
        double room = (double)want.bits - 16.0 * (double)want.lanes;         /* a state holds between 16 and 32 bits */
        if (fabs(room - bits) > 16.0 * (double)want.lanes + 2e-3 * bits) fail_msg("quality %g: %g bits counted, %g written", (double)cases[i].quality, bits, room);
        if (escapes) assert_true(want.raw > 0);
        escapes_seen += escapes;
        assert_int_equal(vqz_counts_add(&c, b.data, b.size, NULL), VQZ_OK);      /* files add up */
        assert_int_equal(sums_counted(&c, &bits, &escapes).values, 2 * want.values);
        vqz_counts_free(&c);
        free(b.data);
    }
    assert_true(escapes_seen > 0);
}

static void printed(void **state) {
    (void)state;
    vqz_counts c;
    char *text = NULL;
    size_t size;
    assert_int_equal(vqz_counts_init(&c, model, NULL), VQZ_OK);
    c.symbol[c.first[2] + 1] = 7;
    c.symbol[c.first[model->rungs + 1] - 1] = 9;         /* the first pair book's escape */
    c.hyper[((size_t)3 * model->Z + 4) * SPAN + VQZ_COUNTS_REACH - 5] = 11;
    FILE *f = open_memstream(&text, &size);
    vqz_counts_print(&c, f);
    assert_int_equal(fclose(f), 0);
    unsigned n = 0;
    assert_int_equal(memcmp(text, "S 2 0 7 0", 9), 0);
    assert_non_null(strstr(text, "\nP 0 0"));
    assert_non_null(strstr(text, " 0 9\nZ 3 4 -5 11\n"));
    for (const char *p = text; *p; p++) n += *p == '\n';
    assert_int_equal(n, 3);
    free(text);
    vqz_counts_free(&c);
}

static void refused(void **state) {
    (void)state;
    vqz_counts c;
    vqz_error e = {0};
    bytes b = encode(30, PICTURE_PHOTO);
    assert_int_equal(vqz_counts_init(&c, model, NULL), VQZ_OK);
    assert_int_equal(vqz_counts_add(&c, b.data, b.size - 5, &e), VQZ_ERR_TRUNCATED);
    model->id[3] ^= 1;
    assert_int_equal(vqz_counts_add(&c, b.data, b.size, &e), VQZ_ERR_MODEL_UNKNOWN);
    model->id[3] ^= 1;
    assert_int_equal(vqz_counts_add(&c, b.data, b.size, &e), VQZ_OK);
    vqz_counts_free(&c);
    assert_true(c.mem.used == 0);
    free(b.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts_what_was_coded), cmocka_unit_test(printed), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, open_psnr_model, close_model);
}
