/* vqz-spec-decoder MODEL.vqzm IN.vqz OUT.pam */
#include "decoder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void require(bool good, enum status status, const char *what, const char *why) {
    static const char *const names[] = {"ARGUMENT", "MEMORY", "LIMIT", "SIGNATURE", "VERSION", "TRUNCATED", "CHECKSUM",
                                        "CORRUPT", "HASH", "MODEL_UNKNOWN", "MODEL_INVALID"};
    if (good)
        return;
    fprintf(stderr, "vqz-spec-decoder: %s (%d): %s %s\n", names[status - ARGUMENT], (int)status, what, why);
    exit((int)status);
}

/* ---- memory: a stack of blocks ---- */
static struct { void **block; size_t used, room; } memory;

void *take(size_t count, size_t size) {
    if (memory.used == memory.room) {
        memory.room = 2 * memory.room + 64;
        void **more = realloc(memory.block, memory.room * sizeof *more);
        require(more != NULL, MEMORY, "the list of blocks", "does not fit");
        memory.block = more;
    }
    bool fits = count <= SIZE_MAX / size && count <= ((uint64_t)1 << 32) / size;   /* 4 GiB a block at most */
    void *p = fits ? calloc(count + !count, size) : NULL;
    require(p != NULL, MEMORY, "the file", "takes more memory than there is");
    return memory.block[memory.used++] = p;
}

size_t mark(void) { return memory.used; }

void release(size_t scope) {
    while (memory.used > scope)
        free(memory.block[--memory.used]);
}

/* ---- files ---- */
static struct bytes read_file(const char *name) {
    FILE *f = fopen(name, "rb");
    require(f && fseek(f, 0, SEEK_END) == 0, ARGUMENT, name, "cannot be read");
    long size = ftell(f);
    require(size >= 0 && fseek(f, 0, SEEK_SET) == 0, ARGUMENT, name, "cannot be read");
    uint8_t *p = take((size_t)size, 1);
    require(fread(p, 1, (size_t)size, f) == (size_t)size, ARGUMENT, name, "cannot be read");
    (void)fclose(f);
    return (struct bytes){p, (size_t)size, TRUNCATED, name};
}

static void write_picture(FILE *f, const char *name, const struct picture *pic, const uint8_t *samples, size_t size) {
    static const char *const types[] = {"GRAYSCALE", "GRAYSCALE_ALPHA", "RGB", "RGB_ALPHA"};
    fprintf(f, "P7\nWIDTH %u\nHEIGHT %u\nDEPTH %u\nMAXVAL 255\nTUPLTYPE %s\nENDHDR\n", (unsigned)pic->width,
            (unsigned)pic->height, (unsigned)pic->samples, types[pic->samples - 1]);
    require(fwrite(samples, 1, size, f) == size, ARGUMENT, name, "cannot be written");
}

static void decode_frame(const struct model *m, const struct picture *pic, uint8_t *samples, size_t size) {
    struct tensor latents = new_tensor(ceil_div(pic->height, 16), ceil_div(pic->width, 16), m->C);
    struct bytes *pixels = take((size_t)pic->nx * pic->ny, sizeof *pixels);
    for (uint32_t i = 0; i < pic->nx * pic->ny; i++) {
        pixels[i] = split_payload(&pic->payload[LATENTS][i]);
        if (pic->payload[LATENTS][i].left)
            decode_latents(m, pic->payload[LATENTS][i], tile_rectangle(pic, i), &latents);
        if (pic->payload[ALPHA])
            decode_alpha(pic, pic->payload[ALPHA][i], tile_rectangle(pic, i), samples);
    }
    synthesize(m, pic, &latents, samples);
    for (uint32_t i = 0; i < pic->nx * pic->ny; i++)
        if (pixels[i].left)
            decode_exact(pic, pixels[i], tile_rectangle(pic, i), samples);
    for (uint32_t i = 0; pic->has_residual && i < pic->nx * pic->ny; i++)
        decode_residual(pic, pic->payload[RESIDUAL][i], tile_rectangle(pic, i), samples);
    require(!pic->has_hash || xxh64(samples, size) == pic->hash, HASH, "the picture", "differs from its hash in PHSH");
}

int main(int argc, char **argv) {
    static struct model m;
    static struct picture pic;
    require(argc == 4, ARGUMENT, "usage:", "vqz-spec-decoder MODEL.vqzm IN.vqz OUT.pam");
    read_model(&m, read_file(argv[1]));
    read_start(&pic, read_file(argv[2]));
    require(memcmp(m.id, pic.model_id, 16) == 0, MODEL_UNKNOWN, "the file", "was made with another model");
    FILE *f = NULL;
    size_t size = (size_t)pic.width * pic.height * pic.samples;
    while (read_frame()) {   /* one picture behind the other */
        size_t scope = mark();
        uint8_t *samples = take(size, 1);
        decode_frame(&m, &pic, samples, size);
        require(f || (f = fopen(argv[3], "wb")), ARGUMENT, argv[3], "cannot be written");
        write_picture(f, argv[3], &pic, samples, size);
        release(scope);
    }
    require(f && fclose(f) == 0, ARGUMENT, argv[3], "cannot be written");
    release(0);
    free(memory.block);
    return 0;
}
