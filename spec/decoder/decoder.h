/* vqz-spec-decoder: the documents of spec/ as a program, written from them alone and for reading beside them. It shares
 * no source with the library. What it refuses ends the program: require() returns only where its condition is true. */
#ifndef VQZ_SPEC_DECODER_H
#define VQZ_SPEC_DECODER_H
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Names of container.md section 11 and numbers of include/vqz/vqz.h. The number is the exit status. */
enum status { ARGUMENT = 3, MEMORY, LIMIT, SIGNATURE, VERSION, TRUNCATED, CHECKSUM, CORRUPT, HASH,
              MODEL_UNKNOWN, MODEL_INVALID, REFERENCE = 17 };
/* ---- main.c ---- */
void require(bool good, enum status status, const char *what, const char *why);
static inline void demand(bool good, const char *what) { require(good, MODEL_INVALID, "the model:", what); }
/* Zeroed memory. It belongs to the scope that began with the last mark() and is freed by the release() of that. */
void *take(size_t count, size_t size);
void *mark(void);
void release(const void *scope);
static inline int64_t rounded(int64_t v, int shift) { return (v + ((int64_t)1 << (shift - 1))) >> shift; }
static inline int64_t clamp(int64_t x, int64_t lo, int64_t hi) { return x < lo ? lo : x > hi ? hi : x; }
static inline uint32_t ceil_div(uint32_t a, uint32_t b) { return a / b + (a % b != 0); }
static inline int floor_log2(uint32_t v) { int n = 0; while (v >>= 1) n++; return n; }
static inline int below(const int *steps, int n, int v) { int k = 0; while (k < n && steps[k] < v) k++; return k; }
static inline int smaller(int a, int b) { return a < b ? a : b; }
static inline int larger(int a, int b) { return a > b ? a : b; }
static inline int sgn(int v) { return v < 0 ? 0 : v == 0 ? 1 : 2; }
/* ---- bytes.c: numbers, checksums, hashes ---- */
/* What is left of a piece of input. Reading past its end is `fault`. */
struct bytes { const uint8_t *at; size_t left; enum status fault; const char *what; };
const uint8_t *get_block(struct bytes *b, size_t size);
uint32_t get_number(struct bytes *b, int width);   /* width in bytes: 1, 2, 4 */
uint32_t get_ranged(struct bytes *b, int width, uint32_t lo, uint32_t hi);
int32_t *get_array(struct bytes *b, size_t count, int width, int32_t lo, int32_t hi);   /* signed where lo < 0 */
uint32_t get_varint(struct bytes *b);
uint64_t get_long(struct bytes *b);
uint64_t get_shortest(struct bytes *b);            /* a long in its shortest form */
int64_t fold(uint64_t v);                          /* a long as an slong */
uint64_t load(const uint8_t *p, int width);        /* little-endian */
uint32_t crc32c(uint32_t before, const uint8_t *p, size_t size);   /* before: 0, or the crc of the bytes before these */
uint64_t xxh64(const uint8_t *p, size_t size);
void sha256(const uint8_t *p, size_t size, uint8_t digest[32]);
/* ---- container.c: container.md ---- */
enum { LATENTS, RESIDUAL, ALPHA, LAYERS };
struct rectangle { uint32_t x, y, w, h; };
struct picture {
    uint32_t width, height, depth, tile_width, tile_height, nx, ny;   /* depth: samples per pixel, that is the layout */
    const uint8_t *model_id;
    bool inters, inter, has[LAYERS], has_hash;   /* some are inter frames; from `inter` on: of the present frame */
    uint64_t hash;
    uint8_t *samples;
    struct bytes *payload[LAYERS];          /* one for each tile */
};
void read_start(struct picture *pic, struct bytes file);   /* the preamble and HEAD; *pic and the file must stay */
bool read_frame(void);                      /* the picture's next frame; false: there are no more */
struct rectangle tile_rectangle(const struct picture *pic, uint32_t tile);
static inline uint32_t colours(const struct picture *pic) { return pic->depth <= 2 ? 1 : 3; }
/* The samples of pixel number i of a tile */
static inline uint8_t *pixel(const struct picture *pic, struct rectangle tile, size_t i) {
    return pic->samples + ((tile.y + i / tile.w) * pic->width + tile.x + i % tile.w) * pic->depth;
}
/* ---- rans.c: bitstream.md, "rANS", "Raw bits", "Decisions" ---- */
struct table { uint32_t symbols; int32_t *start; };   /* start[k] is F[k] */
struct rans {
    struct bytes words, raw;                 /* raw.at[-1] is the byte of raw bits at hand */
    uint32_t lanes, next_lane, state[8];
    int limit, bits;                         /* of the counts of decisions; raw bits taken */
};
void rans_open(struct rans *r, struct bytes *payload, uint32_t lanes);
uint32_t rans_symbol(struct rans *r, const struct table *t);
uint32_t raw_bits(struct rans *r, int count);
int32_t raw_golomb(struct rans *r);
void rans_close(struct rans *r);
struct context { int32_t p, n; };            /* p: less 2^30, so that new contexts are zeros */
typedef struct context tree[16];
int bit(struct rans *r, struct context *q);
int number(struct rans *r, struct context *size, tree *bits, int max);
/* ---- plane.c: what alpha, pixels and residuals have in common ---- */
struct cell { int e, d[7]; };                /* error and costs */
struct plane {
    struct rans d;                           /* decisions */
    int w, h, K, side, mask_width;           /* K values a pixel; of a block; of the mask, in blocks and a 0 */
    bool masked, zero_sides;                 /* a mask is coded; outside are zeros */
    int16_t *v, zeros[3];                    /* [h][w][K] */
    uint8_t *mask;                           /* which blocks are coded; a row of zeros before the first one */
    struct context block[8];
    struct cell *here, *above;               /* [w][K] of two rows; zeros around */
};
struct plane new_plane(struct rectangle tile, uint32_t K, uint32_t side, int limit, bool masked);
int16_t *values(struct plane *p, int x, int y);   /* of a pixel, which may be outside */
uint8_t *block_mask(const struct plane *p, int x, int y);
/* All rows, and the masks before them. decode(coder, x, y) decodes what is at x and returns the place behind it. */
void decode_bands(struct plane *p, struct bytes *payload, int (*decode)(void *, int, int), void *coder);
/* Limits n predictions to lo..hi and gives their mean, in eighths, by the weights g. */
int mix(int n, int *P, const int64_t *g, int lo, int hi);
/* A value that is not `pred` */
int other(struct rans *d, int pred, int lo, int hi, struct context *sign, struct context *size, tree *bits);
void put(struct plane *p, int x, int y, int k, int v, int error, int n, const int *P);
/* ---- nets.c: arithmetic.md ---- */
enum tensor_type { U8, S8, S16, MIXED, S8_OR_S16 };   /* the last one of what a role asks for */
struct tensor_info {
    enum tensor_type type;
    uint32_t channels, zsplit;
    int32_t bound;
    int down, up;                            /* height and width: ceil(those of input 0 / 2^down) * 2^up */
    bool written;
};
enum { NONE, RELU, LEAKY, NO_ADD = 255 };
struct layer {
    uint32_t requant, k, stride, activation, edge, shuffle, src, dst, add, cout;
    int32_t *w, *bias, *m, *s, *n;           /* w: [cout][k][k][cin] */
};
struct net { uint32_t tensors, layers; struct tensor_info *tensor; struct layer *layer; };
struct tensor { uint32_t h, w, c; int16_t *v; };   /* values, not storage; channels fastest */
struct tensor new_tensor(uint32_t h, uint32_t w, uint32_t c);
int16_t *at(const struct tensor *t, uint32_t y, uint32_t x);
struct span { int lo, hi; };
struct span limits(const struct tensor_info *t, uint32_t channel);   /* of its values */
/* The output of the last layer, from input 0 and, for the roles with two inputs, input 1. */
struct tensor run_net(const struct net *net, struct tensor input0, const struct tensor *input1);
/* ---- model.c, model_nets.c: model.md ---- */
enum { MAX_SLICES = 16, REACH = 4 };        /* REACH: how far from its own position pixels depend on latents */
enum { HYPER_SYNTHESIS = 3, TRUNK, ANCHOR, HEADS, FIRST, SYNTHESIS_LINEAR, SYNTHESIS, ROLES };
struct level { int32_t *inv, *loggain, *zinv, *feat, *ztab, *zoff; };
struct codebook { int shift; int32_t *value; struct table table; };   /* of pairs: two values for each symbol */
struct model {
    uint8_t id[32];                          /* of which 16 count */
    uint32_t C, Z, F, H, S, slice[MAX_SLICES];
    struct net net[ROLES][MAX_SLICES];       /* by role and index */
    int32_t *latq_m, *latq_s, *map;
    int levels, is, zis, R, T;
    struct level *level;
    struct codebook *scalar, *pair;
    struct table *ztable;
};
void read_model(struct model *m, struct bytes file);
void read_nets(struct model *m, struct bytes *section);
int16_t latq(const struct model *m, uint32_t channel, int y);
/* ---- latents.c, pixels.c, alpha.c, exact.c, residual.c: bitstream.md ---- */
/* latents: those of the whole picture */
void decode_latents(const struct model *m, struct bytes payload, struct rectangle tile, const struct tensor *latents);
void synthesize(const struct model *m, const struct picture *pic, struct rectangle tile, const struct tensor *latents);
void decode_alpha(const struct picture *pic, struct bytes payload, struct rectangle tile);
struct bytes split_payload(struct bytes payload, bool pixels);
void decode_exact(const struct picture *pic, struct bytes payload, struct rectangle tile);
void decode_residual(const struct picture *pic, struct bytes payload, struct rectangle tile);
#endif
