#include "codec/rans.h"

vqz_status vqz_rans_dec_init(vqz_rans_dec *d, unsigned lanes, const uint8_t *words, size_t nwords, const uint8_t *raw, size_t nraw, vqz_error *error) {
    *d = (vqz_rans_dec){.lanes = 1, .failed = true};   /* safe to use whatever happens below */
    for (unsigned l = 0; l < VQZ_RANS_MAX_LANES; l++) d->state[l] = VQZ_RANS_LOW;
    if (lanes != 1 && lanes != 4 && lanes != 8)
        return vqz_fail(error, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "entropy-coded data: %u lanes, allowed are 1, 4 and 8", lanes);
    if (nwords < 2 * (size_t)lanes)
        return vqz_fail(error, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "entropy-coded data: %zu words cannot hold %u states", nwords, lanes);
    for (unsigned l = 0; l < lanes; l++) {
        uint32_t x = vqz_load32(words + 4 * l);
        if (x < VQZ_RANS_LOW)
            return vqz_fail(error, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "entropy-coded data: the state of lane %u is too low", l);
        d->state[l] = x;
    }
    d->lanes = lanes;
    d->words = words + 4 * lanes;
    d->words_end = words + 2 * nwords;
    d->raw = raw;
    d->raw_end = nraw ? raw + nraw : raw;   /* raw may be NULL where there is none */
    d->failed = false;
    return VQZ_OK;
}

uint32_t vqz_rans_get_bits(vqz_rans_dec *d, unsigned bits) {
    while (d->nacc < bits && d->raw != d->raw_end) {
        d->acc |= (uint64_t)*d->raw++ << d->nacc;
        d->nacc += 8;
    }
    if (d->nacc < bits) {
        d->failed = true;
        return 0;
    }
    uint32_t value = (uint32_t)d->acc & ((1u << bits) - 1);
    d->acc >>= bits;
    d->nacc -= bits;
    return value;
}

int32_t vqz_rans_get_golomb(vqz_rans_dec *d) {
    unsigned ones = 0;
    while (vqz_rans_get_bits(d, 1))
        if (++ones > VQZ_GOLOMB_ONES) {
            d->failed = true;
            return 0;
        }
    int32_t value = vqz_golomb_value(ones, vqz_rans_get_bits(d, ones + VQZ_GOLOMB_ORDER));
    if (value > VQZ_MAX_ESCAPE || value < -VQZ_MAX_ESCAPE) d->failed = true;
    return d->failed ? 0 : value;
}

vqz_status vqz_rans_dec_finish(const vqz_rans_dec *d, vqz_error *error) {
    const char *what = NULL;
    for (unsigned l = 0; l < d->lanes; l++)
        if (d->state[l] != VQZ_RANS_LOW) what = "a final state is wrong";
    if (d->words != d->words_end) what = "words are left over";
    if (d->raw != d->raw_end || d->nacc > 7 || d->acc) what = "raw bits are left over";
    if (d->failed) what = "it ended early or holds an impossible number";
    return what ? vqz_fail(error, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "entropy-coded data: %s", what) : VQZ_OK;
}
