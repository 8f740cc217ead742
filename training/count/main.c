/* vqz-count MODEL.vqzm FILE.vqz...   Counts the symbols of files made with a model, to standard output. */
#include "training/count/counts.h"
#include <stdlib.h>

static uint8_t *read_file(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    long end;
    uint8_t *p = NULL;
    if (f && fseek(f, 0, SEEK_END) == 0 && (end = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0 && (p = malloc((size_t)end + 1))) {
        *size = (size_t)end;
        if (fread(p, 1, *size, f) != *size) {
            free(p);
            p = NULL;
        }
    }
    if (f) (void)fclose(f);
    if (!p) fprintf(stderr, "vqz-count: %s cannot be read\n", path);
    return p;
}

static int count_file(vqz_counts *c, const char *path) {
    vqz_error e = {0};
    size_t size;
    uint8_t *data = read_file(path, &size);
    if (!data) return 1;
    vqz_status s = vqz_counts_add(c, data, size, &e);
    free(data);
    if (s != VQZ_OK) fprintf(stderr, "vqz-count: %s: %s\n", path, e.text);
    return s != VQZ_OK;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fputs("usage: vqz-count MODEL.vqzm FILE.vqz...\n", stderr);
        return 2;
    }
    size_t size;
    uint8_t *data = read_file(argv[1], &size);
    if (!data) return 1;
    vqz_error e = {0};
    vqz_model *m = NULL;
    vqz_counts c = {0};
    int result = 1;
    if (vqz_model_open(&m, data, size, &e) != VQZ_OK || vqz_counts_init(&c, m, &e) != VQZ_OK) {
        fprintf(stderr, "vqz-count: %s: %s\n", argv[1], e.text);
    } else {
        result = 0;
        for (int i = 2; i < argc && !result; i++) result = count_file(&c, argv[i]);
        if (!result) vqz_counts_print(&c, stdout);
        if (!result && (fflush(stdout) != 0 || ferror(stdout))) {
            fputs("vqz-count: the counts cannot be written\n", stderr);
            result = 1;
        }
    }
    vqz_counts_free(&c);
    vqz_model_unref(m);
    free(data);
    return result;
}
