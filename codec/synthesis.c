#include "codec/transform.h"

vqz_status vqz_synthesis_layout(vqz_synthesis *s, const vqz_model *m, const vqz_nets *nets, uint32_t h, uint32_t w, vqz_arena *arena, vqz_error *e) {
    *s = (vqz_synthesis){.m = m, .nets = nets};
    size_t n = (size_t)h * w, scratch, bytes;
    uint32_t oh, ow;
    VQZ_TRY(vqz_net_plan(nets->net[VQZ_NET_SYNTHESIS_LINEAR][0], h, w, &oh, &ow, &scratch, e));
    VQZ_TRY(vqz_net_plan(nets->net[VQZ_NET_SYNTHESIS][0], h, w, &oh, &ow, &bytes, e));
    if (bytes > scratch) scratch = bytes;
    VQZ_TRY(vqz_net_plan(nets->net[VQZ_NET_LATQ][0], h, w, &oh, &ow, &bytes, e));
    if (bytes > scratch) scratch = bytes;
    VQZ_TAKE(arena, s->latents, n * m->C);
    VQZ_TAKE(arena, s->scaled, vqz_synthesis_is_exact(m) ? 0 : n * m->C);
    VQZ_TAKE(arena, s->linear, n * 16 * 48);
    VQZ_TAKE(arena, s->out, n * VQZ_LATENT_STEP * VQZ_LATENT_STEP * 3);
    s->scratch = vqz_take(arena, scratch, 1);
    return VQZ_OK;
}

vqz_view vqz_synthesis_sees(const vqz_synthesis *s, const vqz_view *latents) {
    if (vqz_synthesis_is_exact(s->m)) return *latents;
    vqz_view scaled = {s->scaled, latents->h, latents->w, s->m->C};
    vqz_net_run(s->nets->net[VQZ_NET_LATQ][0], latents, &scaled, s->scratch);
    return scaled;
}

void vqz_synthesise(vqz_synthesis *s, uint32_t h, uint32_t w, vqz_rect part) {
    const vqz_model *m = s->m;
    const vqz_net *net = s->nets->net[VQZ_NET_SYNTHESIS][0];
    vqz_view latents = {s->latents, h, w, m->C}, linear = {s->linear, 4 * h, 4 * w, 48};
    vqz_net_run_part(s->nets->net[VQZ_NET_SYNTHESIS_LINEAR][0], &latents, &linear, vqz_net_reads(net, 1, part, h, w), s->scratch);
    vqz_view in[2] = {vqz_synthesis_sees(s, &latents), linear}, out = {s->out, h * VQZ_LATENT_STEP, w * VQZ_LATENT_STEP, 3};
    vqz_net_run_part(net, in, &out, part, s->scratch);
}
