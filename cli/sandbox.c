/* The filter is written out here rather than left to a library: it takes no memory that could run out half-way. */
#define _GNU_SOURCE
#include "cli/sandbox.h"
#include "cli/stream.h"

#if defined(__linux__)
#include <linux/audit.h>
#include <sys/syscall.h>
#if defined(__x86_64__) && defined(__LP64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define ARCHITECTURE AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define ARCHITECTURE AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCHITECTURE AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define ARCHITECTURE AUDIT_ARCH_S390X
#endif
#endif

#ifdef ARCHITECTURE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_DONE = 0, CHILD_NO_FILTER = 3 };

#define FIELD(name) (uint32_t)offsetof(struct seccomp_data, name)
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define ARGUMENT(i) (FIELD(args[i]) + 4)       /* its low half */
#else
#define ARGUMENT(i) FIELD(args[i])
#endif
#define END(action) BPF_STMT(BPF_RET | BPF_K, action)
#define ON(call, action) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##call, 0, 1), END(action)
#define ALLOW(call) ON(call, SECCOMP_RET_ALLOW)
#define REFUSE(call, error) ON(call, SECCOMP_RET_ERRNO | (error))
/* Allowed only where argument i, masked, has that value. */
#define ALLOW_IF(call, i, mask, value)                                                                                                    \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##call, 0, 5), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(i)),                              \
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1), END(SECCOMP_RET_ALLOW),              \
        END(SECCOMP_RET_KILL_PROCESS)
enum {
    THREAD = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD,
    CLONE_BITS = THREAD | CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS
};

static const struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
    END(SECCOMP_RET_KILL_PROCESS),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(nr)),
    /* bytes of open files */
    ALLOW(read), ALLOW(readv), ALLOW(pread64), ALLOW(write), ALLOW(writev), ALLOW(lseek), ALLOW(close), ALLOW(fstat),
    /* memory, which may be either written or run; on s390 the arguments of mmap stand where no filter can look */
    ALLOW(munmap), ALLOW(mremap), ALLOW(madvise), ALLOW(brk), ALLOW_IF(mprotect, 2, PROT_EXEC, 0),
#if defined(__NR_mmap2)
    ALLOW_IF(mmap2, 2, PROT_EXEC, 0),
#elif defined(__s390x__)
    ALLOW(mmap),
#else
    ALLOW_IF(mmap, 2, PROT_EXEC, 0),
#endif
    /* threads, and no processes */
#ifdef __s390x__
    ALLOW_IF(clone, 1, CLONE_BITS, THREAD),
#else
    ALLOW_IF(clone, 0, CLONE_BITS, THREAD),
#endif
    ALLOW(futex), ALLOW(set_robust_list), ALLOW(rt_sigprocmask), ALLOW(rt_sigaction), ALLOW(rt_sigreturn), ALLOW(sigaltstack), ALLOW(sched_yield),
    ALLOW(sched_getaffinity), ALLOW(gettid), ALLOW(getpid), ALLOW(exit), ALLOW(exit_group), ALLOW(restart_syscall),
    /* time, chance, the amount of memory */
    ALLOW(clock_gettime), ALLOW(getrandom), ALLOW(sysinfo),
#ifdef __NR_rseq
    ALLOW(rseq),
#endif
#ifdef __NR__llseek
    ALLOW(_llseek),
#endif
#ifdef __NR_futex_time64
    ALLOW(futex_time64), ALLOW(clock_gettime64),
#endif
    /* C libraries try these by themselves (files in /proc and /sys, names of memory areas, the newer clone) and go on without */
    REFUSE(openat, EACCES), REFUSE(readlinkat, EACCES), REFUSE(prctl, EINVAL),
#ifdef __NR_open
    REFUSE(open, EACCES), REFUSE(readlink, EACCES),
#endif
#ifdef __NR_clone3
    REFUSE(clone3, ENOSYS),
#endif
    END(SECCOMP_RET_KILL_PROCESS)};

static bool enter_filter(void) {
    const uint32_t action = SECCOMP_RET_KILL_PROCESS;    /* kernels before 4.14 end a thread only, and the others wait for it */
    const struct sock_fprog program = {sizeof filter / sizeof *filter, (struct sock_filter *)(uintptr_t)filter};
    return syscall(__NR_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void child_main(pid_t parent, void (*work)(void *), void *arg) {
    stream_leave_signals();
    prctl(PR_SET_PDEATHSIG, SIGKILL);            /* no decoder outlives the program that asked for it */
    if (getppid() != parent || !enter_filter()) _exit(CHILD_NO_FILTER);
    work(arg);
    _exit(CHILD_DONE);
}

vqz_status sandbox_run(void (*work)(void *), void *arg, vqz_error *e) {
    const pid_t parent = getpid(), child = fork();
    int status;
    pid_t done;
    if (child == 0) child_main(parent, work, arg);
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
    *s = (sandbox){.size = shared};
    s->shared = mmap(NULL, shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    vqz_status status = s->shared == MAP_FAILED ? cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory") : sandbox_run(no_work, NULL, e);
    if (status != VQZ_OK) sandbox_close(s);
    return status;
}

void sandbox_close(sandbox *s) {
    if (s->shared && s->shared != MAP_FAILED) munmap(s->shared, s->size);
    *s = (sandbox){0};
}

#else
vqz_status sandbox_open(sandbox *s, size_t shared, vqz_error *e) {
    (void)shared;
    *s = (sandbox){0};
    return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "there is none for this system");
}

vqz_status sandbox_run(void (*work)(void *), void *arg, vqz_error *e) {
    (void)work;
    (void)arg;
    return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "there is none for this system");
}

void sandbox_close(sandbox *s) { *s = (sandbox){0}; }
#endif
