/* bitstream.md: rANS, the raw bit stream with its numbers, and binary decisions. */
#include "decoder.h"

enum { TOTAL_BITS = 15, RANS_LOW = 1 << 16 };

void rans_open(struct rans *r, struct bytes *payload, uint32_t words, uint32_t lanes) {
    size_t size = 2 * (size_t)words;
    *r = (struct rans){{get_block(payload, size), size, payload->fault, payload->what}, lanes, 0, {0}};
    for (uint32_t i = 0; i < lanes; i++)
        r->state[i] = get_ranged(&r->words, 4, RANS_LOW, UINT32_MAX);
}

uint32_t rans_symbol(struct rans *r, const struct table *t) {
    uint32_t *x = &r->state[r->next_lane], v = *x & ((1 << TOTAL_BITS) - 1), k = 0;
    r->next_lane = (r->next_lane + 1) % r->lanes;
    while (t->start[k + 1] <= v)
        k++;
    *x = (uint32_t)(t->start[k + 1] - t->start[k]) * (*x >> TOTAL_BITS) + v - t->start[k];
    if (*x < RANS_LOW)
        *x = *x << 16 | get_number(&r->words, 2);
    return k;
}

void rans_close(struct rans *r) {
    for (uint32_t i = 0; i < r->lanes; i++)
        require(r->state[i] == RANS_LOW, CORRUPT, r->words.what, "ends in a wrong rANS state");
    require(r->words.left == 0, CORRUPT, r->words.what, "has more rANS words than symbols need");
}

/* ---- raw bits ---- */
uint32_t raw_bits(struct raw *r, int count) {
    uint32_t v = 0;
    for (int i = 0; i < count; i++) {
        if (r->held == 0)
            r->bits = get_number(&r->bytes, 1);
        v |= (r->bits >> r->held & 1) << i;
        r->held = (r->held + 1) % 8;
    }
    return v;
}

int32_t raw_golomb(struct raw *r) {
    int n = 3;
    while (raw_bits(r, 1))
        require(++n <= 3 + 24, CORRUPT, r->bytes.what, "has a raw number that is too long");
    uint32_t u = ((uint32_t)1 << n | raw_bits(r, n)) - 8;
    int32_t e = u & 1 ? (int32_t)(u / 2) + 1 : -(int32_t)(u / 2);
    require(e >= -(1 << 20) && e <= 1 << 20, CORRUPT, r->bytes.what, "has a raw number that is too large");
    return e;
}

void raw_close(struct raw *r) {
    bool zero = r->held == 0 || r->bits >> r->held == 0;
    require(zero && r->bytes.left == 0, CORRUPT, r->bytes.what, "has more raw bits than symbols need");
}

/* ---- decisions ---- */
/* A structure of nothing but contexts, as they are at first. */
void *new_contexts(size_t size) {
    struct context *c = take(size, 1);
    for (size_t i = 0; i < size / sizeof *c; i++)
        c[i].p = (uint32_t)1 << 30;
    return c;
}

void band_open(struct decisions *d, struct bytes *payload) {
    rans_open(&d->rans, payload, get_varint(payload), 1);
}

int bit(struct decisions *d, struct context *q) {
    uint16_t start[3] = {0, (uint16_t)((1 << TOTAL_BITS) - clamp(q->p >> 16, 1, 32767)), 1 << TOTAL_BITS};
    int b = (int)rans_symbol(&d->rans, &(struct table){2, start});
    int64_t aim = b ? (int64_t)1 << 31 : 0;
    q->p = (uint32_t)(q->p + (((aim - q->p) * (131072 / (2 * q->n + 3))) >> 16));
    q->n += q->n < d->limit;
    return b;
}

int number(struct decisions *d, struct context *size, struct context (*bits)[16], int max) {
    int k = 0, r = 1;
    while (k < floor_log2((uint32_t)max) && bit(d, &size[k]))
        k++;
    for (int i = 0; i < k; i++)
        r = 2 * r + bit(d, &bits[k][r < 15 ? r : 15]);
    return r < max ? r : max;
}
