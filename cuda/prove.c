/* The fragments of tensor cores are laid out by the manual. Before a device is given work, it runs a small network of all kinds of products, which is compared with the
 * scalar kernels: they are the definition. */
#include "cuda/prove.h"
#include "base/bytes.h"
#include "codec/nn/kernels.h"
#include <string.h>

/* Channels: in whole units, and blocks of both widths; positions: no multiple of a block's. */
enum { H = 5, W = 13, IN = 48, MIDDLE = 64, OUT = 32, LAYERS = 4, TENSORS = LAYERS + 1, BOUND = 4095 };

typedef struct proof {
    vqz_tensor_def tensors[TENSORS];
    vqz_layer_def layers[LAYERS];
    uint8_t bytes[9 * IN * MIDDLE], more[MIDDLE * OUT], words[2][2 * MIDDLE * OUT];      /* weights */
    uint8_t bias[4 * MIDDLE], mul[LAYERS][2 * MIDDLE], shift[LAYERS][MIDDLE];
    uint8_t in[H * W * IN];
    int16_t want[H * W * OUT], got[H * W * OUT];
} proof;

static uint32_t draw(uint32_t *seed) { return (*seed = *seed * 1664525 + 1013904223) >> 16; }

/* All but -128, which is no weight. */
static void draw_bytes(uint32_t *seed, uint8_t *to, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] = (uint8_t)(draw(seed) % 255 + 129);
}

/* Of 13 bits, so that neither byte of a product's factors is idle. */
static void draw_words(uint32_t *seed, uint8_t *to, size_t n) {
    for (size_t i = 0; i < n; i++) vqz_store16(to + 2 * i, (uint16_t)((int32_t)(draw(seed) % (2 * BOUND + 1)) - BOUND));
}

/* Bytes in windows, bytes to words, words, words: outputs of 64, 32, 64 and 32 channels. Factors make results fill their ranges. */
static void design(proof *p) {
    static const struct { uint16_t cin, cout, mul; uint8_t k, shift; } l[LAYERS] = {
        {IN, MIDDLE, 20000, 3, 25}, {MIDDLE, OUT, 22000, 1, 19}, {OUT, MIDDLE, 20000, 1, 28}, {MIDDLE, OUT, 19000, 1, 26}};
    const uint8_t *const weights[LAYERS] = {p->bytes, p->more, p->words[0], p->words[1]};
    uint32_t seed = 1;
    draw_bytes(&seed, p->bytes, sizeof p->bytes);
    draw_bytes(&seed, p->more, sizeof p->more);
    draw_words(&seed, p->words[0], sizeof p->words[0] / 2);
    draw_words(&seed, p->words[1], sizeof p->words[1] / 2);
    draw_bytes(&seed, p->in, sizeof p->in);
    p->tensors[0] = (vqz_tensor_def){.type = VQZ_T_S8, .channels = IN};
    for (unsigned i = 0; i < LAYERS; i++) {
        const bool bytes = i == 0, last = i == LAYERS - 1;
        p->tensors[i + 1] = (vqz_tensor_def){.type = bytes ? VQZ_T_S8 : VQZ_T_S16, .channels = l[i].cout, .bound = bytes ? 0 : last ? 32768 : BOUND};
        for (unsigned c = 0; c < l[i].cout; c++) {
            vqz_store16(p->mul[i] + 2 * c, l[i].mul);
            p->shift[i][c] = l[i].shift;
        }
        p->layers[i] = (vqz_layer_def){.op = VQZ_OP_CONV, .k = l[i].k, .stride = 1, .act = VQZ_ACT_NONE, .shuffle = 1, .src = (uint8_t)i, .dst = (uint8_t)(i + 1),
                                       .add = VQZ_NO_TENSOR, .cin = l[i].cin, .cout = l[i].cout, .weights = weights[i], .bias = p->bias, .mul = p->mul[i],
                                       .shift = p->shift[i]};
    }
}

static vqz_status define(proof *p, vqz_net **net, vqz_memory *mem, vqz_error *e) {
    uint32_t h, w;
    size_t bytes;
    void *scratch;
    VQZ_TRY(vqz_net_create(net, mem, vqz_kernels_get(VQZ_CPU_SCALAR), "proof", p->tensors, TENSORS, 1, p->layers, LAYERS, e));
    VQZ_TRY(vqz_net_plan(*net, H, W, &h, &w, &bytes, e));
    VQZ_TRY(vqz_alloc(mem, &scratch, bytes, 1, e));
    vqz_net_run(*net, &(vqz_view){p->in, H, W, IN}, &(vqz_view){p->want, H, W, OUT}, scratch);
    vqz_free(mem, scratch);
    return VQZ_OK;
}

static vqz_status run_plan(proof *p, const vqz_cu_net *packed, void *in, void *out, void **scratch, vqz_memory *mem, vqz_error *e) {
    const vqz_cu_view from = {.data = in, .h = H, .w = W, .stride = IN}, to = {.data = out, .h = H, .w = W, .stride = OUT};
    const vqz_cu_binding b = {.items = 1, .in = {&from}, .out = &to};
    vqz_cu_plan plan;
    size_t bytes;
    VQZ_TRY(vqz_cu_plan_size(packed, &b, &bytes, e));
    VQZ_TRY(vqz_cu_check(vqz_cu_alloc(scratch, bytes), "memory for a proof", e));
    VQZ_TRY(vqz_cu_plan_create(&plan, packed, &b, *scratch, mem, e));
    vqz_status s = vqz_cu_plan_run(&plan, NULL, NULL, e);
    if (s == VQZ_OK) s = vqz_cu_check(vqz_cu_download(p->got, out, sizeof p->got, NULL), "a proof", e);
    if (s == VQZ_OK) s = vqz_cu_check(vqz_cu_wait(NULL), "a proof", e);
    vqz_cu_plan_free(&plan);
    return s;
}

static vqz_status run(proof *p, const vqz_net *net, bool dots, bool *right, vqz_memory *mem, vqz_error *e) {
    vqz_cu_net *packed = NULL;
    void *in = NULL, *out = NULL, *scratch = NULL;
    vqz_status s = vqz_cu_net_create(&packed, net, p->layers, dots, mem, e);
    if (s == VQZ_OK) s = vqz_cu_place(&in, p->in, sizeof p->in, "memory for a proof", e);
    if (s == VQZ_OK) s = vqz_cu_check(vqz_cu_alloc(&out, sizeof p->got), "memory for a proof", e);
    if (s == VQZ_OK) s = run_plan(p, packed, in, out, &scratch, mem, e);
    *right = s == VQZ_OK && memcmp(p->got, p->want, sizeof p->got) == 0;
    vqz_cu_free(scratch);
    vqz_cu_free(out);
    vqz_cu_free(in);
    vqz_cu_net_free(packed, mem);
    return s;
}

vqz_status vqz_cu_prove(bool *dots, vqz_memory *mem, vqz_error *e) {
    void *block;
    bool right = false;
    VQZ_TRY(vqz_alloc(mem, &block, 1, sizeof(proof), e));
    proof *p = block;
    vqz_net *net = NULL;
    design(p);
    vqz_status s = define(p, &net, mem, e);
    *dots = false;
    if (s == VQZ_OK) s = run(p, net, false, &right, mem, e);
    if (s == VQZ_OK && !right) {
        *dots = true;
        s = run(p, net, true, &right, mem, e);
    }
    if (s == VQZ_OK && !right) s = vqz_fail(e, VQZ_ERR_DEVICE, VQZ_NO_OFFSET, "CUDA: the device's sums are not those of the definition");
    vqz_net_free(net, mem);
    vqz_free(mem, block);
    return s;
}
