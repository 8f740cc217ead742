/* The model loader. A model that it takes must keep its promise, that no sum overflows: a picture made of the input is encoded and decoded with
 * it, which a sanitizer watches, with the plainest kernels and with the fastest, which must agree. */
#include "codec/model/model.h"
#include "fuzz/fuzz.h"
#include <string.h>

enum { WIDTH = 37, HEIGHT = 21, MOST_FILE = 1 << 16, MOST_MACS = 1 << 16 };

/* Bytes of the file; 0 where it had more than MOST_FILE. */
static size_t encode(vqz_model *m, const vqz_settings *s, const uint8_t *pixels, uint8_t *file) {
    vqz_encoder *enc;
    const uint8_t *data;
    size_t size = 0, n;
    vqz_error e;
    vqz_image_info info = {.width = WIDTH, .height = HEIGHT, .layout = VQZ_RGB};
    FUZZ_CHECK(vqz_encoder_open(&enc, s, m, &e) == VQZ_OK);
    vqz_status st = vqz_encoder_begin(enc, &info);
    if (st == VQZ_OK) st = vqz_encoder_send_rows(enc, pixels, WIDTH * 3, HEIGHT);
    while (st == VQZ_OK && (st = vqz_encoder_receive(enc, &data, &n)) == VQZ_OK && n <= MOST_FILE - size) {
        memcpy(file + size, data, n);
        size += n;
    }
    if (st != VQZ_END && st != VQZ_OK) fuzz_check_error(st, vqz_encoder_error(enc));
    vqz_encoder_close(enc);
    return st == VQZ_END ? size : 0;
}

static void decode(vqz_model *m, const vqz_settings *s, const uint8_t *file, size_t size, uint8_t *pixels) {
    vqz_decoder *d;
    vqz_band band;
    vqz_status st;
    FUZZ_CHECK(vqz_decoder_open(&d, s, NULL) == VQZ_OK && vqz_decoder_add_model(d, m) == VQZ_OK && vqz_decoder_send(d, file, size) == VQZ_OK);
    while ((st = vqz_decoder_receive(d, &band)) == VQZ_OK)
        for (uint32_t i = 0; i < band.rows; i++) memcpy(pixels + (size_t)(band.y + i) * WIDTH * 3, band.pixels + (ptrdiff_t)i * band.stride, WIDTH * 3);
    if (st != VQZ_END) fuzz_failed(vqz_decoder_error(d)->text, __FILE__, __LINE__);
    vqz_decoder_close(d);
}

static void use(vqz_model *m, const uint8_t *data, size_t size) {
    static uint8_t original[WIDTH * HEIGHT * 3], pixels[2][WIDTH * HEIGHT * 3], file[2][MOST_FILE];
    fuzz_bytes in = {.data = data, .size = size, .at = size > 64 ? size - 64 : 0};
    vqz_settings s;
    size_t n[2];
    vqz_settings_init(&s);
    s.threads = 1;
    s.effort = fuzz_byte(&in) % 5;
    s.quality = (float)fuzz_below(&in, 101);
    s.max_memory = 64 << 20;
    bool harsh = fuzz_byte(&in) & 1;
    for (size_t i = 0; i < sizeof original; i++) original[i] = harsh ? fuzz_byte(&in) & 1 ? 255 : 0 : fuzz_byte(&in);
    for (int i = 0; i < 2; i++) {
        s.cpu = i ? VQZ_CPU_AUTO : VQZ_CPU_SCALAR;
        n[i] = encode(m, &s, original, file[i]);
        if (n[i]) decode(m, &s, file[i], n[i], pixels[i]);
    }
    FUZZ_CHECK(n[0] == n[1] && memcmp(file[0], file[1], n[0]) == 0);
    if (n[0]) FUZZ_CHECK(memcmp(pixels[0], pixels[1], sizeof pixels[0]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vqz_model *m;
    vqz_error e;
    vqz_model_info info = {0};
    fuzz_budget b = fuzz_begin();
    vqz_status s = vqz_model_open(&m, data, size, &e);
    if (s == VQZ_OK) {
        vqz_model_get_info(m, &info);
        FUZZ_CHECK(info.size == size && info.name && info.version && info.licence && info.provenance && info.levels >= 1 && info.levels <= VQZ_MAX_LEVELS);
        if (info.mac_per_pixel_encode <= MOST_MACS && info.mac_per_pixel_decode <= MOST_MACS) use(m, data, size);
    } else {
        fuzz_check_error(s, &e);
        FUZZ_CHECK(!m);
    }
    vqz_model_unref(m);
    fuzz_end(&b, size * 16, WIDTH * HEIGHT * 16, (uint64_t)info.mac_per_pixel_encode * 2);
    return 0;
}
