/* Frames that go to a GPU as a whole. */
#include "codec/encoder.h"
#include "codec/device.h"
#include "codec/pixels.h"

static void look_at_all(void *arg) {
    vqz_encoder *enc = arg;
    for (enc->tile_row = 0; enc->tile_row < enc->grid.ny; enc->tile_row++) vqz_encoder_look_at_tiles(enc);
    enc->tile_row = 0;
}

static vqz_status encode_whole(vqz_encoder *enc, vqz_backend_payload *latents, uint8_t **payload, size_t *size, vqz_error *e) {
    const uint32_t tiles = enc->grid.nx * enc->grid.ny;
    const vqz_device_job job = {.head = &enc->head, .model = enc->model, .rgb = enc->rgb, .level = enc->level, .lambda = enc->lambda, .unit = enc->unit, .correct = enc->correct,
                                .meanwhile = look_at_all, .arg = enc};
    VQZ_TRY(vqz_device_encode(enc->settings.device, &job, &enc->mem, enc->pool, payload, size, e));
    for (uint32_t i = 0; i < tiles; i++) {
        enc->results[i].latent = payload[i];
        enc->results[i].latent_size = size[i];
    }
    for (enc->tile_row = 0; enc->tile_row < enc->grid.ny; enc->tile_row++) vqz_encoder_code_tiles(enc);
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
    for (; enc->residual_row < enc->grid.ny; enc->residual_row++) vqz_encoder_code_residuals(enc);
    enc->residual_row = 0;
    return VQZ_OK;
}

vqz_status vqz_encoder_use_device(vqz_encoder *enc, vqz_error *e) {
    const uint32_t tiles = enc->grid.nx * enc->grid.ny;
    void *block;
    vqz_status s = vqz_alloc(&enc->mem, &block, tiles, sizeof(vqz_backend_payload) + sizeof(uint8_t *) + sizeof(size_t), e);
    if (s == VQZ_OK) {
        vqz_backend_payload *latents = block;
        uint8_t **payload = (uint8_t **)(void *)(latents + tiles);
        s = encode_whole(enc, latents, payload, (size_t *)(void *)(payload + tiles), e);
        vqz_free(&enc->mem, block);
    }
    if (s == VQZ_OK) return s;
    vqz_encoder_drop_results(enc);
    enc->whole = false;
    enc->tile_row = enc->residual_row = 0;
    return vqz_device_is_optional(enc->settings.device) ? VQZ_OK : s;
}
