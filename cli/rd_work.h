/* A stage of vqz rd: numbered jobs, those of them that have something to do in processes, what came of them told and kept. */
#ifndef VQZ_CLI_RD_WORK_H
#define VQZ_CLI_RD_WORK_H
#include "cli/rd.h"

typedef struct rd_result {       /* of a job; it comes from another process */
    uint32_t done;
    char error[192];             /* "": none */
} rd_result;

typedef struct rd_stage {
    const char *what;            /* what a job makes: "rows" */
    size_t jobs;
    size_t (*picture)(const rd_plan *p, size_t number);
    size_t (*curve)(const rd_plan *p, size_t number);
    size_t (*missing)(const rd_plan *p, size_t number);     /* how much there is to do */
    void (*work)(const rd_plan *p, size_t job, rd_result *r);    /* in its process */
} rd_stage;

/* Runs the jobs that have something to do, then loads the rows again. Failures are p->failures. */
vqz_status rd_stage_run(rd_plan *p, const rd_stage *stage, progress *shown, vqz_error *e);
#endif
