/* What has been measured: one line each in rows.tsv of the report's folder, added as soon as it is known, so that any number of runs and processes share it. A row
 * is found by a hash of all that it depends on. */
#include "cli/hash.h"
#include "cli/rd.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { METHOD = 1 };             /* to be raised where the same programs would give other rows */

uint64_t rd_key(const rd_plan *p, const rd_picture *picture, const rd_curve *c, const char *what) {
    const uint64_t numbers[] = {METHOD, picture->hash, picture->size, c ? c->identity : 0};
    XXH64_state_t state;
    XXH64_reset(&state, 0);
    XXH64_update(&state, numbers, sizeof numbers);
    for (int m = 0; m < RD_METRICS; m++)
        if (p->tools[m].wanted) XXH64_update(&state, &p->tools[m].identity, sizeof p->tools[m].identity);
    XXH64_update(&state, what, strlen(what));
    return XXH64_digest(&state);
}

uint64_t rd_key_of(const rd_plan *p, const rd_picture *picture, const rd_curve *c, double quality) {
    char text[24];
    rd_native_text(c->format, quality, text);
    return rd_key(p, picture, c, text);
}

/* ---- a line ---- */
static bool number(const char **at, char ends_with, double *value) {
    char *end;
    if (**at == '-' && (*at)[1] == ends_with) {
        *value = NAN;
        *at += 2;
        return true;
    }
    *value = strtod(*at, &end);
    if (end == *at || *end != ends_with || !isfinite(*value)) return false;
    *at = end + 1;
    return true;
}

static bool parse(const char *line, rd_row *r) {
    char *end;
    double bytes;
    errno = 0;
    r->key = strtoull(line, &end, 16);
    if (errno || end != line + 16 || *end != '\t') return false;
    const char *at = end + 1;
    if (!number(&at, '\t', &r->quality) || !number(&at, '\t', &bytes) || !number(&at, '\t', &r->encode) || !number(&at, '\t', &r->decode)) return false;
    for (int m = 0; m < RD_METRICS; m++)
        if (!number(&at, m + 1 < RD_METRICS ? '\t' : '\n', &r->metric[m])) return false;
    if (!(bytes >= 1 && bytes < 1e15) || !(r->encode >= 0) || !(r->decode >= 0) || isnan(r->metric[RD_PSNR])) return false;
    r->bytes = (uint64_t)bytes;
    return !*at;
}

static void print(const rd_row *row, char *line, size_t size) {
    size_t n = (size_t)snprintf(line, size, "%016" PRIx64 "\t%.10g\t%" PRIu64 "\t%.6f\t%.6f", row->key, row->quality, row->bytes, row->encode, row->decode);
    for (int m = 0; m < RD_METRICS; m++)
        n += (size_t)(isnan(row->metric[m]) ? snprintf(line + n, size - n, "\t-") : snprintf(line + n, size - n, "\t%.9g", row->metric[m]));
    snprintf(line + n, size - n, "\n");
}

vqz_status rd_rows_append(const rd_plan *p, const rd_row *row, vqz_error *e) {
    char line[400];
    print(row, line, sizeof line);
    const int fd = open(p->rows_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    const size_t size = strlen(line);
    const ssize_t n = fd >= 0 ? write(fd, line, size) : -1;      /* one call: lines of several processes do not mix */
    const int error = n >= 0 && (size_t)n < size ? ENOSPC : errno;
    if (fd >= 0) close(fd);
    return n >= 0 && (size_t)n == size ? VQZ_OK : cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "cannot write %s: %s", path_tail(p->rows_path), strerror(error));
}

/* ---- all of them ---- */
static int by_key(const void *a, const void *b) {
    const uint64_t x = ((const rd_row *)a)->key, y = ((const rd_row *)b)->key;
    return (x > y) - (x < y);
}

const rd_row *rd_rows_find(const rd_rows *rows, uint64_t key) {
    const rd_row wanted = {.key = key};
    return rows->count ? bsearch(&wanted, rows->rows, rows->count, sizeof wanted, by_key) : NULL;
}

static bool add(rd_rows *rows, size_t *room, const rd_row *r) {
    if (rows->count == *room) {
        rd_row *bigger = realloc(rows->rows, (*room ? *room * 2 : 256) * sizeof *bigger);
        if (!bigger) return false;
        rows->rows = bigger;
        *room = *room ? *room * 2 : 256;
    }
    rows->rows[rows->count++] = *r;
    return true;
}

/* Lines that are none, such as one cut off by a full disk, are left out. */
vqz_status rd_rows_load(rd_plan *p, vqz_error *e) {
    FILE *in = fopen(p->rows_path, "re");
    char line[400];
    rd_row r;
    size_t room = 0;
    bool good = true, whole = true;
    free(p->rows.rows);
    p->rows = (rd_rows){0};
    if (!in) return errno == ENOENT ? VQZ_OK : cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "cannot open %s: %s", path_tail(p->rows_path), strerror(errno));
    while (good && fgets(line, sizeof line, in)) {
        const bool begins = whole;
        whole = strchr(line, '\n') != NULL;
        if (begins && parse(line, &r)) good = add(&p->rows, &room, &r);
    }
    (void)fclose(in);
    if (!good) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    if (p->rows.count) qsort(p->rows.rows, p->rows.count, sizeof *p->rows.rows, by_key);
    if (whole) return VQZ_OK;
    const int fd = open(p->rows_path, O_WRONLY | O_APPEND | O_CLOEXEC);     /* what comes next begins a line, and this one stays none */
    const bool ended = fd >= 0 && write(fd, "#\n", 2) == 2;
    if (fd >= 0) close(fd);
    return ended ? VQZ_OK : cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "cannot write %s: %s", path_tail(p->rows_path), strerror(errno));
}
