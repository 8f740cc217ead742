/* The input chooses the symbols of a picture's tiles; any choice makes a valid file. It must decode, to the latents that its hash says, and to the
 * same pixels with the plainest kernels and with others. Input: model and layout, width, height, quality (2 bytes), then for each tile what
 * tile.c takes. */
#include "format/format.h"
#include "format/grid.h"
#include "fuzz/tile.h"
#include <string.h>
#include <xxhash.h>

static vqz_head head_of(fuzz_bytes *in, unsigned *model) {
    unsigned pick = fuzz_byte(in);
    vqz_head h = {.orientation = 1, .tile_width = 64, .tile_height = 64};
    *model = pick % 17 < 16 ? pick % FUZZ_SMALL_MODELS : FUZZ_SMALL_MODELS;
    h.layout = (uint8_t)(1 + (pick >> 5) % 4);
    h.width = 1 + fuzz_byte(in) % 160u;
    h.height = 1 + fuzz_byte(in) % 160u;
    if (h.width * h.height > 4096) h.height = 4096 / h.width;
    if (*model == FUZZ_SMALL_MODELS) {
        h.width = 1 + h.width % 33;
        h.height = 1 + h.height % 33;
    }
    h.quality_x16 = (uint16_t)fuzz_below(in, 1601);
    memcpy(h.model_id, fuzz_model_id(*model), sizeof h.model_id);
    return h;
}

/* False: a tile was too long. */
static bool write_tiles(vqz_mux *mux, vqz_memory *mem, const vqz_head *h, unsigned model, fuzz_bytes *in) {
    vqz_grid g = vqz_grid_of(h);
    vqz_buffer payload = {.mem = mem};
    bool ok = true;
    for (uint32_t i = 0; ok && i < g.nx * g.ny; i++) {
        uint32_t x, y, w, ht;
        vqz_grid_rect(h, i % g.nx, i / g.nx, &x, &y, &w, &ht);
        if (vqz_grid_has_layer(h, VQZ_LAYER_ALPHA)) {
            const uint8_t constant[] = {0, fuzz_byte(in)};
            FUZZ_CHECK(vqz_mux_tile(mux, &(vqz_tile_chunk){i, VQZ_LAYER_ALPHA, constant, sizeof constant}, NULL) == VQZ_OK);
        }
        payload.size = 0;
        ok = fuzz_make_tile(fuzz_model(model), ht, w, in, &payload);
        if (ok) FUZZ_CHECK(vqz_mux_tile(mux, &(vqz_tile_chunk){i, VQZ_LAYER_LATENT, payload.data, payload.size}, NULL) == VQZ_OK);
    }
    vqz_buffer_free(&payload);
    return ok;
}

static uint64_t decode(const uint8_t *data, size_t size, unsigned model, uint32_t cpu) {
    vqz_settings s;
    vqz_decoder *d;
    vqz_file_info info;
    vqz_band band;
    vqz_status status;
    XXH64_hash_t hash = 0;
    vqz_settings_init(&s);
    s.threads = 1;
    s.cpu = cpu;
    FUZZ_CHECK(vqz_decoder_open(&d, &s, NULL) == VQZ_OK);
    FUZZ_CHECK(vqz_decoder_add_model(d, fuzz_model(model)) == VQZ_OK);
    FUZZ_CHECK(vqz_decoder_send(d, data, size) == VQZ_OK);
    FUZZ_CHECK(vqz_decoder_flush(d) == VQZ_OK);
    FUZZ_CHECK(vqz_decoder_info(d, &info) == VQZ_OK);
    while ((status = vqz_decoder_receive(d, &band)) == VQZ_OK)
        hash = XXH64(band.pixels, (size_t)band.rows * info.image.width * info.image.layout, hash);
    if (status != VQZ_END) fuzz_failed(vqz_decoder_error(d)->text, __FILE__, __LINE__);
    vqz_decoder_close(d);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vqz_memory mem;
    vqz_mux *mux;
    unsigned model;
    const uint8_t *file;
    size_t n;
    fuzz_bytes in = {.data = data, .size = size};
    fuzz_budget b = fuzz_begin();
    if (size < 8) return 0;
    vqz_memory_init(&mem, 64 << 20);
    FUZZ_CHECK(vqz_mux_create(&mux, &mem, NULL) == VQZ_OK);
    vqz_head h = head_of(&in, &model);
    FUZZ_CHECK(vqz_mux_begin(mux, &h, NULL, NULL) == VQZ_OK);
    if (write_tiles(mux, &mem, &h, model, &in)) {
        FUZZ_CHECK(vqz_mux_end(mux, NULL, NULL) == VQZ_OK);
        vqz_mux_take(mux, &file, &n);
        uint64_t scalar = decode(file, n, model, VQZ_CPU_SCALAR);
        uint32_t cpu = VQZ_CPU_SCALAR + fuzz_byte(&in) % 8u;
        if (!vqz_cpu_name(cpu) || vqz_cpu_pick(cpu) != cpu) cpu = VQZ_CPU_AUTO;
        FUZZ_CHECK(decode(file, n, model, cpu) == scalar);
    }
    vqz_mux_free(mux);
    FUZZ_CHECK(mem.used == 0);
    fuzz_end(&b, size, (uint64_t)h.width * h.height, 100000);
    return 0;
}
