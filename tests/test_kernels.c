/* test_kernels VARIANT|amx-emulated: every op of one kernel variant gives the bytes of the scalar reference, over random, extreme and odd layers.
 * Exit status 77: this machine or build lacks the variant, nothing was run. bench_kernels tells the speed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "tests/nn_builder.h"

enum { SKIPPED = 77 };
extern const vqz_kernels vqz_kernels_amx_emulated;      /* amx_emulated.c */
static struct {
    const char *name;
    const vqz_kernels *kernels;
} tested;

static const uint16_t channel_counts[] = {1, 3, 4, 12, 16, 33, 48, 65, 128};
static const uint16_t shapes[][2] = {{1, 1}, {1, 13}, {3, 5}, {17, 9}, {2, 2}, {9, 1}, {4, 24}};

static unsigned random_tensor(builder *b, unsigned type, unsigned channels) {
    static const uint16_t bounds[] = {32768, 2047, 1, 32767};
    return tensor(b, (vqz_type)type, channels, 1 + rnd(b, channels), bounds[rnd(b, 4)]);
}

static void one_layer(uint32_t seed, unsigned op, unsigned k, unsigned stride, unsigned in, unsigned out, unsigned act, const uint16_t *shape) {
    builder b = {.seed = seed * 2654435761u + 1};
    static const uint8_t shuffles[] = {1, 1, 2, 4};
    const unsigned shuffle = shuffles[rnd(&b, 4)], add = rnd(&b, 6), style = rnd(&b, STYLES);
    unsigned cin = channel_counts[rnd(&b, 9)], kept = channel_counts[rnd(&b, shuffle == 4 ? 7 : 9)];
    if (k == 5 && cin > 65) cin = 65;
    if (op == VQZ_OP_REQUANT) cin = kept * shuffle * shuffle;
    random_tensor(&b, in, cin);
    const bool has_add = add < 4;
    if (has_add) b.tensors[random_tensor(&b, add, kept * shuffle * shuffle)].scale.down = (uint8_t)(stride - 1);
    b.inputs = b.ntensors;
    const unsigned dst = random_tensor(&b, out, kept);
    vqz_layer_def *l = layer(&b, op, k, 0, dst, has_add ? 1 : VQZ_NO_TENSOR, shuffle);
    l->stride = (uint8_t)stride;
    l->act = (uint8_t)act;
    l->pad_edge = (uint8_t)rnd(&b, 2);
    fill_layer(&b, l, style);
    image images[2] = {{0}, {0}};
    images[0] = random_image(&b, &b.tensors[0], shape[0], shape[1], cin + (rnd(&b, 2) ? 0 : rnd(&b, 320)), style);
    if (has_add)
        images[1] = random_image(&b, &b.tensors[1], (shape[0] + stride - 1) / stride, (shape[1] + stride - 1) / stride, l->cout + rnd(&b, 2) * 7, style);
    const vqz_view views[2] = {images[0].view, images[1].view};
    char what[160];
    snprintf(what, sizeof what, "seed %u: op %u k %u stride %u %ux%u, type %u (%u) to %u (%u), act %u, add %u, shuffle %u, style %u", (unsigned)seed, op,
             k, stride, shape[0], shape[1], in, cin, out, l->cout, act, add, shuffle, style);
    compare(&b, tested.kernels, tested.name, views, rnd(&b, 2) * 5, what);
    compare_part(&b, tested.kernels, tested.name, views, what);
    free(images[0].bytes);
    free(images[1].bytes);
    drop(&b);
}

static void test_convolutions(void **state) {
    (void)state;
    uint32_t seed = 1;
    for (unsigned k = 1; k <= 5; k += 2)
        for (unsigned stride = 1; stride <= 2; stride++)
            for (unsigned in = 0; in < 4; in++)
                for (unsigned out = 0; out < 4; out++)
                    for (unsigned act = 0; act < 3; act++, seed++) one_layer(seed, VQZ_OP_CONV, k, stride, in, out, act, shapes[seed % 7]);
}

static void test_requants(void **state) {
    (void)state;
    uint32_t seed = 1000;
    for (unsigned in = 0; in < 4; in++)
        for (unsigned out = 0; out < 4; out++)
            for (unsigned act = 0; act < 3; act++)
                for (unsigned i = 0; i < 4; i++, seed++) one_layer(seed, VQZ_OP_REQUANT, 1, 1, in, out, act, shapes[seed % 7]);
}

/* Longer than what one job takes. */
static void test_long_rows(void **state) {
    (void)state;
    static const uint16_t rows[] = {2, 523}, few[] = {2, 251};
    for (uint32_t seed = 2000; seed < 2012; seed++) one_layer(seed, VQZ_OP_CONV, 1, 1 + seed / 2 % 2, seed % 4, seed / 4 % 4, seed % 3, rows);
    for (uint32_t seed = 2012; seed < 2018; seed++) one_layer(seed, VQZ_OP_CONV, 3, 1 + seed % 2, seed % 4, seed / 4 % 4, seed % 3, few);
}

int main(int argc, char **argv) {
    tested.name = argc == 2 ? argv[1] : "";
    bool known = false;
    for (unsigned cpu = VQZ_CPU_SCALAR; vqz_cpu_name(cpu); cpu++)
        if (strcmp(vqz_cpu_name(cpu), tested.name) == 0) {
            known = true;
            tested.kernels = vqz_kernels_get(cpu);
        }
    if (strcmp(tested.name, "amx-emulated") == 0) {
        known = true;
#ifdef __x86_64__
        if (vqz_kernels_get(VQZ_CPU_AVX512VNNI)) tested.kernels = &vqz_kernels_amx_emulated;
#endif
    }
    if (!known) {
        fprintf(stderr, "test_kernels: no variant \"%s\"\n", tested.name);
        return 1;
    }
    if (!tested.kernels) {
        printf("%s: not run, this machine or build lacks it\n", tested.name);
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_convolutions), cmocka_unit_test(test_requants), cmocka_unit_test(test_long_rows)};
    return cmocka_run_group_tests_name(tested.name, tests, NULL, NULL);
}
