/* What a frei0r 1.2 filter and its host agree on, written from the published description of the interface: names, numbers and the order of fields, no code.
 * The project's own frei0r.h is under the GPL; it is not used here. */
#ifndef VQZ_FREI0R_ABI_H
#define VQZ_FREI0R_ABI_H
#include <stdint.h>

enum { F0R_VERSION = 1, F0R_FILTER = 0, F0R_RGBA8888 = 1, F0R_DOUBLE = 1, F0R_STRING = 4 };

typedef struct f0r_plugin_info {
    const char *name, *author;
    int plugin_type, color_model, frei0r_version, major_version, minor_version, num_params;
    const char *explanation;
} f0r_plugin_info;

typedef struct f0r_param_info {
    const char *name;
    int type;
    const char *explanation;
} f0r_param_info;

#define F0R_API __attribute__((visibility("default")))
F0R_API int f0r_init(void);
F0R_API void f0r_deinit(void);
F0R_API void f0r_get_plugin_info(f0r_plugin_info *info);
F0R_API void f0r_get_param_info(f0r_param_info *info, int index);
F0R_API void *f0r_construct(unsigned width, unsigned height);
F0R_API void f0r_destruct(void *instance);
F0R_API void f0r_set_param_value(void *instance, void *value, int index);   /* double * from 0 to 1, or char ** */
F0R_API void f0r_get_param_value(void *instance, void *value, int index);
F0R_API void f0r_update(void *instance, double time, const uint32_t *in, uint32_t *out);
#endif
