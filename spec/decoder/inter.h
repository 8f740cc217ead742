/* inter.c: bitstream.md, "Inter frames". In other frames every block is coded and nothing is predicted. */
#ifndef VQZ_SPEC_DECODER_INTER_H
#define VQZ_SPEC_DECODER_INTER_H
#include "decoder.h"

/* Before the first frame; pic must stay. */
void inter_open(const struct model *m, const struct picture *pic);
/* Behind each frame: its samples may be referred to. */
void inter_keep(void);
/* A tile begins, whose latents have their place in y: nothing is coded, all latents are neutral. */
void inter_tile(const struct model *m, struct rectangle tile, const struct tensor *y);
/* Then, where it has latents, its motion. */
void inter_motion(struct rans *d);
/* Whether the block at a position of the tile that began last, or any of those of a hyper-latent position, is coded. */
bool inter_coded(uint32_t y, uint32_t x);
bool inter_live(uint32_t zy, uint32_t zx);
/* Sample k of pixel (x, y) of the picture, with 6 fractional bits, where synthesis makes v of it. */
int inter_sample(uint32_t x, uint32_t y, uint32_t k, int v);
#endif
