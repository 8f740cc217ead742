/* Whole pictures through the public API, for tests. */
#ifndef VQZ_TESTS_CODEC_IO_H
#define VQZ_TESTS_CODEC_IO_H
#include "vqz/vqz.h"
#include <stdlib.h>
#include <string.h>

typedef struct bytes {
    uint8_t *data;
    size_t size;
} bytes;

static inline void bytes_add(bytes *b, const uint8_t *data, size_t size) {
    b->data = realloc(b->data, b->size + size + 1);
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

/* Encodes, `rows` rows a call. The error, if any, in *e. */
static inline vqz_status encode_with(vqz_encoder *enc, const vqz_image_info *info, const uint8_t *pixels, uint32_t rows, bytes *out, vqz_error *e) {
    *out = (bytes){0};
    ptrdiff_t stride = (ptrdiff_t)info->width * (ptrdiff_t)info->layout;
    vqz_status st = vqz_encoder_begin(enc, info);
    for (uint32_t y = 0; st == VQZ_OK || st == VQZ_AGAIN;) {
        const uint8_t *data;
        size_t size;
        st = vqz_encoder_receive(enc, &data, &size);
        if (st == VQZ_OK) bytes_add(out, data, size);
        if (st != VQZ_AGAIN) continue;
        uint32_t n = rows < info->height - y ? rows : info->height - y;
        st = vqz_encoder_send_rows(enc, pixels + (ptrdiff_t)y * stride, stride, n);
        y += n;
    }
    if (st == VQZ_END) st = VQZ_OK;
    else *e = *vqz_encoder_error(enc);
    return st;
}

/* The same with an encoder of its own. */
static inline vqz_status encode_picture(const vqz_settings *s, const vqz_image_info *info, const uint8_t *pixels, uint32_t rows, bytes *out, vqz_error *e) {
    vqz_encoder *enc;
    *out = (bytes){0};
    vqz_status st = vqz_encoder_open(&enc, s, NULL, e);
    if (st != VQZ_OK) return st;
    st = encode_with(enc, info, pixels, rows, out, e);
    vqz_encoder_close(enc);
    return st;
}

/* Decodes, `step` bytes a call (0: all at once). *unverified counts tiles. Pixels are malloc'ed, NULL on failure. */
static inline vqz_status decode_picture(const vqz_settings *s, bytes in, size_t step, uint8_t **pixels, vqz_file_info *info, uint32_t *unverified, vqz_error *e) {
    vqz_decoder *dec;
    size_t at = 0;
    uint32_t bad = 0;
    *pixels = NULL;
    vqz_status st = vqz_decoder_open(&dec, s, e);
    if (st != VQZ_OK) return st;
    if (!step) step = in.size ? in.size : 1;
    do {
        vqz_band b;
        st = *pixels ? vqz_decoder_receive(dec, &b) : vqz_decoder_info(dec, info);
        if (st == VQZ_OK && !*pixels) *pixels = calloc((size_t)info->image.width * info->image.height, info->image.layout);
        else if (st == VQZ_OK) {
            size_t row = (size_t)info->image.width * info->image.layout;
            for (uint32_t i = 0; i < b.rows; i++) memcpy(*pixels + (b.y + i) * row, b.pixels + (ptrdiff_t)i * b.stride, row);
            bad += b.unverified_tiles;
        } else if (st == VQZ_AGAIN) {
            size_t n = step < in.size - at ? step : in.size - at;
            st = n ? vqz_decoder_send(dec, in.data + at, n) : vqz_decoder_flush(dec);
            at += n;
        }
    } while (st == VQZ_OK);
    if (st == VQZ_END) st = VQZ_OK;
    else {
        *e = *vqz_decoder_error(dec);
        free(*pixels);
        *pixels = NULL;
    }
    if (unverified) *unverified = bad;
    vqz_decoder_close(dec);
    return st;
}
#endif
