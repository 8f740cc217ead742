#include "cli/commands.h"
#include "cli/orientation.h"
#include "cli/run.h"
#include "cli/target.h"
#include <math.h>
#include <string.h>

/* Rows go to the encoder as they are read, its bytes to the file as they come. */
static vqz_status encode_stream(image_reader *r, const options *o, sink *out, vqz_error *e) {
    vqz_encoder *encoder;
    vqz_status s = vqz_encoder_open(&encoder, &o->config.settings, o->config.model, e);
    if (s != VQZ_OK) return s;
    s = vqz_encoder_begin(encoder, &r->info);
    if (s != VQZ_OK) encoder_failed(encoder, s, e);
    while (s == VQZ_OK) {
        image_rows rows;
        s = image_reader_next(r, &rows, e);
        if (s == VQZ_END) {
            s = encoder_drain(encoder, out, e);
            if (s == VQZ_AGAIN)
                s = cli_fail(e, VQZ_ERR_INTERNAL, NO_OFFSET, "the encoder asks for more rows than the picture has");
            break;
        }
        if (s != VQZ_OK) break;
        s = vqz_encoder_send_rows(encoder, rows.pixels, rows.stride, rows.count);
        if (s != VQZ_OK) encoder_failed(encoder, s, e);
        else if ((s = encoder_drain(encoder, out, e)) == VQZ_AGAIN) s = VQZ_OK;
        else if (s == VQZ_END)
            s = image_reader_next(r, &rows, e) == VQZ_END
                    ? VQZ_END
                    : cli_fail(e, VQZ_ERR_INTERNAL, NO_OFFSET, "the encoder ended before the picture did");
    }
    vqz_encoder_close(encoder);
    return s == VQZ_END ? VQZ_OK : s;
}

static vqz_status encode_target(image_reader *r, const options *o, sink *out, double *quality, vqz_error *e) {
    image im;
    sink file;
    int quality_x16;
    vqz_status s = image_load(&im, r, &o->config, e);
    if (s != VQZ_OK) return s;
    s = target_encode(&im, o, &file, &quality_x16, e);
    image_free(&im);
    if (s != VQZ_OK) return s;
    *quality = quality_x16 / 16.0;
    if (!sink_write(out, file.buffer, file.used)) s = sink_failed(out, e);
    sink_close(&file);
    return s;
}

static vqz_status encode_picture(image_reader *r, task *t, double *quality, vqz_error *e) {
    const options *o = t->o;
    if (r->ops == &image_vqz_reader) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "is a .vqz file already");
    r->info.orientation = exif_orientation(r->info.meta.exif, r->info.meta.exif_size);
    if (o->strip) r->info.meta = (vqz_metadata){0};
    return o->target_size || o->target_psnr > 0 ? encode_target(r, o, &t->out, quality, e) : encode_stream(r, o, &t->out, e);
}

static vqz_status encode_one(task *t, vqz_error *e) {
    outcome *d = t->done;
    image_reader *r = NULL;
    double quality = (double)t->o->config.settings.quality;
    vqz_status s = image_reader_open(&r, &t->in, &t->o->config, e);
    if (s == VQZ_OK) s = encode_picture(r, t, &quality, e);
    if (s == VQZ_OK) {
        d->bytes_in = t->in.regular ? t->in.size : source_offset(&t->in);
        d->bytes_out = t->out.written;
        snprintf(d->notes[0], sizeof d->notes[0], "%s", r->note);
        snprintf(d->result, sizeof d->result, "%ux%u, quality %g, %llu bytes, %.3f bpp, %.1f %% of the source", r->info.width, r->info.height,
                 quality, (unsigned long long)d->bytes_out, (double)d->bytes_out * 8 / ((double)r->info.width * r->info.height),
                 d->bytes_in ? 100 * (double)d->bytes_out / (double)d->bytes_in : 0.0);
    }
    image_reader_close(r);
    return s;
}

int cmd_encode(options *o) {
    o->config.settings.quality = (float)(round((double)o->config.settings.quality * 16) / 16);
    return run_on_files(o, NULL, "vqz", encode_one);
}
