/* The frei0r filter as a host uses it: loaded, several instances at once, strings freed after the call, unloaded. */
#include "plugins/frei0r/frei0r_abi.h"
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

typedef struct plugin {
    void *file;
    int (*init)(void);
    void (*deinit)(void);
    void (*info)(f0r_plugin_info *);
    void (*param_info)(f0r_param_info *, int);
    void *(*construct)(unsigned, unsigned);
    void (*destruct)(void *);
    void (*set)(void *, void *, int);
    void (*get)(void *, void *, int);
    void (*update)(void *, double, const uint32_t *, uint32_t *);
} plugin;

static void find(const plugin *p, const char *name, void *function) {
    void *found = dlsym(p->file, name);
    assert_non_null(found);
    memcpy(function, &found, sizeof found);
}

static plugin load(void) {
    plugin p = {.file = dlopen(VQZ_FREI0R, RTLD_NOW | RTLD_LOCAL)};
    if (!p.file) fail_msg("%s", dlerror());
    find(&p, "f0r_init", &p.init);
    find(&p, "f0r_deinit", &p.deinit);
    find(&p, "f0r_get_plugin_info", &p.info);
    find(&p, "f0r_get_param_info", &p.param_info);
    find(&p, "f0r_construct", &p.construct);
    find(&p, "f0r_destruct", &p.destruct);
    find(&p, "f0r_set_param_value", &p.set);
    find(&p, "f0r_get_param_value", &p.get);
    find(&p, "f0r_update", &p.update);
    assert_int_equal(p.init(), 1);
    return p;
}

static void unload(const plugin *p) {
    p->deinit();
    assert_int_equal(dlclose(p->file), 0);
}

enum { W = 37, H = 21, PIXELS = W * H };

static void paint(uint8_t *rgba, unsigned pixels, uint8_t alpha) {
    for (unsigned i = 0; i < pixels; i++) {
        const uint8_t pixel[] = {(uint8_t)(i % W * 6), (uint8_t)(i / W * 11), (uint8_t)((i % W + i / W) * 4), i % 5 ? 255 : alpha};
        memcpy(rgba + 4 * i, pixel, 4);
    }
}

static unsigned long distance(const uint32_t *a, const uint32_t *b, unsigned pixels) {
    unsigned long sum = 0;
    for (unsigned i = 0; i < 4 * pixels; i++) {
        const int d = ((const uint8_t *)a)[i] - ((const uint8_t *)b)[i];
        sum += (unsigned long)(d * d);
    }
    return sum;
}

static void set_quality(const plugin *p, void *instance, double quality) { p->set(instance, &quality, 0); }

static void what_it_says(void **state) {
    (void)state;
    plugin p = load();
    f0r_plugin_info info;
    f0r_param_info param;
    p.info(&info);
    assert_string_equal(info.name, "vqz");
    assert_int_equal(info.plugin_type, F0R_FILTER);
    assert_int_equal(info.color_model, F0R_RGBA8888);
    assert_int_equal(info.num_params, 2);
    p.param_info(&param, 0);
    assert_int_equal(param.type, F0R_DOUBLE);
    p.param_info(&param, 1);
    assert_int_equal(param.type, F0R_STRING);
    unload(&p);
}

static void parameters(void **state) {
    (void)state;
    plugin p = load();
    void *instance = p.construct(W, H);
    double quality;
    char *path = strdup("not-written-to");
    p.set(instance, &path, 1);
    memset(path, 'x', strlen(path));
    free(path);
    p.get(instance, &path, 1);
    assert_string_equal(path, "not-written-to");
    set_quality(&p, instance, 0.25);
    p.get(instance, &quality, 0);
    assert_true(quality == 0.25);
    set_quality(&p, instance, 7);
    p.get(instance, &quality, 0);
    assert_true(quality == 1);
    p.destruct(instance);
    assert_int_equal(access("not-written-to", F_OK), -1);
    assert_null(p.construct(0, 4));
    assert_null(p.construct(1u << 20, 1u << 20));
    unload(&p);
}

/* Two instances whose frames take turns do what one alone does. */
static void instances(void **state) {
    (void)state;
    static uint32_t in[PIXELS], alone[PIXELS], a[PIXELS], b[PIXELS];
    plugin p = load(), q = load();
    paint((uint8_t *)in, PIXELS, 255);
    void *one = p.construct(W, H), *other = q.construct(W, H);
    set_quality(&p, one, 0.9);
    set_quality(&q, other, 0.1);
    p.update(one, 0, in, alone);
    for (int i = 0; i < 3; i++) {
        p.update(one, i, in, a);
        q.update(other, i, in, b);
        assert_memory_equal(a, alone, sizeof a);
        assert_true(distance(in, b, PIXELS) > 2 * distance(in, a, PIXELS));
    }
    set_quality(&q, other, 0.9);
    q.update(other, 3, in, b);
    assert_memory_equal(b, alone, sizeof b);
    p.destruct(one);
    unload(&p);
    q.update(other, 4, in, b);
    assert_memory_equal(b, alone, sizeof b);
    memcpy(b, in, sizeof b);
    q.update(other, 5, b, b);                /* in place */
    assert_memory_equal(b, alone, sizeof b);
    q.destruct(other);
    unload(&q);
}

static void transparency(void **state) {
    (void)state;
    static uint32_t in[PIXELS], out[PIXELS], solid[PIXELS];
    plugin p = load();
    void *instance = p.construct(W, H);
    for (int i = 0; i < 4; i++) {            /* with alpha, without, with */
        paint((uint8_t *)in, PIXELS, i & 1 ? 255 : 77);
        p.update(instance, i, in, out);
        for (unsigned k = 0; k < PIXELS; k++) assert_int_equal(((uint8_t *)out)[4 * k + 3], ((uint8_t *)in)[4 * k + 3]);
        if (i & 1) memcpy(solid, out, sizeof solid);
    }
    paint((uint8_t *)in, PIXELS, 255);
    p.update(instance, 9, in, out);
    assert_memory_equal(out, solid, sizeof out);
    p.destruct(instance);
    unload(&p);
}

static void statistics(void **state) {
    (void)state;
    static uint32_t in[PIXELS], out[PIXELS];
    char path[] = "/tmp/vqz-statistics-XXXXXX", line[200], *given = path;
    const int made = mkstemp(path);
    assert_true(made >= 0);
    close(made);
    plugin p = load();
    void *instance = p.construct(W, H);
    p.set(instance, &given, 1);
    paint((uint8_t *)in, PIXELS, 255);
    for (int i = 0; i < 2; i++) p.update(instance, i * 40.0, in, out);
    p.destruct(instance);
    unload(&p);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    assert_string_equal(line, "frame\tbytes\tbpp\tpsnr\n");
    for (unsigned i = 0; i < 2; i++) {
        char *at = line;
        assert_non_null(fgets(line, sizeof line, f));
        const unsigned long frame = strtoul(at, &at, 10), bytes = strtoul(at, &at, 10);
        const double bpp = strtod(at, &at), psnr = strtod(at, &at);
        assert_string_equal(at, "\n");
        assert_int_equal(frame, i);
        assert_true(bytes > 20 && bytes < 4000 && psnr > 20 && psnr < 60);
        assert_true(bpp > 8.0 * (double)bytes / PIXELS - 0.001 && bpp < 8.0 * (double)bytes / PIXELS + 0.001);
    }
    assert_null(fgets(line, sizeof line, f));
    assert_int_equal(fclose(f), 0);
    assert_int_equal(remove(path), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_it_says), cmocka_unit_test(parameters), cmocka_unit_test(instances),
                                       cmocka_unit_test(transparency), cmocka_unit_test(statistics)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
