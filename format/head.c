#include "format/head.h"
#include "format/chunk.h"
#include "format/grid.h"

/* One walk over the fields serves both directions. The first field that is out of range or missing is kept in `error`. */
typedef struct coder {
    bool writing;
    vqz_reader in;
    uint8_t *out;
    size_t size;
    uint32_t flags;
    vqz_error error;
} coder;

static void bad(coder *c, vqz_status s, const char *name, uint64_t v, const char *range) {
    if (!c->error.status) vqz_fail(&c->error, s, VQZ_NO_OFFSET, "%s is %llu, not %s", name, (unsigned long long)v, range);
}

static void bytes(coder *c, uint8_t *p, size_t n) {
    if (c->writing) {
        memcpy(c->out + c->size, p, n);
        c->size += n;
    } else {
        const uint8_t *q = vqz_read_bytes(&c->in, n);
        if (q) memcpy(p, q, n);
    }
}

/* A varint of value / unit - (min / unit). */
static void number(coder *c, const char *name, uint32_t *v, uint32_t min, uint32_t max, uint32_t unit, const char *range) {
    if (c->writing) {
        if (*v < min || *v > max || *v % unit) bad(c, VQZ_ERR_ARGUMENT, name, *v, range);
        else c->size += vqz_store_varint(c->out + c->size, (*v - min) / unit);
    } else {
        uint32_t stored = vqz_read_varint(&c->in), most = (max - min) / unit;
        if (stored > most && max != UINT32_MAX) {
            bad(c, VQZ_ERR_CORRUPT, name, (uint64_t)stored * unit + min, range);
            stored = 0;
        }
        *v = (stored < most ? stored : most) * unit + min;   /* a side of 2^32 is refused like that of one less, by check() */
    }
}

/* `count` bits of the flags from `shift` on, holding value - min. */
static void bits(coder *c, const char *name, unsigned shift, unsigned count, uint8_t min, uint8_t *v) {
    uint32_t mask = (1u << count) - 1;
    if (!c->writing) *v = (uint8_t)((c->flags >> shift & mask) + min);
    else if (*v < min || *v - min > (int)mask) bad(c, VQZ_ERR_ARGUMENT, name, *v, "a known value");
    else c->flags |= (uint32_t)(*v - min) << shift;
}

static void fields(coder *c, vqz_head *h) {
    uint8_t has_cicp;
    uint32_t quality = h->quality_x16;
    has_cicp = vqz_load32(h->cicp) != 0;
    if (!c->writing) c->flags = vqz_read_varint(&c->in);
    bits(c, "layout", 0, 2, VQZ_GRAY, &h->layout);
    bits(c, "orientation", 2, 3, 1, &h->orientation);
    bits(c, "CICP flag", 5, 1, 0, &has_cicp);
    bits(c, "pixel hash flag", 6, 1, 0, &h->pixel_hash);
    bits(c, "residual flag", 7, 1, 0, &h->residual);
    bits(c, "sequence flag", 8, 1, 0, &h->sequence);
    bits(c, "inter flag", 9, 1, 0, &h->inter);
    if (c->writing) c->size += vqz_store_varint(c->out + c->size, c->flags);
    else if (c->flags > 1023) bad(c, VQZ_ERR_VERSION, "reserved flags", c->flags >> 10, "0 as this version needs them");
    if (h->inter && !h->sequence) bad(c, c->writing ? VQZ_ERR_ARGUMENT : VQZ_ERR_CORRUPT, "inter flag", 1, "0 as in a still");
    number(c, "width", &h->width, 1, UINT32_MAX, 1, "1 or more");
    number(c, "height", &h->height, 1, UINT32_MAX, 1, "1 or more");
    number(c, "tile width", &h->tile_width, 64, VQZ_MAX_SIDE, 64, "a multiple of 64 up to 262144");
    number(c, "tile height", &h->tile_height, 64, VQZ_MAX_SIDE, 64, "a multiple of 64 up to 262144");
    number(c, "quality", &quality, 0, 1600, 1, "at most 1600");
    bytes(c, h->model_id, VQZ_MODEL_ID_SIZE);
    if (has_cicp) {
        bytes(c, h->cicp, sizeof h->cicp);
        if (!vqz_load32(h->cicp)) bad(c, VQZ_ERR_CORRUPT, "CICP", 0, "left out");
    }
    if (h->sequence) {
        number(c, "timebase numerator", &h->timebase_num, 1, VQZ_MAX_TIMEBASE, 1, "1 to 2147483647");
        number(c, "timebase denominator", &h->timebase_den, 1, VQZ_MAX_TIMEBASE, 1, "1 to 2147483647");
        number(c, "number of frames", &h->frames, 0, UINT32_MAX, 1, "a number");
    }
    h->quality_x16 = (uint16_t)quality;
}

/* Rules that tie several fields together. */
static vqz_status check(const vqz_head *h, uint64_t max_pixels, vqz_status invalid, vqz_error *e) {
    if (h->width > VQZ_MAX_SIDE || h->height > VQZ_MAX_SIDE)
        return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "the picture is %u x %u pixels, a side may have %u", h->width,
                        h->height, VQZ_MAX_SIDE);
    if ((uint64_t)h->width * h->height > max_pixels)
        return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "the picture is %u x %u pixels, the limit is %llu in all", h->width, h->height,
                        (unsigned long long)max_pixels);
    uint64_t area = vqz_grid_max_area(h);
    if (area > VQZ_MAX_TILE_PIXELS)
        return vqz_fail(e, invalid, VQZ_NO_OFFSET, "the largest tile has %llu pixels, allowed are %d",
                        (unsigned long long)area, VQZ_MAX_TILE_PIXELS);
    return VQZ_OK;
}

static vqz_status copy_error(vqz_error *e, const vqz_error *from) { return vqz_fail(e, from->status, from->offset, "%s", from->text); }

vqz_status vqz_head_write(const vqz_head *h, uint8_t out[VQZ_HEAD_MAX], size_t *size, vqz_error *e) {
    coder c = {.writing = true, .out = out};
    vqz_head copy = *h;   /* the walk takes what it may change */
    fields(&c, &copy);
    if (c.error.status) return copy_error(e, &c.error);
    *size = c.size;
    return check(h, VQZ_MAX_PIXELS, VQZ_ERR_ARGUMENT, e);
}

vqz_status vqz_head_read(vqz_head *h, const uint8_t *payload, size_t size, uint64_t max_pixels, vqz_error *e) {
    coder c = {.in = vqz_reader_of(payload, size)};
    *h = (vqz_head){0};
    fields(&c, h);
    if (c.in.failed) return vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "%zu bytes are too few for its fields", size);
    if (c.error.status) return copy_error(e, &c.error);
    if (vqz_reader_left(&c.in))
        return vqz_fail(e, VQZ_ERR_VERSION, VQZ_NO_OFFSET, "%zu bytes follow the fields that this version knows", vqz_reader_left(&c.in));
    return check(h, max_pixels, VQZ_ERR_CORRUPT, e);
}
