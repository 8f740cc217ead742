#include "cli/progress.h"
#include "cli/bar.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double now_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static const char *shown(const char *file) { return strcmp(file, "-") == 0 ? "standard input" : file; }

/* Names come from anywhere, and texts may hold some of a file. */
static void put_line_of(const char *format, va_list ap) {
    char text[3 * 4096];
    vsnprintf(text, sizeof text, format, ap);
    bar_clean(text);
    fprintf(stderr, "%s\n", text);
}

static void __attribute__((format(printf, 1, 2))) put_line(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    put_line_of(format, ap);
    va_end(ap);
}

void report_error(const char *file, const vqz_error *e) {
    char at[40] = "", name[40] = "";
    if (e->offset != NO_OFFSET) snprintf(at, sizeof at, "at byte %llu: ", (unsigned long long)e->offset);
    if (e->status > VQZ_ERR_MEMORY) snprintf(name, sizeof name, " (%s)", vqz_status_name(e->status));       /* what is wrong with a file has a name */
    put_line("vqz: %s: %s%s%s", shown(file), at, e->text[0] ? e->text : vqz_status_text(e->status), name);
}

/* The moving line is always the last one: whatever is printed takes its place. */
void progress_clear(const progress *p) {
    if (p->line) fputs("\r\033[K", stderr);
}

void report_note(const progress *p, const char *file, const char *note) {
    if (p->quiet || !note[0]) return;
    progress_clear(p);
    put_line("vqz: %s: note: %s", shown(file), note);
}

void report_device(const progress *p, const vqz_error *e) {
    if (p->quiet) return;
    progress_clear(p);
    fprintf(stderr, "vqz: --device auto: the processor steps in: %s\n", e->text);
}

void report_result(const progress *p, const char *format, ...) {
    if (!p->results) return;
    progress_clear(p);
    va_list ap;
    va_start(ap, format);
    put_line_of(format, ap);
    va_end(ap);
}

void progress_line(progress *p, const char *file) {
    enum { LOG_SECONDS = 30, A_SECOND = 20 };
    char text[1024];
    const double now = now_seconds();
    if (p->line ? now - p->shown < 1.0 / A_SECOND : !p->log || now - p->shown < LOG_SECONDS) return;
    const bar b = {.done = p->done, .total = p->total, .size_done = p->size_done, .size_total = p->size_total, .bytes_in = p->bytes_in, .bytes_out = p->bytes_out,
                   .pixels = p->pixels, .seconds = now - p->start, .file = p->line ? file : NULL};
    p->shown = now;
    bar_text(&b, p->line ? bar_columns(STDERR_FILENO) : 200, text, sizeof text);
    fprintf(stderr, p->line ? "\r%s\033[K" : "%s\n", text);
    fflush(stderr);
}

void progress_film(progress *p, uint64_t frames, double done, double whole, uint64_t bytes) {
    const double now = now_seconds(), took = now - p->start;
    if (p->quiet || now - p->shown < 0.2 || !isatty(STDERR_FILENO)) return;
    p->shown = now;
    p->line = true;
    fprintf(stderr, "\r\033[K%llu frames, %.1f fps, %.1f", (unsigned long long)frames, (double)frames / took, done);
    if (whole > 0) fprintf(stderr, " of %.1f s", whole);
    else fprintf(stderr, " s");
    fprintf(stderr, ", %.1f MB", (double)bytes * 1e-6);
    if (whole > done && done > 0) {
        const unsigned left = (unsigned)fmin(took * (whole - done) / done, 1e9);
        fprintf(stderr, ", %u:%02u:%02u left", left / 3600, left / 60 % 60, left % 60);
    }
    fflush(stderr);
}

progress progress_start(const options *o, size_t total, int failed) {
    const char *term = getenv("TERM");
    const bool terminal = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
    const double now = now_seconds();
    return (progress){.total = total,
                      .failed = failed,
                      .quiet = o->quiet,
                      .json = o->json && o->command != CMD_INFO,
                      .line = terminal && !o->quiet && total > 1 && !o->dry_run,
                      .log = !terminal && !o->quiet && total > 1 && !o->dry_run && !o->verbose && !o->json,
                      .results = !o->quiet && !o->json && (o->verbose || (terminal && total == 1)),
                      .start = now,
                      .shown = terminal ? 0 : now};
}
