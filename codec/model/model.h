/* The integer model in memory (spec/model.md). Immutable once opened, but for the networks packed for a kernel variant,
 * which are made when first asked for. */
#ifndef VQZ_CODEC_MODEL_H
#define VQZ_CODEC_MODEL_H
#include "base/memory.h"
#include "base/pixelmath.h"
#include "codec/nn/nn.h"
#include "codec/rans.h"
#include <pthread.h>

enum { VQZ_MAX_SLICES = 16, VQZ_MAX_RUNGS = 64, VQZ_MAX_CHANNELS = 1024, VQZ_MAX_LEVELS = 64, VQZ_VARIANTS = 8 };
enum {                                       /* fixed by the format */
    VQZ_LATENT_STEP = 16,                    /* pixels per latent position and side */
    VQZ_HYPER_STEP = 4,                      /* latent positions per hyper-latent position */
    VQZ_LATENT_BITS = 8                      /* fractional bits of latents and residuals */
};

typedef enum {
    VQZ_NET_ANALYSIS_LINEAR, VQZ_NET_ANALYSIS, VQZ_NET_HYPER_ANALYSIS, VQZ_NET_HYPER_SYNTHESIS,
    VQZ_NET_TRUNK, VQZ_NET_ANCHOR, VQZ_NET_HEADS, VQZ_NET_FIRST,
    VQZ_NET_SYNTHESIS_LINEAR, VQZ_NET_SYNTHESIS, VQZ_NET_ROLES,
    VQZ_NET_SECOND = VQZ_NET_ROLES,          /* not in the file: the anchor network as the second pass runs it (second.c) */
    VQZ_NET_LATQ,                            /* latents -> what networks see, a requant layer made of the LATQ section */
    VQZ_NET_KINDS
} vqz_net_role;
enum {                                       /* sets of roles, a bit each */
    VQZ_NETS_ANALYSIS = 1 << VQZ_NET_ANALYSIS_LINEAR | 1 << VQZ_NET_ANALYSIS | 1 << VQZ_NET_HYPER_ANALYSIS | 1 << VQZ_NET_LATQ,
    VQZ_NETS_CONTEXT = 1 << VQZ_NET_HYPER_SYNTHESIS | 1 << VQZ_NET_TRUNK | 1 << VQZ_NET_HEADS | 1 << VQZ_NET_FIRST | 1 << VQZ_NET_SECOND,
    VQZ_NETS_SYNTHESIS = 1 << VQZ_NET_SYNTHESIS_LINEAR | 1 << VQZ_NET_SYNTHESIS | 1 << VQZ_NET_LATQ
};

/* A codeword of a pair codebook, as encoders look at them. */
typedef struct vqz_pick {
    int16_t value[2];
    uint32_t symbol, cost;
} vqz_pick;

/* One codebook of the ladder: n codewords and an escape symbol. */
typedef struct vqz_codebook {
    uint32_t n;
    uint32_t shift;                          /* scalar only: raw bits below the symbol's value */
    const int16_t *value;                    /* [n], or [n][2] for pairs; 8 fractional bits */
    const uint32_t *cost;                    /* [n + 1] bits of each symbol, 12 fractional bits */
    const vqz_pick *picks;                   /* [n] cheapest first; pairs only */
    const vqz_slots *slots;                  /* of the table, with the values */
    uint32_t zero;                           /* the codeword nearest to zero */
    uint32_t mean_abs;                       /* expected |value| under the table, scalar only */
    vqz_table table;
} vqz_codebook;

/* Two channels of certain rungs, as decoders look at them. */
typedef struct vqz_duo {
    uint32_t quiet;                          /* the range (vqz_rans_range) of two residuals of 0 where little else comes, else 0 */
    uint32_t book;                           /* bytes from pair[0].slots to those of its book, and 1 where the channels are swapped; VQZ_NO_BOOK */
} vqz_duo;
enum { VQZ_NO_BOOK = 2 };                    /* coded one by one: no book starts there */

typedef struct vqz_level {
    uint32_t lambda;                         /* cost of a bit in squared steps, 16 fractional bits */
    const uint16_t *gain, *inv;              /* [C] */
    const int16_t *loggain;                  /* [C] */
    const uint16_t *zgain, *zinv;            /* [Z] */
    const int8_t *feat;                      /* [F] */
    const uint8_t *ztab;                     /* [Z] */
    const int8_t *zoff;                      /* [Z] */
} vqz_level;

/* The networks, packed for one kernel variant. A context reads only those that vqz_model_nets has given it; others may still be
 * packed for other threads beside them. */
typedef struct vqz_nets {
    const vqz_kernels *kernels;
    vqz_net *net[VQZ_NET_KINDS][VQZ_MAX_SLICES];   /* [role][index]; index 0 where the role exists once */
} vqz_nets;

typedef struct vqz_net_def {
    uint32_t ntensors, nlayers, inputs;
    const vqz_tensor_def *tensors;
    const vqz_layer_def *layers;
    vqz_net *net;                            /* checked, not packed */
} vqz_net_def;

struct vqz_model {
    atomic_uint refs;
    vqz_memory mem;
    const uint8_t *data;
    size_t size, weights;                    /* bytes; from where on they count for the id */
    uint8_t id[VQZ_MODEL_ID_SIZE];
    char *name, *version, *licence, *provenance;
    void *tables;                            /* the one allocation that everything parsed lies in */

    uint32_t C, Z, F, H, S;                  /* spec/model.md, ARCH */
    uint32_t slice[VQZ_MAX_SLICES], slice_start[VQZ_MAX_SLICES], max_slice;
    uint32_t trunk_channels[VQZ_MAX_SLICES], feature_channels[VQZ_MAX_SLICES];

    const uint16_t *latq_mul;                /* [C] */
    const uint8_t *latq_shift;               /* [C] */
    vqz_tensor_def latq_tensors[2];
    vqz_layer_def latq_layer;                /* its arrays stand in the file */
    uint32_t nlevels, gain_shift, inv_shift, zgain_shift, zinv_shift;
    vqz_level *level;
    uint32_t rungs, top, npairs;
    vqz_codebook *scalar, *pair;             /* [rungs], [npairs] */
    const uint16_t *map;                     /* [top + 1][top + 1] */
    const vqz_duo *duo;                      /* [rungs][rungs] */
    uint32_t nztables;
    vqz_table *ztable;                       /* symbols -M..M, escape */
    vqz_net_def def[VQZ_NET_KINDS][VQZ_MAX_SLICES];
    void *second[VQZ_MAX_SLICES];            /* what def[VQZ_NET_SECOND] points to */
    uint32_t synthesis_ring;                 /* latent positions around a rectangle that its pixels depend on */

    pthread_mutex_t lock;
    vqz_nets nets[VQZ_VARIANTS];             /* made on demand; kernels NULL: free slot */
};

/* What synthesis reads: latents as they are (1), or through LATQ (0). */
static inline bool vqz_synthesis_is_exact(const vqz_model *m) { return m->def[VQZ_NET_SYNTHESIS][0].tensors[0].type == VQZ_T_S16; }

/* vqz_model_open for a file whose id is known and whose networks are known to keep the bounds: saves the two walks over the weights. */
vqz_status vqz_model_open_proven(vqz_model **model, const void *data, size_t size, const uint8_t id[VQZ_MODEL_ID_SIZE], vqz_error *e);
/* The built-in model with this id, or NULL where there is none (VQZ_OK too). */
vqz_status vqz_model_find(vqz_model **model, const uint8_t id[VQZ_MODEL_ID_SIZE], vqz_error *e);
/* The networks of a set of roles for a variant; the first call packs them. Valid while the model lives. */
vqz_status vqz_model_nets(vqz_model *m, const vqz_kernels *k, unsigned roles, const vqz_nets **nets, vqz_error *e);

/* ---- parsing, one file per section group; each takes exactly its section's bytes ---- */
typedef struct vqz_arena vqz_arena;
vqz_status vqz_parse_nets(vqz_model *m, vqz_reader *r, vqz_arena *a, vqz_error *e);      /* nets.c */
/* After parsing: every rule for the networks, the bounds only where they are not known to be kept. */
vqz_status vqz_check_nets(vqz_model *m, bool proven, vqz_error *e);
/* second.c: def[VQZ_NET_SECOND][i] from def[VQZ_NET_ANCHOR][i]; its input 0 is made of the anchors at these offsets (y, x). */
enum { VQZ_SECOND_TAPS = 12 };
unsigned vqz_second_taps(unsigned k, int8_t (*offset)[2]);
vqz_status vqz_make_second(vqz_model *m, uint32_t i, vqz_error *e);
vqz_status vqz_parse_levels(vqz_model *m, vqz_reader *r, vqz_arena *a, vqz_error *e);    /* levels.c */
vqz_status vqz_parse_ladder(vqz_model *m, vqz_reader *r, vqz_arena *a, vqz_error *e);    /* ladder.c */
vqz_status vqz_parse_ztables(vqz_model *m, vqz_reader *r, vqz_arena *a, vqz_error *e);   /* ladder.c */
#endif
