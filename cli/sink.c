/* _GNU_SOURCE: O_PATH, which opens a folder that may be searched but not listed. */
#define _GNU_SOURCE
#include "cli/stream.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef O_PATH
#define O_PATH O_RDONLY
#endif
enum { OUT_BUFFER = 65536, NAME_KEPT = 100, RANDOM = 6, FOLDER = O_PATH | O_DIRECTORY | O_CLOEXEC };

/* ---- the temporary file ---- */
/* What to remove when a signal ends the program. */
static struct { volatile sig_atomic_t state; int folder; char name[NAME_MAX + 1]; } notes[SINKS_MOST];
enum { FREE, TAKEN, NOTED };
static void (*volatile at_signal)(void);

static void on_signal(int number) {
    for (size_t i = 0; i < SINKS_MOST; i++)
        if (notes[i].state == NOTED) unlinkat(notes[i].folder, notes[i].name, 0);
    if (at_signal) at_signal();
    signal(number, SIG_DFL);
    raise(number);
}

static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXCPU};
enum { CAUGHT = sizeof caught / sizeof *caught };

void stream_catch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal}, old;
    for (size_t i = 0; i < CAUGHT; i++)      /* an ignored signal (nohup) stays ignored */
        if (sigaction(caught[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) sigaction(caught[i], &action, NULL);
    signal(SIGXFSZ, SIG_IGN);                /* a file that may not grow is one failed write, and the next file is tried */
}

void stream_at_signal(void (*hook)(void)) { at_signal = hook; }

void stream_block_signals(sigset_t *before) {
    sigset_t block;
    sigemptyset(&block);
    for (size_t i = 0; i < CAUGHT; i++) sigaddset(&block, caught[i]);
    pthread_sigmask(SIG_BLOCK, &block, before);
}

void stream_leave_signals(void) {
    for (size_t i = 0; i < SINKS_MOST; i++) notes[i].state = FREE;
    for (size_t i = 0; i < CAUGHT; i++) signal(caught[i], SIG_DFL);
}

/* Fills the end of s->temp and creates that file; -1 and errno on failure. */
static int create_random(sink *s, mode_t mode) {
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char *end = s->temp + strlen(s->temp) - RANDOM;
    for (int tries = 0; tries < 100; tries++) {
        uint64_t r;
        if (getentropy(&r, sizeof r) != 0) return -1;
        for (int i = 0; i < RANDOM; i++, r /= sizeof letters - 1) end[i] = letters[r % (sizeof letters - 1)];
        int fd = openat(s->folder, s->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (fd >= 0 || (errno != EEXIST && errno != EINTR)) return fd;
    }
    return -1;
}

/* A signal between the creation of the file and the note of its name would leave the file behind. */
static int create_temp(sink *s, mode_t mode) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    sigset_t before;
    stream_block_signals(&before);
    pthread_mutex_lock(&lock);
    for (s->note = 0; s->note < SINKS_MOST && notes[s->note].state != FREE;) s->note++;
    if (s->note < SINKS_MOST) notes[s->note].state = TAKEN;
    pthread_mutex_unlock(&lock);
    errno = EMFILE;
    int fd = s->note < SINKS_MOST ? create_random(s, mode) : -1;
    if (fd >= 0) {
        notes[s->note].folder = s->folder;
        snprintf(notes[s->note].name, sizeof notes->name, "%s", s->temp);
        notes[s->note].state = NOTED;
    } else if (s->note < SINKS_MOST) {
        notes[s->note].state = FREE;
    }
    int saved = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return fd;
}

/* ---- opening ---- */
static vqz_status open_failed(sink *s, const char *path, const char *why, vqz_error *e) {
    sink_close(s);
    return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "cannot write %s: %s", path_tail(path), why);
}

static vqz_status start(sink *s, const char *path, vqz_error *e) {
    *s = (sink){.fd = -1, .folder = -1, .time.tv_nsec = UTIME_OMIT, .buffer = malloc(OUT_BUFFER), .path = strdup(path)};
    if (!s->buffer || !s->path) return open_failed(s, path, strerror(ENOMEM), e);
    s->capacity = OUT_BUFFER;
    return VQZ_OK;
}

static int open_folder(int at, const char *path, int flags) {
    int fd;
    do fd = openat(at, path, FOLDER | flags);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* The folder that s->path names. NULL, or why it cannot be opened. */
static const char *open_parent(sink *s) {
    char *slash = strrchr(s->path, '/');
    if (slash) *slash = 0;
    s->folder = open_folder(AT_FDCWD, !slash ? "." : slash == s->path ? "/" : s->path, 0);
    const int error = errno;
    if (slash) *slash = '/';
    return s->folder < 0 ? strerror(error) : NULL;
}

/* The temporary twin of `name` in s->folder; what it will replace, or NULL. */
static vqz_status open_twin(sink *s, const char *path, const char *name, const struct stat *old, vqz_error *e) {
    const size_t size = NAME_KEPT + RANDOM + sizeof "..";
    s->name = strdup(name);
    s->temp = malloc(size);
    if (!s->name || !s->temp) {
        free(s->temp);
        s->temp = NULL;
        return open_failed(s, path, strerror(ENOMEM), e);
    }
    snprintf(s->temp, size, ".%.*s.%.*s", NAME_KEPT, name, RANDOM, "XXXXXX");
    s->fd = create_temp(s, old ? 0600 : 0666);
    if (s->fd < 0) {
        const char *why = strerror(errno);
        free(s->temp);
        s->temp = NULL;
        return open_failed(s, path, why, e);
    }
    /* a private file stays private; file systems without modes refuse, and that is no loss */
    if (old && fchmod(s->fd, old->st_mode & 0777) != 0) errno = 0;
    return VQZ_OK;
}

/* N for the names of open files: /dev/stdout is not to be replaced even where it is a regular file. -1: another name. */
static int open_file_of(const char *path) {
    static const char *const names[] = {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"};
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (strcmp(path, names[i]) == 0) return i < 4 ? STDOUT_FILENO : STDERR_FILENO;
    return -1;
}

vqz_status sink_open(sink *s, const char *path, vqz_error *e) {
    if (start(s, path, e) != VQZ_OK) return e->status;
    s->fd = open_file_of(path);
    if (s->fd >= 0) return VQZ_OK;
    struct stat st;
    bool exists = stat(path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode)) return open_failed(s, path, strerror(EISDIR), e);
    if (exists && !S_ISREG(st.st_mode)) {            /* a device or a named pipe has no temporary twin */
        do s->fd = open(path, O_WRONLY | O_CLOEXEC);
        while (s->fd < 0 && errno == EINTR);
        return s->fd < 0 ? open_failed(s, path, strerror(errno), e) : VQZ_OK;
    }
    if (!exists && lstat(path, &st) == 0) return open_failed(s, path, "a symbolic link to nothing", e);
    if (exists) {                                    /* a link keeps pointing to what it names */
        free(s->path);
        s->path = realpath(path, NULL);
        if (!s->path) return open_failed(s, path, strerror(errno), e);
    }
    const char *why = open_parent(s), *slash = strrchr(s->path, '/');
    if (why) return open_failed(s, path, why, e);
    return open_twin(s, path, slash ? slash + 1 : s->path, exists ? &st : NULL, e);
}

/* Makes the folders of `path` that are missing; 0 or errno. */
static int make_folders(char *path) {
    for (char *p = path + 1;; p++) {
        const char c = *p;
        if (c && c != '/') continue;
        *p = 0;
        const bool failed = mkdir(path, 0777) != 0 && errno != EEXIST;
        *p = c;
        if (failed) return errno;
        if (!c) return 0;
    }
}

/* To the folder of s->path. Its first `root` characters are the user's; below them, a link would lead out. NULL, or why not. */
static const char *enter_folders(sink *s, size_t root) {
    const char cut = s->path[root];
    s->path[root] = 0;
    const int error = make_folders(s->path);
    s->folder = error ? -1 : open_folder(AT_FDCWD, s->path, 0);
    s->path[root] = cut;
    if (s->folder < 0) return strerror(error ? error : errno);
    for (char *from = s->path + root + (cut == '/'), *p; (p = strchr(from, '/')); from = p + 1) {
        *p = 0;
        const bool made = mkdirat(s->folder, from, 0777) == 0 || errno == EEXIST;
        const int next = made ? open_folder(s->folder, from, O_NOFOLLOW) : -1, why = errno;
        struct stat st;
        const bool link = next < 0 && fstatat(s->folder, from, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
        *p = '/';
        if (next < 0) return link ? "one of its folders is a symbolic link, which could lead out of the output folder" : strerror(why);
        close(s->folder);
        s->folder = next;
    }
    return NULL;
}

vqz_status sink_open_below(sink *s, const char *path, size_t root, vqz_error *e) {
    if (start(s, path, e) != VQZ_OK) return e->status;
    const char *why = root ? enter_folders(s, root) : open_parent(s);
    if (why) return open_failed(s, path, why, e);
    struct stat st;
    const char *slash = strrchr(s->path, '/'), *name = slash ? slash + 1 : s->path;
    const bool exists = fstatat(s->folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (exists && S_ISDIR(st.st_mode)) return open_failed(s, path, strerror(EISDIR), e);
    if (exists && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode)) return open_failed(s, path, "a device or pipe of that name exists", e);
    return open_twin(s, path, name, exists && S_ISREG(st.st_mode) ? &st : NULL, e);
}

bool sink_replaces(const sink *s, const source *in) {
    struct stat a, b;
    return s->temp && in->fd >= 0 && fstat(in->fd, &a) == 0 && fstatat(s->folder, s->name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* ---- writing ---- */
void sink_open_memory(sink *s) { *s = (sink){.fd = -1, .folder = -1}; }

static bool put(sink *s, const uint8_t *data, size_t size) {
    while (size && !s->error) {
        ssize_t n = write(s->fd, data, size);
        if (n == 0 || (n < 0 && errno != EINTR)) s->error = n ? errno : EIO;
        if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
    }
    return !s->error;
}

static bool grow(sink *s, size_t size) {
    size_t want = s->used + size, capacity = s->capacity ? s->capacity : OUT_BUFFER;
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
    const char *name = !s->path ? "" : strcmp(s->path, "-") == 0 ? "standard output" : path_tail(s->path);
    return cli_fail(e, s->error == ENOMEM ? VQZ_ERR_MEMORY : VQZ_ERR_ARGUMENT, NO_OFFSET, "cannot write%s%s: %s", *name ? " " : "", name, strerror(s->error));
}

vqz_status sink_flush(sink *s, vqz_error *e) {
    if (s->fd >= 0 && put(s, s->buffer, s->used)) s->used = 0;
    return s->error ? sink_failed(s, e) : VQZ_OK;
}

/* Without it, a loss of power may leave an empty file under the final name. File systems without it say so. */
static bool reach_disk(int fd) {
    int result;
    do result = fdatasync(fd);   /* of a folder: as fsync */
    while (result != 0 && errno == EINTR);
    return result == 0 || errno == EINVAL || errno == ENOSYS || errno == ENOTSUP;
}

/* The names in a folder and in those above it. */
static bool folders_reach_disk(int folder, unsigned count) {
    bool good = true;
    int fd = count ? openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    for (unsigned i = 0; i < count && good; i++) {
        good = fd >= 0 && reach_disk(fd);
        const int above = good && i + 1 < count ? openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, error = errno;
        if (fd >= 0) close(fd);
        errno = error;
        fd = above;
    }
    return good;
}

vqz_status sink_commit(sink *s, vqz_error *e) {
    if (sink_flush(s, e) != VQZ_OK) return e->status;
    if (s->temp && s->time.tv_nsec != UTIME_OMIT && futimens(s->fd, (const struct timespec[]){{.tv_nsec = UTIME_OMIT}, s->time}) != 0) s->error = errno;
    if (s->temp && !reach_disk(s->fd)) s->error = errno;
    if (s->fd > STDERR_FILENO) {
        if (close(s->fd) != 0 && errno != EINTR && !s->error) s->error = errno;
        s->fd = -1;
    }
    if (s->temp && !s->error) {
        if (renameat(s->folder, s->temp, s->folder, s->name) == 0) {
            notes[s->note].state = FREE;
            free(s->temp);
            s->temp = NULL;
            if (!folders_reach_disk(s->folder, s->settle)) s->error = errno;
        } else {
            s->error = errno;
        }
    }
    return s->error ? sink_failed(s, e) : VQZ_OK;
}

void sink_close(sink *s) {
    if (s->fd > STDERR_FILENO) close(s->fd);
    if (s->temp) {
        unlinkat(s->folder, s->temp, 0);
        notes[s->note].state = FREE;
    }
    if (s->folder >= 0) close(s->folder);
    free(s->temp);
    free(s->name);
    free(s->path);
    free(s->buffer);
    sink_open_memory(s);
}
