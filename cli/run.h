/* A command that works on many files: for each the input and the output are opened, the work is done, in a sandbox where the user asks for
 * one, and the output takes its name. */
#ifndef VQZ_CLI_RUN_H
#define VQZ_CLI_RUN_H
#include "cli/paths.h"

/* What the work tells; plain bytes, for they may come from another process. */
enum { OUTCOME_NOTES = 2 };
typedef struct outcome {
    vqz_status status;
    vqz_error error;
    char notes[OUTCOME_NOTES][160];          /* "" where there is none */
    char result[200];            /* of the line that --verbose prints */
    uint64_t bytes_in, bytes_out;
} outcome;

typedef struct task {
    const job *j;
    const options *o;
    source in;
    sink out;                    /* open where the command writes something */
    outcome *done;               /* status and error are filled from what the work returns */
} task;

typedef vqz_status (*task_work)(task *t, vqz_error *e);

/* Loads the model, works on every file that the command line names and returns the exit code. `input` and `extension` as in jobs_make. */
int run_on_files(options *o, const char *input, const char *extension, task_work work);
#endif
