/* Cuts from the middle of a few pictures, coded to equal sizes, for the eye. The qualities for them are searched for between those that have been measured. */
#include "cli/rd_work.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const double rd_sizes[RD_SIZES] = {0.25, 0.75};
enum { TRIES = 7 };
static const double CLOSE = 0.02;        /* near enough, as a logarithm */

size_t rd_crop_pictures(const rd_plan *p, size_t chosen[RD_CROP_PICTURES]) {
    const size_t n = p->picture_count < RD_CROP_PICTURES ? p->picture_count : RD_CROP_PICTURES;
    for (size_t i = 0; i < n; i++) chosen[i] = i * p->picture_count / n;
    return n;
}

static uint64_t key(const rd_plan *p, const rd_picture *picture, const rd_curve *c, size_t size) {
    char what[60];
    snprintf(what, sizeof what, "crop %dx%d %g", RD_CROP_WIDTH, RD_CROP_HEIGHT, c ? rd_sizes[size] : 0);
    return rd_key(p, picture, c, what);
}

char *rd_crop_path(const rd_plan *p, const rd_picture *picture, const rd_curve *c, size_t size) {
    const size_t room = strlen(p->folder) + 40;
    char *path = malloc(room);
    if (path) snprintf(path, room, "%s/crops/%016" PRIx64 ".png", p->folder, key(p, picture, c, size));
    return path;
}

const rd_row *rd_crop_row(const rd_plan *p, const rd_picture *picture, const rd_curve *c, size_t size) { return rd_rows_find(&p->rows, key(p, picture, c, size)); }

static bool exists(const rd_plan *p, const rd_picture *picture, const rd_curve *c, size_t size) {
    char *path = rd_crop_path(p, picture, c, size);
    const bool there = path && access(path, R_OK) == 0;
    free(path);
    return there;
}

/* ---- the file ---- */
static vqz_status write_cut(const rd_plan *p, const image *im, const char *path, vqz_error *e) {
    image_config config = p->o->config;
    image_writer *w = NULL;
    sink out;
    vqz_image_info info = {.width = im->info.width < RD_CROP_WIDTH ? im->info.width : RD_CROP_WIDTH,
                           .height = im->info.height < RD_CROP_HEIGHT ? im->info.height : RD_CROP_HEIGHT, .layout = VQZ_RGB};
    const uint32_t x = (im->info.width - info.width) / 2, y = (im->info.height - info.height) / 2;
    const image_rows rows = {im->pixels + y * im->stride + (size_t)x * 3, (ptrdiff_t)im->stride, info.height};
    config.png_level = 9;
    vqz_status s = sink_open_below(&out, path, strlen(p->folder), e);
    if (s != VQZ_OK) return s;
    s = image_writer_open(&w, &out, FORMAT_PNG, &info, &config, e);
    if (s == VQZ_OK) s = image_writer_rows(w, &rows, e);
    if (s == VQZ_OK) s = image_writer_finish(w, e);
    image_writer_close(w);
    if (s == VQZ_OK) s = sink_commit(&out, e);
    sink_close(&out);
    return s;
}

static vqz_status save_cut(const rd_bench *b, const image *im, const rd_curve *c, size_t size, vqz_error *e) {
    char *path = rd_crop_path(b->p, b->picture, c, size);
    const vqz_status s = path ? write_cut(b->p, im, path, e) : cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    free(path);
    return s;
}

/* ---- the search ---- */
/* off: logarithm of bytes over the wanted ones; tried: its cut has been looked at */
typedef struct end { bool known, tried; double quality, off; } end;

static double off_by(const rd_picture *picture, uint64_t bytes, size_t size) {
    return log(8 * (double)bytes / ((double)picture->width * picture->height * rd_sizes[size]));
}

/* Measured qualities below and above the size, as near as there are. */
static void bracket(const rd_plan *p, const rd_picture *picture, const rd_curve *c, size_t size, end *low, end *high) {
    *low = *high = (end){0};
    for (size_t i = 0; i < c->count; i++) {
        const rd_row *r = rd_row_of(p, picture, c, i);
        if (!r) continue;
        const double off = off_by(picture, r->bytes, size);
        if (off <= 0) *low = (end){true, false, c->qualities[i], off};
        else if (!high->known) *high = (end){true, false, c->qualities[i], off};
    }
    if (low->known && high->known && low->quality > high->quality) *high = (end){0};
}

/* The quality to try next; false: there is nothing better than what has been tried. *last: nothing will be. */
static bool choose(const rd_format *f, const end *low, const end *high, double *quality, bool *last) {
    const double least = 0, most = 100;
    *last = false;
    *quality = low->known ? most : least;        /* beyond what has been measured */
    if (!low->known && high->quality > least) return true;
    if (!high->known && low->quality < most) return true;
    const end *nearer = !high->known || (low->known && -low->off <= high->off) ? low : high;
    const double steps = low->known && high->known ? fabs(rd_native(f, high->quality) - rd_native(f, low->quality)) / f->step : 0;
    if (steps < 1.5) {
        *last = true;
        *quality = nearer->quality;
        return !nearer->tried;
    }
    const double share = high->off > low->off ? -low->off / (high->off - low->off) : 0.5;
    *quality = low->quality + (high->quality - low->quality) * fmin(fmax(share, 1 / steps), 1 - 1 / steps);
    return true;
}

static vqz_status search(rd_bench *b, const rd_curve *c, size_t size, rd_row *best, image *cut, vqz_error *e) {
    end low, high;
    bool last = false;
    double nearest = INFINITY;
    vqz_status s = VQZ_OK;
    bracket(b->p, b->picture, c, size, &low, &high);
    for (int i = 0; i < TRIES && !last && nearest > CLOSE && s == VQZ_OK; i++) {
        rd_row row = {0};
        image decoded;
        double q;
        if (!choose(c->format, &low, &high, &q, &last)) break;
        s = rd_bench_measure(b, c, q, false, &row, &decoded, e);
        if (s != VQZ_OK) break;
        const double off = off_by(b->picture, row.bytes, size);
        if (fabs(off) < nearest) {
            nearest = fabs(off);
            image_free(cut);
            *cut = decoded;
            *best = row;
        } else {
            image_free(&decoded);
        }
        *(off <= 0 ? &low : &high) = (end){true, true, q, off};
    }
    return s;
}

static vqz_status make(rd_bench *b, const rd_curve *c, rd_result *r, vqz_error *e) {
    vqz_status s = exists(b->p, b->picture, NULL, 0) ? VQZ_OK : save_cut(b, &b->reference, NULL, 0, e);
    for (size_t size = 0; size < RD_SIZES && s == VQZ_OK; size++) {
        image cut = {0};
        rd_row row = {0};
        if (rd_crop_row(b->p, b->picture, c, size) && exists(b->p, b->picture, c, size)) continue;
        s = search(b, c, size, &row, &cut, e);
        row.key = key(b->p, b->picture, c, size);
        if (s == VQZ_OK) s = save_cut(b, &cut, c, size, e);
        if (s == VQZ_OK) s = rd_rows_append(b->p, &row, e);
        image_free(&cut);
        r->done += s == VQZ_OK;
    }
    return s;
}

/* ---- jobs: a chosen picture with a coder ---- */
static size_t picture_of(const rd_plan *p, size_t number) {
    size_t chosen[RD_CROP_PICTURES];
    rd_crop_pictures(p, chosen);
    return chosen[number / p->curve_count];
}

static size_t curve_of(const rd_plan *p, size_t number) { return number % p->curve_count; }

static size_t missing(const rd_plan *p, size_t number) {
    const rd_picture *picture = &p->pictures[picture_of(p, number)];
    const rd_curve *c = &p->curves[curve_of(p, number)];
    size_t n = 0, rows = 0;
    for (size_t i = 0; i < c->count; i++) rows += rd_row_of(p, picture, c, i) != NULL;
    if (!rows) return 0;         /* it has failed already */
    for (size_t size = 0; size < RD_SIZES; size++) n += !rd_crop_row(p, picture, c, size) || !exists(p, picture, c, size);
    return (n || exists(p, picture, NULL, 0)) ? n : 1;
}

static void work(const rd_plan *p, size_t number, rd_result *r) {
    rd_bench b;
    vqz_error e = {.offset = NO_OFFSET};
    vqz_status s = rd_bench_open(&b, p, &p->pictures[picture_of(p, number)], &e);
    if (s == VQZ_OK) {
        s = make(&b, &p->curves[curve_of(p, number)], r, &e);
        rd_bench_close(&b);
    }
    if (s != VQZ_OK) snprintf(r->error, sizeof r->error, "%s", e.text);
}

vqz_status rd_crops_make(rd_plan *p, progress *shown, vqz_error *e) {
    size_t chosen[RD_CROP_PICTURES];
    const rd_stage stage = {"cuts", rd_crop_pictures(p, chosen) * p->curve_count, picture_of, curve_of, missing, work};
    return rd_stage_run(p, &stage, shown, e);
}
