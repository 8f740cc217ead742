/* The encoder's search at higher efforts: latents are moved along the derivative of the squared error behind the synthesis networks and
 * chosen anew, several times (a Newton step on the distortion, whose curvature is that of the linear path, damped). In float, so
 * the file depends on the machine that makes it; decoding does not. */
#ifndef VQZ_CODEC_REFINE_H
#define VQZ_CODEC_REFINE_H
#include "codec/latent.h"
#include "codec/nn/adjoint.h"
#include "codec/transform.h"

/* What all tiles share. */
typedef struct vqz_refiner {
    const vqz_model *m;
    vqz_adjoint *linear, *network;
    float *latent;               /* [C] derivative of what the network sees of a latent */
    float *newton;               /* [C] step of a latent (its integers) by derivative of the squared error (samples, VQZ_PIXEL_BITS) */
} vqz_refiner;
vqz_status vqz_refiner_open(vqz_refiner *r, vqz_memory *mem, const vqz_model *m, unsigned cpu, vqz_error *e);
void vqz_refiner_close(vqz_refiner *r, vqz_memory *mem);
/* Rounds of refinement at an effort of 0..9; 0: none. */
unsigned vqz_refine_rounds(int32_t effort);

/* Working memory for one tile of h x w positions. */
typedef struct vqz_refine {
    const vqz_refiner *shared;
    vqz_synthesis *synthesis;    /* for at least as many positions; the caller's */
    int16_t *target, *best;      /* [positions][C] */
    float *pixels;               /* [256 positions][3] derivative by samples */
    float *linear, *seen, *latents;
    void *work[2];               /* of network and linear */
} vqz_refine;
vqz_status vqz_refine_layout(vqz_refine *f, const vqz_refiner *r, vqz_synthesis *s, uint32_t h, uint32_t w, vqz_arena *a, vqz_error *e);

/* The tile's own pixels and where the picture goes on beyond it: there the synthesis lacks its neighbours, and nothing is moved. */
typedef struct vqz_refine_tile {
    const uint8_t *rgb;
    size_t stride;
    uint32_t width, height;      /* pixels */
    uint32_t h, w;               /* positions */
    bool left, top, right, bottom;
    uint8_t unit;                /* as for vqz_latent_encode; each step is half an octave of lambda */
    const int8_t *steps;         /* the prior's */
} vqz_refine_tile;
/* vqz_latent_encode, repeated: rounds + 1 times, the cheapest kept. */
vqz_status vqz_refine_encode(vqz_refine *f, unsigned rounds, const vqz_refine_tile *t, vqz_prior *p, vqz_rans_enc *rans, uint8_t level, const vqz_quantizer *q,
                             const vqz_latents *y, vqz_memory *mem, uint8_t **out, size_t *size, vqz_error *e);
#endif
