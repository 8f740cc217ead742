/* From the command line to a list of pictures, curves and metrics. */
#include "cli/hash.h"
#include "cli/orientation.h"
#include "cli/rd.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int usage(const char *option, const char *value, const char *text) {
    fprintf(stderr, "vqz rd: --%s %s: %s\n", option, value, text);
    return EXIT_USAGE;
}

void rd_plan_absent(rd_plan *p, const char *name, const char *why, bool named) {
    if (p->absent_count == RD_ABSENT_MOST) return;
    rd_absent *a = &p->absent[p->absent_count++];
    snprintf(a->name, sizeof a->name, "%s", name);
    snprintf(a->why, sizeof a->why, "%s", why);
    p->asked_in_vain |= named;
    if (named || !p->o->quiet) fprintf(stderr, "vqz rd: %s is left out: %s\n", name, why);
}

/* ---- lists: "a,b c" ---- */
/* The next word of at most size - 1 bytes; 0: there is none, -1: a longer one. */
static int next_word(const char **at, char *word, size_t size) {
    *at += strspn(*at, ", ");
    const size_t n = strcspn(*at, ", ");
    if (n >= size) return -1;
    memcpy(word, *at, n);
    word[n] = 0;
    *at += n;
    return n > 0;
}

static int by_number(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Numbers from 0 to 100, in order, each once as far as the coder can tell. */
static bool parse_qualities(rd_curve *c, const char *list) {
    char word[32];
    int got;
    size_t n = 0;
    for (c->count = 0; (got = next_word(&list, word, sizeof word)) == 1;) {
        char *end;
        const double q = strtod(word, &end);
        if (*end || !(q >= 0 && q <= 100) || n == RD_QUALITIES_MOST) return false;
        c->qualities[n++] = q;
    }
    if (got < 0 || !n) return false;
    qsort(c->qualities, n, sizeof *c->qualities, by_number);
    for (size_t i = 0; i < n; i++)
        if (!c->count || rd_native(c->format, c->qualities[i]) != rd_native(c->format, c->qualities[c->count - 1])) c->qualities[c->count++] = c->qualities[i];
    return true;
}

/* ---- curves ---- */
static const rd_format *find_format(const char *name) {
    for (const rd_format *f = rd_formats; f->name; f++)
        if (strcmp(f->name, name) == 0) return f;
    return NULL;
}

/* The last --qualities that is for this coder by name, else the last one for all, else the coder's own. */
static const char *qualities_for(const options *o, const rd_format *f) {
    const char *list = f->qualities;
    bool named = false;
    for (size_t i = 0; i < o->quality_count; i++) {
        const char *equals = strchr(o->qualities[i], '=');
        const size_t n = equals ? (size_t)(equals - o->qualities[i]) : 0;
        if (equals && strlen(f->name) == n && strncmp(o->qualities[i], f->name, n) == 0) {
            list = equals + 1;
            named = true;
        } else if (!equals && !named) {
            list = o->qualities[i];
        }
    }
    return list;
}

static bool check_qualities(const options *o) {
    for (size_t i = 0; i < o->quality_count; i++) {
        rd_curve trial = {.format = rd_formats};
        const char *equals = strchr(o->qualities[i], '=');
        char name[32] = "vqz";
        if (equals) snprintf(name, sizeof name, "%.*s", (int)(equals - o->qualities[i]), o->qualities[i]);
        if (!find_format(name) || !parse_qualities(&trial, equals ? equals + 1 : o->qualities[i])) {
            usage("qualities", o->qualities[i], "expected [CODEC=] and up to 64 numbers from 0 to 100, as in 20,50,80 or webp=10,60");
            return false;
        }
    }
    return true;
}

static int add_curve(rd_plan *p, const rd_format *f, const char *effort) {
    rd_absent why;
    if (p->curve_count == RD_CURVES_MOST) return usage("codecs", p->o->codecs ? p->o->codecs : "", "too many curves: 24 at most");
    rd_curve *c = &p->curves[p->curve_count];
    *c = (rd_curve){.format = f};
    snprintf(c->name, sizeof c->name, "%s%s%s", f->name, effort ? "-e" : "", effort ? effort : "");
    snprintf(c->effort, sizeof c->effort, "%s", effort ? effort : "");
    for (size_t i = 0; i < p->curve_count; i++)
        if (strcmp(p->curves[i].name, c->name) == 0) return EXIT_DONE;
    parse_qualities(c, qualities_for(p->o, f));
    if (rd_curve_find(c, p->o, &why)) {
        p->curve_count++;
        return EXIT_DONE;
    }
    rd_plan_absent(p, c->name, why.why, p->o->codecs != NULL);
    free(c->encoder);
    free(c->decoder);
    return EXIT_DONE;
}

static bool check_efforts(const options *o) {
    const char *list = o->efforts ? o->efforts : "4";
    char effort[4];
    int got;
    size_t n = 0;
    for (; (got = next_word(&list, effort, sizeof effort)) == 1 && effort[0] >= '0' && effort[0] <= '9' && !effort[1]; n++) {}
    if (!got && n) return true;
    usage("efforts", o->efforts, "expected a list of whole numbers from 0 to 9, as in 1,4,7");
    return false;
}

static int add_codec(rd_plan *p, const rd_format *f) {
    const char *efforts = p->o->efforts ? p->o->efforts : "4";
    char effort[4];
    if (strcmp(f->name, "vqz") != 0) return add_curve(p, f, NULL);
    while (next_word(&efforts, effort, sizeof effort) == 1) {
        const int code = add_curve(p, f, effort);
        if (code != EXIT_DONE) return code;
    }
    return EXIT_DONE;
}

static int make_curves(rd_plan *p) {
    const char *names = p->o->codecs ? p->o->codecs : "vqz,jpeg,webp,avif,jxl,hevc";
    char name[32], known[160] = "";
    int got;
    for (const rd_format *f = rd_formats; f->name; f++) snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", f == rd_formats ? "expected a list of " : ", ", f->name);
    while ((got = next_word(&names, name, sizeof name)) == 1 && find_format(name)) {
        const int code = add_codec(p, find_format(name));
        if (code != EXIT_DONE) return code;
    }
    if (got) return usage("codecs", p->o->codecs, known);
    if (!p->curve_count) {
        fprintf(stderr, "vqz rd: no coder to measure\n");
        return EXIT_FAILED;
    }
    for (size_t i = p->curve_count; i-- > 0;)
        if (strcmp(p->curves[i].name, "jpeg") == 0) p->anchor = i;       /* else the first one */
    return EXIT_DONE;
}

static int make_metrics(rd_plan *p) {
    const char *names = p->o->metrics ? p->o->metrics : "ssimulacra2,butteraugli";
    char name[32];
    int got;
    p->tools[RD_PSNR] = p->tools[RD_MSSSIM] = (rd_tool){.wanted = true};
    while ((got = next_word(&names, name, sizeof name)) == 1) {
        int m = 0;
        while (m < RD_METRICS && strcmp(rd_metric_names[m], name) != 0) m++;
        if (m == RD_METRICS) break;
        p->tools[m].wanted = true;
    }
    if (got) return usage("metrics", p->o->metrics, "expected a list of psnr, msssim, ssimulacra2, butteraugli");
    rd_tools_find(p);
    return EXIT_DONE;
}

/* ---- pictures ---- */
static vqz_status look(rd_picture *picture, const options *o, vqz_error *e) {
    source in;
    image_reader *r = NULL;
    vqz_status s = hash_file(picture->j->in, &picture->size, &picture->hash, e);
    if (s == VQZ_OK) s = source_open(&in, picture->j->in, e);
    if (s != VQZ_OK) return s;
    s = image_reader_open(&r, &in, &o->config, e);
    if (s == VQZ_OK) {
        const bool alpha = r->info.layout == VQZ_GRAYA || r->info.layout == VQZ_RGBA;
        const uint8_t turn = r->ops == &image_vqz_reader ? r->info.orientation : exif_orientation(r->info.meta.exif, r->info.meta.exif_size);
        if (alpha) image_note(r, "transparent pixels are shown over white");
        if (r->moving) image_note(r, "several pictures: the first one is taken");
        if (r->info.meta.icc_size) image_note(r, "colour profile ignored");
        snprintf(picture->note, sizeof picture->note, "%s", r->note);
        picture->width = turn >= 5 ? r->info.height : r->info.width;
        picture->height = turn >= 5 ? r->info.width : r->info.height;
    }
    image_reader_close(r);
    source_close(&in);
    return s;
}

static int make_pictures(rd_plan *p) {
    const int code = jobs_make(&p->files, p->o, NULL, NULL);
    if (code != EXIT_DONE) return code;
    p->pictures = calloc(p->files.count ? p->files.count : 1, sizeof *p->pictures);
    if (!p->pictures) return EXIT_FAILED;
    for (size_t i = 0; i < p->files.count; i++) {
        rd_picture *picture = &p->pictures[p->picture_count];
        vqz_error e = {.offset = NO_OFFSET};
        *picture = (rd_picture){.j = &p->files.jobs[i], .name = p->files.jobs[i].in + p->files.jobs[i].below};
        if (look(picture, p->o, &e) == VQZ_OK) {
            p->picture_count++;
            continue;
        }
        report_error(picture->j->in, &e);
        p->files.failed++;
    }
    if (p->picture_count) return EXIT_DONE;
    if (!p->files.failed) fprintf(stderr, "vqz rd: no pictures\n");
    return EXIT_FAILED;
}

/* ---- all ---- */
static char *below(const char *folder, const char *name) {
    const size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (path) snprintf(path, size, "%s/%s", folder, name);
    return path;
}

int rd_plan_make(rd_plan *p, options *o) {
    *p = (rd_plan){.o = o};
    for (int i = 0; i < o->input_count; i++)
        if (strcmp(o->inputs[i], "-") == 0) {
            fprintf(stderr, "vqz rd: pictures and folders are expected, not standard input\n");
            return EXIT_USAGE;
        }
    if (!check_qualities(o) || !check_efforts(o)) return EXIT_USAGE;
    p->folder = strdup(o->output ? o->output : "report");
    for (size_t n = p->folder ? strlen(p->folder) : 0; n > 1 && p->folder[n - 1] == '/'; n--) p->folder[n - 1] = 0;
    p->rows_path = p->folder ? below(p->folder, "rows.tsv") : NULL;
    if (!p->rows_path) return EXIT_FAILED;
    if (!p->folder[0] || strcmp(p->folder, "-") == 0) return usage("output", p->folder, "expected a folder");
    int code = make_curves(p);
    if (code == EXIT_DONE) code = make_metrics(p);
    return code == EXIT_DONE ? make_pictures(p) : code;
}

void rd_plan_free(rd_plan *p) {
    jobs_free(&p->files);
    for (size_t i = 0; i < p->curve_count; i++) {
        free(p->curves[i].encoder);
        free(p->curves[i].decoder);
    }
    for (int m = 0; m < RD_METRICS; m++) free(p->tools[m].path);
    free(p->pictures);
    free(p->folder);
    free(p->rows_path);
    free(p->rows.rows);
    free(p->failures);
}
