/* EXIF orientation: finding it, resetting it, turning pixels. */
#ifndef VQZ_CLI_ORIENTATION_H
#define VQZ_CLI_ORIENTATION_H
#include "cli/image.h"

/* 1..8, or 0 where the blob (TIFF bytes, without "Exif\0\0") has no valid orientation. */
uint8_t exif_orientation(const uint8_t *exif, size_t size);
/* Overwrites the orientation where there is one. */
void exif_set_orientation(uint8_t *exif, size_t size, uint8_t orientation);
/* Turns a picture with info.orientation 2..8 upright and sets it to 1. */
vqz_status orientation_apply(image *im, const image_config *config, vqz_error *e);
#endif
