/* Colour samples of a tile as they are <-> pixel section of a payload (spec/bitstream.md, "Pixels as they are"). */
#ifndef VQZ_CODEC_PIXELS_H
#define VQZ_CODEC_PIXELS_H
#include "codec/adaptive.h"
#include "codec/samples.h"

enum {
    VQZ_PIXEL_BLOCK = 16,            /* pixels on a side of what a mask chooses */
    VQZ_PIXELS_MEMORY = 1,           /* flag: colours that come again are remembered. For screens and drawings */
    VQZ_PIXELS_MASK = 2,             /* flag: only some of the blocks are coded */
    VQZ_TILE_MIXED = 254,            /* instead of a level: a pixel section for some blocks, then latents */
    VQZ_TILE_PIXELS = 255            /* instead of a level: a pixel section, and no latents */
};
static inline uint32_t vqz_pixel_blocks(uint32_t pixels) { return (pixels + VQZ_PIXEL_BLOCK - 1) / VQZ_PIXEL_BLOCK; }

/* A tile of w x h pixels with 1 or 3 colours. */
typedef struct vqz_pixels {
    vqz_samples samples;
    uint32_t w, h;
    unsigned colours;
    uint8_t *mask;                   /* encoder: [vqz_pixel_blocks(h)][vqz_pixel_blocks(w)], 1 for blocks that are coded; NULL: all are */
} vqz_pixels;

/* The section is appended to *out, whose memory belongs to the caller (vqz_free). flags: 0 or VQZ_PIXELS_MEMORY. */
vqz_status vqz_pixels_encode(const vqz_pixels *p, unsigned flags, vqz_rans_enc *rans, void **out, size_t *size, vqz_error *e);
/* On failure some samples may have been changed. */
vqz_status vqz_pixels_decode(const vqz_pixels *p, vqz_memory *mem, const uint8_t *data, size_t size, bool verify, vqz_error *e);

static inline bool vqz_pixels_are_all(const uint8_t *section) { return !(section[0] & VQZ_PIXELS_MASK); }

/* A payload of layer 0. What is not there is NULL. */
typedef struct vqz_tile_parts {
    const uint8_t *pixels, *latents;
    size_t pixels_size, latents_size;
} vqz_tile_parts;
/* A section with a mask stands in a mixed tile, one without in the other kind; anything else is corrupt. */
vqz_status vqz_tile_split(vqz_tile_parts *parts, const uint8_t *payload, size_t size, vqz_error *e);
#endif
