/* The decoder through the public API: whole pictures, in pieces whose size the input chooses, strict and partial. What it delivers may
 * depend neither on the pieces nor on threads or kernels, and a file without errors looks the same in partial mode. */
#include "fuzz/fuzz.h"
#include <string.h>
#include <xxhash.h>

enum { MOST_PIXELS = 1 << 16 };

typedef struct outcome {
    vqz_status status;
    uint64_t content, pixels;
    uint32_t unverified, macs;
} outcome;

static void take_info(vqz_decoder *d, outcome *o, vqz_file_info *info) {
    FUZZ_CHECK(info->image.width && info->image.height && info->tiles_x && info->tiles_y);
    o->pixels = (uint64_t)info->image.width * info->image.height;
    FUZZ_CHECK(o->pixels <= MOST_PIXELS);
    vqz_file_info again;
    FUZZ_CHECK(vqz_decoder_info(d, &again) == VQZ_OK && memcmp(again.model_id, info->model_id, sizeof again.model_id) == 0);
    for (unsigned i = 0; i < FUZZ_MODELS; i++)
        if (memcmp(info->model_id, fuzz_model_id(i), VQZ_MODEL_ID_SIZE) == 0) {
            vqz_model_info m;
            vqz_model_get_info(fuzz_model(i), &m);
            o->macs = m.mac_per_pixel_decode;
            FUZZ_CHECK(info->peak_memory > 0);
        }
}

static outcome run(const uint8_t *data, size_t size, size_t step, const vqz_settings *settings) {
    vqz_decoder *d;
    vqz_error e;
    vqz_file_info info = {0};
    outcome o = {0};
    XXH64_hash_t content = 0;
    uint32_t rows = 0;
    size_t at = 0;
    bool head = false, flushed = false;
    FUZZ_CHECK(vqz_decoder_open(&d, settings, &e) == VQZ_OK);
    for (unsigned i = 0; i < FUZZ_MODELS; i++) FUZZ_CHECK(vqz_decoder_add_model(d, fuzz_model(i)) == VQZ_OK);
    do {
        vqz_band band;
        o.status = head ? vqz_decoder_receive(d, &band) : vqz_decoder_info(d, &info);
        if (o.status == VQZ_AGAIN) {
            size_t n = step < size - at ? step : size - at;
            FUZZ_CHECK(!flushed);
            o.status = n ? vqz_decoder_send(d, data + at, n) : vqz_decoder_flush(d);
            flushed = !n;
            at += n;
        } else if (o.status == VQZ_OK && !head) {
            head = true;
            take_info(d, &o, &info);
        } else if (o.status == VQZ_OK) {
            size_t bytes = (size_t)info.image.width * info.image.layout;
            FUZZ_CHECK(band.y == rows && band.rows && band.rows <= info.image.height - rows);
            for (uint32_t i = 0; i < band.rows; i++) content = XXH64(band.pixels + (ptrdiff_t)i * band.stride, bytes, content);
            rows += band.rows;
            o.unverified += band.unverified_tiles;
        }
    } while (o.status == VQZ_OK);
    if (o.status == VQZ_END) FUZZ_CHECK(rows == info.image.height);
    else fuzz_check_error(o.status, vqz_decoder_error(d));
    o.content = content;
    vqz_decoder_close(d);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint16_t steps[] = {1, 3, 16, 61, 256, 1024, 4096};
    vqz_settings s;
    vqz_settings_init(&s);
    uint8_t pick = size ? data[size - 1] : 0, how = size > 1 ? data[size - 2] : 0;      /* bytes of a crc, or behind the file */
    s.max_pixels = MOST_PIXELS;
    s.threads = 1;
    s.verify = how & 1;
    fuzz_budget b = fuzz_begin();
    outcome whole = run(data, size, size ? size : 1, &s);
    s.threads = how & 0x70 ? 1 : 3;
    if (how & 2) s.cpu = VQZ_CPU_SCALAR;
    outcome pieces = run(data, size, steps[pick % 7], &s);
    FUZZ_CHECK(whole.status == pieces.status && whole.content == pieces.content && whole.unverified == pieces.unverified);
    s.partial = 1;
    outcome part = run(data, size, steps[pick / 7 % 7], &s);
    if (whole.status == VQZ_END) FUZZ_CHECK(part.status == VQZ_END && part.content == whole.content && !part.unverified);
    fuzz_end(&b, size, whole.pixels > part.pixels ? whole.pixels : part.pixels, whole.macs > part.macs ? whole.macs : part.macs);
    return 0;
}
