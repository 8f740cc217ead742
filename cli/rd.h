/* vqz rd: what files of several coders take, and what is left of the picture in them. A plan is made from the command line (rd_plan.c, rd_coders.c); its jobs, one for
 * each picture and curve, run in processes of their own (rd_measure.c) and append rows to a file of the report (rd_rows.c), so that a later run goes on; from the
 * rows come tables (rd_summary.c, rd_bdrate.c), a CSV file and a page (rd_report.c). */
#ifndef VQZ_CLI_RD_H
#define VQZ_CLI_RD_H
#include "cli/child.h"
#include "cli/commands.h"
#include "cli/paths.h"
#include "cli/progress.h"

typedef enum rd_metric { RD_PSNR, RD_MSSSIM, RD_SSIMULACRA2, RD_BUTTERAUGLI, RD_METRICS } rd_metric;
enum { RD_CURVES_MOST = 24, RD_QUALITIES_MOST = 64, RD_ABSENT_MOST = 24, RD_WORDS_MOST = 40 };

/* One way to make files; the words of its commands that begin with % are replaced (rd_measure.c). */
typedef struct rd_format {
    const char *name, *title;
    const char *encoder, *decoder;       /* programs; NULL: this one */
    const char *package;         /* of Debian, which has them */
    const char *version;         /* the word that makes the encoder say its version */
    const char *needs;           /* an encoder that `ffmpeg -encoders` must list, or NULL */
    const char *encode[RD_WORDS_MOST], *decode[RD_WORDS_MOST];
    const char *suffix, *decoded;        /* of files: the coded and the decoded one */
    const char *qualities;       /* the grid, 0 to 100 */
    double native[2];            /* the coder's own numbers at 0 and at 100 */
    double step, least;          /* of those */
    bool takes_png, to_stdout;
} rd_format;

/* A format with all that it was made with: one line in the diagram. */
typedef struct rd_curve {
    const rd_format *format;
    char name[32];               /* "vqz-e4", "webp" */
    char effort[4];
    char version[120];
    char *encoder, *decoder;     /* paths */
    uint64_t identity;           /* of all that its rows depend on but picture and quality */
    double qualities[RD_QUALITIES_MOST];
    size_t count;
} rd_curve;

typedef struct rd_picture {
    const job *j;
    const char *name;            /* below the folder */
    uint64_t size, hash;         /* of the file */
    uint32_t width, height;
    char note[160];              /* what had to be changed to make it 8-bit RGB */
    bool failed;
} rd_picture;

typedef struct rd_tool {         /* of a metric */
    char *path;                  /* NULL: not installed, or built in */
    const char *mode;            /* its first word, where it has one */
    bool wanted;
    uint64_t identity;
} rd_tool;

typedef struct rd_absent {       /* what was left out, and why */
    char name[32], why[160];
} rd_absent;

typedef struct rd_row {
    uint64_t key, bytes;
    double quality, encode, decode;      /* seconds */
    double metric[RD_METRICS];   /* NAN: not measured */
} rd_row;

typedef struct rd_rows {
    rd_row *rows;                /* by key */
    size_t count;
} rd_rows;

typedef struct rd_failure {
    size_t picture, curve;
    char text[192];
} rd_failure;

typedef struct rd_plan {
    options *o;
    job_list files;
    rd_picture *pictures;
    size_t picture_count;
    rd_curve curves[RD_CURVES_MOST];
    size_t curve_count, anchor;
    rd_tool tools[RD_METRICS];
    rd_absent absent[RD_ABSENT_MOST];
    size_t absent_count;
    bool asked_in_vain;          /* for something that is absent, by name */
    char *folder, *rows_path;
    rd_rows rows;
    rd_failure *failures;
    size_t failure_count;
} rd_plan;

extern const char *const rd_metric_names[RD_METRICS], *const rd_metric_titles[RD_METRICS];

/* rd_coders.c. The table ends with a row without a name. */
extern const rd_format rd_formats[];
/* Finds what the curve needs. false: it is absent, and says why. */
bool rd_curve_find(rd_curve *c, const options *o, rd_absent *why);
/* The number that the coder itself is given. */
double rd_native(const rd_format *f, double quality);
void rd_native_text(const rd_format *f, double quality, char text[24]);
/* rd_tools.c: programs that judge pictures. */
void rd_tools_find(rd_plan *p);
vqz_status rd_tool_run(const rd_plan *p, rd_metric m, const char *reference, const char *decoded, double *value, vqz_error *e);

/* rd_plan.c: EXIT_DONE, or after a message another exit code. */
int rd_plan_make(rd_plan *p, options *o);
void rd_plan_free(rd_plan *p);
void rd_plan_absent(rd_plan *p, const char *name, const char *why, bool named);

/* rd_rows.c */
uint64_t rd_key(const rd_plan *p, const rd_picture *picture, const rd_curve *c, const char *what);
uint64_t rd_key_of(const rd_plan *p, const rd_picture *picture, const rd_curve *c, double quality);
vqz_status rd_rows_load(rd_plan *p, vqz_error *e);
const rd_row *rd_rows_find(const rd_rows *rows, uint64_t key);
/* For any number of processes at a time. */
vqz_status rd_rows_append(const rd_plan *p, const rd_row *row, vqz_error *e);

/* rd_jpeg.c */
const char *rd_jpeg_version(void);
vqz_status rd_jpeg_encode(const char *from, const char *to, int quality, bool full_chroma, vqz_error *e);
vqz_status rd_jpeg_decode(const char *from, const char *to, vqz_error *e);

/* rd_bench.c: one picture, open for measuring, in a folder of temporary files. */
typedef struct rd_bench {
    const rd_plan *p;
    const rd_picture *picture;
    image reference;
    bool has_png;
    char complaint[192];         /* why a program did not measure what it should have: the first of them */
} rd_bench;
vqz_status rd_bench_open(rd_bench *b, const rd_plan *p, const rd_picture *picture, vqz_error *e);
/* Encodes, decodes and measures; where a metric's program fails, that metric is missing. *decoded, where not NULL, is then the caller's. all: with the metrics that programs measure. */
vqz_status rd_bench_measure(rd_bench *b, const rd_curve *c, double quality, bool all, rd_row *row, image *decoded, vqz_error *e);
void rd_bench_close(rd_bench *b);

/* rd_measure.c: runs all jobs. */
vqz_status rd_measure_all(rd_plan *p, progress *shown, vqz_error *e);

/* rd_crops.c: cuts from pictures at equal sizes. */
enum { RD_SIZES = 2, RD_CROP_WIDTH = 384, RD_CROP_HEIGHT = 256, RD_CROP_PICTURES = 4 };
extern const double rd_sizes[RD_SIZES];          /* bits per pixel */
size_t rd_crop_pictures(const rd_plan *p, size_t chosen[RD_CROP_PICTURES]);
vqz_status rd_crops_make(rd_plan *p, progress *shown, vqz_error *e);
/* File of a cut; curve NULL: of the picture itself. The caller frees it. */
char *rd_crop_path(const rd_plan *p, const rd_picture *picture, const rd_curve *c, size_t size);
const rd_row *rd_crop_row(const rd_plan *p, const rd_picture *picture, const rd_curve *c, size_t size);

/* rd_bdrate.c: as bench/bdrate.py. */
typedef struct rd_point { double rate, quality; } rd_point;
typedef struct rd_gain {
    bool known;
    double percent, low, high;   /* of the rate, over this range of quality */
} rd_gain;
/* A metric's value on a scale on which it can be averaged, more being better. */
double rd_scale(rd_metric m, double value);
/* Both arrays will be sorted. */
rd_gain rd_bdrate(rd_point *anchor, size_t anchor_count, rd_point *test, size_t test_count);

/* rd_summary.c */
typedef struct rd_summary {
    rd_point mean[RD_METRICS][RD_QUALITIES_MOST];        /* over the pictures, at qualities that all of them have */
    double quality[RD_METRICS][RD_QUALITIES_MOST];       /* those */
    size_t count[RD_METRICS];
    rd_gain gain[RD_METRICS];    /* of the mean curve over that of the anchor, both of the pictures that both have */
    double each[RD_METRICS];     /* mean of the pictures' own gains; NAN: none has one */
    double encode, decode;       /* megapixels a second of processor time, over all rows */
} rd_summary;
const rd_row *rd_row_of(const rd_plan *p, const rd_picture *picture, const rd_curve *c, size_t quality);
rd_gain rd_picture_gain(const rd_plan *p, const rd_picture *picture, const rd_curve *c, rd_metric m);
void rd_summarise(const rd_plan *p, const rd_curve *c, rd_summary *s);

/* rd_csv.c, rd_report.c */
vqz_status rd_write_csv(const rd_plan *p, vqz_error *e);
/* page: the template, in which the data is put. */
vqz_status rd_write_page(const rd_plan *p, const char *page, size_t page_size, vqz_error *e);
extern const char rd_page[], rd_page_end[];      /* rd_page.S */
#endif
