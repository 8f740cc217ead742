#include "cli/stamp.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

uint64_t stamp_made(const options *o, const uint8_t *model, size_t model_size) {
    const vqz_settings *s = &o->config.settings;
    const vqz_timing *t = &o->config.timing;
    char text[512];
    vqz_model_info info = {0};
    if (!model) vqz_model_get_info(o->config.model, &info);
    const uint64_t which = model ? XXH64(model, model_size, 0) : XXH64(info.id, sizeof info.id, 0);
    const int n = snprintf(text, sizeof text, "%016" PRIx64 " q%.4f e%d t%u l%u s%u h%u size%" PRIu64 " psnr%.6f strip%d matrix%d fps%u/%u g%u", which,
                           (double)s->quality, s->effort, s->tune, s->lossless, s->tile_size, s->pixel_hash, o->target_size, o->target_psnr, o->strip,
                           (int)o->config.matrix, t->timebase_num, t->timebase_den, s->key_interval);
    return XXH64(text, (size_t)n, 0);
}

stamp stamp_of(const struct stat *file, uint64_t made) {
    return (stamp){(uint64_t)file->st_size, file->st_mtim.tv_sec, (uint32_t)file->st_mtim.tv_nsec, made};
}

bool stamp_equal(const stamp *a, const stamp *b) {
    return a->size == b->size && a->seconds == b->seconds && a->nanoseconds == b->nanoseconds && a->made == b->made;
}

static uint8_t *put(uint8_t *p, uint64_t v) {
    for (; v >= 128; v >>= 7) *p++ = (uint8_t)(v | 128);
    *p++ = (uint8_t)v;
    return p;
}

size_t stamp_write(uint8_t bytes[STAMP_MOST], const stamp *s) {
    uint8_t *p = put(bytes, s->size);
    p = put(p, s->seconds >= 0 ? 2 * (uint64_t)s->seconds : 2 * ~(uint64_t)s->seconds + 1);
    p = put(p, s->nanoseconds);
    for (unsigned i = 0; i < 8; i++) *p++ = (uint8_t)(s->made >> 8 * i);
    return (size_t)(p - bytes);
}

static bool get(const uint8_t **p, const uint8_t *end, unsigned most, uint64_t *v) {
    *v = 0;
    for (unsigned i = 0; i < most && *p < end; i++) {
        const uint8_t byte = *(*p)++;
        *v |= (uint64_t)(byte & 127) << 7 * i;
        if (byte < 128) return true;
    }
    return false;
}

bool stamp_read(stamp *s, const uint8_t *bytes, size_t size) {
    const uint8_t *p = bytes, *end = bytes + size;
    uint64_t seconds, nanoseconds;
    *s = (stamp){0};
    if (!get(&p, end, 9, &s->size) || !get(&p, end, 9, &seconds) || !get(&p, end, 5, &nanoseconds) || nanoseconds > 999999999 || end - p < 8) return false;
    s->seconds = seconds & 1 ? (int64_t)~(seconds >> 1) : (int64_t)(seconds >> 1);
    s->nanoseconds = (uint32_t)nanoseconds;
    for (unsigned i = 0; i < 8; i++) s->made |= (uint64_t)p[i] << 8 * i;
    return true;
}

/* Bytes from the beginning of a file, twice as many each time, until the chunk has come or cannot come any more. */
static bool find(int fd, stamp *s) {
    enum { FIRST = 1 << 16, MOST = 1 << 24 };        /* three blobs of metadata fit */
    uint8_t *data = NULL;
    bool found = false;
    for (size_t room = FIRST, size = 0; room <= MOST; room *= 2) {
        uint8_t *more = realloc(data, room);
        const ssize_t n = more ? pread(fd, more + size, room - size, (off_t)size) : 0;
        const uint8_t *contents;
        size_t length;
        if (more) data = more;
        if (n <= 0) break;
        size += (size_t)n;
        const vqz_status status = vqz_find_chunk(data, size, STAMP_TYPE, &contents, &length);
        found = status == VQZ_OK && stamp_read(s, contents, length);
        if (status != VQZ_AGAIN) break;
    }
    free(data);
    return found;
}

stamp_state stamp_in(const char *path, const stamp *want) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    stamp s;
    const bool found = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && find(fd, &s);
    if (fd >= 0) close(fd);
    return !found ? STAMP_NONE : stamp_equal(&s, want) ? STAMP_SAME : STAMP_OTHER;
}
