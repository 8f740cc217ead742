/* The line that shows how far a run is. */
#ifndef VQZ_CLI_BAR_H
#define VQZ_CLI_BAR_H
#include <stddef.h>
#include <stdint.h>

typedef struct bar {
    size_t done, total;          /* files */
    uint64_t size_done, size_total;      /* bytes of the inputs of those, skipped ones not counted as work */
    uint64_t bytes_in, bytes_out;
    double pixels, seconds;      /* of files that were worked on; so far */
    const char *file;            /* the present one, or NULL */
} bar;

/* One line of text, in UTF-8, that fills `columns` of a terminal at most; control characters of the file's name are replaced. Returns its bytes. */
size_t bar_text(const bar *b, unsigned columns, char *text, size_t size);
/* Replaces control characters in place, so that a line stays one and moves nothing; other bytes that are no UTF-8 stay. */
void bar_clean(char *text);
/* Columns of the terminal on this file, which may change at any time; 80 where it does not say. */
unsigned bar_columns(int fd);
#endif
