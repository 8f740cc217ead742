/* vqz-spec-decoder MODEL.vqzm IN.vqz OUT.pam */
#include "inter.h"
#include <stdio.h>

void require(bool good, enum status status, const char *what, const char *why) {
    static const char *const names[] = {"ARGUMENT", "MEMORY", "LIMIT", "SIGNATURE", "VERSION", "TRUNCATED", "CHECKSUM",
                                        "CORRUPT", "HASH", "MODEL_UNKNOWN", "MODEL_INVALID", "", "", "", "REFERENCE"};
    if (good)
        return;
    fprintf(stderr, "vqz-spec-decoder: %s (%d): %s %s\n", names[status - ARGUMENT], (int)status, what, why);
    exit((int)status);
}

/* ---- memory: a stack of blocks of up to 4 GiB, each behind a link to the one before ---- */
static union block { union block *before; uint64_t align; } *last;

void *take(size_t count, size_t size) {
    union block *b = count <= (UINT32_MAX - sizeof *b) / size ? calloc(1, sizeof *b + count * size) : NULL;
    require(b != NULL, MEMORY, "the file", "takes more memory than there is");
    b->before = last;
    last = b;
    return b + 1;
}

void *mark(void) { return last; }

void release(const void *scope) {
    while (last != scope) {
        union block *before = last->before;
        free(last);
        last = before;
    }
}

static struct bytes read_file(const char *name) {
    FILE *f = fopen(name, "rb");
    long size = f && fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    require(size >= 0 && fseek(f, 0, SEEK_SET) == 0, ARGUMENT, name, "cannot be read");
    uint8_t *p = take((size_t)size, 1);
    require(fread(p, 1, (size_t)size, f) == (size_t)size, ARGUMENT, name, "cannot be read");
    (void)fclose(f);
    return (struct bytes){p, (size_t)size, TRUNCATED, name};
}

static void decode_frame(const struct model *m, const struct picture *pic) {
    struct tensor latents = new_tensor(ceil_div(pic->height, 16), ceil_div(pic->width, 16), m->C);
    for (uint32_t i = 0; i < pic->nx * pic->ny; i++) {
        void *scope = mark();
        decode_latents(m, pic->payload[LATENTS][i], tile_rectangle(pic, i), &latents);
        if (pic->has[ALPHA])
            decode_alpha(pic, pic->payload[ALPHA][i], tile_rectangle(pic, i));
        release(scope);
    }
    for (uint32_t i = 0; i < pic->nx * pic->ny; i++) {
        void *scope = mark();
        synthesize(m, pic, tile_rectangle(pic, i), &latents);
        decode_exact(pic, pic->payload[LATENTS][i], tile_rectangle(pic, i));
        if (pic->has[RESIDUAL])
            decode_residual(pic, pic->payload[RESIDUAL][i], tile_rectangle(pic, i));
        release(scope);
    }
}

int main(int argc, char **argv) {
    static const char *const types[] = {"GRAYSCALE", "GRAYSCALE_ALPHA", "RGB", "RGB_ALPHA"};
    static struct model m;
    static struct picture pic;
    require(argc == 4, ARGUMENT, "usage:", "vqz-spec-decoder MODEL.vqzm IN.vqz OUT.pam");
    read_model(&m, read_file(argv[1]));
    read_start(&pic, read_file(argv[2]));
    require(memcmp(m.id, pic.model_id, 16) == 0, MODEL_UNKNOWN, "the file", "was made with another model");
    inter_open(&m, &pic);
    FILE *f = NULL;
    size_t size = (size_t)pic.width * pic.height * pic.depth;
    while (read_frame()) {   /* one picture behind the other */
        void *scope = mark();
        pic.samples = take(size, 1);
        decode_frame(&m, &pic);
        inter_keep();
        require(!pic.has_hash || xxh64(pic.samples, size) == pic.hash, HASH, "the picture", "differs from its hash");
        require(f || (f = fopen(argv[3], "wb")), ARGUMENT, argv[3], "cannot be written");
        fprintf(f, "P7\nWIDTH %u\nHEIGHT %u\nDEPTH %u\nMAXVAL 255\nTUPLTYPE %s\nENDHDR\n", (unsigned)pic.width,
                (unsigned)pic.height, (unsigned)pic.depth, types[pic.depth - 1]);
        require(fwrite(pic.samples, 1, size, f) == size, ARGUMENT, argv[3], "cannot be written");
        release(scope);
    }
    require(f && fclose(f) == 0, ARGUMENT, argv[3], "cannot be written");
    return 0;
}
