/* Latents of one tile <-> TILE payload (spec/bitstream.md). */
#ifndef VQZ_CODEC_LATENT_H
#define VQZ_CODEC_LATENT_H
#include "codec/quantizer.h"
#include "codec/rans.h"

/* Below this many words one lane is used, else four: its state costs 4 bytes instead of 16. (An encoder's choice.) */
enum { VQZ_SMALL_TILE_WORDS = 4096 };
enum { VQZ_LATENT_FLAG_BIAS = 4, VQZ_LATENT_FLAG_MASK = 8, VQZ_LATENT_FLAG_STEPS = 16, VQZ_LATENT_FLAGS = 31 };

/* The payload's head; the parser and the writer of it stand side by side in latent_head.c. */
typedef struct vqz_latent_head {
    uint8_t level, lanes;                    /* lanes 1, 4 or 8 */
    int8_t bias[VQZ_MAX_SLICES];
    uint16_t mask;                           /* bit i: slice i is coded */
    uint8_t unit;                            /* rows of a step; 0: no steps, all positions have the tile's level */
    uint32_t hash;
    uint32_t words;
} vqz_latent_head;
enum { VQZ_LATENT_HEAD_MAX = 2 + VQZ_MAX_SLICES + 2 + 1 + 4 + 5 };

size_t vqz_latent_head_write(const vqz_latent_head *h, const vqz_model *m, uint8_t out[VQZ_LATENT_HEAD_MAX]);
vqz_status vqz_latent_head_read(vqz_latent_head *h, const vqz_model *m, vqz_reader *r, vqz_error *e);

/* Encodes: `analysed` holds the tile's latents and is overwritten by what the decoder will see; the prior holds the hyper-latents and, where
 * unit is not 0, the steps. The payload is appended to *out, whose memory belongs to the caller (vqz_free). */
vqz_status vqz_latent_encode(vqz_prior *p, vqz_rans_enc *rans, uint8_t level, uint8_t unit, const vqz_quantizer *q, const vqz_latents *analysed,
                             vqz_memory *mem, uint8_t **out, size_t *size, vqz_error *e);

/* Is told every ladder symbol as it is decoded; for tools that count them. */
typedef struct vqz_symbol_observer {
    void (*symbol)(void *arg, const vqz_codebook *book, uint32_t symbol);
    void *arg;
} vqz_symbol_observer;

/* Decodes into `y`; the prior keeps the level and the hyper-latents. Offsets of errors are relative to data. verify: compare the hash.
 * observer: NULL outside such tools; after an error what it was told means nothing. */
vqz_status vqz_latent_decode(vqz_prior *p, const uint8_t *data, size_t size, const vqz_latents *y, bool verify,
                             const vqz_symbol_observer *observer, vqz_error *e);
#endif
