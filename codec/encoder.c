/* Rows in, bytes out: a tile row is coded as soon as its rows, and the ring of rows below that analysis looks at, are there. Where the quality
 * asks for residuals, they follow when the next row has been coded, because its latents take part in the pixels. */
#include "codec/encoder.h"
#include "codec/colour.h"
#include "codec/device.h"
#include "codec/residual.h"
#include "codec/settings.h"
#include "codec/steps.h"
#include <string.h>

enum { CORRECT_EFFORT = 4, CORRECT_QUALITY_X16 = 75 * 16 };
enum { ONE_TILE_PIXELS = 1 << 20, ONE_TILE_SIDE = 8192, TILE = 512 };

static vqz_status fail(vqz_encoder *enc, vqz_status s) {
    enc->state = FAILED;
    return enc->error.status = s;
}

static void end_picture(vqz_encoder *enc) {
    if (enc->workers)
        for (unsigned i = 0; i < vqz_pool_size(enc->pool); i++) vqz_rans_enc_free(&enc->workers[i].rans);
    vqz_encoder_drop_results(enc);
    vqz_pool_free(enc->pool);
    vqz_pool_free(enc->inter.pool);
    vqz_decoder_close(enc->check);
    vqz_free(&enc->mem, enc->block);
    enc->workers = NULL;
    enc->results = NULL;
    enc->pool = enc->inter.pool = NULL;
    enc->check = NULL;
    enc->block = NULL;
    enc->alpha = NULL;                       /* the next picture may have none */
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
    else status = vqz_model_builtin(&enc->model, s.lossless ? VQZ_TUNE_VISUAL : s.tune, error);
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

/* The rest of the way to the next row goes by lambda: the factors make sizes run on without a step where rows are about 7 % apart. */
void vqz_encoder_choose_level(vqz_encoder *enc, uint32_t q16) {
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

vqz_status vqz_encoder_drain(vqz_encoder *enc, vqz_error *e) {
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
    enc->whole = vqz_encoder_has_device(enc);
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
        enc->head.inter = enc->settings.key_interval > 1 && !enc->settings.lossless;
    }
    enc->inter = (inter_frames){.on = enc->head.inter};
    enc->target = enc->settings.lossless ? 0 : vqz_residual_target(q16);
    enc->head.residual = enc->target != 0;
    vqz_encoder_choose_level(enc, q16);
    enc->unit = enc->settings.tune == VQZ_TUNE_VISUAL ? (uint8_t)vqz_step_unit(enc->model) : 0;
    choose_tiles(enc, info);
    VQZ_TRY(vqz_encoder_plan(enc, e));
    VQZ_TRY(vqz_encoder_inter_begin(enc, e));
    if (enc->settings.pixel_hash || enc->inter.on) VQZ_TRY(open_check(enc, e));
    VQZ_TRY(vqz_mux_begin(enc->mux, &enc->head, &info->meta, e));
    return vqz_encoder_drain(enc, e);
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
    if (s == VQZ_OK) s = vqz_encoder_drain(enc, &enc->error);
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
    enc->inter.head = f;                     /* written when it is known what it is */
    vqz_status s = enc->inter.on ? vqz_mux_frame_fits(enc->mux, &f, &enc->error) : vqz_mux_frame(enc->mux, &f, &enc->error);
    if (s == VQZ_ERR_ARGUMENT) return s;     /* a wrong time costs nothing but this call */
    begin_frame(enc);
    enc->check_next = enc->check && !enc->inter.on;
    enc->packet = (vqz_packet){.kind = VQZ_PACKET_FRAME, .pts = pts, .duration = duration, .key = 1};
    if (s == VQZ_OK) s = vqz_encoder_drain(enc, &enc->error);
    return s == VQZ_OK ? s : fail(enc, s);
}

vqz_status vqz_encoder_end_sequence(vqz_encoder *enc) {
    if (!enc) return VQZ_ERR_ARGUMENT;
    VQZ_TRY(ready(enc, "vqz_encoder_end_sequence"));
    vqz_status s = vqz_mux_end(enc->mux, NULL, &enc->error);
    if (s == VQZ_ERR_ARGUMENT) return s;     /* fewer frames than were announced */
    if (s == VQZ_OK) s = vqz_encoder_drain(enc, &enc->error);
    if (s != VQZ_OK) return fail(enc, s);
    enc->packet = (vqz_packet){.kind = VQZ_PACKET_TRAILER};
    enc->state = DONE;
    return VQZ_OK;
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
        if ((enc->whole || enc->inter.on) && enc->next < enc->head.height) continue;
        vqz_status s = enc->inter.on ? vqz_encoder_inter_choose(enc, &enc->error) : VQZ_OK;
        if (s == VQZ_OK && enc->whole) s = vqz_encoder_use_device(enc, &enc->error);
        if (s == VQZ_OK) s = vqz_encoder_write_rows(enc, &enc->error);
        if (s != VQZ_OK) return fail(enc, s);
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
