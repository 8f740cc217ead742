/* Patterns of names, as .gitignore has them, and which files of a folder a list of them takes. */
#ifndef VQZ_CLI_GLOB_H
#define VQZ_CLI_GLOB_H
#include <stdbool.h>
#include <stddef.h>

typedef struct filter {
    const char *pattern;
    bool include;
} filter;

/* Whether the whole of `text` matches: * and ? any characters but /, [a-z] and [!a-z] one of them, ** any, \ takes the next character as it is. */
bool glob_matches(const char *pattern, const char *text);
/* Whether the pattern takes the file of this path below a folder: a pattern without / names a file or a folder at any depth, one with / a path from the top; one that
 * ends with / only folders. What names a folder takes all that is in it. */
bool filter_matches(const char *pattern, const char *path);
/* The last filter that matches decides. Where none does, a file is taken unless the first filter is an include. */
bool filters_take(const filter *filters, size_t count, const char *path);
/* Whether nothing in this folder will be taken. */
bool filters_prune(const filter *filters, size_t count, const char *folder);
#endif
