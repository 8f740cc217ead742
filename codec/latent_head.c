#include "codec/latent.h"
#include <string.h>

size_t vqz_latent_head_write(const vqz_latent_head *h, const vqz_model *m, uint8_t out[VQZ_LATENT_HEAD_MAX]) {
    uint32_t all = (1u << m->S) - 1;
    bool bias = false, mask = (h->mask & all) != all;
    for (uint32_t i = 0; i < m->S; i++) bias |= h->bias[i] != 0;
    uint8_t *p = out;
    *p++ = h->level;
    *p++ = (uint8_t)((h->lanes == 8 ? 3 : h->lanes == 4 ? 2 : 0) | (bias ? VQZ_LATENT_FLAG_BIAS : 0) | (mask ? VQZ_LATENT_FLAG_MASK : 0) |
                     (h->unit ? VQZ_LATENT_FLAG_STEPS : 0));
    for (uint32_t i = 0; bias && i < m->S; i++) *p++ = (uint8_t)h->bias[i];
    if (mask) {
        vqz_store16(p, h->mask);
        p += 2;
    }
    if (h->unit) *p++ = h->unit;
    vqz_store32(p, h->hash);
    p += 4;
    p += vqz_store_varint(p, h->words);
    return (size_t)(p - out);
}

vqz_status vqz_latent_head_read(vqz_latent_head *h, const vqz_model *m, vqz_reader *r, vqz_error *e) {
    uint32_t all = (1u << m->S) - 1;
    memset(h, 0, sizeof *h);
    h->level = vqz_read8(r);
    unsigned flags = vqz_read8(r), lanes = flags & 3;
    h->lanes = (uint8_t)(1u << lanes);
    h->mask = (uint16_t)all;
    for (uint32_t i = 0; (flags & VQZ_LATENT_FLAG_BIAS) && i < m->S; i++) h->bias[i] = (int8_t)vqz_read8(r);
    if (flags & VQZ_LATENT_FLAG_MASK) h->mask = vqz_read16(r);
    if (flags & VQZ_LATENT_FLAG_STEPS) h->unit = vqz_read8(r);
    h->hash = vqz_read32(r);
    h->words = vqz_read_varint(r);
    if (r->failed) return vqz_fail(e, VQZ_ERR_CORRUPT, r->pos, "latent tile: its head is incomplete");
    if (h->level >= m->nlevels) return vqz_fail(e, VQZ_ERR_CORRUPT, 0, "latent tile: level %u, the model has %u", h->level, m->nlevels);
    if (flags > VQZ_LATENT_FLAGS || lanes == 1) return vqz_fail(e, VQZ_ERR_CORRUPT, 1, "latent tile: flags %02x", flags);
    if (h->mask & ~all) return vqz_fail(e, VQZ_ERR_CORRUPT, 2, "latent tile: slice mask %04x, the model has %u slices", h->mask, m->S);
    if ((flags & VQZ_LATENT_FLAG_STEPS) && !h->unit) return vqz_fail(e, VQZ_ERR_CORRUPT, 2, "latent tile: steps of no rows");
    return VQZ_OK;
}
