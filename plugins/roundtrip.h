/* Frames encoded and decoded again at once: what vqz would do to a film. For hosts' filters. */
#ifndef VQZ_ROUNDTRIP_H
#define VQZ_ROUNDTRIP_H
#include <vqz/vqz.h>

typedef struct vqz_roundtrip vqz_roundtrip;

typedef struct vqz_roundtrip_result {
    size_t bytes;                /* of the frame's packet */
    double psnr;                 /* over all samples, in dB; infinite where nothing differs */
} vqz_roundtrip_result;

/* For frames of one size and layout. */
vqz_status vqz_roundtrip_open(vqz_roundtrip **out, const vqz_settings *settings, uint32_t width, uint32_t height, vqz_layout layout, vqz_error *error);
/* From `in` to `out`, which may be the same. After an error only vqz_roundtrip_close is left to do. */
vqz_status vqz_roundtrip_frame(vqz_roundtrip *r, const uint8_t *in, ptrdiff_t in_stride, uint8_t *out, ptrdiff_t out_stride,
                               vqz_roundtrip_result *result, vqz_error *error);
void vqz_roundtrip_close(vqz_roundtrip *r);    /* NULL is allowed */
#endif
