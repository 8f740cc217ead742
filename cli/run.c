#define _GNU_SOURCE              /* sched_getaffinity */
#include "cli/device.h"
#include "cli/manifest.h"
#include "cli/progress.h"
#include "cli/run_task.h"
#include "cli/workers.h"
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

typedef struct everything {
    run *r;
    pthread_mutex_t lock;        /* of what follows, and stderr, where there are threads */
    progress p;
    manifest list;
    size_t next;
    bool told;                   /* of the GPU */
} everything;

static void take(void *context, size_t number, void *result) {
    everything *a = context;
    const job *j = &a->r->list->jobs[number];
    if (a->r->o->manifest) manifest_add(&a->list, j, result);
    report_outcome(&a->p, j, result);
}

/* ---- in this process: one after the other, with GPUs in threads ---- */
/* Once: what the processor does in the GPU's place. */
static void tell_of_device(everything *a) {
    if (!a->told) a->told = device_tell(a->r->o, &a->p);
}

static void work_on_files(everything *a, outcome *done) {
    const job_list *l = a->r->list;
    pthread_mutex_lock(&a->lock);
    while (a->next < l->count) {
        const size_t number = a->next++;
        progress_line(&a->p, l->jobs[number].in);
        pthread_mutex_unlock(&a->lock);
        run_job(a->r, &l->jobs[number], done);
        pthread_mutex_lock(&a->lock);
        tell_of_device(a);
        take(a, number, done);
    }
    pthread_mutex_unlock(&a->lock);
}

static void *join_in(void *arg) {
    outcome done;
    sigset_t before;
    stream_block_signals(&before);
    work_on_files(arg, &done);
    return NULL;
}

static unsigned cores(void) {
#ifdef CPU_COUNT
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return (unsigned)CPU_COUNT(&set);
#endif
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}

/* A GPU is busy when one file is read, one is on its way, one is worked on, one is written: then each gets a thread instead of all threads one file. */
static size_t count_hands(const run *r) {
    enum { LEAST = 4 };
    const vqz_settings *s = &r->o->config.settings;
    if (!s->device) return 1;
    size_t hands = r->o->jobs ? r->o->jobs : s->threads ? s->threads : cores();
    if (!r->o->jobs && !s->threads && hands < LEAST) hands = LEAST;
    if (hands > SINKS_MOST) hands = SINKS_MOST;
    return hands < r->list->count ? hands : r->list->count;
}

static void run_here(everything *a) {
    pthread_t others[SINKS_MOST];
    const size_t hands = count_hands(a->r);
    size_t n = 0;
    if (hands > 1) a->r->o->config.settings.threads = 1;
    while (n + 1 < hands && pthread_create(&others[n], NULL, join_in, a) == 0) n++;
    work_on_files(a, a->r->done);
    for (size_t i = 0; i < n; i++) pthread_join(others[i], NULL);
}

/* ---- several at a time, in processes ---- */
static void begin(void *context, int link) {
    run *r = ((everything *)context)->r;
    vqz_error e;
    r->link = link;
    if (run_open(r, &e) != VQZ_OK) _exit(EXIT_FAILED);
}

static void work(void *context, size_t number, void *result) {
    run *r = ((everything *)context)->r;
    run_job(r, &r->list->jobs[number], r->done);
    memcpy(result, r->done, sizeof *r->done);
}

static void lost(void *context, size_t number, const char *why, void *result) {
    outcome *d = result;
    (void)context;
    (void)number;
    *d = (outcome){.status = VQZ_ERR_INTERNAL};
    cli_fail(&d->error, VQZ_ERR_INTERNAL, NO_OFFSET, "%s", why);
}

static void tick(void *context) {
    everything *a = context;
    if (a->p.done < a->p.total) progress_line(&a->p, a->r->list->jobs[a->p.done].in);
}

static vqz_status run_beside(everything *a, unsigned processes, vqz_error *e) {
    const workers_plan plan = {a, processes, a->r->list->count, sizeof(outcome), begin, work, take, lost, tick};
    fflush(stdout);
    return workers_run(&plan, e);
}

/* How many files at a time. Several of them share the cores. */
static unsigned choose_processes(options *o, size_t count) {
    vqz_settings *s = &o->config.settings;
    const unsigned have = cores();
    unsigned n = o->jobs ? o->jobs : s->threads ? 1 : have;
    if (o->command == CMD_INFO || o->dry_run || s->device) n = 1;        /* what they print comes from here; GPUs are not for processes that fork */
    if (n > count) n = count ? (unsigned)count : 1;
    if (n > 1 && !s->threads) s->threads = have > n ? have / n : 1;
    return n;
}

/* ---- all ---- */
static vqz_status run_jobs(run *r, int *code, vqz_error *e) {
    const job_list *l = r->list;
    everything a = {.r = r, .p = progress_start(r->o, l->count, l->failed)};
    vqz_status s = VQZ_OK;
    a.p.others = l->others;
    for (size_t i = 0; i < l->count; i++) a.p.size_total += l->jobs[i].size;
    manifest_open(&a.list);
    pthread_mutex_init(&a.lock, NULL);
    const unsigned processes = choose_processes(r->o, l->count);
    if (processes > 1) s = run_beside(&a, processes, e);
    else run_here(&a);
    *code = progress_end(&a.p);
    if (s != VQZ_OK) report_error("--jobs", e);
    else if (r->o->manifest && (s = manifest_write(&a.list, r->o, l, r->made, e)) != VQZ_OK) report_error(r->o->manifest, e);
    if (s == VQZ_OK && r->o->keep_going) *code = EXIT_DONE;
    manifest_close(&a.list);
    pthread_mutex_destroy(&a.lock);
    return s;
}

/* In a sandbox a model file is untrusted, too: only its bytes are read here. */
static int run_prepared(run *r) {
    vqz_error e = {.offset = NO_OFFSET};
    int code = EXIT_FAILED;
    if (run_open(r, &e) != VQZ_OK) {
        report_error("--sandbox", &e);
        return EXIT_FAILED;
    }
    if (r->o->manifest && manifest_check(r->o, &e) != VQZ_OK) {
        report_error(r->o->manifest, &e);
    } else if (r->o->sandbox && r->o->model ? model_read(&r->model, r->o) : model_load(&r->model, r->o)) {
        r->made = stamp_made(r->o, r->model.bytes, r->model.size);
        if (r->list->count > 1 && model_open_other(&r->model, r->o, &e) != VQZ_OK) report_error("built-in model", &e);
        else if (run_jobs(r, &code, &e) != VQZ_OK) code = EXIT_FAILED;
        model_free(&r->model);
    }
    run_close(r);
    return code;
}

int run_on_files(options *o, const char *input, const char *extension, task_work work_on_one) {
    job_list jobs;
    run r = {.o = o, .work = work_on_one, .list = &jobs, .link = -1};
    int code = jobs_make(&jobs, o, input, extension);
    if (code == EXIT_DONE && o->shares && !o->quiet)
        fprintf(stderr, "vqz: share %u of %u (0 to %u; --shard %s): %zu of %zu files\n", o->share, o->shares, o->shares - 1, o->shard, jobs.count, jobs.seen);
    if (code == EXIT_DONE && !device_open(o)) code = EXIT_FAILED;
    if (code == EXIT_DONE) code = run_prepared(&r);
    device_close(o);
    jobs_free(&jobs);
    return code;
}
