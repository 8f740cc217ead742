#define _GNU_SOURCE
#include "cli/workers.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

/* For the signals that end the program: the processes end first, with their temporary files. */
enum { PROCESSES_MOST = 1024 };
static volatile pid_t running[PROCESSES_MOST];

static void end_all(void) {
    for (unsigned i = 0; i < PROCESSES_MOST; i++)
        if (running[i] > 0) kill(running[i], SIGTERM);
    for (unsigned i = 0; i < PROCESSES_MOST; i++)
        if (running[i] > 0) waitpid(running[i], NULL, 0);
}

enum { AHEAD = 64, TICK_MS = 200 };      /* results that wait for an earlier one: so many for each process */
#define NO_JOB SIZE_MAX

typedef struct worker {
    pid_t pid;
    int link;                    /* -1: there is no process */
    size_t job;                  /* what it works on, or NO_JOB */
} worker;

typedef struct pool {
    const workers_plan *plan;
    worker *workers;
    struct pollfd *polls;
    uint8_t **results;           /* of job n at n % window, until it is taken */
    uint8_t *arriving;
    size_t window, next, taken;  /* jobs given out, and taken */
} pool;

static bool transfer(int fd, void *bytes, size_t size, bool out) {
    for (uint8_t *p = bytes; size;) {
        const ssize_t n = out ? send(fd, p, size, MSG_NOSIGNAL) : recv(fd, p, size, 0);
        if (n == 0 || (n < 0 && errno != EINTR)) return false;
        if (n > 0) {
            p += n;
            size -= (size_t)n;
        }
    }
    return true;
}

/* ---- in the process ---- */
static void serve(const pool *p, int link, pid_t parent) {
    const workers_plan *plan = p->plan;
    size_t number;
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGTERM);    /* whose handler removes the temporary file */
    if (getppid() != parent) _exit(0);
#else
    (void)parent;
#endif
    for (unsigned i = 0; i < plan->processes; i++)
        if (p->workers[i].link >= 0) close(p->workers[i].link);
    plan->begin(plan->context, link);
    while (transfer(link, &number, sizeof number, false)) {
        plan->work(plan->context, number, p->arriving);
        if (!transfer(link, p->arriving, plan->result_size, true)) break;
    }
    _exit(0);
}

/* ---- in this one ---- */
static bool start(pool *p, worker *w) {
    int links[2];
    *w = (worker){.link = -1, .job = NO_JOB};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, links) != 0) return false;
    const pid_t parent = getpid();
    sigset_t before;
    stream_block_signals(&before);       /* or one that comes now would leave a process behind */
    w->pid = fork();
    if (w->pid == 0) {
        stream_at_signal(NULL);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        close(links[0]);
        serve(p, links[1], parent);
    }
    running[w - p->workers] = w->pid;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(links[1]);
    if (w->pid < 0) close(links[0]);
    else w->link = links[0];
    return w->pid > 0;
}

/* Waits for the end of a process; why it ended, in `text`. */
static void stop(const pool *p, worker *w, char *text, size_t size) {
    int status;
    pid_t done;
    close(w->link);
    w->link = -1;
    do done = waitpid(w->pid, &status, 0);
    while (done < 0 && errno == EINTR);
    running[w - p->workers] = 0;
    if (done < 0) snprintf(text, size, "lost the process: %s", strerror(errno));
    else if (WIFSIGNALED(status)) snprintf(text, size, "the process that worked on it died: %s", strsignal(WTERMSIG(status)));
    else snprintf(text, size, "the process that worked on it ended with status %d", WEXITSTATUS(status));
}

static uint8_t **place(const pool *p, size_t number) { return &p->results[number % p->window]; }

static void keep(pool *p, size_t number, const uint8_t *result) {
    memcpy(*place(p, number), result, p->plan->result_size);
    (*place(p, number))[p->plan->result_size] = 1;
}

static void take_ready(pool *p) {
    for (; p->taken < p->next && (*place(p, p->taken))[p->plan->result_size]; p->taken++) {
        uint8_t *result = *place(p, p->taken);
        p->plan->take(p->plan->context, p->taken, result);
        result[p->plan->result_size] = 0;
    }
}

static void fail_job(pool *p, size_t number, const char *why) {
    p->plan->lost(p->plan->context, number, why, p->arriving);
    keep(p, number, p->arriving);
}

static void bury(pool *p, worker *w) {
    char why[120];
    const size_t job = w->job;
    stop(p, w, why, sizeof why);
    w->job = NO_JOB;
    if (job != NO_JOB) fail_job(p, job, why);
}

static void hand_out(pool *p) {
    for (unsigned i = 0; i < p->plan->processes; i++) {
        worker *w = &p->workers[i];
        if (p->next == p->plan->count || p->next - p->taken >= p->window) return;
        if (w->job != NO_JOB || (w->link < 0 && !start(p, w))) continue;
        w->job = p->next++;
        if (!transfer(w->link, &w->job, sizeof w->job, true)) bury(p, w);
    }
}

static bool any_works(const pool *p) {
    for (unsigned i = 0; i < p->plan->processes; i++)
        if (p->workers[i].link >= 0 && p->workers[i].job != NO_JOB) return true;
    return false;
}

static void listen_to(pool *p) {
    for (unsigned i = 0; i < p->plan->processes; i++) p->polls[i] = (struct pollfd){p->workers[i].job != NO_JOB ? p->workers[i].link : -1, POLLIN, 0};
    if (poll(p->polls, p->plan->processes, TICK_MS) <= 0) return;
    for (unsigned i = 0; i < p->plan->processes; i++) {
        worker *w = &p->workers[i];
        if (!p->polls[i].revents) continue;
        if (transfer(w->link, p->arriving, p->plan->result_size, false)) {
            keep(p, w->job, p->arriving);
            w->job = NO_JOB;
        } else bury(p, w);
    }
}

static void run(pool *p) {
    while (p->taken < p->plan->count) {
        hand_out(p);
        p->plan->tick(p->plan->context);
        if (!any_works(p) && p->next < p->plan->count && p->next - p->taken < p->window) fail_job(p, p->next++, "cannot start a process for it");
        else if (any_works(p)) listen_to(p);
        take_ready(p);
    }
    for (unsigned i = 0; i < p->plan->processes; i++) {
        char why[120];
        if (p->workers[i].link >= 0) stop(p, &p->workers[i], why, sizeof why);
    }
}

static bool allocate(pool *p) {
    const unsigned n = p->plan->processes;
    p->window = (size_t)AHEAD * n;
    p->workers = calloc(n, sizeof *p->workers);
    p->polls = calloc(n, sizeof *p->polls);
    p->arriving = calloc(1, p->plan->result_size);
    p->results = calloc(p->window, sizeof *p->results);
    for (size_t i = 0; p->results && i < p->window; i++)
        if (!(p->results[i] = calloc(1, p->plan->result_size + 1))) return false;
    for (unsigned i = 0; p->workers && i < n; i++) p->workers[i] = (worker){.link = -1, .job = NO_JOB};
    return p->workers && p->polls && p->arriving && p->results;
}

vqz_status workers_run(const workers_plan *plan, vqz_error *e) {
    pool p = {.plan = plan};
    const bool good = allocate(&p);
    stream_at_signal(end_all);
    if (good) run(&p);
    stream_at_signal(NULL);
    for (size_t i = 0; p.results && i < p.window; i++) free(p.results[i]);
    free(p.results);
    free(p.arriving);
    free(p.polls);
    free(p.workers);
    return good ? VQZ_OK : cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
}
