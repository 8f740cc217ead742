/* --device: the GPUs that work, and where the library for them is. */
#ifndef VQZ_CLI_DEVICE_H
#define VQZ_CLI_DEVICE_H
#include "cli/progress.h"

/* Opens what --device says: o->config.settings.device. With auto the work goes on without GPUs, and the user is told. False after a message. */
bool device_open(options *o);
/* With auto: says what the processor had to do in a GPU's place, and whether there was anything to say. */
bool device_tell(const options *o, const progress *p);
void device_close(options *o);
/* $VQZ_CUDA_PLUGIN; else where an installed program has it, if it is there; else NULL: where the library looks by itself. Lives as long as the program. */
const char *device_library(void);
#endif
