/* What of a tile is coded as pixels: text, line art, flat drawings. Integers only: the same on every machine. */
#ifndef VQZ_CODEC_SCREEN_H
#define VQZ_CODEC_SCREEN_H
#include "codec/pixels.h"
#include "codec/transform.h"

/* The payload of layer 0 of a tile without latents, exact. Its memory belongs to the caller (vqz_free). */
vqz_status vqz_exact_encode(const vqz_pixels *p, vqz_rans_enc *rans, uint8_t **out, size_t *size, vqz_error *e);

/* Whether the tile has text or the like, told from its pixels; cheap on photos. Samples are RGB. */
bool vqz_looks_like_screen(vqz_samples s, uint32_t w, uint32_t h);

/* A tile of whose latents it is asked whether pixels would be better. */
typedef struct vqz_screen {
    const vqz_model *model;
    const vqz_nets *nets;            /* context and synthesis */
    vqz_rans_enc *rans;
    vqz_samples rgb;                 /* in all layouts */
    uint32_t w, h;
    unsigned colours;
    uint32_t quality_x16;
    bool alone;                      /* it is the only tile: without latents, no neighbour misses them */
    bool exact;                      /* residuals follow: pixels are coded as they are */
    /* Latents of other samples of the tile, [h][w][3]. */
    vqz_status (*encode)(void *arg, const uint8_t *rgb, uint8_t **payload, size_t *size, vqz_error *e);
    void *arg;
} vqz_screen;
/* Replaces *payload, latents alone, by a better one if there is one. *mask: then the blocks that are coded as pixels, the caller's as is the
 * payload; else NULL. */
vqz_status vqz_screen_encode(const vqz_screen *t, uint8_t **payload, size_t *size, uint8_t **mask, vqz_error *e);
/* The latents of a payload that vqz_screen_encode has made, as decoders have them. */
vqz_status vqz_screen_latents(const vqz_screen *t, const uint8_t *payload, size_t size, const vqz_latents *y, vqz_error *e);
/* Copies the pixels of a tile's blocks that the mask chooses. Of a mean error per visible pixel (alpha, with the stride of `width`, NULL: all
 * are), the one that the others alone may have. */
uint32_t vqz_screen_show(const uint8_t *mask, vqz_samples from, vqz_samples to, uint32_t w, uint32_t h, unsigned colours,
                         const uint8_t *alpha, size_t width, uint32_t error);
#endif
