/* A target as a plain program, for compilers without libFuzzer, for AFL++ (afl-fuzz ... -- fuzz_NAME @@) and for tests.
 * fuzz_NAME [-mutate=N] [-keep=FILE] PATH...   runs every file, and every file in folders, and says their names; with -mutate also N
 * variants of each, the same ones every time, each kept in FILE until it has ended well. Ends with 0 where there was at least one. */
#include "fuzz/fuzz.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#pragma weak LLVMFuzzerCustomMutator

enum { MOST = 1 << 20 };
static unsigned long variants, runs;
static uint32_t state;
static const char *kept;

static void keep(const uint8_t *data, size_t size) {
    FILE *f = kept ? fopen(kept, "wb") : NULL;
    if (!f) return;
    fwrite(data, 1, size, f);
    fclose(f);
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most) {
    static const uint8_t values[] = {0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 129, 254, 255};
    size_t at = size ? fuzz_random(&state) % size : 0, n = 1 + fuzz_random(&state) % 8;
    switch (fuzz_random(&state) % 5) {
    case 0:
        if (size) data[at] ^= (uint8_t)(1u << fuzz_random(&state) % 8);
        return size;
    case 1:
        if (size) data[at] = values[fuzz_random(&state) % sizeof values];
        return size;
    case 2:
        if (n > most - size) return size;
        memmove(data + at + n, data + at, size - at);
        for (size_t i = 0; i < n; i++) data[at + i] = (uint8_t)fuzz_random(&state);
        return size + n;
    case 3:
        if (n > size - at) n = size - at;
        if (n == size) return size;
        memmove(data + at, data + at + n, size - at - n);
        return size - n;
    default:
        if (n > size - at) n = size - at;
        if (n) memmove(data + at, data + fuzz_random(&state) % (size - n + 1), n);
        return size;
    }
}

static void run(const uint8_t *data, size_t size) {
    uint8_t *own = malloc(size ? size : 1);          /* of exactly this size, so that a sanitizer sees a step too far */
    if (!own) abort();
    memcpy(own, data, size);
    LLVMFuzzerTestOneInput(own, size);
    free(own);
    runs++;
}

static void run_file(const char *path) {
    static uint8_t data[MOST], variant[MOST];
    FILE *f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    size_t size = fread(data, 1, sizeof data, f);
    fclose(f);
    fprintf(stderr, "%s\n", path);
    run(data, size);
    state = (uint32_t)size;
    for (unsigned long i = 0; i < variants; i++) {
        memcpy(variant, data, size);
        size_t n = size;
        for (unsigned long k = 0; k <= i % 3; k++)
            n = LLVMFuzzerCustomMutator ? LLVMFuzzerCustomMutator(variant, n, MOST, fuzz_random(&state)) : LLVMFuzzerMutate(variant, n, MOST);
        keep(variant, n);
        run(variant, n);
    }
}

static void run_path(const char *path) {
    struct stat s;
    struct dirent **names;
    if (stat(path, &s) || !S_ISDIR(s.st_mode)) {
        run_file(path);
        return;
    }
    int n = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char inner[4096];
        snprintf(inner, sizeof inner, "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.') run_path(inner);
        free(names[i]);
    }
    if (n >= 0) free(names);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "-mutate=", 8) == 0) variants = strtoul(argv[i] + 8, NULL, 10);
        else if (strncmp(argv[i], "-keep=", 6) == 0) kept = argv[i] + 6;
        else run_path(argv[i]);
    }
    printf("%lu inputs\n", runs);
    return runs ? 0 : 1;
}
