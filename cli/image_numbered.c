/* Numbered files as the pictures of a sequence. */
#include "cli/image.h"
#include "cli/pattern.h"
#include <stdlib.h>
#include <unistd.h>

typedef struct numbered_reader {
    image_reader base;
    const char *pattern;
    uint64_t number;             /* of the present file */
    image_config config;
    source own;                  /* of all but the first file */
    image_reader *file;
} numbered_reader;

static void numbered_close(image_reader *base) {
    numbered_reader *r = (numbered_reader *)base;
    image_reader_close(r->file);
    source_close(&r->own);
    free(r);
}

/* A failure in one of the files names it. */
static vqz_status named(const char *name, vqz_error *e) {
    const vqz_error why = *e;
    return cli_fail(e, why.status, why.offset, "%.60s: %.120s", name, why.text);
}

static vqz_status open_next(numbered_reader *r, const char *name, vqz_error *e) {
    if (access(name, F_OK) != 0) return VQZ_END;
    image_reader_close(r->file);
    r->file = NULL;
    r->base.info.meta = (vqz_metadata){0};   /* was that of the first one */
    source_close(&r->own);
    vqz_status s = source_open(&r->own, name, e);
    if (s != VQZ_OK) r->own = (source){.fd = -1};
    if (s == VQZ_OK) s = image_reader_open(&r->file, &r->own, &r->config, e);
    if (s != VQZ_OK) return named(name, e);
    const vqz_image_info *a = &r->base.info, *b = &r->file->info;
    if (a->width == b->width && a->height == b->height && a->layout == b->layout) return VQZ_OK;
    return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "%.60s: %ux%u with %u samples a pixel, the first picture has %ux%u with %u: they must be alike", name,
                    b->width, b->height, (unsigned)b->layout, a->width, a->height, (unsigned)a->layout);
}

static vqz_status numbered_go_on(image_reader *base, vqz_error *e) {
    numbered_reader *r = (numbered_reader *)base;
    if (!base->frame.duration) {             /* the first one is open */
        base->frame.duration = 1;
        return VQZ_OK;
    }
    char *name = pattern_name(r->pattern, ++r->number);
    if (!name) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    vqz_status s = open_next(r, name, e);
    free(name);
    base->frame.pts++;
    return s;
}

static vqz_status numbered_next(image_reader *base, image_rows *rows, vqz_error *e) {
    return image_reader_next(((numbered_reader *)base)->file, rows, e);
}

static const image_reader_ops ops = {"numbered", sizeof(numbered_reader), NULL, NULL, numbered_next, numbered_close, NULL};

vqz_status image_numbered_open(image_reader **out, source *first, const char *pattern, uint64_t number, const image_config *config, vqz_error *e) {
    numbered_reader *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    r->base = (image_reader){.ops = &ops, .in = first, .moving = true, .go_on = numbered_go_on};
    r->pattern = pattern;
    r->number = number;
    r->config = *config;
    r->own.fd = -1;
    vqz_status s = image_reader_open(&r->file, first, config, e);
    if (s != VQZ_OK) {
        numbered_close(&r->base);
        return s;
    }
    r->base.info = r->file->info;
    image_note(&r->base, r->file->note);
    r->base.loss = r->file->loss;
    r->base.timing = config->timing.timebase_den ? config->timing : (vqz_timing){1, 25, 0};
    *out = &r->base;
    return VQZ_OK;
}
