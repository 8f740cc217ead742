/* How often each symbol of a model occurs in .vqz files: what new tables are made from (training/vqzint/recount.py). */
#ifndef VQZ_TRAINING_COUNTS_H
#define VQZ_TRAINING_COUNTS_H
#include "codec/model/model.h"
#include <stdio.h>

enum { VQZ_COUNTS_REACH = 255 };             /* hyper-latents beyond +-255 are counted there */

typedef struct vqz_counts {
    vqz_memory mem;
    vqz_model *m;                            /* borrowed */
    size_t *first;                           /* [rungs + npairs + 1]: where a book's counts start: scalar books, then pair books */
    uint64_t *symbol;                        /* [first[rungs + npairs]] */
    uint64_t *hyper;                         /* [nlevels][Z][2 * VQZ_COUNTS_REACH + 1] */
} vqz_counts;

vqz_status vqz_counts_init(vqz_counts *c, vqz_model *m, vqz_error *e);
void vqz_counts_free(vqz_counts *c);         /* also after a failed init */
/* Decodes the latents of a file made with the model. After an error the counts hold parts of the file. */
vqz_status vqz_counts_add(vqz_counts *c, const uint8_t *data, size_t size, vqz_error *e);
/* Lines "S rung count...", "P book count..." and "Z row channel z count"; what never occurs is left out. */
void vqz_counts_print(const vqz_counts *c, FILE *out);
#endif
