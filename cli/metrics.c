#include "cli/metrics.h"
#include <math.h>
#include <stdlib.h>

enum { TAPS = 11, SCALES = 5, PRODUCTS = 5 };

typedef struct gaussian { float w[TAPS]; } gaussian;

static gaussian make_gaussian(void) {
    gaussian g;
    double sum = 0;
    for (int i = 0; i < TAPS; i++) sum += exp(-(i - 5.0) * (i - 5.0) / (2 * 1.5 * 1.5));
    for (int i = 0; i < TAPS; i++) g.w[i] = (float)(exp(-(i - 5.0) * (i - 5.0) / (2 * 1.5 * 1.5)) / sum);
    return g;
}

static uint64_t squared_error(const image *a, const image *b) {
    uint64_t sum = 0;
    for (uint32_t y = 0; y < a->info.height; y++) {
        const uint8_t *p = a->pixels + y * a->stride, *q = b->pixels + y * b->stride;
        for (size_t i = 0; i < (size_t)a->info.width * 3; i++) sum += (uint64_t)((p[i] - q[i]) * (p[i] - q[i]));
    }
    return sum;
}

static double psnr_of(uint64_t error, const image *a) {
    double mse = (double)error / ((double)a->info.width * a->info.height * 3);
    return 10 * log10(65025 / (mse > 1e-10 ? mse : 1e-10));
}

double metrics_psnr(const image *a, const image *b) { return psnr_of(squared_error(a, b), a); }

/* One row of the two planes filtered along x: a, b, aa, bb and ab, each n = width - 10 samples, one behind the other. */
static void filter_row(const gaussian *g, float *out, const float *a, const float *b, size_t n) {
    for (size_t x = 0; x < n; x++) {
        float s[PRODUCTS] = {0};
        for (size_t k = 0; k < TAPS; k++) {
            float w = g->w[k], p = a[x + k], q = b[x + k];
            s[0] += w * p;
            s[1] += w * q;
            s[2] += w * p * p;
            s[3] += w * q * q;
            s[4] += w * p * q;
        }
        for (int k = 0; k < PRODUCTS; k++) out[(size_t)k * n + x] = s[k];
    }
}

/* Mean of contrast * structure over all windows, times luminance at the last scale. `ring` holds TAPS filtered rows. */
static double scale_mean(const gaussian *g, const float *a, const float *b, size_t w, size_t h, bool last, float *ring) {
    const float c1 = 0.01f * 255 * 0.01f * 255, c2 = 0.03f * 255 * 0.03f * 255;
    const size_t n = w - (TAPS - 1), row = n * PRODUCTS;
    double sum = 0;
    for (size_t y = 0; y < h; y++) {
        filter_row(g, ring + y % TAPS * row, a + y * w, b + y * w, n);
        if (y + 1 < TAPS) continue;
        double row_sum = 0;
        for (size_t x = 0; x < n; x++) {
            float s[PRODUCTS] = {0};
            for (size_t k = 0; k < TAPS; k++) {
                const float *r = ring + (y + 1 + k) % TAPS * row + x;   /* oldest row first */
                for (size_t i = 0; i < PRODUCTS; i++) s[i] += g->w[k] * r[i * n];
            }
            float v = (2 * (s[4] - s[0] * s[1]) + c2) / (s[2] - s[0] * s[0] + s[3] - s[1] * s[1] + c2);
            if (last) {
                float ma = s[0] + 128, mb = s[1] + 128;
                v *= (2 * ma * mb + c1) / (ma * ma + mb * mb + c1);
            }
            row_sum += (double)v;
        }
        sum += row_sum;
    }
    return sum / ((double)n * (double)(h - (TAPS - 1)));
}

/* 2x2 means in place; an odd edge is dropped. */
static void halve(float *p, size_t w, size_t h) {
    for (size_t y = 0; y < h / 2; y++)
        for (size_t x = 0; x < w / 2; x++) {
            const float *s = p + 2 * y * w + 2 * x;
            p[y * (w / 2) + x] = (s[0] + s[1] + s[w] + s[w + 1]) * 0.25f;
        }
}

/* Samples are shifted by -128, which keeps the float products accurate. */
static void load_plane(float *to, const image *im, unsigned channel) {
    for (uint32_t y = 0; y < im->info.height; y++)
        for (uint32_t x = 0; x < im->info.width; x++)
            *to++ = (float)im->pixels[y * im->stride + (size_t)x * 3 + channel] - 128;
}

vqz_status metrics_measure(metrics *m, const image *a, const image *b, vqz_error *e) {
    static const double weights[SCALES] = {0.0448, 0.2856, 0.3001, 0.2363, 0.1333};
    const uint64_t error = squared_error(a, b);
    *m = (metrics){.psnr = psnr_of(error, a), .identical = error == 0, .msssim = -1};
    if (a->info.width < MSSSIM_MIN_SIDE || a->info.height < MSSSIM_MIN_SIDE) return VQZ_OK;
    const size_t count = (size_t)a->info.width * a->info.height;
    float *pa = malloc(count * sizeof *pa), *pb = malloc(count * sizeof *pb),
          *ring = malloc((size_t)a->info.width * TAPS * PRODUCTS * sizeof *ring);
    if (!pa || !pb || !ring) {
        free(pa);
        free(pb);
        free(ring);
        return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    }
    const gaussian g = make_gaussian();
    double sum = 0;
    for (unsigned c = 0; c < 3; c++) {
        double product = 1;
        size_t w = a->info.width, h = a->info.height;
        load_plane(pa, a, c);
        load_plane(pb, b, c);
        for (int k = 0; k < SCALES; k++, w /= 2, h /= 2) {
            double mean = scale_mean(&g, pa, pb, w, h, k == SCALES - 1, ring);
            product *= pow(mean > 0 ? mean : 0, weights[k]);
            halve(pa, w, h);
            halve(pb, w, h);
        }
        sum += product;
    }
    free(pa);
    free(pb);
    free(ring);
    m->msssim = sum / 3;
    m->msssim_db = -10 * log10(1 - m->msssim > 1e-10 ? 1 - m->msssim : 1e-10);
    return VQZ_OK;
}
