/* vqz rd below its programs: metrics and BD-rates against bench/'s, rows that last, tables and pages of hostile names, other programs. */
#include "cli/metrics.h"
#include "cli/rd.h"
#include <getopt.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static void near(double value, double wanted, double most) {
    if (!(fabs(value - wanted) <= most)) fail_msg("%.9f, not %.9f", value, wanted);
}

/* ---- the numbers of bench/bdrate.py, which interpolates with SciPy ---- */
#define A {{1.0, 37.0}, {0.1, 25.0}, {0.25, 29.5}, {2.0, 41.2}, {0.5, 33.1}}
#define B {{0.08, 26.0}, {0.2, 30.4}, {0.45, 34.6}, {0.8, 37.2}, {1.5, 41.9}}
#define C {{0.3, 28.0}, {0.9, 36.0}}
#define D {{0.1, 25.0}, {0.25, 29.5}, {0.3, 29.2}, {0.5, 33.1}, {0.55, 33.1}, {1.0, 33.2}, {2.0, 41.2}}
#define HIGH {{0.1, 45.0}, {0.2, 50.0}}
#define ONE {{0.3, 28.0}}
static void bdrate(void **state) {
    (void)state;
    static const struct { rd_point anchor[8], test[8]; size_t anchor_count, test_count; bool known; double percent, low, high; } table[] = {
        {A, B, 5, 5, true, -30.079751286219196, 26, 41.2},  {B, A, 5, 5, true, 43.02008622616739, 26, 41.2},
        {A, C, 5, 2, true, 29.09935466651919, 28, 36},      {C, A, 2, 5, true, -22.54027895157702, 28, 36},
        {A, D, 5, 7, true, 24.55931460334159, 25, 41.2},    {D, B, 7, 5, true, -44.67110408427282, 26, 41.2},
        {A, HIGH, 5, 2, false, 0, 0, 0},                    {A, ONE, 5, 1, false, 0, 0, 0},
        {A, A, 5, 5, true, 0, 25, 41.2},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        rd_point anchor[8], test[8];
        memcpy(anchor, table[i].anchor, sizeof anchor);
        memcpy(test, table[i].test, sizeof test);
        const rd_gain g = rd_bdrate(anchor, table[i].anchor_count, test, table[i].test_count);
        assert_int_equal(g.known, table[i].known);
        if (!g.known) continue;
        near(g.percent, table[i].percent, 1e-9);
        near(g.low, table[i].low, 0);
        near(g.high, table[i].high, 0);
    }
    near(rd_scale(RD_MSSSIM, 0.987), 18.860566476931627, 1e-12);
    near(rd_scale(RD_BUTTERAUGLI, 1.7), -0.5306282510621704, 1e-12);
    near(rd_scale(RD_PSNR, 31.25), 31.25, 0);
    near(rd_scale(RD_MSSSIM, 1), 100, 1e-9);
}

/* ---- the numbers of bench/metrics.py for real photos, coarser in value, and moved by one column ---- */
static image read_picture(const char *path) {
    image_config config = {0};
    source in;
    image_reader *r;
    image im;
    vqz_error e;
    vqz_settings_init(&config.settings);
    assert_int_equal(source_open(&in, path, &e), VQZ_OK);
    assert_int_equal(image_reader_open(&r, &in, &config, &e), VQZ_OK);
    assert_int_equal(image_load(&im, r, &config, &e), VQZ_OK);
    assert_int_equal(im.info.layout, VQZ_RGB);
    im.info.meta = (vqz_metadata){0};
    image_reader_close(r);
    source_close(&in);
    return im;
}

static void photos(void **state) {
    (void)state;
    static const struct { const char *path; double psnr[2], msssim[2]; } table[] = {
        {"samples/lake-sherburne.jpg", {34.742528215, 23.728921003}, {0.965937505, 0.957467076}},
        {"samples/the-spices-of-life.jpg", {34.869636847, 19.733099289}, {0.988675050, 0.919314406}}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        image a = read_picture(table[i].path), b = read_picture(table[i].path);
        for (int kind = 0; kind < 2; kind++) {
            metrics m;
            vqz_error e;
            for (uint32_t y = 0; y < a.info.height; y++)
                for (size_t x = 0; x < a.stride; x++) {
                    const uint8_t *row = a.pixels + y * a.stride;
                    b.pixels[y * b.stride + x] = kind ? row[(x + a.stride - 3) % a.stride] : (uint8_t)(row[x] / 16 * 16 + 8);
                }
            assert_int_equal(metrics_measure(&m, &a, &b, &e), VQZ_OK);
            near(m.psnr, table[i].psnr[kind], 1e-8);
            near(m.msssim, table[i].msssim[kind], 2e-6);
        }
        image_free(&a);
        image_free(&b);
    }
}

/* ---- coders ---- */
static const rd_format *format_of(const char *name) {
    for (const rd_format *f = rd_formats; f->name; f++)
        if (strcmp(f->name, name) == 0) return f;
    fail_msg("no format %s", name);
    return NULL;
}

static void native_numbers(void **state) {
    (void)state;
    static const struct { const char *name; double quality; const char *text; } table[] = {{"vqz", 50.03, "50"},   {"vqz", 12.34, "12.3125"}, {"jpeg", 74.6, "75"}, {"webp", 33.333, "33.33"},
                                                                                          {"avif", 0, "63"},      {"avif", 100, "0"},        {"avif", 43, "36"},   {"hevc", 0, "51"},
                                                                                          {"hevc", 100, "0"},     {"hevc", 45, "28.05"},     {"jxl", 90, "90"}, {"jxl", 0, "5"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char text[24];
        rd_native_text(format_of(table[i].name), table[i].quality, text);
        assert_string_equal(text, table[i].text);
    }
}

static uint64_t size_of(const char *path) {
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (uint64_t)st.st_size;
}

static void write_text(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void jpeg(void **state) {
    (void)state;
    vqz_error e;
    metrics fine, coarse;
    FILE *f = fopen("in.ppm", "wb");
    assert_non_null(f);
    fprintf(f, "P6\n61 47\n255\n");
    for (int y = 0; y < 47; y++)
        for (int x = 0; x < 61; x++) {
            const uint8_t rgb[3] = {(uint8_t)(4 * x), (uint8_t)(5 * y), (uint8_t)(120 + 100 * sin(x / 7.0) * cos(y / 5.0))};
            assert_int_equal(fwrite(rgb, 1, 3, f), 3);
        }
    assert_int_equal(fclose(f), 0);
    image original = read_picture("in.ppm");
    assert_int_equal(rd_jpeg_encode("in.ppm", "a.jpg", 90, true, &e), VQZ_OK);
    assert_int_equal(rd_jpeg_decode("a.jpg", "a.ppm", &e), VQZ_OK);
    assert_int_equal(rd_jpeg_encode("in.ppm", "b.jpg", 20, false, &e), VQZ_OK);
    assert_int_equal(rd_jpeg_decode("b.jpg", "b.ppm", &e), VQZ_OK);
    image a = read_picture("a.ppm"), b = read_picture("b.ppm"), viewer = read_picture("a.jpg");
    assert_int_equal(metrics_measure(&fine, &original, &a, &e), VQZ_OK);
    assert_int_equal(metrics_measure(&coarse, &original, &b, &e), VQZ_OK);
    assert_true(fine.psnr > 38 && fine.psnr > coarse.psnr + 5 && coarse.psnr > 20);
    assert_true(size_of("a.jpg") > size_of("b.jpg"));
    assert_memory_equal(a.pixels, viewer.pixels, a.stride * a.info.height);
    write_text("bad.jpg", "\xff\xd8\xff\xe0nothing");
    assert_int_not_equal(rd_jpeg_decode("bad.jpg", "c.ppm", &e), VQZ_OK);
    assert_non_null(strstr(e.text, "libjpeg"));
    write_text("bad.ppm", "P6\n4 4\n255\nabc");
    assert_int_not_equal(rd_jpeg_encode("bad.ppm", "c.jpg", 50, false, &e), VQZ_OK);
    assert_int_not_equal(rd_jpeg_encode("not there.ppm", "c.jpg", 50, false, &e), VQZ_OK);
    image_free(&original);
    image_free(&a);
    image_free(&b);
    image_free(&viewer);
}

/* ---- other programs ---- */
static void children(void **state) {
    (void)state;
    child_result said;
    vqz_error e;
    char *sh = child_find("sh");
    assert_non_null(sh);
    assert_null(child_find("no such program"));
    const char *const words[] = {"sh", "-c", "printf '[%s]' \"$@\"", "sh", "a b", "$(id)", "'\"", NULL};
    assert_int_equal(child_run(sh, words, NULL, &said, &e), VQZ_OK);
    assert_string_equal(said.text, "[a b][$(id)]['\"]");
    const char *const busy[] = {"sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; echo out; echo err >&2", NULL};
    assert_int_equal(child_run(sh, busy, "child.txt", &said, &e), VQZ_OK);
    assert_string_equal(said.text, "err\n");
    assert_int_equal(size_of("child.txt"), 4);
    assert_true(said.seconds > 0 && said.seconds < 60);
    const char *const fails[] = {"sh", "-c", "echo first; echo 'the\treason' >&2; exit 3", NULL};
    assert_int_not_equal(child_run(sh, fails, NULL, &said, &e), VQZ_OK);
    assert_non_null(strstr(e.text, "sh ended with status 3: the?reason"));
    const char *const dies[] = {"sh", "-c", "kill -9 $$", NULL};
    assert_int_not_equal(child_run(sh, dies, NULL, &said, &e), VQZ_OK);
    assert_non_null(strstr(e.text, "sh was killed"));
    const char *const none[] = {"none", NULL};
    assert_int_not_equal(child_run("./none", none, NULL, &said, &e), VQZ_OK);
    assert_non_null(strstr(e.text, "No such file"));
    assert_int_not_equal(child_run(sh, busy, "no/such/folder", &said, &e), VQZ_OK);
    free(sh);
}

/* ---- a plan of two pictures with hostile names and two curves ---- */
static const char *const names[2] = {"</script><img src=x onerror=alert(1)>,\"q\"\n.png", "=1+1,\xff\xfe'.png"};

typedef struct stage { rd_plan p; rd_picture pictures[2]; job jobs[2]; options o; char *inputs[1]; } stage;

static void set_up(stage *s) {
    static char input[] = "in<put>";
    *s = (stage){.inputs = {input}, .jobs = {{.size = 1}, {.size = 1}}};
    for (size_t i = 0; i < 2; i++)
        s->pictures[i] = (rd_picture){.j = &s->jobs[i], .name = names[i], .size = 100, .hash = 7 + i, .width = 200, .height = 100};
    s->o = (options){.inputs = s->inputs, .input_count = 1};
    vqz_settings_init(&s->o.config.settings);
    s->p = (rd_plan){.o = &s->o, .pictures = s->pictures, .picture_count = 2, .curve_count = 2, .anchor = 1, .folder = strdup("report"), .rows_path = strdup("report/rows.tsv")};
    s->p.tools[RD_PSNR].wanted = s->p.tools[RD_MSSSIM].wanted = true;
    const char *const formats[2] = {"vqz", "jpeg"};
    for (size_t c = 0; c < 2; c++)
        s->p.curves[c] = (rd_curve){.format = format_of(formats[c]), .identity = c + 1, .qualities = {10, 50, 90}, .count = 3};
    strcpy(s->p.curves[0].name, "vqz-e4");
    strcpy(s->p.curves[0].effort, "4");
    strcpy(s->p.curves[1].name, "jpeg");
    strcpy(s->p.curves[1].version, "<&\">");
    mkdir("report", 0777);
    unlink(s->p.rows_path);
}

static void tear_down(stage *s) {
    free(s->p.folder);
    free(s->p.rows_path);
    free(s->p.rows.rows);
}

static void add_rows(stage *s) {
    vqz_error e;
    for (size_t k = 0; k < 2; k++)
        for (size_t c = 0; c < 2; c++)
            for (size_t i = 0; i < 3; i++) {
                const double q = s->p.curves[c].qualities[i];
                const rd_row row = {.key = rd_key_of(&s->p, &s->pictures[k], &s->p.curves[c], q), .bytes = (uint64_t)((c ? 1000 : 500) * pow(2, (double)i)), .quality = q, .encode = 0.5, .decode = 0.25,
                                    .metric = {25 + 5 * (double)i, k ? NAN : 0.9 + 0.03 * (double)i, NAN, NAN}};
                assert_int_equal(rd_rows_append(&s->p, &row, &e), VQZ_OK);
            }
}

static char *read_text(const char *path) {
    source in;
    vqz_error e;
    uint8_t *data;
    size_t size;
    assert_int_equal(source_open(&in, path, &e), VQZ_OK);
    assert_int_equal(source_read_all(&in, &data, &size, 1 << 26, &e), VQZ_OK);
    source_close(&in);
    char *text = malloc(size + 1);
    assert_non_null(text);
    memcpy(text, data, size);
    text[size] = 0;
    free(data);
    return text;
}

static size_t count(const char *text, const char *what) {
    size_t n = 0;
    while ((text = strstr(text, what))) {
        n++;
        text++;
    }
    return n;
}

static void rows(void **state) {
    (void)state;
    stage s;
    vqz_error e;
    set_up(&s);
    assert_int_equal(rd_rows_load(&s.p, &e), VQZ_OK);
    assert_int_equal(s.p.rows.count, 0);
    add_rows(&s);
    assert_int_equal(rd_rows_load(&s.p, &e), VQZ_OK);
    assert_int_equal(s.p.rows.count, 12);
    const rd_row *r = rd_row_of(&s.p, &s.pictures[1], &s.p.curves[0], 2);
    assert_non_null(r);
    assert_int_equal(r->bytes, 2000);
    assert_true(r->quality == 90 && r->encode == 0.5 && r->decode == 0.25 && r->metric[RD_PSNR] == 35 && isnan(r->metric[RD_MSSSIM]));

    /* another picture, program or metric is another row */
    s.pictures[1].hash++;
    assert_null(rd_row_of(&s.p, &s.pictures[1], &s.p.curves[0], 2));
    s.pictures[1].hash--;
    s.p.curves[0].identity = 99;
    assert_null(rd_row_of(&s.p, &s.pictures[1], &s.p.curves[0], 2));
    s.p.curves[0].identity = 1;
    s.p.tools[RD_BUTTERAUGLI].wanted = true;
    assert_null(rd_row_of(&s.p, &s.pictures[1], &s.p.curves[0], 2));
    s.p.tools[RD_BUTTERAUGLI].wanted = false;
    assert_non_null(rd_row_of(&s.p, &s.pictures[1], &s.p.curves[0], 2));

    /* a line that was cut off, and lines that are none */
    FILE *f = fopen(s.p.rows_path, "a");
    assert_non_null(f);
    fprintf(f, "text\n0000000000000001\t5\t10\t1\t1\t30\t-\t-\n%0600d\n0000000000000002\t5\t10\t-1\t1\t30\t-\t-\t-\n0000000000000003\tnan\t10\t1\t1\t30\t-\t-\t-\n0000000000000004\t5\t0\t1\t1\t30\t-\t-\t-\n"
               "0000000000000005\t5\t10\t1\t1\t30\t-\t-\t-", 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(rd_rows_load(&s.p, &e), VQZ_OK);
    assert_int_equal(s.p.rows.count, 12);
    const rd_row more = {.key = 6, .bytes = 1, .quality = 5, .metric = {30, NAN, NAN, 1.5}};
    assert_int_equal(rd_rows_append(&s.p, &more, &e), VQZ_OK);
    assert_int_equal(rd_rows_load(&s.p, &e), VQZ_OK);
    assert_int_equal(s.p.rows.count, 13);
    assert_true(rd_rows_find(&s.p.rows, 6)->metric[RD_BUTTERAUGLI] == 1.5);
    tear_down(&s);
}

static void summary(void **state) {
    (void)state;
    stage s;
    rd_summary sum;
    vqz_error e;
    set_up(&s);
    add_rows(&s);
    assert_int_equal(rd_rows_load(&s.p, &e), VQZ_OK);
    rd_summarise(&s.p, &s.p.curves[0], &sum);
    assert_true(sum.gain[RD_PSNR].known && sum.gain[RD_MSSSIM].known && !sum.gain[RD_BUTTERAUGLI].known);
    near(sum.gain[RD_PSNR].percent, -50, 1e-9);          /* half the bytes everywhere */
    near(sum.each[RD_PSNR], -50, 1e-9);
    near(sum.gain[RD_MSSSIM].percent, -50, 1e-9);        /* of the one picture that has it */
    assert_true(isnan(sum.each[RD_BUTTERAUGLI]));
    assert_int_equal(sum.count[RD_PSNR], 3);
    near(sum.mean[RD_PSNR][1].rate, 8 * 1000 / 20000.0, 1e-12);
    near(sum.mean[RD_PSNR][1].quality, 30, 1e-12);
    near(sum.encode, 0.02 / 0.5, 1e-12);
    near(sum.decode, 0.02 / 0.25, 1e-12);
    /* a quality that one picture lacks is none of the mean */
    s.p.rows.count = 0;
    unlink(s.p.rows_path);
    add_rows(&s);
    char *text = read_text(s.p.rows_path), *second = strchr(text, '\n') + 1;
    write_text(s.p.rows_path, second);
    free(text);
    assert_int_equal(rd_rows_load(&s.p, &e), VQZ_OK);
    rd_summarise(&s.p, &s.p.curves[0], &sum);
    assert_int_equal(sum.count[RD_PSNR], 2);
    assert_true(sum.quality[RD_PSNR][0] == 50);
    tear_down(&s);
}

static void table_and_page(void **state) {
    (void)state;
    static const char template[] = "<html><script id=data>@DATA@</script>\n", end[] = "</script>\n";
    stage s;
    vqz_error e;
    set_up(&s);
    add_rows(&s);
    assert_int_equal(rd_rows_load(&s.p, &e), VQZ_OK);
    assert_int_equal(rd_write_csv(&s.p, &e), VQZ_OK);
    char *text = read_text("report/rd.csv");
    assert_memory_equal(text, "picture,width,height,codec,quality,setting,bytes,bpp,psnr,msssim,ssimulacra2,butteraugli,encode_seconds,decode_seconds\n", 115);
    assert_non_null(strstr(text, "\n\"</script><img src=x onerror=alert(1)>,\"\"q\"\"\n.png\",200,100,vqz-e4,10,10,500,0.200000,25.0000,0.9000000,,,0.5000,0.2500\n"));
    assert_non_null(strstr(text, "\n\"=1+1,\xff\xfe'.png\",200,100,jpeg,90,90,4000,1.600000,35.0000,,,,0.5000,0.2500\n"));
    assert_int_equal(count(text, "\n"), 1 + 12 + 6);     /* six of a name */
    free(text);

    rd_failure failure = {.picture = 1, .curve = 0, .text = "</script>"};
    s.p.failures = &failure;
    s.p.failure_count = s.p.absent_count = 1;
    s.p.absent[0] = (rd_absent){"avif", "program <avifenc> not found"};
    assert_int_equal(rd_write_page(&s.p, template, strlen(template), &e), VQZ_OK);
    text = read_text("report/index.html");
    assert_int_equal(count(text, "<"), 3);               /* those of the template */
    assert_memory_equal(text + strlen(text) - strlen(end), end, strlen(end));
    assert_non_null(strstr(text, "\"name\":\"\\u003c/script>\\u003cimg src=x onerror=alert(1)>,\\\"q\\\"\\u000a.png\""));
    assert_non_null(strstr(text, "\"name\":\"=1+1,\\ufffd\\ufffd'.png\""));
    assert_non_null(strstr(text, "\"absent\":[{\"name\":\"avif\",\"why\":\"program \\u003cavifenc> not found\"}]"));
    assert_non_null(strstr(text, "\"gain\":[[-50.0000,25.0000,35.0000],"));
    assert_int_equal(count(text, "[10,\"10\",500,0.5000,0.2500,25,0.9,null,null]"), 1);
    assert_int_equal(count(text, "nan"), 0);
    free(text);
    assert_int_not_equal(rd_write_page(&s.p, "<html>", 6, &e), VQZ_OK);
    const size_t size = (uintptr_t)rd_page_end - (uintptr_t)rd_page;         /* the template itself */
    assert_int_equal(rd_write_page(&s.p, rd_page, size, &e), VQZ_OK);
    text = read_text("report/index.html");
    assert_int_equal(count(text, "@DATA@"), 0);
    assert_int_equal(count(text, "</script>"), 2);
    assert_int_equal(count(text, "http://") + count(text, "https://"), 1);       /* SVG's namespace, which nobody asks for */
    free(text);
    tear_down(&s);
}

/* ---- the command line; of codecs only the one that runs nothing: this program is not vqz ---- */
static int plan(const char *option, const char *value) {
    char program[] = "vqz", word[] = "rd", codecs[] = "--codecs=jpeg", folder[] = "report", *argv[] = {program, word, codecs, (char *)(uintptr_t)option, (char *)(uintptr_t)value, folder, NULL};
    options o;
    rd_plan p;
    optind = 0;                  /* getopt begins anew */
    if (options_parse(&o, 6, argv) != PARSE_RUN) return -1;
    const int code = rd_plan_make(&p, &o);
    rd_plan_free(&p);
    return code;
}

static void command_lines(void **state) {
    (void)state;
    static const struct { const char *option, *value; int code; } table[] = {
        {"--codecs", "nosuch", EXIT_USAGE},        {"--codecs", "jpeg,,webpp", EXIT_USAGE}, {"--qualities", "jpeg=1,2,x", EXIT_USAGE}, {"--qualities", "101", EXIT_USAGE},
        {"--qualities", "-1", EXIT_USAGE},         {"--qualities", "", EXIT_USAGE},         {"--qualities", "nosuch=5", EXIT_USAGE},   {"--qualities", "nan", EXIT_USAGE},
        {"--efforts", "10", EXIT_USAGE},           {"--efforts", "x", EXIT_USAGE},          {"--metrics", "vmaf", EXIT_USAGE},         {"--output", "-", EXIT_USAGE},
        {"--jobs", "0", -1},                       {"--codecs", "jpeg", EXIT_FAILED}};      /* there is no picture in this folder */
    unlink("report/rows.tsv");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (plan(table[i].option, table[i].value) != table[i].code) fail_msg("%s %s: not %d", table[i].option, table[i].value, table[i].code);
}

static char here[4096], scratch[] = "/tmp/test_rd.XXXXXX";

static int enter(void **state) {
    (void)state;
    return !mkdtemp(scratch) || chdir(scratch) != 0;
}

static int leave(void **state) {
    (void)state;
    static const char *const files[] = {"in.ppm", "a.jpg", "a.ppm", "b.jpg", "b.ppm", "c.jpg", "c.ppm", "bad.jpg", "bad.ppm", "child.txt", "report/rows.tsv", "report/rd.csv", "report/index.html"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) unlink(files[i]);
    rmdir("report");
    return chdir(here) != 0 || rmdir(scratch) != 0;
}

int main(void) {
    const struct CMUnitTest anywhere[] = {cmocka_unit_test(bdrate), cmocka_unit_test(photos), cmocka_unit_test(native_numbers)};
    const struct CMUnitTest in_folder[] = {cmocka_unit_test(jpeg), cmocka_unit_test(children), cmocka_unit_test(rows), cmocka_unit_test(summary), cmocka_unit_test(table_and_page),
                                           cmocka_unit_test(command_lines)};
    if (!getcwd(here, sizeof here)) return 1;
    const int failed = cmocka_run_group_tests(anywhere, NULL, NULL);
    return failed + cmocka_run_group_tests(in_folder, enter, leave);
}
