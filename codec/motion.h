/* Motion of an inter frame (spec/bitstream.md section 11): what its blocks take from the frame before. One definition for encoder and decoder. */
#ifndef VQZ_CODEC_MOTION_H
#define VQZ_CODEC_MOTION_H
#include "base/intmath.h"
#include "codec/rans.h"

enum {
    VQZ_MOTION_BLOCK = 16,       /* pixels; as large as a latent position */
    VQZ_MOTION_PART = 8,         /* a block has one vector, or one for each quarter */
    VQZ_VECTOR_MOST = 2047       /* quarters of a pixel, either way */
};
/* What is said of a block. */
enum {
    VQZ_BLOCK_CODED = 1,         /* it has latents; else it is what the vectors say, and what its neighbours' latents spill */
    VQZ_BLOCK_SPLIT = 2,         /* four vectors */
    VQZ_BLOCK_FRESH = 4,         /* nothing is taken from the frame before: middle gray */
    VQZ_BLOCK_MOVED = 8          /* a vector is not the predicted one */
};

typedef struct vqz_vector { int16_t x, y; } vqz_vector;      /* in quarters of a pixel */

/* A rectangle of h x w blocks in a picture's planes. */
typedef struct vqz_motion {
    uint8_t *block;              /* of block (x, y): block[y * stride + x] */
    vqz_vector *vector;          /* of each quarter: vector[y * 2 * stride + x] */
    size_t stride;
    uint32_t h, w;
} vqz_motion;
static inline vqz_motion vqz_motion_part(const vqz_motion *m, uint32_t x, uint32_t y, uint32_t h, uint32_t w) {
    return (vqz_motion){m->block + y * m->stride + x, m->vector + (4 * y * m->stride + 2 * x), m->stride, h, w};
}

/* A decoded picture: width x height pixels, R, G and B, without gaps. */
typedef struct vqz_reference {
    const uint8_t *rgb;
    uint32_t width, height;
} vqz_reference;

/* Writes or reads a tile's motion (one of enc and dec is NULL). A writer gets VQZ_BLOCK_MOVED set; its vectors are at most VQZ_VECTOR_MOST. */
void vqz_motion_walk(const vqz_motion *m, vqz_rans_enc *enc, vqz_rans_dec *dec);
/* Vectors 0 and nothing coded: the frame before. */
void vqz_motion_clear(const vqz_motion *m);
/* The vector that is expected at quarter (x, y) of m for `size` quarters (1, 2) a side. */
vqz_vector vqz_vector_expected(const vqz_motion *m, uint32_t x, uint32_t y, uint32_t size);

/* size x size pixels (8, 16) at (x, y) moved by v -> to, `stride` bytes a row. The reference's border goes on for ever. */
void vqz_predict(const vqz_reference *ref, uint32_t x, uint32_t y, vqz_vector v, uint32_t size, uint8_t *to, size_t stride);
/* All of block (x, y). */
void vqz_predict_block(const vqz_reference *ref, const vqz_motion *m, uint32_t x, uint32_t y, uint8_t to[VQZ_MOTION_BLOCK * VQZ_MOTION_BLOCK * 3]);
/* Weights of eight pixels, sum 64, the fourth one being at the whole pixel below, by quarters. */
extern const int8_t vqz_motion_taps[4][8];

/* Adds the prediction of a picture's blocks to synthesised samples (VQZ_PIXEL_BITS fractional bits, `stride` of them a row) of w x h pixels at (x, y),
 * where a block begins. Blocks that neither are coded nor touch one that is become the prediction as it is. m: all of the picture. */
void vqz_motion_add(const vqz_reference *ref, const vqz_motion *m, uint32_t x, uint32_t y, uint32_t w, uint32_t h, int16_t *samples, size_t stride);
/* Whether all blocks of a rectangle of blocks are such. */
bool vqz_motion_is_still(const vqz_motion *m, uint32_t x, uint32_t y, uint32_t w, uint32_t h);
#endif
