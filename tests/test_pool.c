/* base/pool and base/arena. */
#include "base/arena.h"
#include "base/pool.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

enum { JOBS = 1000, WORKERS = 8 };

typedef struct counts {
    atomic_int seen[JOBS], busy[WORKERS];
    atomic_int clashes;
    unsigned workers;
} counts;

static void job(void *arg, size_t i, unsigned worker) {
    counts *c = arg;
    if (worker >= c->workers || atomic_fetch_add(&c->busy[worker], 1) != 0) atomic_fetch_add(&c->clashes, 1);
    atomic_fetch_add(&c->seen[i], 1);
    atomic_fetch_sub(&c->busy[worker], 1);
}

/* Every iteration once, no worker number twice at a time, loop after loop. */
static void every_job_once(void **state) {
    (void)state;
    for (unsigned threads = 1; threads <= WORKERS; threads += 7)
        for (size_t n = 0; n <= JOBS; n = n * 10 + 1) {
            vqz_memory mem;
            vqz_pool *pool;
            static counts c;
            vqz_memory_init(&mem, 1 << 20);
            assert_int_equal(vqz_pool_create(&pool, &mem, threads, 100, NULL), VQZ_OK);
            c = (counts){.workers = vqz_pool_size(pool)};
            assert_in_range(c.workers, 1, threads);
            for (int loop = 1; loop <= 20; loop++) {
                vqz_pool_run(pool, n, job, &c);
                for (size_t i = 0; i < JOBS; i++) assert_int_equal(c.seen[i], i < n ? loop : 0);
            }
            assert_int_equal(c.clashes, 0);
            vqz_pool_free(pool);
            assert_int_equal(mem.used, 0);
        }
}

/* What each iteration finds of the ones it waits for. */
typedef struct chain {
    vqz_pool *pool;
    atomic_int made[JOBS];
    atomic_int early;
} chain;

static void link_job(void *arg, size_t i, unsigned worker) {
    chain *c = arg;
    (void)worker;
    for (size_t k = i < 3 ? 0 : i - 3; k < i; k++) {
        vqz_pool_wait(c->pool, k);
        if (!c->made[k]) atomic_fetch_add(&c->early, 1);
    }
    for (volatile unsigned spin = 0; spin < i % 7 * 300; spin++) {}
    atomic_fetch_add(&c->made[i], 1);
}

/* Iterations that depend on those before them. */
static void waiting(void **state) {
    (void)state;
    for (unsigned threads = 1; threads <= WORKERS; threads++) {
        vqz_memory mem;
        static chain c;
        vqz_memory_init(&mem, 1 << 20);
        c = (chain){0};
        assert_int_equal(vqz_pool_create(&c.pool, &mem, threads, 100, NULL), VQZ_OK);
        for (int loop = 1; loop <= 5; loop++) {
            vqz_pool_run(c.pool, JOBS, link_job, &c);
            for (size_t i = 0; i < JOBS; i++) assert_int_equal(atomic_exchange(&c.made[i], 0), 1);
        }
        assert_int_equal(c.early, 0);
        vqz_pool_free(c.pool);
    }
}

static void default_size(void **state) {
    (void)state;
    vqz_memory mem;
    vqz_pool *pool;
    vqz_memory_init(&mem, 1 << 20);
    assert_int_equal(vqz_pool_create(&pool, &mem, 0, 100, NULL), VQZ_OK);
    assert_true(vqz_pool_size(pool) >= 1);
    vqz_pool_free(pool);
    assert_int_equal(vqz_pool_create(&pool, &mem, 7, 3, NULL), VQZ_OK);
    assert_in_range(vqz_pool_size(pool), 1, 3);          /* no idle threads */
    vqz_pool_free(pool);
    vqz_memory_init(&mem, 16);
    assert_int_equal(vqz_pool_create(&pool, &mem, 1, 1, NULL), VQZ_ERR_LIMIT);
    assert_null(pool);
}

/* The plan and the carving agree, arrays are aligned and do not overlap, and sizes that do not fit are noticed. */
static void arena(void **state) {
    (void)state;
    static _Alignas(64) uint8_t block[512];
    vqz_arena plan = {0}, fill = {.base = block};
    vqz_arena *both[] = {&plan, &fill};
    uint16_t *a = NULL;
    uint64_t *b = NULL;
    for (int i = 0; i < 2; i++) {
        VQZ_TAKE(both[i], a, 33);
        VQZ_TAKE(both[i], b, 9);
        assert_int_equal(both[i]->used, 128 + 128);
        if (i == 0) assert_null(a);
    }
    assert_ptr_equal(a, block);
    assert_ptr_equal(b, block + 128);
    assert_null(vqz_take(&plan, SIZE_MAX / 2, 3));
    assert_true(plan.overflow);
    assert_null(vqz_take(&fill, SIZE_MAX - 10, 1));
    assert_true(fill.overflow);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_job_once), cmocka_unit_test(waiting), cmocka_unit_test(default_size), cmocka_unit_test(arena)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
