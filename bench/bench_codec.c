/* Speed and memory of the public API on one picture, beside libwebp on the same picture.
 *
 *   bench_codec [-q QUALITY] [-e EFFORT] [-t THREADS] [-c CPU] [-n RUNS] [-w] [-j FILE] PICTURE.ppm
 *
 * Rows come from the file and go nowhere, so the process holds only what the codec needs; the time of reading is
 * not counted. Runs of the codecs alternate, medians are printed. One thread is timed by the processor's clock, which
 * is that of the wall on an idle machine and does not see other programs; more threads by the wall's. Peak memory is
 * that of a process of its own. */
#define _DEFAULT_SOURCE
#include "vqz/vqz.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef BENCH_WEBP
#include <webp/decode.h>
#include <webp/encode.h>
#endif

enum { BAND = 64, MAX_RUNS = 99 };

typedef struct picture {
    FILE *file;
    long start;               /* of the samples */
    uint32_t width, height;
} picture;

typedef struct bytes {
    uint8_t *data;
    size_t size, room;
} bytes;

typedef struct timing {       /* seconds of each run */
    double encode[MAX_RUNS], decode[MAX_RUNS];
    double error;             /* sum of squared differences of the last run */
    size_t size;
    double open;              /* seconds to load the model, once for any number of pictures; not part of the others */
    double encode_peak, decode_peak;   /* bytes of memory; 0 where not measured */
} timing;


static void fail(const char *what, const char *why) {
    fprintf(stderr, "bench_codec: %s: %s\n", what, why);
    exit(1);
}

static void *need(void *p) {
    if (!p) fail("memory", "none left");
    return p;
}

static clockid_t clock_used = CLOCK_MONOTONIC;

static double now(void) {
    struct timespec t;
    clock_gettime(clock_used, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static picture open_ppm(const char *path) {
    picture p = {.file = fopen(path, "rb")};
    unsigned max;
    if (!p.file) fail(path, "cannot open");
    if (fscanf(p.file, "P6 %u %u %u", &p.width, &p.height, &max) != 3 || max != 255 || fgetc(p.file) == EOF ||
        !p.width || !p.height || p.width > VQZ_MAX_SIDE || p.height > VQZ_MAX_SIDE)
        fail(path, "not a binary PPM of 8 bits without comments");
    p.start = ftell(p.file);
    return p;
}

static void read_rows(const picture *p, uint32_t y, uint32_t rows, uint8_t *to) {
    size_t row = (size_t)p->width * 3;
    if (fseek(p->file, p->start + (long)(row * y), SEEK_SET) || fread(to, row, rows, p->file) != rows)
        fail("picture", "ends early");
}

static void append(bytes *b, const uint8_t *data, size_t size) {
    if (b->size + size > b->room) {
        b->room = (b->size + size) * 2;
        b->data = need(realloc(b->data, b->room));
    }
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

/* Sum of squared differences between `rows` decoded rows from y on and the picture. */
static double difference(const picture *p, uint32_t y, uint32_t rows, const uint8_t *decoded, ptrdiff_t stride) {
    size_t row = (size_t)p->width * 3;
    uint8_t *original = need(malloc(row));
    double sum = 0;
    for (uint32_t r = 0; r < rows; r++) {
        uint64_t line = 0;
        read_rows(p, y + r, 1, original);
        for (size_t i = 0; i < row; i++) {
            int d = original[i] - decoded[(ptrdiff_t)r * stride + (ptrdiff_t)i];
            line += (uint64_t)(d * d);
        }
        sum += (double)line;
    }
    free(original);
    return sum;
}

/* ---- vqz ------------------------------------------------------------------------------------- */
static void check(vqz_status s, const vqz_error *e) {
    if (s != VQZ_OK) fail(vqz_status_name(s), e && e->text[0] ? e->text : vqz_status_text(s));
}

static double vqz_encode(const picture *p, const vqz_settings *settings, vqz_model *model, bytes *out) {
    vqz_encoder *encoder;
    vqz_error error = {0};
    vqz_image_info info = {.width = p->width, .height = p->height, .layout = VQZ_RGB};
    uint8_t *band = need(malloc((size_t)p->width * 3 * BAND));
    double start = now(), seconds = 0;
    out->size = 0;
    check(vqz_encoder_open(&encoder, settings, model, &error), &error);
    check(vqz_encoder_begin(encoder, &info), vqz_encoder_error(encoder));
    seconds += now() - start;
    for (uint32_t y = 0; y < p->height; y += BAND) {
        uint32_t rows = p->height - y < BAND ? p->height - y : BAND;
        read_rows(p, y, rows, band);
        start = now();
        check(vqz_encoder_send_rows(encoder, band, (ptrdiff_t)p->width * 3, rows), vqz_encoder_error(encoder));
        const uint8_t *data;
        size_t size;
        vqz_status s;
        while ((s = vqz_encoder_receive(encoder, &data, &size)) == VQZ_OK) append(out, data, size);
        if (s != VQZ_AGAIN && s != VQZ_END) check(s, vqz_encoder_error(encoder));
        seconds += now() - start;
    }
    start = now();
    vqz_encoder_close(encoder);
    free(band);
    return seconds + now() - start;
}

static double vqz_decode(const picture *p, const vqz_settings *settings, vqz_model *model, const bytes *in, double *squares) {
    vqz_decoder *decoder;
    vqz_error error = {0};
    vqz_band band;
    vqz_status s;
    double start = now(), seconds = 0;
    *squares = 0;
    check(vqz_decoder_open(&decoder, settings, &error), &error);
    if (model) check(vqz_decoder_add_model(decoder, model), vqz_decoder_error(decoder));
    check(vqz_decoder_send(decoder, in->data, in->size), vqz_decoder_error(decoder));
    check(vqz_decoder_flush(decoder), vqz_decoder_error(decoder));
    while ((s = vqz_decoder_receive(decoder, &band)) == VQZ_OK) {
        seconds += now() - start;
        *squares += difference(p, band.y, band.rows, band.pixels, band.stride);
        start = now();
    }
    if (s != VQZ_END) check(s, vqz_decoder_error(decoder));
    vqz_decoder_close(decoder);
    return seconds + now() - start;
}

/* Peak memory of encoding (file becomes `coded`) or of decoding `coded`, in bytes. */
static double peak_memory(const char *path, const vqz_settings *settings, bool decode, FILE *coded) {
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) fail("fork", "failed");
    if (child == 0) {
        picture p = open_ppm(path);
        bytes b = {0};
        if (decode) {
            fseek(coded, 0, SEEK_END);
            b.size = (size_t)ftell(coded);
            b.data = need(malloc(b.size));
            rewind(coded);
            if (fread(b.data, 1, b.size, coded) != b.size) fail("temporary file", "cannot read");
            double squares;
            vqz_decode(&p, settings, NULL, &b, &squares);
        } else {
            vqz_encode(&p, settings, NULL, &b);
            if (fwrite(b.data, 1, b.size, coded) != b.size || fflush(coded)) fail("temporary file", "cannot write");
        }
        _exit(0);
    }
    int status;
    struct rusage usage;
    if (wait4(child, &status, 0, &usage) != child || status) exit(1);
    return (double)usage.ru_maxrss * 1024;
}

/* ---- libwebp: what cwebp -m 4 and dwebp do ------------------------------------------------------- */
#ifdef BENCH_WEBP
static double webp_encode(const picture *p, const uint8_t *pixels, bool threads, bytes *out) {
    WebPConfig config;
    WebPPicture yuv;
    WebPMemoryWriter writer;
    if (!WebPConfigInit(&config) || !WebPPictureInit(&yuv)) fail("libwebp", "version mismatch");
    config.method = 4;
    config.thread_level = threads;
    yuv.width = (int)p->width;
    yuv.height = (int)p->height;
    WebPMemoryWriterInit(&writer);
    yuv.writer = WebPMemoryWrite;
    yuv.custom_ptr = &writer;
    double start = now();
    if (!WebPPictureImportRGB(&yuv, pixels, (int)p->width * 3) || !WebPEncode(&config, &yuv)) fail("libwebp", "encoding failed");
    WebPPictureFree(&yuv);
    double seconds = now() - start;
    out->size = 0;
    append(out, writer.mem, writer.size);
    WebPMemoryWriterClear(&writer);
    return seconds;
}

static double webp_decode(const picture *p, const bytes *in, bool threads, double *squares) {
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) fail("libwebp", "version mismatch");
    config.options.use_threads = threads;
    config.output.colorspace = MODE_RGB;
    double start = now();
    if (WebPDecode(in->data, in->size, &config) != VP8_STATUS_OK) fail("libwebp", "decoding failed");
    double seconds = now() - start;
    *squares = difference(p, 0, p->height, config.output.u.RGBA.rgba, config.output.u.RGBA.stride);
    WebPFreeDecBuffer(&config.output);
    return seconds;
}
#endif

/* ---- output ------------------------------------------------------------------------------------ */
static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, int n) {
    qsort(v, (size_t)n, sizeof *v, by_value);
    return n & 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void print_row(FILE *json, const picture *p, const char *codec, const char *cpu, unsigned threads, timing *t,
                      int runs, timing *webp) {
    double pixels = (double)p->width * p->height, mp = pixels / 1e6;
    double encode = median(t->encode, runs), decode = median(t->decode, runs);
    double bpp = (double)t->size * 8 / pixels, psnr = 10 * log10(65025.0 * pixels * 3 / fmax(t->error, 1e-9));
    printf("| %s | %s | %u | %ux%u | %.3f | %.2f | %.2f | %.2f |", codec, cpu, threads, p->width, p->height, bpp, psnr,
           mp / encode, mp / decode);
    if (webp) printf(" %.3f | %.3f |", median(webp->encode, runs) / encode,
                     median(webp->decode, runs) / decode);
    else printf(" | |");
    if (t->encode_peak > 0) printf(" %.0f | %.0f | %.0f |\n", t->encode_peak / 1e6, t->decode_peak / 1e6, t->open * 1e3);
    else printf(" | | |\n");
    if (!json) return;
    fprintf(json, "{\"codec\": \"%s\", \"cpu\": \"%s\", \"threads\": %u, \"width\": %u, \"height\": %u, \"bytes\": %zu, "
            "\"psnr\": %.4f, \"runs\": %d, \"encode_s\": %.6f, \"decode_s\": %.6f",
            codec, cpu, threads, p->width, p->height, t->size, psnr, runs, encode, decode);
    if (t->encode_peak > 0)
        fprintf(json, ", \"encode_peak\": %.0f, \"decode_peak\": %.0f, \"model_s\": %.6f", t->encode_peak, t->decode_peak, t->open);
    fprintf(json, "}\n");
}

int main(int argc, char **argv) {
    vqz_settings settings;
    int option, runs = 5;
    bool with_webp = false;
    FILE *json = NULL;
    vqz_settings_init(&settings);
    while ((option = getopt(argc, argv, "q:e:t:c:n:wj:")) != -1) {
        switch (option) {
        case 'q': settings.quality = (float)atof(optarg); break;
        case 'e': settings.effort = atoi(optarg); break;
        case 't': settings.threads = (uint32_t)atoi(optarg); break;
        case 'n': runs = atoi(optarg); break;
        case 'w': with_webp = true; break;
        case 'j': if (!(json = fopen(optarg, "a"))) fail(optarg, "cannot open"); break;
        case 'c':
            for (settings.cpu = 0; vqz_cpu_name(settings.cpu) && strcmp(optarg, vqz_cpu_name(settings.cpu)); settings.cpu++) {}
            if (!vqz_cpu_name(settings.cpu)) fail(optarg, "no such cpu");
            break;
        default: return 2;
        }
    }
    if (optind + 1 != argc || runs < 1 || runs > MAX_RUNS) fail("usage", "see the head of bench/bench_codec.c");
    const char *path = argv[optind];
    unsigned threads = settings.threads ? settings.threads : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);

    if (threads == 1) clock_used = CLOCK_PROCESS_CPUTIME_ID;

    vqz_decoder *probe;   /* is this instruction set here? */
    vqz_status s = vqz_decoder_open(&probe, &settings, NULL);
    if (s == VQZ_ERR_UNSUPPORTED) {
        fprintf(stderr, "bench_codec: this machine has no %s\n", vqz_cpu_name(settings.cpu));
        return 0;
    }
    check(s, NULL);
    vqz_decoder_close(probe);

    FILE *coded = need(tmpfile());
    static timing ours, webp;
    ours.encode_peak = peak_memory(path, &settings, false, coded);
    ours.decode_peak = peak_memory(path, &settings, true, coded);
    fclose(coded);

    picture p = open_ppm(path);
    vqz_model *model;
    vqz_error error = {0};
    bytes file = {0};
    double open_start = now();
    check(vqz_model_builtin(&model, 0, &error), &error);
    ours.open = now() - open_start;
#ifdef BENCH_WEBP
    uint8_t *pixels = NULL;
    bytes webp_file = {0};
    if (with_webp) {
        pixels = need(malloc((size_t)p.width * 3 * p.height));
        read_rows(&p, 0, p.height, pixels);
    }
#else
    if (with_webp) fail("-w", "this program was built without libwebp");
#endif
    for (int i = 0; i < runs; i++) {
        ours.encode[i] = vqz_encode(&p, &settings, model, &file);
        ours.decode[i] = vqz_decode(&p, &settings, model, &file, &ours.error);
#ifdef BENCH_WEBP
        if (with_webp) {
            webp.encode[i] = webp_encode(&p, pixels, threads > 1, &webp_file);
            webp.decode[i] = webp_decode(&p, &webp_file, threads > 1, &webp.error);
            webp.size = webp_file.size;
        }
#endif
    }
    ours.size = file.size;
    if (with_webp) print_row(json, &p, "webp -m 4", "-", threads, &webp, runs, NULL);
    print_row(json, &p, "vqz", vqz_cpu_name(settings.cpu), threads, &ours, runs, with_webp ? &webp : NULL);
#ifdef BENCH_WEBP
    free(pixels);
    free(webp_file.data);
#endif
    free(file.data);
    vqz_model_unref(model);
    fclose(p.file);
    if (json && fclose(json)) fail("results", "cannot write");
    return 0;
}
