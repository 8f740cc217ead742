/* Interleaved rANS with static tables, and the raw bit stream beside it (spec/bitstream.md). */
#ifndef VQZ_CODEC_RANS_H
#define VQZ_CODEC_RANS_H
#include "base/bytes.h"
#include "base/memory.h"
#include "base/ransmath.h"

/* One static table: n symbols (the last one is the escape symbol). */
typedef struct vqz_table {
    uint32_t n;                  /* 1..1024 */
    const uint16_t *freq;        /* [n], each at least 1, sum VQZ_RANS_TOTAL */
    const uint16_t *cum;         /* [n], cum[0] = 0 */
    const uint16_t *look;        /* [1 << VQZ_LOOK_BITS]: symbol that holds the slot's first value: where the search starts */
    uint32_t single;             /* 1 where n == 1: nothing is coded, and no symbol number is used up */
} vqz_table;
/* A table that is not single as decoders like it: symbols and what they stand for side by side. The next one's start is where a symbol ends; behind
 * the last one there is one that starts at VQZ_RANS_TOTAL. */
typedef struct vqz_slot {
    uint16_t start, freq;
    int16_t value[2];
} vqz_slot;
typedef struct vqz_slots {
    uint16_t look[1 << VQZ_LOOK_BITS];
    vqz_slot slot[];
} vqz_slots;
/* Checks the frequencies (VQZ_ERR_MODEL_INVALID with `name` in the text) and fills cum[n] and look[1 << VQZ_LOOK_BITS], which the caller owns. */
vqz_status vqz_table_build(vqz_table *t, const uint16_t *freq, uint32_t n, uint16_t *cum, uint16_t *look, const char *name, vqz_error *e);

/* ---- encoder: symbols are collected in decoding order, coded at the end ---- */
typedef struct vqz_rans_enc {
    vqz_memory *mem;
    uint32_t *symbols;           /* start | freq << 16 */
    size_t count, capacity;
    uint8_t *raw;                /* raw bit stream so far */
    size_t raw_size, raw_capacity;
    uint8_t *words;              /* result of vqz_rans_finish */
    size_t words_capacity;
    uint64_t acc;                /* bits not yet in raw */
    unsigned nacc;               /* below 32 between calls */
    vqz_status status;           /* first failure (memory); later calls do nothing */
} vqz_rans_enc;
void vqz_rans_enc_init(vqz_rans_enc *e, vqz_memory *mem);
void vqz_rans_enc_reset(vqz_rans_enc *e);       /* keeps the memory */
void vqz_rans_enc_free(vqz_rans_enc *e);
/* Replaces *block by one of `need` bytes that starts with the first `used` bytes of the old one, which is freed. */
vqz_status vqz_rans_enlarge(vqz_memory *mem, void **block, size_t used, size_t need, vqz_error *error);
bool vqz_rans_enc_grow(vqz_rans_enc *e);        /* room for another symbol; false: e->status says why not */
void vqz_rans_put_bits(vqz_rans_enc *e, uint32_t value, unsigned bits);   /* 0..24 bits, least significant first */
void vqz_rans_put_golomb(vqz_rans_enc *e, int32_t value);                 /* signed exp-Golomb of order 3, |value| <= 2^20 */
/* Codes everything with `lanes` lanes: words (as bytes, little-endian) and raw bytes, both owned by the encoder and valid until its next
 * call. The symbols stay: finishing again (with other lanes) is allowed. */
vqz_status vqz_rans_finish(vqz_rans_enc *e, unsigned lanes, const uint8_t **words, size_t *nwords, const uint8_t **raw, size_t *nraw, vqz_error *error);

static inline void vqz_rans_put_range(vqz_rans_enc *e, uint32_t start, uint32_t freq) {
    if (e->count == e->capacity && !vqz_rans_enc_grow(e)) return;
    e->symbols[e->count++] = start | freq << 16;
}
static inline void vqz_rans_put(vqz_rans_enc *e, const vqz_table *t, uint32_t symbol) {
    if (!t->single) vqz_rans_put_range(e, t->cum[symbol], t->freq[symbol]);
}
/* The symbol as one number, for loops that store into vqz_rans_room themselves; not of tables with one symbol. */
static inline uint32_t vqz_rans_range(const vqz_table *t, uint32_t symbol) { return t->cum[symbol] | (uint32_t)t->freq[symbol] << 16; }
/* Where the next n ranges go, for the caller to count them; NULL: no memory. */
static inline uint32_t *vqz_rans_room(vqz_rans_enc *e, size_t n) {
    while (e->capacity - e->count < n)
        if (!vqz_rans_enc_grow(e)) return NULL;
    return e->symbols + e->count;
}
/* A symbol of the two-symbol table {VQZ_RANS_TOTAL - one, one}, 0 < one < VQZ_RANS_TOTAL: for adaptive models. */
static inline void vqz_rans_put_bit(vqz_rans_enc *e, unsigned bit, uint32_t one) {
    uint32_t zero = VQZ_RANS_TOTAL - one;
    vqz_rans_put_range(e, bit ? zero : 0, bit ? one : zero);
}

/* ---- decoder: never reads outside its input; any input gives symbols below n, and an error at the end ---- */
typedef struct vqz_rans_dec {
    uint32_t state[VQZ_RANS_MAX_LANES];
    unsigned lanes, lane;
    const uint8_t *words, *words_end;   /* next word */
    const uint8_t *raw, *raw_end;
    uint64_t acc;
    unsigned nacc;
    bool failed;                 /* ran out of words or bits, or impossible golomb */
} vqz_rans_dec;
/* nwords: 16-bit words. VQZ_ERR_CORRUPT if there are fewer than the states need or a state is below VQZ_RANS_LOW. */
vqz_status vqz_rans_dec_init(vqz_rans_dec *d, unsigned lanes, const uint8_t *words, size_t nwords, const uint8_t *raw, size_t nraw, vqz_error *error);
uint32_t vqz_rans_get_bits(vqz_rans_dec *d, unsigned bits);   /* 0..24 bits */
int32_t vqz_rans_get_golomb(vqz_rans_dec *d);
/* All states at VQZ_RANS_LOW, all words used, raw bits used up to less than a byte of zeros; else VQZ_ERR_CORRUPT. */
vqz_status vqz_rans_dec_finish(const vqz_rans_dec *d, vqz_error *error);

/* Moves the current lane on by a symbol of the given frequency, `offset` above its start, and takes the next lane's turn. False: a word was
 * missing. Only the last symbols of a stream see no words left, so the refill itself is a conditional move. */
static inline bool vqz_rans_advance(vqz_rans_dec *d, uint32_t freq, uint32_t offset) {
    uint32_t lane = d->lane, x = vqz_rans_next(d->state[lane], freq, offset);
    bool ok = true;
    if (d->words != d->words_end) {
        uint32_t refilled = vqz_rans_refill(x, vqz_load16(d->words));
        bool low = vqz_rans_is_low(x);
        x = low ? refilled : x;
        d->words += 2 * (size_t)low;
    } else if (vqz_rans_is_low(x)) {
        d->failed = true;
        x = VQZ_RANS_LOW;
        ok = false;
    }
    d->state[lane] = x;
    d->lane = (lane + 1) & (d->lanes - 1);
    return ok;
}
static inline uint32_t vqz_rans_get(vqz_rans_dec *d, const vqz_table *t) {
    if (t->single) return 0;
    uint32_t v = vqz_rans_slot(d->state[d->lane]);
    uint32_t k = t->look[v >> (VQZ_RANS_BITS - VQZ_LOOK_BITS)];
    while (v - t->cum[k] >= t->freq[k]) k++;   /* ends: the frequencies sum to VQZ_RANS_TOTAL */
    return vqz_rans_advance(d, t->freq[k], v - t->cum[k]) ? k : 0;
}
/* The slot of v or one a little before it, which is rare. More than one step is hard to foresee: the first one is a move, not a branch. */
static inline const vqz_slot *vqz_rans_near(const vqz_slots *t, uint32_t v) {
    const vqz_slot *s = t->slot + t->look[v >> (VQZ_RANS_BITS - VQZ_LOOK_BITS)];
    return s + (s[1].start <= v);
}
static inline bool vqz_rans_is_beyond(const vqz_slot *s, uint32_t v) { return s[1].start <= v; }
/* vqz_rans_get from such a table. Where a word is missing only d->failed tells. */
static inline const vqz_slot *vqz_rans_take(vqz_rans_dec *d, const vqz_slots *t) {
    const uint32_t v = vqz_rans_slot(d->state[d->lane]);
    const vqz_slot *s = vqz_rans_near(t, v);
    while (vqz_rans_is_beyond(s, v)) s++;
    vqz_rans_advance(d, s->freq, v - s->start);
    return s;
}
/* Whether it is its table's last symbol, the escape. */
static inline bool vqz_rans_is_last(const vqz_slot *s) { return s[1].start == VQZ_RANS_TOTAL; }
static inline unsigned vqz_rans_get_bit(vqz_rans_dec *d, uint32_t one) {
    uint32_t v = vqz_rans_slot(d->state[d->lane]), zero = VQZ_RANS_TOTAL - one;
    unsigned bit = v >= zero;
    return vqz_rans_advance(d, bit ? one : zero, bit ? v - zero : v) ? bit : 0;
}
#endif
