/* The decoder's state, shared by decoder.c (what comes when), decoder_rows.c (tile rows: memory, latents, pixels), decoder_device.c (frames on a GPU) and
 * decoder_inter.c (frames that refer to the one before). */
#ifndef VQZ_CODEC_DECODER_H
#define VQZ_CODEC_DECODER_H
#include "base/pool.h"
#include "codec/device.h"
#include "codec/reconstruct.h"
#include "codec/residual.h"
#include "format/buffer.h"
#include "format/format.h"
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

enum { MAX_MODELS = 16 };

/* A tile's payload of one layer while its row is incomplete. */
typedef struct part {
    vqz_buffer payload;
    uint64_t offset;                         /* of the chunk */
} part;

/* A column of the grid: the payloads of the rows that are being collected, and what became of the last ones. */
typedef struct tile {
    part layer[3];                           /* by vqz_tile_layer */
    part pixels[VQZ_ROWS_HELD];              /* of the latents' payload: the section with pixels as they are, where it has one, until its row is made */
    vqz_status decoded;                      /* of the row whose latents came last */
    vqz_error why;                           /* and if that failed */
    vqz_status status;                       /* of the row whose pixels came last */
    vqz_error error;
} tile;

/* A tile row, beside its latents. */
typedef struct tile_row {
    uint8_t *alpha;
    bool *ok;                                /* [grid.nx]: decoded */
} tile_row;

/* The tiles of a frame that is for a GPU, until all are there; then it has them, or they go the processor's way as if they came now. */
typedef struct kept_tile {
    size_t at, size;                         /* of the payload in `bytes`; size 0: not there */
    uint64_t offset;                         /* of the chunk */
} kept_tile;
typedef struct kept_frame {
    enum { NOT_KEPT, KEEPING, ON_DEVICE, REPLAYING } state;
    kept_tile *tile;                         /* [3 layers][tiles], one allocation with `order` and `latents` */
    uint32_t *order;                         /* places in `tile` as they came */
    vqz_backend_payload *latents;            /* [tiles] */
    uint32_t count, replayed;
    vqz_buffer bytes;
    uint8_t *samples;                        /* the GPU's */
    bool doubted;                            /* it has found damage */
    uint32_t shown;                          /* tile rows that were delivered from these before the processor had to begin again */
} kept_frame;

/* Of a sequence whose head says that there are inter frames. */
typedef struct inter_state {
    uint8_t *present, *last;                 /* R, G, B: of the frame as far as it has been delivered; of the last whole one */
    int64_t last_pts;
    bool have_last, last_doubtful;           /* it is there; tiles of it are unverified */
    uint64_t back;                           /* of the present frame, as in vqz_frame_head */
    bool missing, doubtful;                  /* what it refers to is not there; or tiles that it may be made of are unverified */
    vqz_motion motion;                       /* of the whole picture */
    int16_t *neutral;                        /* [C] */
} inter_state;

struct vqz_decoder {
    vqz_memory mem;
    vqz_error error;
    vqz_settings settings;
    vqz_model *models[MAX_MODELS];           /* given ones; built-in ones are opened when a file names them */
    unsigned nmodels;
    vqz_demux *demux;
    vqz_status failed;

    bool have_head, ended;                   /* ended: no more frames */
    vqz_head head;                           /* with what the present frame has of residuals and hash */
    vqz_metadata meta;
    vqz_grid grid;
    vqz_model *model;
    const vqz_nets *nets;
    vqz_recon pixels;
    uint64_t planned;                        /* bytes, all in all, the packed model included */
    size_t block_bytes;
    bool laid_out;
    void *block;
    vqz_pool *pool;
    size_t work_bytes;
    uint8_t **work;                          /* [pool size] each work_bytes */
    tile *tiles;                             /* [grid.nx] */
    tile_row rows[VQZ_ROWS_HELD];            /* tile row i is rows[i % VQZ_ROWS_HELD] */

    enum { NO_FRAME, ANNOUNCED, IN_FRAME, OVER } at; /* none yet; begun, and not asked for; being delivered; delivered, failed or left */
    vqz_frame frame;
    uint64_t frames;                         /* begun */
    vqz_status frame_status;                 /* VQZ_OK while it can be delivered, VQZ_END: has been, else why not */
    bool frame_read, has_pixel_hash;         /* all of it has been read */
    uint32_t tiles_met;                      /* TILE chunks of it */
    uint32_t collect, refined, deliver;      /* tile rows: being collected, first without all residuals, next to be delivered */
    bool made;                               /* that one's pixels are there */
    vqz_event held;                          /* a TILE event whose row's turn may not have come; kind NONE: none */
    vqz_buffer held_payload;                 /* its own copy: the caller may send more bytes before its turn */
    uint64_t pixel_hash;
    XXH64_state_t hash;
    kept_frame kept;
    inter_state inter;
};

/* decoder_rows.c */
/* Sizes only: nothing of the picture's size is allocated before this has been held against the limit. */
vqz_status vqz_decoder_plan(vqz_decoder *d);
vqz_status vqz_decoder_allocate(vqz_decoder *d);
/* Decodes alpha and latents of the row that is being collected: all that will come is there. Without residuals, which come later, the row above
 * gets its pixels along the way. */
vqz_status vqz_decoder_finish_row(vqz_decoder *d);
/* Samples of the next row to be delivered. */
vqz_status vqz_decoder_deliver_row(vqz_decoder *d, vqz_band *band);
/* A worker's memory for the pixels of a tile. */
vqz_status vqz_decoder_work(const vqz_decoder *d, uint8_t *work, uint32_t h, uint32_t w, vqz_synthesis *s, vqz_residual *residual, vqz_error *e);
/* The row that is delivered next has become `band`. */
void vqz_decoder_delivered(vqz_decoder *d, vqz_band *band);

/* decoder_inter.c */
void vqz_decoder_inter_layout(vqz_decoder *d, vqz_arena *a);
vqz_status vqz_decoder_inter_allocated(vqz_decoder *d);
void vqz_decoder_inter_begin(vqz_decoder *d, const vqz_frame_head *f);
/* VQZ_ERR_REFERENCE where the present frame cannot be decoded. */
vqz_status vqz_decoder_inter_check(vqz_decoder *d);
/* Before tiles of the present frame are decoded: d->pixels knows what it refers to. */
void vqz_decoder_inter_prepare(vqz_decoder *d);
/* A tile's place in the motion of the picture. */
vqz_motion vqz_decoder_inter_motion(const vqz_decoder *d, uint32_t tx, uint32_t ty, uint32_t w, uint32_t h);
/* A band of the present frame is delivered. */
void vqz_decoder_inter_rows(vqz_decoder *d, const vqz_band *band);

/* decoder_device.c */
void vqz_decoder_keep_none(vqz_decoder *d);      /* a frame begins, or the decoder ends */
/* A TILE of the present frame. *taken: it is kept. */
vqz_status vqz_decoder_keep(vqz_decoder *d, const vqz_event *ev, bool *taken);
/* No more of the frame will come. */
void vqz_decoder_keep_end(vqz_decoder *d);
/* The next kept tile, now held; false: there is none, or the GPU has them. */
bool vqz_decoder_replay(vqz_decoder *d);
/* With kept.state ON_DEVICE: the next row, or VQZ_AGAIN: the processor has to do it. */
vqz_status vqz_decoder_device_row(vqz_decoder *d, vqz_band *band);
#endif
