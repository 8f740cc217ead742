/* What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput, linked with libFuzzer (VQZ_BUILD_FUZZERS) or with
 * main.c, which runs files. */
#ifndef VQZ_FUZZ_H
#define VQZ_FUZZ_H
#include "base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *out, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);   /* libFuzzer's, or main.c's */

/* A promise that does not hold: says which, and ends the program. */
_Noreturn void fuzz_failed(const char *what, const char *file, int line);
#define FUZZ_CHECK(condition) do { if (!(condition)) fuzz_failed(#condition, __FILE__, __LINE__); } while (0)
/* An error as the library reports it: a status that exists and a text that says why. */
void fuzz_check_error(vqz_status s, const vqz_error *e);

/* Models 0..3 are those of conformance/models, the last one is the built-in one. Opened once, for the process. */
enum { FUZZ_SMALL_MODELS = 4, FUZZ_MODELS };
vqz_model *fuzz_model(unsigned i);
const uint8_t *fuzz_model_id(unsigned i);

/* Values that an input chooses: its bytes, and again from the start with others where they end. */
typedef struct fuzz_bytes {
    const uint8_t *data;
    size_t size, at;
    uint8_t turn;
} fuzz_bytes;
uint8_t fuzz_byte(fuzz_bytes *b);
static inline unsigned fuzz_below(fuzz_bytes *b, unsigned n) { return (fuzz_byte(b) | (unsigned)fuzz_byte(b) << 8) % n; }

/* Chooses for mutators. */
static inline uint32_t fuzz_random(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* An input may take time and memory in proportion to its own size and to the pixels that it declares, no more: between begin and end it is
 * measured, processor time always, live memory where a sanitizer tells of it. `macs`: of one pixel, as the model says. */
typedef struct fuzz_budget { double start; } fuzz_budget;
fuzz_budget fuzz_begin(void);
void fuzz_end(const fuzz_budget *b, uint64_t size, uint64_t pixels, uint64_t macs);
#endif
