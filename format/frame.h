/* The FRAM chunk's payload, both ways. */
#ifndef VQZ_FORMAT_FRAME_H
#define VQZ_FORMAT_FRAME_H
#include "format/format.h"

enum { VQZ_FRAME_MAX = 64 };

/* Checks the frame against its sequence's head and writes at most VQZ_FRAME_MAX bytes. VQZ_ERR_ARGUMENT. */
vqz_status vqz_frame_write(const vqz_frame_head *f, const vqz_head *h, uint8_t out[VQZ_FRAME_MAX], size_t *size, vqz_error *e);
/* Texts of *e begin with the reason; the caller knows the place. */
vqz_status vqz_frame_read(vqz_frame_head *f, const vqz_head *h, const uint8_t *payload, size_t size, vqz_error *e);
/* That of a still. */
vqz_frame_head vqz_frame_implied(const vqz_head *h);
#endif
