#include "cli/run.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/sandbox.h"
#include <string.h>

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
    outcome *d = c->r->done;
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
    end_texts(r->done);
    *e = r->done->error;
    return r->done->status == VQZ_OK && t->j->out ? sink_commit(&t->out, e) : r->done->status;
}

static void report(progress *p, const task *t, double start) {
    const outcome *d = t->done;
    p->bytes_in += d->bytes_in;
    p->bytes_out += d->bytes_out;
    for (size_t i = 0; i < OUTCOME_NOTES; i++) report_note(p, t->j->in, d->notes[i]);
    if (d->result[0])
        report_result(p, "%s%s%s: %s, %.2f s", t->j->in, t->j->out ? " -> " : "", t->j->out ? t->j->out : "", d->result, now_seconds() - start);
}

static int run_jobs(run *r, const job_list *l) {
    progress p = progress_start(r->o, l->count, l->failed);
    for (; p.done < l->count; p.done++) {
        const double start = now_seconds();
        task t = {.j = &l->jobs[p.done], .o = r->o, .in.fd = -1, .done = r->done};
        vqz_error e = {.offset = NO_OFFSET};
        sink_open_memory(&t.out);
        *r->done = (outcome){.error.offset = NO_OFFSET};
        progress_line(&p, t.j->in);
        if (job_is_done(t.j, r->o)) {
            report_result(&p, "%s: %s exists already", t.j->in, t.j->out);
            continue;
        }
        if (run_task(r, &t, &e) == VQZ_OK) {
            report(&p, &t, start);
        } else {
            progress_clear(&p);
            report_error(t.j->in, &e);
            p.failed++;
        }
        sink_close(&t.out);
        source_close(&t.in);
    }
    return progress_end(&p, l->count - (size_t)(p.failed - l->failed));
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
    if (code == EXIT_DONE) code = run_prepared(&r, &jobs);
    jobs_free(&jobs);
    return code;
}
