#include "cli/commands.h"
#include "cli/hash.h"
#include "cli/orientation.h"
#include "cli/pattern.h"
#include "cli/run.h"
#include "cli/target.h"
#include <math.h>
#include <string.h>

/* Rows go to the encoder as they are read, its bytes to the file as they come. VQZ_AGAIN or VQZ_END, as the encoder says. */
static vqz_status send_picture(vqz_encoder *encoder, image_reader *r, sink *out, XXH64_state_t *hash, vqz_error *e) {
    image_rows rows;
    vqz_status s;
    while ((s = image_reader_next(r, &rows, e)) == VQZ_OK) {
        hash_rows(hash, &rows, &r->info);
        s = vqz_encoder_send_rows(encoder, rows.pixels, rows.stride, rows.count);
        if (s != VQZ_OK) return encoder_failed(encoder, s, e);
        s = encoder_drain(encoder, out, e);
        if (s != VQZ_AGAIN && s != VQZ_END) return s;
    }
    return s == VQZ_END ? encoder_drain(encoder, out, e) : s;
}

static vqz_status send_frames(vqz_encoder *encoder, image_reader *r, sink *out, XXH64_state_t *hash, uint64_t *frames, vqz_error *e) {
    vqz_status s = encoder_drain(encoder, out, e);
    while (s == VQZ_AGAIN && (s = image_reader_go_on(r, e)) == VQZ_OK) {
        s = vqz_encoder_begin_frame(encoder, r->frame.pts, r->frame.duration);
        s = s == VQZ_OK ? send_picture(encoder, r, out, hash, e) : encoder_failed(encoder, s, e);
        ++*frames;
    }
    if (s != VQZ_END) return s;
    s = vqz_encoder_end_sequence(encoder);
    return s == VQZ_OK ? encoder_drain(encoder, out, e) : encoder_failed(encoder, s, e);
}

/* Only files that vqz finds in folders by itself say where they come from. */
static const stamp *task_stamp(const task *t) { return t->j->walked ? &t->stamp : NULL; }

static vqz_status encode_stream(image_reader *r, task *t, uint64_t *frames, vqz_error *e) {
    const options *o = t->o;
    vqz_encoder *encoder;
    XXH64_state_t hash;
    XXH64_reset(&hash, 0);
    vqz_status s = vqz_encoder_open(&encoder, &o->config.settings, o->config.model, e);
    if (s != VQZ_OK) return s;
    s = r->moving ? vqz_encoder_begin_sequence(encoder, &r->info, &r->timing) : vqz_encoder_begin(encoder, &r->info);
    if (s == VQZ_OK) s = encoder_stamp(encoder, task_stamp(t));
    if (s != VQZ_OK) encoder_failed(encoder, s, e);
    else if (r->moving) s = send_frames(encoder, r, &t->out, &hash, frames, e);
    else s = send_picture(encoder, r, &t->out, &hash, e);
    vqz_encoder_close(encoder);
    t->done->pixel_hash = XXH64_digest(&hash);
    if (s == VQZ_AGAIN) s = cli_fail(e, VQZ_ERR_INTERNAL, NO_OFFSET, "the encoder asks for more rows than the picture has");
    return s == VQZ_END ? VQZ_OK : s;
}

static vqz_status encode_target(image_reader *r, task *t, double *quality, vqz_error *e) {
    const options *o = t->o;
    image im;
    sink file;
    int quality_x16;
    vqz_status s = image_load(&im, r, &o->config, e);
    if (s != VQZ_OK) return s;
    s = target_encode(&im, o, task_stamp(t), &file, &quality_x16, e);
    image_free(&im);
    if (s != VQZ_OK) return s;
    *quality = quality_x16 / 16.0;
    if (!sink_write(&t->out, file.buffer, file.used)) s = sink_failed(&t->out, e);
    sink_close(&file);
    return s;
}

static vqz_status encode_picture(image_reader *r, task *t, double *quality, uint64_t *frames, vqz_error *e) {
    const options *o = t->o;
    const bool target = o->target_size || o->target_psnr > 0;
    if (r->ops == &image_vqz_reader) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "is a .vqz file already");
    if (r->moving && target) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "has several frames: --target-size and --target-psnr are for single pictures");
    r->info.orientation = exif_orientation(r->info.meta.exif, r->info.meta.exif_size);
    if (o->strip) r->info.meta = (vqz_metadata){0};
    return target ? encode_target(r, t, quality, e) : encode_stream(r, t, frames, e);
}

static vqz_status open_reader(image_reader **r, task *t, vqz_error *e) {
    const int first = t->j->numbered ? pattern_first(t->j->in) : -1;
    return first < 0 ? image_reader_open(r, &t->in, &t->o->config, e)
                     : image_numbered_open(r, &t->in, t->j->in, (uint64_t)first, &t->o->config, e);
}

static vqz_status encode_one(task *t, vqz_error *e) {
    outcome *d = t->done;
    image_reader *r = NULL;
    double quality = (double)t->o->config.settings.quality;
    uint64_t frames = 0;
    vqz_status s = open_reader(&r, t, e);
    if (s == VQZ_OK) s = encode_picture(r, t, &quality, &frames, e);
    if (s == VQZ_OK) {
        const double pixels = d->pixels = (double)r->info.width * r->info.height * (double)(r->moving ? frames : 1);
        char many[32] = "", share[32] = "";
        d->bytes_in = t->in.regular ? t->in.size : source_offset(&t->in);
        d->bytes_out = t->out.written;
        if (r->moving) snprintf(many, sizeof many, ", %llu frames", (unsigned long long)frames);
        if (!t->j->numbered) snprintf(share, sizeof share, ", %.1f %% of the source", d->bytes_in ? 100 * (double)d->bytes_out / (double)d->bytes_in : 0.0);
        d->loss = r->loss;
        snprintf(d->notes[0], sizeof d->notes[0], "%s", r->note);
        snprintf(d->result, sizeof d->result, "%ux%u%s, quality %g, %llu bytes, %.3f bpp%s", r->info.width, r->info.height, many, quality,
                 (unsigned long long)d->bytes_out, (double)d->bytes_out * 8 / pixels, share);
    }
    image_reader_close(r);
    return s;
}

int cmd_encode(options *o) {
    o->config.settings.quality = (float)(round((double)o->config.settings.quality * 16) / 16);
    return run_on_files(o, NULL, "vqz", encode_one);
}
