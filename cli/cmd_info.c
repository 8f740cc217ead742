#include "cli/commands.h"
#include "cli/json.h"
#include "cli/run.h"
#include <stdlib.h>
#include <unistd.h>

const char *layout_name(vqz_layout l) {
    static const char *const names[] = {"?", "gray", "gray+alpha", "RGB", "RGBA"};
    return names[l >= VQZ_GRAY && l <= VQZ_RGBA ? l : 0];
}

vqz_status open_vqz(image_reader **r, source *in, const options *o, vqz_error *e) {
    vqz_status s = image_reader_open(r, in, &o->config, e);
    if (s == VQZ_OK && (*r)->ops != &image_vqz_reader)
        s = cli_fail(e, VQZ_ERR_SIGNATURE, NO_OFFSET, "is a %s file, not a .vqz file", (*r)->ops->name);
    else if (s == VQZ_ERR_SIGNATURE) cli_fail(e, s, 0, "not a .vqz file");
    return s;
}

/* How many frames there are and how long they last: from the index, where there is one, else what the header says. */
typedef struct length {
    uint64_t frames;             /* 0: not known */
    double seconds;              /* below 0: not known */
} length;

static length length_of(const image_reader *r) {
    const source *in = r->in;
    uint8_t tail[VQZ_TAIL_SIZE], *data = NULL;
    vqz_toc toc;
    length l = {r->timing.frames, -1};
    uint32_t size = 0;
    if (in->regular && in->size > sizeof tail && pread(in->fd, tail, sizeof tail, (off_t)(in->size - sizeof tail)) == (ssize_t)sizeof tail)
        size = vqz_toc_size(tail);
    if (size && size < in->size) data = malloc(size);
    if (data && pread(in->fd, data, size, (off_t)(in->size - size)) == (ssize_t)size && vqz_toc_open(&toc, data, size, NULL) == VQZ_OK) {
        l.frames = toc.frames;
        l.seconds = (double)(toc.end - toc.start) * r->timing.timebase_num / r->timing.timebase_den;
    }
    free(data);
    return l;
}

static void print_text(const char *name, const image_reader *r, uint64_t bytes, const char *model) {
    const vqz_file_info *f = &r->file;
    const vqz_image_info *im = &f->image;
    const char *const turns[] = {"",           "",           "mirrored",    "rotated 180", "flipped",
                                 "transposed", "rotated 90", "transversed", "rotated 270"};
    const length l = r->moving ? length_of(r) : (length){1, -1};
    printf("%s: %ux%u %s\n", name, im->width, im->height, layout_name(im->layout));
    if (bytes && l.frames)
        printf("  size         %llu bytes, %.3f bits per pixel\n", (unsigned long long)bytes,
               (double)bytes * 8 / ((double)im->width * im->height * (double)l.frames));
    else if (bytes) printf("  size         %llu bytes\n", (unsigned long long)bytes);
    if (r->moving && l.frames) printf("  frames       %llu\n", (unsigned long long)l.frames);
    else if (r->moving) printf("  frames       not known without reading on\n");
    if (r->moving) printf("  timebase     %u/%u s\n", r->timing.timebase_num, r->timing.timebase_den);
    if (l.seconds >= 0) printf("  duration     %.3f s\n", l.seconds);
    printf("  quality      %g\n", f->quality_x16 / 16.0);
    printf("  format       %u.%u\n", f->major, f->minor);
    printf("  model        ");
    print_model_id(stdout, f->model_id);
    printf(" (%s)\n", model ? model : "not available here: give it with --model");
    printf("  tiles        %u x %u of %ux%u\n", f->tiles_x, f->tiles_y,
           f->tile_width < im->width ? f->tile_width : im->width,
           f->tile_height < im->height ? f->tile_height : im->height);
    if (f->peak_memory) printf("  to decode    %.1f MB of memory\n", (double)f->peak_memory / 1e6);
    if (im->orientation > 1 && im->orientation <= 8)
        printf("  orientation  %u (%s for viewing)\n", im->orientation, turns[im->orientation]);
    if (im->cicp[0] || im->cicp[1])
        printf("  CICP         %u/%u/%u/%u\n", im->cicp[0], im->cicp[1], im->cicp[2], im->cicp[3]);
    if (im->meta.icc) printf("  ICC profile  %zu bytes\n", im->meta.icc_size);
    if (im->meta.exif) printf("  EXIF         %zu bytes\n", im->meta.exif_size);
    if (im->meta.xmp) printf("  XMP          %zu bytes\n", im->meta.xmp_size);
}

static void print_json(const char *name, const image_reader *r, uint64_t bytes, const char *model) {
    const vqz_file_info *f = &r->file;
    const vqz_image_info *im = &f->image;
    const length l = r->moving ? length_of(r) : (length){1, -1};
    printf("{\"file\": ");
    json_string(stdout, name);
    printf(", \"width\": %u, \"height\": %u, \"layout\": \"%s\"", im->width, im->height, layout_name(im->layout));
    if (bytes) printf(", \"bytes\": %llu", (unsigned long long)bytes);
    if (bytes && l.frames) printf(", \"bpp\": %.5f", (double)bytes * 8 / ((double)im->width * im->height * (double)l.frames));
    if (r->moving) printf(", \"timebase\": [%u, %u]", r->timing.timebase_num, r->timing.timebase_den);
    if (r->moving && l.frames) printf(", \"frames\": %llu", (unsigned long long)l.frames);
    if (l.seconds >= 0) printf(", \"duration\": %.6f", l.seconds);
    printf(", \"quality\": %g, \"format\": \"%u.%u\", \"model_id\": \"", f->quality_x16 / 16.0, f->major, f->minor);
    print_model_id(stdout, f->model_id);
    printf("\", \"model\": ");
    if (model) json_string(stdout, model);
    else printf("null");
    printf(
        ", \"tiles_x\": %u, \"tiles_y\": %u, \"tile_width\": %u, \"tile_height\": %u, \"decode_memory\": %llu, \"orientation\": %u, \"cicp\": [%u, %u, %u, %u], "
        "\"icc_bytes\": %zu, \"exif_bytes\": %zu, \"xmp_bytes\": %zu}\n",
        f->tiles_x, f->tiles_y, f->tile_width, f->tile_height, (unsigned long long)f->peak_memory,
        im->orientation ? im->orientation : 1u, im->cicp[0], im->cicp[1], im->cicp[2], im->cicp[3], im->meta.icc_size,
        im->meta.exif_size, im->meta.xmp_size);
}

static vqz_status info_one(task *t, vqz_error *e) {
    image_reader *r;
    vqz_status s = open_vqz(&r, &t->in, t->o, e);
    if (s == VQZ_OK) {
        vqz_model *keep;
        const char *model = model_name(r->file.model_id, t->o, &keep);
        (t->o->json ? print_json : print_text)(t->j->in, r, t->in.regular ? t->in.size : 0, model);
        vqz_model_unref(keep);
    }
    image_reader_close(r);
    return s;
}

int cmd_info(options *o) {
    o->quiet = true;             /* stdout is the result; no progress beside it */
    return run_on_files(o, "vqz", NULL, info_one);
}
