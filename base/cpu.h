/* What the processor and the operating system offer. */
#ifndef VQZ_BASE_CPU_H
#define VQZ_BASE_CPU_H

enum {
    VQZ_FEATURE_AVX2 = 1,
    VQZ_FEATURE_AVXVNNI = 2,
    VQZ_FEATURE_AVX512VNNI = 4,  /* F, BW, DQ, VL and VNNI: all that the *_avx512.c files are compiled for */
    VQZ_FEATURE_NEON = 8,
    VQZ_FEATURE_NEONDOT = 16,
    VQZ_FEATURE_AMX = 32         /* tiles and 8-bit products, and AVX512VNNI */
};

/* A set of the above; a feature counts only if the system saves its registers. Asks the processor anew each time, and Linux for
 * the right to use AMX registers, where the processor has them. */
unsigned vqz_cpu_features(void);
#endif
