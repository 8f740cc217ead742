/* Pixels <-> latents of a rectangle: the analysis and synthesis networks with their linear paths. */
#ifndef VQZ_CODEC_TRANSFORM_H
#define VQZ_CODEC_TRANSFORM_H
#include "codec/prior.h"

/* Encoder: how far analysis looks past its tile, in latent positions (clipped to the picture). Not part of the format. With 2, sizes and errors,
 * at tile borders too, were the same within 0.1 %. */
enum { VQZ_ANALYSIS_RING = 1 };

/* The rectangle grown by `ring` on every side, clipped to a plane of w x h positions. */
vqz_rect vqz_rect_grow(vqz_rect r, uint32_t ring, uint32_t w, uint32_t h);

/* ---- analysis ---- */
typedef struct vqz_analysis {
    const vqz_model *m;
    const vqz_nets *nets;
    const vqz_loops *loops;
    int16_t *blocks, *linear, *latents;      /* [positions][768], [positions][C], [positions][C] */
    uint8_t *pixels, *scaled;                /* [8h][8w][12]; [tile positions][C] */
    int16_t *hyper;                          /* [hyper positions][Z] */
    void *scratch;
} vqz_analysis;
/* For rectangles of at most h x w positions, ring included. */
vqz_status vqz_analysis_layout(vqz_analysis *a, const vqz_model *m, const vqz_nets *nets, uint32_t h, uint32_t w, vqz_arena *arena, vqz_error *e);
/* Rows of RGB samples of a picture of width x height pixels: row y is at rgb + (y - first) * stride. Pixels beyond the right and lower
 * border repeat the last ones. Writes the latents of `tile` to y, and the hyper-latents of a level to p->z. with_ring: vqz_analysis_correct follows. */
void vqz_analyse(vqz_analysis *a, const uint8_t *rgb, size_t stride, uint32_t first, uint32_t width, uint32_t height, vqz_rect tile, bool with_ring,
                 const vqz_latents *y, vqz_prior *p, const vqz_level *level);

/* ---- synthesis ---- */
typedef struct vqz_synthesis {
    const vqz_model *m;
    const vqz_nets *nets;
    int16_t *latents, *linear, *out;         /* [positions][C], [16 positions][48], [256 positions][3] */
    uint8_t *scaled;                         /* [positions][C]: through LATQ, where the model's synthesis reads that */
    void *scratch;
} vqz_synthesis;
vqz_status vqz_synthesis_layout(vqz_synthesis *s, const vqz_model *m, const vqz_nets *nets, uint32_t h, uint32_t w, vqz_arena *arena, vqz_error *e);
/* Latents as the network reads them. */
vqz_view vqz_synthesis_sees(const vqz_synthesis *s, const vqz_view *latents);
/* s->latents holds a rectangle of h x w positions (ring included) -> s->out, samples with VQZ_PIXEL_BITS fractional bits, at the pixels `part`
 * of that rectangle. */
void vqz_synthesise(vqz_synthesis *s, uint32_t h, uint32_t w, vqz_rect part);
/* After vqz_analyse of the same tile with its ring: what synthesis would miss of the pixels if nothing were quantized goes through the linear path onto y, which
 * counts where steps are small. s: for the tile and the ring of analysis. */
void vqz_analysis_correct(vqz_analysis *a, vqz_synthesis *s, uint32_t width, uint32_t height, vqz_rect tile, const vqz_latents *y);
#endif
