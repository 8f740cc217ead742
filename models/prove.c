/* prove_model FILE.vqzm HEADER.h: opens a model with every check and writes what the library need not find out again. Part of the build. */
#include "vqz/vqz.h"
#include <stdio.h>
#include <stdlib.h>

static int fail(const char *what, const char *why) {
    fprintf(stderr, "prove_model: %s: %s\n", what, why);
    return 1;
}

static void *read_file(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    long n = f && fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    void *data = n > 0 ? malloc((size_t)n) : NULL;
    if (data) {
        rewind(f);
        *size = fread(data, 1, (size_t)n, f);
    }
    if (f) (void)fclose(f);
    return data;
}

static int write_proof(const char *path, size_t size, const vqz_model_info *info) {
    FILE *f = fopen(path, "w");
    if (!f) return fail(path, "cannot write");
    fprintf(f, "#define VQZ_BUILTIN_BASE_PROOF {%zu, {", size);
    for (int i = 0; i < VQZ_MODEL_ID_SIZE; i++) fprintf(f, "%s%u", i ? ", " : "", info->id[i]);
    fprintf(f, "}}\n");
    return fclose(f) ? fail(path, "cannot write") : 0;
}

int main(int argc, char **argv) {
    size_t size = 0;
    vqz_model *model;
    vqz_model_info info;
    vqz_error error = {0};
    if (argc != 3) return fail("usage", "prove_model FILE.vqzm HEADER.h");
    void *data = read_file(argv[1], &size);
    if (!data) return fail(argv[1], "cannot read");
    if (vqz_model_open(&model, data, size, &error) != VQZ_OK) return fail(argv[1], error.text);
    vqz_model_get_info(model, &info);
    int code = write_proof(argv[2], size, &info);
    vqz_model_unref(model);
    free(data);
    return code;
}
