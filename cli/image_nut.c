/* NUT with raw pixels: frames as they are, RGB and alpha included, each at its own time. A synchronization point stands before every frame. */
#include <stdlib.h>
#include <string.h>
#include "cli/image.h"

#define MAIN 0x4E4D7A561F5F04ADu
#define STREAM 0x4E5311405BF2F9DBu
#define SYNCPOINT 0x4E4BE4ADEECA4569u
enum { PTS_BITS = 7, KEY = 1, CODED_PTS = 8, SIZE_MSB = 32, CHECKSUM = 64, NUT_MOST = 96 };

typedef struct nut_bytes {
    uint8_t at[NUT_MOST];
    size_t n;
} nut_bytes;

static void nut_put(nut_bytes *b, uint64_t v, int count) {
    while (count--) b->at[b->n++] = (uint8_t)(v >> 8 * count);
}

/* 7 bits a byte, highest first; all but the last byte have bit 7 set. */
static void nut_put_v(nut_bytes *b, uint64_t v) {
    int groups = 1;
    while (groups < 9 && v >> 7 * groups) groups++;
    while (groups--) nut_put(b, (v >> 7 * groups & 127) | (groups ? 128 : 0), 1);
}

static uint32_t nut_crc(const uint8_t *p, size_t n) {
    uint32_t c = 0;
    while (n--) {
        c ^= (uint32_t)*p++ << 24;
        for (int i = 0; i < 8; i++) c = c << 1 ^ (c >> 31 ? 0x04C11DB7u : 0);
    }
    return c;
}

static void nut_packet(sink *out, uint64_t startcode, nut_bytes *payload) {
    nut_bytes head = {.n = 0};
    nut_put(payload, nut_crc(payload->at, payload->n), 4);
    nut_put(&head, startcode, 8);
    nut_put_v(&head, payload->n);
    sink_write(out, head.at, head.n);
    sink_write(out, payload->at, payload->n);
}

static void nut_headers(sink *out, const vqz_image_info *info, const vqz_timing *clock) {
    static const char id[] = "nut/multimedia container", tags[][5] = {"Y800", "Y2\0\10", "RGB\30", "RGBA"};
    nut_bytes b = {.n = 0};
    sink_write(out, id, sizeof id);
    const uint64_t start[] = {3, 1, 32767, 1, clock->timebase_num, clock->timebase_den,           /* version, streams, distance of synchronization points, clocks */
                              KEY | CODED_PTS | SIZE_MSB | CHECKSUM, 6, 0, 1, 0, 0, 0, 255, 0};   /* all frame codes are the same; no header is left out */
    for (size_t i = 0; i < sizeof start / sizeof *start; i++) nut_put_v(&b, start[i]);
    nut_packet(out, MAIN, &b);
    b.n = 0;
    nut_put_v(&b, 0);                /* stream 0 is video */
    nut_put_v(&b, 0);
    nut_put_v(&b, 4);
    for (int i = 0; i < 4; i++) nut_put(&b, (uint8_t)tags[info->layout - 1][i], 1);
    const uint64_t rest[] = {0, PTS_BITS, 0, 0, 0, 0, info->width, info->height, 0, 0, 0};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) nut_put_v(&b, rest[i]);
    nut_packet(out, STREAM, &b);
}

static void nut_frame_header(sink *out, const vqz_image_info *info, uint64_t pts) {
    const uint64_t here = out->written, back = out->mark ? (here - out->mark) / 16 : 0;
    nut_bytes b = {.n = 0};
    nut_put_v(&b, pts);
    nut_put_v(&b, back);
    nut_packet(out, SYNCPOINT, &b);
    out->mark = here;
    b.n = 0;
    nut_put(&b, 0, 1);
    nut_put_v(&b, pts + (1u << PTS_BITS));
    nut_put_v(&b, (uint64_t)info->width * info->height * (uint64_t)info->layout);
    nut_put(&b, nut_crc(b.at, b.n), 4);
    sink_write(out, b.at, b.n);
}

static void nut_lowest_terms(vqz_timing *t) {
    for (uint32_t a = t->timebase_num, b = t->timebase_den, rest; b; a = b, b = rest)
        if (!(rest = a % b)) {
            t->timebase_num /= b;
            t->timebase_den /= b;
            return;
        }
}

static void nut_close(image_writer *w) { free(w); }

static vqz_status nut_open(image_writer **out, sink *to, image_format format, const vqz_image_info *info, const image_config *config, vqz_error *e) {
    (void)format;
    vqz_timing clock = config->clock.timebase_den ? config->clock : (vqz_timing){1, 25, 0};
    image_writer *w = malloc(sizeof *w);
    if (!w) return cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    *w = (image_writer){.ops = &image_nut_writer, .out = to, .width = info->width, .height = info->height, .layout = info->layout};
    if (!to->written) {
        nut_lowest_terms(&clock);
        nut_headers(to, info, &clock);
    }
    nut_frame_header(to, info, (uint64_t)config->pts);
    *out = w;
    return VQZ_OK;
}

static vqz_status nut_rows(image_writer *w, const image_rows *rows, vqz_error *e) {
    for (uint32_t i = 0; i < rows->count; i++)
        if (!sink_write(w->out, rows->pixels + (ptrdiff_t)i * rows->stride, (size_t)w->width * (size_t)w->layout)) return sink_failed(w->out, e);
    return VQZ_OK;
}

static vqz_status nut_finish(image_writer *w, vqz_error *e) { return w->out->error ? sink_failed(w->out, e) : VQZ_OK; }

const image_writer_ops image_nut_writer = {nut_open, nut_rows, nut_finish, nut_close};
