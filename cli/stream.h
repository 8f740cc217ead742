/* Bytes in and out of the program: files, pipes and memory. Outputs to files are atomic: a temporary file in the same
 * folder that takes the final name only when it is complete. */
#ifndef VQZ_CLI_STREAM_H
#define VQZ_CLI_STREAM_H
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include "vqz/vqz.h"

#define NO_OFFSET UINT64_MAX

/* Fills *e and returns `status`. */
vqz_status cli_fail(vqz_error *e, vqz_status status, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#ifdef __clang_analyzer__        /* it sees one file at a time, and would go on after a failure */
#define cli_fail(e, status, ...) ((void)(cli_fail)(e, status, __VA_ARGS__), (status))
#endif

/* The end of a name that would leave no room for the reason in an error's text: at most 80 bytes, whole parts where that is possible. */
const char *path_tail(const char *path);

typedef struct source {
    const uint8_t *data;         /* bytes not yet read: data[pos..end) */
    size_t pos, end;
    uint64_t base;               /* offset in the input of data[0] */
    int fd;                      /* -1: memory */
    bool regular;                /* a regular file: pread works, `size` is known */
    uint64_t size;
    int error;                   /* errno of a failed read */
    uint8_t *buffer;
} source;

vqz_status source_open(source *s, const char *path, vqz_error *e);   /* "-": standard input */
void source_open_memory(source *s, const void *data, size_t size);
void source_close(source *s);
/* At least one more byte in data[pos..end), or false at the end of the input. Call only when pos == end. */
bool source_fill(source *s);
/* Reads up to n bytes; fewer only at the end or after an error. */
size_t source_read(source *s, void *to, size_t n);
int source_getc(source *s);      /* -1 at the end */
/* How many of the next n bytes there are; they stand at data[pos] and are not consumed. n > 1 only before the first read. */
size_t source_peek(source *s, size_t n);
static inline uint64_t source_offset(const source *s) { return s->base + s->pos; }
/* Why a read came back short: the end of the file or an I/O error. */
vqz_status source_short(const source *s, vqz_error *e);
/* Everything that is left, in one block that the caller frees; VQZ_ERR_LIMIT above `limit`. */
vqz_status source_read_all(source *s, uint8_t **data, size_t *size, uint64_t limit, vqz_error *e);

typedef struct sink {
    int fd;                      /* -1: memory */
    int folder;                  /* where `name` and `temp` are; -1: none */
    char *path;                  /* for people */
    char *name, *temp;           /* final and temporary name; temp NULL where the output is written in place (a pipe, a device) */
    struct timespec time;        /* of a file: when it was changed, for sink_commit to say; tv_nsec UTIME_OMIT: now */
    unsigned settle;             /* folders, from that of the file upwards, that sink_commit brings to the disk too */
    uint64_t written;
    uint64_t mark;               /* where the last frame began, for formats that say how far back it is */
    uint8_t *buffer;             /* memory: everything written so far */
    size_t used, capacity;
    int error;
    unsigned note;               /* of temp, for signals */
} sink;
enum { SINKS_MOST = 32 };        /* outputs with temporary files, at once */

/* A file that the user named: "-" and /dev/stdout are standard output, links are followed, pipes and devices written in place. */
vqz_status sink_open(sink *s, const char *path, vqz_error *e);
/* A name that the program made, below a folder whose name, the first `root` characters, is the user's: that folder and those below it are made
 * where they are missing, but no link below it is followed, and a link that has the name itself is replaced. root 0: all folders exist. */
vqz_status sink_open_below(sink *s, const char *path, size_t root, vqz_error *e);
/* Whether the output will take the place of the input. */
bool sink_replaces(const sink *s, const source *in);
void sink_open_memory(sink *s);
/* Errors are kept: sink_commit reports them. */
bool sink_write(sink *s, const void *data, size_t size);
/* Everything written so far reaches the file; it keeps its temporary name. */
vqz_status sink_flush(sink *s, vqz_error *e);
/* Ends the output under its final name. On failure nothing is left behind. */
vqz_status sink_commit(sink *s, vqz_error *e);
/* Releases everything; what was not committed is removed. */
void sink_close(sink *s);
/* Why the last write failed. */
vqz_status sink_failed(const sink *s, vqz_error *e);

/* Signals that end the program remove the temporary files first; they are for the first thread. */
void stream_catch_signals(void);
/* What else they do first; only calls that are allowed in signal handlers. NULL: nothing. */
void stream_at_signal(void (*hook)(void));
/* In this thread, until pthread_sigmask(SIG_SETMASK, before, NULL): every thread but the first one does so. */
void stream_block_signals(sigset_t *before);
/* For a child process, whose parent owns the temporary file. */
void stream_leave_signals(void);
#endif
