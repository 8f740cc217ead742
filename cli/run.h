/* A command that works on many files: for each the input and the output are opened, the work is done, in a sandbox where the user asks for
 * one, and the output takes its name. */
#ifndef VQZ_CLI_RUN_H
#define VQZ_CLI_RUN_H
#include "cli/paths.h"
#include "cli/stamp.h"

typedef enum outcome_kind {
    OUTCOME_DONE,
    OUTCOME_CURRENT,             /* the output is up to date */
    OUTCOME_EXISTS,              /* --resume leaves it out */
    OUTCOME_WOULD                /* --dry-run */
} outcome_kind;

/* What the work tells; plain bytes, for they may come from another process. */
enum { OUTCOME_NOTES = 2 };
typedef struct outcome {
    outcome_kind kind;
    vqz_status status;
    vqz_error error;
    char notes[OUTCOME_NOTES][160];          /* "" where there is none */
    char result[200];            /* of the line that --verbose prints */
    uint64_t bytes_in, bytes_out;
    double pixels, seconds;
    uint64_t pixel_hash;         /* XXH64 of all rows that went in, or came out */
    uint64_t file_hash;          /* of the output, with --manifest */
    stamp source;                /* as it was when it was read, with --manifest */
    bool loss;                   /* notes[0] tells of something that the output lacks */
    bool deleted;                /* the source */
} outcome;

/* "done", "failed" and so on, for programs. */
const char *outcome_state(const outcome *d);

typedef struct task {
    const job *j;
    const options *o;
    source in;
    struct stat found;           /* of the input, where it is a regular file; else all 0 */
    stamp stamp;                 /* of that */
    sink out;                    /* open where the command writes something */
    outcome *done;               /* status and error are filled from what the work returns */
} task;

typedef vqz_status (*task_work)(task *t, vqz_error *e);

/* Loads the model, works on every file that the command line names and returns the exit code. `input` and `extension` as in jobs_make. */
int run_on_files(options *o, const char *input, const char *extension, task_work work);

/* Work that checks: the input, a .vqz file, is decoded; any picture is read as for encoding. Both set pixel_hash. */
vqz_status task_verify(task *t, vqz_error *e);
vqz_status task_inspect(task *t, vqz_error *e);
#endif
