/* Preloaded into a program, makes one of its calls fail: VQZ_FAULT=KIND:N fails the Nth call of that kind, or, for the last three kinds, all from then on:
 *   alloc   malloc, calloc, realloc and their kin return NULL, also to other libraries
 *   thread  pthread_create returns EAGAIN         open, rename, fsync, close   EIO (close does close)
 *   read, write   EIO                             interrupt   every other read and write returns EINTR, those between move one byte
 *   full    after N bytes write moves no more: ENOSPC
 *   stop    raises SIGKILL in place of the Nth write
 *   close and rename count only files that are written.
 * VQZ_FAULT_COUNT=FILE gets the number of calls when the program ends. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char kind[16];
static _Atomic long calls;
static long chosen;

static void *(*next_malloc)(size_t), *(*next_calloc)(size_t, size_t), *(*next_realloc)(void *, size_t), *(*next_memalign)(size_t, size_t);
static int (*next_posix_memalign)(void **, size_t, size_t), (*next_close)(int), (*next_openat)(int, const char *, int, ...), (*next_fdatasync)(int);
static void (*next_free)(void *);
static int (*next_renameat)(int, const char *, int, const char *);
static int (*next_pthread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
static ssize_t (*next_read)(int, void *, size_t), (*next_write)(int, const void *, size_t);

#define FIND(name) (*(void **)(&next_##name) = dlsym(RTLD_NEXT, #name))

static void report(void) {
    const char *file = getenv("VQZ_FAULT_COUNT");
    if (!file) return;
    kind[0] = 0;
    FILE *f = fopen(file, "w");
    if (!f) return;
    (void)fprintf(f, "%ld\n", (long)calls);
    (void)fclose(f);
}

extern void __asan_init(void) __attribute__((weak));

__attribute__((constructor)) static void begin(void) {
    if (__asan_init) __asan_init();              /* whose malloc is the next one, and not ready otherwise */
    FIND(free), FIND(malloc), FIND(calloc), FIND(realloc), FIND(posix_memalign), FIND(close), FIND(openat), FIND(fdatasync), FIND(renameat), FIND(pthread_create);
    FIND(read), FIND(write);
    *(void **)&next_memalign = dlsym(RTLD_NEXT, "aligned_alloc");
    const char *fault = getenv("VQZ_FAULT"), *colon = fault ? strchr(fault, ':') : NULL;
    atexit(report);
    if (!colon || (size_t)(colon - fault) >= sizeof kind) return;
    chosen = strtol(colon + 1, NULL, 10);
    calls = 0;
    memcpy(kind, fault, (size_t)(colon - fault));
}

/* Counts calls of the kind that was asked for. */
static int fails(const char *k) { return strcmp(kind, k) == 0 && ++calls == chosen; }

/* Before the constructor, dlsym itself allocates. */
static char early[4096];
static size_t early_used;

static void *early_memory(size_t size) {
    void *p = early + early_used;
    early_used += (size + 15) & ~(size_t)15;
    return early_used <= sizeof early ? p : NULL;
}

#define NO_MEMORY (errno = ENOMEM, NULL)
void *malloc(size_t size) { return fails("alloc") ? NO_MEMORY : next_malloc ? next_malloc(size) : early_memory(size); }
void *calloc(size_t n, size_t size) { return fails("alloc") ? NO_MEMORY : next_calloc ? next_calloc(n, size) : early_memory(n * size); }
void free(void *p) {
    if (next_free && ((char *)p < early || (char *)p >= early + sizeof early)) next_free(p);
}
void *realloc(void *p, size_t size) { return fails("alloc") ? NO_MEMORY : next_realloc(p, size); }
void *aligned_alloc(size_t align, size_t size) { return fails("alloc") ? NO_MEMORY : next_memalign(align, size); }
int posix_memalign(void **p, size_t align, size_t size) { return fails("alloc") ? ENOMEM : next_posix_memalign(p, align, size); }

int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg) {
    return fails("thread") ? EAGAIN : next_pthread_create(t, a, f, arg);
}

int openat(int folder, const char *path, int flags, ...) {
    va_list ap;
    va_start(ap, flags);
    mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    if (!fails("open")) return next_openat(folder, path, flags, mode);
    errno = EIO;
    return -1;
}

static int is_written(int fd) { return fd > 2 && (fcntl(fd, F_GETFL) & (O_ACCMODE | O_PATH)) == O_WRONLY; }

int close(int fd) {
    const int fail = is_written(fd) && fails("close"), result = next_close(fd);
    if (!fail) return result;
    errno = EIO;
    return -1;
}

int fdatasync(int fd) {
    if (!fails("fsync")) return next_fdatasync(fd);
    errno = EIO;
    return -1;
}

int renameat(int from, const char *a, int to, const char *b) {
    if (!fails("rename")) return next_renameat(from, a, to, b);
    errno = EIO;
    return -1;
}

/* How much of a transfer of n bytes takes place; -1 and errno: none. */
static ssize_t part(int fd, size_t n, const char *k) {
    if (strcmp(kind, "interrupt") == 0 && fd != 2) {
        if (++calls % 2) return n > 0;
        errno = EINTR;
        return -1;
    }
    if (strcmp(kind, "full") == 0 && is_written(fd)) {
        const long left = chosen - atomic_fetch_add(&calls, (long)n);
        errno = ENOSPC;
        return left <= 0 ? -1 : left < (long)n ? left : (ssize_t)n;
    }
    if (strcmp(kind, "stop") == 0 && is_written(fd) && ++calls == chosen) raise(SIGKILL);
    if (fd == 2 || !fails(k)) return (ssize_t)n;
    errno = EIO;
    return -1;
}

ssize_t read(int fd, void *to, size_t n) {
    ssize_t k = strcmp(kind, "full") && strcmp(kind, "stop") ? part(fd, n, "read") : (ssize_t)n;
    return k < 0 ? -1 : next_read(fd, to, (size_t)k);
}

ssize_t write(int fd, const void *from, size_t n) {
    ssize_t k = part(fd, n, "write");
    return k < 0 ? -1 : next_write(fd, from, (size_t)k);
}
