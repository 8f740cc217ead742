/* Beside vqz_grid_of and vqz_grid_rect (format.h): what follows from the grid for the TILE chunks. */
#ifndef VQZ_FORMAT_GRID_H
#define VQZ_FORMAT_GRID_H
#include "format/format.h"

uint32_t vqz_grid_tiles(const vqz_head *h);
/* Pixels of the largest tile. */
uint64_t vqz_grid_max_area(const vqz_head *h);
/* Whether the picture's tiles have a chunk of this layer. */
bool vqz_grid_has_layer(const vqz_head *h, uint8_t layer);
/* TILE chunks of the picture. */
uint32_t vqz_grid_chunks(const vqz_head *h);
/* Position of a TILE chunk (of an existing tile, of a layer that the picture has) in the file's order, counted from 0: tile row by tile row
 * alpha and latents tile by tile, then, a tile row behind because their pixels depend on the latents below, the residuals. */
uint32_t vqz_grid_ordinal(const vqz_head *h, uint32_t index, uint8_t layer);
/* Most bytes that a chunk of a tile of this many pixels may carry. */
uint32_t vqz_grid_payload_max(uint64_t area);
/* Whether a payload of this size is possible for tile `index` (which exists) and layer. */
bool vqz_grid_payload_ok(const vqz_head *h, uint32_t index, uint8_t layer, size_t size);
#endif
