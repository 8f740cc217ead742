/* Where the library for GPUs is. */
#ifndef VQZ_CLI_DEVICE_H
#define VQZ_CLI_DEVICE_H
/* $VQZ_CUDA_PLUGIN; else where an installed program has it, if it is there; else NULL: where the library looks by itself. Lives as long as the program. */
const char *device_library(void);
#endif
