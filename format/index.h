/* The INDX chunk of a picture of several tiles. Its entries are made the same way by the writer, from where it put the TILE
 * chunks, and by the reader, from where it met them; the reader then only compares. */
#ifndef VQZ_FORMAT_INDEX_H
#define VQZ_FORMAT_INDEX_H
#include "format/chunk.h"

typedef struct vqz_index {
    vqz_buffer entries;
    uint64_t last;               /* offset of the TILE chunk before, 0 at the start */
} vqz_index;

/* The next TILE chunk stands at `offset`. */
vqz_status vqz_index_add(vqz_index *x, uint64_t offset, vqz_error *e);
vqz_status vqz_index_write(const vqz_index *x, vqz_buffer *b, vqz_error *e);
vqz_status vqz_index_check(const vqz_index *x, const uint8_t *payload, size_t size, vqz_error *e);
/* Largest payload. */
uint32_t vqz_index_max(const vqz_head *h);
#endif
