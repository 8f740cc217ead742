/* Lists of what a run made, one line for each file (docs/scale.md): those of several shares make one, and files are held against it. */
#ifndef VQZ_CLI_MANIFEST_H
#define VQZ_CLI_MANIFEST_H
#include "cli/run.h"

typedef struct manifest {
    sink text;                   /* in memory: the rows */
    uint64_t rows;
} manifest;

/* Of a task whose output stands under its name: its hash, for the row. */
vqz_status manifest_note_output(task *t, vqz_error *e);
/* Whether o->manifest can be written, before any work is done for it. */
vqz_status manifest_check(const options *o, vqz_error *e);
void manifest_open(manifest *m);
void manifest_add(manifest *m, const job *j, const outcome *d);
/* Writes o->manifest, under the name of the share where there is one. */
vqz_status manifest_write(manifest *m, const options *o, const job_list *l, uint64_t made, vqz_error *e);
void manifest_close(manifest *m);

/* ---- reading: manifest_read.c ---- */
typedef struct manifest_row {
    const char *state, *source, *output, *error;
    const char *line;            /* all of it, as it stands in the file */
    uint64_t bytes_out, hash;
} manifest_row;

typedef struct manifest_file {
    char *text;                  /* rows point into it and into `lines` */
    char *lines;
    manifest_row *rows;
    size_t count;
    uint32_t share, shares;
    uint64_t seen, problems, made;
} manifest_file;

vqz_status manifest_read(manifest_file *m, const char *path, vqz_error *e);
void manifest_free(manifest_file *m);
#define MANIFEST_HEAD "#vqz-manifest 1\tshare=%" PRIu32 "/%" PRIu32 "\tseen=%" PRIu64 "\tproblems=%" PRIu64 "\tmade=%016" PRIx64
#define MANIFEST_END "#end\trows="
#endif
