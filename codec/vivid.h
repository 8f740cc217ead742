/* Colours more vivid than the networks can see: their latents lie beyond what the LATQ network passes on, and synthesis makes them paler. Here the error is
 * found by synthesising, and latents are moved until it is gone. Not part of the format. */
#ifndef VQZ_CODEC_VIVID_H
#define VQZ_CODEC_VIVID_H
#include "codec/transform.h"

/* Whether enough of w x h RGB pixels are so, rows `stride` bytes apart. Photographs hardly ever are. */
bool vqz_is_vivid(const uint8_t *rgb, size_t stride, uint32_t w, uint32_t h);
/* Instead of vqz_analysis_correct, and as that one. nets: with those of synthesis. */
vqz_status vqz_vivid_correct(vqz_analysis *a, const vqz_nets *nets, vqz_memory *mem, uint32_t width, uint32_t height, vqz_rect tile, const vqz_latents *y,
                             vqz_error *e);
#endif
