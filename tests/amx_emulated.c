/* The AMX kernels with the tile instructions replaced by plain C after Intel's description of them: everything but the instructions
 * themselves runs on any processor with AVX-512 VNNI. */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static struct {
    unsigned rows[8], row_bytes[8];
    uint8_t data[8][16][64];
} tiles;      /* test_kernels has one thread */

/* Out of range: the processor would raise an exception. */
static void need(int condition) {
    if (!condition) __builtin_trap();
}

static void load_config(const void *from) {
    const uint8_t *c = from;
    need(c[0] == 1 && c[1] == 0);
    for (unsigned i = 2; i < 64; i++) need(!((i < 16 || (i >= 32 && i < 48) || i >= 56) && c[i]));
    memset(&tiles, 0, sizeof tiles);
    for (unsigned t = 0; t < 8; t++) {
        tiles.row_bytes[t] = c[16 + 2 * t] + 256u * c[17 + 2 * t];
        tiles.rows[t] = c[48 + t];
        need(tiles.rows[t] >= 1 && tiles.rows[t] <= 16 && tiles.row_bytes[t] >= 1 && tiles.row_bytes[t] <= 64);
    }
}

static void load(unsigned t, const void *from, ptrdiff_t stride) {
    need(tiles.rows[t] != 0);
    memset(tiles.data[t], 0, sizeof tiles.data[t]);
    for (unsigned r = 0; r < tiles.rows[t]; r++) memcpy(tiles.data[t][r], (const uint8_t *)from + (ptrdiff_t)r * stride, tiles.row_bytes[t]);
}

static void store_tile(unsigned t, void *to, ptrdiff_t stride) {
    need(tiles.rows[t] != 0);
    for (unsigned r = 0; r < tiles.rows[t]; r++) memcpy((uint8_t *)to + (ptrdiff_t)r * stride, tiles.data[t][r], tiles.row_bytes[t]);
}

/* c[m][n] += sum over k, i of a[m][4k + i] (unsigned) * b[k][4n + i] (signed), modulo 2^32. */
static void multiply(unsigned c, unsigned a, unsigned b) {
    need(tiles.rows[c] == tiles.rows[a] && tiles.row_bytes[c] == tiles.row_bytes[b] && tiles.row_bytes[a] == 4 * tiles.rows[b]);
    for (unsigned m = 0; m < tiles.rows[c]; m++)
        for (unsigned n = 0; n < tiles.row_bytes[c] / 4; n++) {
            uint32_t sum;
            memcpy(&sum, tiles.data[c][m] + 4 * n, 4);
            for (unsigned k = 0; k < tiles.rows[b]; k++)
                for (unsigned i = 0; i < 4; i++) sum += (uint32_t)(tiles.data[a][m][4 * k + i] * (int8_t)tiles.data[b][k][4 * n + i]);
            memcpy(tiles.data[c][m] + 4 * n, &sum, 4);
        }
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbusd
#define _tile_loadconfig(from) load_config(from)
#define _tile_release() memset(&tiles, 0, sizeof tiles)
#define _tile_loadd(t, from, stride) load(t, from, (ptrdiff_t)(stride))
#define _tile_stored(t, to, stride) store_tile(t, to, (ptrdiff_t)(stride))
#define _tile_dpbusd(c, a, b) multiply(c, a, b)
#define vqz_kernels_amx vqz_kernels_amx_emulated
#include "codec/nn/kernels_amx.c"
