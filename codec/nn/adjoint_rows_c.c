#define LANES 4
#define ROW vqz_adjoint_row_c
#include "codec/nn/adjoint_rows.h"
