#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/memory.h"
#include "base/sha256.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void test_crc32c(void **state) {
    (void)state;
    uint8_t b[48];
    /* check value of the catalogue of parametrised CRCs, and the vectors of RFC 3720 B.4 */
    assert_int_equal(vqz_crc32c(0, "123456789", 9), 0xE3069283);
    assert_int_equal(vqz_crc32c(0, b, 0), 0);
    memset(b, 0, 32);
    assert_int_equal(vqz_crc32c(0, b, 32), 0x8A9136AA);
    memset(b, 255, 32);
    assert_int_equal(vqz_crc32c(0, b, 32), 0x62A8AB43);
    for (int i = 0; i < 32; i++) b[i] = (uint8_t)i;
    assert_int_equal(vqz_crc32c(0, b, 32), 0x46DD794E);
    for (int i = 0; i < 32; i++) b[i] = (uint8_t)(31 - i);
    assert_int_equal(vqz_crc32c(0, b, 32), 0x113FDB5C);
    for (size_t cut = 0; cut <= 32; cut++) assert_int_equal(vqz_crc32c(vqz_crc32c(0, b, cut), b + cut, 32 - cut), 0x113FDB5C);
}

static void expect_sha(const void *data, size_t n, const char *hex) {
    uint8_t out[32];
    char text[65];
    vqz_sha256(data, n, out);
    for (int i = 0; i < 32; i++) snprintf(text + 2 * i, 3, "%02x", out[i]);
    assert_string_equal(text, hex);
}

static void test_sha256(void **state) {
    (void)state;
    expect_sha(NULL, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect_sha("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect_sha("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    expect_sha("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu", 112,
               "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    vqz_memory mem;
    void *p;
    vqz_memory_init(&mem, 1 << 21);
    assert_int_equal(vqz_alloc(&mem, &p, 1000000, 1, NULL), VQZ_OK);
    memset(p, 'a', 1000000);
    expect_sha(p, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    vqz_free(&mem, p);
    /* every length around the ends of a block, against one digest of all the digests (from another implementation) */
    uint8_t bytes[130], all[130 * 32];
    for (int i = 0; i < 130; i++) bytes[i] = (uint8_t)i;
    for (int i = 0; i < 130; i++) vqz_sha256(bytes, (size_t)i, all + 32 * i);
    expect_sha(all, sizeof all, "105812602bb337abca31d9f6bf3a57a3907500005fad7c01e1e1140aa77e4499");
}

static void test_reader(void **state) {
    (void)state;
    uint8_t b[15];
    vqz_store16(b + 1, 0x1234);
    vqz_store32(b + 3, 0x89ABCDEF);
    vqz_store64(b + 7, 0xFEDCBA9876543210u);
    b[0] = 7;
    vqz_reader r = vqz_reader_of(b, sizeof b);
    assert_int_equal(vqz_read8(&r), 7);
    assert_int_equal(vqz_read16(&r), 0x1234);
    assert_int_equal(vqz_read32(&r), 0x89ABCDEF);
    assert_true(vqz_read64(&r) == 0xFEDCBA9876543210u);
    assert_int_equal(vqz_reader_left(&r), 0);
    assert_false(r.failed);
    assert_non_null(vqz_read_bytes(&r, 0));
    assert_int_equal(vqz_read8(&r), 0);
    assert_true(r.failed);

    r = vqz_reader_of(b, 3);   /* a short read consumes nothing and fails all that come after it */
    assert_int_equal(vqz_read32(&r), 0);
    assert_true(r.failed);
    assert_int_equal(r.pos, 0);
    assert_int_equal(vqz_read8(&r), 0);
    r = vqz_reader_of(b, sizeof b);
    assert_null(vqz_read_bytes(&r, SIZE_MAX));
    assert_int_equal(b[1], 0x34);   /* little-endian */
    assert_int_equal(b[3], 0xEF);
}

static void test_varint(void **state) {
    (void)state;
    static const struct { uint32_t value; size_t bytes; } cases[] = {
        {0, 1}, {127, 1}, {128, 2}, {16383, 2}, {16384, 3}, {2097151, 3}, {2097152, 4}, {268435455, 4}, {268435456, 5}, {UINT32_MAX, 5}};
    uint8_t b[8];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = vqz_store_varint(b, cases[i].value);
        assert_int_equal(n, cases[i].bytes);
        for (size_t size = 0; size <= n; size++) {
            vqz_reader r = vqz_reader_of(b, size);
            uint32_t v = vqz_read_varint(&r);
            assert_int_equal(r.failed, size < n);
            assert_int_equal(v, size < n ? 0 : cases[i].value);
        }
    }
    const uint8_t wide[] = {255, 255, 255, 255, 16}, unending[] = {128, 128, 128, 128, 128, 0}, overlong[] = {129, 0};
    vqz_reader r = vqz_reader_of(wide, sizeof wide);
    vqz_read_varint(&r);
    assert_true(r.failed);
    r = vqz_reader_of(unending, sizeof unending);
    vqz_read_varint(&r);
    assert_true(r.failed);
    r = vqz_reader_of(overlong, sizeof overlong);
    assert_int_equal(vqz_read_varint(&r), 1);
    assert_false(r.failed);
}

static void test_memory(void **state) {
    (void)state;
    vqz_memory mem;
    vqz_error e = {0};
    void *a, *b;
    vqz_memory_init(&mem, 4096);
    assert_int_equal(vqz_alloc(&mem, &a, 100, 10, &e), VQZ_OK);
    assert_int_equal((uintptr_t)a % 64, 0);
    for (int i = 0; i < 1000; i++) assert_int_equal(((uint8_t *)a)[i], 0);
    uint64_t used = mem.used;
    assert_true(used >= 1000 && used <= 1200);
    b = a;
    assert_int_equal(vqz_alloc(&mem, &b, 1, 4000, &e), VQZ_ERR_LIMIT);
    assert_null(b);
    assert_int_equal(e.status, VQZ_ERR_LIMIT);
    assert_non_null(strstr(e.text, "4096"));
    assert_true(mem.used == used);
    assert_int_equal(vqz_alloc(&mem, &b, SIZE_MAX / 2, 3, NULL), VQZ_ERR_LIMIT);
    assert_int_equal(vqz_alloc(&mem, &b, SIZE_MAX, 1, NULL), VQZ_ERR_LIMIT);
    assert_null(b);
    assert_true(mem.used == used);
    assert_int_equal(vqz_alloc(&mem, &b, 0, 8, NULL), VQZ_OK);
    assert_non_null(b);
    assert_true(mem.peak == mem.used);
    vqz_free(&mem, a);
    vqz_free(&mem, b);
    vqz_free(&mem, NULL);
    assert_true(mem.used == 0);
    assert_true(mem.peak > used);
}

static void test_status(void **state) {
    (void)state;
    for (int s = VQZ_OK; s <= VQZ_ERR_REFERENCE; s++) {
        assert_true(!strncmp(vqz_status_name((vqz_status)s), "VQZ_", 4));
        assert_null(strchr(vqz_status_name((vqz_status)s), '?'));
        assert_true(strlen(vqz_status_text((vqz_status)s)) > 5);
        for (int t = VQZ_OK; t < s; t++) assert_string_not_equal(vqz_status_name((vqz_status)s), vqz_status_name((vqz_status)t));
    }
    assert_string_equal(vqz_status_name(VQZ_ERR_TRUNCATED), "VQZ_ERR_TRUNCATED");
    assert_int_equal(VQZ_ERR_REFERENCE, 17);         /* numbers never change */
    assert_string_equal(vqz_status_name((vqz_status)999), "VQZ_ERR_?");
    assert_string_equal(vqz_status_name((vqz_status)-1), "VQZ_ERR_?");
    assert_string_equal(vqz_status_text((vqz_status)999), "unknown status");
    assert_string_equal(vqz_version(), "0.1.0");

    vqz_error e;
    assert_int_equal(vqz_fail(&e, VQZ_ERR_CORRUPT, 12, "%s is %d", "width", 0), VQZ_ERR_CORRUPT);
    assert_int_equal(e.status, VQZ_ERR_CORRUPT);
    assert_int_equal(e.offset, 12);
    assert_string_equal(e.text, "width is 0");
    assert_int_equal(vqz_fail(NULL, VQZ_ERR_LIMIT, 0, "x"), VQZ_ERR_LIMIT);
    vqz_fail(&e, VQZ_ERR_CORRUPT, 0, "%0300d", 1);   /* long texts are cut */
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c), cmocka_unit_test(test_sha256), cmocka_unit_test(test_reader),
        cmocka_unit_test(test_varint), cmocka_unit_test(test_memory), cmocka_unit_test(test_status)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
