/* Y'CbCr and R'G'B' of 8 bits (spec/video.md): in integers, so that every machine makes the same pixels. */
#ifndef VQZ_CLI_IMAGE_YUV_H
#define VQZ_CLI_IMAGE_YUV_H
#include "cli/image.h"

typedef struct yuv_kind {
    unsigned depth;              /* bits of a sample, 8 to 16; above 8, two bytes in the order of this machine */
    bool mono, alpha;            /* no chroma; a fourth plane */
    bool half_x, half_y;         /* which directions of chroma are subsampled */
    bool centre_x, centre_y;     /* chroma sits between two luma samples, else on the first of them */
    bool full;                   /* range */
    int64_t kr, kb;              /* in 1/10000 */
} yuv_kind;

void yuv_set_matrix(yuv_kind *k, video_matrix which, uint32_t width, uint32_t height);
static inline uint32_t yuv_chroma_side(uint32_t side, bool half) { return half ? (side + 1) / 2 : side; }

/* ---- to RGB ---- */
typedef struct yuv_to_rgb {
    yuv_kind kind;
    int64_t y, rv, gu, gv, bu;   /* in 1 / 2^shift */
    int64_t y_offset, middle;
    int shift;
} yuv_to_rgb;

typedef struct yuv_planes {
    const uint8_t *data[4];      /* Y, Cb, Cr, alpha */
    ptrdiff_t stride[4];         /* in bytes */
    uint32_t width, height;      /* of luma */
} yuv_planes;

yuv_to_rgb yuv_to_rgb_of(const yuv_kind *k);
/* Samples per pixel of what becomes of it. */
vqz_layout yuv_layout(const yuv_kind *k);
/* Row y in that layout. */
void yuv_read_row(const yuv_to_rgb *t, const yuv_planes *p, uint32_t y, uint8_t *row);

/* ---- from RGB: 8 bits, without alpha ---- */
/* `rows` rows of `layout`; where chroma is halved upright, all rows of the picture. `to` has three planes, or one where k->mono. */
void yuv_write_rows(const yuv_kind *k, const image_rows *rows, vqz_layout layout, uint32_t width, uint8_t *const to[3], const ptrdiff_t stride[3]);
#endif
