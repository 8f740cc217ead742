/* What PNG reader and writer share. */
#ifndef VQZ_CLI_IMAGE_PNG_H
#define VQZ_CLI_IMAGE_PNG_H
#include <png.h>
#include "cli/stream.h"

#define PNG_XMP_KEY "XML:com.adobe.xmp"

/* What libpng and its zlib hold, and why they first got no more: libpng leaves out what it finds no memory for, or calls the file bad. */
typedef struct png_memory {
    uint64_t used, limit;
    vqz_status failed;
} png_memory;
/* For png_create_read_struct_2 and its twin, with the png_memory. */
png_voidp png_get_memory(png_structp png, png_alloc_size_t size);
void png_drop_memory(png_structp png, png_voidp p);
/* The failure, if any, as an error. */
vqz_status png_memory_failed(const png_memory *m, vqz_error *e);
#endif
