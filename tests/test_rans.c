/* Entropy coder, table check and integer logarithm. */
#include "base/ilog2.h"
#include "codec/rans.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { MAX_N = 1024 };
typedef struct test_table {
    vqz_table t;
    uint16_t freq[MAX_N], cum[MAX_N], look[1 << VQZ_LOOK_BITS];
} test_table;

static uint64_t seed = 1;
static uint32_t rnd(uint32_t n) {   /* 0..n-1 */
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(((seed >> 33) * n) >> 31);
}

static void build(test_table *t, uint32_t n) {
    vqz_error e;
    assert_int_equal(vqz_table_build(&t->t, t->freq, n, t->cum, t->look, "test", &e), VQZ_OK);
}
enum { SKEWED, FLAT, LAST_BIG, FIRST_BIG, RANDOM, KINDS };
static void make(test_table *t, uint32_t n, int kind) {
    uint32_t left = VQZ_RANS_TOTAL - n;
    for (uint32_t k = 0; k < n; k++) t->freq[k] = 1;
    if (kind == FLAT)
        for (uint32_t k = 0; k < n; k++) t->freq[k] = (uint16_t)(VQZ_RANS_TOTAL / n);
    if (kind == FLAT) left = VQZ_RANS_TOTAL - n * (VQZ_RANS_TOTAL / n);
    for (uint32_t k = 0; left && kind == SKEWED; k = (k + 1) % n) {
        uint32_t part = (left + 1) / 2;
        t->freq[k] = (uint16_t)(t->freq[k] + part);
        left -= part;
    }
    while (left && kind == RANDOM) {
        uint32_t part = 1 + rnd(left), k = rnd(n);
        t->freq[k] = (uint16_t)(t->freq[k] + part);
        left -= part;
    }
    uint32_t big = kind == FIRST_BIG ? 0 : n - 1;
    t->freq[big] = (uint16_t)(t->freq[big] + left);
    build(t, n);
}
static uint32_t draw(const test_table *t) {   /* a symbol by its frequency */
    uint32_t v = rnd(VQZ_RANS_TOTAL), k = t->t.look[v >> (VQZ_RANS_BITS - VQZ_LOOK_BITS)];
    while (k + 1 < t->t.n && t->t.cum[k + 1] <= v) k++;
    return k;
}

/* A mixture of everything: symbol i of a sequence that depends on `seed` only. */
typedef struct event { const test_table *t; uint32_t symbol; unsigned bits; uint32_t value; int32_t golomb; bool has_golomb; } event;
static event *make_events(const test_table *tables, size_t ntables, size_t n, bool raw) {
    event *ev = calloc(n + 1, sizeof *ev);
    assert_non_null(ev);
    for (size_t i = 0; i < n; i++) {
        ev[i].t = &tables[rnd((uint32_t)ntables)];
        ev[i].symbol = rnd(8) ? draw(ev[i].t) : rnd(ev[i].t->t.n);
        if (!raw) continue;
        ev[i].bits = rnd(4) ? 0 : rnd(25);
        ev[i].value = rnd(1u << 24) & ((1u << ev[i].bits) - 1);
        ev[i].has_golomb = !rnd(6);
        static const int32_t extreme[] = {0, 1, -1, 3, 4, -4, -3, 1 << 20, -(1 << 20), (1 << 20) - 1};
        ev[i].golomb = rnd(2) ? extreme[rnd(10)] : (int32_t)rnd(2001) - 1000;
    }
    return ev;
}
static void put_events(vqz_rans_enc *e, const event *ev, size_t n) {
    for (size_t i = 0; i < n; i++) {
        vqz_rans_put(e, &ev[i].t->t, ev[i].symbol);
        vqz_rans_put_bits(e, ev[i].value, ev[i].bits);
        if (ev[i].has_golomb) vqz_rans_put_golomb(e, ev[i].golomb);
    }
}
/* Number of events that came out differently. */
static size_t get_events(vqz_rans_dec *d, const event *ev, size_t n) {
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t k = vqz_rans_get(d, &ev[i].t->t);
        assert_true(k < ev[i].t->t.n);
        bool same = k == ev[i].symbol && vqz_rans_get_bits(d, ev[i].bits) == ev[i].value;
        if (ev[i].has_golomb) {
            int32_t g = vqz_rans_get_golomb(d);
            assert_true(g >= -(1 << 20) && g <= 1 << 20);
            same &= g == ev[i].golomb;
        }
        wrong += !same;
    }
    return wrong;
}

static test_table *make_tables(size_t *n) {
    static const uint32_t sizes[] = {1, 2, 3, 17, 255, 511, MAX_N};
    *n = 0;
    test_table *t = calloc(7 * KINDS, sizeof *t);
    assert_non_null(t);
    for (int s = 0; s < 7; s++)
        for (int kind = 0; kind < KINDS; kind++) make(&t[(*n)++], sizes[s], kind);
    assert_int_equal(t[KINDS + FIRST_BIG].freq[0], 32767);
    return t;
}

/* Copies to an exactly sized block, so that a sanitizer sees any read outside. */
static uint8_t *exact(const uint8_t *p, size_t n) {
    uint8_t *q = malloc(n ? n : 1);
    assert_non_null(q);
    if (n) memcpy(q, p, n);
    return q;
}

static void round_trip(const event *ev, size_t n, bool has_words) {
    vqz_memory mem;
    vqz_memory_init(&mem, 1 << 28);
    vqz_rans_enc e;
    vqz_rans_enc_init(&e, &mem);
    for (int again = 0; again < 2; again++) {   /* the second time with reused memory */
        vqz_rans_enc_reset(&e);
        put_events(&e, ev, n);
        for (unsigned lanes = 1; lanes <= 8; lanes += lanes == 1 ? 3 : 4) {
            const uint8_t *words, *raw;
            size_t nwords, nraw;
            assert_int_equal(vqz_rans_finish(&e, lanes, &words, &nwords, &raw, &nraw, NULL), VQZ_OK);
            if (!has_words) assert_int_equal(nwords, 2 * lanes);
            uint8_t *w = exact(words, 2 * nwords), *r = exact(raw, nraw);
            vqz_rans_dec d;
            assert_int_equal(vqz_rans_dec_init(&d, lanes, w, nwords, r, nraw, NULL), VQZ_OK);
            assert_int_equal(get_events(&d, ev, n), 0);
            assert_int_equal(vqz_rans_dec_finish(&d, NULL), VQZ_OK);
            free(w);
            free(r);
        }
    }
    vqz_rans_enc_free(&e);
    assert_int_equal(mem.used, 0);
}

static void test_round_trips(void **state) {
    (void)state;
    size_t nt;
    test_table *t = make_tables(&nt);
    static const size_t counts[] = {0, 1, 2, 3, 7, 8, 9, 100, 30000};
    for (int c = 0; c < 9; c++) {
        event *ev = make_events(t, nt, counts[c], true);
        round_trip(ev, counts[c], counts[c] > 0);
        free(ev);
    }
    for (size_t i = 0; i < nt; i++) {   /* every table alone; the first KINDS are single */
        event *ev = make_events(&t[i], 1, 3000, false);
        round_trip(ev, 3000, i >= KINDS);
        free(ev);
    }
    free(t);
}

static void test_adaptive_bits(void **state) {
    (void)state;
    vqz_memory mem;
    vqz_memory_init(&mem, 1 << 24);
    vqz_rans_enc e;
    vqz_rans_enc_init(&e, &mem);
    static const uint32_t one[] = {1, 2, 100, 16384, 32000, 32766, 32767};
    static uint8_t bit[5000];
    for (int i = 0; i < 5000; i++) vqz_rans_put_bit(&e, bit[i] = (uint8_t)rnd(2), one[i % 7]);
    const uint8_t *words, *raw;
    size_t nwords, nraw;
    assert_int_equal(vqz_rans_finish(&e, 1, &words, &nwords, &raw, &nraw, NULL), VQZ_OK);
    vqz_rans_dec d;
    assert_int_equal(vqz_rans_dec_init(&d, 1, words, nwords, raw, nraw, NULL), VQZ_OK);
    for (int i = 0; i < 5000; i++) assert_int_equal(vqz_rans_get_bit(&d, one[i % 7]), bit[i]);
    assert_int_equal(vqz_rans_dec_finish(&d, NULL), VQZ_OK);
    assert_int_equal(nraw, 0);
    vqz_rans_enc_free(&e);
}

static void test_size(void **state) {
    (void)state;
    vqz_memory mem;
    vqz_memory_init(&mem, 1 << 28);
    vqz_rans_enc e;
    vqz_rans_enc_init(&e, &mem);
    size_t nt;
    test_table *t = make_tables(&nt);
    for (size_t i = KINDS; i < nt; i++)
        for (unsigned lanes = 1; lanes <= 8; lanes += lanes == 1 ? 3 : 4) {
            double bits = 0;
            vqz_rans_enc_reset(&e);
            for (int k = 0; k < 40000; k++) {
                uint32_t s = draw(&t[i]);
                bits += log2((double)VQZ_RANS_TOTAL / t[i].freq[s]);
                vqz_rans_put(&e, &t[i].t, s);
            }
            const uint8_t *words, *raw;
            size_t nwords, nraw;
            assert_int_equal(vqz_rans_finish(&e, lanes, &words, &nwords, &raw, &nraw, NULL), VQZ_OK);
            double ideal = bits / 8, size = 2 * (double)nwords;
            assert_true(size <= ideal * 1.005 + 4 * lanes);
            assert_true(size >= ideal * 0.999);
        }
    vqz_rans_enc_free(&e);
    free(t);
}

/* Decodes damaged copies of one stream. Damage that only swaps symbols of equal frequency leaves the states as they were and cannot be
 * seen here (the tile's hash sees it), so the tables are those without such symbols. */
static void test_damage(void **state) {
    (void)state;
    enum { N = 1500 };
    size_t nt = 3;
    test_table *t = calloc(nt, sizeof *t);
    assert_non_null(t);
    for (uint32_t i = 0; i < nt; i++) {   /* 7, 11 and 15 symbols, geometric */
        uint32_t n = 7 + 4 * i, left = VQZ_RANS_TOTAL;
        for (uint32_t k = 0; k < n; left -= t[i].freq[k++]) t[i].freq[k] = (uint16_t)(k + 1 < n ? left * (8 - i) / 16 : left);
        build(&t[i], n);
    }
    event *ev = make_events(t, nt, N, true);
    vqz_memory mem;
    vqz_memory_init(&mem, 1 << 24);
    vqz_rans_enc e;
    vqz_rans_enc_init(&e, &mem);
    put_events(&e, ev, N);
    for (unsigned lanes = 1; lanes <= 8; lanes += lanes == 1 ? 3 : 4) {
        const uint8_t *words, *raw;
        size_t nwords, nraw;
        assert_int_equal(vqz_rans_finish(&e, lanes, &words, &nwords, &raw, &nraw, NULL), VQZ_OK);
        vqz_rans_dec d;
        vqz_error err;
        for (size_t n = 0; n < nwords; n += n < 40 ? 1 : 1 + n / 16) {   /* words cut off */
            uint8_t *w = exact(words, 2 * n);
            err.status = VQZ_OK;
            if (vqz_rans_dec_init(&d, lanes, w, n, raw, nraw, &err) == VQZ_OK) {
                get_events(&d, ev, N);
                assert_int_equal(vqz_rans_dec_finish(&d, &err), VQZ_ERR_CORRUPT);
            } else {
                assert_true(n < 2 * lanes);
                assert_int_equal(vqz_rans_get(&d, &t[0].t), 0);   /* still harmless */
                assert_int_equal(vqz_rans_get_golomb(&d), 0);
            }
            assert_int_equal(err.status, VQZ_ERR_CORRUPT);
            free(w);
        }
        for (size_t n = 0; n < nraw; n += n < 40 ? 1 : 1 + n / 16) {   /* raw bytes cut off */
            uint8_t *r = exact(raw, n);
            assert_int_equal(vqz_rans_dec_init(&d, lanes, words, nwords, r, n, NULL), VQZ_OK);
            get_events(&d, ev, N);
            assert_int_equal(vqz_rans_dec_finish(&d, &err), VQZ_ERR_CORRUPT);
            free(r);
        }
        unsigned caught = 0, flips = 300;
        for (unsigned i = 0; i < flips; i++) {
            uint8_t *w = exact(words, 2 * nwords), *r = exact(raw, nraw);
            w[rnd((uint32_t)(2 * nwords))] ^= (uint8_t)(1 + rnd(255));
            if (i & 1) r[rnd((uint32_t)nraw)] ^= (uint8_t)(1 + rnd(255));
            bool ok = vqz_rans_dec_init(&d, lanes, w, nwords, r, nraw, NULL) == VQZ_OK;
            size_t wrong = ok ? get_events(&d, ev, N) : 1;
            bool seen = !ok || vqz_rans_dec_finish(&d, NULL) == VQZ_ERR_CORRUPT;
            assert_true(seen || wrong > 0);
            caught += seen;
            free(w);
            free(r);
        }
        assert_true(caught * 100 > flips * 95);

        uint8_t *more = malloc(2 * nwords + 2), *pad = malloc(nraw + 1);   /* something left over */
        assert_true(more && pad);
        memcpy(more, words, 2 * nwords);
        memset(more + 2 * nwords, 0, 2);
        memcpy(pad, raw, nraw);
        pad[nraw] = 0;
        assert_int_equal(vqz_rans_dec_init(&d, lanes, more, nwords + 1, raw, nraw, NULL), VQZ_OK);
        assert_int_equal(get_events(&d, ev, N), 0);
        assert_int_equal(vqz_rans_dec_finish(&d, NULL), VQZ_ERR_CORRUPT);
        assert_int_equal(vqz_rans_dec_init(&d, lanes, words, nwords, pad, nraw + 1, NULL), VQZ_OK);
        assert_int_equal(get_events(&d, ev, N), 0);
        assert_int_equal(vqz_rans_dec_finish(&d, NULL), VQZ_ERR_CORRUPT);
        free(more);
        free(pad);
    }
    vqz_rans_enc_free(&e);
    free(ev);
    free(t);
}

static void test_bad_arguments(void **state) {
    (void)state;
    vqz_memory mem;
    vqz_memory_init(&mem, 1 << 16);
    vqz_rans_enc e;
    vqz_rans_enc_init(&e, &mem);
    const uint8_t *words, *raw;
    size_t nwords, nraw;
    assert_int_equal(vqz_rans_finish(&e, 2, &words, &nwords, &raw, &nraw, NULL), VQZ_ERR_ARGUMENT);
    for (int i = 0; i < 100000; i++) vqz_rans_put_bit(&e, 1, 77);   /* more than the memory limit holds */
    assert_int_equal(vqz_rans_finish(&e, 4, &words, &nwords, &raw, &nraw, NULL), VQZ_ERR_LIMIT);
    vqz_rans_enc_free(&e);
    assert_int_equal(mem.used, 0);

    vqz_rans_dec d;
    uint8_t low[16] = {0, 0, 1, 0, 0, 0, 1, 0, 0xff, 0xff, 0, 0, 0, 0, 1, 0};   /* third state 65535 */
    assert_int_equal(vqz_rans_dec_init(&d, 4, low, 8, NULL, 0, NULL), VQZ_ERR_CORRUPT);
    low[10] = 1;
    low[8] = low[9] = 0;
    assert_int_equal(vqz_rans_dec_init(&d, 4, low, 8, NULL, 0, NULL), VQZ_OK);
    assert_int_equal(vqz_rans_dec_finish(&d, NULL), VQZ_OK);
    assert_int_equal(vqz_rans_dec_init(&d, 2, low, 8, NULL, 0, NULL), VQZ_ERR_CORRUPT);
    static const uint8_t ones[4] = {255, 255, 255, 255}, huge[6] = {255, 255, 0xfb, 0xff, 0xff, 0x00};   /* huge: |e| > 2^20 */
    assert_int_equal(vqz_rans_dec_init(&d, 1, low, 2, ones, 4, NULL), VQZ_OK);
    assert_int_equal(vqz_rans_get_golomb(&d), 0);
    assert_true(d.failed);
    assert_int_equal(vqz_rans_dec_init(&d, 1, low, 2, huge, 6, NULL), VQZ_OK);
    assert_int_equal(vqz_rans_get_golomb(&d), 0);
    assert_true(d.failed);
}

/* The bytes of a small stream by hand, from the specification. */
static void test_vector(void **state) {
    (void)state;
    vqz_memory mem;
    vqz_memory_init(&mem, 1 << 20);
    test_table t = {.freq = {16384, 8192, 8192}};
    build(&t, 3);
    vqz_rans_enc e;
    vqz_rans_enc_init(&e, &mem);
    vqz_rans_put(&e, &t.t, 2);
    vqz_rans_put(&e, &t.t, 0);
    vqz_rans_put_golomb(&e, -1);   /* u 2, v 10, n 3: a zero bit, then 010 */
    vqz_rans_put_golomb(&e, 5);    /* u 9, v 17, n 4: 1 0, then 1000; low bits first */
    const uint8_t *words, *raw;
    size_t nwords, nraw;
    assert_int_equal(vqz_rans_finish(&e, 1, &words, &nwords, &raw, &nraw, NULL), VQZ_OK);
    /* 65536 --0--> 4 << 15 = 131072 --2--> 16 << 15 | 24576 */
    static const uint8_t want[] = {0x00, 0x60, 0x08, 0x00}, want_raw[] = {0x54, 0x00};
    assert_int_equal(nwords, 2);
    assert_memory_equal(words, want, 4);
    assert_int_equal(nraw, 2);
    assert_memory_equal(raw, want_raw, 2);
    vqz_rans_enc_free(&e);
}

static void test_bad_tables(void **state) {
    (void)state;
    test_table t = {.freq = {32768}};
    vqz_error e;
    build(&t, 1);
    assert_int_equal(t.t.single, 1);
    for (int n = 0; n <= MAX_N + 1; n += MAX_N + 1)
        assert_int_equal(vqz_table_build(&t.t, t.freq, (uint32_t)n, t.cum, t.look, "empty", &e), VQZ_ERR_MODEL_INVALID);
    static const uint16_t bad[][3] = {{32768, 0, 0}, {0, 32768, 0}, {1, 32766, 2}, {1, 32765, 1}, {65535, 1, 32768}, {32768, 1, 65535}};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(vqz_table_build(&t.t, bad[i], 3, t.cum, t.look, "bad table", &e), VQZ_ERR_MODEL_INVALID);
        assert_memory_equal(e.text, "bad table: ", 11);
    }
}

static void test_ilog2(void **state) {
    (void)state;
    for (uint32_t x = 1; x <= 65536; x++)
        if (vqz_ilog2_q12(x) != (uint32_t)lround(4096 * log2(x))) fail_msg("ilog2_q12(%u)", x);
    assert_int_equal(vqz_cost_q12(1), 15 * 4096);
    assert_int_equal(vqz_cost_q12(16384), 4096);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips), cmocka_unit_test(test_adaptive_bits), cmocka_unit_test(test_size), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_bad_arguments), cmocka_unit_test(test_vector), cmocka_unit_test(test_bad_tables), cmocka_unit_test(test_ilog2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
