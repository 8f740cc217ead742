/* container.md: from the bytes of a file to the payloads of the tiles of each frame. */
#include "decoder.h"
#include <string.h>

enum { MAX_SIDE = 1 << 18, MAX_PIXELS = 1 << 28, MAX_TILE = 1536 * 1536, MAX_BLOB = 1 << 22, MAX_UNKNOWN = 1 << 26 };
enum { ICCP, EXIF, XMP, HEAD, FRAM, TILE, PHSH, INDX, UNKNOWN };
static const char *const type_names[UNKNOWN + 1] = {"iCCP", "eXIf", "xMPd", "HEAD", "FRAM", "TILE", "PHSH", "INDX",
                                                    "a chunk"};

struct chunk { int type; struct bytes payload; size_t offset; };

/* What reading the chunks has to know beside the picture itself. */
static struct reader {
    struct picture *pic;
    struct bytes file;
    const uint8_t *begin;
    bool sequence, seen[UNKNOWN + 1];    /* seen: PHSH in this frame, the others in the file */
    uint32_t head_flags, frames, said;   /* frames: begun; said by HEAD, 0: not known */
    uint32_t tile_chunks, met;           /* of this frame, and so far */
    uint64_t largest_tile;               /* pixels */
    uint32_t entries;                    /* of INDX: TILE chunks of a still, FRAM chunks of a sequence */
    struct entry { size_t offset; bool key; int64_t pts; } *entry;
    int64_t start, end;                  /* time of the first frame, end of the last one */
} r;

static uint32_t tiles_along(uint32_t s, uint32_t t) {   /* section 6 */
    uint32_t n = s / t, rest = s % t;
    return n == 0 || 2 * rest >= t ? n + 1 : n;
}

struct rectangle tile_rectangle(const struct picture *pic, uint32_t tile) {
    uint32_t tx = tile % pic->nx, ty = tile / pic->nx;
    struct rectangle t = {tx * pic->tile_width, ty * pic->tile_height, pic->tile_width, pic->tile_height};
    if (tx == pic->nx - 1)
        t.w = pic->width - t.x;
    if (ty == pic->ny - 1)
        t.h = pic->height - t.y;
    return t;
}

static struct chunk read_chunk(void) {   /* section 4 */
    struct chunk c = {0, {NULL, 0, CORRUPT, NULL}, (size_t)(r.file.at - r.begin)};
    const uint64_t tile = 16 * r.largest_tile + 4096 + 5, indx = r.sequence ? MAX_UNKNOWN : 5 * (uint64_t)r.tile_chunks + 4;
    const uint64_t unknown = r.sequence ? 1 << 20 : MAX_UNKNOWN;
    const uint64_t longest[] = {MAX_BLOB + 1, MAX_BLOB + 1, MAX_BLOB + 1, 64, 64, tile, 8, indx, unknown};
    const uint8_t *start = get_block(&r.file, 8);
    for (int i = 0; i < 4; i++)
        require((start[i] | 32) >= 'a' && (start[i] | 32) <= 'z', CORRUPT, "a chunk's type", "is not four letters");
    while (c.type < UNKNOWN && memcmp(start, type_names[c.type], 4) != 0)
        c.type++;
    c.payload.what = type_names[c.type];
    require(c.offset > 10 || c.type == HEAD, CORRUPT, c.payload.what, "is the first chunk instead of HEAD");
    bool critical = c.type == UNKNOWN && !(start[0] & 32);
    require(!critical || r.sequence, VERSION, c.payload.what, "is critical and unknown");
    c.payload.left = load32(start + 4);
    require(c.payload.left <= longest[c.type], CORRUPT, c.payload.what, "is impossibly long");
    c.payload.at = get_block(&r.file, c.payload.left);
    uint32_t crc = crc32c(c.offset == 10 ? crc32c(0, r.begin, 10) : 0, start, c.payload.left + 8);
    require(get_number(&r.file, 4) == crc, CHECKSUM, c.payload.what, "has a wrong crc");
    require(!critical, VERSION, c.payload.what, "is critical and unknown");
    return c;
}

/* Which layers the tiles of a frame have, and whether PHSH follows: `flags` has bits 6 and 7 of those of HEAD. */
static void begin_frame(uint32_t flags) {
    struct picture *pic = r.pic;
    pic->has_hash = flags >> 6 & 1, pic->has_residual = flags >> 7 & 1;
    r.seen[PHSH] = false;
    r.met = 0;
    r.tile_chunks = pic->nx * pic->ny * (1u + pic->has_residual + (pic->samples % 2 == 0));
}

static void read_head(void) {   /* section 5 */
    struct picture *pic = r.pic;
    struct chunk c = read_chunk();
    struct bytes *b = &c.payload;
    uint32_t flags = r.head_flags = get_varint(b), num = 0, den = 0;
    uint64_t w = (uint64_t)get_varint(b) + 1, h = (uint64_t)get_varint(b) + 1;
    uint32_t tw = get_varint(b), th = get_varint(b), quality = get_varint(b);
    pic->model_id = get_block(b, 16);
    uint32_t cicp = flags & 32 ? load32(get_block(b, 4)) : 1;
    r.sequence = flags >> 8 & 1;
    if (r.sequence)
        num = get_varint(b), den = get_varint(b), r.said = get_varint(b);
    require(flags >> 9 == 0, VERSION, "HEAD", "has reserved flags");
    bool good = tw <= 4095 && th <= 4095 && quality <= 1600 && cicp && num < INT32_MAX && den < INT32_MAX;
    require(good, CORRUPT, "HEAD", "has a field out of its range");
    require(b->left == 0, VERSION, "HEAD", "has more fields");
    require(w <= MAX_SIDE && h <= MAX_SIDE && w * h <= MAX_PIXELS, LIMIT, "the picture", "is too large");
    pic->samples = (flags & 3) + 1;
    pic->width = (uint32_t)w, pic->height = (uint32_t)h;
    pic->tile_width = 64 * (tw + 1), pic->tile_height = 64 * (th + 1);
    pic->nx = tiles_along(pic->width, pic->tile_width);
    pic->ny = tiles_along(pic->height, pic->tile_height);
    struct rectangle first = tile_rectangle(pic, 0), last = tile_rectangle(pic, pic->nx * pic->ny - 1);
    r.largest_tile = (uint64_t)(first.w > last.w ? first.w : last.w) * (first.h > last.h ? first.h : last.h);
    require(r.largest_tile <= MAX_TILE, CORRUPT, "a tile", "is too large");
    bool present[LAYERS] = {true, flags >> 7 & 1, pic->samples % 2 == 0};
    for (int i = 0; i < LAYERS; i++)
        if (present[i])
            pic->payload[i] = take((size_t)pic->nx * pic->ny, sizeof *pic->payload[i]);
    r.entry = take(r.file.left / 14 + 1, sizeof *r.entry);   /* no TILE and no FRAM is shorter */
}

static void read_frame_head(struct chunk *c) {   /* section 14 */
    struct bytes *b = &c->payload;
    uint32_t flags = get_varint(b), both = flags << 2 & r.head_flags & 192;
    require((flags & 7) == 0 && flags >> 10 == 0, VERSION, "FRAM", "is of a type, or has flags, that nobody knows");
    int64_t pts = fold(get_long(b)), duration = (int64_t)get_long(b), most = (int64_t)1 << 61;
    uint32_t quality = flags & 64 ? get_varint(b) : 0;
    bool good = quality <= 1600 && flags >> 7 == 0 && both == (flags << 2 & 192);
    require(good && pts >= -most && pts < most && duration < most - pts, CORRUPT, "FRAM", "has a field out of its range");
    require(b->left == 0, VERSION, "FRAM", "has more fields");
    bool later = r.frames ? pts > r.entry[r.entries - 1].pts : (flags & 8) != 0;
    require(later, CORRUPT, "FRAM", "is not later than the one before, or cannot be the first one");
    r.start = r.frames++ ? r.start : pts;
    r.end = pts + duration;
    r.entry[r.entries++] = (struct entry){c->offset, flags & 8, pts};
    begin_frame(both);
}

static void read_blob(struct bytes b) {   /* section 10: looked at, not unpacked */
    uint32_t method = get_number(&b, 1);
    require(method <= 1, VERSION, b.what, "has an unknown method");
    uint64_t size = method ? get_varint(&b) : b.left;
    require(size >= 1 && size <= MAX_BLOB && b.left, CORRUPT, b.what, "has an impossible size");
}

/* Where the chunk with this key stands among the TILE chunks. */
static uint64_t place_of(const struct picture *pic, uint32_t key) {   /* section 7 */
    uint64_t nx = pic->nx, n = pic->ny, row = key / 4 / nx, x = key / 4 % nx, b = pic->payload[ALPHA] ? 2 : 1;
    if (key % 4 == RESIDUAL)
        return b * (row + 2 < n ? row + 2 : n) * nx + row * nx + x;
    return b * row * nx + (pic->has_residual && row > 0 ? (row - 1) * nx : 0) + b * x + (b == 2 && key % 4 == LATENTS);
}

static void read_tile(struct chunk *c) {   /* section 7 */
    static const char *const names[LAYERS] = {"a tile's latents", "a tile's residual", "a tile's alpha"};
    const struct picture *pic = r.pic;
    uint32_t key = get_varint(&c->payload), layer = key % 4, tile = key / 4;
    require(layer != 3, VERSION, "a TILE", "has the reserved layer");
    bool present = pic->payload[layer] && (layer != RESIDUAL || pic->has_residual);
    bool in_place = tile < pic->nx * pic->ny && present && place_of(pic, key) == r.met;
    require(in_place, CORRUPT, "a TILE", "is missing, repeated or in the wrong place");
    struct rectangle t = tile_rectangle(pic, tile);
    uint64_t least = layer == LATENTS ? 8 : 1, most = 16 * (uint64_t)t.w * t.h + 4096;
    c->payload.what = names[layer];
    require(c->payload.left >= least && c->payload.left <= most, CORRUPT, c->payload.what, "has an impossible size");
    pic->payload[layer][tile] = c->payload;
    if (!r.sequence)
        r.entry[r.entries++] = (struct entry){c->offset, false, 0};
    r.met++;
}

static uint64_t get_shortest(struct bytes *b) {
    const uint8_t *start = b->at;
    uint64_t v = get_long(b);
    require(b->at - start == 1 || b->at[-1] != 0, CORRUPT, b->what, "has a number that is too long");
    return v;
}

static void read_index(struct chunk *c) {   /* sections 9 and 14 */
    struct bytes *b = &c->payload;
    struct entry last = {0, false, r.start};
    bool good = true;
    if (r.sequence)
        good = get_shortest(b) == r.frames && fold(get_shortest(b)) == r.start && fold(get_shortest(b)) == r.end;
    require(good && (!r.said || r.said == r.frames), CORRUPT, "INDX", "or HEAD says something else of the frames");
    for (uint32_t i = 0; i < r.entries && !(r.sequence && i == 0 && b->left == 4); i++) {
        struct entry e = r.entry[i];
        uint64_t distance = e.offset - last.offset;
        good = good && get_shortest(b) == (r.sequence ? 2 * distance + e.key : distance);
        good = good && (!r.sequence || fold(get_shortest(b)) == e.pts - last.pts);
        last = e;
    }
    size_t size = (size_t)(r.file.at - r.begin) - c->offset;
    good = good && get_number(b, 4) == size && b->left == 0;
    require(good, CORRUPT, "INDX", "differs from the file, or has a wrong size");
}

void read_start(struct picture *pic, struct bytes file) {   /* sections 2 and 3 */
    r = (struct reader){.pic = pic, .file = file, .begin = file.at};
    require(memcmp(file.at, "\x89VQZ\r\n\x1A\n", file.left < 8 ? file.left : 8) == 0, SIGNATURE, "it", "is no vqz file");
    get_block(&r.file, 8);
    require(get_number(&r.file, 1) == 0, VERSION, "the major version", "is not 0");
    get_number(&r.file, 1);   /* any minor version */
    read_head();
    begin_frame(r.head_flags);   /* that of a still */
}

bool read_frame(void) {   /* sections 2 and 14 */
    bool open = !r.sequence, still = open;
    if (still && r.met)
        return false;
    for (;;) {
        bool tiles_done = open && r.met == r.tile_chunks, done = tiles_done && r.seen[PHSH] == r.pic->has_hash;
        if (done && (r.sequence || r.pic->nx * r.pic->ny == 1 || r.seen[INDX]))
            return true;
        if (r.seen[INDX])
            return false;
        struct chunk c = read_chunk();
        bool in_place = c.type <= XMP    ? r.frames == 0 && r.met == 0 && !r.seen[c.type]
                        : c.type == FRAM ? !open
                        : c.type == TILE ? open && !tiles_done
                        : c.type == PHSH ? tiles_done && !done
                        : c.type == INDX ? (still ? done : !open && r.frames > 0)
                                         : c.type == UNKNOWN;
        require(in_place, CORRUPT, c.payload.what, "is in the wrong place");
        r.seen[c.type] = true;
        if (c.type <= XMP)
            read_blob(c.payload);
        else if (c.type == FRAM)
            read_frame_head(&c), open = true;
        else if (c.type == TILE)
            read_tile(&c);
        else if (c.type == INDX)
            read_index(&c);
        require(c.type != PHSH || c.payload.left == 8, CORRUPT, "PHSH", "does not have 8 bytes");
        if (c.type == PHSH)
            r.pic->hash = load64(c.payload.at);
    }
}
