#include "cli/commands.h"
#include "cli/orientation.h"
#include "cli/progress.h"
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

static vqz_status decode_opened(image_reader *r, const job *j, const options *o, progress *p, sink *out, vqz_error *e) {
    vqz_image_info info;
    uint8_t *exif;
    image_writer *w = NULL;
    image_format format = output_format(j, o);
    if (format == FORMAT_NONE)
        return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET,
                        "the name %s tells no type that vqz writes: rename it or add --format", j->out);
    vqz_status s = job_prepare(j, o, e);
    if (s == VQZ_OK) s = sink_open(out, j->out, e);
    if (s != VQZ_OK || (s = output_info(&info, r, o, &exif, e)) != VQZ_OK) return s;
    if (!o->stored_orientation && info.orientation > 1) s = write_turned(&w, r, &info, format, o, out, e);
    else {
        s = image_writer_open(&w, out, format, &info, &o->config, e);
        if (s == VQZ_OK) s = write_rows(w, r, e);
    }
    if (s == VQZ_OK) s = sink_commit(out, e);
    if (s == VQZ_OK) report_note(p, j->in, w->note);
    image_writer_close(w);
    free(exif);
    return s;
}

static bool decode_one(const job *j, options *o, progress *p, vqz_error *e) {
    source in;
    sink out = {.fd = -1};
    image_reader *r = NULL;
    const double start = now_seconds();
    vqz_status s = open_vqz(&in, &r, j->in, o, e);
    if (s == VQZ_OK) s = decode_opened(r, j, o, p, &out, e);
    if (s == VQZ_OK) {
        char note[96];
        p->bytes_in += source_offset(&in);
        p->bytes_out += out.written;
        snprintf(note, sizeof note, "%llu of %llu tiles are missing, damaged or beside such a tile",
                 (unsigned long long)r->unverified_tiles, (unsigned long long)r->file.tiles_x * r->file.tiles_y);
        if (r->unverified_tiles) report_note(p, j->in, note);
        report_result(p, "%s -> %s: %ux%u %s, %llu bytes, %.2f s", j->in, j->out, r->info.width, r->info.height,
                      layout_name(r->info.layout), (unsigned long long)out.written, now_seconds() - start);
    }
    image_reader_close(r);
    sink_close(&out);
    source_close(&in);
    return s == VQZ_OK;
}

int cmd_decode(options *o) {
    return run_on_files(o, "vqz", image_format_extension(o->format != FORMAT_NONE ? o->format : FORMAT_PNG), decode_one);
}
