/* AVX-512 with VNNI. */
#include "codec/nn/kernels_512.h"

static const vqz_simd simd = {.lanes = LANES, .block = 4, .split = true, .widths = {1, FEW, MANY, POSITIONS}, .conv = conv_vnni, .requant = requant, .scatter = scatter_words};

static vqz_status pack(vqz_layer *l, const vqz_layer_def *a, vqz_memory *mem, vqz_error *e) { return vqz_rows_pack(&simd, l, a, mem, e); }

const vqz_kernels vqz_kernels_avx512 = {pack, vqz_rows_scratch, vqz_rows_run};
