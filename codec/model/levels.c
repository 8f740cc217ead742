/* Quality levels: gains and hyper-latent parameters of every row. */
#include "codec/model/model.h"
#include "base/arena.h"

#define BAD(...) vqz_fail(e, VQZ_ERR_MODEL_INVALID, VQZ_NO_OFFSET, __VA_ARGS__)

/* The arrays of a row in file order: one table for their widths, counts and places. */
static vqz_status parse_row(vqz_model *m, vqz_level *level, vqz_reader *r, vqz_arena *a) {
    uint16_t *gain, *inv, *zgain, *zinv;
    int16_t *loggain;
    int8_t *feat, *zoff;
    uint8_t *ztab;
    VQZ_TAKE(a, gain, m->C);
    VQZ_TAKE(a, inv, m->C);
    VQZ_TAKE(a, loggain, m->C);
    VQZ_TAKE(a, zgain, m->Z);
    VQZ_TAKE(a, zinv, m->Z);
    VQZ_TAKE(a, feat, m->F);
    VQZ_TAKE(a, ztab, m->Z);
    VQZ_TAKE(a, zoff, m->Z);
    const struct { void *to; uint32_t count, width; } fields[] = {
        {gain, m->C, 2}, {inv, m->C, 2}, {loggain, m->C, 2}, {zgain, m->Z, 2}, {zinv, m->Z, 2}, {feat, m->F, 1}, {ztab, m->Z, 1}, {zoff, m->Z, 1}};
    uint32_t lambda = vqz_read32(r);
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++)
        for (uint32_t i = 0; i < fields[f].count; i++) {
            uint16_t v = fields[f].width == 2 ? vqz_read16(r) : vqz_read8(r);
            if (!fields[f].to) continue;
            if (fields[f].width == 2) ((uint16_t *)fields[f].to)[i] = v;
            else ((uint8_t *)fields[f].to)[i] = (uint8_t)v;
        }
    if (a->base) *level = (vqz_level){lambda, gain, inv, loggain, zgain, zinv, feat, ztab, zoff};
    return VQZ_OK;
}

vqz_status vqz_parse_levels(vqz_model *m, vqz_reader *r, vqz_arena *a, vqz_error *e) {
    m->nlevels = vqz_read16(r);
    m->gain_shift = vqz_read16(r);
    m->inv_shift = vqz_read16(r);
    m->zgain_shift = vqz_read16(r);
    m->zinv_shift = vqz_read16(r);
    if (!m->nlevels || m->nlevels > VQZ_MAX_LEVELS) return BAD("LEVL section: %u rows, 1 to %d are allowed", m->nlevels, VQZ_MAX_LEVELS);
    if (!m->gain_shift || m->gain_shift > 16 || !m->inv_shift || m->inv_shift > 16 || m->zgain_shift > 16 || !m->zinv_shift || m->zinv_shift > 16)
        return BAD("LEVL section: shifts %u, %u, %u, %u are out of range", m->gain_shift, m->inv_shift, m->zgain_shift, m->zinv_shift);
    VQZ_TAKE(a, m->level, m->nlevels);
    for (uint32_t i = 0; i < m->nlevels; i++) {
        VQZ_TRY(parse_row(m, a->base ? &m->level[i] : NULL, r, a));
        if (r->failed) return BAD("LEVL section: ends in row %u", i);
        if (!a->base) continue;
        if (m->level[i].lambda > 1u << 20) return BAD("LEVL section: lambda of row %u is %u", i, m->level[i].lambda);
        for (uint32_t c = 0; c < m->C; c++)
            if (!m->level[i].gain[c] || !m->level[i].inv[c]) return BAD("LEVL section: gain of channel %u is 0 in row %u", c, i);
    }
    return VQZ_OK;
}
