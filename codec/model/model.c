/* Opening, sharing and describing models. */
#include "codec/model/model.h"
#include "base/arena.h"
#include "base/sha256.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_INFO = 4096, MODEL_MEMORY = 512 << 20 };
#define BAD(...) vqz_fail(e, VQZ_ERR_MODEL_INVALID, VQZ_NO_OFFSET, __VA_ARGS__)

static vqz_status parse_info(vqz_model *m, vqz_reader *r, vqz_arena *a, vqz_error *e) {
    static const char *const keys[] = {"name", "version", "licence", "provenance"};
    char **const values[] = {&m->name, &m->version, &m->licence, &m->provenance};
    size_t n = vqz_reader_left(r);
    if (n > MAX_INFO) return BAD("INFO section: %zu bytes, at most %d are allowed", n, MAX_INFO);
    const uint8_t *src = vqz_read_bytes(r, n);
    char *text;
    if (!VQZ_TAKE(a, text, n + 1)) return VQZ_OK;
    memcpy(text, src, n);
    text[n] = 0;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < 32 && text[i] != '\n') return BAD("INFO section: control character at byte %zu", i);
    for (char *line = text, *next; line && *line; line = next) {
        if ((next = strchr(line, '\n'))) *next++ = 0;
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
            size_t len = strlen(keys[k]);
            if (strncmp(line, keys[k], len) == 0 && line[len] == '=') {
                if (*values[k]) return BAD("INFO section: %s is given twice", keys[k]);
                *values[k] = line + len + 1;
            }
        }
    }
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        if (!*values[k]) return BAD("INFO section: %s is missing", keys[k]);
    return VQZ_OK;
}

static vqz_status parse_arch(vqz_model *m, vqz_reader *r, vqz_arena *a, vqz_error *e) {
    (void)a;
    m->C = vqz_read16(r);
    m->Z = vqz_read16(r);
    m->F = vqz_read16(r);
    m->H = vqz_read16(r);
    m->S = vqz_read16(r);
    if (r->failed || m->C < 2 || m->C > VQZ_MAX_CHANNELS || m->C % 2 || !m->Z || m->Z > 256 || m->F > 64 || !m->H || m->H > 512 || !m->S || m->S > VQZ_MAX_SLICES)
        return BAD("ARCH section: dimensions C %u, Z %u, F %u, H %u, S %u are out of range", m->C, m->Z, m->F, m->H, m->S);
    uint32_t sum = 0;
    m->max_slice = 0;
    for (uint32_t i = 0; i < m->S; i++) {
        m->slice[i] = vqz_read16(r);
        m->slice_start[i] = sum;
        sum += m->slice[i];
        if (m->slice[i] > m->max_slice) m->max_slice = m->slice[i];
        if (!m->slice[i] || m->slice[i] % 2) return BAD("ARCH section: slice %u has %u channels, which must be even", i, m->slice[i]);
    }
    if (sum != m->C) return BAD("ARCH section: the slices have %u channels, C is %u", sum, m->C);
    if (vqz_read16(r) != 0) return BAD("ARCH section: reserved field is not 0");
    return VQZ_OK;
}

static vqz_status parse_latq(vqz_model *m, vqz_reader *r, vqz_arena *a, vqz_error *e) {
    uint16_t *mul;
    uint8_t *shift;
    const uint8_t *arrays = r->data + r->pos;
    m->latq_tensors[0] = (vqz_tensor_def){.type = VQZ_T_S16, .channels = (uint16_t)m->C, .bound = 32768};
    m->latq_tensors[1] = (vqz_tensor_def){.type = VQZ_T_S8, .channels = (uint16_t)m->C};
    m->latq_layer = (vqz_layer_def){.op = VQZ_OP_REQUANT, .k = 1, .stride = 1, .shuffle = 1, .dst = 1, .add = VQZ_NO_TENSOR, .cin = (uint16_t)m->C,
                                    .cout = (uint16_t)m->C, .mul = arrays, .shift = arrays + 2 * (size_t)m->C};
    VQZ_TAKE(a, mul, m->C);
    VQZ_TAKE(a, shift, m->C);
    for (uint32_t c = 0; c < m->C; c++) {
        uint16_t v = vqz_read16(r);
        if (v < 1 || v > 32767) return BAD("LATQ section: multiplier of channel %u is %u", c, v);
        if (mul) mul[c] = v;
    }
    for (uint32_t c = 0; c < m->C; c++) {
        uint8_t v = vqz_read8(r);
        if (v < 1 || v > 46) return BAD("LATQ section: shift of channel %u is %u", c, v);
        if (shift) shift[c] = v;
    }
    m->latq_mul = mul;
    m->latq_shift = shift;
    return VQZ_OK;
}

static const struct section {
    char type[5];
    vqz_status (*parse)(vqz_model *, vqz_reader *, vqz_arena *, vqz_error *);
} sections[] = {
    {"INFO", parse_info}, {"ARCH", parse_arch}, {"NETS", vqz_parse_nets}, {"LATQ", parse_latq},
    {"LEVL", vqz_parse_levels}, {"LADR", vqz_parse_ladder}, {"ZTAB", vqz_parse_ztables},
};

/* One walk over the file; run over an empty arena to plan and again to fill. */
static vqz_status parse(vqz_model *m, vqz_arena *a, vqz_error *e) {
    vqz_reader r = vqz_reader_of(m->data, m->size);
    const uint8_t *magic = vqz_read_bytes(&r, 4);
    if (!magic || memcmp(magic, "VQZM", 4) != 0) return BAD("not a vqz model: the first bytes are not VQZM");
    unsigned version = vqz_read16(&r), zero = vqz_read16(&r);
    if (r.failed || version != 1 || zero != 0) return BAD("model file version %u is not supported", version);
    m->name = m->version = m->licence = m->provenance = NULL;
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        const uint8_t *type = vqz_read_bytes(&r, 4);
        uint32_t n = vqz_read32(&r);
        size_t start = r.pos;
        const uint8_t *body = vqz_read_bytes(&r, n);
        if (r.failed) return BAD("the model file ends inside section %s", sections[i].type);
        if (memcmp(type, sections[i].type, 4) != 0) return BAD("section %s expected at byte %zu", sections[i].type, start - 8);
        vqz_reader s = vqz_reader_of(body, n);
        VQZ_TRY(sections[i].parse(m, &s, a, e));
        if (s.failed) return BAD("section %s ends early", sections[i].type);
        if (vqz_reader_left(&s)) return BAD("section %s has %zu bytes too many", sections[i].type, vqz_reader_left(&s));
        if (i == 0) m->weights = r.pos;
    }
    if (vqz_reader_left(&r)) return BAD("%zu bytes after the last section", vqz_reader_left(&r));
    return VQZ_OK;
}

static void destroy(vqz_model *m) {
    for (int i = 0; i < VQZ_MAX_SLICES; i++) vqz_free(&m->mem, m->second[i]);
    for (int role = 0; role < VQZ_NET_KINDS; role++)
        for (int i = 0; i < VQZ_MAX_SLICES; i++) {
            for (int v = 0; v < VQZ_VARIANTS; v++) vqz_net_free(m->nets[v].net[role][i], &m->mem);
            vqz_net_free(m->def[role][i].net, &m->mem);
        }
    vqz_free(&m->mem, m->tables);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* id NULL: to be computed, and the bounds to be proven. */
static vqz_status open_model(vqz_model **model, const void *data, size_t size, const uint8_t *id, vqz_error *e) {
    *model = NULL;
    vqz_model *m = calloc(1, sizeof *m);
    if (!m) return vqz_fail(e, VQZ_ERR_MEMORY, VQZ_NO_OFFSET, "out of memory (%zu bytes)", sizeof *m);
    atomic_init(&m->refs, 1);
    vqz_memory_init(&m->mem, MODEL_MEMORY);
    pthread_mutex_init(&m->lock, NULL);
    m->data = data;
    m->size = size;

    vqz_arena plan = {0}, fill = {0};
    vqz_status s = parse(m, &plan, e);
    if (s == VQZ_OK && plan.overflow) s = BAD("the model's tables do not fit in memory");
    if (s == VQZ_OK) s = vqz_alloc(&m->mem, &m->tables, plan.used, 1, e);
    if (s == VQZ_OK) {
        fill.base = m->tables;
        s = parse(m, &fill, e);
    }
    if (s == VQZ_OK) s = vqz_check_nets(m, id != NULL, e);
    if (s != VQZ_OK) {
        destroy(m);
        return s;
    }
    uint8_t hash[32];
    if (!id) vqz_sha256(m->data + m->weights, m->size - m->weights, hash);
    memcpy(m->id, id ? id : hash, sizeof m->id);
    *model = m;
    return VQZ_OK;
}

vqz_status vqz_model_open(vqz_model **model, const void *data, size_t size, vqz_error *e) {
    if (!model || (!data && size)) return vqz_fail(e, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "vqz_model_open: NULL argument");
    return open_model(model, data, size, NULL, e);
}

vqz_status vqz_model_open_proven(vqz_model **model, const void *data, size_t size, const uint8_t id[VQZ_MODEL_ID_SIZE], vqz_error *e) {
    return open_model(model, data, size, id, e);
}

void vqz_model_ref(vqz_model *m) { atomic_fetch_add(&m->refs, 1); }

void vqz_model_unref(vqz_model *m) {
    if (m && atomic_fetch_sub(&m->refs, 1) == 1) destroy(m);
}

/* Multiply-accumulates per pixel over one 1024 x 1024 tile; first and second run on half of the positions each. */
static uint32_t macs_per_pixel(const vqz_model *m, bool encode) {
    uint64_t total = 0;
    for (int role = 0; role < VQZ_NET_KINDS; role++) {
        bool analysis = role <= VQZ_NET_HYPER_ANALYSIS, synthesis = role == VQZ_NET_SYNTHESIS_LINEAR || role == VQZ_NET_SYNTHESIS;
        if ((analysis && !encode) || (synthesis && encode) || role == VQZ_NET_ANCHOR) continue;
        for (uint32_t i = 0; i < m->S && m->def[role][i].net; i++) {
            uint32_t side = role == VQZ_NET_ANALYSIS ? 512 : role == VQZ_NET_HYPER_SYNTHESIS ? 16 : 64;
            uint32_t h = role == VQZ_NET_FIRST || role == VQZ_NET_SECOND ? side / 2 : side;
            total += vqz_net_macs(m->def[role][i].net, h, side);
        }
    }
    return (uint32_t)(total >> 20);
}

void vqz_model_get_info(const vqz_model *m, vqz_model_info *info) {
    memcpy(info->id, m->id, sizeof info->id);
    info->name = m->name;
    info->version = m->version;
    info->licence = m->licence;
    info->provenance = m->provenance;
    info->size = m->size;
    info->levels = m->nlevels;
    info->mac_per_pixel_encode = macs_per_pixel(m, true);
    info->mac_per_pixel_decode = macs_per_pixel(m, false);
}
