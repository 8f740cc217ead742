/* One picture reader of the program (FUZZ_READER), from memory or, where the last byte is odd, from a file; then the picture upright. */
#include "cli/image.h"
#include "cli/orientation.h"
#include "fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST_PIXELS = 1 << 18, MOST_MEMORY = 32 << 20 };
#define NAME_(format) image_##format##_reader
#define NAME(format) NAME_(format)

static uint8_t touched;

static vqz_status load(source *in, const image_config *config, vqz_error *e, uint64_t *pixels) {
    image_reader *r = NULL;
    image im = {0};
    vqz_status s = image_reader_open_as(&NAME(FUZZ_READER), &r, in, config, e);
    if (s != VQZ_OK) return s;
    const vqz_metadata *m = &r->info.meta;
    *pixels = (uint64_t)r->info.width * r->info.height;
    FUZZ_CHECK(*pixels && *pixels <= MOST_PIXELS && r->info.layout >= VQZ_GRAY && r->info.layout <= VQZ_RGBA);
    FUZZ_CHECK(strlen(r->note) < sizeof r->note);
    for (size_t i = 0; i < m->icc_size; i++) touched ^= m->icc[i];
    for (size_t i = 0; i < m->xmp_size; i++) touched ^= m->xmp[i];
    if (m->exif_size) r->info.orientation = exif_orientation(m->exif, m->exif_size);
    s = image_load(&im, r, config, e);
    if (s == VQZ_OK) {
        uint32_t w = im.info.width, h = im.info.height;
        bool turned = im.info.orientation >= 5;
        FUZZ_CHECK(orientation_apply(&im, config, e) == VQZ_OK);
        FUZZ_CHECK(im.info.width == (turned ? h : w) && im.info.height == (turned ? w : h));
        for (size_t i = 0; i < im.stride * im.info.height; i++) touched ^= im.pixels[i];
        image_free(&im);
    }
    image_reader_close(r);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    image_config config = {.png_level = 1};
    source in;
    vqz_error e = {0};
    uint64_t pixels = 0;
    int fd = -1;
    if (NAME(FUZZ_READER).library) FUZZ_CHECK(lazy_load(NAME(FUZZ_READER).library, &e) == VQZ_OK);
    if (!NAME(FUZZ_READER).probe(data, size < 16 ? size : 16)) return 0;
    fuzz_budget b = fuzz_begin();
    vqz_settings_init(&config.settings);
    config.settings.max_pixels = MOST_PIXELS;
    config.settings.max_memory = MOST_MEMORY;
    if (data[size - 1] & 1) {
        char path[32];
        fd = memfd_create("fuzz", 0);
        FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        FUZZ_CHECK(source_open(&in, path, &e) == VQZ_OK);
    } else source_open_memory(&in, data, size);
    source_peek(&in, 16);        /* as image_reader_open does */
    vqz_status s = load(&in, &config, &e, &pixels);
    if (s != VQZ_OK) fuzz_check_error(s, &e);
    source_close(&in);
    if (fd >= 0) close(fd);
    fuzz_end(&b, size, pixels, 0);
    return 0;
}
