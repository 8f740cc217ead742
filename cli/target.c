#include "cli/target.h"
#include "cli/metrics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 1600, MAX_ENCODES = 10 };     /* quality in 1/16 */

vqz_status encoder_failed(const vqz_encoder *encoder, vqz_status s, vqz_error *e) {
    const vqz_error *why = vqz_encoder_error(encoder);
    if (why && why->status == s && why->text[0]) *e = *why;
    else cli_fail(e, s, NO_OFFSET, "%s", vqz_status_text(s));
    return s;
}

vqz_status encoder_drain(vqz_encoder *encoder, sink *out, vqz_error *e) {
    for (;;) {
        const uint8_t *data;
        size_t size;
        vqz_status s = vqz_encoder_receive(encoder, &data, &size);
        if (s == VQZ_AGAIN || s == VQZ_END) return s;
        if (s != VQZ_OK) return encoder_failed(encoder, s, e);
        if (!sink_write(out, data, size)) return sink_failed(out, e);
    }
}

vqz_status encoder_stamp(vqz_encoder *encoder, const stamp *from) {
    uint8_t bytes[STAMP_MOST];
    return from ? vqz_encoder_add_chunk(encoder, STAMP_TYPE, bytes, stamp_write(bytes, from)) : VQZ_OK;
}

vqz_status encode_image(const image *im, const options *o, const stamp *from, int quality_x16, sink *out, vqz_error *e) {
    vqz_settings settings = o->config.settings;
    settings.quality = (float)quality_x16 / 16;
    vqz_encoder *encoder;
    vqz_status s = vqz_encoder_open(&encoder, &settings, o->config.model, e);
    if (s != VQZ_OK) return s;
    if ((s = vqz_encoder_begin(encoder, &im->info)) != VQZ_OK || (s = encoder_stamp(encoder, from)) != VQZ_OK ||
        (s = vqz_encoder_send_rows(encoder, im->pixels, (ptrdiff_t)im->stride, im->info.height)) != VQZ_OK)
        encoder_failed(encoder, s, e);
    else if ((s = encoder_drain(encoder, out, e)) == VQZ_AGAIN)
        s = cli_fail(e, VQZ_ERR_INTERNAL, NO_OFFSET, "the encoder asks for more rows than the picture has");
    vqz_encoder_close(encoder);
    return s == VQZ_END ? VQZ_OK : s;
}

/* PSNR of the encoded file against `rgb`. */
static vqz_status measure_psnr(const sink *file, const image *rgb, const options *o, double *psnr, vqz_error *e) {
    source in;
    image_reader *reader;
    image decoded = {0};
    source_open_memory(&in, file->buffer, file->used);
    vqz_status s = image_reader_open(&reader, &in, &o->config, e);
    if (s == VQZ_OK) s = image_load(&decoded, reader, &o->config, e);
    if (s == VQZ_OK) s = image_to_rgb(&decoded, e);
    if (s == VQZ_OK) *psnr = metrics_psnr(rgb, &decoded);
    image_free(&decoded);
    image_reader_close(reader);
    source_close(&in);
    return s;
}

/* The search: `value` (log of the size, or PSNR) grows with quality. */
typedef struct bracket {
    int low, high; /* qualities whose value is known to lie below and above the goal; -1, STEPS + 1: none yet */
    double low_value, high_value, goal;
    double slope;                /* a first guess, per 1/16 */
} bracket;

static int next_quality(const bracket *b, int q, double value) {
    double next;
    if (b->low >= 0 && b->high <= STEPS) {
        double t = (b->goal - b->low_value) / (b->high_value - b->low_value);
        t = t > 0.1 ? t : 0.1;   /* also for NaN: a flat stretch */
        next = b->low + (b->high - b->low) * (t < 0.9 ? t : 0.9);
    } else {
        next = q + 1.3 * (b->goal - value) / b->slope + (value < b->goal ? 16 : -16);
    }
    if (next < b->low + 1) return b->low + 1;
    return next > b->high - 1 ? b->high - 1 : (int)lround(next);
}

static vqz_status search(const image *im, const image *rgb, const options *o, const stamp *from, sink *best, int *quality, vqz_error *e) {
    const bool by_size = o->target_size != 0;
    bracket b = {.low = -1,
                 .high = STEPS + 1,
                 .goal = by_size ? log((double)o->target_size) : o->target_psnr,
                 .slope = by_size ? 0.0018 : 0.009};
    double extreme = 0;
    int q = STEPS / 2;
    *quality = -1;
    for (int tries = 1;; tries++) {
        sink file;
        double value = 0;
        sink_open_memory(&file);
        vqz_status s = encode_image(im, o, from, q, &file, e);
        if (s == VQZ_OK && !by_size) s = measure_psnr(&file, rgb, o, &value, e);
        if (s != VQZ_OK) {
            sink_close(&file);
            return s;
        }
        if (by_size) value = log((double)file.used);
        const bool below = by_size ? file.used <= o->target_size : value < b.goal, good = by_size == below;
        extreme = by_size ? (double)file.used : value;
        if (good) {
            sink_close(best);
            *best = file;
            *quality = q;
        } else {
            sink_close(&file);
        }
        if (below) {
            b.low = q;
            b.low_value = value;
        } else {
            b.high = q;
            b.high_value = value;
        }
        if (b.high - b.low <= 1 || tries == MAX_ENCODES) break;
        if (good && (by_size ? value > b.goal - 0.005 : value < b.goal + 0.01)) break;
        q = next_quality(&b, q, value);
        if (*quality < 0 && tries == MAX_ENCODES - 1) q = by_size ? 0 : STEPS;   /* the last chance */
    }
    if (*quality >= 0) return VQZ_OK;
    return by_size
               ? cli_fail(e, VQZ_ERR_LIMIT, NO_OFFSET, "--target-size %llu is out of reach: quality 0 takes %.0f bytes",
                          (unsigned long long)o->target_size, extreme)
               : cli_fail(e, VQZ_ERR_LIMIT, NO_OFFSET, "--target-psnr %.2f is out of reach: quality 100 gives %.2f dB",
                          o->target_psnr, extreme);
}

vqz_status target_encode(const image *im, const options *o, const stamp *from, sink *best, int *quality_x16, vqz_error *e) {
    image rgb = *im;             /* for PSNR, alpha is laid over gray, as in vqz compare */
    vqz_status s = VQZ_OK;
    sink_open_memory(best);
    if (!o->target_size && im->info.layout != VQZ_RGB) {
        s = image_alloc(&rgb.pixels, im->info.height, im->stride, &o->config, e);
        if (s != VQZ_OK) return s;
        memcpy(rgb.pixels, im->pixels, im->info.height * im->stride);
        s = image_to_rgb(&rgb, e);
    }
    if (s == VQZ_OK) s = search(im, &rgb, o, from, best, quality_x16, e);
    if (rgb.pixels != im->pixels) free(rgb.pixels);
    if (s != VQZ_OK) sink_close(best);
    return s;
}
