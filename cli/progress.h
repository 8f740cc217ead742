/* What the user sees while files are worked on: errors, notes, a result per file, progress on a terminal. All on stderr. */
#ifndef VQZ_CLI_PROGRESS_H
#define VQZ_CLI_PROGRESS_H
#include "cli/paths.h"

typedef struct progress {
    size_t total, done;
    int failed;
    bool line, results;          /* show the moving line; show a line per file */
    bool quiet;
    uint64_t bytes_in, bytes_out;
} progress;

/* "vqz: FILE: at byte N: reason" */
void report_error(const char *file, const vqz_error *e);
void report_note(const progress *p, const char *file, const char *note);
void report_result(const progress *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Loads the model, runs `one` on every file that the command line names and returns the exit code; `one` fills *e and
 * returns false when it fails. `input` and `extension` as in jobs_make. */
int run_on_files(options *o, const char *input, const char *extension,
                 bool (*one)(const job *j, options *o, progress *p, vqz_error *e));
double now_seconds(void);
#endif
