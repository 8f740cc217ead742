#include "cli/run.h"
#include "cli/commands.h"
#include "cli/device.h"
#include "cli/progress.h"
#include "cli/sandbox.h"
#include <pthread.h>
#include <string.h>
#include <unistd.h>

typedef struct run {
    options *o;
    task_work work;
    loaded_model model;
    sandbox box;
    outcome *done, here;         /* `done` is `here`, or shared with the sandbox */
} run;

typedef struct call {
    run *r;
    task *t;
} call;

/* In a sandbox, where the model file is opened for each picture: the error is about that file, not about the picture. */
static vqz_status open_model(run *r, vqz_error *e) {
    vqz_error why = {.offset = NO_OFFSET};
    const vqz_status s = r->model.model ? VQZ_OK : model_open(&r->model, r->o, &why);
    return s == VQZ_OK ? s : cli_fail(e, s, NO_OFFSET, "--model %s: %.100s", path_tail(r->o->model ? r->o->model : ""), why.text);
}

/* Down to the bytes in the output file: out of a sandbox, nothing else comes. */
static void work_on(void *arg) {
    call *c = arg;
    outcome *d = c->t->done;
    d->status = open_model(c->r, &d->error);
    if (d->status == VQZ_OK) d->status = c->r->work(c->t, &d->error);
    if (d->status == VQZ_OK) d->status = sink_flush(&c->t->out, &d->error);
}

/* Whoever took over the sandboxed process wrote these. */
static void end_texts(outcome *d) {
    d->error.text[sizeof d->error.text - 1] = d->result[sizeof d->result - 1] = 0;
    for (size_t i = 0; i < OUTCOME_NOTES; i++) d->notes[i][sizeof d->notes[i] - 1] = 0;
}

static vqz_status run_task(run *r, task *t, vqz_error *e) {
    call c = {r, t};
    vqz_status s = job_open_input(t->j, &t->in, e);
    if (s == VQZ_OK && t->j->out) s = job_open_output(t->j, r->o, &t->in, &t->out, e);
    if (s != VQZ_OK) return s;
    if (r->o->sandbox) s = sandbox_run(work_on, &c, e);
    else work_on(&c);
    if (s != VQZ_OK) return s;
    end_texts(t->done);
    *e = t->done->error;
    return t->done->status == VQZ_OK && t->j->out ? sink_commit(&t->out, e) : t->done->status;
}

static void report(progress *p, const task *t, double start) {
    const outcome *d = t->done;
    p->bytes_in += d->bytes_in;
    p->bytes_out += d->bytes_out;
    for (size_t i = 0; i < OUTCOME_NOTES; i++) report_note(p, t->j->in, d->notes[i]);
    if (d->result[0])
        report_result(p, "%s%s%s: %s, %.2f s", t->j->in, t->j->out ? " -> " : "", t->j->out ? t->j->out : "", d->result, now_seconds() - start);
}

/* Those who work on the files, and what they share. */
typedef struct crew {
    run *r;
    const job_list *l;
    pthread_mutex_t lock;        /* for what follows, and stderr */
    progress p;
    size_t next;
    bool told;                   /* of the GPU */
} crew;

/* Once: what the processor does in the GPU's place. */
static void tell_of_device(crew *c) {
    if (!c->told) c->told = device_tell(c->r->o, &c->p);
}

static void work_on_file(crew *c, outcome *done, const job *j) {
    const double start = now_seconds();
    task t = {.j = j, .o = c->r->o, .in.fd = -1, .done = done};
    vqz_error e = {.offset = NO_OFFSET};
    sink_open_memory(&t.out);
    *done = (outcome){.error.offset = NO_OFFSET};
    const vqz_status s = run_task(c->r, &t, &e);
    pthread_mutex_lock(&c->lock);
    tell_of_device(c);
    if (s == VQZ_OK) {
        report(&c->p, &t, start);
    } else {
        progress_clear(&c->p);
        report_error(t.j->in, &e);
        c->p.failed++;
    }
    pthread_mutex_unlock(&c->lock);
    sink_close(&t.out);
    source_close(&t.in);
}

static void work_on_files(crew *c, outcome *done) {
    pthread_mutex_lock(&c->lock);
    while (c->next < c->l->count) {
        const job *j = &c->l->jobs[c->next++];
        progress_line(&c->p, j->in);
        if (job_is_done(j, c->r->o)) {
            report_result(&c->p, "%s: %s exists already", j->in, j->out);
        } else {
            pthread_mutex_unlock(&c->lock);
            work_on_file(c, done, j);
            pthread_mutex_lock(&c->lock);
        }
        c->p.done++;
    }
    pthread_mutex_unlock(&c->lock);
}

static void *join_in(void *arg) {
    outcome done;
    stream_block_signals();
    work_on_files(arg, &done);
    return NULL;
}

/* A GPU is busy when one file is read, one is on its way, one is worked on, one is written: then each gets a thread instead of all threads one file. */
static size_t count_hands(const run *r, size_t files) {
    enum { LEAST = 4 };
    const vqz_settings *s = &r->o->config.settings;
    if (!s->device) return 1;
    size_t hands = s->threads ? s->threads : (size_t)sysconf(_SC_NPROCESSORS_ONLN);
    if (!s->threads && hands < LEAST) hands = LEAST;
    if (hands > SINKS_MOST) hands = SINKS_MOST;
    return hands < files ? hands : files;
}

static int run_jobs(run *r, const job_list *l) {
    crew c = {.r = r, .l = l, .p = progress_start(r->o, l->count, l->failed)};
    pthread_t others[SINKS_MOST];
    const size_t hands = count_hands(r, l->count);
    size_t n = 0;
    pthread_mutex_init(&c.lock, NULL);
    if (hands > 1) r->o->config.settings.threads = 1;
    while (n + 1 < hands && pthread_create(&others[n], NULL, join_in, &c) == 0) n++;
    work_on_files(&c, r->done);
    for (size_t i = 0; i < n; i++) pthread_join(others[i], NULL);
    pthread_mutex_destroy(&c.lock);
    return progress_end(&c.p, l->count - (size_t)(c.p.failed - l->failed));
}

/* In a sandbox a model file is untrusted, too: only its bytes are read here. */
static int run_prepared(run *r, const job_list *l) {
    vqz_error e = {.offset = NO_OFFSET};
    int code = EXIT_FAILED;
    r->done = &r->here;
    if (r->o->sandbox) {
        if (sandbox_open(&r->box, sizeof *r->done, &e) != VQZ_OK) {
            report_error("--sandbox", &e);
            return EXIT_FAILED;
        }
        r->done = r->box.shared;
    }
    if (r->o->sandbox && r->o->model ? model_read(&r->model, r->o) : model_load(&r->model, r->o)) {
        code = run_jobs(r, l);
        model_free(&r->model);
    }
    if (r->o->sandbox) sandbox_close(&r->box);
    return code;
}

int run_on_files(options *o, const char *input, const char *extension, task_work work) {
    job_list jobs;
    run r = {.o = o, .work = work};
    int code = jobs_make(&jobs, o, input, extension);
    if (code == EXIT_DONE && !device_open(o)) code = EXIT_FAILED;
    if (code == EXIT_DONE) code = run_prepared(&r, &jobs);
    device_close(o);
    jobs_free(&jobs);
    return code;
}
