/* NEON of any 64-bit ARM processor. */
#include "codec/nn/kernels_neon.h"

static void conv(const vqz_row_job *j, unsigned vector, unsigned vectors, size_t x, unsigned positions) {
    if (j->packed->in16) conv_partial(j, vector, vectors, x, true, positions);
    else conv_partial(j, vector, vectors, x, false, positions);
}

const vqz_kernels vqz_kernels_neon = {pack, vqz_rows_scratch, vqz_rows_run};
