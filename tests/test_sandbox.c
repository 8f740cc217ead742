/* What the filter of --sandbox lets through, and what it ends. */
#define _GNU_SOURCE
#include "cli/sandbox.c"
#include "cli/sink.c"
#include "cli/stream.c"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <cmocka.h>

static int *answer;              /* shared with the process in the sandbox */

/* ---- what work needs ---- */
static void *in_thread(void *arg) {
    char *memory = malloc(1 << 20);
    if (memory) memory[1 << 19] = 1;
    free(memory);
    atomic_fetch_add((_Atomic int *)arg, 1);
    return NULL;
}

static void do_threads(void *arg) {
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        if (pthread_create(&t[i], NULL, in_thread, arg) != 0) return;
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
}

static void do_transfer(void *arg) {
    const int *fds = arg;
    char text[16];
    ssize_t n = read(fds[0], text, sizeof text);
    *answer = n > 0 && write(fds[1], text, (size_t)n) == n;
}

static void do_open(void *arg) {
    *answer = open(arg, O_RDONLY) < 0 && errno == EACCES && openat(AT_FDCWD, arg, O_WRONLY | O_CREAT, 0600) < 0 && errno == EACCES;
}

static void do_protect(void *arg) {
    (void)arg;
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *answer = p != MAP_FAILED && mprotect(p, 4096, PROT_READ) == 0;
}

/* ---- what it does not ---- */
static void do_socket(void *arg) { (void)arg, socket(AF_INET, SOCK_STREAM, 0); }
static void do_exec(void *arg) { execl("/bin/true", "true", arg, NULL); }
static void do_fork(void *arg) { (void)arg, syscall(__NR_clone, SIGCHLD, 0, 0, 0, 0); }
static void do_unlink(void *arg) { unlink(arg); }
static void do_rename(void *arg) { (void)rename(arg, "elsewhere"); }
static void do_kill(void *arg) { kill(getppid(), (int)(intptr_t)arg); }
static void do_signal(void *arg) { raise((int)(intptr_t)arg); }
static void do_chmod(void *arg) { chmod(arg, 0777); }
#ifndef __s390x__
static void do_run_memory(void *arg) { (void)arg, mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }
#endif
static void do_make_runnable(void *arg) { mprotect(arg, 4096, PROT_READ | PROT_EXEC); }
static void do_ptrace(void *arg) { (void)arg, syscall(__NR_ptrace, 0, 0, 0, 0); }
static void do_crash(void *arg) {
    signal(SIGSEGV, SIG_DFL);                /* CMocka's handler */
    *(volatile int *)arg = 1;
}
static void do_exit(void *arg) { _exit((int)(intptr_t)arg); }

/* Skips the test where the system has no sandbox (an emulator, an old kernel), after the error that the program would print. */
static void open_or_skip(sandbox *s) {
    vqz_error e = {.offset = NO_OFFSET};
    vqz_status status = sandbox_open(s, sizeof *answer, &e);
    if (status == VQZ_ERR_UNSUPPORTED) {
        print_message("no sandbox here: %s\n", e.text);
        skip();
    }
    assert_int_equal(status, VQZ_OK);
    answer = s->shared;
    *answer = 0;
}

static void test_allowed(void **state) {
    (void)state;
    sandbox s;
    vqz_error e = {.offset = NO_OFFSET};
    open_or_skip(&s);
    assert_int_equal(sandbox_run(do_threads, answer, &e), VQZ_OK);
    assert_int_equal(*answer, 4);
    int in[2], out[2];
    char text[8] = "";
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    assert_int_equal(write(in[1], "bytes", 5), 5);
    *answer = 0;
    assert_int_equal(sandbox_run(do_transfer, (int[]){in[0], out[1]}, &e), VQZ_OK);
    assert_int_equal(*answer, 1);
    assert_int_equal(read(out[0], text, sizeof text), 5);
    assert_string_equal(text, "bytes");
    for (int i = 0; i < 2; i++) {
        close(in[i]);
        close(out[i]);
    }
    *answer = 0;
    assert_int_equal(sandbox_run(do_protect, NULL, &e), VQZ_OK);
    assert_int_equal(*answer, 1);
    *answer = 0;
    assert_int_equal(sandbox_run(do_open, "/etc/passwd", &e), VQZ_OK);     /* refused, not ended */
    assert_int_equal(*answer, 1);
    sandbox_close(&s);
}

static void test_ended(void **state) {
    (void)state;
    char name[] = "/tmp/vqz-test-XXXXXX";
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const struct { void (*work)(void *); void *arg; const char *why; } table[] = {
        {do_socket, NULL, "not allowed"},      {do_exec, NULL, "not allowed"},   {do_fork, NULL, "not allowed"},
        {do_unlink, name, "not allowed"},      {do_rename, name, "not allowed"}, {do_kill, (void *)SIGKILL, "not allowed"},
        {do_signal, (void *)SIGUSR1, "not allowed"}, {do_chmod, name, "not allowed"}, {do_ptrace, NULL, "not allowed"},
#ifndef __s390x__
        {do_run_memory, NULL, "not allowed"},
#endif
        {do_make_runnable, page, "not allowed"}, {do_exit, (void *)5, "status 5"}};
    sandbox s;
    open_or_skip(&s);
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        vqz_error e = {.offset = NO_OFFSET};
        assert_int_equal(sandbox_run(table[i].work, table[i].arg, &e), VQZ_ERR_INTERNAL);
        if (!strstr(e.text, table[i].why)) fail_msg("call %zu: %s", i, e.text);
    }
#ifndef __SANITIZE_ADDRESS__                  /* which makes a crash an exit */
    vqz_error e = {.offset = NO_OFFSET};
    assert_int_equal(sandbox_run(do_crash, (void *)8, &e), VQZ_ERR_INTERNAL);
    assert_non_null(strstr(e.text, "died"));
#else
    (void)do_crash;
#endif
    assert_int_equal(access(name, F_OK), 0);
    unlink(name);
    munmap(page, 4096);
    sandbox_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_allowed), cmocka_unit_test(test_ended)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
