/* All rows as a table, for other programs. */
#include "cli/rd.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void put(sink *to, const char *text) { sink_write(to, text, strlen(text)); }

/* As RFC 4180 has it: in quotes where it has to be. */
static void put_text(sink *to, const char *text) {
    if (!strpbrk(text, ",\"\r\n")) {
        put(to, text);
        return;
    }
    put(to, "\"");
    for (; *text; text++) sink_write(to, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    put(to, "\"");
}

static void put_row(sink *to, const rd_picture *picture, const rd_curve *c, const rd_row *r) {
    static const int digits[RD_METRICS] = {4, 7, 4, 5};
    char line[160], setting[24];
    rd_native_text(c->format, r->quality, setting);
    put_text(to, picture->name);
    snprintf(line, sizeof line, ",%u,%u,%s,%g,%s,%llu,%.6f", picture->width, picture->height, c->name, r->quality, setting, (unsigned long long)r->bytes,
             8 * (double)r->bytes / ((double)picture->width * picture->height));
    put(to, line);
    for (int m = 0; m < RD_METRICS; m++) {
        if (isnan(r->metric[m])) line[0] = 0;
        else snprintf(line, sizeof line, "%.*f", digits[m], r->metric[m]);
        put(to, ",");
        put(to, line);
    }
    snprintf(line, sizeof line, ",%.4f,%.4f\n", r->encode, r->decode);
    put(to, line);
}

vqz_status rd_write_csv(const rd_plan *p, vqz_error *e) {
    const size_t room = strlen(p->folder) + 8;
    char *path = malloc(room);
    sink out;
    if (!path) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    snprintf(path, room, "%s/rd.csv", p->folder);
    vqz_status s = sink_open_below(&out, path, strlen(p->folder), e);
    free(path);
    if (s != VQZ_OK) return s;
    put(&out, "picture,width,height,codec,quality,setting,bytes,bpp,psnr,msssim,ssimulacra2,butteraugli,encode_seconds,decode_seconds\n");
    for (size_t k = 0; k < p->picture_count; k++)
        for (size_t c = 0; c < p->curve_count; c++)
            for (size_t i = 0; i < p->curves[c].count; i++) {
                const rd_row *r = rd_row_of(p, &p->pictures[k], &p->curves[c], i);
                if (r) put_row(&out, &p->pictures[k], &p->curves[c], r);
            }
    s = sink_commit(&out, e);
    sink_close(&out);
    return s;
}
