#define LANES 8
#define ROW vqz_adjoint_row_avx2
#include "codec/nn/adjoint_rows.h"
