#include "codec/rans.h"

enum { FIRST_SYMBOLS = 4096, FIRST_RAW = 256 };

void vqz_rans_enc_init(vqz_rans_enc *e, vqz_memory *mem) { *e = (vqz_rans_enc){.mem = mem}; }

void vqz_rans_enc_reset(vqz_rans_enc *e) {
    e->count = e->raw_size = 0;
    e->acc = 0;
    e->nacc = 0;
    e->status = VQZ_OK;
}

void vqz_rans_enc_free(vqz_rans_enc *e) {
    vqz_free(e->mem, e->symbols);
    vqz_free(e->mem, e->raw);
    vqz_free(e->mem, e->words);
    *e = (vqz_rans_enc){.mem = e->mem};
}

vqz_status vqz_rans_enlarge(vqz_memory *mem, void **block, size_t used, size_t need, vqz_error *error) {
    void *p;
    VQZ_TRY(vqz_alloc(mem, &p, need, 1, error));
    if (used) memcpy(p, *block, used);
    vqz_free(mem, *block);
    *block = p;
    return VQZ_OK;
}

bool vqz_rans_enc_grow(vqz_rans_enc *e) {
    if (e->status != VQZ_OK) return false;
    size_t capacity = e->capacity ? e->capacity : FIRST_SYMBOLS / 2, bytes;
    void *p = e->symbols;
    if (vqz_mul(capacity, 2 * sizeof *e->symbols, &bytes)) {
        e->status = VQZ_ERR_LIMIT;
        return false;
    }
    e->status = vqz_rans_enlarge(e->mem, &p, e->count * sizeof *e->symbols, bytes, NULL);
    if (e->status != VQZ_OK) return false;
    e->symbols = p;
    e->capacity = 2 * capacity;
    return true;
}

/* Room for four more raw bytes. */
static bool raw_room(vqz_rans_enc *e) {
    if (e->status != VQZ_OK) return false;
    if (e->raw_capacity - e->raw_size >= 4) return true;
    size_t capacity = e->raw_capacity ? e->raw_capacity : FIRST_RAW / 2;
    void *p = e->raw;
    if (vqz_mul(capacity, 2, &capacity)) {
        e->status = VQZ_ERR_LIMIT;
        return false;
    }
    e->status = vqz_rans_enlarge(e->mem, &p, e->raw_size, capacity, NULL);
    if (e->status != VQZ_OK) return false;
    e->raw = p;
    e->raw_capacity = capacity;
    return true;
}

void vqz_rans_put_bits(vqz_rans_enc *e, uint32_t value, unsigned bits) {
    e->acc |= (uint64_t)(value & ((1u << bits) - 1)) << e->nacc;
    e->nacc += bits;
    if (e->nacc < 32) return;
    if (raw_room(e)) {
        vqz_store32(e->raw + e->raw_size, (uint32_t)e->acc);
        e->raw_size += 4;
    }
    e->acc >>= 32;
    e->nacc -= 32;
}

void vqz_rans_put_golomb(vqz_rans_enc *e, int32_t value) {
    const uint32_t v = vqz_golomb_code(value);
    const unsigned n = vqz_log2_floor(v);
    vqz_rans_put_bits(e, (1u << (n - 3)) - 1, n - 2);
    vqz_rans_put_bits(e, v, n);
}

vqz_status vqz_rans_finish(vqz_rans_enc *e, unsigned lanes, const uint8_t **words, size_t *nwords, const uint8_t **raw, size_t *nraw, vqz_error *error) {
    if (lanes != 1 && lanes != 4 && lanes != 8)
        return vqz_fail(error, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "%u rANS lanes, allowed are 1, 4 and 8", lanes);
    size_t need;   /* a symbol makes at most one word */
    if (e->status == VQZ_OK && (vqz_mul(e->count, 2, &need) || vqz_add(need, 4 * (size_t)lanes, &need))) e->status = VQZ_ERR_LIMIT;
    if (e->status == VQZ_OK && need > e->words_capacity) {
        void *p = e->words;
        e->status = vqz_rans_enlarge(e->mem, &p, 0, need, NULL);
        if (e->status == VQZ_OK) {
            e->words = p;
            e->words_capacity = need;
        }
    }
    if (!raw_room(e)) return vqz_fail(error, e->status, VQZ_NO_OFFSET, "no memory for %zu entropy-coded symbols", e->count);

    uint32_t state[VQZ_RANS_MAX_LANES];
    for (unsigned l = 0; l < lanes; l++) state[l] = VQZ_RANS_LOW;
    uint8_t *end = e->words + e->words_capacity, *p = end;
    for (size_t i = e->count; i-- > 0;) {
        uint32_t start = e->symbols[i] & 0xffff, freq = e->symbols[i] >> 16, x = state[i & (lanes - 1)];
        if (vqz_rans_is_full(x, freq)) {
            p -= 2;
            vqz_store16(p, (uint16_t)x);
            x >>= 16;
        }
        state[i & (lanes - 1)] = vqz_rans_push(x, start, freq);
    }
    for (unsigned l = lanes; l-- > 0;) {
        p -= 4;
        vqz_store32(p, state[l]);
    }
    *words = p;
    *nwords = (size_t)(end - p) / 2;
    vqz_store32(e->raw + e->raw_size, (uint32_t)e->acc);
    *raw = e->raw;
    *nraw = e->raw_size + (e->nacc + 7) / 8;
    return VQZ_OK;
}
