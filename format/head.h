/* The HEAD chunk's payload, both ways. */
#ifndef VQZ_FORMAT_HEAD_H
#define VQZ_FORMAT_HEAD_H
#include "format/format.h"

enum { VQZ_HEAD_MAX = 64 };

/* Checks the head and writes at most VQZ_HEAD_MAX bytes. VQZ_ERR_ARGUMENT, or VQZ_ERR_LIMIT for too many pixels. */
vqz_status vqz_head_write(const vqz_head *h, uint8_t out[VQZ_HEAD_MAX], size_t *size, vqz_error *e);
/* Texts of *e begin with the reason; the caller knows the place. */
vqz_status vqz_head_read(vqz_head *h, const uint8_t *payload, size_t size, uint64_t max_pixels, vqz_error *e);
#endif
