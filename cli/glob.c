#include "cli/glob.h"
#include <string.h>

/* The character class at p, behind [; *end is behind its ]. 1: c is in it, 0: it is not, -1: the ] is missing, and [ stands for itself. */
static int in_class(const char *p, unsigned char c, const char **end) {
    const bool negated = *p == '!' || *p == '^';
    bool found = false;
    if (negated) p++;
    for (bool first = true; first || *p != ']'; first = false) {
        if (*p == '\\' && p[1]) p++;
        if (!*p) return -1;
        const unsigned char low = (unsigned char)*p++;
        unsigned char high = low;
        if (*p == '-' && p[1] && p[1] != ']') {
            p += p[1] == '\\' && p[2] ? 2 : 1;
            high = (unsigned char)*p++;
        }
        found |= low <= c && c <= high;
    }
    *end = p + 1;
    return found != negated && c != '/';
}

/* One character of the text against what stands at *p, which is no star; moves *p behind it. */
static bool one_matches(const char **p, char c) {
    const char *at = *p, *end;
    if (*at == '[') {
        const int in = in_class(at + 1, (unsigned char)c, &end);
        if (in >= 0) {
            *p = end;
            return in;
        }
    }
    if (*at == '?') {
        *p = at + 1;
        return c != '/';
    }
    if (*at == '\\' && at[1]) at++;
    *p = at + 1;
    return *at == c;
}

/* Where a star may still take more: * and ** each need the last one only. */
typedef struct retry { const char *pattern, *text; } retry;

bool glob_matches(const char *pattern, const char *text) {
    retry star = {0}, stars = {0};
    const char *p = pattern, *t = text;
    for (;;) {
        if (*p == '*') {
            const bool two = p[1] == '*';
            while (*p == '*') p++;
            if (two) {
                stars = (retry){p, t};
                star = (retry){0};
                if (*p == '/' && (p - pattern == 2 || p[-3] == '/')) p++;   /* it may also stand for no folder at all */
            } else star = (retry){p, t};
            continue;
        }
        if (!*t && !*p) return true;
        const char *next = p;
        if (*t && *p && one_matches(&next, *t)) {
            p = next;
            t++;
        } else if (star.pattern && *star.text && *star.text != '/') {
            t = ++star.text;
            p = star.pattern;
        } else if (stars.pattern && *stars.text) {
            t = ++stars.text;
            p = stars.pattern;
            star = (retry){0};
        } else return false;
    }
}

enum { LONGEST = 4096 };         /* of a path */

static bool part_matches(const char *pattern, const char *part, size_t n) {
    char text[LONGEST];
    if (n >= sizeof text) return false;
    memcpy(text, part, n);
    text[n] = 0;
    return glob_matches(pattern, text);
}

/* `path` is that of a folder, where `folder` says so. */
static bool matches(const char *pattern, const char *path, bool folder) {
    char own[LONGEST];
    size_t size = strlen(pattern);
    if (size >= sizeof own) return false;
    const bool folders_only = size && pattern[size - 1] == '/';
    while (size && pattern[size - 1] == '/') size--;
    memcpy(own, pattern, size);
    own[size] = 0;
    const bool from_top = strchr(own, '/') != NULL;
    const char *name = own + (own[0] == '/');
    for (const char *part = path, *end; *part; part = end + (*end == '/')) {
        end = part + strcspn(part, "/");
        if (!*end && folders_only && !folder) return false;
        if (from_top ? part_matches(name, path, (size_t)(end - path)) : part_matches(name, part, (size_t)(end - part))) return true;
    }
    return false;
}

bool filter_matches(const char *pattern, const char *path) { return matches(pattern, path, false); }

bool filters_take(const filter *filters, size_t count, const char *path) {
    for (size_t i = count; i-- > 0;)
        if (filter_matches(filters[i].pattern, path)) return filters[i].include;
    return !count || !filters[0].include;
}

bool filters_prune(const filter *filters, size_t count, const char *folder) {
    for (size_t i = count; i-- > 0 && !filters[i].include;)
        if (matches(filters[i].pattern, folder, true)) return true;
    return false;
}
