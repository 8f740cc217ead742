/* The jobs: one picture with one coder at all qualities, each in a process of its own. */
#include "cli/rd_work.h"

/* The order of work: picture by picture. */
static size_t picture_of(const rd_plan *p, size_t number) { return number / p->curve_count; }
static size_t curve_of(const rd_plan *p, size_t number) { return number % p->curve_count; }

static size_t missing(const rd_plan *p, size_t number) {
    const rd_picture *picture = &p->pictures[picture_of(p, number)];
    const rd_curve *c = &p->curves[curve_of(p, number)];
    size_t n = 0;
    for (size_t i = 0; i < c->count; i++) n += !rd_row_of(p, picture, c, i);
    return n;
}

static vqz_status measure_all(rd_bench *b, const rd_curve *c, rd_result *r, vqz_error *e) {
    vqz_status s = VQZ_OK;
    for (size_t i = 0; i < c->count && s == VQZ_OK; i++) {
        rd_row row = {.key = rd_key_of(b->p, b->picture, c, c->qualities[i])};
        if (rd_rows_find(&b->p->rows, row.key)) continue;
        s = rd_bench_measure(b, c, c->qualities[i], true, &row, NULL, e);
        if (s == VQZ_OK) s = rd_rows_append(b->p, &row, e);
        r->done += s == VQZ_OK;
    }
    return s;
}

static void work(const rd_plan *p, size_t number, rd_result *r) {
    rd_bench b;
    vqz_error e = {.offset = NO_OFFSET};
    vqz_status s = rd_bench_open(&b, p, &p->pictures[picture_of(p, number)], &e);
    if (s == VQZ_OK) {
        s = measure_all(&b, &p->curves[curve_of(p, number)], r, &e);
        rd_bench_close(&b);
        if (s == VQZ_OK) snprintf(r->error, sizeof r->error, "%s", b.complaint);
    }
    if (s != VQZ_OK) snprintf(r->error, sizeof r->error, "%s", e.text);
}

vqz_status rd_measure_all(rd_plan *p, progress *shown, vqz_error *e) {
    const rd_stage stage = {"rows", p->picture_count * p->curve_count, picture_of, curve_of, missing, work};
    return rd_stage_run(p, &stage, shown, e);
}
