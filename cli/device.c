#define _GNU_SOURCE
#include "cli/device.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Seen from the folder of the program: packages may be unpacked anywhere. */
const char *device_library(void) {
    static const char beside[] = VQZ_PLUGIN_FROM_PROGRAM "/libvqz_cuda.so";
    static char path[PATH_MAX + sizeof beside];
    const char *given = getenv("VQZ_CUDA_PLUGIN");
    if (given && *given) return given;
    const ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);
    char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
    if (!slash) return NULL;
    memcpy(slash + 1, beside, sizeof beside);
    return access(path, R_OK) == 0 ? path : NULL;
}
