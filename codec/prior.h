/* The context model of one latent tile: from what is already decoded to the mean and rung of what comes next
 * (spec/bitstream.md). Encoder and decoder call exactly these functions, in the same order:
 *   hyper, then for every slice, for pass 0 and 1: predict, (code the values), commit. */
#ifndef VQZ_CODEC_PRIOR_H
#define VQZ_CODEC_PRIOR_H
#include "base/arena.h"
#include "base/laddermath.h"
#include "codec/loops.h"
#include "codec/motion.h"

/* A tile's latents inside a plane: element (y, x, c) is at data[(y * stride + x) * C + c]. */
typedef struct vqz_latents {
    int16_t *data;
    size_t stride;               /* positions from row to row */
} vqz_latents;

typedef struct vqz_prior {
    const vqz_model *m;
    const vqz_nets *nets;
    const vqz_loops *loops;
    uint32_t level;              /* the tile's row; set by vqz_prior_hyper */
    uint32_t h, w, zh, zw;       /* latent and hyper-latent positions */
    uint32_t count[2];           /* positions of each pass */
    uint32_t *position[2];       /* their index y * w + x, ascending */
    /* of a tile of an inter frame, set by the caller before anything is coded: */
    const vqz_motion *motion;    /* NULL: it is none */
    const int16_t *neutral;      /* latents of middle gray, [C]: those of positions that are not coded */
    uint8_t *live;               /* [zh * zw]: hyper-latents that are coded, the others are 0; all of them where there is no motion */
    uint32_t *spent;             /* [h * w], encoder: bits of each position are added up there, 12 fractional bits; NULL: nobody asks */
    int8_t *steps;               /* of blocks (codec/steps.h), filled by the caller where its tile has them */
    uint8_t *rows;               /* row of the level table at every position, filled by the caller */
    int32_t *z;                  /* [Z][zh * zw], filled by the caller before vqz_prior_hyper */
    int16_t *heads;              /* [count][2 * slice]: result of vqz_prior_predict: means, then log-scales */
    /* working memory */
    uint8_t *hyper_in, *hyper_out, *context, *neighbours, *gathered_features;
    int16_t *trunk, *gathered_trunk;
    uint8_t *row;                /* one row of latents as bytes */
    void *scratch;
} vqz_prior;

/* Lays a prior for a tile of h x w latent positions out in the arena. */
vqz_status vqz_prior_layout(vqz_prior *p, const vqz_model *m, const vqz_nets *nets, uint32_t h, uint32_t w, vqz_arena *a, vqz_error *e);
/* p->motion is known: the passes are those of positions that are coded. The latents of the others, in y, are known now, too. Returns how many are coded. */
uint32_t vqz_prior_select(vqz_prior *p, const vqz_latents *y);
/* Hyper-latents p->z at a level -> the features that every context sees. */
void vqz_prior_hyper(vqz_prior *p, uint32_t level);
/* Means and log-scales at the positions of a pass, into p->heads. */
void vqz_prior_predict(vqz_prior *p, uint32_t slice, unsigned pass);
/* The slice's latents at the positions of a pass are now final: later predictions see them. */
void vqz_prior_commit(vqz_prior *p, uint32_t slice, unsigned pass, const vqz_latents *y);

/* A slice that is not coded: all residuals are zero, the latents of the pass are the means. */
void vqz_prior_fill(const vqz_prior *p, uint32_t slice, unsigned pass, const vqz_latents *y);

/* The pair codebook of rungs a and b, or NULL where the channels are coded one by one. *swap: the codeword's first value is the second channel's. */
static inline const vqz_codebook *vqz_pair_book(const vqz_model *m, uint32_t a, uint32_t b, unsigned *swap) {
    *swap = a < b;
    uint32_t hi = *swap ? b : a, lo = *swap ? a : b;
    return hi <= m->top ? &m->pair[m->map[hi * (m->top + 1) + lo]] : NULL;
}
/* Residual (8 fractional bits, in steps) -> latent. */
static inline int16_t vqz_reconstruct(const vqz_model *m, const vqz_level *level, uint32_t c, int32_t mean, int32_t residual) {
    return (int16_t)vqz_latent_of(mean, residual, level->inv[c], m->inv_shift);
}

/* Blocks of positions that share a step, along one side of a tile. */
enum { VQZ_STEP_BLOCK = 2 };
static inline uint32_t vqz_step_blocks(uint32_t positions) { return (positions + VQZ_STEP_BLOCK - 1) / VQZ_STEP_BLOCK; }

/* What quantizes at a position. */
static inline const vqz_level *vqz_level_at(const vqz_prior *p, uint32_t position) { return &p->m->level[p->rows[position]]; }

/* Position of a latent of a pass in its plane. */
static inline int16_t *vqz_latent_at(const vqz_prior *p, const vqz_latents *y, uint32_t position) {
    return y->data + ((size_t)(position / p->w) * y->stride + position % p->w) * p->m->C;
}
/* Low 32 bits of the XXH64 of the tile's latents, as the TILE payload stores it. */
uint32_t vqz_latents_hash(const vqz_prior *p, const vqz_latents *y);
#endif
