/* From the latents of tile rows to samples: what the decoder delivers, and what the encoder compares with the original. */
#ifndef VQZ_CODEC_RECONSTRUCT_H
#define VQZ_CODEC_RECONSTRUCT_H
#include "codec/transform.h"
#include "format/format.h"

enum { VQZ_ROWS_HELD = 3 };                  /* the pixels of a tile row depend on the latents of the rows beside it */

static inline uint32_t vqz_positions(uint32_t pixels) { return (pixels + VQZ_LATENT_STEP - 1) / VQZ_LATENT_STEP; }

typedef struct vqz_recon {
    const vqz_head *head;
    const vqz_model *model;
    const vqz_nets *nets;
    vqz_grid grid;
    uint32_t max_h, max_w;                   /* largest tile in pixels */
    uint32_t plane_w;                        /* latent positions in a row of the picture */
    int16_t *latents[VQZ_ROWS_HELD];         /* tile row i, of the picture's whole width, is latents[i % VQZ_ROWS_HELD] */
    const vqz_motion *motion;                /* of an inter frame, all of it; NULL: the frame is none */
    vqz_reference reference;                 /* what that refers to */
    uint8_t *band;                           /* samples of one tile row in the picture's layout, without gaps */
} vqz_recon;

/* Sizes only; head, model and nets must outlive it. */
void vqz_recon_init(vqz_recon *r, const vqz_head *head, const vqz_model *model, const vqz_nets *nets);
void vqz_recon_layout(vqz_recon *r, vqz_arena *a);
/* A worker's memory for the samples of a tile of h x w pixels. */
vqz_status vqz_recon_work(const vqz_recon *r, uint32_t h, uint32_t w, vqz_synthesis *s, vqz_arena *a, vqz_error *e);
/* Where a tile's latents stand. */
vqz_latents vqz_recon_latents(const vqz_recon *r, uint32_t tx, uint32_t ty);
/* Samples of a tile into the band. `alpha` is the tile row's, of the picture's width; NULL: alpha is left as it is, or there is none. */
void vqz_recon_tile(const vqz_recon *r, vqz_synthesis *s, uint32_t tx, uint32_t ty, const uint8_t *alpha);
/* Alpha alone: the colours come from elsewhere. */
void vqz_recon_alpha(const vqz_recon *r, uint32_t tx, uint32_t ty, const uint8_t *alpha);
#endif
