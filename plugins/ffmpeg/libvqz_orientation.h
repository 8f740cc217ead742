/* EXIF's orientations as FFmpeg's display matrices, and back. */
#ifndef AVCODEC_LIBVQZ_ORIENTATION_H
#define AVCODEC_LIBVQZ_ORIENTATION_H
#include <stdint.h>

/* a, b, c, d of the matrix of each orientation, and where they stand in it */
static const int8_t libvqz_orientations[9][4] = {
    { 1, 0, 0, 1 }, { 1, 0, 0, 1 }, { -1, 0, 0, 1 }, { -1, 0, 0, -1 }, { 1, 0, 0, -1 },
    { 0, 1, 1, 0 }, { 0, 1, -1, 0 }, { 0, -1, -1, 0 }, { 0, -1, 1, 0 },
};
static const uint8_t libvqz_matrix_places[4] = { 0, 1, 3, 4 };

/* 1 to 8, or 0 for a matrix that is none of these. */
static inline int libvqz_orientation(const int32_t matrix[9])
{
    for (int o = 1; o <= 8; o++) {
        int fits = 0;
        for (int k = 0; k < 4; k++)
            fits += matrix[libvqz_matrix_places[k]] == libvqz_orientations[o][k] * (1 << 16);
        if (fits == 4)
            return o;
    }
    return 0;
}
#endif
