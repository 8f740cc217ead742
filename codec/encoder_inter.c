/* Frames that refer to the one before: which ones do, what their blocks take from it, and which blocks are coded. All rows are held. */
#include "codec/decoder.h"
#include "codec/encoder.h"
#include "codec/neutral.h"
#include "codec/steps.h"
#include <string.h>

enum {
    UNIT = 50,                   /* about how many samples' steps a unit of latents is */
    KEY_BETTER = 10 * 16,        /* quality of key frames, which all others of their group are made of, above that of these */
    SPARE = 83                   /* of 64: what a bit is worth where blocks are left out, against lambda */
};

static uint64_t root(uint64_t v) {
    uint64_t r = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit; bit >>= 1)
        if ((r + bit) * (r + bit) <= v) r += bit;
    return r;
}

/* What a bit is worth in 1/16 of a luma sample: 0.7 times the root of its worth in squared samples. */
static uint32_t price_of(const vqz_encoder *enc) {
    const uint64_t step = (UINT64_C(256) << enc->model->gain_shift) / enc->model->level[enc->level].gain[0];     /* in latent units, 8 fractional bits */
    const uint64_t samples = (step < 4096 ? step : 4096) * UNIT;
    return (uint32_t)root(samples * samples / 256 * enc->lambda / (3 * 256)) * 7 / 160 + 1;
}

void vqz_encoder_inter_layout(vqz_encoder *enc, vqz_arena *a) {
    inter_frames *f = &enc->inter;
    if (!f->on) return;
    vqz_search_layout(&f->search, enc->head.width, enc->head.height, a);
    VQZ_TAKE(a, f->missing, (size_t)enc->head.width * enc->head.height * 3);
    VQZ_TAKE(a, f->neutral, enc->model->C);
}

vqz_status vqz_encoder_inter_begin(vqz_encoder *enc, vqz_error *e) {
    if (!enc->inter.on) return VQZ_OK;
    enc->inter.search.price = price_of(enc);
    VQZ_TRY(vqz_pool_create(&enc->inter.pool, &enc->mem, enc->settings.threads, enc->inter.search.motion.h, e));
    enc->inter.since_key = 0;
    return vqz_neutral_latents(enc->model, enc->nets->kernels, &enc->mem, enc->inter.neutral, e);
}

/* What is missing of the picture after prediction, from 0 to 255 with 128 for nothing; past 0 and 255 it is cut. */
static void run_missing(void *arg, size_t by, unsigned number) {
    vqz_encoder *enc = arg;
    const vqz_motion *m = &enc->inter.search.motion;
    const size_t row = (size_t)enc->head.width * 3;
    uint8_t block[VQZ_MOTION_BLOCK * VQZ_MOTION_BLOCK * 3];
    (void)number;
    for (uint32_t bx = 0; bx < m->w; bx++) {
        const size_t x = (size_t)bx * VQZ_MOTION_BLOCK * 3, count = row - x < VQZ_MOTION_BLOCK * 3 ? row - x : VQZ_MOTION_BLOCK * 3;
        vqz_predict_block(&enc->pixels.reference, m, bx, (uint32_t)by, block);
        for (size_t i = 0; i < VQZ_MOTION_BLOCK && by * VQZ_MOTION_BLOCK + i < enc->head.height; i++) {
            const size_t at = (by * VQZ_MOTION_BLOCK + i) * row + x;
            for (size_t k = 0; k < count; k++) enc->inter.missing[at + k] = (uint8_t)vqz_clamp32(enc->rgb[at + k] - block[i * VQZ_MOTION_BLOCK * 3 + k] + 128, 0, 255);
        }
    }
}

vqz_status vqz_encoder_inter_choose(vqz_encoder *enc, vqz_error *e) {
    inter_frames *f = &enc->inter;
    const bool due = !f->since_key || f->since_key >= enc->settings.key_interval;
    f->inter = false;
    if (!due) {
        enc->pixels.reference = (vqz_reference){enc->check->inter.last, enc->head.width, enc->head.height};
        f->inter = !vqz_search_run(&f->search, f->pool, enc->rgb, enc->pixels.reference.rgb, f->since_key == 1) || !enc->settings.scene_cut;
    }
    const uint32_t q16 = enc->head.quality_x16 + (f->inter ? 0u : KEY_BETTER), lambda = enc->lambda;
    vqz_encoder_choose_level(enc, q16 < 1600 ? q16 : 1600);
    if (f->inter) enc->lambda += enc->lambda / 4;        /* what is missing is mostly noise */
    if (enc->lambda != lambda) vqz_quantizer_set(&enc->quantizer, enc->lambda);
    enc->pixels.motion = f->inter ? &f->search.motion : NULL;
    if (f->inter) vqz_pool_run(f->pool, f->search.motion.h, run_missing, enc);
    f->since_key = f->inter ? f->since_key + 1 : 1;
    f->head.back = f->inter ? (uint64_t)(f->head.pts - f->last_pts) : 0;
    f->head.key = !f->inter;
    f->last_pts = f->head.pts;
    enc->packet.key = f->head.key;
    enc->check_next = true;
    if (f->inter) enc->whole = false;
    VQZ_TRY(vqz_mux_frame(enc->mux, &f->head, e));
    return vqz_encoder_drain(enc, e);
}

/* ---- a tile ------------------------------------------------------------------------------------- */

void vqz_encoder_inter_layout_tile(const vqz_encoder *enc, vqz_arena *a, uint32_t ph, uint32_t pw, inter_work *w) {
    if (!enc->inter.on) return;
    VQZ_TAKE(a, w->analysed, (size_t)ph * pw * enc->model->C);
    VQZ_TAKE(a, w->spent, (size_t)ph * pw);
}

static void copy_latents(const vqz_prior *p, const vqz_latents *from, const vqz_latents *to) {
    for (uint32_t i = 0; i < p->h; i++) memcpy(to->data + i * to->stride * p->m->C, from->data + i * from->stride * p->m->C, (size_t)p->w * p->m->C * sizeof *to->data);
}

static uint64_t squared(const vqz_prior *p, const vqz_level *level, const int16_t *from, const int16_t *to) {
    int32_t r[VQZ_MAX_CHANNELS];
    uint64_t sum = 0;
    p->loops->residuals(p->m, level, 0, p->m->C, from, to, r);
    for (uint32_t c = 0; c < p->m->C; c++) sum += vqz_square(r[c]);
    return sum;
}

/* After a trial in which all blocks were coded: those stay coded that are worth their bits. */
static void choose_blocks(const vqz_prior *p, const inter_work *w, const vqz_latents *analysed, const vqz_latents *coded, uint32_t lambda) {
    for (uint32_t i = 0; i < p->h * p->w; i++) {
        uint8_t *kind = &p->motion->block[i / p->w * p->motion->stride + i % p->w];
        const vqz_level *level = vqz_level_at(p, i);
        if (*kind & VQZ_BLOCK_FRESH) continue;
        const uint64_t without = squared(p, level, p->neutral, vqz_latent_at(p, analysed, i));
        const uint64_t with = squared(p, level, vqz_latent_at(p, coded, i), vqz_latent_at(p, analysed, i)) + ((uint64_t)lambda * w->spent[i] >> 12);
        if (without <= with) *kind &= (uint8_t)~VQZ_BLOCK_CODED;
    }
}

/* Steps of places where nothing is coded cost least where they are what is expected. */
static void smooth_steps(const vqz_prior *p) {
    const uint32_t w = vqz_step_blocks(p->w), h = vqz_step_blocks(p->h);
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++) {
            int8_t *step = p->steps + y * w + x;
            uint8_t any = 0;
            for (uint32_t j = y * VQZ_STEP_BLOCK; j < (y + 1) * VQZ_STEP_BLOCK && j < p->h; j++)
                for (uint32_t i = x * VQZ_STEP_BLOCK; i < (x + 1) * VQZ_STEP_BLOCK && i < p->w; i++) any |= p->motion->block[j * p->motion->stride + i];
            const int above = y ? *(step - w) : 0, left = x ? *(step - 1) : above;
            if (!(any & VQZ_BLOCK_CODED)) *step = (int8_t)(((y ? above : left) + left) >> 1);
        }
}

vqz_status vqz_encoder_inter_tile(const vqz_encoder *enc, vqz_rans_enc *rans, inter_work *w, vqz_prior *p, uint8_t unit, vqz_rect rect, const vqz_latents *y,
                                  vqz_memory *mem, uint8_t **payload, size_t *size, vqz_error *e) {
    const vqz_latents analysed = {w->analysed, p->w};
    uint8_t *trial = NULL;
    size_t trial_size;
    w->motion = vqz_motion_part(&enc->inter.search.motion, rect.x, rect.y, rect.h, rect.w);
    p->motion = &w->motion;
    p->neutral = enc->inter.neutral;
    copy_latents(p, y, &analysed);
    memset(w->spent, 0, (size_t)p->h * p->w * sizeof *w->spent);
    p->spent = w->spent;
    VQZ_TRY(vqz_latent_encode(p, rans, (uint8_t)enc->level, unit, &enc->quantizer, y, mem, &trial, &trial_size, e));
    vqz_free(mem, trial);
    p->spent = NULL;
    choose_blocks(p, w, &analysed, y, enc->lambda / 64 * SPARE);
    if (unit) smooth_steps(p);
    copy_latents(p, &analysed, y);
    return vqz_latent_encode(p, rans, (uint8_t)enc->level, unit, &enc->quantizer, y, mem, payload, size, e);
}
