/* prove_model HEADER.h NAME FILE.vqzm...: opens models with every check and writes what the library need not find out again. Part of the build. */
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

static int prove(FILE *to, const char *name, const char *path) {
    size_t size = 0;
    vqz_model *model;
    vqz_model_info info;
    vqz_error error = {0};
    void *data = read_file(path, &size);
    if (!data) return fail(path, "cannot read");
    if (vqz_model_open(&model, data, size, &error) != VQZ_OK) {
        free(data);
        return fail(path, error.text);
    }
    vqz_model_get_info(model, &info);
    fprintf(to, "#define VQZ_BUILTIN_%s_PROOF {%zu, {", name, size);
    for (int i = 0; i < VQZ_MODEL_ID_SIZE; i++) fprintf(to, "%s%u", i ? ", " : "", info.id[i]);
    fprintf(to, "}}\n");
    vqz_model_unref(model);
    free(data);
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 4 || argc % 2) return fail("usage", "prove_model HEADER.h NAME FILE.vqzm...");
    FILE *f = fopen(argv[1], "w");
    if (!f) return fail(argv[1], "cannot write");
    int code = 0;
    for (int i = 2; i < argc && !code; i += 2) code = prove(f, argv[i], argv[i + 1]);
    return fclose(f) ? fail(argv[1], "cannot write") : code;
}
