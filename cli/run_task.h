/* One file of a run, from its names to the output under its final name. */
#ifndef VQZ_CLI_RUN_TASK_H
#define VQZ_CLI_RUN_TASK_H
#include "cli/commands.h"
#include "cli/run.h"
#include "cli/sandbox.h"

typedef struct run {
    options *o;
    task_work work;
    const job_list *list;
    loaded_model model;
    uint64_t made;               /* of stamps */
    sandbox box;
    int link;                    /* nothing of a process in the sandbox; -1: none */
    outcome *done, here;         /* `done` is `here`, or shared with the sandbox */
} run;

/* Makes `done` ready. */
vqz_status run_open(run *r, vqz_error *e);
void run_close(run *r);
/* Does the job; what came of it is in *done, which is r->done where there is a sandbox. */
void run_job(run *r, const job *j, outcome *done);
/* Calls `work`, in the sandbox where there is one. */
vqz_status run_guarded(run *r, task *t, task_work work, vqz_error *e);
/* dispose.c: removes the source of a task whose output stands under its name, when that has proven whole. */
vqz_status run_dispose(run *r, task *t, vqz_error *e);
#endif
