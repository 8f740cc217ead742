/* Other programs, run with a vector of arguments and never through a shell. */
#ifndef VQZ_CLI_CHILD_H
#define VQZ_CLI_CHILD_H
#include "cli/stream.h"

#define CHILD_SELF "/proc/self/exe"      /* this program, even where its file has been replaced since */

typedef struct child_result {
    double seconds;              /* processor time, user and system */
    char text[4096];             /* what it said, standard output before its errors; cut */
} child_result;

/* Runs `program`, a path, until it ends; its standard output goes to the file `output` where that is not NULL. An error, with the program's last
 * line, where it cannot be run, is killed or ends with another status than 0. */
vqz_status child_run(const char *program, const char *const *arguments, const char *output, child_result *result, vqz_error *e);
/* The path of an installed program, in $PATH, which the caller frees; NULL: there is none. */
char *child_find(const char *name);
/* Processor time of this process so far. */
double child_own_seconds(void);
#endif
