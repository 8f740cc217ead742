/* How far two pictures are apart: PSNR over R, G and B together, and 5-scale MS-SSIM (Wang 2003: 11x11 Gaussian with
 * sigma 1.5, K .01 and .03, whole windows only, 2x2 means between scales), mean of R, G and B. */
#ifndef VQZ_CLI_METRICS_H
#define VQZ_CLI_METRICS_H
#include "cli/image.h"

enum { MSSSIM_MIN_SIDE = 176 };  /* 11 samples at the fifth scale */

typedef struct metrics {
    double psnr;                 /* dB; 148.13 for identical pictures */
    bool identical;
    double msssim;               /* negative where a side is below MSSSIM_MIN_SIDE */
    double msssim_db;
} metrics;

/* Two RGB pictures of one size. */
double metrics_psnr(const image *a, const image *b);
vqz_status metrics_measure(metrics *m, const image *a, const image *b, vqz_error *e);
#endif
