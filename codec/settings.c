#include "codec/settings.h"
#include <string.h>

void vqz_settings_init(vqz_settings *s) {
    *s = (vqz_settings){.size = sizeof *s, .max_pixels = VQZ_MAX_PIXELS, .max_memory = (uint64_t)4 << 30, .quality = 75, .effort = 4, .verify = 1, .key_interval = 1, .scene_cut = 1};
}

vqz_status vqz_settings_read(vqz_settings *to, const vqz_settings *from, vqz_error *e) {
    vqz_settings_init(to);
    if (!from) return VQZ_OK;
    if (from->size < sizeof(size_t) || from->size > sizeof *from)
        return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "settings: size is %zu; call vqz_settings_init first", from->size);
    memcpy(to, from, from->size);            /* an older caller's shorter struct keeps the defaults of what it does not know */
    to->size = sizeof *to;
    if (!(to->quality >= 0 && to->quality <= 100)) return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "settings: quality must be 0 to 100");
    if (to->effort < 0 || to->effort > 9) return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "settings: effort must be 0 to 9");
    if (to->tune > VQZ_TUNE_PSNR) return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "settings: tune must be 0 (visual) or 1 (psnr)");
    if (!to->key_interval) return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "settings: key_interval must be 1 or more");
    if (to->max_pixels == 0 || to->max_pixels > VQZ_MAX_PIXELS) to->max_pixels = VQZ_MAX_PIXELS;
    if (to->tile_size && (to->tile_size % 64 || to->tile_size < 128 || to->tile_size > 1024))
        return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "settings: tile size must be a multiple of 64 from 128 to 1024");
    if (!vqz_kernels_get(to->cpu)) {
        const char *name = vqz_cpu_name(to->cpu);
        return vqz_fail(e, VQZ_ERR_UNSUPPORTED, VQZ_NO_OFFSET, "settings: this machine or build lacks the kernels %s (%u)", name ? name : "?", to->cpu);
    }
    return VQZ_OK;
}
