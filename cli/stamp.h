/* What a file made from a folder says of its source (fROM, spec/container.md): so a later run knows which files are up to date. */
#ifndef VQZ_CLI_STAMP_H
#define VQZ_CLI_STAMP_H
#include "cli/options.h"
#include <sys/stat.h>

#define STAMP_TYPE "fROM"
enum { STAMP_MOST = 9 + 9 + 5 + 8 };

typedef struct stamp {
    uint64_t size;               /* of the source */
    int64_t seconds;             /* when it was changed */
    uint32_t nanoseconds;
    uint64_t made;               /* stands for model and settings */
} stamp;

/* `model`: the bytes of --model, or NULL; then o->config.model is the built-in one. */
uint64_t stamp_made(const options *o, const uint8_t *model, size_t model_size);
stamp stamp_of(const struct stat *file, uint64_t made);
/* The payload of the chunk, and back: false where the bytes are none. */
size_t stamp_write(uint8_t bytes[STAMP_MOST], const stamp *s);
bool stamp_read(stamp *s, const uint8_t *bytes, size_t size);
bool stamp_equal(const stamp *a, const stamp *b);
/* What a file has: no stamp, or it is no regular file; another one; this one. */
typedef enum stamp_state { STAMP_NONE, STAMP_OTHER, STAMP_SAME } stamp_state;
stamp_state stamp_in(const char *path, const stamp *s);
#endif
