#define _GNU_SOURCE              /* sched_getaffinity */
#include "cli/rd_work.h"
#include "cli/workers.h"
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct run {
    rd_plan *p;
    const rd_stage *stage;
    progress *shown;
    size_t *jobs, *missing, count;       /* those that have something to do, and how much */
    bool out_of_memory;
} run;

static const rd_picture *picture_of(const run *r, size_t number) { return &r->p->pictures[r->stage->picture(r->p, r->jobs[number])]; }
static const rd_curve *curve_of(const run *r, size_t number) { return &r->p->curves[r->stage->curve(r->p, r->jobs[number])]; }

static uint64_t weight(const run *r, size_t number) {
    const rd_picture *picture = picture_of(r, number);
    return (uint64_t)picture->width * picture->height * r->missing[number];
}

/* ---- in a process ---- */
static void begin(void *context, int link) {
    (void)context;
    (void)link;
}

static void work(void *context, size_t number, void *result) {
    const run *r = context;
    memset(result, 0, sizeof(rd_result));
    r->stage->work(r->p, r->jobs[number], result);
}

/* ---- in this one ---- */
static void lost(void *context, size_t number, const char *why, void *result) {
    (void)context;
    (void)number;
    rd_result *d = result;
    *d = (rd_result){0};
    snprintf(d->error, sizeof d->error, "%s", why);
}

static void keep_failure(run *r, size_t number, const rd_result *d) {
    rd_plan *p = r->p;
    rd_failure *bigger = realloc(p->failures, (p->failure_count + 1) * sizeof *bigger);
    if (!bigger) {
        r->out_of_memory = true;
        return;
    }
    p->failures = bigger;
    bigger[p->failure_count++] = (rd_failure){.picture = r->stage->picture(p, r->jobs[number]), .curve = r->stage->curve(p, r->jobs[number])};
    memcpy(bigger[p->failure_count - 1].text, d->error, sizeof d->error);
}

static void take(void *context, size_t number, void *result) {
    run *r = context;
    rd_result *d = result;
    const char *picture = picture_of(r, number)->j->in, *curve = curve_of(r, number)->name;
    d->error[sizeof d->error - 1] = 0;
    r->shown->done++;
    r->shown->size_done += weight(r, number);
    r->shown->pixels += (double)weight(r, number);
    if (!d->error[0]) {
        report_result(r->shown, "%s: %s: %u %s", picture, curve, d->done, r->stage->what);
        return;
    }
    r->shown->failed++;
    progress_clear(r->shown);
    fprintf(stderr, "vqz: %s: %s: %s\n", picture, curve, d->error);
    keep_failure(r, number, d);
}

static void tick(void *context) {
    run *r = context;
    const size_t done = r->shown->done - (r->shown->total - r->count);
    if (done < r->count) progress_line(r->shown, picture_of(r, done)->name);
}

static unsigned choose_processes(const rd_plan *p, size_t count) {
    cpu_set_t set;
    unsigned n = p->o->jobs;
    if (!n) n = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
    return n < count ? n : (unsigned)count;
}

static bool list_jobs(run *r) {
    const size_t most = r->stage->jobs ? r->stage->jobs : 1;
    r->jobs = calloc(most, sizeof *r->jobs);
    r->missing = calloc(most, sizeof *r->missing);
    if (!r->jobs || !r->missing) return false;
    for (size_t i = 0; i < r->stage->jobs; i++) {
        const size_t n = r->stage->missing(r->p, i);
        if (!n) continue;
        r->jobs[r->count] = i;
        r->missing[r->count++] = n;
    }
    return true;
}

vqz_status rd_stage_run(rd_plan *p, const rd_stage *stage, progress *shown, vqz_error *e) {
    run r = {.p = p, .stage = stage, .shown = shown};
    vqz_status s = list_jobs(&r) ? VQZ_OK : cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    if (s == VQZ_OK && r.count) {
        shown->total += r.count;
        for (size_t i = 0; i < r.count; i++) shown->size_total += weight(&r, i);
        const workers_plan plan = {&r, choose_processes(p, r.count), r.count, sizeof(rd_result), begin, work, take, lost, tick};
        fflush(stdout);
        s = workers_run(&plan, e);
        if (s == VQZ_OK && r.out_of_memory) s = cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
        if (s == VQZ_OK) s = rd_rows_load(p, e);
    }
    free(r.jobs);
    free(r.missing);
    return s;
}
