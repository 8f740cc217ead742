#include "cli/stream.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IN_BUFFER = 65536 };

vqz_status (cli_fail)(vqz_error *e, vqz_status status, uint64_t offset, const char *format, ...) {
    e->status = status;
    e->offset = offset;
    va_list ap;
    va_start(ap, format);
    vsnprintf(e->text, sizeof e->text, format, ap);
    va_end(ap);
    return status;
}

const char *path_tail(const char *path) {
    enum { MOST = 80 };
    const size_t n = strlen(path);
    if (n <= MOST) return path;
    const char *tail = path + n - MOST, *slash = strchr(tail, '/');
    return slash && slash[1] ? slash + 1 : tail;
}

/* ---- source ---- */
vqz_status source_open(source *s, const char *path, vqz_error *e) {
    *s = (source){.fd = STDIN_FILENO};
    if (strcmp(path, "-") != 0) {
        do s->fd = open(path, O_RDONLY | O_CLOEXEC);
        while (s->fd < 0 && errno == EINTR);
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
    s->buffer = malloc(IN_BUFFER);
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
    do n = read(s->fd, s->buffer + s->end, IN_BUFFER - s->end);
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
