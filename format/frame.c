#include "format/frame.h"

/* Flags. Bits 0-2 are the type of the frame: 0 intra, which needs no other frame; 1 inter, which has one reference (bits 7-9), the frame before. The other
 * ones are left to come. */
enum { TYPE = 7, INTER = 1, KEY = 1 << 3, HASH = 1 << 4, RESIDUAL = 1 << 5, QUALITY = 1 << 6, REFERENCES = 7 << 7, ONE_REFERENCE = 1 << 7,
       KNOWN = TYPE | KEY | HASH | RESIDUAL | QUALITY | REFERENCES };
enum { MAX_QUALITY = 1600 };

/* What is wrong with a frame, or NULL. */
static const char *fault(const vqz_frame_head *f, const vqz_head *h) {
    if (f->pts < -VQZ_TIME_LIMIT || f->pts >= VQZ_TIME_LIMIT) return "its time is out of range";
    if (f->duration >= (uint64_t)(VQZ_TIME_LIMIT - f->pts)) return "it ends too late";
    if (f->quality_x16 > MAX_QUALITY) return "its quality is more than 100";
    if (f->pixel_hash && !h->pixel_hash) return "it has a pixel hash, which HEAD does not announce";
    if (f->residual && !h->residual) return "it has residuals, which HEAD does not announce";
    if (f->back && !h->inter) return "it refers to another frame, which HEAD does not announce";
    if (f->back && f->key) return "decoding cannot begin at a frame that refers to another one";
    if (f->back > (uint64_t)(f->pts + VQZ_TIME_LIMIT)) return "the frame that it refers to has a time out of range";
    return NULL;
}

vqz_status vqz_frame_write(const vqz_frame_head *f, const vqz_head *h, uint8_t out[VQZ_FRAME_MAX], size_t *size, vqz_error *e) {
    const char *wrong = fault(f, h);
    if (wrong) return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "a frame cannot be written: %s", wrong);
    bool quality = f->quality_x16 != h->quality_x16;
    size_t n = 0;
    n += vqz_store_varint(out, (f->back ? INTER | ONE_REFERENCE : 0) | (f->key ? KEY : 0) | (f->pixel_hash ? HASH : 0) | (f->residual ? RESIDUAL : 0) | (quality ? QUALITY : 0));
    n += vqz_store_long(out + n, vqz_fold(f->pts));
    n += vqz_store_long(out + n, f->duration);
    if (quality) n += vqz_store_varint(out + n, f->quality_x16);
    if (f->back) n += vqz_store_long(out + n, f->back - 1);
    *size = n;
    return VQZ_OK;
}

vqz_status vqz_frame_read(vqz_frame_head *f, const vqz_head *h, const uint8_t *payload, size_t size, vqz_error *e) {
    vqz_reader r = vqz_reader_of(payload, size);
    uint32_t flags = vqz_read_varint(&r), quality;
    if (r.failed) return vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "it has no flags");
    const bool inter = (flags & TYPE) == INTER && h->inter;
    if (flags & TYPE && !inter) return vqz_fail(e, VQZ_ERR_VERSION, VQZ_NO_OFFSET, "this version does not know frames of type %u", flags & TYPE);
    if (flags & ~(uint32_t)KNOWN) return vqz_fail(e, VQZ_ERR_VERSION, VQZ_NO_OFFSET, "this version does not know its flags %x", flags);
    *f = (vqz_frame_head){.pts = vqz_unfold(vqz_read_long(&r)), .key = (flags & KEY) != 0, .pixel_hash = (flags & HASH) != 0, .residual = (flags & RESIDUAL) != 0};
    f->duration = vqz_read_long(&r);
    quality = flags & QUALITY ? vqz_read_varint(&r) : h->quality_x16;
    f->quality_x16 = (uint16_t)(quality <= MAX_QUALITY ? quality : MAX_QUALITY + 1);
    if (inter) f->back = vqz_read_long(&r) + 1;
    if (r.failed) return vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "%zu bytes are too few for its fields", size);
    const char *wrong = (flags & REFERENCES) == (inter ? ONE_REFERENCE : 0) ? fault(f, h) : inter ? "an inter frame has one reference" : "an intra frame has no references";
    if (wrong) return vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "%s", wrong);
    if (vqz_reader_left(&r))
        return vqz_fail(e, VQZ_ERR_VERSION, VQZ_NO_OFFSET, "%zu bytes follow the fields that this version knows", vqz_reader_left(&r));
    return VQZ_OK;
}

vqz_frame_head vqz_frame_implied(const vqz_head *h) {
    return (vqz_frame_head){.quality_x16 = h->quality_x16, .key = 1, .pixel_hash = h->pixel_hash, .residual = h->residual};
}
