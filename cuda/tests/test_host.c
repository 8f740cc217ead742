/* The model itself: it objects to what hardware does not define, and its tensor cores multiply. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "cuda/host/host.h"
#include "cuda/tests/planted.h"
#include <string.h>

enum { WORDS = 64, SEEDS = 20 };

/* A part of what it says. */
static const char *const objections[PLANTED_KINDS] = {
    [PLANTED_NO_BARRIER] = "of the shared array",
    [PLANTED_NO_BARRIER_BEHIND_READS] = "which others read with no barrier between",
    [PLANTED_NO_WARP_BARRIER] = "with no barrier between",
    [PLANTED_BARRIER_IN_BRANCH] = "is at the barrier",
    [PLANTED_LEFT_BEFORE_BARRIER] = "left the kernel|leaves the kernel",
    [PLANTED_OUT_OF_BOUNDS] = "which has 256",
    [PLANTED_NEVER_WRITTEN] = "nobody has written",
    [PLANTED_MISALIGNED] = "not aligned",
    [PLANTED_NO_WAIT] = "copy is in flight|copies in flight",
    [PLANTED_WAIT_FOR_TOO_FEW] = "copy is in flight|copies in flight",
    [PLANTED_COPY_OVER_READ] = "with no barrier between",
    [PLANTED_NEVER_LANDED] = "leaves the kernel with copies in flight",
    [PLANTED_DIVIDED_WARP] = "is divided",
    [PLANTED_MISSING_LANE] = "nobody can go on|leaves the kernel while|left the kernel",
    [PLANTED_TOO_MUCH_MEMORY] = "bytes of shared memory",
};

static int says(const char *text, const char *parts) {
    char part[100];
    for (const char *end; *parts; parts = *end ? end + 1 : end) {
        end = strchr(parts, '|');
        if (!end) end = parts + strlen(parts);
        memcpy(part, parts, (size_t)(end - parts));
        part[end - parts] = 0;
        if (strstr(text, part)) return 1;
    }
    return 0;
}

static void test_objections(void **state) {
    (void)state;
    _Alignas(16) uint32_t in[WORDS], out[WORDS];
    for (unsigned i = 0; i < WORDS; i++) in[i] = i * 2654435761u;
    for (uint32_t seed = 1; seed <= SEEDS; seed++)
        for (unsigned bug = 0; bug < PLANTED_KINDS; bug++) {
            if (bug && !objections[bug]) continue;
            vqz_host_seed(seed);
            const int error = planted_reverse((planted)bug, in, out);
            if (!bug) {
                if (error) fail_msg("the sound kernel: %s", vqz_host_error());
                for (unsigned i = 0; i < WORDS; i++) assert_int_equal(out[i], in[WORDS - 1 - i]);
                assert_string_equal(vqz_host_error(), "");
            } else {
                if (error != VQZ_HOST_FAULT) fail_msg("defect %u passed with seed %u", bug, seed);
                if (!says(vqz_host_error(), objections[bug])) fail_msg("defect %u: %s", bug, vqz_host_error());
            }
        }
    assert_true(vqz_host_shared_bytes() > 48 << 10);     /* what was wanted */
}

static void test_product(void **state) {
    (void)state;
    _Alignas(16) uint8_t a[16 * 32];
    int8_t b[32 * 8];
    int32_t c[16 * 8], want[16 * 8];
    uint32_t x = 7;
    for (unsigned i = 0; i < sizeof a; i++) a[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
    for (unsigned i = 0; i < sizeof b; i++) b[i] = (int8_t)((x = x * 1664525 + 1013904223) >> 24);
    for (unsigned i = 0; i < 16; i++)
        for (unsigned j = 0; j < 8; j++) {
            want[i * 8 + j] = 0;
            for (unsigned k = 0; k < 32; k++) want[i * 8 + j] += a[i * 32 + k] * b[k * 8 + j];
        }
    for (int dots = 0; dots < 2; dots++) {
        assert_int_equal(planted_product(PLANTED_NONE, a, b, c, dots), 0);
        assert_memory_equal(c, want, sizeof want);
        assert_int_equal(planted_product(PLANTED_WRONG_LANE, a, b, c, dots), 0);
        assert_memory_not_equal(c, want, sizeof want);
        assert_int_equal(planted_product(PLANTED_SWAPPED_REGISTERS, a, b, c, dots), 0);
        assert_memory_not_equal(c, want, sizeof want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_objections), cmocka_unit_test(test_product)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
