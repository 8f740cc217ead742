#include "cli/commands.h"
#include "cli/json.h"
#include "cli/metrics.h"
#include "cli/orientation.h"
#include "cli/progress.h"

typedef struct side {
    image im;
    uint64_t bytes;              /* 0: unknown (a pipe) */
    bool vqz;
} side;

/* A picture of any type, upright, as RGB. */
static bool load_side(side *to, const char *path, const options *o) {
    source in;
    image_reader *r = NULL;
    vqz_error e = {.offset = NO_OFFSET};
    *to = (side){0};
    vqz_status s = source_open(&in, path, &e);
    if (s != VQZ_OK) {
        report_error(path, &e);
        return false;
    }
    s = image_reader_open(&r, &in, &o->config, &e);
    if (s == VQZ_OK && r->moving) s = cli_fail(&e, VQZ_ERR_ARGUMENT, NO_OFFSET, "has several frames: single pictures can be compared");
    if (s == VQZ_OK) {
        to->vqz = r->ops == &image_vqz_reader;
        if (!to->vqz) r->info.orientation = exif_orientation(r->info.meta.exif, r->info.meta.exif_size);
        s = image_load(&to->im, r, &o->config, &e);
    }
    if (s == VQZ_OK) s = orientation_apply(&to->im, &o->config, &e);
    if (s == VQZ_OK) s = image_to_rgb(&to->im, &e);
    to->bytes = in.regular ? in.size : 0;
    if (s != VQZ_OK) {
        report_error(path, &e);
        image_free(&to->im);
    }
    image_reader_close(r);
    source_close(&in);
    return s == VQZ_OK;
}

static void print_text(const metrics *m, const side *a, const side *b, const char *const names[2]) {
    if (m->identical) printf("PSNR     identical\n");
    else printf("PSNR     %.2f dB\n", m->psnr);
    if (m->msssim >= 0) printf("MS-SSIM  %.5f (%.2f dB)\n", m->msssim, m->msssim_db);
    else printf("MS-SSIM  needs %d pixels a side\n", MSSSIM_MIN_SIDE);
    if (a->vqz == b->vqz || !a->bytes || !b->bytes) return;
    const side *file = a->vqz ? a : b, *other = a->vqz ? b : a;
    printf("size     %llu bytes, %.3f bits per pixel: %.1f %% of %s (%llu bytes)\n", (unsigned long long)file->bytes,
           (double)file->bytes * 8 / ((double)file->im.info.width * file->im.info.height),
           100.0 * (double)file->bytes / (double)other->bytes, names[a->vqz], (unsigned long long)other->bytes);
}

static void print_json(const metrics *m, const side *a, const side *b, const char *const names[2]) {
    printf("{\"a\": ");
    json_string(stdout, names[0]);
    printf(", \"b\": ");
    json_string(stdout, names[1]);
    printf(", \"width\": %u, \"height\": %u, \"identical\": %s, \"psnr\": %.4f", a->im.info.width, a->im.info.height,
           m->identical ? "true" : "false", m->psnr);
    if (m->msssim >= 0) printf(", \"msssim\": %.7f, \"msssim_db\": %.4f", m->msssim, m->msssim_db);
    else printf(", \"msssim\": null, \"msssim_db\": null");
    printf(", \"bytes_a\": %llu, \"bytes_b\": %llu", (unsigned long long)a->bytes, (unsigned long long)b->bytes);
    if (a->vqz != b->vqz && a->bytes && b->bytes) {
        const side *file = a->vqz ? a : b, *other = a->vqz ? b : a;
        printf(", \"bpp\": %.5f, \"size_ratio\": %.5f",
               (double)file->bytes * 8 / ((double)file->im.info.width * file->im.info.height),
               (double)file->bytes / (double)other->bytes);
    }
    printf("}\n");
}

static int compare(const side *a, const side *b, const options *o) {
    const char *const names[2] = {o->inputs[0], o->inputs[1]};
    vqz_error e = {.offset = NO_OFFSET};
    metrics m;
    if (a->im.info.width != b->im.info.width || a->im.info.height != b->im.info.height) {
        fprintf(stderr, "vqz: %s is %ux%u and %s is %ux%u: pictures of one size are needed\n", names[0], a->im.info.width,
                a->im.info.height, names[1], b->im.info.width, b->im.info.height);
        return EXIT_FAILED;
    }
    if (metrics_measure(&m, &a->im, &b->im, &e) != VQZ_OK) {
        report_error(names[0], &e);
        return EXIT_FAILED;
    }
    (o->json ? print_json : print_text)(&m, a, b, names);
    return EXIT_DONE;
}

int cmd_compare(options *o) {
    loaded_model model;
    side a, b;
    int code = EXIT_FAILED;
    if (!model_load(&model, o)) return code;
    if (load_side(&a, o->inputs[0], o)) {
        if (load_side(&b, o->inputs[1], o)) {
            code = compare(&a, &b, o);
            image_free(&b.im);
        }
        image_free(&a.im);
    }
    model_free(&model);
    return code;
}
