/* XXH64 of pictures and of files. */
#ifndef VQZ_CLI_HASH_H
#define VQZ_CLI_HASH_H
#include "cli/image.h"
#define XXH_STATIC_LINKING_ONLY  /* its state lives on the stack */
#include <xxhash.h>

/* Goes on with the hash of a picture's samples. */
void hash_rows(XXH64_state_t *hash, const image_rows *rows, const vqz_image_info *info);
/* Of everything in the file. */
vqz_status hash_file(const char *path, uint64_t *size, uint64_t *hash, vqz_error *e);
#endif
