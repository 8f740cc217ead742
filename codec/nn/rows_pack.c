#include "base/bytes.h"
#include "codec/nn/rows.h"

enum { ALIGN = 64 };

/* Hands out parts of one block; the first pass has no block and only counts. */
typedef struct carver {
    uint8_t *block;
    size_t used;
    bool overflow;
} carver;

static void *carve(carver *c, size_t count, size_t size) {
    size_t at = c->used, bytes;
    if (vqz_mul(count, size, &bytes) || vqz_add(bytes, ALIGN - 1, &bytes) ||
        vqz_add(c->used, bytes & ~(size_t)(ALIGN - 1), &c->used))
        c->overflow = true;
    return c->block ? c->block + at : NULL;
}

static vqz_packed *carve_all(carver *c, const vqz_packed *shape, unsigned lanes, bool conv) {
    const size_t n = (size_t)shape->vectors * lanes;
    vqz_packed *p = carve(c, 1, sizeof *p);
    vqz_packed parts = *shape;
    size_t weights;
    if (vqz_mul(n * shape->k, (size_t)shape->groups * 4, &weights)) c->overflow = true;
    parts.weights = carve(c, conv ? weights : 0, 1);
    parts.blank = carve(c, shape->tap, 1);
    parts.order = carve(c, shape->cout, sizeof *parts.order);
    int32_t **const words[] = {&parts.bias, &parts.mul, &parts.addmul, &parts.addzero, &parts.lo, &parts.hi};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) *words[i] = carve(c, n, sizeof(int32_t));
    parts.round = carve(c, n, sizeof(int64_t));
    parts.shift = carve(c, n, sizeof(int64_t));
    if (p) *p = parts;
    return p;
}

/* What the value 0 of an input channel is in the rows that the kernels of convolutions see. */
static int zero_in_rows(const vqz_simd *simd, const vqz_layer *l, unsigned c) {
    if (l->in.type == VQZ_T_S16) return 0;
    return vqz_zero_point(&l->in, c) - (simd->input == VQZ_INPUT_SIGNED ? 128 : 0);
}

/* Weights of one output channel, and minus the zero points' share of its sum. */
static uint32_t pack_weights(const vqz_simd *simd, const vqz_layer *l, const vqz_packed *p, const vqz_layer_def *a, unsigned o) {
    const unsigned lanes = simd->lanes, k = a->k, cin = a->cin;
    const size_t element = p->in16 || simd->input == VQZ_INPUT_WIDE ? 2 : 1;
    uint8_t *to = p->weights + ((size_t)(o / lanes) * p->groups * k * lanes + o % lanes) * 4;
    const size_t first = (size_t)p->order[o] * k * k * cin;
    uint32_t zero = 0;
    for (unsigned tap = 0; tap < k * k; tap++) {
        for (unsigned c = 0; c < cin; c++) {
            size_t from = first + (size_t)tap * cin + c;
            int w = p->in16 ? (int16_t)vqz_load16(a->weights + 2 * from) : (int8_t)a->weights[from];
            size_t byte = (size_t)(tap / k) * p->groups * 4 + tap % k * p->tap + c * element;      /* one kernel row behind the other */
            uint8_t *at = to + byte / 4 * 4 * lanes + byte % 4;
            if (element == 2) vqz_store16(at, (uint16_t)w);
            else *at = (uint8_t)w;
            zero -= (uint32_t)(w * zero_in_rows(simd, l, c));
        }
    }
    return zero;
}

static void pack_channel(const vqz_simd *simd, const vqz_layer *l, const vqz_packed *p, const vqz_layer_def *a, unsigned o) {
    const unsigned from = p->order[o], channel = from / ((unsigned)a->shuffle * a->shuffle), lane = o % simd->lanes;
    const size_t at = simd->split ? o - lane + lane / 2 + (lane & 1) * (simd->lanes / 2) : o;
    const unsigned m = vqz_load16(a->mul + 2 * from), s = a->shift[from];
    const int zero = vqz_zero_point(&l->out, channel);
    if (a->op == VQZ_OP_CONV) p->bias[o] = (int32_t)(vqz_load32(a->bias + 4 * from) + pack_weights(simd, l, p, a, o));
    else p->bias[o] = -vqz_zero_point(&l->in, from);
    vqz_output_range(&l->out, channel, a->act, &p->lo[o], &p->hi[o]);
    p->lo[o] += zero;
    p->hi[o] += zero;
    if (a->add != VQZ_NO_TENSOR) {
        p->addmul[o] = (int32_t)vqz_load32(a->addmul + 4 * from);
        p->addzero[o] = vqz_zero_point(&l->add, from);
    }
    const unsigned total = p->high ? 32 : s;
    int64_t round = ((int64_t)1 << (total - 1)) + ((int64_t)zero << total);
    if (p->high && !p->leaky) {      /* nothing comes between the addend and the rounding: its zero point can go with it */
        round -= ((int64_t)p->addzero[o] * p->addmul[o]) * ((int64_t)1 << (32 - s));
        p->addzero[o] = 0;
    }
    p->mul[o] = (int32_t)(m << (p->high ? 32 - s : 0));
    p->shift[at] = p->high ? 32 - s : s;
    p->round[at] = round;
}

vqz_status vqz_rows_pack(const vqz_simd *simd, vqz_layer *l, const vqz_layer_def *a, vqz_memory *mem, vqz_error *e) {
    const bool conv = a->op == VQZ_OP_CONV, in16 = l->in.type == VQZ_T_S16;
    const size_t element = in16 || (conv && simd->input == VQZ_INPUT_WIDE) ? 2 : 1;
    const size_t tap = (a->cin * element + 3) & ~(size_t)3;
    const size_t block = in16 ? 4 : simd->block;
    vqz_packed shape = {
        .simd = simd, .k = a->k, .cout = a->cout, .vectors = (a->cout + simd->lanes - 1) / simd->lanes,
        .groups = (unsigned)((a->k * tap + block - 1) / block * block / 4), .tap = tap,
        .in16 = in16, .out16 = l->out.type == VQZ_T_S16, .add16 = l->add.type == VQZ_T_S16,
        .leaky = a->act == VQZ_ACT_LEAKY, .high = true,
    };
    for (size_t o = 0; o < a->cout; o++) shape.high = shape.high && a->shift[o] >= 16 && a->shift[o] <= 32;
    carver c = {0};
    carve_all(&c, &shape, simd->lanes, conv);
    VQZ_TRY(vqz_alloc(mem, &l->packed, c.overflow ? SIZE_MAX : c.used, 1, e));
    c = (carver){.block = l->packed};
    const vqz_packed *p = carve_all(&c, &shape, simd->lanes, conv);
    for (unsigned ch = 0; ch < a->cin && !in16; ch++) {
        uint8_t *at = p->blank + ch * element;
        *at = (uint8_t)zero_in_rows(simd, l, ch);     /* little-endian: the low byte where elements are wide */
    }
    const unsigned channels = l->out.channels, r2 = (unsigned)a->shuffle * a->shuffle;
    const bool scatters = vqz_rows_scatters(simd, l);
    for (unsigned o = 0; o < a->cout; o++) {
        p->order[o] = (uint16_t)(scatters ? o : o % channels * r2 + o / channels);
        pack_channel(simd, l, p, a, o);
    }
    return VQZ_OK;
}
