#include "codec/nn/kernels.h"

const vqz_kernels *vqz_kernels_get(unsigned cpu) {
    return cpu == VQZ_CPU_AUTO || cpu == VQZ_CPU_SCALAR ? &vqz_kernels_c : NULL;
}

const char *vqz_kernels_name(const vqz_kernels *k) { return k->name; }
