#include "roundtrip.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct vqz_roundtrip {
    vqz_encoder *enc;
    vqz_decoder *dec;
    uint32_t width, height, samples;
    int64_t pts;
};

static vqz_status from_encoder(const vqz_roundtrip *r, vqz_status s, vqz_error *e) {
    *e = *vqz_encoder_error(r->enc);
    return s;
}

static vqz_status from_decoder(const vqz_roundtrip *r, vqz_status s, vqz_error *e) {
    *e = *vqz_decoder_error(r->dec);
    return s;
}

/* The encoder's next packet goes to the decoder. */
static vqz_status hand_over(vqz_roundtrip *r, size_t *bytes, vqz_error *e) {
    vqz_packet packet;
    vqz_status s = vqz_encoder_receive_packet(r->enc, &packet);
    if (s != VQZ_OK) return from_encoder(r, s, e);
    *bytes = packet.size;
    s = vqz_decoder_send_packet(r->dec, packet.data, packet.size);
    return s == VQZ_OK ? s : from_decoder(r, s, e);
}

static vqz_status begin(vqz_roundtrip *r, vqz_layout layout, vqz_error *e) {
    const vqz_image_info info = {.width = r->width, .height = r->height, .layout = layout};
    const vqz_timing timing = {1, 1, 0};
    size_t bytes;
    vqz_status s = vqz_encoder_begin_sequence(r->enc, &info, &timing);
    return s == VQZ_OK ? hand_over(r, &bytes, e) : from_encoder(r, s, e);
}

vqz_status vqz_roundtrip_open(vqz_roundtrip **out, const vqz_settings *settings, uint32_t width, uint32_t height, vqz_layout layout, vqz_error *error) {
    vqz_roundtrip *r = calloc(1, sizeof *r);
    vqz_status s;
    *out = NULL;
    if (!r) {
        *error = (vqz_error){VQZ_ERR_MEMORY, UINT64_MAX, "out of memory"};
        return VQZ_ERR_MEMORY;
    }
    r->width = width;
    r->height = height;
    r->samples = (uint32_t)layout;
    s = vqz_encoder_open(&r->enc, settings, NULL, error);
    if (s == VQZ_OK) s = vqz_decoder_open(&r->dec, settings, error);
    if (s == VQZ_OK) s = begin(r, layout, error);
    if (s == VQZ_OK) *out = r;
    else vqz_roundtrip_close(r);
    return s;
}

void vqz_roundtrip_close(vqz_roundtrip *r) {
    if (!r) return;
    vqz_encoder_close(r->enc);
    vqz_decoder_close(r->dec);
    free(r);
}

/* One row, and how far it is from what stood there. */
static uint64_t put_row(const uint8_t *from, const uint8_t *original, uint8_t *to, size_t n) {
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        const int d = from[i] - original[i];
        sum += (uint64_t)(d * d);
    }
    memcpy(to, from, n);
    return sum;
}

vqz_status vqz_roundtrip_frame(vqz_roundtrip *r, const uint8_t *in, ptrdiff_t in_stride, uint8_t *out, ptrdiff_t out_stride,
                               vqz_roundtrip_result *result, vqz_error *error) {
    const size_t row = (size_t)r->width * r->samples;
    uint64_t sum = 0;
    vqz_frame frame;
    vqz_band band;
    vqz_status s = vqz_encoder_begin_frame(r->enc, r->pts++, 1);
    if (s == VQZ_OK) s = vqz_encoder_send_rows(r->enc, in, in_stride, r->height);
    if (s != VQZ_OK) return from_encoder(r, s, error);
    if ((s = hand_over(r, &result->bytes, error)) != VQZ_OK) return s;
    if ((s = vqz_decoder_next_frame(r->dec, &frame)) != VQZ_OK) return from_decoder(r, s, error);
    while ((s = vqz_decoder_receive(r->dec, &band)) == VQZ_OK)
        for (uint32_t y = 0; y < band.rows; y++) {
            const ptrdiff_t at = (ptrdiff_t)band.y + (ptrdiff_t)y;
            sum += put_row(band.pixels + (ptrdiff_t)y * band.stride, in + at * in_stride, out + at * out_stride, row);
        }
    if (s != VQZ_END) return from_decoder(r, s, error);
    result->psnr = sum ? 10 * log10(65025.0 * (double)row * r->height / (double)sum) : (double)INFINITY;
    return VQZ_OK;
}
