/* What the user sees while files are worked on: errors, notes, a result per file, progress on a terminal. All on stderr. */
#ifndef VQZ_CLI_PROGRESS_H
#define VQZ_CLI_PROGRESS_H
#include "cli/run.h"

typedef struct progress {
    size_t total, done;
    int failed;
    bool line, results;          /* show the moving line; show a line per file */
    bool quiet;
    bool json, log;              /* JSON lines on stdout; a line now and then where there is no terminal */
    size_t worked, current, skipped, would, others;
    uint64_t size_done, size_total;      /* of the inputs */
    double pixels;
    uint64_t bytes_in, bytes_out;
    double start, shown;         /* when work began, and when the line of a film was last written */
} progress;

progress progress_start(const options *o, size_t total, int failed);
/* The moving line, with the present file where it is known. */
void progress_line(progress *p, const char *file);
/* Of a film: frames and bytes written, seconds of film done and, 0 where not known, of all of it. On a terminal, and not too often. */
void progress_film(progress *p, uint64_t frames, double done, double whole, uint64_t bytes);
void progress_clear(const progress *p);
/* report.c: what came of a file, and the last line. Returns the exit code. */
void report_outcome(progress *p, const job *j, const outcome *d);
int progress_end(const progress *p);

/* "vqz: FILE: at byte N: reason" */
void report_error(const char *file, const vqz_error *e);
void report_note(const progress *p, const char *file, const char *note);
/* Why the processor works instead of a GPU. */
void report_device(const progress *p, const vqz_error *e);
void report_result(const progress *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

double now_seconds(void);
#endif
