/* container.md: from the bytes of a file to the payloads of the tiles of each frame. */
#include "decoder.h"

enum { MAX_SIDE = 1 << 18, MAX_PIXELS = 1 << 28, MAX_TILE = 1536 * 1536, MAX_BLOB = 1 << 22, MAX_UNKNOWN = 1 << 26 };
enum { ICCP, EXIF, XMP, HEAD, FRAM, TILE, PHSH, INDX, UNKNOWN };
static const char type_names[][8] = {"iCCP", "eXIf", "xMPd", "HEAD", "FRAM", "TILE", "PHSH", "INDX", "a chunk"};

/* What reading the chunks has to know beside the picture itself. */
static struct reader {
    struct picture *pic;
    struct bytes file;
    const uint8_t *begin, *chunk;        /* chunk: the present one */
    bool sequence, seen[UNKNOWN + 1];    /* seen: PHSH in this frame, the others in the file */
    uint32_t head_flags, frames, said;   /* frames: begun; said by HEAD, 0: not known */
    uint32_t tile_chunks, met;           /* of this frame, and so far */
    uint64_t largest_tile;               /* pixels */
    uint32_t entries;                    /* of INDX: TILE chunks of a still, FRAM chunks of a sequence */
    struct entry { size_t offset; bool key; int64_t pts; } *entry;
    int64_t start, end;                  /* time of the first frame, end of the last one */
} r;

/* Section 6 */
static uint32_t tiles_along(uint32_t s, uint32_t t) { return s / t + (s < t || 2 * (s % t) >= t); }

struct rectangle tile_rectangle(const struct picture *pic, uint32_t tile) {
    uint32_t w = pic->tile_width, h = pic->tile_height, x = tile % pic->nx * w, y = tile / pic->nx * h;
    bool right = tile % pic->nx == pic->nx - 1, bottom = tile / pic->nx == pic->ny - 1;
    return (struct rectangle){x, y, right ? pic->width - x : w, bottom ? pic->height - y : h};
}

static struct bytes read_chunk(int *type) {   /* section 4: its payload */
    const uint64_t tile = 16 * r.largest_tile + 4096 + 5, unknown = r.sequence ? 1 << 20 : MAX_UNKNOWN;
    const uint64_t blob = MAX_BLOB + 1, indx = r.sequence ? MAX_UNKNOWN : 5 * (uint64_t)r.tile_chunks + 4;
    const uint64_t longest[UNKNOWN + 1] = {blob, blob, blob, 64, 64, tile, 8, indx, unknown};
    const uint8_t *start = r.chunk = get_block(&r.file, 8);
    for (int i = 0; i < 4; i++)
        require((start[i] | 32) >= 'a' && (start[i] | 32) <= 'z', CORRUPT, "a chunk's type", "is not four letters");
    for (*type = 0; *type < UNKNOWN && memcmp(start, type_names[*type], 4) != 0;)
        ++*type;
    struct bytes b = {NULL, (size_t)load(start + 4, 4), CORRUPT, type_names[*type]};
    bool first = start == r.begin + 10, critical = *type == UNKNOWN && !(start[0] & 32);
    require(!first || *type == HEAD, CORRUPT, b.what, "is the first chunk instead of HEAD");
    require(!critical || r.sequence, VERSION, b.what, "is critical and unknown");
    require(b.left <= longest[*type], CORRUPT, b.what, "is impossibly long");
    b.at = get_block(&r.file, b.left);
    uint32_t crc = crc32c(first ? crc32c(0, r.begin, 10) : 0, start, b.left + 8);
    require(get_number(&r.file, 4) == crc, CHECKSUM, b.what, "has a wrong crc");
    require(!critical, VERSION, b.what, "is critical and unknown");
    return b;
}

/* Which layers the tiles of a frame have, and whether PHSH follows: `flags` has bits 6 and 7 of those of HEAD. */
static void begin_frame(uint32_t flags) {
    r.pic->has_hash = flags >> 6 & 1;
    r.pic->has[LATENTS] = true;
    r.pic->has[RESIDUAL] = flags >> 7 & 1;
    r.pic->has[ALPHA] = r.pic->depth % 2 == 0;
    r.seen[PHSH] = false;
    r.met = 0;
    r.tile_chunks = r.pic->nx * r.pic->ny * (1u + r.pic->has[RESIDUAL] + r.pic->has[ALPHA]);
}

static void read_head(void) {   /* section 5 */
    struct picture *pic = r.pic;
    int type;
    struct bytes head = read_chunk(&type), *b = &head;
    uint32_t flags = r.head_flags = get_varint(b);
    uint64_t w = (uint64_t)get_varint(b) + 1, h = (uint64_t)get_varint(b) + 1;
    uint32_t tw = get_varint(b), th = get_varint(b), quality = get_varint(b);
    pic->model_id = get_block(b, 16);
    uint32_t cicp = flags & 32 ? get_number(b, 4) : 1;
    r.sequence = flags >> 8 & 1;
    uint32_t numerator = r.sequence ? get_varint(b) : 0, denominator = r.sequence ? get_varint(b) : 0;
    r.said = r.sequence ? get_varint(b) : 0;
    require(flags >> 10 == 0, VERSION, "HEAD", "has reserved flags");
    bool good = (flags >> 8 & 3) != 2 && tw <= 4095 && th <= 4095 && quality <= 1600 && cicp && numerator < INT32_MAX && denominator < INT32_MAX;
    require(good, CORRUPT, "HEAD", "has a field out of its range");
    require(b->left == 0, VERSION, "HEAD", "has more fields");
    require(w <= MAX_SIDE && h <= MAX_SIDE && w * h <= MAX_PIXELS, LIMIT, "the picture", "is too large");
    pic->depth = (flags & 3) + 1;
    pic->inters = flags >> 9 & 1;
    pic->width = (uint32_t)w;
    pic->height = (uint32_t)h;
    pic->tile_width = 64 * (tw + 1);
    pic->tile_height = 64 * (th + 1);
    pic->nx = tiles_along(pic->width, pic->tile_width);
    pic->ny = tiles_along(pic->height, pic->tile_height);
    struct rectangle first = tile_rectangle(pic, 0), last = tile_rectangle(pic, pic->nx * pic->ny - 1);
    r.largest_tile = (uint64_t)(first.w > last.w ? first.w : last.w) * (first.h > last.h ? first.h : last.h);
    require(r.largest_tile <= MAX_TILE, CORRUPT, "a tile", "is too large");
    for (int i = 0; i < LAYERS; i++)
        pic->payload[i] = take((size_t)pic->nx * pic->ny, sizeof *pic->payload[i]);
    r.entry = take(r.file.left / 14 + 1, sizeof *r.entry);   /* no TILE and no FRAM is shorter */
    begin_frame(flags);   /* that of a still */
}

static void read_frame_head(struct bytes *b) {   /* section 14 */
    uint32_t flags = get_varint(b), inter = flags & r.pic->inters;
    require((flags & 7) == inter && flags >> 10 == 0, VERSION, "FRAM", "is of a type, or has flags, that nobody knows");
    int64_t pts = fold(get_long(b)), duration = (int64_t)get_long(b), most = (int64_t)1 << 61;
    uint64_t quality = flags & 64 ? get_varint(b) : 0, back = inter ? get_long(b) + 1 : 0, layers = flags << 2 & 192;
    bool good = quality <= 1600 && flags >> 7 == inter && !(inter && flags & 8) && (layers & ~r.head_flags) == 0;
    good = good && pts >= -most && pts < most && duration < most - pts && back <= (uint64_t)(pts + most);
    require(good, CORRUPT, "FRAM", "has a field out of its range");
    require(b->left == 0, VERSION, "FRAM", "has more fields");
    bool later = r.frames ? pts > r.entry[r.entries - 1].pts : (flags & 8) != 0;
    require(later, CORRUPT, "FRAM", "is not later than the one before, or cannot be the first one");
    r.pic->inter = inter;
    require(!inter || r.entry[r.entries - 1].pts == pts - (int64_t)back, REFERENCE, "FRAM", "refers to another frame");
    r.start = r.frames++ ? r.start : pts;
    r.end = pts + duration;
    r.entry[r.entries++] = (struct entry){(size_t)(r.chunk - r.begin), flags & 8, pts};
    begin_frame((uint32_t)layers);
}

static void read_blob(struct bytes *b) {   /* section 10: looked at, not unpacked */
    uint32_t method = get_number(b, 1);
    require(method <= 1, VERSION, b->what, "has an unknown method");
    uint64_t size = method ? get_varint(b) : b->left;
    require(size >= 1 && size <= MAX_BLOB && b->left, CORRUPT, b->what, "has an impossible size");
}

static void read_tile(struct bytes *b) {   /* section 7 */
    static const char *const names[LAYERS] = {"a tile's latents", "a tile's residual", "a tile's alpha"};
    const struct picture *pic = r.pic;
    uint32_t key = get_varint(b), layer = key % 4, tile = key / 4, nx = pic->nx, row = tile / nx;
    require(layer != 3, VERSION, "a TILE", "has the reserved layer");
    uint64_t before = pic->has[RESIDUAL] && row > 0 ? row - 1 : 0, base = pic->has[ALPHA] ? 2 : 1;   /* rows; chunks */
    uint64_t place = base * row * nx + before * nx + base * (tile % nx) + (base == 2 && layer == LATENTS);
    if (layer == RESIDUAL)
        place = base * (row + 2 < pic->ny ? row + 2 : pic->ny) * nx + tile;
    bool present = tile < nx * pic->ny && pic->has[layer];
    require(present && place == r.met++, CORRUPT, "a TILE", "is missing, repeated or in the wrong place");
    struct rectangle t = tile_rectangle(pic, tile);
    b->what = names[layer];
    bool good = b->left >= (layer == LATENTS ? 8 : 1) && b->left <= 16 * (uint64_t)t.w * t.h + 4096;
    require(good, CORRUPT, b->what, "has an impossible size");
    pic->payload[layer][tile] = *b;
    if (!r.sequence)
        r.entry[r.entries++] = (struct entry){(size_t)(r.chunk - r.begin), false, 0};
}

static void read_hash(struct bytes *b) {   /* section 8 */
    require(b->left == 8, CORRUPT, "PHSH", "does not have 8 bytes");
    r.pic->hash = load(b->at, 8);
}

static void read_index(struct bytes *b) {   /* sections 9 and 14 */
    struct entry last = {0, false, r.start};
    bool good = !r.said || r.said == r.frames;
    if (good && r.sequence)
        good = get_shortest(b) == r.frames && fold(get_shortest(b)) == r.start && fold(get_shortest(b)) == r.end;
    for (uint32_t i = 0; good && i < r.entries && !(r.sequence && i == 0 && b->left == 4); i++) {
        struct entry e = r.entry[i];
        uint64_t distance = e.offset - last.offset;
        good = get_shortest(b) == (r.sequence ? 2 * distance + e.key : distance);
        good = good && (!r.sequence || fold(get_shortest(b)) == e.pts - last.pts);
        last = e;
    }
    good = good && get_number(b, 4) == (size_t)(r.file.at - r.chunk) && b->left == 0;
    require(good, CORRUPT, "INDX", "differs from the file, or has a wrong size");
}

void read_start(struct picture *pic, struct bytes file) {   /* sections 2 and 3 */
    r = (struct reader){.pic = pic, .file = file, .begin = file.at};
    require(memcmp(file.at, "\x89VQZ\r\n\x1A\n", file.left < 8 ? file.left : 8) == 0, SIGNATURE, "", "no vqz file");
    get_block(&r.file, 8);
    require(get_number(&r.file, 1) == 0, VERSION, "the major version", "is not 0");
    get_number(&r.file, 1);   /* any minor version */
    read_head();
}

bool read_frame(void) {   /* sections 2 and 14 */
    static void (*const read[UNKNOWN])(struct bytes *) = {
        read_blob, read_blob, read_blob, NULL, read_frame_head, read_tile, read_hash, read_index};
    const bool still = !r.sequence;
    if (still && r.met)
        return false;
    for (bool open = still;;) {
        bool blob = r.frames == 0 && r.met == 0, tiles_done = open && r.met == r.tile_chunks;
        bool done = tiles_done && r.seen[PHSH] == r.pic->has_hash, index = still ? done : !open && r.frames > 0;
        if (done && (r.sequence || r.pic->nx * r.pic->ny == 1 || r.seen[INDX]))
            return true;
        if (r.seen[INDX])
            return false;
        bool tile = open && !tiles_done, hash = tiles_done && !done;
        const bool in_place[UNKNOWN + 1] = {blob, blob, blob, false, !open, tile, hash, index, true};
        int type;
        struct bytes payload = read_chunk(&type);
        bool again = type <= XMP && r.seen[type];
        require(in_place[type] && !again, CORRUPT, payload.what, "is in the wrong place");
        r.seen[type] = true;
        if (type != UNKNOWN)
            read[type](&payload);
        open = open || type == FRAM;
    }
}
