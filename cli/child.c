#define _GNU_SOURCE              /* wait4 */
#include "cli/child.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { SECONDS_MOST = 7200, CANNOT_RUN = 127 };

static double seconds_of(const struct rusage *u) {
    return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) + 1e-6 * (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec);
}

double child_own_seconds(void) {
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) == 0 ? seconds_of(&u) : 0;
}

char *child_find(const char *name) {
    const char *path = getenv("PATH");
    if (strchr(name, '/')) return access(name, X_OK) == 0 ? strdup(name) : NULL;
    for (const char *p = path ? path : ""; *p;) {
        const size_t n = strcspn(p, ":");
        char file[PATH_MAX];
        struct stat st;
        const int written = snprintf(file, sizeof file, "%.*s/%s", (int)n, p, name);
        if (n && written > 0 && (size_t)written < sizeof file && stat(file, &st) == 0 && S_ISREG(st.st_mode) && access(file, X_OK) == 0) return strdup(file);
        p += n + (p[n] == ':');
    }
    return NULL;
}

/* In the new process. What this one has opened is closed by then: it is all O_CLOEXEC. */
static void become(const char *program, const char *const *arguments, const char *output, int log, pid_t parent) {
    const struct rlimit limit = {SECONDS_MOST, SECONDS_MOST};
    const int in = open("/dev/null", O_RDONLY);
    const int out = output ? open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600) : log;
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(CANNOT_RUN);
#else
    (void)parent;
#endif
    setrlimit(RLIMIT_CPU, &limit);
    if (in >= 0 && out >= 0 && dup2(in, STDIN_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
        execv(program, (char *const *)(uintptr_t)arguments);
    (void)!write(log, strerror(errno), strlen(strerror(errno)));
    _exit(CANNOT_RUN);
}

/* The last line that says something, without control characters. */
static void last_line(const char *text, char *line, size_t size) {
    size_t end = strlen(text);
    while (end && (unsigned char)text[end - 1] <= ' ') end--;
    size_t begin = end;
    while (begin && text[begin - 1] != '\n' && text[begin - 1] != '\r') begin--;
    snprintf(line, size, "%.*s", (int)(end - begin), text + begin);
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f) *p = '?';
}

static vqz_status judge(const char *program, int status, const child_result *r, vqz_error *e) {
    const char *slash = strrchr(program, '/'), *name = strcmp(program, CHILD_SELF) == 0 ? "vqz" : slash ? slash + 1 : program;
    char line[100];
    last_line(r->text, line, sizeof line);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return VQZ_OK;
    if (WIFSIGNALED(status)) return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "%.40s was killed: %s", name, strsignal(WTERMSIG(status)));
    return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "%.40s ended with status %d%s%s", name, WEXITSTATUS(status), line[0] ? ": " : "", line);
}

vqz_status child_run(const char *program, const char *const *arguments, const char *output, child_result *result, vqz_error *e) {
    FILE *log = tmpfile();
    struct rusage used;
    int status = 0;
    const pid_t parent = getpid();
    *result = (child_result){0};
    if (!log) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "cannot make a temporary file: %s", strerror(errno));
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        stream_leave_signals();
        become(program, arguments, output, fileno(log), parent);
    }
    pid_t done = pid;
    while (pid > 0 && (done = wait4(pid, &status, 0, &used)) < 0 && errno == EINTR) {}
    const int error = errno;
    if (done > 0) {
        result->seconds = seconds_of(&used);
        rewind(log);
        result->text[fread(result->text, 1, sizeof result->text - 1, log)] = 0;
    }
    (void)fclose(log);
    return done > 0 ? judge(program, status, result, e) : cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "cannot run %s: %s", path_tail(program), strerror(error));
}
