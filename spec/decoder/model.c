/* model.md: everything but NETS. */
#include "decoder.h"
#include <string.h>

static void demand(bool good, const char *what) { require(good, MODEL_INVALID, what, ""); }

static struct bytes open_section(struct bytes *file, const char *type) {
    require(memcmp(get_block(file, 4), type, 4) == 0, MODEL_INVALID, type, "is missing or in the wrong place");
    size_t size = get_number(file, 4);
    return (struct bytes){get_block(file, size), size, MODEL_INVALID, type};
}

static void read_arch(struct model *m, struct bytes *b) {
    uint32_t sum = 0;
    m->C = get_ranged(b, 2, 2, 1024);
    m->Z = get_ranged(b, 2, 1, 256);
    m->F = get_ranged(b, 2, 0, 64);
    m->H = get_ranged(b, 2, 1, 512);
    m->S = get_ranged(b, 2, 1, MAX_SLICES);
    for (uint32_t i = 0; i < m->S; i++) {
        m->slice[i] = get_ranged(b, 2, 2, m->C);
        demand(m->slice[i] % 2 == 0, "ARCH has an odd slice");
        sum += m->slice[i];
    }
    demand(sum == m->C, "ARCH: the slices do not sum to the channels");
    get_ranged(b, 2, 0, 0);
}

static void read_latq(struct model *m, struct bytes *b) {
    m->latq_m = get_array(b, m->C, 2, 1, 32767);
    m->latq_s = get_array(b, m->C, 1, 1, 46);
}

int16_t latq(const struct model *m, uint32_t channel, int y) {
    int s = m->latq_s[channel];
    return (int16_t)clamp(((int64_t)y * m->latq_m[channel] + ((int64_t)1 << (s - 1))) >> s, -128, 127);
}

static void read_level(const struct model *m, struct level *l, struct bytes *b) {
    get_ranged(b, 4, 0, 1 << 20);            /* lambda */
    get_array(b, m->C, 2, 1, 65535);         /* gain */
    l->inv = get_array(b, m->C, 2, 1, 65535);
    l->loggain = get_array(b, m->C, 2, 0, 65535);
    get_block(b, 2 * (size_t)m->Z);          /* zgain */
    l->zinv = get_array(b, m->Z, 2, 0, 65535);
    l->feat = get_array(b, m->F, 1, 0, 255);
    l->ztab = get_array(b, m->Z, 1, 0, 255);
    l->zoff = get_array(b, m->Z, 1, 0, 255);
}

static void read_levl(struct model *m, struct bytes *b) {
    m->levels = get_ranged(b, 2, 1, 64);
    get_ranged(b, 2, 1, 16);                 /* gain shift */
    m->is = get_ranged(b, 2, 1, 16);
    get_ranged(b, 2, 0, 16);                 /* z shift */
    m->zis = get_ranged(b, 2, 1, 16);
    m->level = take(m->levels, sizeof *m->level);
    for (uint32_t i = 0; i < m->levels; i++)
        read_level(m, &m->level[i], b);
}

static void read_table(struct table *t, uint32_t symbols, struct bytes *b) {
    uint32_t sum = 0;
    t->symbols = symbols;
    t->start = take((size_t)symbols + 1, sizeof *t->start);
    for (uint32_t k = 0; k < symbols; k++) {
        sum += get_ranged(b, 2, 1, 32767);
        demand(sum <= 32768, "frequencies do not sum to 32768");
        t->start[k + 1] = (uint16_t)sum;
    }
    demand(sum == 32768, "frequencies do not sum to 32768");
}

static void read_codebook(struct codebook *c, bool pair, struct bytes *b) {
    uint32_t n = get_ranged(b, 2, 1, pair ? 511 : 1023);
    c->shift = pair ? 0 : (int)get_ranged(b, 1, 0, 12);
    get_ranged(b, pair ? 2 : 1, 0, 0);
    c->value = get_array(b, pair ? 2 * n : n, 2, 0, 65535);
    for (uint32_t i = 1; i < n && !pair; i++)
        demand(c->value[i] > c->value[i - 1], "LADR: scalar values do not ascend");
    for (uint32_t i = 0; i < 2 * n && pair; i++)
        demand(c->value[i] >= -8192 && c->value[i] <= 8192, "LADR: a value of a pair is too large");
    read_table(&c->table, n + 1, b);
}

static void read_ladr(struct model *m, struct bytes *b) {
    m->R = get_ranged(b, 1, 1, 64);
    m->T = get_ranged(b, 1, 0, m->R - 1);
    m->P = get_ranged(b, 2, 1, 4096);
    m->scalar = take(m->R, sizeof *m->scalar);
    for (uint32_t i = 0; i < m->R; i++)
        read_codebook(&m->scalar[i], false, b);
    m->pair = take(m->P, sizeof *m->pair);
    for (uint32_t i = 0; i < m->P; i++)
        read_codebook(&m->pair[i], true, b);
    m->map = get_array(b, (size_t)(m->T + 1) * (m->T + 1), 2, 0, 65535);
    for (uint32_t i = 0; i < (m->T + 1) * (m->T + 1); i++) {
        bool unused = i % (m->T + 1) > i / (m->T + 1);   /* smaller > larger */
        demand(unused ? m->map[i] == 0 : m->map[i] < m->P, "LADR: the map names a codebook that is not there");
    }
}

static void read_ztab(struct model *m, struct bytes *b) {
    m->ztables = get_ranged(b, 2, 1, 256);
    m->ztable = take(m->ztables, sizeof *m->ztable);
    for (uint32_t i = 0; i < m->ztables; i++) {
        uint32_t largest = get_ranged(b, 1, 0, 127);
        get_ranged(b, 1, 0, 0);
        read_table(&m->ztable[i], 2 * largest + 2, b);
    }
    for (uint32_t i = 0; i < m->levels; i++)
        for (uint32_t c = 0; c < m->Z; c++)
            demand(m->level[i].ztab[c] < m->ztables, "LEVL names a hyper-latent table that is not there");
}

void read_model(struct model *m, struct bytes file) {
    static const struct { const char *type; void (*read)(struct model *, struct bytes *); } sections[6] = {
        {"ARCH", read_arch}, {"NETS", read_nets}, {"LATQ", read_latq}, {"LEVL", read_levl}, {"LADR", read_ladr},
        {"ZTAB", read_ztab}};
    file.fault = MODEL_INVALID;
    demand(memcmp(get_block(&file, 4), "VQZM", 4) == 0, "not a model file");
    demand(get_number(&file, 2) == 1 && get_number(&file, 2) == 0, "the model file has another version");
    struct bytes b = open_section(&file, "INFO");   /* for people */
    sha256(file.at, file.left, m->id);
    for (int i = 0; i < 6; i++) {
        b = open_section(&file, sections[i].type);
        sections[i].read(m, &b);
        require(b.left == 0, MODEL_INVALID, b.what, "is too long");
    }
    require(file.left == 0, MODEL_INVALID, "the model file", "goes on behind ZTAB");
}
