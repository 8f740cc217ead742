/* What the SIMD variants share: weights packed for 32-bit groups of input channels, rows copied with their padding, and a walk
 * over tiles of some positions by some vectors of output channels. A variant supplies the two tile functions.
 *
 * Input channels are padded to whole groups: four 8-bit or two 16-bit channels. All arithmetic on the input is on stored
 * elements, the zero point's share is in the bias. Output channels stand in the order in which they are stored after
 * the shuffle: (i, j, k) instead of (k, i, j), but where their runs are too short for whole vectors: there they go to scratch first and are
 * put in order while they are copied. */
#ifndef VQZ_CODEC_NN_ROWS_H
#define VQZ_CODEC_NN_ROWS_H
#include "codec/nn/kernels.h"

enum { VQZ_TILE_VECTORS = 2 };   /* of the largest tile */

/* How a variant wants the 8-bit inputs of convolutions. All but AS_IS are made while rows are copied. */
typedef enum vqz_input {
    VQZ_INPUT_AS_IS,
    VQZ_INPUT_WIDE,      /* 16 bits wide */
    VQZ_INPUT_SIGNED     /* less 128, as s8 */
} vqz_input;

typedef struct vqz_packed {
    const struct vqz_simd *simd;
    unsigned k, cout, vectors;     /* vectors = ceil(cout / lanes) */
    unsigned groups;               /* 32-bit groups of one kernel row: k times those of a position, padded to whole blocks */
    size_t tap;                    /* bytes of one position, channels padded */
    bool in16, out16, add16, leaky;
    /* Every shift lies in 16..32. Then mul holds m << (32 - s), shift what is missing to 32, and the result is the upper
     * half of t: variants need neither a variable shift of t nor 64-bit limits. Both forms give the same numbers,
     * since floor((floor(x) + n) / d) = floor((x + n) / d) for integers n and d. */
    bool high;
    uint8_t *weights;              /* [vector][kernel row][group][lane][4 bytes] */
    uint8_t *blank;                /* one position of zero-padding, `tap` bytes */
    uint16_t *order;               /* file's channel of each stored channel */
    /* Per lane, padded to whole vectors. */
    int32_t *bias;                 /* requant: minus the zero point */
    int32_t *mul, *addmul, *addzero, *lo, *hi;     /* lo and hi of stored elements */
    int64_t *round, *shift;        /* see vqz_simd.split; round includes the output's zero point */
} vqz_packed;

/* Some positions of one output row. */
typedef struct vqz_row_job {
    const vqz_packed *packed;
    const uint8_t *rows[5];        /* the first position's window, one pointer per kernel row */
    size_t step;                   /* bytes from one position to the next: input, addend, output */
    const uint8_t *add;            /* in stored order of channels; NULL: none */
    size_t add_step;
    uint8_t *dst;
    size_t dst_step;
    unsigned run;                  /* channels that lie together in the output: cout, or those of one (i, j) of the shuffle */
    unsigned shuffle;
    size_t i_step, j_step;         /* bytes in the output for i and j */
} vqz_row_job;

/* `vectors` vectors of output channels from number `vector` on, of `positions` positions from x on. */
typedef void vqz_tile(const vqz_row_job *job, unsigned vector, unsigned vectors, size_t x, unsigned positions);

/* A job's results, in the file's order of channels, dst_step bytes a position, to the shuffled output of `channels` channels, whose first position
 * is `to`. */
typedef void vqz_scatter(const vqz_row_job *j, const uint8_t *results, unsigned channels, uint8_t *to, uint32_t n);

typedef struct vqz_simd {
    unsigned lanes;                /* 32-bit lanes of a vector */
    vqz_input input;
    bool split;                    /* packed.round and .shift hold each vector's even lanes, then its odd ones */
    unsigned block;                /* bytes of a kernel row that 8-bit convolutions read at a time; behind its end they may be anything, as
                                      their weights are 0. At least 4 */
    uint8_t widths[6];             /* positions of a tile, ascending from 1; 0: no more */
    vqz_tile *conv, *requant;
    vqz_scatter *scatter;          /* NULL: vqz_rows_scatter */
    void (*begin)(void), (*end)(void);     /* around the tiles of a layer; NULL: nothing to do */
} vqz_simd;

vqz_status vqz_rows_pack(const vqz_simd *simd, vqz_layer *l, const vqz_layer_def *arrays, vqz_memory *mem, vqz_error *e);
size_t vqz_rows_scratch(const vqz_layer *l, uint32_t h, uint32_t w);
void vqz_rows_run(const vqz_layer *l, const vqz_view *in, const vqz_view *add, const vqz_view *out, vqz_rect part, void *scratch);

vqz_scatter vqz_rows_scatter;
static inline bool vqz_rows_scatters(const vqz_simd *s, const vqz_layer *l) { return l->def.shuffle > 1 && l->out.channels % s->lanes != 0; }

/* Where output channel o (stored order) of position x goes. */
static inline uint8_t *vqz_row_dst(const vqz_row_job *j, size_t x, unsigned o) {
    if (o < j->run) return j->dst + x * j->dst_step + ((size_t)o << j->packed->out16);     /* divisions are slow */
    unsigned g = o / j->run;
    return j->dst + x * j->dst_step + (g / j->shuffle) * j->i_step + (g % j->shuffle) * j->j_step +
           ((size_t)(o - g * j->run) << j->packed->out16);
}
#endif
