/* Bjontegaard's rate difference as bench/bdrate.py has it: the logarithm of the rate is interpolated over quality by monotone cubics (PCHIP) and integrated over the
 * range of quality that both curves cover. */
#include "cli/rd.h"
#include <math.h>
#include <stdlib.h>

double rd_scale(rd_metric m, double value) {
    if (m == RD_MSSSIM) return -10 * log10(fmax(1 - value, 1e-10));
    return m == RD_BUTTERAUGLI ? -log(fmax(value, 1e-6)) : value;
}

static int by_rate(const void *a, const void *b) {
    const rd_point *p = a, *q = b;
    if (p->rate != q->rate) return p->rate < q->rate ? -1 : 1;
    return (p->quality > q->quality) - (p->quality < q->quality);
}

/* In order of rate, without points that spend more for less. */
static size_t rising(rd_point *p, size_t n) {
    size_t kept = 0;
    qsort(p, n, sizeof *p, by_rate);
    for (size_t i = 0; i < n; i++)
        if (!kept || p[i].quality > p[kept - 1].quality + 1e-9) p[kept++] = p[i];
    return kept;
}

/* Slope of y between points i and i + 1. */
static double slope(const rd_point *p, size_t i) { return log(p[i + 1].rate / p[i].rate) / (p[i + 1].quality - p[i].quality); }
static double width(const rd_point *p, size_t i) { return p[i + 1].quality - p[i].quality; }

/* Of a parabola through three points, kept from overshooting. */
static double at_end(double h0, double h1, double m0, double m1) {
    const double d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1);
    if (d * m0 <= 0) return 0;
    return m0 * m1 < 0 && fabs(d) > 3 * fabs(m0) ? 3 * m0 : d;
}

static double derivative(const rd_point *p, size_t n, size_t i) {
    if (n == 2) return slope(p, 0);
    if (i == 0) return at_end(width(p, 0), width(p, 1), slope(p, 0), slope(p, 1));
    if (i == n - 1) return at_end(width(p, n - 2), width(p, n - 3), slope(p, n - 2), slope(p, n - 3));
    const double m0 = slope(p, i - 1), m1 = slope(p, i), h0 = width(p, i - 1), h1 = width(p, i), w0 = 2 * h1 + h0, w1 = h1 + 2 * h0;
    return m0 * m1 <= 0 ? 0 : (w0 + w1) / (w0 / m0 + w1 / m1);
}

/* Integral over [0, t] widths of the cubic piece i. */
static double piece(const rd_point *p, size_t n, size_t i, double t) {
    const double h = width(p, i), y0 = log(p[i].rate), y1 = log(p[i + 1].rate), d0 = derivative(p, n, i) * h, d1 = derivative(p, n, i + 1) * h;
    const double t2 = t * t, t3 = t2 * t, t4 = t2 * t2;
    return h * (y0 * (t4 / 2 - t3 + t) + d0 * (t4 / 4 - 2 * t3 / 3 + t2 / 2) + y1 * (t3 - t4 / 2) + d1 * (t4 / 4 - t3 / 3));
}

static double area(const rd_point *p, size_t n, double low, double high) {
    double sum = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        const double from = fmax(low, p[i].quality), to = fmin(high, p[i + 1].quality);
        if (to > from) sum += piece(p, n, i, (to - p[i].quality) / width(p, i)) - piece(p, n, i, (from - p[i].quality) / width(p, i));
    }
    return sum;
}

rd_gain rd_bdrate(rd_point *anchor, size_t anchor_count, rd_point *test, size_t test_count) {
    rd_gain g = {0};
    const size_t n = rising(anchor, anchor_count), m = rising(test, test_count);
    if (n < 2 || m < 2) return g;
    g.low = fmax(anchor[0].quality, test[0].quality);
    g.high = fmin(anchor[n - 1].quality, test[m - 1].quality);
    if (g.high <= g.low) return g;
    g.known = true;
    g.percent = expm1((area(test, m, g.low, g.high) - area(anchor, n, g.low, g.high)) / (g.high - g.low)) * 100;
    return g;
}
