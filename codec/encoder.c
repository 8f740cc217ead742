/* Rows in, bytes out: a tile row is coded as soon as its rows, and the ring of rows below that analysis looks at, are there. Where the quality
 * asks for residuals, they follow when the next row has been coded, because its latents take part in the pixels. */
#include "base/arena.h"
#include "base/pool.h"
#include "codec/alpha.h"
#include "codec/colour.h"
#include "codec/device.h"
#include "codec/latent.h"
#include "codec/masking.h"
#include "codec/reconstruct.h"
#include "codec/refine.h"
#include "codec/residual.h"
#include "codec/screen.h"
#include "codec/settings.h"
#include "codec/steps.h"
#include "codec/vivid.h"
#include "format/buffer.h"
#include "format/format.h"
#include <string.h>
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

enum { CORRECT_EFFORT = 4, CORRECT_QUALITY_X16 = 75 * 16 };
enum { ONE_TILE_PIXELS = 1 << 20, ONE_TILE_SIDE = 8192, TILE = 512, RING_PIXELS = VQZ_ANALYSIS_RING * VQZ_LATENT_STEP };

/* What one thread needs to code a tile. */
typedef struct worker {
    vqz_arena arena;
    size_t capacity;
    vqz_rans_enc rans;
} worker;

typedef struct tile_result {
    uint8_t *latent, *alpha, *residual;
    uint8_t *mask[2];                        /* with residuals, of an even and an odd row: the blocks that are coded as pixels; NULL: none */
    size_t latent_size, alpha_size, residual_size;
    vqz_status status;
    vqz_error error;
} tile_result;

struct vqz_encoder {
    vqz_memory mem;
    vqz_error error;
    vqz_settings settings;
    vqz_model *model;
    const vqz_nets *nets;
    bool correct;                            /* latents after analysis */
    unsigned rounds;                         /* of refinement */
    vqz_refiner refiner;                     /* for those */
    vqz_mux *mux;
    vqz_buffer pending;                      /* bytes for the caller */
    bool taken;                              /* the caller has had them */
    enum { IDLE, BETWEEN, ROWS, DONE, FAILED } state;
    vqz_packet packet;                       /* of a sequence: what `pending` is or becomes */

    /* the present picture or sequence of pictures */
    vqz_head head;
    vqz_grid grid;
    uint32_t level, lambda, target;          /* target: of the residuals */
    vqz_quantizer quantizer;                 /* for that lambda */
    uint8_t unit;                            /* rows of a step; 0: no steps */
    uint32_t tile_row, residual_row;         /* next to be coded */
    vqz_recon pixels;                  /* laid out where there are residuals */
    vqz_pool *pool;
    worker *workers;
    bool whole;                              /* the frame is for a GPU: all its rows are held, and a result for each tile */
    tile_result *results;                    /* [result_count] */
    uint8_t *synthesised;                    /* with residuals, the GPU's; NULL: not yet */
    uint8_t *rgb, *alpha;                    /* rows first .. next - 1 */
    uint32_t first, next, capacity;          /* rows held from, rows received, room */
    void *block;                             /* the allocation behind all of these */
    vqz_decoder *check;                      /* settings.pixel_hash: decodes what is written */
    bool check_next;                         /* it is about to see another frame */
    XXH64_state_t hash;
};

static vqz_status fail(vqz_encoder *enc, vqz_status s) {
    enc->state = FAILED;
    return enc->error.status = s;
}

static bool for_device(const vqz_encoder *enc) { return enc->settings.device && !enc->settings.lossless && !enc->rounds; }
static size_t result_count(const vqz_encoder *enc) { return (size_t)enc->grid.nx * (for_device(enc) ? enc->grid.ny : 1); }
/* Of a row of tiles. */
static tile_result *results_of(const vqz_encoder *enc, uint32_t row) { return enc->results + (enc->whole ? (size_t)row * enc->grid.nx : 0); }

static void drop_results(vqz_encoder *enc) {
    for (size_t i = 0; enc->results && i < result_count(enc); i++) {
        tile_result *r = &enc->results[i];
        vqz_free(&enc->mem, r->latent);
        vqz_free(&enc->mem, r->alpha);
        vqz_free(&enc->mem, r->residual);
        vqz_free(&enc->mem, r->mask[0]);
        vqz_free(&enc->mem, r->mask[1]);
        *r = (tile_result){0};
    }
    vqz_free(&enc->mem, enc->synthesised);
    enc->synthesised = NULL;
}

static void end_picture(vqz_encoder *enc) {
    if (enc->workers)
        for (unsigned i = 0; i < vqz_pool_size(enc->pool); i++) vqz_rans_enc_free(&enc->workers[i].rans);
    drop_results(enc);
    vqz_pool_free(enc->pool);
    vqz_decoder_close(enc->check);
    vqz_free(&enc->mem, enc->block);
    enc->workers = NULL;
    enc->results = NULL;
    enc->pool = NULL;
    enc->check = NULL;
    enc->block = NULL;
}

static uint32_t quality_x16(const vqz_settings *s) { return s->lossless ? 1600 : (uint32_t)(s->quality * 16 + 0.5f); }

vqz_status vqz_encoder_open(vqz_encoder **out, const vqz_settings *settings, vqz_model *model, vqz_error *error) {
    if (!out) return vqz_fail(error, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "vqz_encoder_open: NULL argument");
    *out = NULL;
    vqz_settings s;
    vqz_memory mem;
    void *p;
    VQZ_TRY(vqz_settings_read(&s, settings, error));
    vqz_memory_init(&mem, s.max_memory);
    VQZ_TRY(vqz_alloc(&mem, &p, 1, sizeof(vqz_encoder), error));
    vqz_encoder *enc = p;
    enc->mem = mem;
    enc->settings = s;
    enc->pending.mem = &enc->mem;
    if (s.device) vqz_device_ref(s.device);
    vqz_status status = VQZ_OK;
    if (model) vqz_model_ref(enc->model = model);
    else status = vqz_model_builtin(&enc->model, 0, error);
    enc->rounds = vqz_refine_rounds(s.effort);
    enc->correct = s.effort >= CORRECT_EFFORT && quality_x16(&s) >= CORRECT_QUALITY_X16;
    if (s.lossless) enc->rounds = 0;
    if (enc->rounds && s.device && !vqz_device_is_optional(s.device))
        status = vqz_fail(error, VQZ_ERR_UNSUPPORTED, VQZ_NO_OFFSET, "settings: effort %d searches on the processor, with a GPU there are efforts up to 4", s.effort);
    bool synthesis = enc->correct || enc->rounds || vqz_residual_target(quality_x16(&s));
    unsigned roles = VQZ_NETS_ANALYSIS | VQZ_NETS_CONTEXT | (synthesis ? VQZ_NETS_SYNTHESIS : 0);
    if (status == VQZ_OK && !s.lossless) status = vqz_model_nets(enc->model, vqz_kernels_get(s.cpu), roles, &enc->nets, error);
    if (status == VQZ_OK && enc->rounds) status = vqz_refiner_open(&enc->refiner, &enc->mem, enc->model, s.cpu, error);
    if (status == VQZ_OK) status = vqz_mux_create(&enc->mux, &enc->mem, error);
    if (status != VQZ_OK) {
        vqz_encoder_close(enc);
        return status;
    }
    *out = enc;
    return VQZ_OK;
}

void vqz_encoder_close(vqz_encoder *enc) {
    if (!enc) return;
    end_picture(enc);
    vqz_mux_free(enc->mux);
    vqz_buffer_free(&enc->pending);
    vqz_refiner_close(&enc->refiner, &enc->mem);
    vqz_model_unref(enc->model);
    vqz_device_unref(enc->settings.device);
    vqz_memory mem = enc->mem;
    vqz_free(&mem, enc);
}

const vqz_error *vqz_encoder_error(const vqz_encoder *enc) { return &enc->error; }

/* Quality in 1/16 -> row of the level table, and the rest of the way to the next row by lambda: the factors make sizes run on
 * without a step where rows are about 7 % apart. */
static void choose_level(vqz_encoder *enc, uint32_t q16) {
    static const uint32_t factor[33] = {      /* round(65536 * 2^((16 - i) / 64)) for i = 0..32: lambda falls towards the next row */
        77936, 77096, 76266, 75444, 74632, 73828, 73032, 72246, 71468, 70698, 69936, 69183, 68438, 67700, 66971, 66250, 65536,
        64830, 64132, 63441, 62757, 62081, 61413, 60751, 60097, 59449, 58809, 58176, 57549, 56929, 56316, 55709, 55109};
    uint32_t span = enc->model->nlevels - 1, row = (q16 * span + 800) / 1600;
    int32_t rest = (int32_t)(q16 * span) - (int32_t)row * 1600;          /* -800..799 */
    enc->level = row;
    enc->lambda = (uint32_t)(((uint64_t)enc->model->level[row].lambda * factor[16 + rest / 50] + 32768) >> 16);
}

static void choose_tiles(vqz_encoder *enc, const vqz_image_info *info) {
    uint64_t pixels = (uint64_t)info->width * info->height;
    uint32_t t = enc->settings.tile_size;
    bool one = !t && pixels <= ONE_TILE_PIXELS && info->width <= ONE_TILE_SIDE && info->height <= ONE_TILE_SIDE;
    if (!t) t = TILE;
    enc->head.tile_width = one ? (info->width + 63) / 64 * 64 : t;
    enc->head.tile_height = one ? (info->height + 63) / 64 * 64 : t;
    vqz_recon_init(&enc->pixels, &enc->head, enc->model, enc->nets);
    enc->grid = enc->pixels.grid;
}

/* A worker's memory for one tile of h x w pixels. With residuals the latents are kept with the picture instead. */
static vqz_status layout_tile(const vqz_encoder *enc, vqz_arena *a, uint32_t h, uint32_t w, vqz_analysis *an, vqz_prior *prior, vqz_latents *y,
                              vqz_synthesis *s, vqz_refine *refine, vqz_error *e) {
    uint32_t ph = vqz_positions(h), pw = vqz_positions(w);
    y->stride = pw;
    if (!enc->head.residual) VQZ_TAKE(a, y->data, (size_t)ph * pw * enc->model->C);
    VQZ_TRY(vqz_prior_layout(prior, enc->model, enc->nets, ph, pw, a, e));
    const uint32_t ring = 2 * VQZ_ANALYSIS_RING;
    if (enc->correct || enc->rounds) VQZ_TRY(vqz_synthesis_layout(s, enc->model, enc->nets, ph + ring, pw + ring, a, e));
    if (enc->rounds) VQZ_TRY(vqz_refine_layout(refine, &enc->refiner, s, ph, pw, a, e));
    return vqz_analysis_layout(an, enc->model, enc->nets, ph + ring, pw + ring, a, e);
}

/* The same memory for the residuals of a tile. */
static vqz_status layout_residual(vqz_encoder *enc, vqz_arena *a, uint32_t h, uint32_t w, vqz_synthesis *s, vqz_residual *r, vqz_error *e) {
    vqz_residual_layout(r, w, vqz_is_gray(enc->head.layout) ? 1 : 3, a);
    return vqz_recon_work(&enc->pixels, h, w, s, a, e);
}

static vqz_status layout_picture(vqz_encoder *enc, vqz_arena *a, size_t tile_bytes) {
    unsigned n = vqz_pool_size(enc->pool);
    VQZ_TAKE(a, enc->workers, n);
    VQZ_TAKE(a, enc->results, result_count(enc));
    if (enc->nets) vqz_quantizer_layout(&enc->quantizer, enc->model, enc->nets->kernels, a);
    VQZ_TAKE(a, enc->rgb, (size_t)enc->capacity * enc->head.width * 3);
    if (vqz_has_alpha(enc->head.layout)) VQZ_TAKE(a, enc->alpha, (size_t)enc->capacity * enc->head.width);
    if (enc->head.residual) vqz_recon_layout(&enc->pixels, a);
    for (unsigned i = 0; i < n; i++) {
        uint8_t *base = vqz_take(a, tile_bytes, 1);
        if (!a->base) continue;
        enc->workers[i].arena.base = base;
        enc->workers[i].capacity = tile_bytes;
        vqz_rans_enc_init(&enc->workers[i].rans, &enc->mem);
    }
    return VQZ_OK;
}

static vqz_status plan(vqz_encoder *enc, vqz_error *e) {
    vqz_arena tile = {0}, residual = {0}, all = {0};
    vqz_analysis an;
    vqz_prior prior;
    vqz_latents y;
    vqz_refine refine;
    vqz_synthesis s;
    vqz_residual r;
    VQZ_TRY(vqz_pool_create(&enc->pool, &enc->mem, enc->settings.threads, enc->grid.nx, e));
    uint32_t h = enc->pixels.max_h, w = enc->pixels.max_w, rows = h + RING_PIXELS + (enc->head.residual ? h : RING_PIXELS);
    enc->capacity = rows < enc->head.height && !for_device(enc) ? rows : enc->head.height;
    if (!enc->settings.lossless) VQZ_TRY(layout_tile(enc, &tile, h, w, &an, &prior, &y, &s, &refine, e));
    if (enc->head.residual) VQZ_TRY(layout_residual(enc, &residual, h, w, &s, &r, e));
    tile.overflow |= residual.overflow;
    if (residual.used > tile.used) tile.used = residual.used;
    layout_picture(enc, &all, tile.used);
    enc->workers = NULL;
    enc->results = NULL;
    if (tile.overflow || all.overflow) return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "a picture of %u x %u does not fit in memory", enc->head.width, enc->head.height);
    VQZ_TRY(vqz_alloc(&enc->mem, &enc->block, all.used, 1, e));
    all = (vqz_arena){.base = enc->block};
    VQZ_TRY(layout_picture(enc, &all, tile.used));
    if (enc->nets) vqz_quantizer_set(&enc->quantizer, enc->lambda);
    return VQZ_OK;
}

/* Moves what the muxer has into `pending`, past the checking decoder where there is one. */
static vqz_status drain(vqz_encoder *enc, vqz_error *e) {
    const uint8_t *data;
    size_t size;
    vqz_mux_take(enc->mux, &data, &size);
    if (enc->taken) {
        enc->pending.size = 0;
        enc->taken = false;
    }
    VQZ_TRY(vqz_buffer_append(&enc->pending, data, size, e));
    if (!enc->check) return VQZ_OK;
    vqz_frame f;
    vqz_status s = vqz_decoder_send(enc->check, data, size);
    if (s == VQZ_OK && enc->check_next) s = vqz_decoder_next_frame(enc->check, &f);
    enc->check_next = false;
    for (vqz_band b; s == VQZ_OK && (s = vqz_decoder_receive(enc->check, &b)) == VQZ_OK;)
        for (uint32_t r = 0; r < b.rows; r++) XXH64_update(&enc->hash, b.pixels + (ptrdiff_t)r * b.stride, (size_t)enc->head.width * enc->head.layout);
    if (s == VQZ_AGAIN || s == VQZ_END) return VQZ_OK;
    *e = *vqz_decoder_error(enc->check);
    return s;
}

static vqz_status open_check(vqz_encoder *enc, vqz_error *e) {
    vqz_settings s = enc->settings;
    s.partial = 0;
    s.verify = 0;
    VQZ_TRY(vqz_decoder_open(&enc->check, &s, e));
    return vqz_decoder_add_model(enc->check, enc->model);
}

static void begin_frame(vqz_encoder *enc) {
    enc->tile_row = enc->residual_row = enc->first = enc->next = 0;
    XXH64_reset(&enc->hash, 0);
    enc->state = ROWS;
    enc->whole = for_device(enc);
}

static vqz_status begin(vqz_encoder *enc, const vqz_image_info *info, const vqz_timing *timing, vqz_error *e) {
    uint64_t pixels = (uint64_t)info->width * info->height;
    if (!info->width || !info->height || info->width > VQZ_MAX_SIDE || info->height > VQZ_MAX_SIDE || info->layout < VQZ_GRAY || info->layout > VQZ_RGBA || info->orientation > 8)
        return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "a picture of %u x %u, layout %d, orientation %u cannot be coded", info->width, info->height, info->layout, info->orientation);
    if (pixels > enc->settings.max_pixels)
        return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "a picture of %u x %u has more than %llu pixels", info->width, info->height, (unsigned long long)enc->settings.max_pixels);
    uint32_t q16 = quality_x16(&enc->settings);
    enc->head = (vqz_head){.width = info->width, .height = info->height, .layout = (uint8_t)info->layout, .orientation = info->orientation ? info->orientation : 1,
                           .quality_x16 = (uint16_t)q16, .pixel_hash = enc->settings.pixel_hash != 0};
    memcpy(enc->head.cicp, info->cicp, sizeof info->cicp);
    memcpy(enc->head.model_id, enc->model->id, sizeof enc->head.model_id);
    if (timing) {
        enc->head.sequence = 1;
        enc->head.timebase_num = timing->timebase_num;
        enc->head.timebase_den = timing->timebase_den;
        enc->head.frames = timing->frames;
    }
    enc->target = enc->settings.lossless ? 0 : vqz_residual_target(q16);
    enc->head.residual = enc->target != 0;
    choose_level(enc, q16);
    enc->unit = enc->settings.tune == VQZ_TUNE_VISUAL ? (uint8_t)vqz_step_unit(enc->model) : 0;
    choose_tiles(enc, info);
    VQZ_TRY(plan(enc, e));
    if (enc->settings.pixel_hash) VQZ_TRY(open_check(enc, e));
    VQZ_TRY(vqz_mux_begin(enc->mux, &enc->head, &info->meta, e));
    return drain(enc, e);
}

static vqz_status begin_file(vqz_encoder *enc, const vqz_image_info *info, const vqz_timing *timing) {
    if (enc->state == ROWS || enc->state == BETWEEN)
        return vqz_fail(&enc->error, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "vqz_encoder_begin: the last picture or sequence is not complete");
    if (enc->state == FAILED) return enc->error.status;
    end_picture(enc);
    vqz_status s = begin(enc, info, timing, &enc->error);
    if (s != VQZ_OK) return fail(enc, s);
    enc->state = BETWEEN;
    enc->packet = (vqz_packet){.kind = VQZ_PACKET_HEADER};
    return VQZ_OK;
}

vqz_status vqz_encoder_begin(vqz_encoder *enc, const vqz_image_info *info) {
    if (!enc || !info) return VQZ_ERR_ARGUMENT;
    VQZ_TRY(begin_file(enc, info, NULL));
    begin_frame(enc);                        /* a still is a sequence of one frame, which says nothing of itself */
    return VQZ_OK;
}

vqz_status vqz_encoder_begin_sequence(vqz_encoder *enc, const vqz_image_info *info, const vqz_timing *timing) {
    return enc && info && timing ? begin_file(enc, info, timing) : VQZ_ERR_ARGUMENT;
}

vqz_status vqz_encoder_add_chunk(vqz_encoder *enc, const char type[4], const void *data, size_t size) {
    if (!enc || !type || (!data && size)) return VQZ_ERR_ARGUMENT;
    if (enc->state == FAILED) return enc->error.status;
    if (!enc->pending.size || enc->taken)
        return vqz_fail(&enc->error, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "vqz_encoder_add_chunk: it follows vqz_encoder_begin or vqz_encoder_begin_sequence, before any output is received");
    vqz_status s = vqz_mux_ancillary(enc->mux, type, data, size, &enc->error);
    if (s == VQZ_ERR_ARGUMENT || s == VQZ_ERR_LIMIT) return s;      /* nothing has been written */
    if (s == VQZ_OK) s = drain(enc, &enc->error);
    return s == VQZ_OK ? s : fail(enc, s);
}

/* Between the frames of a sequence, and its output has been taken. */
static vqz_status ready(vqz_encoder *enc, const char *function) {
    if (enc->state == FAILED) return enc->error.status;
    if (enc->state != BETWEEN) return vqz_fail(&enc->error, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "%s: no sequence is open, or its frame is not complete", function);
    return enc->pending.size && !enc->taken ? VQZ_AGAIN : VQZ_OK;
}

vqz_status vqz_encoder_begin_frame(vqz_encoder *enc, int64_t pts, uint64_t duration) {
    if (!enc) return VQZ_ERR_ARGUMENT;
    VQZ_TRY(ready(enc, "vqz_encoder_begin_frame"));
    const vqz_frame_head f = {.pts = pts, .duration = duration, .quality_x16 = enc->head.quality_x16, .key = 1, .pixel_hash = enc->head.pixel_hash,
                              .residual = enc->head.residual};
    vqz_status s = vqz_mux_frame(enc->mux, &f, &enc->error);
    if (s == VQZ_ERR_ARGUMENT) return s;     /* a wrong time costs nothing but this call */
    begin_frame(enc);
    enc->check_next = enc->check != NULL;
    enc->packet = (vqz_packet){.kind = VQZ_PACKET_FRAME, .pts = pts, .duration = duration, .key = 1};
    if (s == VQZ_OK) s = drain(enc, &enc->error);
    return s == VQZ_OK ? s : fail(enc, s);
}

vqz_status vqz_encoder_end_sequence(vqz_encoder *enc) {
    if (!enc) return VQZ_ERR_ARGUMENT;
    VQZ_TRY(ready(enc, "vqz_encoder_end_sequence"));
    vqz_status s = vqz_mux_end(enc->mux, NULL, &enc->error);
    if (s == VQZ_ERR_ARGUMENT) return s;     /* fewer frames than were announced */
    if (s == VQZ_OK) s = drain(enc, &enc->error);
    if (s != VQZ_OK) return fail(enc, s);
    enc->packet = (vqz_packet){.kind = VQZ_PACKET_TRAILER};
    enc->state = DONE;
    return VQZ_OK;
}

static vqz_status encode_alpha(vqz_encoder *enc, uint32_t x, uint32_t y, uint32_t width, uint32_t height, tile_result *r) {
    if (!enc->alpha) return VQZ_OK;
    const uint8_t *plane = enc->alpha + (size_t)(y - enc->first) * enc->head.width + x;
    return vqz_alpha_encode(&enc->mem, plane, (ptrdiff_t)enc->head.width, 1, width, height, &r->alpha, &r->alpha_size, &r->error);
}

/* A tile of a picture whose rows are held from `first` on. */
typedef struct source {
    const uint8_t *rgb;
    uint32_t first, picture_width, picture_height;
    uint32_t x, y, width, height;
} source;

static const uint8_t *pixels_of(const source *s) { return s->rgb + ((size_t)(s->y - s->first) * s->picture_width + s->x) * 3; }
static bool is_vivid(const source *s) { return vqz_is_vivid(pixels_of(s), (size_t)s->picture_width * 3, s->width, s->height); }

static vqz_status correct_vivid(const vqz_encoder *enc, vqz_analysis *an, const source *s, vqz_rect rect, const vqz_latents *y, vqz_memory *mem, vqz_error *e) {
    const vqz_nets *nets;
    VQZ_TRY(vqz_model_nets(enc->model, enc->nets->kernels, VQZ_NETS_SYNTHESIS, &nets, e));
    return vqz_vivid_correct(an, nets, mem, s->picture_width, s->picture_height, rect, y, e);
}

/* kept: where the latents are to be left, NULL: nowhere. */
static vqz_status encode_latents(const vqz_encoder *enc, worker *w, const source *s, const vqz_latents *kept, vqz_memory *mem,
                                 uint8_t **payload, size_t *size, vqz_error *e) {
    vqz_analysis an;
    vqz_prior prior;
    vqz_latents latents;
    vqz_synthesis synthesis;
    vqz_refine refine;
    vqz_arena a = {.base = w->arena.base};
    VQZ_TRY(layout_tile(enc, &a, s->height, s->width, &an, &prior, &latents, &synthesis, &refine, e));
    if (a.used > w->capacity) return vqz_fail(e, VQZ_ERR_INTERNAL, VQZ_NO_OFFSET, "tile of %u x %u: more memory than planned", s->width, s->height);
    if (kept) latents = *kept;
    const size_t stride = (size_t)s->picture_width * 3;
    const uint8_t *rgb = pixels_of(s);
    vqz_rect rect = {s->x / VQZ_LATENT_STEP, s->y / VQZ_LATENT_STEP, vqz_positions(s->width), vqz_positions(s->height)};
    const bool vivid = is_vivid(s);
    vqz_analyse(&an, s->rgb, stride, s->first, s->picture_width, s->picture_height, rect, enc->correct || vivid, &latents, &prior, &enc->model->level[enc->level]);
    if (vivid) VQZ_TRY(correct_vivid(enc, &an, s, rect, &latents, mem, e));
    else if (enc->correct) vqz_analysis_correct(&an, &synthesis, s->picture_width, s->picture_height, rect, &latents);
    const uint8_t unit = enc->unit && vqz_masking(rgb, stride, s->width, s->height, prior.steps) ? enc->unit : 0;
    if (!enc->rounds)
        return vqz_latent_encode(&prior, &w->rans, (uint8_t)enc->level, unit, &enc->quantizer, &latents, mem, payload, size, e);
    const vqz_refine_tile t = {
        .rgb = rgb, .stride = stride, .width = s->width, .height = s->height, .h = rect.h, .w = rect.w,
        .left = s->x > 0, .top = s->y > 0, .right = s->x + s->width < s->picture_width, .bottom = s->y + s->height < s->picture_height,
        .unit = unit, .steps = prior.steps};
    return vqz_refine_encode(&refine, enc->rounds, &t, &prior, &w->rans, (uint8_t)enc->level, &enc->quantizer, &latents, mem, payload, size, e);
}

static vqz_status encode_tile(vqz_encoder *enc, worker *w, uint32_t tx, tile_result *r) {
    source s = {.rgb = enc->rgb, .first = enc->first, .picture_width = enc->head.width, .picture_height = enc->head.height};
    vqz_grid_rect(&enc->head, tx, enc->tile_row, &s.x, &s.y, &s.width, &s.height);
    const vqz_latents kept = enc->head.residual ? vqz_recon_latents(&enc->pixels, tx, enc->tile_row) : (vqz_latents){0};
    VQZ_TRY(encode_alpha(enc, s.x, s.y, s.width, s.height, r));
    if (enc->whole && !is_vivid(&s)) return VQZ_OK;          /* the GPU has */
    vqz_free(&enc->mem, r->latent);
    r->latent = NULL;
    return encode_latents(enc, w, &s, kept.data ? &kept : NULL, &enc->mem, &r->latent, &r->latent_size, &r->error);
}

/* A tile without latents, as it is. */
static vqz_status encode_exact(vqz_encoder *enc, worker *w, uint32_t tx, tile_result *r) {
    uint32_t x, y, width, height;
    vqz_grid_rect(&enc->head, tx, enc->tile_row, &x, &y, &width, &height);
    VQZ_TRY(encode_alpha(enc, x, y, width, height, r));
    const size_t row = enc->head.width, at = (y - enc->first) * row + x;
    const vqz_pixels p = {.samples = {enc->rgb + at * 3, row * 3, 3}, .w = width, .h = height, .colours = vqz_is_gray(enc->head.layout) ? 1 : 3};
    return vqz_exact_encode(&p, &w->rans, &r->latent, &r->latent_size, &r->error);
}

/* Latents of samples that take a tile's place, as if it were a picture of its own. */
typedef struct substitute {
    vqz_encoder *enc;
    worker *w;
    uint32_t width, height;
} substitute;

static vqz_status encode_substitute(void *arg, const uint8_t *rgb, uint8_t **payload, size_t *size, vqz_error *e) {
    const substitute *s = arg;
    const source src = {.rgb = rgb, .picture_width = s->width, .picture_height = s->height, .width = s->width, .height = s->height};
    const uint32_t ph = vqz_positions(s->height), pw = vqz_positions(s->width);
    void *data = NULL;
    if (s->enc->head.residual) VQZ_TRY(vqz_alloc(&s->enc->mem, &data, (size_t)ph * pw * s->enc->model->C, sizeof(int16_t), e));
    const vqz_latents kept = {data, pw};
    vqz_status status = encode_latents(s->enc, s->w, &src, data ? &kept : NULL, &s->enc->mem, payload, size, e);
    vqz_free(&s->enc->mem, data);
    return status;
}

/* Pixels instead of latents, where the tile looks as if they might be better and is better with them. */
static vqz_status consider_pixels(vqz_encoder *enc, worker *w, uint32_t tx, tile_result *r) {
    uint32_t x, y, width, height;
    vqz_grid_rect(&enc->head, tx, enc->tile_row, &x, &y, &width, &height);
    const size_t row = enc->head.width;
    const vqz_samples rgb = {enc->rgb + ((y - enc->first) * row + x) * 3, row * 3, 3};
    uint8_t **kept = &r->mask[enc->tile_row % 2], *mask;
    vqz_free(&enc->mem, *kept);
    *kept = NULL;
    if (!vqz_looks_like_screen(rgb, width, height)) return VQZ_OK;
    substitute s = {enc, w, width, height};
    vqz_screen t = {.model = enc->model, .rans = &w->rans, .rgb = rgb, .w = width, .h = height, .colours = vqz_is_gray(enc->head.layout) ? 1 : 3,
                    .quality_x16 = enc->head.quality_x16, .alone = enc->grid.nx * enc->grid.ny == 1, .exact = enc->head.residual,
                    .encode = encode_substitute, .arg = &s};
    VQZ_TRY(vqz_model_nets(enc->model, enc->nets->kernels, VQZ_NETS_CONTEXT | VQZ_NETS_SYNTHESIS, &t.nets, &r->error));
    VQZ_TRY(vqz_screen_encode(&t, &r->latent, &r->latent_size, &mask, &r->error));
    if (!enc->head.residual) vqz_free(&enc->mem, mask);
    else *kept = mask;
    if (!enc->head.residual || !mask || enc->whole) return VQZ_OK;
    const vqz_latents latents = vqz_recon_latents(&enc->pixels, tx, enc->tile_row);
    return vqz_screen_latents(&t, r->latent, r->latent_size, &latents, &r->error);
}

static void run_tile(void *arg, size_t tx, unsigned number) {
    vqz_encoder *enc = arg;
    worker *w = &enc->workers[number];
    tile_result *r = &results_of(enc, enc->tile_row)[tx];
    r->status = (enc->settings.lossless ? encode_exact : encode_tile)(enc, w, (uint32_t)tx, r);
    if (r->status == VQZ_OK && !enc->settings.lossless) r->status = consider_pixels(enc, w, (uint32_t)tx, r);
}

static vqz_status encode_residual(vqz_encoder *enc, worker *w, uint32_t tx, tile_result *r) {
    uint32_t x, y, width, height;
    vqz_grid_rect(&enc->head, tx, enc->residual_row, &x, &y, &width, &height);
    vqz_synthesis s;
    vqz_residual residual;
    vqz_arena a = {.base = w->arena.base};
    VQZ_TRY(layout_residual(enc, &a, height, width, &s, &residual, &r->error));
    if (a.used > w->capacity) return vqz_fail(&r->error, VQZ_ERR_INTERNAL, VQZ_NO_OFFSET, "tile of %u x %u: more memory than planned", width, height);
    if (!enc->synthesised) vqz_recon_tile(&enc->pixels, &s, tx, enc->residual_row, NULL);
    size_t row = enc->head.width, layout = enc->head.layout, at = (y - enc->first) * row + x;
    uint8_t *made = (enc->synthesised ? enc->synthesised + y * row * layout : enc->pixels.band) + x * layout;
    const uint8_t *mask = r->mask[enc->residual_row % 2];
    uint32_t target = enc->target;
    if (mask) {
        const vqz_samples from = {enc->rgb + at * 3, row * 3, 3}, to = {made, row * layout, layout};
        target = vqz_screen_show(mask, from, to, width, height, residual.colours, enc->alpha ? enc->alpha + at : NULL, row, target);
    }
    vqz_residual_source src = {.original = {enc->rgb + at * 3, row * 3, 3}, .synthesised = {made, row * layout, layout},
                               .alpha = enc->alpha ? enc->alpha + at : NULL, .alpha_stride = row};
    return vqz_residual_encode(&residual, &w->rans, &src, height, target, &r->residual, &r->residual_size, &r->error);
}

static void run_residual(void *arg, size_t tx, unsigned number) {
    vqz_encoder *enc = arg;
    tile_result *r = &results_of(enc, enc->residual_row)[tx];
    r->status = encode_residual(enc, &enc->workers[number], (uint32_t)tx, r);
}

/* The residuals of a tile row, whose latents and those of its neighbours are final. */
static vqz_status write_residuals(vqz_encoder *enc, vqz_error *e) {
    if (!enc->whole) vqz_pool_run(enc->pool, enc->grid.nx, run_residual, enc);
    for (uint32_t tx = 0; tx < enc->grid.nx; tx++) {
        tile_result *r = &results_of(enc, enc->residual_row)[tx];
        if (r->status != VQZ_OK) {
            *e = r->error;
            return r->status;
        }
        vqz_tile_chunk t = {.index = enc->residual_row * enc->grid.nx + tx, .layer = VQZ_LAYER_RESIDUAL, .payload = r->residual, .size = r->residual_size};
        VQZ_TRY(vqz_mux_tile(enc->mux, &t, e));
        vqz_free(&enc->mem, r->residual);
        r->residual = NULL;
    }
    enc->residual_row++;
    return VQZ_OK;
}

static vqz_status write_tile(vqz_encoder *enc, uint32_t tx, vqz_error *e) {
    tile_result *r = &results_of(enc, enc->tile_row)[tx];
    if (r->status != VQZ_OK) {
        *e = r->error;
        return r->status;
    }
    vqz_tile_chunk t = {.index = enc->tile_row * enc->grid.nx + tx, .layer = VQZ_LAYER_ALPHA, .payload = r->alpha, .size = r->alpha_size};
    if (enc->alpha) VQZ_TRY(vqz_mux_tile(enc->mux, &t, e));
    t.layer = VQZ_LAYER_LATENT;
    t.payload = r->latent;
    t.size = r->latent_size;
    VQZ_TRY(vqz_mux_tile(enc->mux, &t, e));
    vqz_free(&enc->mem, r->alpha);
    vqz_free(&enc->mem, r->latent);
    r->alpha = r->latent = NULL;
    return VQZ_OK;
}

/* Rows that a tile row needs: from, to (exclusive). With residuals the row before it, which still waits for its own, is needed too. */
static void rows_of(const vqz_encoder *enc, uint32_t ty, uint32_t *from, uint32_t *to) {
    uint32_t x, y, w, h;
    vqz_grid_rect(&enc->head, 0, ty, &x, &y, &w, &h);
    uint32_t above = enc->head.residual ? enc->head.tile_height : RING_PIXELS;
    *from = y > above ? y - above : 0;
    *to = y + h + RING_PIXELS < enc->head.height ? y + h + RING_PIXELS : enc->head.height;
}

static vqz_status encode_tile_row(vqz_encoder *enc, vqz_error *e) {
    if (!enc->whole) vqz_pool_run(enc->pool, enc->grid.nx, run_tile, enc);
    for (uint32_t tx = 0; tx < enc->grid.nx; tx++) VQZ_TRY(write_tile(enc, tx, e));
    bool last = ++enc->tile_row == enc->grid.ny;
    while (enc->head.residual && enc->residual_row + !last < enc->tile_row) VQZ_TRY(write_residuals(enc, e));
    VQZ_TRY(drain(enc, e));
    if (last) {
        uint64_t hash = enc->check ? XXH64_digest(&enc->hash) : 0;
        if (enc->head.sequence) VQZ_TRY(vqz_mux_frame_end(enc->mux, enc->check ? &hash : NULL, e));
        else VQZ_TRY(vqz_mux_end(enc->mux, enc->check ? &hash : NULL, e));
        enc->state = enc->head.sequence ? BETWEEN : DONE;
        return drain(enc, e);
    }
    if (enc->whole) return VQZ_OK;
    uint32_t from, to;
    rows_of(enc, enc->tile_row, &from, &to);
    size_t row = enc->head.width, drop = from - enc->first, keep = enc->next - from;
    memmove(enc->rgb, enc->rgb + drop * row * 3, keep * row * 3);
    if (enc->alpha) memmove(enc->alpha, enc->alpha + drop * row, keep * row);
    enc->first = from;
    return VQZ_OK;
}

/* All tiles' results, nothing written yet. */
static vqz_status encode_whole(vqz_encoder *enc, vqz_backend_payload *latents, uint8_t **payload, size_t *size, vqz_error *e) {
    const uint32_t tiles = enc->grid.nx * enc->grid.ny;
    const vqz_device_job job = {.head = &enc->head, .model = enc->model, .rgb = enc->rgb, .level = enc->level, .lambda = enc->lambda, .unit = enc->unit, .correct = enc->correct};
    VQZ_TRY(vqz_device_encode(enc->settings.device, &job, &enc->mem, enc->pool, payload, size, e));
    for (uint32_t i = 0; i < tiles; i++) {
        enc->results[i].latent = payload[i];
        enc->results[i].latent_size = size[i];
    }
    for (enc->tile_row = 0; enc->tile_row < enc->grid.ny; enc->tile_row++) vqz_pool_run(enc->pool, enc->grid.nx, run_tile, enc);
    enc->tile_row = 0;
    for (uint32_t i = 0; i < tiles; i++)
        if (enc->results[i].status != VQZ_OK) {
            *e = enc->results[i].error;
            return enc->results[i].status;
        }
    if (!enc->head.residual) return VQZ_OK;
    void *samples = enc->synthesised;
    for (uint32_t i = 0; i < tiles; i++) {
        vqz_tile_parts parts;
        VQZ_TRY(vqz_tile_split(&parts, enc->results[i].latent, enc->results[i].latent_size, e));
        latents[i] = (vqz_backend_payload){parts.latents, parts.latents_size};
    }
    if (!samples) VQZ_TRY(vqz_alloc(&enc->mem, &samples, (size_t)enc->head.width * enc->head.height, enc->head.layout, e));
    enc->synthesised = samples;
    VQZ_TRY(vqz_device_decode(enc->settings.device, enc->model, &enc->mem, &enc->head, latents, false, samples, e));
    for (; enc->residual_row < enc->grid.ny; enc->residual_row++) vqz_pool_run(enc->pool, enc->grid.nx, run_residual, enc);
    enc->residual_row = 0;
    return VQZ_OK;
}

/* All rows are there. What does not work out on a GPU, the processor does from the beginning. */
static vqz_status use_device(vqz_encoder *enc, vqz_error *e) {
    const uint32_t tiles = enc->grid.nx * enc->grid.ny;
    void *block;
    VQZ_TRY(vqz_alloc(&enc->mem, &block, tiles, sizeof(vqz_backend_payload) + sizeof(uint8_t *) + sizeof(size_t), e));
    vqz_backend_payload *latents = block;
    uint8_t **payload = (uint8_t **)(void *)(latents + tiles);
    const vqz_status s = encode_whole(enc, latents, payload, (size_t *)(void *)(payload + tiles), e);
    vqz_free(&enc->mem, block);
    if (s == VQZ_OK) return s;
    drop_results(enc);
    enc->whole = false;
    enc->tile_row = enc->residual_row = 0;
    return vqz_device_is_optional(enc->settings.device) ? VQZ_OK : s;
}

vqz_status vqz_encoder_send_rows(vqz_encoder *enc, const uint8_t *pixels, ptrdiff_t stride, uint32_t rows) {
    if (!enc || (!pixels && rows)) return VQZ_ERR_ARGUMENT;
    if (enc->state == FAILED) return enc->error.status;
    if (enc->state != ROWS || rows > enc->head.height - enc->next)
        return vqz_fail(&enc->error, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "vqz_encoder_send_rows: more rows than the picture has");
    size_t row = enc->head.width;
    for (uint32_t i = 0; i < rows; i++, pixels += stride) {
        uint8_t *to = enc->rgb + (enc->next - enc->first) * row * 3;
        uint8_t *alpha = enc->alpha ? enc->alpha + (enc->next - enc->first) * row : NULL;
        if (enc->settings.lossless) vqz_row_split(enc->head.layout, pixels, enc->head.width, to, alpha);
        else vqz_row_in(enc->head.layout, pixels, enc->head.width, enc->next > enc->first ? to - row * 3 : NULL, to, alpha);
        enc->next++;
        if (enc->whole && enc->next < enc->head.height) continue;
        const vqz_status used = enc->whole ? use_device(enc, &enc->error) : VQZ_OK;
        if (used != VQZ_OK) return fail(enc, used);
        for (uint32_t from, last; enc->state == ROWS; ) {
            rows_of(enc, enc->tile_row, &from, &last);
            if (enc->next < last) break;
            vqz_status s = encode_tile_row(enc, &enc->error);
            if (s != VQZ_OK) return fail(enc, s);
        }
    }
    return VQZ_OK;
}

vqz_status vqz_encoder_receive(vqz_encoder *enc, const uint8_t **data, size_t *size) {
    if (!enc || !data || !size) return VQZ_ERR_ARGUMENT;
    if (enc->state == FAILED) return enc->error.status;
    if (enc->taken || enc->pending.size == 0) return enc->state == DONE ? VQZ_END : VQZ_AGAIN;
    *data = enc->pending.data;
    *size = enc->pending.size;
    enc->taken = true;
    return VQZ_OK;
}

vqz_status vqz_encoder_receive_packet(vqz_encoder *enc, vqz_packet *packet) {
    if (!enc || !packet) return VQZ_ERR_ARGUMENT;
    if (enc->state != FAILED && !enc->head.sequence)
        return vqz_fail(&enc->error, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "vqz_encoder_receive_packet: not a sequence");
    if (enc->state == ROWS) return VQZ_AGAIN;
    VQZ_TRY(vqz_encoder_receive(enc, &enc->packet.data, &enc->packet.size));
    *packet = enc->packet;
    return VQZ_OK;
}
