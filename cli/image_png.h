/* What PNG reader and writer share. */
#ifndef VQZ_CLI_IMAGE_PNG_H
#define VQZ_CLI_IMAGE_PNG_H
#include <png.h>

#define PNG_XMP_KEY "XML:com.adobe.xmp"
#endif
