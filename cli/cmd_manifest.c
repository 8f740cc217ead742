#include "cli/commands.h"
#include "cli/hash.h"
#include "cli/manifest.h"
#include "cli/progress.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static vqz_status no_memory(vqz_error *e) { return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory"); }

/* ---- merge ---- */
typedef struct parts {
    manifest_file *files;
    size_t count, rows;
    const manifest_row **sorted;
} parts;

/* The shares must be all of one division of one folder, made with the same settings. */
static vqz_status check_parts(const parts *p, char *const *names, vqz_error *e) {
    const manifest_file *first = &p->files[0];
    uint64_t rows = 0;
    bool *there = calloc((size_t)first->shares + 1, sizeof *there);
    vqz_status s = VQZ_OK;
    if (!there) {
        no_memory(e);
        report_error("manifest merge", e);
        return e->status;
    }
    for (size_t i = 0; s == VQZ_OK && i < p->count; i++) {
        const manifest_file *m = &p->files[i];
        if (m->shares != first->shares) s = cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "is of %" PRIu32 " shares, %.80s of %" PRIu32, m->shares, path_tail(names[0]), first->shares);
        else if (m->made != first->made) s = cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "was made with another model or other settings than %.80s", path_tail(names[0]));
        else if (m->seen != first->seen)
            s = cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "saw %" PRIu64 " files, %.80s saw %" PRIu64 ": the folder was changed between; run the shares again", m->seen,
                         path_tail(names[0]), first->seen);
        else if (there[m->share]) s = cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "is share %" PRIu32 ", which another one is, too", m->share);
        else there[m->share] = true;
        rows += m->count;
        if (s != VQZ_OK) report_error(names[i], e);
    }
    for (uint32_t i = 0; s == VQZ_OK && i < first->shares; i++)
        if (!there[i]) {
            s = cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "share %" PRIu32 " of %" PRIu32 " is missing", i, first->shares);
            report_error("manifest merge", e);
        }
    if (s == VQZ_OK && rows != first->seen) {
        s = cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "the shares have %" PRIu64 " files together, %" PRIu64 " were seen", rows, first->seen);
        report_error("manifest merge", e);
    }
    free(there);
    return s;
}

static int by_output(const void *a, const void *b) {
    const manifest_row *p = *(const manifest_row *const *)a, *q = *(const manifest_row *const *)b;
    const int order = strcmp(p->output, q->output);
    return order ? order : strcmp(p->source, q->source);
}

static bool has_output(const manifest_row *r) { return strcmp(r->state, "failed") != 0; }

static vqz_status sort_rows(parts *p, vqz_error *e) {
    size_t n = 0;
    for (size_t i = 0; i < p->count; i++) p->rows += p->files[i].count;
    p->sorted = calloc(p->rows ? p->rows : 1, sizeof *p->sorted);
    if (!p->sorted) {
        no_memory(e);
        report_error("manifest merge", e);
        return e->status;
    }
    for (size_t i = 0; i < p->count; i++)
        for (size_t k = 0; k < p->files[i].count; k++) p->sorted[n++] = &p->files[i].rows[k];
    qsort(p->sorted, n, sizeof *p->sorted, by_output);
    for (size_t i = 1; i < n; i++)
        if (has_output(p->sorted[i]) && has_output(p->sorted[i - 1]) && strcmp(p->sorted[i]->output, p->sorted[i - 1]->output) == 0) {
            cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "%.120s was made twice", p->sorted[i]->output);
            report_error("manifest merge", e);
            return e->status;
        }
    return VQZ_OK;
}

static vqz_status write_merged(const parts *p, const char *path, vqz_error *e) {
    char line[200];
    uint64_t problems = 0;
    sink out;
    vqz_status s = sink_open(&out, path, e);
    for (size_t i = 0; i < p->count; i++) problems += p->files[i].problems;
    if (s == VQZ_OK) {
        snprintf(line, sizeof line, MANIFEST_HEAD "\n", (uint32_t)0, (uint32_t)1, p->files[0].seen, problems, p->files[0].made);
        sink_write(&out, line, strlen(line));
        for (size_t i = 0; i < p->rows; i++) {
            sink_write(&out, p->sorted[i]->line, strlen(p->sorted[i]->line));
            sink_write(&out, "\n", 1);
        }
        snprintf(line, sizeof line, MANIFEST_END "%zu\n", p->rows);
        sink_write(&out, line, strlen(line));
        s = sink_commit(&out, e);
        sink_close(&out);
    }
    if (s != VQZ_OK) report_error(path, e);
    return s;
}

static int merge(const options *o) {
    char *const *names = o->inputs + 1;
    parts p = {.files = calloc((size_t)o->input_count, sizeof *p.files)};
    vqz_error e = {.offset = NO_OFFSET};
    vqz_status s = VQZ_OK;
    if (!p.files) {
        no_memory(&e);
        report_error("manifest merge", &e);
        return EXIT_FAILED;
    }
    while (s == VQZ_OK && p.count + 1 < (size_t)o->input_count) {
        s = manifest_read(&p.files[p.count], names[p.count], &e);
        if (s != VQZ_OK) report_error(names[p.count], &e);
        else p.count++;
    }
    if (s == VQZ_OK) s = check_parts(&p, names, &e);
    if (s == VQZ_OK) s = sort_rows(&p, &e);
    if (s == VQZ_OK) s = write_merged(&p, o->output, &e);
    for (size_t i = 0; i < p.count; i++) manifest_free(&p.files[i]);
    free(p.files);
    free(p.sorted);
    return s == VQZ_OK ? EXIT_DONE : EXIT_FAILED;
}

/* ---- verify ---- */
static vqz_status check_file(const manifest_row *r, const char *path, vqz_error *e) {
    uint64_t size = 0, hash = 0;
    vqz_status s = hash_file(path, &size, &hash, e);
    if (s == VQZ_OK && size != r->bytes_out) s = cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "has %" PRIu64 " bytes, not %" PRIu64, size, r->bytes_out);
    else if (s == VQZ_OK && hash != r->hash) s = cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "is another file than the one that was made");
    return s;
}

static size_t verify_rows(const manifest_file *m, const char *folder) {
    size_t wrong = 0;
    for (size_t i = 0; i < m->count; i++) {
        const manifest_row *r = &m->rows[i];
        vqz_error e = {.offset = NO_OFFSET};
        const size_t size = strlen(folder) + strlen(r->output) + 2;
        char *path = malloc(size);
        if (path) snprintf(path, size, "%s/%s", folder, r->output);
        const vqz_status s = !path           ? no_memory(&e)
                             : has_output(r) ? check_file(r, path, &e)
                                             : cli_fail(&e, VQZ_ERR_ARGUMENT, NO_OFFSET, "was not made: %.150s", r->error);
        if (s != VQZ_OK) {
            report_error(has_output(r) && path ? path : r->source, &e);
            wrong++;
        }
        free(path);
    }
    return wrong;
}

static int verify(const options *o) {
    manifest_file m;
    vqz_error e = {.offset = NO_OFFSET};
    const char *folder = o->input_count > 2 ? o->inputs[2] : ".";
    if (manifest_read(&m, o->inputs[1], &e) != VQZ_OK) {
        report_error(o->inputs[1], &e);
        return EXIT_FAILED;
    }
    size_t wrong = verify_rows(&m, folder);
    if (m.problems) {
        cli_fail(&e, VQZ_ERR_ARGUMENT, NO_OFFSET, "%" PRIu64 " inputs could not be looked at", m.problems);
        report_error(o->inputs[1], &e);
    }
    if (m.shares == 1 && m.count != m.seen) {
        cli_fail(&e, VQZ_ERR_ARGUMENT, NO_OFFSET, "has %zu of %" PRIu64 " files", m.count, m.seen);
        report_error(o->inputs[1], &e);
        wrong++;
    }
    printf("%zu of %zu files are as they were made", m.count - (wrong < m.count ? wrong : m.count), m.count);
    if (m.shares > 1) printf("; share %" PRIu32 " of %" PRIu32 ", of %" PRIu64 " files", m.share, m.shares, m.seen);
    printf("\n");
    const int code = wrong || m.problems ? EXIT_FAILED : EXIT_DONE;
    manifest_free(&m);
    return code;
}

int cmd_manifest(options *o) {
    const char *what = o->input_count > 1 ? o->inputs[0] : "";
    if (strcmp(what, "merge") == 0 && o->output) return merge(o);
    if (strcmp(what, "verify") == 0 && o->input_count <= 3 && !o->output) return verify(o);
    fprintf(stderr, "vqz manifest: it is \"vqz manifest merge -o OUT MANIFEST...\" or \"vqz manifest verify MANIFEST [FOLDER]\"\n");
    return EXIT_USAGE;
}
