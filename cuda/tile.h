/* The model's tables and the tiles of a batch in device memory, for both sides. */
#ifndef VQZ_CUDA_TILE_H
#define VQZ_CUDA_TILE_H
#include "cuda/layer.h"

enum { VQZ_CU_SLICES = 16, VQZ_CU_LANES = 8 };

/* A codebook, or a table of hyper-latents: n symbols with values, and the escape symbol n. */
typedef struct vqz_cu_book {
    uint32_t n, dim;                         /* values of a symbol: 1 or 2 */
    uint32_t shift, zero, mean_abs;          /* as in vqz_codebook */
    uint32_t reserved;
    const int16_t *value;                    /* [n][dim] */
    const uint32_t *range;                   /* [n + 1]: start | freq << 16 */
    const uint32_t *cost;                    /* [n + 1], books only */
    const uint16_t *look;
} vqz_cu_book;

typedef struct vqz_cu_level {
    const uint16_t *gain, *inv, *zgain, *zinv;
    const int16_t *loggain;
    const int8_t *feat, *zoff;
    const uint8_t *ztab;
} vqz_cu_level;

typedef struct vqz_cu_tables {
    uint32_t C, Z, F, H, S, rungs, top, levels;
    uint32_t gain_shift, inv_shift, zgain_shift, zinv_shift;
    uint32_t latent_stride, context_stride;  /* elements: C in whole units; bytes: H + C in whole units */
    uint32_t scalars, ztables;               /* where they begin in `book`, behind the pair codebooks */
    const vqz_cu_book *book;
    const uint16_t *map;
    const vqz_cu_level *level;
    const uint16_t *latq_mul;
    const uint8_t *latq_shift;
} vqz_cu_tables;

/* What went wrong while a tile was decoded. */
enum { VQZ_CU_ENDED = 1, VQZ_CU_STATE = 2, VQZ_CU_WORDS = 4, VQZ_CU_RAW = 8 };

/* One tile. Its latents stand in a plane, position (y, x) at latents + (y * pitch + x) * latent_stride. */
typedef struct vqz_cu_tile {
    uint32_t h, w, zh, zw;
    int16_t *latents;
    uint32_t pitch;
    uint32_t level;                          /* the tile's row of the level table */
    uint8_t *rows;                           /* [h * w]: each position's */
    uint32_t unit;                           /* rows of a step; 0: no steps */
    int8_t *steps;                           /* of blocks of 2 x 2 positions */
    int32_t *z;                              /* [Z][zh * zw] */
    uint8_t *context;                        /* [h * w][context_stride]: hyper features, then latents as networks see them */
    /* the payload's head */
    uint32_t lanes, mask;
    int32_t bias[VQZ_CU_SLICES];             /* in rungs */
    /* the payload's streams, and how far the decoder has come from kernel to kernel */
    const uint8_t *words, *raw;              /* 16-bit words; bytes */
    uint32_t nwords, nraw;
    uint32_t state[VQZ_CU_LANES], word, turn;
    uint64_t bit;
    uint32_t failed;                         /* VQZ_CU_... */
    uint32_t hash;                           /* of the latents, as vqz_latents_hash */
    /* encoder */
    uint64_t found;                          /* for the choice of a bias: sum of coded residuals */
    uint32_t *seen;                          /* [rungs]: how often each */
    uint32_t any[VQZ_CU_SLICES];             /* 1: some residual of the slice is not its book's zero */
    uint32_t *symbol;                        /* ranges in the file's order, 0: none */
    uint32_t *extra;                         /* what each puts into the raw stream: see ladder.cuh */
    uint32_t lambda;
    uint32_t front;                          /* places before those of the hyper-latents: what comes first in the file */
    uint32_t symbols;                        /* places in `symbol` */
    uint8_t *out;                            /* room for `symbols` + 2 * VQZ_CU_LANES words, filled from the end */
    uint8_t *raw_out;
    uint32_t out_words, raw_bytes;           /* made */
} vqz_cu_tile;

/* Kernels over a batch of tiles. Where they have `only`, items with 0 there are left out (NULL: none). */
typedef struct vqz_cu_batch {
    vqz_cu_tables tables;
    vqz_cu_tile *tile;
    uint32_t tiles;
    uint32_t reserved;
} vqz_cu_batch;

typedef struct vqz_cu_pass {
    vqz_cu_batch batch;
    uint32_t slice, pass;                    /* pass 0: even positions */
    uint32_t first, channels;                /* of the slice among C */
    const vqz_cu_view *heads;
    const uint32_t *only;
    uint32_t *none;                          /* encoder: 1 for tiles that leave the slice out */
} vqz_cu_pass;

/* The end of encoding; small: below so many words one lane serves. */
typedef struct vqz_cu_finish {
    vqz_cu_batch batch;
    uint32_t small, reserved;
} vqz_cu_finish;

/* Hyper features; out: input or output of role 3. */
typedef struct vqz_cu_hyper {
    vqz_cu_batch batch;
    const vqz_cu_view *out;
} vqz_cu_hyper;

/* Inputs of the networks that run at a pass's positions only. */
typedef struct vqz_cu_gather {
    vqz_cu_batch batch;
    uint32_t pass;
    uint32_t first, channels, taps;          /* anchors: the slice, and vqz_second_taps */
    int8_t offset[12][2];
    const vqz_cu_view *from, *to;            /* from: the trunk */
    const uint32_t *only;
} vqz_cu_gather;

/* The i-th position, in raster order, of a pass over a tile of width w. Two rows have w of them together. */
#ifdef __CUDACC__
__host__ __device__
#endif
static inline void vqz_cu_position(uint32_t i, uint32_t w, uint32_t pass, uint32_t *y, uint32_t *x) {
    const uint32_t rows = i / w, rest = i % w, upper = (w + 1 - pass) / 2;
    *y = 2 * rows + (rest >= upper);
    *x = rest < upper ? pass + 2 * rest : (1 - pass) + 2 * (rest - upper);
}
/* How many there are. */
#ifdef __CUDACC__
__host__ __device__
#endif
static inline uint32_t vqz_cu_positions(uint32_t h, uint32_t w, uint32_t pass) { return (h * w + 1 - pass) / 2; }
#endif
