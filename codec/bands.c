#include "codec/bands.h"

vqz_status vqz_band_append(vqz_rans_enc *rans, void **out, size_t *size, vqz_error *e) {
    const uint8_t *words, *raw;
    uint8_t head[5];
    size_t nwords, nraw;
    VQZ_TRY(vqz_rans_finish(rans, 1, &words, &nwords, &raw, &nraw, e));
    size_t nhead = vqz_store_varint(head, (uint32_t)nwords);
    VQZ_TRY(vqz_rans_enlarge(rans->mem, out, *size, *size + nhead + 2 * nwords, e));
    memcpy((uint8_t *)*out + *size, head, nhead);
    memcpy((uint8_t *)*out + *size + nhead, words, 2 * nwords);
    *size += nhead + 2 * nwords;
    return VQZ_OK;
}

vqz_status vqz_band_open(vqz_rans_dec *dec, vqz_reader *in, vqz_error *e) {
    size_t offset = in->pos, nwords = vqz_read_varint(in);
    const uint8_t *words = nwords <= in->size ? vqz_read_bytes(in, 2 * nwords) : NULL;
    if (!words) return vqz_fail(e, VQZ_ERR_CORRUPT, offset, "a band's data ends early");
    return vqz_rans_dec_init(dec, 1, words, nwords, NULL, 0, e);
}
