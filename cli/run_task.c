#include "cli/run_task.h"
#include "cli/manifest.h"
#include "cli/progress.h"
#include <string.h>
#include <unistd.h>

typedef struct call {
    run *r;
    task *t;
    task_work work;
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
    if (c->r->box.shared && c->r->link >= 0) close(c->r->link);
    d->status = open_model(c->r, &d->error);
    if (d->status == VQZ_OK) d->status = c->work(c->t, &d->error);
    if (d->status == VQZ_OK) d->status = sink_flush(&c->t->out, &d->error);
}

/* Whoever took over the sandboxed process wrote all of it: texts end, and what the work does not decide is as it was. */
static void set_right(outcome *d, outcome_kind kind) {
    d->kind = kind;
    d->deleted = false;
    d->error.text[sizeof d->error.text - 1] = d->result[sizeof d->result - 1] = 0;
    for (size_t i = 0; i < OUTCOME_NOTES; i++) d->notes[i][sizeof d->notes[i] - 1] = 0;
}

vqz_status run_guarded(run *r, task *t, task_work work, vqz_error *e) {
    call c = {r, t, work};
    const outcome_kind kind = t->done->kind;
    vqz_status s = VQZ_OK;
    if (r->box.shared) s = sandbox_run(work_on, &c, e);
    else work_on(&c);
    set_right(t->done, kind);
    if (s != VQZ_OK) return s;
    *e = t->done->error;
    return t->done->status;
}

/* Nothing that is read while it is written makes a whole picture. */
static vqz_status unchanged(const task *t, vqz_error *e) {
    struct stat now;
    if (!t->found.st_mode) return VQZ_OK;
    const stamp s = fstat(t->in.fd, &now) == 0 ? stamp_of(&now, t->stamp.made) : (stamp){0};
    return stamp_equal(&s, &t->stamp) ? VQZ_OK : cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "was changed while it was read");
}

static vqz_status produce(run *r, task *t, vqz_error *e) {
    vqz_status s = t->j->out ? job_open_output(t->j, r->o, &t->in, &t->out, e) : VQZ_OK;
    if (s == VQZ_OK) s = run_guarded(r, t, r->work, e);
    if (s != VQZ_OK || !t->j->out) return s;
    if (t->j->walked) t->out.time = t->found.st_mtim;
    if (r->o->delete_source)     /* the folders that may be new */
        for (const char *p = job_output_below(t->j); t->out.settle < 64 && p; p = strchr(p + 1, '/')) t->out.settle++;
    if ((t->j->walked || r->o->delete_source) && unchanged(t, e) != VQZ_OK) return e->status;
    return sink_commit(&t->out, e);
}

/* What there is to do: everything, or nothing because of what stands there. */
static vqz_status decide(run *r, task *t, vqz_error *e) {
    const options *o = r->o;
    outcome *d = t->done;
    struct stat st;
    if (job_is_done(t->j, o)) {
        d->kind = OUTCOME_EXISTS;
        return VQZ_OK;
    }
    vqz_status s = job_open_input(t->j, &t->in, e);
    if (s != VQZ_OK) return s;
    if (t->in.regular && !t->j->numbered && fstat(t->in.fd, &st) == 0) t->found = st;
    t->stamp = stamp_of(&t->found, r->made);
    stamp_state state = STAMP_NONE;
    if (o->command == CMD_ENCODE && t->j->walked && !t->j->clash && !o->force) state = stamp_in(t->j->out, &t->stamp);
    if (state == STAMP_SAME) d->kind = OUTCOME_CURRENT;
    else if (t->j->out) s = job_check_output(t->j, o, state == STAMP_OTHER, e);
    if (s == VQZ_OK && d->kind == OUTCOME_DONE && o->dry_run) d->kind = OUTCOME_WOULD;
    return s;
}

static vqz_status do_task(run *r, task *t, vqz_error *e) {
    outcome *d = t->done;
    vqz_status s = decide(r, t, e);
    if (s == VQZ_OK && d->kind == OUTCOME_DONE) s = produce(r, t, e);
    if (s == VQZ_OK && r->o->delete_source && (d->kind == OUTCOME_DONE || d->kind == OUTCOME_CURRENT)) s = run_dispose(r, t, e);
    if (s == VQZ_OK && r->o->manifest) s = manifest_note_output(t, e);
    return s;
}

void run_job(run *r, const job *j, outcome *done) {
    const double start = now_seconds();
    task t = {.j = j, .o = r->o, .in.fd = -1, .done = done};
    vqz_error e = {.offset = NO_OFFSET};
    sink_open_memory(&t.out);
    *done = (outcome){.error.offset = NO_OFFSET};
    done->status = do_task(r, &t, &e);
    done->error = e;
    struct stat st;              /* what --resume leaves out has not been opened */
    if (r->o->manifest) done->source = t.found.st_mode || stat(j->in, &st) != 0 ? t.stamp : stamp_of(&st, 0);
    done->seconds = now_seconds() - start;
    sink_close(&t.out);
    source_close(&t.in);
}

vqz_status run_open(run *r, vqz_error *e) {
    r->done = &r->here;
    if (!r->o->sandbox) return VQZ_OK;
    if (r->o->command == CMD_ENCODE) image_readers_prepare();
    const vqz_status s = sandbox_open(&r->box, sizeof *r->done, e);
    if (s == VQZ_OK) r->done = r->box.shared;
    return s;
}

void run_close(run *r) {
    if (r->o->sandbox) sandbox_close(&r->box);
}
