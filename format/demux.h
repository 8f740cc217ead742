/* The demuxer's state, shared by demux.c (which chunk comes when, and what damage costs) and demux_read.c (what a chunk says). */
#ifndef VQZ_FORMAT_DEMUX_H
#define VQZ_FORMAT_DEMUX_H
#include "format/chunk.h"
#include "format/index.h"

typedef enum {
    AT_PREAMBLE, AT_CHUNK, IN_CHUNK,
    IN_SKIPPED,                  /* a chunk that is only checked, piece by piece */
    LOST,                        /* behind damage: looking for the next FRAM or INDX of a sequence; partial: for the next TILE */
    DONE
} demux_state;

struct vqz_demux {
    vqz_memory *mem;
    uint64_t max_pixels;
    vqz_buffer in;               /* what was sent and not yet consumed, from pos on */
    size_t pos;
    uint64_t base;               /* offset in the input of in.data[0] */
    bool flushed;
    bool packets, boundary;      /* input comes in packets; all of the present one is in the buffer */
    size_t header_size;          /* of the first packet, and its crc32c */
    uint32_t header_crc;
    demux_state state;
    vqz_error error;             /* the failure that ended it; repeated by every later call */
    vqz_error damage;            /* of the frame that the last event was about, or the next one will be */
    bool damage_due;
    uint64_t read_again;

    vqz_chunk_header chunk;      /* the current one */
    uint64_t chunk_offset;
    uint64_t skip_left;          /* IN_SKIPPED: payload bytes to come */
    uint32_t crc;                /* of the current chunk so far; before HEAD: of the preamble */

    bool have_head, head_sent;
    vqz_head head;
    vqz_metadata meta;
    uint32_t tiles;              /* of a frame */
    bool spoilt;                 /* something was left out, or the input was not read from its beginning: INDX proves nothing */
    vqz_index index;

    bool in_frame;
    uint64_t frames;             /* begun */
    int64_t pts;                 /* of the last one */
    bool have_pts;
    vqz_head now;                /* `head` with what the frame has of residuals and hash */
    uint32_t next, chunks;       /* its TILE chunks: next ordinal, number */
    bool have_hash, have_index;
    uint64_t hash;
};

typedef unsigned long long ull;          /* for printing */
/* An error in the current chunk: vqz_demux_next puts the chunk's name and place before the text. */
#define REASON(e, status, ...) vqz_fail(e, status, VQZ_NO_OFFSET, __VA_ARGS__)

/* A frame begins. */
void vqz_demux_emit_frame(vqz_demux *d, vqz_event *ev, const vqz_frame_head *f);
vqz_status vqz_demux_unknown_critical(vqz_error *e);
/* The contents of the current chunk, whose crc is right. */
vqz_status vqz_demux_read_chunk(vqz_demux *d, vqz_event *ev, bool partial, const uint8_t *payload, size_t size, vqz_error *e);
#endif
