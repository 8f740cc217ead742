/* AMX: 8-bit convolutions in tiles of 16 or 32 positions by up to 32 output channels; the rest as with AVX-512.
 *
 * A tile register holds 16 rows of 64 bytes: 16 positions by 64 input channels, 16 groups of input channels by 16 lanes (just
 * as the weights are packed), or the 32-bit sums of 16 positions by 16 lanes. Registers 0 to 3 hold sums, 4 and 5
 * inputs, 6 and 7 weights. */
#include "codec/nn/kernels_512.h"

enum { ROWS = 16, ROW = 64, MOST = 2 * ROWS };

static void begin(void) {
    static const uint8_t shapes[64] = {      /* palette 1; at 16 the bytes of a row (16 bits each), at 48 the rows */
        [0] = 1,
        [16] = ROW, [18] = ROW, [20] = ROW, [22] = ROW, [24] = ROW, [26] = ROW, [28] = ROW, [30] = ROW,
        [48] = ROWS, [49] = ROWS, [50] = ROWS, [51] = ROWS, [52] = ROWS, [53] = ROWS, [54] = ROWS, [55] = ROWS,
    };
    _tile_loadconfig(shapes);
}
static void end(void) { _tile_release(); }

static void accumulate_tiles(__m512i sum[VQZ_TILE_VECTORS][MOST], const vqz_row_job *j, unsigned vector, unsigned vectors, size_t x, unsigned positions) {
    const vqz_packed *p = j->packed;
    const size_t step = j->step, pitch = (size_t)p->groups * p->k * LANES * 4;
    const uint8_t *w = p->weights + vector * pitch;
    const int32_t *bias = p->bias + (size_t)vector * LANES;
    const bool both = positions > ROWS, pair = vectors == 2;
    __asm__ volatile("" ::: "memory");       /* gcc does not know that loads of tiles read memory */
    _tile_loadd(0, bias, 0);                 /* the same row for all positions */
    _tile_loadd(1, bias, 0);
    if (pair) {
        _tile_loadd(2, bias + LANES, 0);
        _tile_loadd(3, bias + LANES, 0);
    }
    for (unsigned row = 0; row < p->k; row++) {
        const uint8_t *a = j->rows[row] + x * step;
        for (unsigned g = p->groups; g > 0; g -= ROWS, a += ROW, w += ROWS * ROW) {
            _tile_loadd(4, a, step);
            _tile_loadd(6, w, ROW);
            _tile_dpbusd(0, 4, 6);
            if (both) {
                _tile_loadd(5, a + ROWS * step, step);
                _tile_dpbusd(1, 5, 6);
            }
            if (pair) {
                _tile_loadd(7, w + pitch, ROW);
                _tile_dpbusd(2, 4, 7);
                if (both) _tile_dpbusd(3, 5, 7);
            }
        }
    }
    _tile_stored(0, sum[0], ROW);
    if (both) _tile_stored(1, sum[0] + ROWS, ROW);
    if (pair) {
        _tile_stored(2, sum[1], ROW);
        if (both) _tile_stored(3, sum[1] + ROWS, ROW);
    }
}

/* What has tiles of at most 12 positions. */
static void narrow(vqz_tile *tile, const vqz_row_job *j, unsigned vector, unsigned vectors, size_t x, unsigned positions) {
    if (positions < ROWS) tile(j, vector, vectors, x, positions);
    else for (unsigned i = 0; i < positions; i += 8) tile(j, vector, vectors, x + i, 8);
}

static void requant_tiles(const vqz_row_job *j, unsigned vector, unsigned vectors, size_t x, unsigned positions) {
    narrow(requant, j, vector, vectors, x, positions);
}

static void conv(const vqz_row_job *j, unsigned vector, unsigned vectors, size_t x, unsigned positions) {
    if (positions < ROWS || j->packed->in16) {
        narrow(conv_vnni, j, vector, vectors, x, positions);
    } else {
        __m512i sum[VQZ_TILE_VECTORS][MOST];
        accumulate_tiles(sum, j, vector, vectors, x, positions);
        for (unsigned v = 0; v < vectors; v++) finish(j, vector + v, x, positions, sum[v]);
    }
}

static const vqz_simd simd = {.lanes = LANES, .block = ROW, .split = true, .widths = {1, FEW, MANY, POSITIONS, ROWS, MOST},
                              .conv = conv, .requant = requant_tiles, .scatter = scatter_words, .begin = begin, .end = end};

static vqz_status pack(vqz_layer *l, const vqz_layer_def *a, vqz_memory *mem, vqz_error *e) { return vqz_rows_pack(&simd, l, a, mem, e); }

const vqz_kernels vqz_kernels_amx = {pack, vqz_rows_scratch, vqz_rows_run};
