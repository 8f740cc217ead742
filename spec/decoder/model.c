/* model.md: everything but NETS. */
#include "decoder.h"

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
    return (int16_t)clamp(rounded((int64_t)y * m->latq_m[channel], m->latq_s[channel]), -128, 127);
}

static void read_levl(struct model *m, struct bytes *b) {
    m->levels = (int)get_ranged(b, 2, 1, 64);
    get_ranged(b, 2, 1, 16);                 /* gain shift */
    m->is = (int)get_ranged(b, 2, 1, 16);
    get_ranged(b, 2, 0, 16);                 /* z shift */
    m->zis = (int)get_ranged(b, 2, 1, 16);
    m->level = take((size_t)m->levels, sizeof *m->level);
    for (struct level *l = m->level; l < m->level + m->levels; l++) {
        get_ranged(b, 4, 0, 1 << 20);        /* lambda */
        get_array(b, m->C, 2, 1, 65535);     /* gain */
        l->inv = get_array(b, m->C, 2, 1, 65535);
        l->loggain = get_array(b, m->C, 2, -32768, 32767);
        get_array(b, m->Z, 2, 0, 65535);     /* zgain */
        l->zinv = get_array(b, m->Z, 2, 0, 65535);
        l->feat = get_array(b, m->F, 1, -128, 127);
        l->ztab = get_array(b, m->Z, 1, 0, 255);
        l->zoff = get_array(b, m->Z, 1, -128, 127);
    }
}

static void read_table(struct table *t, uint32_t symbols, struct bytes *b) {
    const int32_t *frequency = get_array(b, symbols, 2, 1, 32767);
    t->symbols = symbols;
    t->start = take((size_t)symbols + 1, sizeof *t->start);
    for (uint32_t k = 0; k < symbols; k++)
        t->start[k + 1] = t->start[k] + frequency[k];
    demand(t->start[symbols] == 32768, "frequencies do not sum to 32768");
}

static void read_codebook(struct codebook *c, bool pair, struct bytes *b) {
    uint32_t n = get_ranged(b, 2, 1, pair ? 511 : 1023);
    c->shift = pair ? 0 : (int)get_ranged(b, 1, 0, 12);
    get_ranged(b, pair ? 2 : 1, 0, 0);
    c->value = pair ? get_array(b, 2 * n, 2, -8192, 8192) : get_array(b, n, 2, -32768, 32767);
    for (uint32_t i = 1; i < n && !pair; i++)
        demand(c->value[i] > c->value[i - 1], "LADR: scalar values do not ascend");
    read_table(&c->table, n + 1, b);
}

static void read_ladr(struct model *m, struct bytes *b) {
    uint32_t rungs = get_ranged(b, 1, 1, 64), side = get_ranged(b, 1, 0, rungs - 1) + 1;
    uint32_t pairs = get_ranged(b, 2, 1, 4096);
    m->R = (int)rungs;
    m->T = (int)side - 1;
    m->scalar = take(rungs + pairs, sizeof *m->scalar);
    m->pair = m->scalar + rungs;
    for (uint32_t i = 0; i < rungs + pairs; i++)
        read_codebook(&m->scalar[i], i >= rungs, b);
    m->map = get_array(b, side * side, 2, 0, (int32_t)pairs - 1);
    for (uint32_t i = 0; i < side * side; i++)
        demand(i % side <= i / side || m->map[i] == 0, "LADR: the map has a smaller rung that is larger");
}

static void read_ztab(struct model *m, struct bytes *b) {
    uint32_t tables = get_ranged(b, 2, 1, 256);
    m->ztable = take(tables, sizeof *m->ztable);
    for (uint32_t i = 0; i < tables; i++) {
        uint32_t largest = get_ranged(b, 1, 0, 127);
        get_ranged(b, 1, 0, 0);
        read_table(&m->ztable[i], 2 * largest + 2, b);
    }
    for (uint32_t i = 0; i < (uint32_t)m->levels * m->Z; i++)
        demand(m->level[i / m->Z].ztab[i % m->Z] < (int32_t)tables, "LEVL names a table that is not there");
}

void read_model(struct model *m, struct bytes file) {
    static const struct { const char *type; void (*read)(struct model *, struct bytes *); } sections[7] = {
        {"INFO", NULL},      {"ARCH", read_arch}, {"NETS", read_nets}, {"LATQ", read_latq},
        {"LEVL", read_levl}, {"LADR", read_ladr}, {"ZTAB", read_ztab}};
    file.fault = MODEL_INVALID;
    demand(memcmp(get_block(&file, 4), "VQZM", 4) == 0, "not a model file");
    demand(get_number(&file, 4) == 1, "the model file has another version");
    for (int i = 0; i < 7; i++) {
        demand(memcmp(get_block(&file, 4), sections[i].type, 4) == 0, "a section is missing or in the wrong place");
        struct bytes b = {NULL, get_number(&file, 4), MODEL_INVALID, sections[i].type};
        b.at = get_block(&file, b.left);
        if (sections[i].read)
            sections[i].read(m, &b);
        else
            sha256(file.at, file.left, m->id);   /* INFO is for people */
        demand(b.left == 0 || !sections[i].read, "a section is too long");
    }
    demand(file.left == 0, "the file goes on behind ZTAB");
}
