/* _GNU_SOURCE: CLONE_THREAD and its kin, strsignal. */
#define _GNU_SOURCE
#include "cli/sandbox.h"
#include "cli/stream.h"

#ifdef VQZ_SECCOMP
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_DONE = 0, CHILD_NO_FILTER = 3 };

/* Bytes of open files, memory, threads, time; nothing that names a file, a process or a host. */
static const int allowed[] = {
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(lseek), SCMP_SYS(_llseek), SCMP_SYS(close),
    SCMP_SYS(fstat), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(futex), SCMP_SYS(futex_time64),
    SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(rt_sigprocmask), SCMP_SYS(sigaltstack), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
    SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime), SCMP_SYS(clock_gettime64), SCMP_SYS(sysinfo),
    SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group)};

/* C libraries try these by themselves (files in /proc and /sys, names of memory areas, the newer clone) and go on without. */
static const struct { int call, error; } refused[] = {
    {SCMP_SYS(open), EACCES}, {SCMP_SYS(openat), EACCES}, {SCMP_SYS(readlink), EACCES}, {SCMP_SYS(readlinkat), EACCES},
    {SCMP_SYS(prctl), EINVAL}, {SCMP_SYS(clone3), ENOSYS}};

/* Threads only, and no memory that may be both written and run. On s390 the arguments of mmap stand in memory, where no filter can look. */
static int add_checked(scmp_filter_ctx f) {
    enum { THREAD = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, FLAGS = THREAD | CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS };
    int error = 0;
#ifdef __s390__
    error |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, FLAGS, THREAD));
    error |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 0);
#else
    error |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, FLAGS, THREAD));
    error |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
#endif
    error |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap2), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    error |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    return error;
}

static scmp_filter_ctx make_filter(void) {
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!f) return NULL;
    int error = add_checked(f);
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) error |= seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        error |= seccomp_rule_add(f, SCMP_ACT_ERRNO((unsigned)refused[i].error), refused[i].call, 0);
    if (!error) return f;
    seccomp_release(f);
    return NULL;
}

static void child_main(const sandbox *s, pid_t parent, void (*work)(void *), void *arg) {
    stream_leave_signals();
    prctl(PR_SET_PDEATHSIG, SIGKILL);            /* no decoder outlives the program that asked for it */
    if (getppid() != parent || seccomp_load(s->filter) != 0) _exit(CHILD_NO_FILTER);
    work(arg);
    _exit(CHILD_DONE);
}

vqz_status sandbox_run(const sandbox *s, void (*work)(void *), void *arg, vqz_error *e) {
    const pid_t parent = getpid(), child = fork();
    int status;
    pid_t done;
    if (child == 0) child_main(s, parent, work, arg);
    if (child < 0) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "cannot start a process: %s", strerror(errno));
    do done = waitpid(child, &status, 0);
    while (done < 0 && errno == EINTR);
    if (done < 0) return cli_fail(e, VQZ_ERR_INTERNAL, NO_OFFSET, "lost the process in the sandbox: %s", strerror(errno));
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        return cli_fail(e, VQZ_ERR_INTERNAL, NO_OFFSET, "the sandbox ended the work: it made a system call that is not allowed");
    if (WIFSIGNALED(status)) return cli_fail(e, VQZ_ERR_INTERNAL, NO_OFFSET, "the process in the sandbox died: %s", strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) == CHILD_NO_FILTER) return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "the kernel refuses the sandbox's seccomp filter");
    if (WEXITSTATUS(status) != CHILD_DONE)
        return cli_fail(e, VQZ_ERR_INTERNAL, NO_OFFSET, "the process in the sandbox ended with status %d", WEXITSTATUS(status));
    return VQZ_OK;
}

static void no_work(void *arg) { (void)arg; }

vqz_status sandbox_open(sandbox *s, size_t shared, vqz_error *e) {
    *s = (sandbox){.filter = make_filter(), .size = shared};
    if (!s->filter) return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "libseccomp cannot make the filter");
    s->shared = mmap(NULL, shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    vqz_status status = s->shared == MAP_FAILED ? cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory") : sandbox_run(s, no_work, NULL, e);
    if (status != VQZ_OK) sandbox_close(s);
    return status;
}

void sandbox_close(sandbox *s) {
    if (s->filter) seccomp_release(s->filter);
    if (s->shared && s->shared != MAP_FAILED) munmap(s->shared, s->size);
    *s = (sandbox){0};
}

#else
vqz_status sandbox_open(sandbox *s, size_t shared, vqz_error *e) {
    (void)shared;
    *s = (sandbox){0};
    return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "this vqz was built without libseccomp");
}

vqz_status sandbox_run(const sandbox *s, void (*work)(void *), void *arg, vqz_error *e) {
    (void)s, (void)work, (void)arg;
    return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "this vqz was built without libseccomp");
}

void sandbox_close(sandbox *s) { *s = (sandbox){0}; }
#endif
