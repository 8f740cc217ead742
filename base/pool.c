#include "base/pool.h"
#include <pthread.h>
#include <unistd.h>

enum { MAX_THREADS = 256 };

struct vqz_pool {
    vqz_memory *mem;
    pthread_t *threads;
    unsigned count;                          /* threads beside the caller */
    pthread_mutex_t lock;
    pthread_cond_t start, done, step;        /* step: an iteration that somebody waits for may be done */
    uint64_t generation;                     /* counts loops; a change wakes the workers */
    bool quit;
    unsigned running, joined;                /* workers in the present loop; worker numbers given out */
    void (*run)(void *, size_t, unsigned);
    void *arg;
    size_t n, next;
    unsigned waiting;
    size_t *at;                              /* [count + 1]: each worker's iteration, n: none */
};

/* With the lock held. */
static void work(vqz_pool *p, unsigned worker) {
    while (p->next < p->n) {
        const size_t i = p->at[worker] = p->next++;
        pthread_mutex_unlock(&p->lock);
        p->run(p->arg, i, worker);
        pthread_mutex_lock(&p->lock);
        p->at[worker] = p->n;
        if (p->waiting) pthread_cond_broadcast(&p->step);
    }
}

static bool is_running(const vqz_pool *p, size_t i) {
    for (unsigned k = 0; k <= p->count; k++)
        if (p->at[k] == i) return true;
    return false;
}

void vqz_pool_wait(vqz_pool *p, size_t i) {
    if (p->count == 0) return;
    pthread_mutex_lock(&p->lock);
    p->waiting++;
    while (is_running(p, i)) pthread_cond_wait(&p->step, &p->lock);
    p->waiting--;
    pthread_mutex_unlock(&p->lock);
}

static void *worker_main(void *arg) {
    vqz_pool *p = arg;
    pthread_mutex_lock(&p->lock);
    unsigned me = ++p->joined;
    uint64_t seen = 0;
    for (;;) {
        while (!p->quit && p->generation == seen) pthread_cond_wait(&p->start, &p->lock);
        if (p->quit) break;
        seen = p->generation;
        work(p, me);
        if (--p->running == 0) pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

vqz_status vqz_pool_create(vqz_pool **pool, vqz_memory *mem, unsigned threads, unsigned most, vqz_error *e) {
    void *q;
    *pool = NULL;
    if (threads == 0) {
        long n = sysconf(_SC_NPROCESSORS_ONLN);
        threads = n > 0 ? (unsigned)n : 1;
    }
    if (threads > most) threads = most;
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    VQZ_TRY(vqz_alloc(mem, &q, 1, sizeof(vqz_pool) + threads * (sizeof(pthread_t) + sizeof(size_t)), e));
    vqz_pool *p = q;
    p->mem = mem;
    p->threads = (pthread_t *)(p + 1);
    p->at = (size_t *)(p->threads + threads);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->start, NULL);
    pthread_cond_init(&p->done, NULL);
    pthread_cond_init(&p->step, NULL);
    while (p->count + 1 < threads && pthread_create(&p->threads[p->count], NULL, worker_main, p) == 0) p->count++;
    *pool = p;
    return VQZ_OK;
}

void vqz_pool_free(vqz_pool *p) {
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->quit = true;
    pthread_cond_broadcast(&p->start);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->count; i++) pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->step);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->start);
    pthread_mutex_destroy(&p->lock);
    vqz_free(p->mem, p);
}

unsigned vqz_pool_size(const vqz_pool *p) { return p->count + 1; }

void vqz_pool_run(vqz_pool *p, size_t n, void (*run)(void *, size_t, unsigned), void *arg) {
    if (n <= 1 || p->count == 0) {
        for (size_t i = 0; i < n; i++) run(arg, i, 0);
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->run = run;
    p->arg = arg;
    p->n = n;
    p->next = 0;
    for (unsigned k = 0; k <= p->count; k++) p->at[k] = n;
    p->running = p->count;
    p->generation++;
    pthread_cond_broadcast(&p->start);
    work(p, 0);
    while (p->running) pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}
