/* A frei0r filter: every frame is encoded and decoded. Parameters: quality 0..1, and a file for statistics.
 * The host may free strings after the call and unload this file after f0r_deinit: nothing is global, and vqz joins its threads when an instance ends. */
#include "plugins/frei0r/frei0r_abi.h"
#include "plugins/roundtrip.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUALITY, STATISTICS, PARAMS };

typedef struct instance {
    uint32_t width, height;
    double quality;
    char *path;                  /* of the statistics; "" for none */
    FILE *statistics;
    uint8_t *rgb;                /* a frame without its alpha */
    vqz_roundtrip *trip;
    vqz_layout layout;           /* of `trip` */
    uint64_t number;             /* of the next frame */
    bool failed;                 /* said once; frames then go through as they are */
} instance;

int f0r_init(void) { return 1; }
void f0r_deinit(void) {}

void f0r_get_plugin_info(f0r_plugin_info *info) {
    *info = (f0r_plugin_info){.name = "vqz", .author = "vqz", .plugin_type = F0R_FILTER, .color_model = F0R_RGBA8888, .frei0r_version = F0R_VERSION,
                              .major_version = VQZ_VERSION_MAJOR, .minor_version = VQZ_VERSION_MINOR, .num_params = PARAMS,
                              .explanation = "Encodes and decodes every frame with the vqz image codec"};
}

void f0r_get_param_info(f0r_param_info *info, int index) {
    static const f0r_param_info params[PARAMS] = {{"quality", F0R_DOUBLE, "0 to 1, for vqz's 0 to 100"},
                                                  {"statistics", F0R_STRING, "file for bytes and PSNR of every frame; one for each instance"}};
    if (index >= 0 && index < PARAMS) *info = params[index];
}

static void forget_trip(instance *p) {
    vqz_roundtrip_close(p->trip);
    p->trip = NULL;
}

static void set_path(instance *p, const char *path) {
    char *copy = path && (!p->path || strcmp(path, p->path) != 0) ? strdup(path) : NULL;
    if (!copy) return;
    if (p->statistics) (void)fclose(p->statistics);     /* every line has been flushed */
    p->statistics = NULL;
    free(p->path);
    p->path = copy;
}

void *f0r_construct(unsigned width, unsigned height) {
    instance *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->width = width;
    p->height = height;
    p->quality = 0.75;
    p->rgb = width && height && (uint64_t)width * height <= VQZ_MAX_PIXELS ? malloc((size_t)width * height * 3) : NULL;
    set_path(p, "");
    if (p->rgb && p->path) return p;
    f0r_destruct(p);
    return NULL;
}

void f0r_destruct(void *handle) {
    instance *p = handle;
    if (!p) return;
    forget_trip(p);
    if (p->statistics) (void)fclose(p->statistics);
    free(p->path);
    free(p->rgb);
    free(p);
}

void f0r_set_param_value(void *handle, void *value, int index) {
    instance *p = handle;
    if (index == STATISTICS) set_path(p, *(char **)value);
    if (index != QUALITY) return;
    const double given = *(double *)value, quality = given > 0 ? given < 1 ? given : 1 : 0;
    if (quality != p->quality) forget_trip(p);
    p->quality = quality;
}

void f0r_get_param_value(void *handle, void *value, int index) {
    instance *p = handle;
    if (index == QUALITY) *(double *)value = p->quality;
    if (index == STATISTICS) *(char **)value = p->path;
}

static bool opaque(const uint8_t *rgba, size_t pixels) {
    for (size_t i = 0; i < pixels; i++)
        if (rgba[4 * i + 3] != 255) return false;
    return true;
}

static void drop_alpha(uint8_t *rgb, const uint8_t *rgba, size_t pixels) {
    for (size_t i = 0; i < pixels; i++) memcpy(rgb + 3 * i, rgba + 4 * i, 3);
}

static void add_alpha(uint8_t *rgba, const uint8_t *rgb, size_t pixels) {
    for (size_t i = 0; i < pixels; i++) {
        memcpy(rgba + 4 * i, rgb + 3 * i, 3);
        rgba[4 * i + 3] = 255;
    }
}

static vqz_status code(instance *p, const uint8_t *in, uint8_t *out, vqz_roundtrip_result *result, vqz_error *e) {
    const size_t pixels = (size_t)p->width * p->height;
    const vqz_layout layout = opaque(in, pixels) ? VQZ_RGB : VQZ_RGBA;
    const ptrdiff_t stride = (ptrdiff_t)p->width * (ptrdiff_t)layout;
    vqz_settings settings;
    if (p->trip && layout != p->layout) forget_trip(p);
    if (!p->trip) {
        vqz_settings_init(&settings);
        settings.quality = (float)(100 * p->quality);
        p->layout = layout;
        vqz_status s = vqz_roundtrip_open(&p->trip, &settings, p->width, p->height, layout, e);
        if (s != VQZ_OK) return s;
    }
    if (layout == VQZ_RGBA) return vqz_roundtrip_frame(p->trip, in, stride, out, stride, result, e);
    drop_alpha(p->rgb, in, pixels);
    vqz_status s = vqz_roundtrip_frame(p->trip, p->rgb, stride, p->rgb, stride, result, e);
    if (s == VQZ_OK) add_alpha(out, p->rgb, pixels);
    return s;
}

/* The one way to be heard: frei0r has none for errors. */
static void fail(instance *p, const char *what, const char *why) {
    if (!p->failed) (void)fprintf(stderr, "vqz: %s: %s\n", what, why);
    p->failed = true;
}

static void note(instance *p, const vqz_roundtrip_result *r) {
    if (!p->path[0]) return;
    if (!p->statistics) {
        p->statistics = fopen(p->path, "w");
        if (p->statistics) fputs("frame\tbytes\tbpp\tpsnr\n", p->statistics);
    }
    if (!p->statistics || fprintf(p->statistics, "%llu\t%zu\t%.4f\t%.3f\n", (unsigned long long)p->number, r->bytes,
                                  8.0 * (double)r->bytes / ((double)p->width * p->height), r->psnr) < 0 || fflush(p->statistics))
        fail(p, p->path, strerror(errno));
}

void f0r_update(void *handle, double time, const uint32_t *in, uint32_t *out) {
    instance *p = handle;
    vqz_roundtrip_result result;
    vqz_error e;
    (void)time;                  /* hosts do not agree on its unit */
    if (code(p, (const uint8_t *)in, (uint8_t *)out, &result, &e) == VQZ_OK) {
        note(p, &result);
    } else {
        forget_trip(p);
        fail(p, "a frame goes through as it is", e.text);
        memmove(out, in, (size_t)p->width * p->height * 4);
    }
    p->number++;
}
