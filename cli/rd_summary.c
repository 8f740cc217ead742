/* What the rows say of all pictures together. */
#include "cli/rd.h"
#include <math.h>

const rd_row *rd_row_of(const rd_plan *p, const rd_picture *picture, const rd_curve *c, size_t quality) {
    return rd_rows_find(&p->rows, rd_key_of(p, picture, c, c->qualities[quality]));
}

static double bpp(const rd_picture *picture, const rd_row *r) { return 8 * (double)r->bytes / ((double)picture->width * picture->height); }

static bool point_of(const rd_plan *p, const rd_picture *picture, const rd_curve *c, size_t quality, rd_metric m, rd_point *to) {
    const rd_row *r = rd_row_of(p, picture, c, quality);
    if (!r || isnan(r->metric[m])) return false;
    *to = (rd_point){bpp(picture, r), rd_scale(m, r->metric[m])};
    return true;
}

static bool has(const rd_plan *p, const rd_picture *picture, const rd_curve *c, rd_metric m) {
    rd_point unused;
    for (size_t i = 0; i < c->count; i++)
        if (point_of(p, picture, c, i, m, &unused)) return true;
    return false;
}

/* The mean curve of c over the pictures that both curves have. */
static size_t mean(const rd_plan *p, const rd_curve *c, const rd_curve *other, rd_metric m, rd_point *points, double *qualities) {
    size_t n = 0;
    for (size_t i = 0; i < c->count; i++) {
        rd_point sum = {0}, one = {0};
        size_t pictures = 0;
        bool all = true;
        for (size_t k = 0; k < p->picture_count && all; k++) {
            if (!has(p, &p->pictures[k], c, m) || !has(p, &p->pictures[k], other, m)) continue;
            all = point_of(p, &p->pictures[k], c, i, m, &one);
            sum.rate += one.rate;
            sum.quality += one.quality;
            pictures++;
        }
        if (!all || !pictures) continue;
        if (qualities) qualities[n] = c->qualities[i];
        points[n++] = (rd_point){sum.rate / (double)pictures, sum.quality / (double)pictures};
    }
    return n;
}

static size_t of_picture(const rd_plan *p, const rd_picture *picture, const rd_curve *c, rd_metric m, rd_point *points) {
    size_t n = 0;
    for (size_t i = 0; i < c->count; i++) n += point_of(p, picture, c, i, m, &points[n]);
    return n;
}

rd_gain rd_picture_gain(const rd_plan *p, const rd_picture *picture, const rd_curve *c, rd_metric m) {
    rd_point anchor[RD_QUALITIES_MOST], test[RD_QUALITIES_MOST];
    const size_t n = of_picture(p, picture, &p->curves[p->anchor], m, anchor);
    return rd_bdrate(anchor, n, test, of_picture(p, picture, c, m, test));
}

static void speeds(const rd_plan *p, const rd_curve *c, rd_summary *s) {
    double pixels = 0, encode = 0, decode = 0;
    for (size_t k = 0; k < p->picture_count; k++)
        for (size_t i = 0; i < c->count; i++) {
            const rd_row *r = rd_row_of(p, &p->pictures[k], c, i);
            if (!r) continue;
            pixels += (double)p->pictures[k].width * p->pictures[k].height;
            encode += r->encode;
            decode += r->decode;
        }
    s->encode = encode > 0 ? pixels * 1e-6 / encode : NAN;
    s->decode = decode > 0 ? pixels * 1e-6 / decode : NAN;
}

void rd_summarise(const rd_plan *p, const rd_curve *c, rd_summary *s) {
    const rd_curve *anchor = &p->curves[p->anchor];
    *s = (rd_summary){0};
    for (rd_metric m = 0; m < RD_METRICS; m++) {
        rd_point a[RD_QUALITIES_MOST], t[RD_QUALITIES_MOST];
        double sum = 0;
        size_t pictures = 0;
        s->count[m] = mean(p, c, c, m, s->mean[m], s->quality[m]);
        const size_t n = mean(p, anchor, c, m, a, NULL);
        s->gain[m] = rd_bdrate(a, n, t, mean(p, c, anchor, m, t, NULL));
        for (size_t k = 0; k < p->picture_count; k++) {
            const rd_gain g = rd_picture_gain(p, &p->pictures[k], c, m);
            sum += g.known ? g.percent : 0;
            pictures += g.known;
        }
        s->each[m] = pictures ? sum / (double)pictures : NAN;
    }
    speeds(p, c, s);
}
