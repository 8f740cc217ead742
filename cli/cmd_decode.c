#include "cli/commands.h"
#include "cli/orientation.h"
#include "cli/pattern.h"
#include "cli/run.h"
#include <stdlib.h>
#include <string.h>

/* The writer is opened when there is something to write: a frame of which nothing can be had must not leave a header. */
static vqz_status write_rows(image_writer **w, image_reader *r, const vqz_image_info *info, image_format format, const image_config *config, sink *out,
                             vqz_error *e) {
    image_rows rows;
    vqz_status s = image_reader_next(r, &rows, e);
    if (s == VQZ_OK) s = image_writer_open(w, out, format, info, config, e);
    while (s == VQZ_OK && (s = image_writer_rows(*w, &rows, e)) == VQZ_OK) s = image_reader_next(r, &rows, e);
    return s == VQZ_END ? image_writer_finish(*w, e) : s;
}

/* Turning needs the whole picture. */
static vqz_status write_turned(image_writer **w, image_reader *r, const vqz_image_info *info, image_format format,
                               const image_config *config, sink *out, vqz_error *e) {
    image im;
    vqz_status s = image_load(&im, r, config, e);
    if (s != VQZ_OK) return s;
    im.info = *info;
    s = orientation_apply(&im, config, e);
    if (s == VQZ_OK) s = image_writer_open(w, out, format, &im.info, config, e);
    image_rows rows = {im.pixels, (ptrdiff_t)im.stride, im.info.height};
    if (s == VQZ_OK) s = image_writer_rows(*w, &rows, e);
    if (s == VQZ_OK) s = image_writer_finish(*w, e);
    image_free(&im);
    return s;
}

/* The metadata of the output. `exif` becomes a copy whose orientation fits the pixels that are written. */
static vqz_status output_info(vqz_image_info *info, const image_reader *r, const options *o, uint8_t **exif,
                              vqz_error *e) {
    *info = r->info;
    *exif = NULL;
    if (info->orientation < 1 || info->orientation > 8) info->orientation = 1;
    if (o->strip) info->meta = (vqz_metadata){0};
    if (!info->meta.exif) return VQZ_OK;
    *exif = malloc(info->meta.exif_size ? info->meta.exif_size : 1);
    if (!*exif) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    memcpy(*exif, info->meta.exif, info->meta.exif_size);
    exif_set_orientation(*exif, info->meta.exif_size, o->stored_orientation ? info->orientation : 1);
    info->meta.exif = *exif;
    return VQZ_OK;
}

/* --format, else by the name of the output. Pipes and devices get PNG; several frames are y4m, or NUT where they have alpha. */
static image_format output_format(const job *j, const options *o, const image_reader *r) {
    if (o->format != FORMAT_NONE) return o->format;
    image_format f = image_format_of_path(j->out);
    if (f != FORMAT_NONE || (strcmp(j->out, "-") != 0 && strncmp(j->out, "/dev/", 5) != 0)) return f;
    if (!r->moving || r->timing.frames == 1) return FORMAT_PNG;
    return r->info.layout == VQZ_RGB || r->info.layout == VQZ_GRAY ? FORMAT_Y4M : FORMAT_NUT;
}

static vqz_status write_picture(image_reader *r, image_format format, sink *out, const image_config *config, task *t, vqz_error *e) {
    vqz_image_info info;
    uint8_t *exif;
    image_writer *w = NULL;
    vqz_status s = output_info(&info, r, t->o, &exif, e);
    if (s != VQZ_OK) return s;
    if (!t->o->stored_orientation && info.orientation > 1) s = write_turned(&w, r, &info, format, config, out, e);
    else s = write_rows(&w, r, &info, format, config, out, e);
    if (s == VQZ_OK) snprintf(t->done->notes[0], sizeof t->done->notes[0], "%s", w->note);
    image_writer_close(w);
    free(exif);
    return s;
}

/* A frame into a file of its own. */
static vqz_status write_numbered(image_reader *r, image_format format, uint64_t number, task *t, vqz_error *e) {
    char *name = pattern_name(t->j->out, number);
    sink out;
    if (!name) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    vqz_status s = sink_open(&out, name, e);
    free(name);
    if (s != VQZ_OK) return s;
    s = write_picture(r, format, &out, &t->o->config, t, e);
    if (s == VQZ_OK) s = sink_commit(&out, e);
    t->done->bytes_out += out.written;
    sink_close(&out);
    return s;
}

/* y4m has one rate for all frames: that of the first one, or of the timebase. */
static void set_rate(image_config *config, const image_reader *r) {
    uint64_t num = r->timing.timebase_num, den = r->timing.timebase_den;
    if (r->frame.duration && r->frame.duration <= VQZ_MAX_TIMEBASE) num *= r->frame.duration;
    for (uint64_t a = num, b = den, rest; b; a = b, b = rest)
        if (!(rest = a % b)) {
            num /= b;
            den /= b;
        }
    if (num <= VQZ_MAX_TIMEBASE && den <= VQZ_MAX_TIMEBASE) config->timing = (vqz_timing){(uint32_t)num, (uint32_t)den, 0};
}

/* What a damaged frame costs: with a file for each frame, that file; else everything, unless what can be had is asked for. */
static bool goes_on(const task *t, const image_reader *r, vqz_status s) {
    bool costs_a_frame = s == VQZ_ERR_CHECKSUM || s == VQZ_ERR_CORRUPT || s == VQZ_ERR_HASH || s == VQZ_ERR_VERSION;
    return r->moving && costs_a_frame && (t->j->numbered || t->o->config.settings.partial);
}

static vqz_status write_frames(image_reader *r, image_format format, task *t, uint64_t *frames, uint64_t *lost, vqz_error *e) {
    image_config config = t->o->config;
    vqz_error why = {.status = VQZ_OK};
    int64_t first = 0;
    vqz_status s;
    for (*frames = 0; (s = image_reader_go_on(r, e)) == VQZ_OK; ++*frames) {
        if (*frames == 0 && r->moving) set_rate(&config, r);
        if (*frames == 0) first = r->frame.pts < 0 ? r->frame.pts : 0;
        config.clock = r->timing;
        config.pts = r->frame.pts - first;       /* NUT has no negative times */
        s = t->j->numbered ? write_numbered(r, format, *frames + 1, t, e) : write_picture(r, format, &t->out, &config, t, e);
        if (s == VQZ_OK) continue;
        if (!goes_on(t, r, s)) return s;
        if (!*lost) why = *e;
        ++*lost;
    }
    if (s != VQZ_END || !*lost || t->o->config.settings.partial) return s == VQZ_END ? VQZ_OK : s;
    return cli_fail(e, why.status, why.offset, "%llu of %llu frames cannot be decoded: %.140s", (unsigned long long)*lost, (unsigned long long)*frames, why.text);
}

static void tell(task *t, const image_reader *r, uint64_t frames, uint64_t lost) {
    outcome *d = t->done;
    char many[32] = "";
    if (r->moving) snprintf(many, sizeof many, ", %llu frames", (unsigned long long)frames);
    if (lost)
        snprintf(d->notes[1], sizeof d->notes[1], "%llu of %llu frames cannot be decoded and are left out", (unsigned long long)lost, (unsigned long long)frames);
    else if (r->unverified_tiles)
        snprintf(d->notes[1], sizeof d->notes[1], "%llu of %llu tiles are missing, damaged or beside such a tile",
                 (unsigned long long)r->unverified_tiles, (unsigned long long)r->file.tiles_x * r->file.tiles_y * frames);
    snprintf(d->result, sizeof d->result, "%ux%u %s%s, %llu bytes", r->info.width, r->info.height, layout_name(r->info.layout), many,
             (unsigned long long)d->bytes_out);
}

static vqz_status decode_one(task *t, vqz_error *e) {
    image_reader *r = NULL;
    uint64_t frames = 0, lost = 0;
    vqz_status s = open_vqz(&r, &t->in, t->o, e);
    const image_format format = s == VQZ_OK ? output_format(t->j, t->o, r) : FORMAT_NONE;
    if (s == VQZ_OK && format == FORMAT_NONE)
        s = cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "the name %s tells no type that vqz writes: rename it or add --format", t->j->out);
    if (s == VQZ_OK && r->moving && r->timing.frames != 1 && !t->j->numbered && !image_format_moves(format))
        s = cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "has several frames: use -o NAME%%04d.png for a file each, or --format y4m, nut or pam for all in one");
    if (s == VQZ_OK) s = write_frames(r, format, t, &frames, &lost, e);
    t->done->bytes_out += t->out.written;
    if (s == VQZ_OK) {
        t->done->bytes_in = source_offset(&t->in);
        t->done->pixels = (double)r->info.width * r->info.height * (double)frames;
        tell(t, r, frames, lost);
    }
    image_reader_close(r);
    return s;
}

int cmd_decode(options *o) {
    return run_on_files(o, "vqz", image_format_extension(o->format != FORMAT_NONE ? o->format : FORMAT_PNG), decode_one);
}
