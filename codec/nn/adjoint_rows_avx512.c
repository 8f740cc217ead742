#define LANES 16
#define ROW vqz_adjoint_row_avx512
#include "codec/nn/adjoint_rows.h"
