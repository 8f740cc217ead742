/* The demuxer on arbitrary bytes, in both modes, in pieces whose size the input chooses. With -DFUZZ_MAIN a program that runs the
 * files named as arguments, else an entry for libFuzzer. */
#include "format/format.h"
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const uint8_t *data, size_t size, size_t step, bool partial) {
    vqz_memory mem;
    vqz_demux *d;
    vqz_event ev;
    uint64_t tiles = 0;
    volatile uint8_t sum = 0;   /* touches what is delivered, so that the sanitizers see it */
    vqz_memory_init(&mem, 64 << 20);
    if (vqz_demux_create(&d, &mem, VQZ_MAX_PIXELS, NULL) != VQZ_OK) abort();
    for (size_t pos = 0;;) {
        vqz_status s = vqz_demux_next(d, &ev, partial, NULL);
        if (s == VQZ_AGAIN) {
            size_t n = size - pos < step ? size - pos : step;
            if (!n) vqz_demux_flush(d);
            else if (vqz_demux_send(d, data + pos, n, NULL) != VQZ_OK) break;
            pos += n;
            continue;
        }
        if (s != VQZ_OK) break;
        if (ev.kind == VQZ_EV_TILE) {
            for (size_t i = 0; i < ev.tile.size; i++) sum = (uint8_t)(sum + ev.tile.payload[i]);
            tiles++;
        }
        if (ev.kind == VQZ_EV_HEAD) {
            for (size_t i = 0; i < ev.meta->icc_size; i++) sum = (uint8_t)(sum + ev.meta->icc[i]);
            vqz_grid g = vqz_grid_of(ev.head);
            uint32_t x, y, w, h;
            vqz_grid_rect(ev.head, g.nx - 1, g.ny - 1, &x, &y, &w, &h);
            if (x + w != ev.head->width || y + h != ev.head->height) abort();
        }
    }
    if (tiles > size / 14) abort();   /* 12 bytes of frame, 1 of key, 1 of payload, none delivered twice */
    vqz_demux_free(d);
    if (mem.used) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t step = size ? 1 + data[size - 1] : 1;
    run(data, size, step, false);
    run(data, size, step, true);
    return 0;
}

#ifdef FUZZ_MAIN
int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        size_t size = 0, room = 1 << 16, n;
        uint8_t *data = malloc(room);
        while (f && data && (n = fread(data + size, 1, room - size, f)) > 0) {
            size += n;
            if (size == room) data = realloc(data, room *= 2);
        }
        if (!f || !data) {
            fprintf(stderr, "%s cannot be read\n", argv[i]);
            return 1;
        }
        fclose(f);
        LLVMFuzzerTestOneInput(data, size);
        free(data);
    }
    return 0;
}
#endif
