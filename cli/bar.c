#define _GNU_SOURCE              /* struct winsize */
#include "cli/bar.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

enum { GAUGE = 20, WIDE = 72 };          /* columns of the gauge, and of a terminal that has room for it */

unsigned bar_columns(int fd) {
    struct winsize w;
    return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
}

/* Bytes of the UTF-8 character at p; 0: there is none. */
static size_t character(const unsigned char *p) {
    const size_t n = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    return n;
}

/* Columns that it may take: East Asian ones take two, and of others it does no harm to think so. */
static unsigned width(const unsigned char *p, size_t bytes) { return bytes >= 3 && *p >= 0xe1 ? 2 : 1; }

/* What may be printed of a name: no control characters (those of C1 are two bytes in UTF-8), nothing that is no UTF-8. */
static bool printable(const unsigned char *p, size_t n) { return n && *p >= 0x20 && *p != 0x7f && !(*p == 0xc2 && p[1] < 0xa0); }

/* Appends the end of a name, as much as has room. */
static size_t put_name(const char *name, unsigned columns, char *text, size_t size) {
    unsigned needed = 0;
    for (const unsigned char *p = (const unsigned char *)name; *p;) {
        const size_t n = character(p);
        needed += n ? width(p, n) : 1;
        p += n ? n : 1;
    }
    const unsigned char *p = (const unsigned char *)name;
    const bool cut = needed > columns;
    if (cut && columns < 8) return 0;
    for (unsigned left = columns - 3; cut && needed > left;) {
        const size_t n = character(p);
        needed -= n ? width(p, n) : 1;
        p += n ? n : 1;
    }
    size_t at = (size_t)snprintf(text, size, "%s", cut ? "..." : "");
    for (; *p && at + 5 < size;) {
        const size_t n = character(p);
        if (printable(p, n)) memcpy(text + at, p, n);
        else text[at] = '?';
        at += printable(p, n) ? n : 1;
        p += n ? n : 1;
    }
    text[at] = 0;
    return at;
}

void bar_clean(char *text) {
    for (unsigned char *p = (unsigned char *)text; *p;) {
        const size_t n = character(p), bytes = n ? n : 1;
        if (n ? !printable(p, n) : *p < 0xa0) memset(p, '?', bytes);
        p += bytes;
    }
}

static size_t put_time(double seconds, char *text, size_t size) {
    const unsigned s = (unsigned)fmin(seconds + 0.5, 3e9);
    return (size_t)(s < 3600 ? snprintf(text, size, "  %u:%02u left", s / 60, s % 60) : snprintf(text, size, "  %u:%02u:%02u left", s / 3600, s / 60 % 60, s % 60));
}

size_t bar_text(const bar *b, unsigned columns, char *text, size_t size) {
    char line[256];
    const double share = b->size_total ? (double)b->size_done / (double)b->size_total : b->total ? (double)b->done / (double)b->total : 0;
    size_t n = (size_t)snprintf(line, sizeof line, "%zu/%zu", b->done, b->total);
    if (columns >= WIDE) {
        const int full = (int)(fmin(share, 1) * GAUGE);
        n += (size_t)snprintf(line + n, sizeof line - n, " [%.*s%*s]", full, "####################", GAUGE - full, "");
    }
    n += (size_t)snprintf(line + n, sizeof line - n, " %3.0f %%", floor(100 * fmin(share, 1)));
    if (b->seconds > 0 && b->pixels > 0) n += (size_t)snprintf(line + n, sizeof line - n, "  %.3g MP/s", b->pixels * 1e-6 / b->seconds);
    if (b->bytes_out) n += (size_t)snprintf(line + n, sizeof line - n, "  %.1f:1", (double)b->bytes_in / (double)b->bytes_out);
    if (share > 0 && share < 1 && b->seconds > 0 && b->pixels > 0) n += put_time(b->seconds * (1 - share) / share, line + n, sizeof line - n);
    if (n >= columns) n = columns ? columns - 1 : 0;         /* the last column stays free: some terminals wrap there */
    if (n >= size) n = size - 1;
    memcpy(text, line, n);
    text[n] = 0;
    if (!b->file || n + 3 >= columns || n + 8 >= size) return n;
    const size_t named = put_name(b->file, columns - 3 - (unsigned)n, text + n + 2, size - n - 2);
    if (!named) return n;
    text[n] = text[n + 1] = ' ';
    return n + 2 + named;
}
