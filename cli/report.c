/* What came of each file, and of all: lines for people on stderr, or JSON on stdout. */
#include "cli/json.h"
#include "cli/progress.h"

const char *outcome_state(const outcome *d) {
    static const char *const kinds[] = {[OUTCOME_DONE] = "done", [OUTCOME_CURRENT] = "current", [OUTCOME_EXISTS] = "exists", [OUTCOME_WOULD] = "would"};
    return d->status == VQZ_OK ? kinds[d->kind] : "failed";
}

static void json_member(const char *name, const char *text) {
    printf(", \"%s\": ", name);
    json_string(stdout, text);
}

static void json_outcome(const job *j, const outcome *d) {
    printf("{\"file\": ");
    json_string(stdout, j->in);
    if (j->out) json_member("output", j->out);
    printf(", \"state\": \"%s\"", outcome_state(d));
    if (d->status == VQZ_OK && d->kind == OUTCOME_DONE) {
        printf(", \"bytes_in\": %llu", (unsigned long long)d->bytes_in);
        if (j->out) printf(", \"bytes_out\": %llu", (unsigned long long)d->bytes_out);
        printf(", \"pixels\": %.0f, \"seconds\": %.3f", d->pixels, d->seconds);
    }
    if (d->deleted) printf(", \"source_deleted\": true");
    for (size_t i = 0; i < OUTCOME_NOTES; i++)
        if (d->notes[i][0]) json_member(i ? "warning" : "note", d->notes[i]);
    if (d->status != VQZ_OK) {
        printf(", \"error\": {\"name\": \"%s\"", vqz_status_name(d->status));
        if (d->error.offset != NO_OFFSET) printf(", \"offset\": %llu", (unsigned long long)d->error.offset);
        json_member("text", d->error.text[0] ? d->error.text : vqz_status_text(d->status));
        printf("}");
    }
    printf("}\n");
    fflush(stdout);
}

static void text_outcome(progress *p, const job *j, const outcome *d) {
    for (size_t i = 0; i < OUTCOME_NOTES; i++) report_note(p, j->in, d->notes[i]);
    if (d->status != VQZ_OK) {
        progress_clear(p);
        report_error(j->in, &d->error);
    } else if (d->kind == OUTCOME_EXISTS) report_result(p, "%s: %s exists already", j->in, j->out);
    else if (d->kind == OUTCOME_CURRENT) report_result(p, "%s: %s is up to date%s", j->in, j->out, d->deleted ? "; source deleted" : "");
    else if (d->kind == OUTCOME_WOULD) printf("%s -> %s\n", j->in, j->out);
    else if (d->result[0])
        report_result(p, "%s%s%s: %s%s, %.2f s", j->in, j->out ? " -> " : "", j->out ? j->out : "", d->result, d->deleted ? "; source deleted" : "", d->seconds);
}

void report_outcome(progress *p, const job *j, const outcome *d) {
    if (d->status != VQZ_OK) p->failed++;
    else if (d->kind == OUTCOME_DONE) p->worked++;
    else if (d->kind == OUTCOME_CURRENT) p->current++;
    else if (d->kind == OUTCOME_EXISTS) p->skipped++;
    else p->would++;
    p->done++;
    if (d->status == VQZ_OK && d->kind == OUTCOME_DONE) {
        p->bytes_in += d->bytes_in;
        p->bytes_out += d->bytes_out;
        p->pixels += d->pixels;
    }
    if (d->status == VQZ_OK && d->kind != OUTCOME_DONE) p->size_total -= j->size;       /* no work: it says nothing of the time that is left */
    else p->size_done += j->size;
    if (p->json) json_outcome(j, d);
    else text_outcome(p, j, d);
}

static void json_end(const progress *p, double seconds) {
    printf("{\"summary\": {\"files\": %zu, \"done\": %zu, \"current\": %zu, \"exists\": %zu, \"would\": %zu, \"failed\": %d, \"others\": %zu, \"bytes_in\": %llu, "
           "\"bytes_out\": %llu, \"pixels\": %.0f, \"seconds\": %.3f}}\n",
           p->total, p->worked, p->current, p->skipped, p->would, p->failed, p->others, (unsigned long long)p->bytes_in, (unsigned long long)p->bytes_out, p->pixels, seconds);
}

int progress_end(const progress *p) {
    const double seconds = now_seconds() - p->start;
    const int code = p->failed ? EXIT_FAILED : EXIT_DONE;
    progress_clear(p);
    if (p->json) json_end(p, seconds);
    if (p->json || p->quiet || p->total < 2 || !(p->line || p->results || p->failed || p->would || now_seconds() - p->shown < seconds)) return code;
    fprintf(stderr, "%zu of %zu files", p->worked + p->would, p->total);
    if (p->would) fprintf(stderr, " would be done");
    if (p->current) fprintf(stderr, ", %zu up to date", p->current);
    if (p->skipped) fprintf(stderr, ", %zu left out by --resume", p->skipped);
    if (p->failed) fprintf(stderr, ", %d failed", p->failed);
    if (p->others) fprintf(stderr, ", %zu others are no pictures by their names", p->others);
    if (p->bytes_out) fprintf(stderr, ", %llu bytes to %llu (%.1f:1)", (unsigned long long)p->bytes_in, (unsigned long long)p->bytes_out, (double)p->bytes_in / (double)p->bytes_out);
    if (p->pixels > 0 && seconds > 0) fprintf(stderr, ", %.3g MP/s", p->pixels * 1e-6 / seconds);
    fprintf(stderr, " in %.1f s\n", seconds);
    return code;
}
