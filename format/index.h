/* The INDX chunk: of a still of several tiles where they are, of a sequence where its frames are. Its entries are made the same way by the
 * writer, which keeps them, and by the reader from what it met, which keeps their checksum and compares that. */
#ifndef VQZ_FORMAT_INDEX_H
#define VQZ_FORMAT_INDEX_H
#include "format/chunk.h"

typedef struct vqz_index {
    bool keep;
    vqz_buffer entries;          /* where they are kept, and not too many */
    uint64_t size;               /* of all entries */
    uint32_t crc;
    uint64_t last;               /* offset of the one before, 0 at the start */
    uint32_t frames;             /* of a sequence, as all that follows */
    int64_t start, last_pts, end;
} vqz_index;

void vqz_index_reset(vqz_index *x);
/* The next TILE chunk stands at `offset`. */
vqz_status vqz_index_add(vqz_index *x, uint64_t offset, vqz_error *e);
/* The next FRAM chunk stands at `offset`. */
vqz_status vqz_index_add_frame(vqz_index *x, uint64_t offset, const vqz_frame_head *f, vqz_error *e);
vqz_status vqz_index_write(const vqz_index *x, const vqz_head *h, vqz_buffer *b, vqz_error *e);
vqz_status vqz_index_check(const vqz_index *x, const vqz_head *h, const uint8_t *payload, size_t size, vqz_error *e);
/* Largest payload. */
uint32_t vqz_index_max(const vqz_head *h);
#endif
