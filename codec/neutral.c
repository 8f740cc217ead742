#include "codec/neutral.h"
#include "base/arena.h"
#include <string.h>

enum { STEP = VQZ_LATENT_STEP, BLOCK = STEP * STEP * 3 };

vqz_status vqz_neutral_latents(vqz_model *m, const vqz_kernels *kernels, vqz_memory *mem, int16_t *latents, vqz_error *e) {
    const vqz_nets *nets;
    int16_t *block, *linear;
    uint8_t *pixels, *scratch;
    size_t bytes[2];
    uint32_t h, w;
    void *memory = NULL;
    VQZ_TRY(vqz_model_nets(m, kernels, VQZ_NETS_ANALYSIS, &nets, e));
    VQZ_TRY(vqz_net_plan(nets->net[VQZ_NET_ANALYSIS_LINEAR][0], 1, 1, &h, &w, &bytes[0], e));
    VQZ_TRY(vqz_net_plan(nets->net[VQZ_NET_ANALYSIS][0], STEP / 2, STEP / 2, &h, &w, &bytes[1], e));
    for (int pass = 0; pass < 2; pass++) {
        vqz_arena a = {.base = memory};
        VQZ_TAKE(&a, block, BLOCK);
        VQZ_TAKE(&a, linear, m->C);
        VQZ_TAKE(&a, pixels, BLOCK);
        scratch = vqz_take(&a, bytes[0] > bytes[1] ? bytes[0] : bytes[1], 1);
        if (!pass) VQZ_TRY(vqz_alloc(mem, &memory, a.used, 1, e));
    }
    memset(block, 0, BLOCK * sizeof *block);
    memset(pixels, 128, BLOCK);
    vqz_view gray = {block, 1, 1, BLOCK}, path = {linear, 1, 1, m->C}, in[2] = {{pixels, STEP / 2, STEP / 2, 12}, path}, out = {latents, 1, 1, m->C};
    vqz_net_run(nets->net[VQZ_NET_ANALYSIS_LINEAR][0], &gray, &path, scratch);
    vqz_net_run(nets->net[VQZ_NET_ANALYSIS][0], in, &out, scratch);
    vqz_free(mem, memory);
    return VQZ_OK;
}
