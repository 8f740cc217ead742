#include "cli/json.h"
#include <string.h>

/* Length of the valid UTF-8 sequence at p, or 0. */
static int sequence(const unsigned char *p) {
    int n = *p < 0x80                  ? 1
            : *p >= 0xc2 && *p <= 0xdf ? 2
            : *p >= 0xe0 && *p <= 0xef ? 3
            : *p >= 0xf0 && *p <= 0xf4 ? 4
                                       : 0;
    for (int i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
        (*p == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

void json_string(FILE *to, const char *text) {
    fputc('"', to);
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        int n = sequence(p);
        if (*p == '"' || *p == '\\') fprintf(to, "\\%c", *p);
        else if (*p < 0x20 || *p == '<') fprintf(to, "\\u%04x", *p);
        else if (n) (void)fwrite(p, 1, (size_t)n, to);
        else fputs("\\ufffd", to);
        p += n ? n : 1;
    }
    fputc('"', to);
}
