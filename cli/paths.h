/* From the names on the command line to a list of files to read and write. */
#ifndef VQZ_CLI_PATHS_H
#define VQZ_CLI_PATHS_H
#include "cli/options.h"

typedef struct job {
    char *in, *out;              /* out NULL: the command writes nothing */
    bool named;                  /* `out` is what -o says, as it stands */
    bool numbered;               /* files with a number for each frame: encode, `in` is their pattern; decode, `out` */
    bool derived;                /* `out` is a name beside the input: an existing file needs --force */
    bool walked;                 /* found in a folder: the output is kept up to date, and gets the time of the input */
    size_t root;                 /* length of the -o folder in `out`; 0: none */
    size_t below;                /* where the name below the folder that was given begins in `in` */
    uint64_t size;               /* of the input; 0: not known */
    const struct job *clash;     /* an earlier job with the same `out` */
} job;

typedef struct job_list {
    job *jobs;
    size_t count, capacity;
    int failed;                  /* inputs that gave no job; already reported */
    size_t seen, others;         /* in all shares; files in folders whose name is none of a picture */
} job_list;

/* `extension`: of outputs ("vqz"), or NULL where the command writes nothing. `input`: "vqz", or NULL for every
 * picture type that vqz encodes. EXIT_DONE or, after a message, EXIT_USAGE. */
int jobs_make(job_list *l, const options *o, const char *input, const char *extension);
void jobs_free(job_list *l);
/* The name of the output below the folder that -o names, else that of the input, else without folders. */
const char *job_output_below(const job *j);
/* Whether --resume leaves this job out. */
bool job_is_done(const job *j, const options *o);
/* Opens the input; of numbered files the first one. */
vqz_status job_open_input(const job *j, source *in, vqz_error *e);
/* Whether the output may be written now. `outdated`: what stands there was made from an earlier state of the input. */
vqz_status job_check_output(const job *j, const options *o, bool outdated, vqz_error *e);
/* Opens the output; of numbered files none. */
vqz_status job_open_output(const job *j, const options *o, const source *in, sink *out, vqz_error *e);
#endif
