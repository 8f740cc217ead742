#include "cli/progress.h"
#include "cli/commands.h"
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double now_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static const char *shown(const char *file) { return strcmp(file, "-") == 0 ? "standard input" : file; }

void report_error(const char *file, const vqz_error *e) {
    fprintf(stderr, "vqz: %s: ", shown(file));
    if (e->offset != NO_OFFSET) fprintf(stderr, "at byte %llu: ", (unsigned long long)e->offset);
    fprintf(stderr, "%s", e->text[0] ? e->text : vqz_status_text(e->status));
    if (e->status > VQZ_ERR_MEMORY) fprintf(stderr, " (%s)", vqz_status_name(e->status));   /* what is wrong with a file has a name */
    fputc('\n', stderr);
}

/* The moving line is always the last one: whatever is printed takes its place. */
static void clear_line(const progress *p) {
    if (p->line) fputs("\r\033[K", stderr);
}

void report_note(const progress *p, const char *file, const char *note) {
    if (p->quiet || !note[0]) return;
    clear_line(p);
    fprintf(stderr, "vqz: %s: note: %s\n", shown(file), note);
}

void report_result(const progress *p, const char *format, ...) {
    if (!p->results) return;
    clear_line(p);
    va_list ap;
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
}

static void show_line(const progress *p, const char *file) {
    if (!p->line) return;
    const size_t n = strlen(file), most = 60;
    fprintf(stderr, "\r\033[K[%zu/%zu] %s%s", p->done + 1, p->total, n > most ? "..." : "",
            n > most ? file + n - most : file);
    fflush(stderr);
}

static int run_jobs(const job_list *l, options *o, bool (*one)(const job *j, options *o, progress *p, vqz_error *e)) {
    const bool terminal = isatty(STDERR_FILENO);
    progress p = {.total = l->count, .failed = l->failed, .quiet = o->quiet};
    p.line = terminal && !o->quiet && l->count > 1;
    p.results = !o->quiet && (o->verbose || (terminal && l->count == 1));
    const double start = now_seconds();
    for (; p.done < l->count; p.done++) {
        const job *j = &l->jobs[p.done];
        vqz_error e = {.offset = NO_OFFSET};
        show_line(&p, j->in);
        if (one(j, o, &p, &e)) continue;
        clear_line(&p);
        report_error(j->in, &e);
        p.failed++;
    }
    clear_line(&p);
    if (l->count > 1 && p.bytes_out && (p.line || p.results))
        fprintf(stderr, "%zu of %zu files, %llu bytes to %llu in %.1f s\n", l->count - (size_t)(p.failed - l->failed),
                l->count, (unsigned long long)p.bytes_in, (unsigned long long)p.bytes_out, now_seconds() - start);
    return p.failed ? EXIT_FAILED : EXIT_DONE;
}

int run_on_files(options *o, const char *input, const char *extension,
                 bool (*one)(const job *j, options *o, progress *p, vqz_error *e)) {
    job_list jobs;
    loaded_model model;
    int code = jobs_make(&jobs, o, input, extension);
    if (code == EXIT_DONE && !model_load(&model, o)) code = EXIT_FAILED;
    else if (code == EXIT_DONE) {
        code = run_jobs(&jobs, o, one);
        model_free(&model);
    }
    jobs_free(&jobs);
    return code;
}
