#ifndef VQZ_CODEC_SAMPLES_H
#define VQZ_CODEC_SAMPLES_H
#include <stddef.h>
#include <stdint.h>

/* Samples in memory: sample c of pixel (x, y) is at data[y * stride + x * step + c]. */
typedef struct vqz_samples {
    uint8_t *data;
    size_t stride, step;
} vqz_samples;
#endif
