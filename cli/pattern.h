/* Names of numbered files: "f%03d.png". */
#ifndef VQZ_CLI_PATTERN_H
#define VQZ_CLI_PATTERN_H
#include <stdbool.h>
#include <stdint.h>

/* Whether the name has exactly one %d, %4d or %04d, and no other % than %%. */
bool pattern_is(const char *name);
/* The name of number n, which the caller frees; NULL: out of memory. */
char *pattern_name(const char *pattern, uint64_t n);
/* Number of the first file, 0 to 4, or -1: there is none of these, or a file has the pattern itself as its name. */
int pattern_first(const char *pattern);
#endif
