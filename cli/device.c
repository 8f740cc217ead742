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

bool device_open(options *o) {
    vqz_error e = {.offset = NO_OFFSET};
    vqz_settings *s = &o->config.settings;
    if (o->device == DEVICE_CPU) return true;
    vqz_status status = VQZ_ERR_DEVICE;
    if (o->sandbox) cli_fail(&e, status, NO_OFFSET, "not in a sandbox");
    else status = vqz_device_open(&s->device, o->device == DEVICE_AUTO ? VQZ_DEVICE_AUTO : VQZ_DEVICE_CUDA, o->gpu, device_library(), &e);
    const progress p = {.quiet = o->quiet};
    if (status == VQZ_OK) {
        vqz_device_info info;
        for (uint32_t i = 0; vqz_device_get_info(s->device, i, &info) == VQZ_OK; i++) report_note(&p, info.name, info.note);
        return true;
    }
    if (o->device == DEVICE_AUTO && status == VQZ_ERR_DEVICE) {
        report_device(&p, &e);
        return true;
    }
    report_error("--device", &e);
    return false;
}

bool device_tell(const options *o, const progress *p) {
    vqz_error e = {.offset = NO_OFFSET};
    if (o->device != DEVICE_AUTO || !o->config.settings.device || vqz_device_trouble(o->config.settings.device, &e) == VQZ_OK) return false;
    report_device(p, &e);
    return true;
}

void device_close(options *o) {
    vqz_device_unref(o->config.settings.device);
    o->config.settings.device = NULL;
}
