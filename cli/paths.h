/* From the names on the command line to a list of files to read and write. */
#ifndef VQZ_CLI_PATHS_H
#define VQZ_CLI_PATHS_H
#include "cli/options.h"

typedef struct job {
    char *in, *out;              /* out NULL: the command writes nothing */
    bool derived;                /* `out` is a name that vqz made up: an existing file needs --force */
    bool make_folders;           /* missing folders above `out` are made */
    const struct job *clash;     /* an earlier job with the same `out` */
} job;

typedef struct job_list {
    job *jobs;
    size_t count, capacity;
    int failed;                  /* inputs that gave no job; already reported */
} job_list;

/* `extension`: of outputs ("vqz"), or NULL where the command writes nothing. `input`: "vqz", or NULL for every
 * picture type that vqz encodes. EXIT_DONE or, after a message, EXIT_USAGE. */
int jobs_make(job_list *l, const options *o, const char *input, const char *extension);
void jobs_free(job_list *l);
/* Whether the output may be written now; makes its folders. */
vqz_status job_prepare(const job *j, const options *o, vqz_error *e);
#endif
