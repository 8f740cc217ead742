/* bitstream.md: rANS, the raw bit stream with its numbers, and binary decisions. */
#include "decoder.h"

enum { TOTAL_BITS = 15, RANS_LOW = 1 << 16 };

void rans_open(struct rans *r, struct bytes *payload, uint32_t lanes) {
    size_t size = 2 * (size_t)get_varint(payload);
    struct bytes words = {get_block(payload, size), size, payload->fault, payload->what};
    *r = (struct rans){words, .lanes = lanes, .limit = r->limit};
    for (uint32_t i = 0; i < lanes; i++)
        r->state[i] = get_ranged(&r->words, 4, RANS_LOW, UINT32_MAX);
}

uint32_t rans_symbol(struct rans *r, const struct table *t) {
    uint32_t *x = &r->state[r->next_lane], k = 0;
    int32_t v = *x & ((1 << TOTAL_BITS) - 1);
    r->next_lane = (r->next_lane + 1) % r->lanes;
    while (t->start[k + 1] <= v)
        k++;
    *x = (uint32_t)(t->start[k + 1] - t->start[k]) * (*x >> TOTAL_BITS) + (uint32_t)(v - t->start[k]);
    if (*x < RANS_LOW)
        *x = *x << 16 | get_number(&r->words, 2);
    return k;
}

uint32_t raw_bits(struct rans *r, int count) {
    uint32_t v = 0;
    for (int i = 0; i < count; i++, r->bits++)
        v |= (uint32_t)((r->bits % 8 ? r->raw.at[-1] : *get_block(&r->raw, 1)) >> r->bits % 8 & 1) << i;
    return v;
}

int32_t raw_golomb(struct rans *r) {
    int n = 3;
    while (raw_bits(r, 1))
        require(++n <= 3 + 24, CORRUPT, r->raw.what, "has a raw number that is too long");
    uint32_t u = ((uint32_t)1 << n | raw_bits(r, n)) - 8;
    int32_t e = u & 1 ? (int32_t)(u / 2) + 1 : -(int32_t)(u / 2);
    require(e >= -(1 << 20) && e <= 1 << 20, CORRUPT, r->raw.what, "has a raw number that is too large");
    return e;
}

void rans_close(struct rans *r) {
    for (uint32_t i = 0; i < r->lanes; i++)
        require(r->state[i] == RANS_LOW, CORRUPT, r->words.what, "ends in a wrong rANS state");
    bool zero = r->bits % 8 == 0 || r->raw.at[-1] >> r->bits % 8 == 0;
    require(zero && r->words.left + r->raw.left == 0, CORRUPT, r->words.what, "has more than symbols need");
}

int bit(struct rans *r, struct context *q) {
    const int64_t half = (int64_t)1 << 30, p = q->p + half;
    int32_t start[3] = {0, (int32_t)((1 << TOTAL_BITS) - clamp(p >> 16, 1, 32767)), 1 << TOTAL_BITS};
    int b = (int)rans_symbol(r, &(struct table){2, start});
    q->p += (int32_t)((((b ? 2 * half : 0) - p) * (131072 / (2 * q->n + 3))) >> 16);
    q->n += q->n < r->limit;
    return b;
}

int number(struct rans *r, struct context *size, tree *bits, int max) {
    int k = 0, v = 1;
    while (k < floor_log2((uint32_t)max) && bit(r, &size[k]))
        k++;
    for (int i = 0; i < k; i++)
        v = 2 * v + bit(r, &bits[k][smaller(v, 15)]);
    return smaller(v, max);
}
