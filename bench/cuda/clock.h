/* Time on the device, and the int8 rate that its tensor cores reach where nothing else holds them up. clock.cu: hardware; clock.cpp: the model, whose figures mean nothing. */
#ifndef VQZ_BENCH_CLOCK_H
#define VQZ_BENCH_CLOCK_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
int bench_clock_open(void **clock);
void bench_clock_close(void *clock);
int bench_clock_start(void *clock, void *queue);
int bench_clock_stop(void *clock, void *queue, uint64_t *nanoseconds);       /* waits for the queue */
/* Queues products of matrices in registers; *operations: multiplications and additions. */
int bench_peak(unsigned device, uint32_t rounds, void *room, void *queue, uint64_t *operations);
#ifdef __cplusplus
}
#endif
#endif
