/* The plug-in with the model's devices: what they do wrong is said in the environment. VQZ_FAKE=KIND:N with KIND memory, launch or address: the N-th call that it can come
 * at goes wrong; driver or old: all is; mma or sums: products are. VQZ_FAKE_DEVICES: how many there are, else 1. VQZ_FAKE_HOLLOW: kernels do nothing, but for the proof of sums.
 * Read when the plug-in is opened. */
#include "cuda/host/fake.h"
#include <stdlib.h>
#include <string.h>

static void read_environment(void) {
    static const struct { const char *name; vqz_host_trouble kind; } kinds[] = {
        {"memory:", VQZ_HOST_MEMORY}, {"launch:", VQZ_HOST_LAUNCH}, {"address:", VQZ_HOST_ADDRESS}, {"driver", VQZ_HOST_DRIVER}, {"old", VQZ_HOST_OLD_DEVICE}, {"mma", VQZ_HOST_MMA}, {"sums", VQZ_HOST_SUMS}};
    const char *fake = getenv("VQZ_FAKE"), *count = getenv("VQZ_FAKE_DEVICES");
    vqz_host_devices(count ? (unsigned)strtoul(count, NULL, 10) : 1);
    vqz_host_hollow(getenv("VQZ_FAKE_HOLLOW") != NULL);
    vqz_host_fail(VQZ_HOST_WELL, 0);
    for (size_t i = 0; fake && i < sizeof kinds / sizeof *kinds; i++) {
        const size_t n = strlen(kinds[i].name);
        if (strncmp(fake, kinds[i].name, n) == 0) vqz_host_fail(kinds[i].kind, (unsigned)strtoul(fake + n, NULL, 10));
    }
}

__attribute__((constructor)) static void at_load(void) { vqz_host_on_start(read_environment); }
