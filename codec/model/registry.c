/* The models that are part of the library (models/builtin.S). */
#include "codec/model/model.h"

extern const uint8_t vqz_builtin_base[], vqz_builtin_base_end[];

static const struct { const uint8_t *begin, *end; } builtin[] = {{vqz_builtin_base, vqz_builtin_base_end}};
enum { COUNT = sizeof builtin / sizeof *builtin };

uint32_t vqz_model_builtin_count(void) { return COUNT; }

vqz_status vqz_model_builtin(vqz_model **model, uint32_t index, vqz_error *e) {
    if (!model || index >= COUNT) return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "vqz_model_builtin: there are %d built-in models", COUNT);
    return vqz_model_open(model, builtin[index].begin, (size_t)(builtin[index].end - builtin[index].begin), e);
}
