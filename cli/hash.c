#include "cli/hash.h"

void hash_rows(XXH64_state_t *hash, const image_rows *rows, const vqz_image_info *info) {
    for (uint32_t i = 0; i < rows->count; i++) XXH64_update(hash, rows->pixels + (ptrdiff_t)i * rows->stride, (size_t)info->width * (size_t)info->layout);
}

vqz_status hash_file(const char *path, uint64_t *size, uint64_t *hash, vqz_error *e) {
    source in;
    XXH64_state_t state;
    vqz_status s = source_open(&in, path, e);
    if (s != VQZ_OK) return s;
    XXH64_reset(&state, 0);
    while (source_fill(&in)) {
        XXH64_update(&state, in.data + in.pos, in.end - in.pos);
        in.pos = in.end;
    }
    *size = source_offset(&in);
    *hash = XXH64_digest(&state);
    if (in.error) s = source_short(&in, e);
    source_close(&in);
    return s;
}
