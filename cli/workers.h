/* Numbered jobs in several processes: a crash costs one job, and what is not safe to use in threads need not be. */
#ifndef VQZ_CLI_WORKERS_H
#define VQZ_CLI_WORKERS_H
#include "cli/stream.h"

typedef struct workers_plan {
    void *context;
    unsigned processes;          /* 1024 at most */
    size_t count, result_size;
    /* In a process of their own; link: what it hears from its parent by, to be closed where others' bytes are parsed. */
    void (*begin)(void *context, int link);
    void (*work)(void *context, size_t number, void *result);
    /* In this process: results in the order of their numbers; `lost` writes the one of a job whose process has ended, and `tick` comes a few times a second. */
    void (*take)(void *context, size_t number, void *result);
    void (*lost)(void *context, size_t number, const char *why, void *result);
    void (*tick)(void *context);
} workers_plan;

vqz_status workers_run(const workers_plan *plan, vqz_error *e);
#endif
