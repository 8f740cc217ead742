/* What all chunks have in common: the signature before the first one, their types, their frame. */
#ifndef VQZ_FORMAT_CHUNK_H
#define VQZ_FORMAT_CHUNK_H
#include "format/buffer.h"
#include "format/format.h"

enum {
    VQZ_MAJOR = 0, VQZ_MINOR = 0,
    VQZ_PREAMBLE_SIZE = 10,              /* signature, major, minor */
    VQZ_CHUNK_HEADER = 8,                /* type, length */
    VQZ_CHUNK_OVERHEAD = 12,             /* header and crc32c */
    VQZ_MAX_FRAME_INDEX = 1 << 26,       /* bytes of INDX in a sequence */
    VQZ_MAX_METADATA = 4 << 20,          /* bytes of one blob, decompressed */
    VQZ_MAX_TILE_PIXELS = 1536 * 1536,   /* a tile of 1024 x 1024 with merged remainders fits */
    VQZ_MIN_LATENT_PAYLOAD = 8, VQZ_MIN_LAYER_PAYLOAD = 1
};

typedef enum { VQZ_CHUNK_HEAD, VQZ_CHUNK_ICC, VQZ_CHUNK_EXIF, VQZ_CHUNK_XMP, VQZ_CHUNK_FRAME, VQZ_CHUNK_TILE, VQZ_CHUNK_HASH, VQZ_CHUNK_INDEX,
               VQZ_CHUNK_UNKNOWN } vqz_chunk_kind;

typedef struct vqz_chunk_header {
    uint8_t type[4];
    uint32_t length;                     /* of the payload */
    vqz_chunk_kind kind;
    bool named;                          /* the type is four ASCII letters; anything else is no chunk */
    bool critical;                       /* upper-case first letter */
} vqz_chunk_header;

extern const uint8_t vqz_preamble[VQZ_PREAMBLE_SIZE];

/* The 8 bytes at p. */
vqz_chunk_header vqz_chunk_parse(const uint8_t *p);
/* The longest payload that a chunk of this kind may have; h (all 0 before HEAD) is the picture's head. */
uint32_t vqz_chunk_max_length(vqz_chunk_kind kind, const vqz_head *h);

typedef struct vqz_piece { const void *data; size_t size; } vqz_piece;
/* Appends a whole chunk whose payload is the pieces. `crc` is what comes before the type in its checksum (0: nothing). */
vqz_status vqz_chunk_write(vqz_buffer *b, vqz_chunk_kind kind, uint32_t crc, const vqz_piece *pieces, size_t count, vqz_error *e);
/* The same of an unknown type, without pieces. */
vqz_status vqz_chunk_write_type(vqz_buffer *b, const char type[4], const void *data, size_t size, vqz_error *e);
#endif
