/* bench_cuda [--check] PLUGIN PPM PPM   Times GPU 0 with the plug-in PLUGIN (absolute path) on a picture of 1080p and one of 4K. First all files are compared with the
 * processor's. Without a GPU nothing is measured, and the exit status is 1. --check: everything once, and no figures. */
#include "bench/cuda/bench.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool only_checking;

void must(vqz_status s, const vqz_error *e) {
    if (s == VQZ_OK || s == VQZ_END) return;
    fprintf(stderr, "bench_cuda: %s (%s)\n", e->text, vqz_status_name(s));
    exit(1);
}

double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void say(const char *format, ...) {
    va_list list;
    if (only_checking) return;
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    fflush(stdout);
}

static _Noreturn void give_up(const char *why, const char *what) {
    fprintf(stderr, "bench_cuda: %s: %s\n", what, why);
    exit(1);
}

/* 0: there is none. */
static uint32_t read_number(FILE *f) {
    uint32_t n = 0;
    int c = fgetc(f);
    while (c == ' ' || c == '\n') c = fgetc(f);
    for (; c >= '0' && c <= '9' && n <= VQZ_MAX_SIDE; c = fgetc(f)) n = n * 10 + (uint32_t)(c - '0');
    return n <= VQZ_MAX_SIDE ? n : 0;
}

static picture read_ppm(const char *name) {
    picture p = {.name = name};
    FILE *f = fopen(name, "rb");
    if (!f || fgetc(f) != 'P' || fgetc(f) != '6' || !(p.width = read_number(f)) || !(p.height = read_number(f)) || read_number(f) != 255)
        give_up("no binary PPM file of 8 bits", name);
    const size_t size = (size_t)p.width * p.height * 3;
    p.rgb = malloc(size ? size : 1);
    if (!p.rgb || fread(p.rgb, 1, size, f) != size) give_up("it ends early", name);
    (void)fclose(f);
    return p;
}

/* ---- through the public interface ---------------------------------------------------------------- */

/* threads 0: all. Returns the size; *file, malloc'ed, where it is wanted. */
static size_t encode(const picture *p, vqz_device *d, uint32_t threads, uint8_t **file) {
    const vqz_image_info info = {.width = p->width, .height = p->height, .layout = VQZ_RGB};
    vqz_settings s;
    vqz_encoder *enc;
    vqz_error e = {.text = ""};
    const uint8_t *data;
    size_t size, all = 0;
    vqz_status status;
    vqz_settings_init(&s);
    s.device = d;
    s.threads = threads;
    must(vqz_encoder_open(&enc, &s, NULL, &e), &e);
    must(vqz_encoder_begin(enc, &info), vqz_encoder_error(enc));
    must(vqz_encoder_send_rows(enc, p->rgb, (ptrdiff_t)p->width * 3, p->height), vqz_encoder_error(enc));
    while ((status = vqz_encoder_receive(enc, &data, &size)) == VQZ_OK) {
        if (file) {
            *file = realloc(*file, all + size);
            if (!*file) give_up("out of memory", p->name);
            memcpy(*file + all, data, size);
        }
        all += size;
    }
    must(status, vqz_encoder_error(enc));
    vqz_encoder_close(enc);
    return all;
}

/* To RGB in the host's memory; compares it where `rgb` is given, else fills it. */
static void decode(const picture *p, vqz_device *d, uint32_t threads, uint8_t **rgb, bool compare) {
    vqz_settings s;
    vqz_decoder *dec;
    vqz_error e = {.text = ""};
    vqz_band b;
    vqz_status status;
    vqz_settings_init(&s);
    s.device = d;
    s.threads = threads;
    must(vqz_decoder_open(&dec, &s, &e), &e);
    must(vqz_decoder_send(dec, p->file, p->size), vqz_decoder_error(dec));
    must(vqz_decoder_flush(dec), vqz_decoder_error(dec));
    while ((status = vqz_decoder_receive(dec, &b)) == VQZ_OK) {
        const size_t row = (size_t)p->width * 3;
        if (!rgb) continue;
        if (!*rgb) *rgb = malloc(row * p->height);
        if (!*rgb) give_up("out of memory", p->name);
        if (compare && memcmp(*rgb + b.y * row, b.pixels, row * b.rows) != 0) give_up("the GPU's pixels are not the processor's", p->name);
        memcpy(*rgb + b.y * row, b.pixels, row * b.rows);
    }
    must(status, vqz_decoder_error(dec));
    vqz_decoder_close(dec);
}

static void compare(picture *p, vqz_device *d) {
    uint8_t *file = NULL, *rgb = NULL;
    p->size = encode(p, NULL, 0, &p->file);
    if (encode(p, d, 0, &file) != p->size || !file || !p->file || memcmp(file, p->file, p->size) != 0) give_up("the GPU's file is not the processor's", p->name);
    decode(p, NULL, 0, &rgb, false);
    decode(p, d, 0, &rgb, true);
    free(file);
    free(rgb);
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* One picture at a time, in milliseconds. */
static void latency(const picture *p, vqz_device *d) {
    enum { MOST = 21 };
    double took[2][MOST];
    const unsigned rounds = ROUNDS(MOST);
    for (unsigned i = 0; i < rounds; i++)
        for (int k = 0; k < 2; k++) {
            const double begun = seconds();
            if (k) encode(p, d, 0, NULL);
            else decode(p, d, 0, NULL, false);
            took[k][i] = (seconds() - begun) * 1e3;
        }
    for (int k = 0; k < 2; k++) qsort(took[k], rounds, sizeof **took, by_size);
    say("| %u x %u | %.2f | %.2f | %.2f | %.2f |\n", p->width, p->height, took[0][rounds / 2], took[0][rounds - 1], took[1][rounds / 2], took[1][rounds - 1]);
}

typedef struct crowd {
    const picture *p;
    vqz_device *d;
    unsigned pictures;
    bool encodes;
} crowd;

static void *work(void *arg) {
    const crowd *c = arg;
    for (unsigned i = 0; i < c->pictures; i++)
        if (c->encodes) encode(c->p, c->d, 1, NULL);
        else decode(c->p, c->d, 1, NULL, false);
    return NULL;
}

static void throughput(const picture *p, vqz_device *d, unsigned threads, bool encodes) {
    enum { MOST = 64 };
    pthread_t thread[MOST];
    crowd c = {p, d, ROUNDS(2u), encodes};
    if (threads > MOST) threads = MOST;
    for (unsigned round = 0; round < 2; round++) {       /* the first one warms up */
        const double begun = seconds();
        for (unsigned i = 0; i < threads; i++)
            if (pthread_create(&thread[i], NULL, work, &c) != 0) give_up("cannot start threads", p->name);
        for (unsigned i = 0; i < threads; i++) pthread_join(thread[i], NULL);
        const double took = seconds() - begun, pictures = (double)threads * c.pictures;
        if (round) say("| %u x %u | %s | %u | %.1f | %.3f |\n", p->width, p->height, encodes ? "encode" : "decode", threads, pictures / took,
                       pictures * p->width * p->height / took * 1e-9);
        c.pictures = ROUNDS(16u);
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--check") == 0) {
        only_checking = true;
        argc--;
        argv++;
    }
    if (argc != 4) give_up("bench_cuda [--check] PLUGIN PPM PPM", "usage");
    vqz_device *d;
    vqz_device_info info;
    vqz_error e = {.text = ""};
    if (vqz_device_open(&d, VQZ_DEVICE_CUDA, 0, argv[1], &e) != VQZ_OK) give_up(e.text, "no GPU, nothing is measured");
    must(vqz_device_get_info(d, 0, &info), &e);
    picture p[2] = {read_ppm(argv[2]), read_ppm(argv[3])};
    for (int i = 0; i < 2; i++) compare(&p[i], d);
    say("# %s\n\nThe files and pixels of both pictures are the processor's. Quality 75, effort 4.\n", info.name);
    say("\n## One picture at a time: milliseconds, from compressed bytes to RGB in the host's memory and back\n\n| picture | decode | slowest | encode | slowest |\n|---|---|---|---|---|\n");
    for (int i = 0; i < 2; i++) latency(&p[i], d);
    say("\n## Many pictures, from and to the host's memory\n\n| picture | what | threads | pictures/s | GP/s |\n|---|---|---|---|---|\n");
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    for (int i = 0; i < 2; i++)
        for (unsigned threads = ROUNDS(4u); threads <= ROUNDS(cores < 4 ? 4u : (unsigned)cores); threads *= 2)
            for (int encodes = 0; encodes < 2; encodes++) throughput(&p[i], d, threads, encodes);
    vqz_device_unref(d);
    bench_device(&p[1], 0);
    bench_stages(&p[1], 0);
    bench_layers(0);
    for (int i = 0; i < 2; i++) {
        free(p[i].rgb);
        free(p[i].file);
    }
    if (only_checking) puts("checked");
    return 0;
}
