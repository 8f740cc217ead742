#include "cli/stream.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 65536 };

vqz_status cli_fail(vqz_error *e, vqz_status status, uint64_t offset, const char *format, ...) {
    e->status = status;
    e->offset = offset;
    va_list ap;
    va_start(ap, format);
    vsnprintf(e->text, sizeof e->text, format, ap);
    va_end(ap);
    return status;
}

/* ---- source ---- */
vqz_status source_open(source *s, const char *path, vqz_error *e) {
    *s = (source){.fd = STDIN_FILENO};
    if (strcmp(path, "-") != 0) {
        s->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (s->fd < 0) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "cannot open: %s", strerror(errno));
    }
    struct stat st;
    if (fstat(s->fd, &st) == 0) {
        if (S_ISDIR(st.st_mode)) {
            source_close(s);
            return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "is a folder, not a file");
        }
        /* standard input may be a file opened elsewhere: only offset 0 makes its positions ours */
        s->regular = S_ISREG(st.st_mode) && lseek(s->fd, 0, SEEK_CUR) == 0;
        if (s->regular) s->size = (uint64_t)st.st_size;
    }
    s->buffer = malloc(BUFFER);
    if (!s->buffer) {
        source_close(s);
        return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    }
    s->data = s->buffer;
    return VQZ_OK;
}

void source_open_memory(source *s, const void *data, size_t size) {
    *s = (source){.data = data, .end = size, .fd = -1, .size = size};
}

void source_close(source *s) {
    if (s->fd > STDIN_FILENO) close(s->fd);
    free(s->buffer);
    *s = (source){.fd = -1};
}

/* Appends one read to the buffer behind `end`. */
static bool read_more(source *s) {
    if (s->fd < 0 || s->error) return false;
    ssize_t n;
    do n = read(s->fd, s->buffer + s->end, BUFFER - s->end);
    while (n < 0 && errno == EINTR);
    if (n < 0) s->error = errno;
    if (n <= 0) return false;
    s->end += (size_t)n;
    return true;
}

bool source_fill(source *s) {
    if (s->fd < 0) return false;
    s->base += s->end;
    s->pos = s->end = 0;
    return read_more(s);
}

size_t source_peek(source *s, size_t n) {
    if (s->pos == s->end) source_fill(s);
    while (s->end - s->pos < n && read_more(s)) {}
    return s->end - s->pos < n ? s->end - s->pos : n;
}

size_t source_read(source *s, void *to, size_t n) {
    size_t done = 0;
    while (done < n) {
        if (s->pos == s->end && !source_fill(s)) break;
        size_t k = s->end - s->pos < n - done ? s->end - s->pos : n - done;
        memcpy((uint8_t *)to + done, s->data + s->pos, k);
        s->pos += k;
        done += k;
    }
    return done;
}

int source_getc(source *s) {
    if (s->pos == s->end && !source_fill(s)) return -1;
    return s->data[s->pos++];
}

vqz_status source_short(const source *s, vqz_error *e) {
    if (s->error) return cli_fail(e, VQZ_ERR_ARGUMENT, source_offset(s), "cannot read: %s", strerror(s->error));
    return cli_fail(e, VQZ_ERR_TRUNCATED, source_offset(s), "the file ends early");
}

vqz_status source_read_all(source *s, uint8_t **data, size_t *size, uint64_t limit, vqz_error *e) {
    sink all;
    sink_open_memory(&all);
    *data = NULL;
    *size = 0;
    do {
        if (all.written + (s->end - s->pos) > limit) {
            sink_close(&all);
            return cli_fail(e, VQZ_ERR_LIMIT, NO_OFFSET, "is larger than %llu bytes", (unsigned long long)limit);
        }
        if (!sink_write(&all, s->data + s->pos, s->end - s->pos)) {
            sink_close(&all);
            return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
        }
        s->pos = s->end;
    } while (source_fill(s));
    if (s->error) {
        sink_close(&all);
        return source_short(s, e);
    }
    *data = all.buffer;
    *size = all.used;
    return VQZ_OK;
}

/* ---- sink ---- */
/* The file to remove when a signal ends the program; one output is open at a time. */
static char active_temp[PATH_MAX];
static volatile sig_atomic_t temp_is_active;

static void on_signal(int number) {
    if (temp_is_active) unlink(active_temp);
    signal(number, SIG_DFL);
    raise(number);
}

static const int caught[] = {SIGINT, SIGTERM, SIGHUP};

void stream_catch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal}, old;
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)   /* an ignored signal (nohup) stays ignored */
        if (sigaction(caught[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) sigaction(caught[i], &action, NULL);
}

/* A signal between the creation of the file and the note of its name would leave the file behind. */
static int create_temp(sink *s) {
    sigset_t block, before;
    sigemptyset(&block);
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++) sigaddset(&block, caught[i]);
    sigprocmask(SIG_BLOCK, &block, &before);
    int fd = mkstemp(s->temp);
    if (fd >= 0) {
        snprintf(active_temp, sizeof active_temp, "%s", s->temp);
        temp_is_active = 1;
    }
    int saved = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return fd;
}

static vqz_status open_failed(sink *s, const char *path, vqz_error *e, int error) {
    sink_close(s);
    return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "cannot write %s: %s", path, strerror(error));
}

vqz_status sink_open(sink *s, const char *path, vqz_error *e) {
    *s = (sink){.fd = STDOUT_FILENO};
    s->buffer = malloc(BUFFER);
    if (!s->buffer) return open_failed(s, path, e, ENOMEM);
    s->capacity = BUFFER;
    if (strcmp(path, "-") == 0) return VQZ_OK;

    struct stat st;
    bool exists = stat(path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode)) return open_failed(s, path, e, EISDIR);
    if (exists && !S_ISREG(st.st_mode)) {            /* a device or a named pipe has no temporary twin */
        s->fd = open(path, O_WRONLY | O_CLOEXEC);
        return s->fd < 0 ? open_failed(s, path, e, errno) : VQZ_OK;
    }
    s->path = exists ? realpath(path, NULL) : strdup(path);   /* a link keeps pointing to what it names */
    if (!s->path) return open_failed(s, path, e, errno);
    const char *slash = strrchr(s->path, '/');
    int folder = slash ? (int)(slash - s->path + 1) : 0;
    size_t size = strlen(s->path) + sizeof "..XXXXXX";
    s->temp = malloc(size);
    if (!s->temp || size > sizeof active_temp) return open_failed(s, path, e, s->temp ? ENAMETOOLONG : ENOMEM);
    snprintf(s->temp, size, "%.*s.%.100s.XXXXXX", folder, s->path, s->path + folder);
    s->fd = create_temp(s);
    if (s->fd < 0) {
        int error = errno;
        free(s->temp);
        s->temp = NULL;
        return open_failed(s, path, e, error);
    }
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(s->fd, exists ? st.st_mode & 0777 : 0666 & ~mask) != 0) return open_failed(s, path, e, errno);
    return VQZ_OK;
}

void sink_open_memory(sink *s) { *s = (sink){.fd = -1}; }

static bool put(sink *s, const uint8_t *data, size_t size) {
    while (size && !s->error) {
        ssize_t n = write(s->fd, data, size);
        if (n < 0 && errno != EINTR) s->error = errno;
        if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
    }
    return !s->error;
}

static bool grow(sink *s, size_t size) {
    size_t want = s->used + size, capacity = s->capacity ? s->capacity : BUFFER;
    if (want < size) return false;
    while (capacity < want) {
        if (capacity > SIZE_MAX / 2) return false;
        capacity *= 2;
    }
    uint8_t *bigger = realloc(s->buffer, capacity);
    if (!bigger) return false;
    s->buffer = bigger;
    s->capacity = capacity;
    return true;
}

bool sink_write(sink *s, const void *data, size_t size) {
    if (s->error) return false;
    s->written += size;
    if (s->fd < 0 && s->capacity - s->used < size && !grow(s, size)) {
        s->error = ENOMEM;
        return false;
    }
    if (s->capacity - s->used < size) {
        if (!put(s, s->buffer, s->used)) return false;
        s->used = 0;
        if (size >= s->capacity) return put(s, data, size);
    }
    if (size) memcpy(s->buffer + s->used, data, size);
    s->used += size;
    return true;
}

vqz_status sink_failed(const sink *s, vqz_error *e) {
    return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "cannot write%s%s: %s", s->path ? " " : "", s->path ? s->path : "",
                    strerror(s->error));
}

vqz_status sink_commit(sink *s, vqz_error *e) {
    if (s->fd >= 0 && put(s, s->buffer, s->used)) {
        s->used = 0;
        if (s->fd > STDERR_FILENO) {
            if (close(s->fd) != 0) s->error = errno;
            s->fd = -1;
        }
        if (s->temp && !s->error) {
            if (rename(s->temp, s->path) == 0) {
                temp_is_active = 0;
                free(s->temp);
                s->temp = NULL;
            } else {
                s->error = errno;
            }
        }
    }
    return s->error ? sink_failed(s, e) : VQZ_OK;
}

void sink_close(sink *s) {
    if (s->fd > STDERR_FILENO) close(s->fd);
    if (s->temp) {
        unlink(s->temp);
        temp_is_active = 0;
    }
    free(s->temp);
    free(s->path);
    free(s->buffer);
    *s = (sink){.fd = -1};
}
