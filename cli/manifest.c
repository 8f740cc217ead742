#include "cli/manifest.h"
#include "cli/hash.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

vqz_status manifest_note_output(task *t, vqz_error *e) {
    return hash_file(t->j->out, &t->done->bytes_out, &t->done->file_hash, e);
}

vqz_status manifest_check(const options *o, vqz_error *e) {
    sink out;
    const vqz_status s = sink_open(&out, o->manifest, e);
    if (s == VQZ_OK) sink_close(&out);           /* its temporary file goes */
    return s;
}

void manifest_open(manifest *m) {
    m->rows = 0;
    sink_open_memory(&m->text);
}

static void put(sink *to, const char *text) { sink_write(to, text, strlen(text)); }

/* Tabs, line ends and backslashes are escaped. */
static void put_field(sink *to, const char *text) {
    for (; *text; text++) {
        const char *escaped = *text == '\t' ? "\\t" : *text == '\n' ? "\\n" : *text == '\r' ? "\\r" : *text == '\\' ? "\\\\" : NULL;
        if (escaped) put(to, escaped);
        else sink_write(to, text, 1);
    }
}

void manifest_add(manifest *m, const job *j, const outcome *d) {
    const bool good = d->status == VQZ_OK;
    char line[160], hash[20] = "-";
    if (good) snprintf(hash, sizeof hash, "%016" PRIx64, d->file_hash);
    snprintf(line, sizeof line, "%s\t%" PRIu64 "\t%" PRId64 ".%09u\t%" PRIu64 "\t%s\t", outcome_state(d), d->source.size, d->source.seconds,
             d->source.nanoseconds, good ? d->bytes_out : 0, hash);
    put(&m->text, line);
    put_field(&m->text, j->in + j->below);
    put(&m->text, "\t");
    put_field(&m->text, job_output_below(j));
    put(&m->text, "\t");
    if (!good) put_field(&m->text, d->error.text[0] ? d->error.text : vqz_status_text(d->status));
    put(&m->text, "\n");
    m->rows++;
}

/* "m.tsv" of share 1 of 4 is "m.1-of-4.tsv". */
static char *share_name(const options *o) {
    const char *slash = strrchr(o->manifest, '/'), *dot = strrchr(slash ? slash : o->manifest, '.');
    const size_t size = strlen(o->manifest) + 40;
    char *name = malloc(size);
    if (!dot || dot == o->manifest || dot[-1] == '/') dot = o->manifest + strlen(o->manifest);
    if (!name) return NULL;
    if (o->shares) snprintf(name, size, "%.*s.%" PRIu32 "-of-%" PRIu32 "%s", (int)(dot - o->manifest), o->manifest, o->share, o->shares, dot);
    else snprintf(name, size, "%s", o->manifest);
    return name;
}

vqz_status manifest_write(manifest *m, const options *o, const job_list *l, uint64_t made, vqz_error *e) {
    char line[200];
    sink out;
    char *name = share_name(o);
    vqz_status s = !name || m->text.error ? cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory") : sink_open(&out, name, e);
    free(name);
    if (s != VQZ_OK) return s;
    snprintf(line, sizeof line, MANIFEST_HEAD "\n", o->share, o->shares ? o->shares : 1, (uint64_t)l->seen, (uint64_t)l->failed, made);
    put(&out, line);
    sink_write(&out, m->text.buffer, m->text.used);
    snprintf(line, sizeof line, MANIFEST_END "%" PRIu64 "\n", m->rows);
    put(&out, line);
    s = sink_commit(&out, e);
    sink_close(&out);
    return s;
}

void manifest_close(manifest *m) { sink_close(&m->text); }
