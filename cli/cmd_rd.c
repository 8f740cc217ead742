#include "cli/rd.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static void summary(const rd_plan *p, const progress *shown) {
    if (p->o->quiet) return;
    const double seconds = now_seconds() - shown->start;
    for (size_t c = 0; c < p->curve_count; c++) {
        rd_summary s;
        rd_summarise(p, &p->curves[c], &s);
        printf("%-10s", p->curves[c].name);
        for (int m = 0; m < RD_METRICS; m++) {
            if (!p->tools[m].wanted) continue;
            if (c == p->anchor) printf("  %s anchor", rd_metric_names[m]);
            else if (s.gain[m].known) printf("  %s %+.1f %%", rd_metric_names[m], s.gain[m].percent);
            else printf("  %s -", rd_metric_names[m]);
        }
        printf("  encode %.3g MP/s  decode %.3g MP/s\n", s.encode, s.decode);
    }
    printf("%s/index.html, %s/rd.csv: %zu pictures, %zu curves, %.1f s\n", p->folder, p->folder, p->picture_count, p->curve_count, seconds);
}

static void tell_notes(const rd_plan *p, const progress *shown) {
    for (size_t k = 0; k < p->picture_count; k++) report_note(shown, p->pictures[k].j->in, p->pictures[k].note);
}

/* Work comes after everything that could be wrong with the command line, and the report's folder is there before work is done for it. */
static vqz_status measure(rd_plan *p, progress *shown, vqz_error *e) {
    if (mkdir(p->folder, 0777) != 0 && errno != EEXIST) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "cannot make the folder: %s", strerror(errno));
    vqz_status s = rd_rows_load(p, e);
    if (s == VQZ_OK) s = rd_measure_all(p, shown, e);
    if (s == VQZ_OK) s = rd_crops_make(p, shown, e);
    progress_clear(shown);
    if (s == VQZ_OK) s = rd_write_csv(p, e);
    return s == VQZ_OK ? rd_write_page(p, rd_page, (uintptr_t)rd_page_end - (uintptr_t)rd_page, e) : s;
}

int cmd_rd(options *o) {
    rd_plan p;
    vqz_error e = {.offset = NO_OFFSET};
    int code = rd_plan_make(&p, o);
    if (code == EXIT_DONE) {
        progress shown = progress_start(o, 2, 0);        /* there is always more than one thing to do */
        shown.total = 0;
        tell_notes(&p, &shown);
        const vqz_status s = measure(&p, &shown, &e);
        if (s != VQZ_OK) report_error(p.folder, &e);
        else summary(&p, &shown);
        if (s != VQZ_OK || shown.failed || p.files.failed || p.asked_in_vain) code = EXIT_FAILED;
    }
    rd_plan_free(&p);
    return code;
}
