/* The built-in model, opened once for a group of tests: most of the time that a small file takes. */
#ifndef VQZ_TESTS_BUILTIN_H
#define VQZ_TESTS_BUILTIN_H
#include "codec/model/model.h"

static vqz_model *model;
static inline int open_model_of(vqz_tune tune) { return vqz_model_builtin(&model, tune, NULL) != VQZ_OK; }
static inline int open_model(void **state) {
    (void)state;
    return open_model_of(VQZ_TUNE_VISUAL);
}
static inline int close_model(void **state) {
    (void)state;
    vqz_model_unref(model);
    return 0;
}
#endif
