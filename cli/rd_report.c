/* The page: a template in which the data stands as JSON. Everything is drawn from that by the page's own script (rd_page.html). */
#define _GNU_SOURCE              /* memmem */
#include "cli/json.h"
#include "cli/rd.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PLACE "@DATA@"           /* in the template */

static void member(FILE *to, const char *name, const char *text) {
    fprintf(to, "\"%s\":", name);
    json_string(to, text);
}

static void number(FILE *to, const char *format, double value) {
    if (isfinite(value)) fprintf(to, format, value);
    else fputs("null", to);
}

static void gain(FILE *to, const rd_gain *g) {
    if (g->known) fprintf(to, "[%.4f,%.4f,%.4f]", g->percent, g->low, g->high);
    else fputs("null", to);
}

/* ---- what it was measured with ---- */
static void processor(FILE *to) {
    char line[200] = "", *colon;
    FILE *in = fopen("/proc/cpuinfo", "re");
    bool found = false;
    while (in && !found && fgets(line, sizeof line, in)) found = strncmp(line, "model name", 10) == 0;
    if (in) (void)fclose(in);
    colon = found ? strchr(line, ':') : NULL;
    line[strcspn(line, "\n")] = 0;
    member(to, "processor", colon ? colon + 1 + (colon[1] == ' ') : "");
}

static void head(FILE *to, const rd_plan *p) {
    char when[32] = "";
    struct tm tm;
    const time_t now = time(NULL);
    if (gmtime_r(&now, &tm)) strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &tm);
    member(to, "made", when);
    fputs(",", to);
    member(to, "version", vqz_version());
    fputs(",", to);
    processor(to);
    fputs(",\"inputs\":[", to);
    for (int i = 0; i < p->o->input_count; i++) {
        if (i) fputs(",", to);
        json_string(to, p->o->inputs[i]);
    }
    fprintf(to, "],\"anchor\":%zu,\"metrics\":[", p->anchor);
    for (int m = 0, first = 1; m < RD_METRICS; m++) {
        if (!p->tools[m].wanted) continue;
        fprintf(to, "%s{\"index\":%d,\"id\":\"%s\",\"name\":\"%s\"}", first ? "" : ",", m, rd_metric_names[m], rd_metric_titles[m]);
        first = 0;
    }
    fputs("],\"absent\":[", to);
    for (size_t i = 0; i < p->absent_count; i++) {
        fputs(i ? ",{" : "{", to);
        member(to, "name", p->absent[i].name);
        fputs(",", to);
        member(to, "why", p->absent[i].why);
        fputs("}", to);
    }
    fputs("],\"failures\":[", to);
    for (size_t i = 0; i < p->failure_count; i++) {
        fprintf(to, "%s{\"picture\":%zu,\"curve\":%zu,", i ? "," : "", p->failures[i].picture, p->failures[i].curve);
        member(to, "why", p->failures[i].text);
        fputs("}", to);
    }
    fprintf(to, "],\"unread\":%d,\"others\":%zu", p->files.failed, p->files.others);
}

/* ---- curves ---- */
static void command_line(FILE *to, const char *name, const char *const *words) {
    char text[600] = "";
    for (size_t n = 0; *words && n < sizeof text; words++) n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? " " : "", *words);
    member(to, name, text);
}

static void curve(FILE *to, const rd_plan *p, const rd_curve *c) {
    rd_summary *s = calloc(1, sizeof *s);        /* too large for a stack of unknown size */
    fputs("{", to);
    member(to, "name", c->name);
    fputs(",", to);
    member(to, "title", c->format->title);
    fputs(",", to);
    member(to, "effort", c->effort);
    fputs(",", to);
    member(to, "version", c->version);
    fputs(",", to);
    command_line(to, "encode", c->format->encode);
    fputs(",", to);
    command_line(to, "decode", c->format->decode);
    if (s) {
        rd_summarise(p, c, s);
        fputs(",\"speed\":[", to);
        number(to, "%.5g", s->encode);
        fputs(",", to);
        number(to, "%.5g", s->decode);
        fputs("],\"mean\":[", to);
        for (int m = 0; m < RD_METRICS; m++) {
            fputs(m ? ",[" : "[", to);
            for (size_t i = 0; i < s->count[m]; i++) fprintf(to, "%s[%g,%.6g,%.6g]", i ? "," : "", s->quality[m][i], s->mean[m][i].rate, s->mean[m][i].quality);
            fputs("]", to);
        }
        fputs("],\"gain\":[", to);
        for (int m = 0; m < RD_METRICS; m++) {
            if (m) fputs(",", to);
            gain(to, &s->gain[m]);
        }
        fputs("],\"each\":[", to);
        for (int m = 0; m < RD_METRICS; m++) {
            if (m) fputs(",", to);
            number(to, "%.4f", s->each[m]);
        }
        fputs("]", to);
    }
    free(s);
    fputs("}", to);
}

/* ---- pictures ---- */
static void row(FILE *to, const rd_curve *c, const rd_row *r) {
    char setting[24];
    rd_native_text(c->format, r->quality, setting);
    fprintf(to, "[%g,\"%s\",%llu,%.4f,%.4f", r->quality, setting, (unsigned long long)r->bytes, r->encode, r->decode);
    for (int m = 0; m < RD_METRICS; m++) {
        fputs(",", to);
        number(to, "%.7g", r->metric[m]);
    }
    fputs("]", to);
}

static void picture(FILE *to, const rd_plan *p, const rd_picture *one) {
    fputs("{", to);
    member(to, "name", one->name);
    fprintf(to, ",\"width\":%u,\"height\":%u,", one->width, one->height);
    member(to, "note", one->note);
    fputs(",\"rows\":[", to);
    for (size_t c = 0; c < p->curve_count; c++) {
        fputs(c ? ",[" : "[", to);
        for (size_t i = 0, first = 1; i < p->curves[c].count; i++) {
            const rd_row *r = rd_row_of(p, one, &p->curves[c], i);
            if (!r) continue;
            if (!first) fputs(",", to);
            row(to, &p->curves[c], r);
            first = 0;
        }
        fputs("]", to);
    }
    fputs("],\"gain\":[", to);
    for (size_t c = 0; c < p->curve_count; c++)
        for (rd_metric m = 0; m < RD_METRICS; m++) {
            const rd_gain g = rd_picture_gain(p, one, &p->curves[c], m);
            fputs(m ? "," : c ? ",[" : "[", to);
            number(to, "%.3f", g.known ? g.percent : NAN);
            if (m == RD_METRICS - 1) fputs("]", to);
        }
    fputs("]}", to);
}

/* ---- cuts, as data: URLs ---- */
static void base64(FILE *to, const uint8_t *p, size_t n) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        const size_t left = n - i;
        const unsigned v = (unsigned)p[i] << 16 | (left > 1 ? (unsigned)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0);
        const char four[4] = {letters[v >> 18], letters[v >> 12 & 63], left > 1 ? letters[v >> 6 & 63] : '=', left > 2 ? letters[v & 63] : '='};
        (void)fwrite(four, 1, 4, to);
    }
}

/* null where there is none: it has failed, and that is told elsewhere. */
static void cut(FILE *to, const rd_plan *p, const rd_picture *one, const rd_curve *c, size_t size) {
    enum { LARGEST = 4 * RD_CROP_WIDTH * RD_CROP_HEIGHT };
    char *path = rd_crop_path(p, one, c, size);
    const rd_row *r = c ? rd_crop_row(p, one, c, size) : NULL;
    uint8_t *bytes = NULL;
    size_t n = 0;
    source in;
    vqz_error e;
    const bool open = path && (r || !c) && source_open(&in, path, &e) == VQZ_OK;
    if (open && source_read_all(&in, &bytes, &n, LARGEST, &e) == VQZ_OK) {
        fputs("{", to);
        if (r) fprintf(to, "\"bytes\":%llu,\"quality\":%g,\"psnr\":%.3f,", (unsigned long long)r->bytes, r->quality, r->metric[RD_PSNR]);
        fputs("\"src\":\"data:image/png;base64,", to);
        base64(to, bytes, n);
        fputs("\"}", to);
    } else {
        fputs("null", to);
    }
    free(bytes);
    if (open) source_close(&in);
    free(path);
}

static void cuts(FILE *to, const rd_plan *p) {
    size_t chosen[RD_CROP_PICTURES];
    const size_t n = rd_crop_pictures(p, chosen);
    fputs("\"sizes\":[", to);
    for (size_t i = 0; i < RD_SIZES; i++) fprintf(to, "%s%g", i ? "," : "", rd_sizes[i]);
    fputs("],\"cuts\":[", to);
    for (size_t i = 0; i < n; i++) {
        const rd_picture *one = &p->pictures[chosen[i]];
        fprintf(to, "%s{\"picture\":%zu,\"original\":", i ? "," : "", chosen[i]);
        cut(to, p, one, NULL, 0);
        fputs(",\"coded\":[", to);
        for (size_t size = 0; size < RD_SIZES; size++)
            for (size_t c = 0; c < p->curve_count; c++) {
                fputs(c ? "," : size ? ",[" : "[", to);
                cut(to, p, one, &p->curves[c], size);
                if (c == p->curve_count - 1) fputs("]", to);
            }
        fputs("]}", to);
    }
    fputs("]", to);
}

/* ---- all ---- */
static void data(FILE *to, const rd_plan *p) {
    fputs("{", to);
    head(to, p);
    fputs(",\"curves\":[", to);
    for (size_t c = 0; c < p->curve_count; c++) {
        if (c) fputs(",", to);
        curve(to, p, &p->curves[c]);
    }
    fputs("],\"pictures\":[", to);
    for (size_t k = 0; k < p->picture_count; k++) {
        fputs(k ? ",\n" : "\n", to);
        picture(to, p, &p->pictures[k]);
    }
    fputs("],", to);
    cuts(to, p);
    fputs("}", to);
}

static vqz_status write_parts(const rd_plan *p, const char *page, const char *place, size_t after, const char *text, size_t size, vqz_error *e) {
    const size_t room = strlen(p->folder) + 12;
    char *path = malloc(room);
    sink out;
    if (!path) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    snprintf(path, room, "%s/index.html", p->folder);
    vqz_status s = sink_open_below(&out, path, strlen(p->folder), e);
    free(path);
    if (s != VQZ_OK) return s;
    sink_write(&out, page, (size_t)(place - page));
    sink_write(&out, text, size);
    sink_write(&out, place + strlen(PLACE), after);
    s = sink_commit(&out, e);
    sink_close(&out);
    return s;
}

vqz_status rd_write_page(const rd_plan *p, const char *page, size_t page_size, vqz_error *e) {
    char *text = NULL;
    size_t size = 0;
    const char *place = memmem(page, page_size, PLACE, strlen(PLACE));
    FILE *to = place ? open_memstream(&text, &size) : NULL;
    if (!place) return cli_fail(e, VQZ_ERR_INTERNAL, NO_OFFSET, "the template has no place for data");
    if (!to) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    data(to, p);
    const bool whole = !ferror(to);
    vqz_status s = fclose(to) == 0 && whole ? VQZ_OK : cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    if (s == VQZ_OK) s = write_parts(p, page, place, page_size - (size_t)(place - page) - strlen(PLACE), text, size, e);
    free(text);
    return s;
}
