/* vqz-spec-decoder: the documents of spec/ as a program, written from them alone and for reading beside them. It shares
 * no source with the library. What it refuses ends the program: require() returns only where its condition is true. */
#ifndef VQZ_SPEC_DECODER_H
#define VQZ_SPEC_DECODER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Names of container.md section 11 and numbers of include/vqz/vqz.h. The number is the exit status. */
enum status {
    ARGUMENT = 3, MEMORY, LIMIT, SIGNATURE, VERSION, TRUNCATED, CHECKSUM, CORRUPT, HASH, MODEL_UNKNOWN, MODEL_INVALID
};
/* ---- main.c ---- */
void require(bool good, enum status status, const char *what, const char *why);
/* Zeroed memory. It belongs to the scope that began with the last mark() and is freed by the release() of that. */
void *take(size_t count, size_t size);
size_t mark(void);
void release(size_t scope);

static inline int64_t clamp(int64_t x, int64_t lo, int64_t hi) { return x < lo ? lo : x > hi ? hi : x; }
static inline uint32_t ceil_div(uint32_t a, uint32_t b) { return a / b + (a % b != 0); }
static inline int floor_log2(uint32_t v) { int n = 0; while (v >>= 1) n++; return n; }
static inline int below(const int *steps, int n, int v) { int k = 0; while (k < n && steps[k] < v) k++; return k; }
static inline int sgn(int v) { return v < 0 ? 0 : v == 0 ? 1 : 2; }
/* ---- bytes.c: numbers, checksums, hashes ---- */
/* What is left of a piece of input. Reading past its end is `fault`. */
struct bytes { const uint8_t *at; size_t left; enum status fault; const char *what; };
const uint8_t *get_block(struct bytes *b, size_t size);
uint32_t get_number(struct bytes *b, int width);   /* width in bytes: 1, 2, 4 */
uint32_t get_ranged(struct bytes *b, int width, uint32_t lo, uint32_t hi);
int32_t get_signed(struct bytes *b, int width);
void *get_array(struct bytes *b, size_t count, int width, uint32_t lo, uint32_t hi);   /* of 1 or 2 bytes each */
uint32_t get_varint(struct bytes *b);
uint64_t get_long(struct bytes *b);
int64_t fold(uint64_t v);                          /* a `long` as a signed number */
uint32_t load32(const uint8_t *p);                 /* little-endian */
uint64_t load64(const uint8_t *p);
uint32_t crc32c(uint32_t before, const uint8_t *p, size_t size);   /* before: 0, or the crc of the bytes before these */
uint64_t xxh64(const uint8_t *p, size_t size);
void sha256(const uint8_t *p, size_t size, uint8_t digest[32]);
/* ---- container.c: container.md ---- */
enum { LATENTS, RESIDUAL, ALPHA, LAYERS };
struct rectangle { uint32_t x, y, w, h; };
struct picture {
    uint32_t width, height, samples;        /* samples per pixel: the layout */
    uint32_t tile_width, tile_height, nx, ny;
    bool has_residual, has_hash;            /* this and the hash are those of the present frame */
    uint64_t hash;
    const uint8_t *model_id;
    struct bytes *payload[LAYERS];          /* one for each tile; NULL where no frame has such a layer */
};
void read_start(struct picture *pic, struct bytes file);   /* the preamble and HEAD; *pic and the file must stay */
bool read_frame(void);                      /* the picture's next frame; false: there are no more */
struct rectangle tile_rectangle(const struct picture *pic, uint32_t tile);
/* ---- rans.c: bitstream.md, "rANS", "Raw bits", "Decisions" ---- */
struct table { uint32_t symbols; uint16_t *start; };   /* start[k] is F[k] */
struct rans { struct bytes words; uint32_t lanes, next_lane, state[8]; };
void rans_open(struct rans *r, struct bytes *payload, uint32_t words, uint32_t lanes);
uint32_t rans_symbol(struct rans *r, const struct table *t);
void rans_close(struct rans *r);
struct raw { struct bytes bytes; uint32_t bits, held; };   /* the byte at hand, how many of its bits were taken */
uint32_t raw_bits(struct raw *r, int count);
int32_t raw_golomb(struct raw *r);
void raw_close(struct raw *r);
struct context { uint32_t p; int n; };
struct decisions { struct rans rans; int limit; };     /* limit: S */
void *new_contexts(size_t size);
void band_open(struct decisions *d, struct bytes *payload);
int bit(struct decisions *d, struct context *q);
int number(struct decisions *d, struct context *size, struct context (*bits)[16], int max);
/* ---- nets.c: arithmetic.md ---- */
enum tensor_type { U8, S8, S16, MIXED };
struct tensor_info {
    enum tensor_type type;
    uint32_t channels, zsplit;
    int32_t bound;
    int down, up;                            /* height and width: ceil(those of input 0 / 2^down) * 2^up */
    bool written;
};
enum { NONE, RELU, LEAKY, NO_ADD = 255 };
struct layer {
    uint32_t requant, k, stride, activation, edge, shuffle, src, dst, add, cin, cout;
    int16_t *w;                              /* [cout][k][k][cin] */
    int32_t *bias, *n;
    uint16_t *m;
    uint8_t *s;
};
struct net { uint32_t tensors, layers; struct tensor_info *tensor; struct layer *layer; };
/* Values (not storage) of a tensor, channels fastest. */
struct tensor { uint32_t h, w, c; int16_t *v; };
struct tensor new_tensor(uint32_t h, uint32_t w, uint32_t c);
int16_t *at(const struct tensor *t, uint32_t y, uint32_t x);
void limits(const struct tensor_info *t, uint32_t channel, int32_t *lo, int32_t *hi);
/* The output of the last layer, from input 0 and, for the roles with two inputs, input 1. */
struct tensor run_net(const struct net *net, struct tensor input0, const struct tensor *input1);
/* ---- model.c, model_nets.c: model.md ---- */
enum { MAX_SLICES = 16 };
enum { HYPER_SYNTHESIS = 3, TRUNK, ANCHOR, HEADS, FIRST, SYNTHESIS_LINEAR, SYNTHESIS, ROLES };
struct level { uint16_t *inv, *zinv; int16_t *loggain; int8_t *feat, *zoff; uint8_t *ztab; };
struct codebook { int shift; int16_t *value; struct table table; };   /* a pair codebook: two values for each symbol */
struct model {
    uint8_t id[32];                          /* of which 16 count */
    uint32_t C, Z, F, H, S, slice[MAX_SLICES];
    struct net net[ROLES][MAX_SLICES];       /* by role and index */
    uint16_t *latq_m, *map;
    uint8_t *latq_s;
    uint32_t levels, is, zis, R, T, P, ztables;
    struct level *level;
    struct codebook *scalar, *pair;
    struct table *ztable;
};
void read_model(struct model *m, struct bytes file);
void read_nets(struct model *m, struct bytes *section);
int16_t latq(const struct model *m, uint32_t channel, int y);
/* ---- latents.c, pixels.c, alpha.c, residual.c: bitstream.md ---- */
/* Decodes a tile into the latents of the whole picture. */
void decode_latents(const struct model *m, struct bytes payload, struct rectangle tile, const struct tensor *latents);
/* All colour samples of the picture, before residuals; alpha samples are left alone. */
void synthesize(const struct model *m, const struct picture *pic, const struct tensor *latents, uint8_t *samples);
void decode_alpha(const struct picture *pic, struct bytes payload, struct rectangle tile, uint8_t *samples);
void decode_exact(const struct picture *pic, struct bytes payload, struct rectangle tile, uint8_t *samples);
struct bytes split_payload(struct bytes *latents);
void decode_residual(const struct picture *pic, struct bytes payload, struct rectangle tile, uint8_t *samples);
#endif
