/* Tiles of arbitrary symbols: valid latent payloads that no encoder would choose. */
#ifndef VQZ_FUZZ_TILE_H
#define VQZ_FUZZ_TILE_H
#include "format/buffer.h"
#include "fuzz/fuzz.h"

/* Appends the payload of a tile of h x w pixels whose every choice (level, lanes, biases, mask, symbols, escapes) comes from `in`. False where
 * it would be longer than a payload may be. */
bool fuzz_make_tile(vqz_model *m, uint32_t h, uint32_t w, fuzz_bytes *in, vqz_buffer *out);
#endif
