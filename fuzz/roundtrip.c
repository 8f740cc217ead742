/* Settings and a picture from the input -> encode -> decode. What the encoder promises must hold: the file is valid, sizes, layout and metadata
 * come back, alpha is exact, the error keeps to the target of the quality, and neither threads nor kernels change a byte. */
#include "codec/residual.h"
#include "format/buffer.h"
#include "fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

typedef struct plan {
    vqz_settings settings;
    vqz_image_info info;
    unsigned model;
    uint32_t rows;               /* per call */
    bool upside_down;            /* rows are sent from memory in the other order */
} plan;

static const uint8_t blob[3000] = "II*";

static plan plan_of(fuzz_bytes *in) {
    plan p = {.rows = 1 + fuzz_byte(in) % 40u};
    unsigned flags = fuzz_byte(in), meta = fuzz_byte(in);
    vqz_settings_init(&p.settings);
    p.model = flags % 16 == 15 ? FUZZ_SMALL_MODELS : flags % FUZZ_SMALL_MODELS;
    p.upside_down = flags & 16;
    p.settings.pixel_hash = flags >> 5 & 1;
    p.settings.tune = flags >> 6 & 1;
    p.settings.tile_size = flags & 128 ? 128 : 0;
    p.settings.quality = (float)fuzz_below(in, 1601) / 16;
    p.settings.effort = fuzz_byte(in) % 6;
    p.settings.threads = 1;
    p.settings.max_memory = 256 << 20;
    p.info.layout = (vqz_layout)(1 + meta % 4);
    p.info.orientation = meta >> 2 & 7;
    p.info.width = 1 + fuzz_byte(in);
    p.info.height = 1 + 2u * fuzz_byte(in);      /* three rows of tiles, and so rows that are dropped in between */
    uint32_t most = p.model == FUZZ_SMALL_MODELS ? 1024 : 4096;
    if (p.info.width * p.info.height > most) p.info.height = 1 + (most - 1) / p.info.width;
    if (meta & 32) memset(p.info.cicp, 1 + fuzz_byte(in) % 9, 4);
    if (meta & 64) p.info.meta = (vqz_metadata){.icc = blob, .icc_size = 1 + fuzz_below(in, sizeof blob), .exif = blob, .exif_size = 1 + fuzz_byte(in)};
    if (meta & 128) {
        p.info.meta.xmp = in->data;
        p.info.meta.xmp_size = in->size;
    }
    return p;
}

/* A few kinds of content: noise of few or many values, flat areas with a ramp. */
static uint8_t *picture_of(const plan *p, fuzz_bytes *in) {
    size_t n = (size_t)p->info.width * p->info.height * p->info.layout;
    uint8_t *pixels = malloc(n), kind = fuzz_byte(in), v = 0;
    FUZZ_CHECK(pixels);
    for (size_t i = 0; i < n; i++) {
        if (kind & 1 || i % 16 == 0) v = fuzz_byte(in);
        pixels[i] = (uint8_t)(kind & 2 ? v & 128 ? 255 : 0 : kind & 4 ? v + i : v);
    }
    return pixels;
}

/* False: refinement is not for this model. */
static bool encode(const plan *p, const vqz_settings *s, const uint8_t *pixels, vqz_buffer *file) {
    vqz_encoder *enc;
    vqz_status st;
    const uint8_t *data;
    size_t n;
    const ptrdiff_t stride = (ptrdiff_t)p->info.width * (ptrdiff_t)p->info.layout;
    vqz_error e = {0};
    st = vqz_encoder_open(&enc, s, fuzz_model(p->model), &e);
    if (st == VQZ_ERR_UNSUPPORTED && s->effort > 4) return false;
    if (st != VQZ_OK) fuzz_failed(e.text, __FILE__, __LINE__);
    FUZZ_CHECK(vqz_encoder_begin(enc, &p->info) == VQZ_OK);
    uint32_t y = 0;
    while ((st = vqz_encoder_receive(enc, &data, &n)) == VQZ_OK || st == VQZ_AGAIN) {
        if (st == VQZ_OK) FUZZ_CHECK(vqz_buffer_append(file, data, n, NULL) == VQZ_OK);
        if (st != VQZ_AGAIN) continue;
        uint32_t rows = p->rows < p->info.height - y ? p->rows : p->info.height - y;
        FUZZ_CHECK(rows);
        const uint8_t *from = pixels + (ptrdiff_t)(p->upside_down ? p->info.height - 1 - y : y) * stride;
        FUZZ_CHECK(vqz_encoder_send_rows(enc, from, p->upside_down ? -stride : stride, rows) == VQZ_OK);
        y += rows;
    }
    if (st != VQZ_END) fuzz_failed(vqz_encoder_error(enc)->text, __FILE__, __LINE__);
    FUZZ_CHECK(y == p->info.height);
    vqz_encoder_close(enc);
    return true;
}

static void check_info(const plan *p, const vqz_file_info *f) {
    const vqz_image_info *a = &p->info, *b = &f->image;
    FUZZ_CHECK(a->width == b->width && a->height == b->height && a->layout == b->layout);
    FUZZ_CHECK(b->orientation == (a->orientation ? a->orientation : 1) && memcmp(a->cicp, b->cicp, sizeof a->cicp) == 0);
    FUZZ_CHECK(a->meta.icc_size == b->meta.icc_size && a->meta.exif_size == b->meta.exif_size && a->meta.xmp_size == b->meta.xmp_size);
    if (a->meta.icc_size) FUZZ_CHECK(memcmp(a->meta.icc, b->meta.icc, a->meta.icc_size) == 0);
    if (a->meta.exif_size) FUZZ_CHECK(memcmp(a->meta.exif, b->meta.exif, a->meta.exif_size) == 0);
    if (a->meta.xmp_size) FUZZ_CHECK(memcmp(a->meta.xmp, b->meta.xmp, a->meta.xmp_size) == 0);
    FUZZ_CHECK(f->quality_x16 == (uint32_t)(p->settings.quality * 16 + 0.5f));
    FUZZ_CHECK(memcmp(f->model_id, fuzz_model_id(p->model), VQZ_MODEL_ID_SIZE) == 0);
}

static void decode(const plan *p, const vqz_settings *s, const vqz_buffer *file, uint8_t *pixels) {
    vqz_decoder *d;
    vqz_file_info info;
    vqz_band band;
    vqz_status st;
    size_t row = (size_t)p->info.width * p->info.layout;
    FUZZ_CHECK(vqz_decoder_open(&d, s, NULL) == VQZ_OK && vqz_decoder_add_model(d, fuzz_model(p->model)) == VQZ_OK);
    FUZZ_CHECK(vqz_decoder_send(d, file->data, file->size) == VQZ_OK);
    FUZZ_CHECK(vqz_decoder_info(d, &info) == VQZ_OK);
    check_info(p, &info);
    while ((st = vqz_decoder_receive(d, &band)) == VQZ_OK)
        for (uint32_t i = 0; i < band.rows; i++) memcpy(pixels + (band.y + i) * row, band.pixels + (ptrdiff_t)i * band.stride, row);
    if (st != VQZ_END) fuzz_failed(vqz_decoder_error(d)->text, __FILE__, __LINE__);
    vqz_decoder_close(d);
}

static void check_pixels(const plan *p, const uint8_t *sent, const uint8_t *got) {
    const unsigned n = p->info.layout, alpha = n == VQZ_GRAYA || n == VQZ_RGBA;
    const size_t row = (size_t)p->info.width * n;
    uint64_t sum = 0;
    for (uint32_t y = 0; y < p->info.height; y++)
        for (size_t i = 0; i < row; i++) {
            int a = sent[(p->upside_down ? p->info.height - 1 - y : y) * row + i], b = got[y * row + i];
            if (alpha && i % n == n - 1) FUZZ_CHECK(a == b);
            sum += (uint64_t)((a - b) * (a - b));
        }
    uint32_t target = vqz_residual_target((uint32_t)(p->settings.quality * 16 + 0.5f));
    if (target && !alpha) FUZZ_CHECK(sum * 16 <= (uint64_t)target * row * p->info.height);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_bytes in = {.data = data, .size = size};
    fuzz_budget b = fuzz_begin();
    if (size < 10) return 0;
    vqz_memory mem;
    vqz_memory_init(&mem, 64 << 20);
    vqz_buffer file = {.mem = &mem}, other = {.mem = &mem};
    plan p = plan_of(&in);
    uint8_t *pixels = picture_of(&p, &in), *back = malloc((size_t)p.info.width * p.info.height * p.info.layout);
    FUZZ_CHECK(back);
    if (!encode(&p, &p.settings, pixels, &file)) {
        p.settings.effort -= 4;
        FUZZ_CHECK(encode(&p, &p.settings, pixels, &file));
    }
    decode(&p, &p.settings, &file, back);
    check_pixels(&p, pixels, back);
    vqz_settings s = p.settings;
    s.threads = 3;
    s.cpu = p.settings.effort <= 4 ? VQZ_CPU_SCALAR : VQZ_CPU_AUTO;
    p.rows = p.info.height;
    FUZZ_CHECK(encode(&p, &s, pixels, &other));
    FUZZ_CHECK(file.size == other.size && memcmp(file.data, other.data, file.size) == 0);
    vqz_buffer_free(&file);
    vqz_buffer_free(&other);
    free(pixels);
    free(back);
    FUZZ_CHECK(mem.used == 0);
    fuzz_end(&b, size, 65536, 500000);
    return 0;
}
