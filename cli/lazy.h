/* Libraries that few files need, and that would cost every start of vqz milliseconds: they are loaded for the first of those files. */
#ifndef VQZ_CLI_LAZY_H
#define VQZ_CLI_LAZY_H
#include "cli/stream.h"

typedef struct lazy_symbol {
    const char *name;
    void *place;                 /* of a pointer to the function */
} lazy_symbol;

typedef struct lazy_library {
    const char *name, *needed_for;       /* "libtiff.so.6", "TIFF" */
    const lazy_symbol *symbols;
    size_t count;
    void (*ready)(void);         /* once, when all symbols are there; or NULL */
    bool loaded;
} lazy_library;

/* VQZ_ERR_UNSUPPORTED: it is not on this machine, or another version. */
vqz_status lazy_load(lazy_library *l, vqz_error *e);

/* The name that CMake gives, without quotes, which not all tools that read compile_commands.json understand. */
#define LAZY_STRING(name) #name
#define LAZY_NAME(name) LAZY_STRING(name)

/* A table of functions, FUNCTIONS(X) being X(name) for each: `LAZY_POINTER` declares the pointer name_, LAZY_SYMBOL its row. */
#define LAZY_POINTER(name) static __typeof__(name) *name##_;
#define LAZY_SYMBOL(name) {#name, &name##_},
#endif
