#include "cli/commands.h"
#include "cli/orientation.h"
#include "cli/run.h"
#include <stdlib.h>
#include <string.h>

static vqz_status write_rows(image_writer *w, image_reader *r, vqz_error *e) {
    image_rows rows;
    vqz_status s;
    while ((s = image_reader_next(r, &rows, e)) == VQZ_OK)
        if ((s = image_writer_rows(w, &rows, e)) != VQZ_OK) return s;
    return s == VQZ_END ? image_writer_finish(w, e) : s;
}

/* Turning needs the whole picture. */
static vqz_status write_turned(image_writer **w, image_reader *r, const vqz_image_info *info, image_format format,
                               const options *o, sink *out, vqz_error *e) {
    image im;
    vqz_status s = image_load(&im, r, &o->config, e);
    if (s != VQZ_OK) return s;
    im.info = *info;
    s = orientation_apply(&im, &o->config, e);
    if (s == VQZ_OK) s = image_writer_open(w, out, format, &im.info, &o->config, e);
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

/* --format, else by the name of the output; pipes and devices get PNG. */
static image_format output_format(const job *j, const options *o) {
    if (o->format != FORMAT_NONE) return o->format;
    image_format f = image_format_of_path(j->out);
    return f == FORMAT_NONE && (strcmp(j->out, "-") == 0 || strncmp(j->out, "/dev/", 5) == 0) ? FORMAT_PNG : f;
}

static vqz_status write_picture(image_reader *r, image_format format, task *t, vqz_error *e) {
    vqz_image_info info;
    uint8_t *exif;
    image_writer *w = NULL;
    vqz_status s = output_info(&info, r, t->o, &exif, e);
    if (s != VQZ_OK) return s;
    if (!t->o->stored_orientation && info.orientation > 1) s = write_turned(&w, r, &info, format, t->o, &t->out, e);
    else {
        s = image_writer_open(&w, &t->out, format, &info, &t->o->config, e);
        if (s == VQZ_OK) s = write_rows(w, r, e);
    }
    if (s == VQZ_OK) snprintf(t->done->notes[0], sizeof t->done->notes[0], "%s", w->note);
    image_writer_close(w);
    free(exif);
    return s;
}

static vqz_status decode_one(task *t, vqz_error *e) {
    outcome *d = t->done;
    image_reader *r = NULL;
    const image_format format = output_format(t->j, t->o);
    if (format == FORMAT_NONE)
        return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET,
                        "the name %s tells no type that vqz writes: rename it or add --format", t->j->out);
    vqz_status s = open_vqz(&r, &t->in, t->o, e);
    if (s == VQZ_OK) s = write_picture(r, format, t, e);
    if (s == VQZ_OK) {
        d->bytes_in = source_offset(&t->in);
        d->bytes_out = t->out.written;
        if (r->unverified_tiles)
            snprintf(d->notes[1], sizeof d->notes[1], "%llu of %llu tiles are missing, damaged or beside such a tile",
                     (unsigned long long)r->unverified_tiles, (unsigned long long)r->file.tiles_x * r->file.tiles_y);
        snprintf(d->result, sizeof d->result, "%ux%u %s, %llu bytes", r->info.width, r->info.height, layout_name(r->info.layout),
                 (unsigned long long)d->bytes_out);
    }
    image_reader_close(r);
    return s;
}

int cmd_decode(options *o) {
    return run_on_files(o, "vqz", image_format_extension(o->format != FORMAT_NONE ? o->format : FORMAT_PNG), decode_one);
}
