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
    for (const char *p = name; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
        if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || !p[2])) return false;
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
    for (char *p = line; p && n < FIELDS; n++) {
        field[n] = p;
        p = strchr(p, '\t');
        if (p) *p++ = 0;
        if (n + 1 == FIELDS && p) return "too many fields";
    }
    if (n != FIELDS) return "too few fields";
    unescape(field[5]);
    unescape(field[6]);
    unescape(field[7]);
    r->state = field[0];
    r->source = field[5];
    r->output = field[6];
    r->error = field[7];
    const bool failed = strcmp(r->state, "failed") == 0;
    if (!failed && strcmp(r->state, "done") != 0 && strcmp(r->state, "current") != 0 && strcmp(r->state, "exists") != 0) return "its state is not done, current, exists or failed";
    if (!whole_number(field[3], 10, &r->bytes_out)) return "its size is no number";
    if (!failed && (strlen(field[4]) != 16 || !whole_number(field[4], 16, &r->hash))) return "its hash is no number";
    return NULL;
}

static bool read_head(manifest_file *m, const char *line) {
    int end = 0;
    const int n = sscanf(line, "#vqz-manifest 1\tshare=%" SCNu32 "/%" SCNu32 "\tseen=%" SCNu64 "\tproblems=%" SCNu64 "\tmade=%" SCNx64 "%n", &m->share, &m->shares, &m->seen,
                         &m->problems, &m->made, &end);
    return n == 5 && !line[end] && m->share < m->shares;
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
    m->text = s == VQZ_OK ? malloc(size + 1) : NULL;
    if (m->text) {
        if (size) memcpy(m->text, bytes, size);
        m->text[size] = 0;
        s = memchr(m->text, 0, size) ? bad(1, "it has a zero byte", e) : read_lines(m, e);
    } else if (s == VQZ_OK) s = cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    free(bytes);
    for (size_t i = 0; s == VQZ_OK && i < m->count; i++)
        if (!stays_below(m->rows[i].output)) s = cli_fail(e, VQZ_ERR_CORRUPT, NO_OFFSET, "names an output outside its folder: %.100s", m->rows[i].output);
    if (s != VQZ_OK) manifest_free(m);
    return s;
}
