#include "codec/palette.h"
#include "base/pixelmath.h"
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 16, MOST = 1 << 15, SLOTS = 4 * MOST, AREA = 16, MOST_KEPT = 2048 };

typedef struct entry {
    uint32_t colour, count, inside;          /* inside: pixels like the ones to the left and above */
    uint32_t to;                             /* the colour that it becomes */
} entry;

typedef struct palette {
    entry colours[MOST];
    uint32_t n;
    uint32_t slot[SLOTS];                    /* 1 + place in colours; 0: empty */
    uint32_t kept[MOST_KEPT], nkept;
} palette;

static uint32_t slot_of(uint32_t colour) { return colour * UINT32_C(0x9E3779B1) >> 15; }

/* NULL: there are too many. */
static entry *find(palette *p, uint32_t colour) {
    uint32_t at = slot_of(colour);
    for (; p->slot[at]; at = (at + 1) % SLOTS)
        if (p->colours[p->slot[at] - 1].colour == colour) return &p->colours[p->slot[at] - 1];
    if (p->n == MOST) return NULL;
    p->colours[p->n] = (entry){.colour = colour};
    p->slot[at] = ++p->n;
    return &p->colours[p->n - 1];
}

/* Frequent ones first. */
static bool comes_before(const entry *a, const entry *b) { return a->count != b->count ? a->count > b->count : a->colour < b->colour; }

/* Of a heap whose root comes last: moves the entry at `at` down to its place. */
static void sink_entry(entry *c, uint32_t at, uint32_t n) {
    const entry moved = c[at];
    for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && comes_before(&c[child], &c[child + 1])) child++;
        if (!comes_before(&moved, &c[child])) break;
        c[at] = c[child];
    }
    c[at] = moved;
}

/* In place: qsort may take memory that no limit knows of. */
static void sort(entry *c, uint32_t n) {
    for (uint32_t i = n / 2; i > 0; i--) sink_entry(c, i - 1, n);
    for (uint32_t left = n; left > 1; left--) {
        const entry last = c[0];
        c[0] = c[left - 1];
        c[left - 1] = last;
        sink_entry(c, 0, left - 1);
    }
}

static unsigned distance(uint32_t a, uint32_t b) {
    unsigned most = 0;
    for (int shift = 0; shift < 24; shift += 8) {
        int d = abs((int)(a >> shift & 255) - (int)(b >> shift & 255));
        if ((unsigned)d > most) most = (unsigned)d;
    }
    return most;
}

/* Of sorted colours; false: too many would be left. */
static bool merge(palette *p, unsigned tolerance) {
    p->nkept = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        entry *c = &p->colours[i];
        unsigned best = (2 * c->inside > c->count ? tolerance / AREA : tolerance) + 1;
        c->to = c->colour;
        for (uint32_t k = 0; k < p->nkept; k++) {
            unsigned d = distance(c->colour, p->kept[k]);
            if (d >= best) continue;
            best = d;
            c->to = p->kept[k];
        }
        if (c->to != c->colour) continue;
        if (p->nkept == MOST_KEPT) return false;
        p->kept[p->nkept++] = c->colour;
    }
    return true;
}

/* After sorting. */
static void enter_again(palette *p) {
    memset(p->slot, 0, sizeof p->slot);
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t at = slot_of(p->colours[i].colour);
        while (p->slot[at]) at = (at + 1) % SLOTS;
        p->slot[at] = i + 1;
    }
}

static bool count(palette *p, const uint8_t *rgb, uint32_t w, uint32_t h, const uint8_t *mask) {
    const uint32_t nx = (w + BLOCK - 1) / BLOCK;
    for (uint32_t y = 0; y < h; y++) {
        entry *last = NULL;
        for (uint32_t x = 0; x < w; x++) {
            const uint8_t *at = rgb + ((size_t)y * w + x) * 3;
            if (!mask[y / BLOCK * nx + x / BLOCK]) {
                last = NULL;
                continue;
            }
            const uint32_t colour = vqz_colour(at);
            const bool left = last && last->colour == colour;
            if (!left) last = find(p, colour);
            if (!last) return false;
            last->count++;
            last->inside += left && y && vqz_colour(at - (size_t)w * 3) == colour;
        }
    }
    return true;
}

vqz_status vqz_merge_colours(vqz_memory *mem, uint8_t *rgb, uint32_t w, uint32_t h, const uint8_t *mask, unsigned tolerance, bool *fits, vqz_error *e) {
    const uint32_t nx = (w + BLOCK - 1) / BLOCK;
    void *block;
    VQZ_TRY(vqz_alloc(mem, &block, 1, sizeof(palette), e));
    palette *p = block;
    *fits = count(p, rgb, w, h, mask);
    if (*fits) {
        sort(p->colours, p->n);
        while (!merge(p, tolerance)) tolerance = 2 * tolerance + 1;
        enter_again(p);
        for (uint32_t y = 0; y < h; y++)
            for (uint32_t x = 0; x < w; x++) {
                uint8_t *at = rgb + ((size_t)y * w + x) * 3;
                if (!mask[y / BLOCK * nx + x / BLOCK]) continue;
                const uint32_t to = find(p, vqz_colour(at))->to;
                for (int k = 0; k < 3; k++) at[k] = (uint8_t)(to >> 8 * k);
            }
    }
    vqz_free(mem, block);
    return VQZ_OK;
}

unsigned vqz_colour_tolerance(uint32_t quality_x16) { return quality_x16 >= 80 * 16 ? 0 : (80 * 16 - quality_x16) / 32; }
