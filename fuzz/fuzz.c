#include "fuzz/fuzz.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#if defined __SANITIZE_ADDRESS__
#define MEASURE_MEMORY 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define MEASURE_MEMORY 1
#endif
#endif

void fuzz_failed(const char *what, const char *file, int line) {
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

void fuzz_check_error(vqz_status s, const vqz_error *e) {
    FUZZ_CHECK((s >= VQZ_ERR_ARGUMENT && s < VQZ_ERR_INTERNAL) || s == VQZ_ERR_REFERENCE);
    FUZZ_CHECK(e->status == s);
    FUZZ_CHECK(e->text[0]);
}

/* ---- models ---- */
extern const uint8_t fuzz_models[], fuzz_models_1[], fuzz_models_2[], fuzz_models_3[], fuzz_models_end[];   /* models.S */

vqz_model *fuzz_model(unsigned i) {
    static const uint8_t *const at[] = {fuzz_models, fuzz_models_1, fuzz_models_2, fuzz_models_3, fuzz_models_end};
    static vqz_model *models[FUZZ_MODELS];
    vqz_error e = {0};
    if (models[i]) return models[i];
    vqz_status s = i < FUZZ_SMALL_MODELS ? vqz_model_open(&models[i], at[i], (size_t)(at[i + 1] - at[i]), &e) : vqz_model_builtin(&models[i], 0, &e);
    if (s != VQZ_OK) fuzz_failed(e.text, __FILE__, __LINE__);
    return models[i];
}

const uint8_t *fuzz_model_id(unsigned i) {
    static vqz_model_info info[FUZZ_MODELS];
    if (!info[i].size) vqz_model_get_info(fuzz_model(i), &info[i]);
    return info[i].id;
}

uint8_t fuzz_byte(fuzz_bytes *b) {
    if (!b->size) return 0;
    if (b->at == b->size) {
        b->at = 0;
        b->turn = (uint8_t)(b->turn + 37);
    }
    return (uint8_t)(b->data[b->at++] + b->turn);
}

/* ---- budget ---- */
#ifdef MEASURE_MEMORY
/* of sanitizer/allocator_interface.h, which gcc does not bring */
int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void *, size_t), void (*freed)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *p);
static _Atomic int64_t live, most;

static void allocated(const volatile void *p, size_t n) {
    (void)p;
    int64_t now = atomic_fetch_add(&live, (int64_t)n) + (int64_t)n, top = atomic_load(&most);
    while (now > top && !atomic_compare_exchange_weak(&most, &top, now)) {}
}

static void freed(const volatile void *p) {
    if (p) atomic_fetch_sub(&live, (int64_t)__sanitizer_get_allocated_size(p));
}
#endif

static double processor_time(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

fuzz_budget fuzz_begin(void) {
#ifdef MEASURE_MEMORY
    static bool hooked;
    if (!hooked) FUZZ_CHECK(__sanitizer_install_malloc_and_free_hooks(allocated, freed) != 0);
    hooked = true;
    live = most = 0;
#endif
    return (fuzz_budget){processor_time()};
}

/* Generous: sanitizers cost a factor of ten, and machines differ. What is sought is another order of growth. */
void fuzz_end(const fuzz_budget *b, uint64_t size, uint64_t pixels, uint64_t macs) {
    double seconds = processor_time() - b->start, allowed = 2 + 20e-6 * (double)(size + pixels) + 50e-9 * (double)(pixels * macs);
    if (seconds > allowed) {
        fprintf(stderr, "%.2f s for %llu bytes and %llu pixels, at most %.2f s\n", seconds, (unsigned long long)size, (unsigned long long)pixels, allowed);
        fuzz_failed("time in proportion to pixels", __FILE__, __LINE__);
    }
#ifdef MEASURE_MEMORY
    int64_t bytes = most, room = (24 << 20) + 64 * (int64_t)size + 512 * (int64_t)pixels;
    if (bytes > room) {
        fprintf(stderr, "%lld bytes of memory for %llu bytes and %llu pixels, at most %lld\n", (long long)bytes, (unsigned long long)size,
                (unsigned long long)pixels, (long long)room);
        fuzz_failed("memory in proportion to pixels", __FILE__, __LINE__);
    }
#endif
}
