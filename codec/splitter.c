/* A file taken apart into its header and frames. */
#include "codec/settings.h"
#include "format/buffer.h"
#include "format/format.h"

struct vqz_splitter {
    vqz_memory mem;
    vqz_error error;
    vqz_status failed;
    vqz_demux *demux;
    vqz_buffer bytes;                        /* of the input, from `base` on */
    uint64_t base, needed;                   /* bytes before `needed` are not needed any more */
    bool partial;
    vqz_packet frame;
};

vqz_status vqz_splitter_open(vqz_splitter **out, const vqz_settings *settings, vqz_error *error) {
    if (!out) return vqz_fail(error, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "vqz_splitter_open: NULL argument");
    *out = NULL;
    vqz_settings set;
    vqz_memory mem;
    void *p;
    VQZ_TRY(vqz_settings_read(&set, settings, error));
    vqz_memory_init(&mem, set.max_memory);
    VQZ_TRY(vqz_alloc(&mem, &p, 1, sizeof(vqz_splitter), error));
    vqz_splitter *s = p;
    s->mem = mem;
    s->bytes.mem = &s->mem;
    s->partial = set.partial != 0;
    vqz_status status = vqz_demux_create(&s->demux, &s->mem, set.max_pixels, error);
    if (status == VQZ_OK) *out = s;
    else vqz_splitter_close(s);
    return status;
}

void vqz_splitter_close(vqz_splitter *s) {
    if (!s) return;
    vqz_demux_free(s->demux);
    vqz_buffer_free(&s->bytes);
    vqz_memory mem = s->mem;
    vqz_free(&mem, s);
}

const vqz_error *vqz_splitter_error(const vqz_splitter *s) { return &s->error; }

static vqz_status fail(vqz_splitter *s, vqz_status status) { return s->failed = s->error.status = status; }

vqz_status vqz_splitter_send(vqz_splitter *s, const uint8_t *data, size_t size) {
    if (!s || (!data && size)) return VQZ_ERR_ARGUMENT;
    if (s->failed) return s->failed;
    vqz_status status = vqz_demux_send(s->demux, data, size, &s->error);
    if (status == VQZ_OK) {
        uint64_t drop = s->needed - s->base;
        s->base += vqz_buffer_drop(&s->bytes, drop < s->bytes.size ? (size_t)drop : s->bytes.size);
        status = vqz_buffer_append(&s->bytes, data, size, &s->error);
    }
    return status == VQZ_OK ? status : fail(s, status);
}

vqz_status vqz_splitter_flush(vqz_splitter *s) {
    if (!s) return VQZ_ERR_ARGUMENT;
    if (s->failed) return s->failed;
    vqz_demux_flush(s->demux);
    return VQZ_OK;
}

/* The bytes from `offset` to `end`, which the next call drops. */
static vqz_status give(vqz_splitter *s, vqz_packet p, uint64_t end, vqz_packet *out) {
    if (p.status == VQZ_OK) {
        p.data = s->bytes.data + (p.offset - s->base);
        p.size = (size_t)(end - p.offset);
    }
    s->needed = end;
    *out = p;
    return VQZ_OK;
}

vqz_status vqz_splitter_receive(vqz_splitter *s, vqz_packet *out) {
    if (!s || !out) return VQZ_ERR_ARGUMENT;
    if (s->failed) return s->failed;
    for (;;) {
        vqz_event ev;
        vqz_status status = vqz_demux_next(s->demux, &ev, s->partial, &s->error);
        if (status == VQZ_AGAIN || status == VQZ_END) return status;
        if (status != VQZ_OK) return fail(s, status);
        if (ev.kind == VQZ_EV_HEAD) return give(s, (vqz_packet){.kind = VQZ_PACKET_HEADER}, vqz_demux_offset(s->demux), out);
        if (ev.kind == VQZ_EV_FRAME) {
            s->frame = (vqz_packet){.kind = VQZ_PACKET_FRAME, .pts = ev.frame.pts, .duration = ev.frame.duration, .key = ev.frame.key, .offset = ev.offset};
            s->needed = ev.offset;
        }
        if (ev.kind == VQZ_EV_FRAME_END) return give(s, s->frame, ev.offset, out);
        if (ev.kind == VQZ_EV_DAMAGED) {
            s->error = *ev.error;
            return give(s, (vqz_packet){.kind = VQZ_PACKET_FRAME, .offset = ev.offset, .status = ev.error->status}, vqz_demux_offset(s->demux), out);
        }
    }
}
