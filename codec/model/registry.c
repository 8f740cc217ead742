/* The models that are part of the library (models/builtin.S). */
#include "codec/model/model.h"
#include "builtin_proof.h"                   /* made by the build (models/prove.c); size 0: nobody could prove the model then */
#include <string.h>

extern const uint8_t vqz_builtin_base[], vqz_builtin_base_end[], vqz_builtin_psnr[], vqz_builtin_psnr_end[];

static const struct {
    const uint8_t *begin, *end;
    struct { size_t size; uint8_t id[VQZ_MODEL_ID_SIZE]; } proof;
} builtin[] = {     /* by vqz_tune */
    {vqz_builtin_base, vqz_builtin_base_end, VQZ_BUILTIN_BASE_PROOF},
    {vqz_builtin_psnr, vqz_builtin_psnr_end, VQZ_BUILTIN_PSNR_PROOF},
};
enum { COUNT = sizeof builtin / sizeof *builtin };

uint32_t vqz_model_builtin_count(void) { return COUNT; }

static size_t size_of(uint32_t index) { return (size_t)(builtin[index].end - builtin[index].begin); }

static bool is_proven(uint32_t index) { return builtin[index].proof.size == size_of(index); }

vqz_status vqz_model_builtin(vqz_model **model, uint32_t index, vqz_error *e) {
    if (!model || index >= COUNT) return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "vqz_model_builtin: there are %d built-in models", COUNT);
    if (is_proven(index)) return vqz_model_open_proven(model, builtin[index].begin, size_of(index), builtin[index].proof.id, e);
    return vqz_model_open(model, builtin[index].begin, size_of(index), e);
}

vqz_status vqz_model_find(vqz_model **model, const uint8_t id[VQZ_MODEL_ID_SIZE], vqz_error *e) {
    *model = NULL;
    for (uint32_t i = 0; i < COUNT; i++) {
        if (is_proven(i) && memcmp(builtin[i].proof.id, id, VQZ_MODEL_ID_SIZE) != 0) continue;     /* not worth opening */
        VQZ_TRY(vqz_model_builtin(model, i, e));
        if (memcmp((*model)->id, id, VQZ_MODEL_ID_SIZE) == 0) return VQZ_OK;
        vqz_model_unref(*model);
        *model = NULL;
    }
    return VQZ_OK;
}
