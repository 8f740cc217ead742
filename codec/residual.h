/* What the latents of a tile leave of its samples <-> residual payload (spec/bitstream.md, "Residual"). */
#ifndef VQZ_CODEC_RESIDUAL_H
#define VQZ_CODEC_RESIDUAL_H
#include "base/arena.h"
#include "codec/adaptive.h"
#include "codec/samples.h"

typedef struct vqz_residual_model vqz_residual_model;
/* Working memory for tiles of one width. */
typedef struct vqz_residual {
    uint32_t w;
    unsigned colours;            /* 1 or 3 */
    vqz_residual_model *model;
    int16_t *q;                  /* rows of quantized residuals */
    uint8_t *coded;              /* two rows of block flags */
} vqz_residual;
void vqz_residual_layout(vqz_residual *r, uint32_t w, unsigned colours, vqz_arena *a);

/* A tile of h rows: how `original` is to be had from `synthesised`. Pixels whose `alpha` (NULL: none have) is 0 do not matter. The step is the
 * coarsest one with which the mean squared error, in 1/16, is at most `target`; none where it already is. The payload's memory belongs
 * to the caller (vqz_free). */
typedef struct vqz_residual_source {
    vqz_samples original, synthesised;
    const uint8_t *alpha;
    size_t alpha_stride;
} vqz_residual_source;
vqz_status vqz_residual_encode(vqz_residual *r, vqz_rans_enc *rans, const vqz_residual_source *src, uint32_t h, uint32_t target,
                               uint8_t **out, size_t *size, vqz_error *e);
/* Adds the residuals to the synthesised samples. On failure some rows may have been changed. */
vqz_status vqz_residual_decode(vqz_residual *r, const uint8_t *data, size_t size, vqz_samples samples, uint32_t h, vqz_error *e);

/* Mean squared error in 1/16 to aim at for a quality in 1/16; 0 (and nothing else) where files have no residuals. */
uint32_t vqz_residual_target(uint32_t quality_x16);
#endif
