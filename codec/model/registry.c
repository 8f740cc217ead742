/* The models that are part of the library (models/builtin.S). */
#include "codec/model/model.h"
#include "builtin_proof.h"                   /* made by the build (models/prove.c); size 0: nobody could prove the model then */

extern const uint8_t vqz_builtin_base[], vqz_builtin_base_end[];

static const struct {
    const uint8_t *begin, *end;
    struct { size_t size; uint8_t id[VQZ_MODEL_ID_SIZE]; } proof;
} builtin[] = {{vqz_builtin_base, vqz_builtin_base_end, VQZ_BUILTIN_BASE_PROOF}};
enum { COUNT = sizeof builtin / sizeof *builtin };

uint32_t vqz_model_builtin_count(void) { return COUNT; }

vqz_status vqz_model_builtin(vqz_model **model, uint32_t index, vqz_error *e) {
    if (!model || index >= COUNT) return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "vqz_model_builtin: there are %d built-in models", COUNT);
    size_t size = (size_t)(builtin[index].end - builtin[index].begin);
    if (size == builtin[index].proof.size) return vqz_model_open_proven(model, builtin[index].begin, size, builtin[index].proof.id, e);
    return vqz_model_open(model, builtin[index].begin, size, e);
}
