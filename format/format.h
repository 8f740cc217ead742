/* The container (spec/container.md): chunks, header, metadata, tiles. Knows nothing of networks or entropy coding.
 * Writer and reader share one description of every structure. */
#ifndef VQZ_FORMAT_FORMAT_H
#define VQZ_FORMAT_FORMAT_H
#include "base/bytes.h"
#include "base/memory.h"

typedef struct vqz_head {
    uint32_t width, height;
    uint8_t layout;              /* vqz_layout */
    uint8_t orientation;         /* 1..8 */
    uint8_t cicp[4];
    uint32_t tile_width, tile_height;   /* multiple of 64; tile grid: see vqz_grid */
    uint16_t quality_x16;
    uint8_t model_id[VQZ_MODEL_ID_SIZE];
    uint8_t pixel_hash;          /* 1: a PHSH chunk follows the tiles; of a sequence: of some frames */
    uint8_t residual;            /* 1: every tile has a residual chunk; of a sequence: in some frames */
    uint8_t sequence;            /* 1: any number of frames, each behind its FRAM chunk; 0: a still, which is one frame without it */
    uint8_t inter;               /* 1: of a sequence: frames may refer to the one before */
    uint32_t timebase_num, timebase_den;   /* of a sequence: seconds in a unit of time, each 1..VQZ_MAX_TIMEBASE */
    uint32_t frames;             /* of a sequence: how many, 0 where that is not known */
} vqz_head;

#define VQZ_TIME_LIMIT ((int64_t)1 << 61)  /* times are from -VQZ_TIME_LIMIT to VQZ_TIME_LIMIT - 1 */

/* What FRAM says. That of a still is implied: vqz_frame_implied. */
typedef struct vqz_frame_head {
    int64_t pts;                 /* in units of the timebase */
    uint64_t duration;           /* likewise; 0: not known */
    uint16_t quality_x16;
    uint8_t key;                 /* 1: decoding can begin here */
    uint8_t pixel_hash, residual;
    uint64_t back;               /* of an inter frame: its pts less that of the frame that it refers to; 0: it is intra */
} vqz_frame_head;

/* Tile grid: tile_width columns, a last remainder of less than half a tile is merged into the one before (likewise rows). */
typedef struct vqz_grid { uint32_t nx, ny; } vqz_grid;
vqz_grid vqz_grid_of(const vqz_head *h);
/* Rectangle of tile (tx, ty) in pixels, clipped to the picture. */
void vqz_grid_rect(const vqz_head *h, uint32_t tx, uint32_t ty, uint32_t *x, uint32_t *y, uint32_t *w, uint32_t *ht);

typedef enum { VQZ_LAYER_LATENT = 0, VQZ_LAYER_RESIDUAL = 1, VQZ_LAYER_ALPHA = 2 } vqz_tile_layer;
typedef struct vqz_tile_chunk {
    uint32_t index;              /* ty * nx + tx */
    uint8_t layer;               /* vqz_tile_layer. The order of the chunks: spec/container.md section 7 */
    const uint8_t *payload;
    size_t size;
} vqz_tile_chunk;

/* ---- writer: appends to a growing buffer, which the caller drains ---- */
typedef struct vqz_mux vqz_mux;
vqz_status vqz_mux_create(vqz_mux **m, vqz_memory *mem, vqz_error *e);
void vqz_mux_free(vqz_mux *m);
vqz_status vqz_mux_begin(vqz_mux *m, const vqz_head *h, const vqz_metadata *meta, vqz_error *e);   /* signature, HEAD, metadata */
/* A chunk of an ancillary type that this library does not know: before the first frame. */
vqz_status vqz_mux_ancillary(vqz_mux *m, const char type[4], const void *data, size_t size, vqz_error *e);
vqz_status vqz_mux_frame_fits(const vqz_mux *m, const vqz_frame_head *f, vqz_error *e);            /* VQZ_ERR_ARGUMENT: it cannot come next */
vqz_status vqz_mux_frame(vqz_mux *m, const vqz_frame_head *f, vqz_error *e);                       /* of a sequence; a still's frame has begun with it */
vqz_status vqz_mux_tile(vqz_mux *m, const vqz_tile_chunk *t, vqz_error *e);
vqz_status vqz_mux_frame_end(vqz_mux *m, const uint64_t *pixel_hash, vqz_error *e);                /* pixel hash, or NULL */
vqz_status vqz_mux_end(vqz_mux *m, const uint64_t *pixel_hash, vqz_error *e);                      /* of the frame, if it has not ended, and of the file: index */
/* What has been written since the last call; valid until the next call. */
void vqz_mux_take(vqz_mux *m, const uint8_t **data, size_t *size);

/* ---- reader: bytes in, events out ---- */
typedef struct vqz_demux vqz_demux;
/* HEAD, then for every frame FRAME, its TILEs and FRAME_END, then END. In a sequence DAMAGED may stand for FRAME_END, or for a whole frame of
 * which not even FRAM can be read; reading goes on at the next frame. */
typedef enum { VQZ_EV_NONE, VQZ_EV_HEAD, VQZ_EV_FRAME, VQZ_EV_TILE, VQZ_EV_FRAME_END, VQZ_EV_DAMAGED, VQZ_EV_END } vqz_event_kind;
typedef struct vqz_event {
    vqz_event_kind kind;
    const vqz_head *head;        /* VQZ_EV_HEAD: comes once, when all metadata before the first frame has been read; lives with the demuxer */
    const vqz_metadata *meta;    /* likewise */
    vqz_frame_head frame;        /* VQZ_EV_FRAME */
    vqz_tile_chunk tile;         /* VQZ_EV_TILE: payload valid until the next call */
    uint64_t offset;             /* of the chunk in the input; FRAME_END, END: of what follows */
    bool has_pixel_hash;         /* VQZ_EV_FRAME_END */
    uint64_t pixel_hash;
    const vqz_error *error;      /* VQZ_EV_DAMAGED: why; valid until the next call */
} vqz_event;
vqz_status vqz_demux_create(vqz_demux **d, vqz_memory *mem, uint64_t max_pixels, vqz_error *e);
void vqz_demux_free(vqz_demux *d);
vqz_status vqz_demux_send(vqz_demux *d, const uint8_t *data, size_t size, vqz_error *e);  /* copies */
/* The same of a whole packet: the header of a sequence, then frames. What is left of the one before is dropped. */
vqz_status vqz_demux_send_packet(vqz_demux *d, const uint8_t *data, size_t size, vqz_error *e);
void vqz_demux_flush(vqz_demux *d);                                                        /* no more input */
/* In a sequence whose HEAD event has come: the next byte sent is the one at `offset`, where a frame begins. */
vqz_status vqz_demux_seek(vqz_demux *d, uint64_t offset, vqz_error *e);
/* VQZ_OK with an event, VQZ_AGAIN (send more), or an error; after VQZ_EV_END it gives VQZ_END. Tiles come in the order of the file, which
 * must be that of spec/container.md section 7, each at most once. Missing tiles are an error at the end. `partial`: chunks that are damaged or
 * missing at the end are left out: FRAME_END and END come as if they had been there, and the caller knows which tiles it saw. */
vqz_status vqz_demux_next(vqz_demux *d, vqz_event *ev, bool partial, vqz_error *e);
/* Bytes consumed so far: an error's place. */
uint64_t vqz_demux_offset(const vqz_demux *d);
#endif
