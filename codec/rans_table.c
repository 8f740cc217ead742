#include "codec/rans.h"

enum { MAX_SYMBOLS = 1024, SLOT = 1 << (VQZ_RANS_BITS - VQZ_LOOK_BITS) };

vqz_status vqz_table_build(vqz_table *t, const uint16_t *freq, uint32_t n, uint16_t *cum, uint16_t *look, const char *name, vqz_error *e) {
    if (n < 1 || n > MAX_SYMBOLS)
        return vqz_fail(e, VQZ_ERR_MODEL_INVALID, VQZ_NO_OFFSET, "%s: %u symbols, allowed are 1 to %d", name, (unsigned)n, MAX_SYMBOLS);
    uint32_t sum = 0, slot = 0;
    for (uint32_t k = 0; k < n; k++) {
        if (!freq[k])
            return vqz_fail(e, VQZ_ERR_MODEL_INVALID, VQZ_NO_OFFSET, "%s: the frequency of symbol %u is 0", name, (unsigned)k);
        cum[k] = (uint16_t)sum;
        sum += freq[k];
        if (sum > VQZ_RANS_TOTAL) break;
        for (; slot * SLOT < sum; slot++) look[slot] = (uint16_t)k;
    }
    if (sum != VQZ_RANS_TOTAL)
        return vqz_fail(e, VQZ_ERR_MODEL_INVALID, VQZ_NO_OFFSET, "%s: the frequencies do not sum to %d", name, VQZ_RANS_TOTAL);
    *t = (vqz_table){n, freq, cum, look, n == 1};
    return VQZ_OK;
}
