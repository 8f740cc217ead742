#include "cli/commands.h"
#include "cli/json.h"
#include "cli/progress.h"
#include <stdlib.h>
#include <string.h>

enum { MODEL_LIMIT = 256 << 20 };

static vqz_tune trained_for(const options *o) { return o->config.settings.tune == VQZ_TUNE_PSNR && !o->config.settings.lossless ? VQZ_TUNE_PSNR : VQZ_TUNE_VISUAL; }

static vqz_status read_file(loaded_model *m, const char *path, vqz_error *e) {
    source in;
    vqz_status s = source_open(&in, path, e);
    if (s != VQZ_OK) return s;
    s = source_read_all(&in, &m->bytes, &m->size, MODEL_LIMIT, e);
    source_close(&in);
    return s;
}

vqz_status model_open(loaded_model *m, options *o, vqz_error *e) {
    const void *bytes = m->bytes ? (const void *)m->bytes : "";      /* an empty file has none */
    vqz_status s = o->model ? vqz_model_open(&m->model, bytes, m->size, e) : vqz_model_builtin(&m->model, trained_for(o), e);
    o->config.model = m->model;
    return s;
}

vqz_status model_open_other(loaded_model *m, options *o, vqz_error *e) {
    if (o->model) return VQZ_OK;
    vqz_status s = vqz_model_builtin(&m->other, trained_for(o) == VQZ_TUNE_PSNR ? VQZ_TUNE_VISUAL : VQZ_TUNE_PSNR, e);
    o->config.other = m->other;
    return s;
}

static bool model_failed(loaded_model *m, const options *o, const vqz_error *e) {
    report_error(o->model ? o->model : "built-in model", e);
    model_free(m);
    return false;
}

bool model_read(loaded_model *m, const options *o) {
    vqz_error e = {.offset = NO_OFFSET};
    *m = (loaded_model){0};
    return !o->model || read_file(m, o->model, &e) == VQZ_OK || model_failed(m, o, &e);
}

bool model_load(loaded_model *m, options *o) {
    vqz_error e = {.offset = NO_OFFSET};
    return model_read(m, o) && (model_open(m, o, &e) == VQZ_OK || model_failed(m, o, &e));
}

void model_free(loaded_model *m) {
    vqz_model_unref(m->model);
    vqz_model_unref(m->other);
    free(m->bytes);
    *m = (loaded_model){0};
}

void print_model_id(FILE *to, const uint8_t id[VQZ_MODEL_ID_SIZE]) {
    for (unsigned i = 0; i < VQZ_MODEL_ID_SIZE; i++) fprintf(to, "%02x", id[i]);
}

const char *model_name(const uint8_t id[VQZ_MODEL_ID_SIZE], const options *o, vqz_model **keep) {
    vqz_model_info info;
    *keep = NULL;
    if (o->config.model) {
        vqz_model_get_info(o->config.model, &info);
        if (memcmp(info.id, id, VQZ_MODEL_ID_SIZE) == 0) return info.name;
    }
    for (uint32_t i = 0; i < vqz_model_builtin_count(); i++) {
        vqz_error e;
        if (vqz_model_builtin(keep, i, &e) != VQZ_OK) continue;
        vqz_model_get_info(*keep, &info);
        if (memcmp(info.id, id, VQZ_MODEL_ID_SIZE) == 0) return info.name;
        vqz_model_unref(*keep);
        *keep = NULL;
    }
    return NULL;
}

static void print_model(const vqz_model *model, const char *origin, bool json) {
    vqz_model_info info;
    vqz_model_get_info(model, &info);
    const struct { const char *key, *label, *text; } texts[] = {{"name", "", info.name},
                 {"version", "version     ", info.version},
                 {"licence", "licence     ", info.licence},
                 {"provenance", "provenance  ", info.provenance},
                 {"origin", "found in    ", origin}};
    if (json) {
        printf("{\"id\": \"");
        print_model_id(stdout, info.id);
        printf("\"");
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            printf(", \"%s\": ", texts[i].key);
            json_string(stdout, texts[i].text ? texts[i].text : "");
        }
        printf(", \"bytes\": %zu, \"levels\": %u, \"mac_per_pixel_encode\": %u, \"mac_per_pixel_decode\": %u}\n",
               info.size, info.levels, info.mac_per_pixel_encode, info.mac_per_pixel_decode);
        return;
    }
    printf("%s\n  id          ", info.name ? info.name : "?");
    print_model_id(stdout, info.id);
    printf("\n");
    for (size_t i = 1; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].text && texts[i].text[0]) printf("  %s%s\n", texts[i].label, texts[i].text);
    printf(
        "  size        %zu bytes, %u quality levels\n  work        %u multiplications per pixel to encode, %u to decode\n",
        info.size, info.levels, info.mac_per_pixel_encode, info.mac_per_pixel_decode);
}

int cmd_models(options *o) {
    loaded_model loaded = {0};
    int code = EXIT_DONE;
    if (o->model) {
        if (!model_load(&loaded, o)) return EXIT_FAILED;
        print_model(loaded.model, o->model, o->json);
    }
    for (uint32_t i = 0; i < vqz_model_builtin_count(); i++) {
        vqz_model *model;
        vqz_error e = {.offset = NO_OFFSET};
        if (vqz_model_builtin(&model, i, &e) == VQZ_OK) {
            print_model(model, i == VQZ_TUNE_PSNR ? "this program (--tune psnr)" : "this program (default)", o->json);
            vqz_model_unref(model);
        } else {
            report_error("built-in model", &e);
            code = EXIT_FAILED;
        }
    }
    model_free(&loaded);
    return code;
}
