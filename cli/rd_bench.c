/* One picture in a folder of temporary files, where coders take it and leave theirs. */
#define _GNU_SOURCE
#include "cli/metrics.h"
#include "cli/orientation.h"
#include "cli/rd.h"
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of this process, which has one bench at a time; here for signals. */
enum { PPM, PNG, CODED, DECODED, FILES };
static char folder[PATH_MAX], files[FILES][PATH_MAX + 32];

static void clear(void) {
    for (int i = 0; i < FILES; i++)
        if (files[i][0]) unlink(files[i]);
    if (folder[0]) rmdir(folder);
}

static vqz_status make_folder(vqz_error *e) {
    const char *temp = getenv("TMPDIR");
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s/vqz-rd-XXXXXX", temp && *temp ? temp : "/tmp");
    if (!mkdtemp(name)) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "cannot make a folder for temporary files, %s: %s", path_tail(name), strerror(errno));
    snprintf(folder, sizeof folder, "%s", name);
    snprintf(files[PPM], sizeof files[PPM], "%s/in.ppm", folder);
    snprintf(files[PNG], sizeof files[PNG], "%s/in.png", folder);
    stream_at_signal(clear);
    return VQZ_OK;
}

/* ---- pictures ---- */
/* What shines through, before image_to_rgb drops the alpha. */
static void lay_over_white(image *im) {
    const size_t samples = (size_t)im->info.layout;
    if (samples % 2) return;
    for (uint32_t y = 0; y < im->info.height; y++)
        for (uint8_t *p = im->pixels + y * im->stride, *end = p + im->stride; p < end; p += samples) {
            const unsigned a = p[samples - 1];
            for (size_t c = 0; c + 1 < samples; c++) p[c] = (uint8_t)((p[c] * a + 255 * (255 - a) + 127) / 255);
            p[samples - 1] = 255;
        }
}

static vqz_status load(image *im, const char *path, const options *o, bool upright, vqz_error *e) {
    source in;
    image_reader *r = NULL;
    *im = (image){0};
    vqz_status s = source_open(&in, path, e);
    if (s != VQZ_OK) return s;
    s = image_reader_open(&r, &in, &o->config, e);
    if (s == VQZ_OK && upright && r->ops != &image_vqz_reader) r->info.orientation = exif_orientation(r->info.meta.exif, r->info.meta.exif_size);
    if (s == VQZ_OK && r->moving) s = image_reader_go_on(r, e);
    if (s == VQZ_OK) s = image_load(im, r, &o->config, e);
    im->info.meta = (vqz_metadata){0};           /* it goes with the reader */
    if (s == VQZ_OK && upright) s = orientation_apply(im, &o->config, e);
    if (s == VQZ_OK) lay_over_white(im);
    if (s == VQZ_OK) s = image_to_rgb(im, e);
    if (s != VQZ_OK) image_free(im);
    image_reader_close(r);
    source_close(&in);
    return s;
}

static vqz_status write_file(const char *path, const void *data, size_t size, vqz_error *e) {
    FILE *file = fopen(path, "wbe");
    bool written = false;
    if (file) {
        written = fwrite(data, 1, size, file) == size;
        written = fclose(file) == 0 && written;
    }
    return written ? VQZ_OK : cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "cannot write a temporary file: %s", strerror(errno));
}

static vqz_status save(const image *im, const char *path, image_format format, const options *o, vqz_error *e) {
    sink out;
    image_writer *w;
    const image_rows rows = {im->pixels, (ptrdiff_t)im->stride, im->info.height};
    sink_open_memory(&out);      /* outputs to files go to the disk, which takes its time */
    vqz_status s = image_writer_open(&w, &out, format, &im->info, &o->config, e);
    if (s == VQZ_OK) s = image_writer_rows(w, &rows, e);
    if (s == VQZ_OK) s = image_writer_finish(w, e);
    image_writer_close(w);
    if (s == VQZ_OK && out.error) s = sink_failed(&out, e);
    if (s == VQZ_OK) s = write_file(path, out.buffer, out.used, e);
    sink_close(&out);
    return s;
}

vqz_status rd_bench_open(rd_bench *b, const rd_plan *p, const rd_picture *picture, vqz_error *e) {
    *b = (rd_bench){.p = p, .picture = picture};
    vqz_status s = make_folder(e);
    if (s != VQZ_OK) return s;
    s = load(&b->reference, picture->j->in, p->o, true, e);
    if (s == VQZ_OK) s = save(&b->reference, files[PPM], FORMAT_PPM, p->o, e);
    if (s != VQZ_OK) rd_bench_close(b);
    return s;
}

void rd_bench_close(rd_bench *b) {
    image_free(&b->reference);
    clear();
    stream_at_signal(NULL);
    memset(files, 0, sizeof files);
    folder[0] = 0;
}

/* ---- coding ---- */
typedef struct call {
    const char *words[RD_WORDS_MOST + 1];
    char quality[24];
} call;

/* Whole words only; those that stand for nothing are left out. */
static void fill(call *to, const char *const *words, const rd_plan *p, const rd_curve *c, double quality, const char *in, const char *out) {
    const char *const model = p->o->model;
    size_t n = 0;
    rd_native_text(c->format, quality, to->quality);
    for (; *words; words++) {
        const char *w = *words;
        if (w[0] == '%')
            w = w[1] == 'i'   ? in
                : w[1] == 'o' ? out
                : w[1] == 'q' ? to->quality
                : w[1] == 'e' ? c->effort
                : w[1] == 't' ? (p->o->config.settings.tune == VQZ_TUNE_PSNR ? "psnr" : "visual")
                : w[1] == 'm' ? (model ? "--model" : NULL)
                              : model;
        if (w) to->words[n++] = w;
    }
    to->words[n] = NULL;
}

static vqz_status run(const char *program, const char *const *words, bool to_stdout, const rd_plan *p, const rd_curve *c, double quality, const char *in, const char *out,
                      double *seconds, vqz_error *e) {
    call with;
    child_result said;
    fill(&with, words, p, c, quality, in, out);
    const vqz_status s = child_run(program, with.words, to_stdout ? out : NULL, &said, e);
    *seconds = said.seconds;
    return s;
}

static vqz_status encode(rd_bench *b, const rd_curve *c, double quality, double *seconds, vqz_error *e) {
    const rd_format *f = c->format;
    if (f->takes_png && !b->has_png) {
        const vqz_status s = save(&b->reference, files[PNG], FORMAT_PNG, b->p->o, e);
        if (s != VQZ_OK) return s;
        b->has_png = true;
    }
    if (f->encode[0]) return run(c->encoder, f->encode, f->to_stdout, b->p, c, quality, files[f->takes_png ? PNG : PPM], files[CODED], seconds, e);
    const double start = child_own_seconds();
    const vqz_status s = rd_jpeg_encode(files[PPM], files[CODED], (int)rd_native(f, quality), strcmp(f->name, "jpeg444") == 0, e);
    *seconds = child_own_seconds() - start;
    return s;
}

static vqz_status decode(const rd_bench *b, const rd_curve *c, double *seconds, vqz_error *e) {
    const rd_format *f = c->format;
    if (f->decode[0]) return run(c->decoder, f->decode, f->to_stdout, b->p, c, 0, files[CODED], files[DECODED], seconds, e);
    const double start = child_own_seconds();
    const vqz_status s = rd_jpeg_decode(files[CODED], files[DECODED], e);
    *seconds = child_own_seconds() - start;
    return s;
}

static vqz_status measure(rd_bench *b, const image *decoded, bool all, rd_row *row, vqz_error *e) {
    metrics m;
    if (decoded->info.width != b->reference.info.width || decoded->info.height != b->reference.info.height)
        return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "the decoded picture has another size: %ux%u, not %ux%u", decoded->info.width, decoded->info.height,
                        b->reference.info.width, b->reference.info.height);
    const vqz_status s = metrics_measure(&m, &b->reference, decoded, e);
    if (s != VQZ_OK) return s;
    row->metric[RD_PSNR] = m.psnr;
    row->metric[RD_MSSSIM] = m.msssim >= 0 ? m.msssim : NAN;
    for (rd_metric i = RD_SSIMULACRA2; i < RD_METRICS; i++) {
        vqz_error why;
        row->metric[i] = NAN;
        if (!all || !b->p->tools[i].wanted || rd_tool_run(b->p, i, files[PPM], files[DECODED], &row->metric[i], &why) == VQZ_OK) continue;
        row->metric[i] = NAN;
        if (!b->complaint[0]) snprintf(b->complaint, sizeof b->complaint, "%s", why.text);
    }
    return VQZ_OK;
}

vqz_status rd_bench_measure(rd_bench *b, const rd_curve *c, double quality, bool all, rd_row *row, image *kept, vqz_error *e) {
    image decoded = {0};
    struct stat st;
    snprintf(files[CODED], sizeof files[CODED], "%s/coded%s", folder, c->format->suffix);
    snprintf(files[DECODED], sizeof files[DECODED], "%s/decoded%s", folder, c->format->decoded);
    vqz_status s = encode(b, c, quality, &row->encode, e);
    if (s == VQZ_OK && (stat(files[CODED], &st) != 0 || st.st_size <= 0)) s = cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "the encoder wrote no file");
    if (s == VQZ_OK) {
        row->bytes = (uint64_t)st.st_size;
        row->quality = quality;
        s = decode(b, c, &row->decode, e);
    }
    if (s == VQZ_OK) s = load(&decoded, files[DECODED], b->p->o, false, e);
    if (s == VQZ_OK) s = measure(b, &decoded, all, row, e);
    unlink(files[CODED]);        /* or the next call that fails could be taken for one that does not */
    unlink(files[DECODED]);
    if (s == VQZ_OK && kept) *kept = decoded;
    else image_free(&decoded);
    return s;
}
