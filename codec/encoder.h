/* The encoder's state, shared by encoder.c (what comes when), encoder_rows.c (tile rows: memory, from rows of pixels to chunks), encoder_tile.c (a tile's latents,
 * pixels and residuals), encoder_device.c (frames on a GPU) and encoder_inter.c (frames that refer to the one before). */
#ifndef VQZ_CODEC_ENCODER_H
#define VQZ_CODEC_ENCODER_H
#include "base/arena.h"
#include "base/pool.h"
#include "codec/latent.h"
#include "codec/motion_search.h"
#include "codec/reconstruct.h"
#include "codec/refine.h"
#include "format/buffer.h"
#include "format/format.h"
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

enum { RING_PIXELS = VQZ_ANALYSIS_RING * VQZ_LATENT_STEP };

/* What one thread needs to code a tile. */
typedef struct worker {
    vqz_arena arena;
    size_t capacity;
    vqz_rans_enc rans;
} worker;

typedef struct tile_result {
    uint8_t *latent, *alpha, *residual;
    uint8_t *mask[2];                        /* with residuals, of an even and an odd row: the blocks that are coded as pixels; NULL: none */
    size_t latent_size, alpha_size, residual_size;
    bool vivid, screen;                      /* what it looks like; vivid: said where a GPU has coded it */
    vqz_status status;
    vqz_error error;
} tile_result;

/* Of a sequence that may have inter frames: all rows of a frame are held. */
typedef struct inter_frames {
    bool on, inter;                          /* it may have some; the present frame is one */
    uint32_t since_key;                      /* frames from the last key frame on */
    vqz_frame_head head;                     /* of the present frame */
    int64_t last_pts;
    vqz_pool *pool;                          /* for the search, which has more to do at once than tiles */
    vqz_search search;
    uint8_t *missing;                        /* of an inter frame: the picture less its prediction, plus 128 */
    int16_t *neutral;                        /* [C] */
} inter_frames;

/* What a tile of an inter frame needs beside the rest. */
typedef struct inter_work {
    vqz_motion motion;
    int16_t *analysed;
    uint32_t *spent;
} inter_work;

struct vqz_encoder {
    vqz_memory mem;
    vqz_error error;
    vqz_settings settings;
    vqz_model *model;
    const vqz_nets *nets;
    bool correct;                            /* latents after analysis */
    unsigned rounds;                         /* of refinement */
    vqz_refiner refiner;                     /* for those */
    vqz_mux *mux;
    vqz_buffer pending;                      /* bytes for the caller */
    bool taken;                              /* the caller has had them */
    enum { IDLE, BETWEEN, ROWS, DONE, FAILED } state;
    vqz_packet packet;                       /* of a sequence: what `pending` is or becomes */

    /* the present picture or sequence of pictures */
    vqz_head head;
    vqz_grid grid;
    uint32_t level, lambda, target;          /* target: of the residuals */
    vqz_quantizer quantizer;                 /* for that lambda */
    uint8_t unit;                            /* rows of a step; 0: no steps */
    uint32_t tile_row, residual_row;         /* next to be coded */
    vqz_recon pixels;                        /* laid out where there are residuals */
    vqz_pool *pool;
    worker *workers;
    bool whole;                              /* the frame is for a GPU: all its rows are held, and a result for each tile */
    tile_result *results;                    /* of a row of tiles, or of all where a GPU may have them */
    uint8_t *synthesised;                    /* with residuals, the GPU's; NULL: not yet */
    uint8_t *rgb, *alpha;                    /* rows first .. next - 1 */
    uint32_t first, next, capacity;          /* rows held from, rows received, room */
    void *block;                             /* the allocation behind all of these */
    inter_frames inter;
    vqz_decoder *check;                      /* decodes what is written, for its hash, or because the next frame may refer to it */
    bool check_next;                         /* it is about to see another frame */
    XXH64_state_t hash;
};

/* Whether frames go to a GPU, from which the processor may take them over. */
static inline bool vqz_encoder_has_device(const vqz_encoder *enc) { return enc->settings.device && !enc->settings.lossless && !enc->rounds; }
/* Results of a row of tiles. */
static inline tile_result *vqz_encoder_results(const vqz_encoder *enc, uint32_t row) { return enc->results + (enc->whole ? (size_t)row * enc->grid.nx : 0); }

/* encoder.c */
/* Quality in 1/16 -> row of the level table and lambda. */
void vqz_encoder_choose_level(vqz_encoder *enc, uint32_t q16);
/* Moves what the muxer has into `pending`, past the checking decoder where there is one. */
vqz_status vqz_encoder_drain(vqz_encoder *enc, vqz_error *e);

/* encoder_rows.c */
/* Memory for a picture or a sequence of them: settings, head, grid and pixels are known. */
vqz_status vqz_encoder_plan(vqz_encoder *enc, vqz_error *e);
void vqz_encoder_drop_results(vqz_encoder *enc);
/* Codes and writes the tile rows whose pixels are there, and after the last one what ends the frame. */
vqz_status vqz_encoder_write_rows(vqz_encoder *enc, vqz_error *e);

/* encoder_tile.c */
/* A worker's memory for the largest tile: sizes only. */
vqz_status vqz_encoder_measure_tile(vqz_encoder *enc, vqz_arena *need, vqz_error *e);
/* Alpha and latents, or pixels as they are, of the tiles of `tile_row`: results with a status each. Where a GPU has coded latents, behind the other. */
void vqz_encoder_code_tiles(vqz_encoder *enc);
/* Alpha, and what the tiles look like: what can be done before there are latents. */
void vqz_encoder_look_at_tiles(vqz_encoder *enc);
/* Residuals of the tiles of `residual_row`, whose latents and those of their neighbours are final. */
void vqz_encoder_code_residuals(vqz_encoder *enc);

/* encoder_inter.c */
void vqz_encoder_inter_layout(vqz_encoder *enc, vqz_arena *a);
/* A sequence begins: memory is there. */
vqz_status vqz_encoder_inter_begin(vqz_encoder *enc, vqz_error *e);
/* All rows of a frame are there: decides what it is, finds its motion, and begins it. */
vqz_status vqz_encoder_inter_choose(vqz_encoder *enc, vqz_error *e);
/* A worker's memory for a tile of ph x pw positions. */
void vqz_encoder_inter_layout_tile(const vqz_encoder *enc, vqz_arena *a, uint32_t ph, uint32_t pw, inter_work *w);
/* Codes the analysed latents `y` of the tile at `rect` of an inter frame, and decides which blocks of it are coded. */
vqz_status vqz_encoder_inter_tile(const vqz_encoder *enc, vqz_rans_enc *rans, inter_work *w, vqz_prior *p, uint8_t unit, vqz_rect rect, const vqz_latents *y,
                                  vqz_memory *mem, uint8_t **payload, size_t *size, vqz_error *e);

/* encoder_device.c */
/* All rows of a frame are there: results of all tiles, nothing written yet. What does not work out on a GPU, the processor does from the beginning. */
vqz_status vqz_encoder_use_device(vqz_encoder *enc, vqz_error *e);
#endif
