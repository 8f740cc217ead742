/* A tile's place in its picture, for both sides. */
#ifndef VQZ_CUDA_AREA_H
#define VQZ_CUDA_AREA_H
#include "cuda/layer.h"

typedef struct vqz_cu_area {
    int16_t *plane;                          /* the picture's latents: position (y, x) at plane + (y * pitch + x) * latent_stride */
    uint32_t pitch;
    uint32_t x, y, w, h;                     /* what networks run over, in positions of the picture: the tile and a ring, cut off at the borders */
    uint32_t tile_x, tile_y, tile_w, tile_h; /* the tile in it */
    uint32_t width, height;                  /* of the picture in pixels */
    uint32_t layout;                         /* samples of a pixel; gray or RGB for analysis */
    uint32_t row;                            /* bytes */
    uint8_t *samples;                        /* the picture's first */
} vqz_cu_area;

typedef struct vqz_cu_pixels {
    const vqz_cu_area *area;                 /* [areas] */
    uint32_t areas, latent_stride;
    const vqz_cu_view *first, *second, *third;           /* see each kernel */
} vqz_cu_pixels;
#endif
