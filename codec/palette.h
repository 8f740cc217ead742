/* Fewer colours: rare ones become frequent ones that are near. */
#ifndef VQZ_CODEC_PALETTE_H
#define VQZ_CODEC_PALETTE_H
#include "base/memory.h"

/* How far apart colours that become one may be, for a quality in 1/16. 0: they stay as they are. */
unsigned vqz_colour_tolerance(uint32_t quality_x16);
/* rgb [h][w][3], where the mask [ceil(h/16)][ceil(w/16)] is 1. Colours of areas stay nearer than those of edges. The tolerance, above 0, grows
 * where more than 2048 would be left. *fits: false, and nothing done, where there are too many colours. */
vqz_status vqz_merge_colours(vqz_memory *mem, uint8_t *rgb, uint32_t w, uint32_t h, const uint8_t *mask, unsigned tolerance, bool *fits, vqz_error *e);
#endif
