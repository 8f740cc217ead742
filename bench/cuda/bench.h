/* What the parts of the benchmark share. */
#ifndef VQZ_BENCH_CUDA_H
#define VQZ_BENCH_CUDA_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "vqz/vqz.h"

typedef struct picture {
    const char *name;
    uint32_t width, height;
    uint8_t *rgb;
    uint8_t *file;                           /* as the processor codes it */
    size_t size;
} picture;

/* Ends the program where something fails. */
void must(vqz_status s, const vqz_error *e);
void must_run(int error);                    /* of cuda/runtime.h */
double seconds(void);
/* Prints a figure, unless the program only checks itself. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern bool only_checking;
#define ROUNDS(n) (only_checking ? 1u : (n))

/* The device alone: pictures in its memory, stages, layers of networks. */
void bench_device(const picture *p, unsigned gpu);
void bench_stages(const picture *p, unsigned gpu);
void bench_layers(unsigned gpu);
#endif
