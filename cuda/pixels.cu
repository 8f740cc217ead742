/* Between pixels or planes of latents and the tensors of analysis and synthesis. */
#include "base/pixelmath.h"
#include "cuda/dialect.h"
#include "cuda/launch.h"

enum { THREADS = 128, STEP = 16, BLOCK = STEP * STEP * 3 };
static unsigned blocks(uint64_t threads) { return static_cast<unsigned>((threads + THREADS - 1) / THREADS); }

namespace {
VQZ_DEVICE uint32_t number() { return vqz_block_x() * THREADS + vqz_thread(); }
VQZ_DEVICE int16_t *at(const vqz_cu_view &v, uint32_t y, uint32_t x) { return static_cast<int16_t *>(v.data) + (static_cast<size_t>(y) * v.w + x) * v.stride; }
VQZ_DEVICE uint32_t two(int32_t low, int32_t high) { return vqz_bytes(static_cast<uint32_t>(low), static_cast<uint32_t>(high), 0x5410); }
}

/* Pixels of an area -> first: blocks of 768 (s16), second: cells of 12 (s8). Gray is each of three colours. A thread for 2 x 2 pixels. Beyond the picture its last ones go on. */
VQZ_KERNEL(THREADS) void vqz_pixels_in(const vqz_cu_pixels p) {
    const vqz_cu_area &a = p.area[vqz_block_z()];
    const uint32_t cells = a.w * (STEP / 2), i = number(), cy = i / cells, cx = i - cy * cells;
    if (cy >= a.h * (STEP / 2)) return;
    uint8_t pixel[2][2][3];
    VQZ_UNROLL
    for (unsigned dy = 0; dy < 2; dy++)
        VQZ_UNROLL
        for (unsigned dx = 0; dx < 2; dx++) {
            const uint32_t py = a.y * STEP + cy * 2 + dy, px = a.x * STEP + cx * 2 + dx;
            const uint8_t *from = a.samples + static_cast<size_t>(py < a.height ? py : a.height - 1) * a.row + static_cast<size_t>(px < a.width ? px : a.width - 1) * a.layout;
            for (unsigned c = 0; c < 3; c++) pixel[dy][dx][c] = from[a.layout < 3 ? 0 : c];
        }
    const vqz_cu_view &cell = p.second[vqz_block_z()];
    uint8_t *to = static_cast<uint8_t *>(cell.data) + (static_cast<size_t>(cy) * cell.w + cx) * cell.stride;
    VQZ_UNROLL
    for (unsigned c = 0; c < 3; c++)         /* channel c * 4 + dy * 2 + dx; the sample is the value with its zero point */
        vqz_store(to + 4 * c, pixel[0][0][c] | static_cast<uint32_t>(pixel[0][1][c]) << 8 | static_cast<uint32_t>(pixel[1][0][c]) << 16 | static_cast<uint32_t>(pixel[1][1][c]) << 24);
    int16_t *block = at(p.first[vqz_block_z()], cy / (STEP / 2), cx / (STEP / 2));
    const uint32_t y = cy % (STEP / 2) * 2, x = cx % (STEP / 2) * 2;
    VQZ_UNROLL
    for (unsigned dy = 0; dy < 2; dy++) {
        const uint8_t (&r)[2][3] = pixel[dy];
        int16_t *row = block + ((y + dy) * STEP + x) * 3;
        vqz_store(row, two(r[0][0] - 128, r[0][1] - 128));
        vqz_store(row + 2, two(r[0][2] - 128, r[1][0] - 128));
        vqz_store(row + 4, two(r[1][1] - 128, r[1][2] - 128));
    }
}

/* The area of the plane -> first. A thread for 8 latents. */
VQZ_KERNEL(THREADS) void vqz_take_latents(const vqz_cu_pixels p) {
    const vqz_cu_area &a = p.area[vqz_block_z()];
    const uint32_t units = p.latent_stride / 8, i = number() / units, unit = number() - i * units, y = i / a.w, x = i - y * a.w;
    if (y >= a.h) return;
    const int16_t *from = a.plane + (static_cast<size_t>(a.y + y) * a.pitch + a.x + x) * p.latent_stride;
    vqz_store(at(p.first[vqz_block_z()], y, x) + unit * 8, vqz_load<uint4>(from + unit * 8));
}

/* The tile's part of first (the area's latents) -> the plane and second (the tile alone). A thread for 8 latents. */
VQZ_KERNEL(THREADS) void vqz_give_latents(const vqz_cu_pixels p) {
    const vqz_cu_area &a = p.area[vqz_block_z()];
    const uint32_t units = p.latent_stride / 8, i = number() / units, unit = number() - i * units, y = i / a.tile_w, x = i - y * a.tile_w;
    if (y >= a.tile_h) return;
    const uint4 v = vqz_load<uint4>(at(p.first[vqz_block_z()], a.tile_y + y, a.tile_x + x) + unit * 8);
    vqz_store(a.plane + (static_cast<size_t>(a.y + a.tile_y + y) * a.pitch + a.x + a.tile_x + x) * p.latent_stride + unit * 8, v);
    vqz_store(at(p.second[vqz_block_z()], y, x) + unit * 8, v);
}

/* What first (synthesised samples of the area) misses of second (the area's blocks) -> third (the tile's blocks). A thread for two samples. */
VQZ_KERNEL(THREADS) void vqz_take_missing(const vqz_cu_pixels p) {
    const vqz_cu_area &a = p.area[vqz_block_z()];
    const uint32_t i = number() / (BLOCK / 2), e = (number() - i * (BLOCK / 2)) * 2, y = i / a.tile_w, x = i - y * a.tile_w;
    if (y >= a.tile_h) return;
    const int16_t *from = at(p.second[vqz_block_z()], a.tile_y + y, a.tile_x + x);
    int32_t missing[2];
    for (unsigned k = 0; k < 2; k++) {
        const uint32_t pixel = (e + k) / 3, py = pixel / STEP, px = pixel - py * STEP;
        const int32_t made = at(p.first[vqz_block_z()], (a.tile_y + y) * STEP + py, (a.tile_x + x) * STEP + px)[e + k - pixel * 3];
        missing[k] = vqz_missing(from[e + k], made);
    }
    vqz_store(at(p.third[vqz_block_z()], y, x) + e, two(missing[0], missing[1]));
}

/* first: what the linear path makes of the tile's missing samples; second: of nothing, one position. Onto the plane. A thread for two latents. */
VQZ_KERNEL(THREADS) void vqz_correct(const vqz_cu_pixels p) {
    const vqz_cu_area &a = p.area[vqz_block_z()];
    const uint32_t pairs = p.latent_stride / 2, i = number() / pairs, c = (number() - i * pairs) * 2, y = i / a.tile_w, x = i - y * a.tile_w;
    if (y >= a.tile_h) return;
    int16_t *v = a.plane + (static_cast<size_t>(a.y + a.tile_y + y) * a.pitch + a.x + a.tile_x + x) * p.latent_stride + c;
    const int16_t *d = at(p.first[vqz_block_z()], y, x) + c, *nothing = at(p.second[vqz_block_z()], 0, 0) + c;
    vqz_store(v, two(vqz_corrected(v[0], d[0], nothing[0]), vqz_corrected(v[1], d[1], nothing[1])));
}

/* The tile's part of first (synthesised samples of the area) -> the picture, in its layout; alpha stays. A thread for a pixel. */
VQZ_KERNEL(THREADS) void vqz_pixels_out(const vqz_cu_pixels p) {
    const vqz_cu_area &a = p.area[vqz_block_z()];
    const uint32_t i = number(), w = a.tile_w * STEP, y = i / w, x = i - y * w;
    const uint32_t py = (a.y + a.tile_y) * STEP + y, px = (a.x + a.tile_x) * STEP + x;
    if (y >= a.tile_h * STEP || py >= a.height || px >= a.width) return;
    const int16_t *v = at(p.first[vqz_block_z()], a.tile_y * STEP + y, a.tile_x * STEP + x);
    const uint8_t r = vqz_sample(v[0]), g = vqz_sample(v[1]), b = vqz_sample(v[2]);
    uint8_t *to = a.samples + static_cast<size_t>(py) * a.row + static_cast<size_t>(px) * a.layout;
    if (a.layout < 3) {
        to[0] = vqz_gray(r, g, b);
    } else {
        to[0] = r;
        to[1] = g;
        to[2] = b;
    }
}

int vqz_cu_pixels_in(const vqz_cu_pixels *p, uint32_t positions, void *stream) {
    return VQZ_LAUNCH(vqz_pixels_in, blocks(static_cast<uint64_t>(positions) * (STEP * STEP / 4)), 1, p->areas, THREADS, stream, *p);
}
int vqz_cu_take_latents(const vqz_cu_pixels *p, uint32_t positions, void *stream) {
    return VQZ_LAUNCH(vqz_take_latents, blocks(static_cast<uint64_t>(positions) * (p->latent_stride / 8)), 1, p->areas, THREADS, stream, *p);
}
int vqz_cu_give_latents(const vqz_cu_pixels *p, uint32_t positions, void *stream) {
    return VQZ_LAUNCH(vqz_give_latents, blocks(static_cast<uint64_t>(positions) * (p->latent_stride / 8)), 1, p->areas, THREADS, stream, *p);
}
int vqz_cu_take_missing(const vqz_cu_pixels *p, uint32_t positions, void *stream) {
    return VQZ_LAUNCH(vqz_take_missing, blocks(static_cast<uint64_t>(positions) * (BLOCK / 2)), 1, p->areas, THREADS, stream, *p);
}
int vqz_cu_correct(const vqz_cu_pixels *p, uint32_t positions, void *stream) {
    return VQZ_LAUNCH(vqz_correct, blocks(static_cast<uint64_t>(positions) * (p->latent_stride / 2)), 1, p->areas, THREADS, stream, *p);
}
int vqz_cu_pixels_out(const vqz_cu_pixels *p, uint32_t positions, void *stream) {
    return VQZ_LAUNCH(vqz_pixels_out, blocks(static_cast<uint64_t>(positions) * STEP * STEP), 1, p->areas, THREADS, stream, *p);
}
