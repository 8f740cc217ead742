/* Work on files from anywhere in a process that can only read and write what is open already. Linux 4.14 or newer. */
#ifndef VQZ_CLI_SANDBOX_H
#define VQZ_CLI_SANDBOX_H
#include <stddef.h>
#include "vqz/vqz.h"

typedef struct sandbox {
    void *shared;                /* memory that the work may write and its caller reads */
    size_t size;
} sandbox;

/* VQZ_ERR_UNSUPPORTED where this system has none. */
vqz_status sandbox_open(sandbox *s, size_t shared, vqz_error *e);
/* Calls work(arg) in a child process under the filter and waits for it; an error where it did not return. Of what it writes only
 * `shared` and open files come back. */
vqz_status sandbox_run(void (*work)(void *), void *arg, vqz_error *e);
void sandbox_close(sandbox *s);
#endif
