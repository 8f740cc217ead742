/* The metadata chunks iCCP, eXIf and xMPd, both ways: a method byte and the blob, as it is or compressed. */
#ifndef VQZ_FORMAT_METADATA_H
#define VQZ_FORMAT_METADATA_H
#include "format/chunk.h"

enum { VQZ_METADATA_KINDS = 3 };

/* A chunk for every blob that is there. */
vqz_status vqz_metadata_write(vqz_buffer *b, const vqz_metadata *meta, vqz_error *e);
/* Reads the payload of a chunk of `kind` into memory from mem, which *meta then points to (vqz_metadata_free). */
vqz_status vqz_metadata_read(vqz_metadata *meta, vqz_memory *mem, vqz_chunk_kind kind, const uint8_t *payload, size_t size, vqz_error *e);
void vqz_metadata_free(vqz_metadata *meta, vqz_memory *mem);
#endif
