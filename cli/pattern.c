#include "cli/pattern.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The width of the number, or -1; *end is behind its d. */
static int width_of(const char *percent, const char **end, bool *zeros) {
    const char *p = percent + 1;
    *zeros = *p == '0';
    int width = 0;
    for (; *p >= '0' && *p <= '9' && width < 10; p++) width = 10 * width + (*p - '0');
    *end = p + 1;
    return *p == 'd' && width <= 20 ? width : -1;
}

bool pattern_is(const char *name) {
    int numbers = 0;
    bool zeros;
    for (const char *p = name; (p = strchr(p, '%'));) {
        if (p[1] == '%') p += 2;
        else if (width_of(p, &p, &zeros) < 0 || ++numbers > 1) return false;
    }
    return numbers == 1;
}

char *pattern_name(const char *pattern, uint64_t n) {
    size_t size = strlen(pattern) + 32, at = 0;
    char *name = malloc(size);
    bool zeros;
    if (!name) return NULL;
    for (const char *p = pattern; *p;) {
        if (*p != '%' || p[1] == '%') {
            name[at++] = *p;
            p += *p == '%' ? 2 : 1;
            continue;
        }
        int width = width_of(p, &p, &zeros);
        at += (size_t)snprintf(name + at, size - at, zeros ? "%0*llu" : "%*llu", width, (unsigned long long)n);
    }
    name[at] = 0;
    return name;
}

int pattern_first(const char *pattern) {
    if (!pattern_is(pattern) || access(pattern, F_OK) == 0) return -1;
    for (int n = 0; n < 5; n++) {
        char *name = pattern_name(pattern, (uint64_t)n);
        bool there = name && access(name, F_OK) == 0;
        free(name);
        if (there) return n;
    }
    return -1;
}
