#include "cli/manifest.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 30, FIELDS = 8 };

void manifest_free(manifest_file *m) {
    free(m->text);
    free(m->lines);
    free(m->rows);
    *m = (manifest_file){0};
}

static vqz_status bad(size_t line, const char *why, vqz_error *e) {
    return cli_fail(e, VQZ_ERR_CORRUPT, NO_OFFSET, "is no manifest, or not all of one: line %zu: %s", line, why);
}

/* In place. */
static void unescape(char *p) {
    char *to = p;
    for (; *p; p++) {
        if (*p == '\\' && p[1]) {
            p++;
            *to++ = *p == 't' ? '\t' : *p == 'n' ? '\n' : *p == 'r' ? '\r' : *p;
        } else *to++ = *p;
    }
    *to = 0;
}

/* A name below a folder, and nowhere else. */
static bool stays_below(const char *name) {
    if (!*name || *name == '/') return false;
    for (const char *p = name; *p;) {
        const size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') return false;
        p += n + (p[n] == '/');
    }
    return true;
}

static bool whole_number(const char *text, int base, uint64_t *value) {
    char *end;
    *value = strtoull(text, &end, base);
    return *text && *text != '-' && !*end;
}

/* `line` is cut into its fields. */
static const char *read_row(manifest_row *r, char *line) {
    char *field[FIELDS];
    unsigned n = 0;
    bool more = true;
    while (more && n < FIELDS) {
        field[n++] = line;
        line += strcspn(line, "\t");
        more = *line != 0;
        if (more) *line++ = 0;
    }
    if (more || n != FIELDS) return "it has not eight fields";
    unescape(field[5]);
    unescape(field[6]);
    unescape(field[7]);
    r->state = field[0];
    r->source = field[5];
    r->output = field[6];
    r->error = field[7];
    const bool failed = strcmp(r->state, "failed") == 0;
    if (!failed && strcmp(r->state, "done") != 0 && strcmp(r->state, "current") != 0 && strcmp(r->state, "exists") != 0) return "its state is not done, current, exists or failed";
    if (!stays_below(r->output)) return "it names an output outside its folder";
    if (!whole_number(field[3], 10, &r->bytes_out)) return "its size is no number";
    if (!failed && (strlen(field[4]) != 16 || !whole_number(field[4], 16, &r->hash))) return "its hash is no number";
    return NULL;
}

/* The number behind `name`, where *at goes on. */
static bool take_number(const char **at, const char *name, int base, uint64_t most, uint64_t *value) {
    const size_t n = strlen(name);
    char *end;
    if (strncmp(*at, name, n) != 0) return false;
    const char *number = *at + n;
    *value = strtoull(number, &end, base);
    *at = end;
    return end > number && *number != '-' && *value <= most;
}

static bool read_head(manifest_file *m, const char *line) {
    uint64_t share, shares;
    if (!take_number(&line, "#vqz-manifest 1\tshare=", 10, UINT32_MAX, &share) || !take_number(&line, "/", 10, UINT32_MAX, &shares) ||
        !take_number(&line, "\tseen=", 10, UINT64_MAX, &m->seen) || !take_number(&line, "\tproblems=", 10, UINT64_MAX, &m->problems) ||
        !take_number(&line, "\tmade=", 16, UINT64_MAX, &m->made))
        return false;
    m->share = (uint32_t)share;
    m->shares = (uint32_t)shares;
    return !*line && share < shares;
}

static vqz_status read_lines(manifest_file *m, vqz_error *e) {
    size_t lines = 0, number = 1, offset;
    uint64_t rows;
    bool ended = false;
    for (const char *p = m->text; (p = strchr(p, '\n')); p++) lines++;
    m->rows = calloc(lines ? lines : 1, sizeof *m->rows);
    m->lines = strdup(m->text);
    if (!m->rows || !m->lines) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    for (char *line = m->text, *next; (next = strchr(line, '\n')); line = next + 1, number++) {
        *next = 0;
        offset = (size_t)(line - m->text);
        m->lines[offset + strlen(line)] = 0;
        if (ended) return bad(number, "there is more behind the end", e);
        if (number == 1) {
            if (!read_head(m, line)) return bad(number, "it does not begin as one", e);
        } else if (strncmp(line, MANIFEST_END, strlen(MANIFEST_END)) == 0) {
            if (!whole_number(line + strlen(MANIFEST_END), 10, &rows) || rows != m->count) return bad(number, "rows are missing", e);
            ended = true;
        } else {
            manifest_row *r = &m->rows[m->count++];
            const char *why = read_row(r, line);
            if (why) return bad(number, why, e);
            r->line = m->lines + offset;
        }
    }
    return ended ? VQZ_OK : bad(number, "its end is missing", e);
}

vqz_status manifest_read(manifest_file *m, const char *path, vqz_error *e) {
    source in;
    uint8_t *bytes = NULL;
    size_t size = 0;
    *m = (manifest_file){0};
    vqz_status s = source_open(&in, path, e);
    if (s != VQZ_OK) return s;
    s = source_read_all(&in, &bytes, &size, MOST, e);
    source_close(&in);
    m->text = s == VQZ_OK ? calloc(size + 1, 1) : NULL;
    if (m->text) {
        if (size) memcpy(m->text, bytes, size);
        s = memchr(m->text, 0, size) ? bad(1, "it has a zero byte", e) : read_lines(m, e);
    } else if (s == VQZ_OK) s = cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    free(bytes);
    if (s != VQZ_OK) manifest_free(m);
    return s;
}
