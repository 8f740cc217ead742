/* container.md: from the bytes of a file to the payloads of its tiles. */
#include "decoder.h"
#include <string.h>

enum { MAX_SIDE = 1 << 18, MAX_PIXELS = 1 << 28, MAX_TILE = 1536 * 1536, MAX_BLOB = 1 << 22, MAX_UNKNOWN = 1 << 26 };
enum { ICCP, EXIF, XMP, HEAD, TILE, PHSH, INDX, UNKNOWN };
static const char *const type_names[UNKNOWN + 1] = {"iCCP", "eXIf", "xMPd", "HEAD", "TILE", "PHSH", "INDX", "a chunk"};

struct chunk { int type; struct bytes payload; size_t offset; };

/* What reading the chunks has to know beside the picture itself. */
struct reader {
    struct picture *pic;
    struct bytes file;
    const uint8_t *begin;
    uint32_t tile_chunks, met;  /* of the whole file, and so far */
    uint64_t largest_tile;      /* pixels */
    size_t *offset;             /* of each TILE chunk met */
};

static uint32_t tiles_along(uint32_t s, uint32_t t)   /* section 6 */
{
    uint32_t n = s / t, r = s % t;
    return n == 0 || 2 * r >= t ? n + 1 : n;
}

struct rectangle tile_rectangle(const struct picture *pic, uint32_t tile)
{
    uint32_t tx = tile % pic->nx, ty = tile / pic->nx;
    struct rectangle r = {tx * pic->tile_width, ty * pic->tile_height, pic->tile_width, pic->tile_height};
    if (tx == pic->nx - 1)
        r.w = pic->width - r.x;
    if (ty == pic->ny - 1)
        r.h = pic->height - r.y;
    return r;
}

static struct chunk read_chunk(struct reader *r)   /* section 4 */
{
    struct chunk c = {0, {NULL, 0, CORRUPT, NULL}, (size_t)(r->file.at - r->begin)};
    const uint64_t tile = 16 * r->largest_tile + 4096 + 5, indx = 5 * (uint64_t)r->tile_chunks + 4;
    const uint64_t longest[] = {MAX_BLOB + 1, MAX_BLOB + 1, MAX_BLOB + 1, 64, tile, 8, indx, MAX_UNKNOWN};
    const uint8_t *start = get_block(&r->file, 8);
    for (int i = 0; i < 4; i++)
        require((start[i] | 32) >= 'a' && (start[i] | 32) <= 'z', CORRUPT, "a chunk's type", "is not four letters");
    while (c.type < UNKNOWN && memcmp(start, type_names[c.type], 4) != 0)
        c.type++;
    c.payload.what = type_names[c.type];
    require(c.offset > 10 || c.type == HEAD, CORRUPT, c.payload.what, "is the first chunk instead of HEAD");
    require(c.type < UNKNOWN || start[0] & 32, VERSION, c.payload.what, "is critical and unknown");
    c.payload.left = load32(start + 4);
    require(c.payload.left <= longest[c.type], CORRUPT, c.payload.what, "is impossibly long");
    c.payload.at = get_block(&r->file, c.payload.left);
    uint32_t crc = crc32c(c.offset == 10 ? crc32c(0, r->begin, 10) : 0, start, c.payload.left + 8);
    require(get_number(&r->file, 4) == crc, CHECKSUM, c.payload.what, "has a wrong crc");
    return c;
}

static void read_head(struct reader *r)   /* section 5 */
{
    struct picture *pic = r->pic;
    struct chunk c = read_chunk(r);
    struct bytes *b = &c.payload;
    uint32_t flags = get_varint(b);
    uint64_t w = (uint64_t)get_varint(b) + 1, h = (uint64_t)get_varint(b) + 1;
    uint32_t tw = get_varint(b), th = get_varint(b), quality = get_varint(b);
    pic->model_id = get_block(b, 16);
    uint32_t cicp = flags & 32 ? load32(get_block(b, 4)) : 1;
    require(flags >> 8 == 0, VERSION, "HEAD", "has reserved flags");
    require(tw <= 4095 && th <= 4095 && quality <= 1600 && cicp, CORRUPT, "HEAD", "has a field out of its range");
    require(b->left == 0, VERSION, "HEAD", "has more fields");
    require(w <= MAX_SIDE && h <= MAX_SIDE && w * h <= MAX_PIXELS, LIMIT, "the picture", "is too large");
    pic->samples = (flags & 3) + 1;
    pic->has_hash = flags >> 6 & 1, pic->has_residual = flags >> 7 & 1;
    pic->width = (uint32_t)w, pic->height = (uint32_t)h;
    pic->tile_width = 64 * (tw + 1), pic->tile_height = 64 * (th + 1);
    pic->nx = tiles_along(pic->width, pic->tile_width);
    pic->ny = tiles_along(pic->height, pic->tile_height);
    struct rectangle first = tile_rectangle(pic, 0), last = tile_rectangle(pic, pic->nx * pic->ny - 1);
    r->largest_tile = (uint64_t)(first.w > last.w ? first.w : last.w) * (first.h > last.h ? first.h : last.h);
    require(r->largest_tile <= MAX_TILE, CORRUPT, "a tile", "is too large");
}

static void read_blob(struct bytes b)   /* section 10: looked at, not unpacked */
{
    uint32_t method = get_number(&b, 1);
    require(method <= 1, VERSION, b.what, "has an unknown method");
    uint64_t size = method ? get_varint(&b) : b.left;
    require(size >= 1 && size <= MAX_BLOB && b.left, CORRUPT, b.what, "has an impossible size");
}

/* Where the chunk with this key stands among the TILE chunks. */
static uint64_t place_of(const struct picture *pic, uint32_t key)   /* section 7 */
{
    uint64_t nx = pic->nx, n = pic->ny, row = key / 4 / nx, x = key / 4 % nx, b = pic->payload[ALPHA] ? 2 : 1;
    if (key % 4 == RESIDUAL)
        return b * (row + 2 < n ? row + 2 : n) * nx + row * nx + x;
    return b * row * nx + (pic->has_residual && row > 0 ? (row - 1) * nx : 0) + b * x + (b == 2 && key % 4 == LATENTS);
}

static void read_tile(struct reader *r, struct chunk *c)   /* section 7 */
{
    static const char *const names[LAYERS] = {"a tile's latents", "a tile's residual", "a tile's alpha"};
    const struct picture *pic = r->pic;
    uint32_t key = get_varint(&c->payload), layer = key % 4, tile = key / 4;
    require(layer != 3, VERSION, "a TILE", "has the reserved layer");
    bool in_place = tile < pic->nx * pic->ny && pic->payload[layer] && place_of(pic, key) == r->met;
    require(in_place, CORRUPT, "a TILE", "is missing, repeated or in the wrong place");
    struct rectangle t = tile_rectangle(pic, tile);
    uint64_t least = layer == LATENTS ? 8 : 1, most = 16 * (uint64_t)t.w * t.h + 4096;
    c->payload.what = names[layer];
    require(c->payload.left >= least && c->payload.left <= most, CORRUPT, c->payload.what, "has an impossible size");
    pic->payload[layer][tile] = c->payload;
    r->offset[r->met++] = c->offset;
}

static void read_index(struct reader *r, struct chunk *c)   /* section 9 */
{
    for (uint32_t i = 0; i < r->tile_chunks; i++) {
        const uint8_t *start = c->payload.at;
        uint64_t distance = get_varint(&c->payload);
        require(c->payload.at - start == 1 || c->payload.at[-1] != 0, CORRUPT, "INDX", "has a number that is too long");
        require((i ? r->offset[i - 1] : 0) + distance == r->offset[i], CORRUPT, "INDX", "differs from the file");
    }
    size_t size = (size_t)(r->file.at - r->begin) - c->offset;
    require(get_number(&c->payload, 4) == size && c->payload.left == 0, CORRUPT, "INDX", "has a wrong size");
}

void read_container(struct picture *pic, struct bytes file)   /* section 2 */
{
    struct reader r = {pic, file, file.at, 0, 0, 0, NULL};
    require(memcmp(file.at, "\x89VQZ\r\n\x1A\n", file.left < 8 ? file.left : 8) == 0, SIGNATURE, "it", "is no vqz file");
    get_block(&r.file, 8);   /* section 3 */
    require(get_number(&r.file, 1) == 0, VERSION, "the major version", "is not 0");
    get_number(&r.file, 1);   /* any minor version */
    read_head(&r);
    uint32_t tiles = pic->nx * pic->ny;
    bool seen[UNKNOWN + 1] = {false}, present[LAYERS] = {true, pic->has_residual, pic->samples % 2 == 0};
    for (int i = 0; i < LAYERS; i++)
        if (present[i]) {
            pic->payload[i] = take(tiles, sizeof *pic->payload[i]);
            r.tile_chunks += tiles;
        }
    r.offset = take(r.tile_chunks, sizeof *r.offset);
    int last = tiles > 1 ? INDX : pic->has_hash ? PHSH : TILE;
    while (!seen[last] || r.met < r.tile_chunks) {
        struct chunk c = read_chunk(&r);
        bool tiles_done = r.met == r.tile_chunks, hash_done = seen[PHSH] || !pic->has_hash;
        bool in_place = c.type <= XMP    ? r.met == 0 && !seen[c.type]
                        : c.type == TILE ? !tiles_done
                        : c.type == PHSH ? tiles_done && !hash_done
                        : c.type == INDX ? tiles_done && hash_done && last == INDX
                                         : c.type == UNKNOWN;
        require(in_place, CORRUPT, c.payload.what, "is in the wrong place");
        seen[c.type] = true;
        if (c.type <= XMP)
            read_blob(c.payload);
        else if (c.type == TILE)
            read_tile(&r, &c);
        else if (c.type == INDX)
            read_index(&r, &c);
        require(c.type != PHSH || c.payload.left == 8, CORRUPT, "PHSH", "does not have 8 bytes");
        if (c.type == PHSH)
            pic->hash = load64(c.payload.at);
    }
}
