#include "cli/lazy.h"
#include <dlfcn.h>
#include <pthread.h>

static vqz_status load(lazy_library *l, vqz_error *e) {
    void *library = dlopen(l->name, RTLD_NOW | RTLD_LOCAL);
    if (!library) return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "%s files need %s, which cannot be loaded: %.100s", l->needed_for, l->name, dlerror());
    for (size_t i = 0; i < l->count; i++) {
        void *function = dlsym(library, l->symbols[i].name);
        if (!function) {
            dlclose(library);
            return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "%s files need another %s: this one has no %s", l->needed_for, l->name, l->symbols[i].name);
        }
        *(void **)l->symbols[i].place = function;
    }
    if (l->ready) l->ready();
    l->loaded = true;            /* and stays so: its code may have threads or exit handlers by now */
    return VQZ_OK;
}

vqz_status lazy_load(lazy_library *l, vqz_error *e) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    const vqz_status s = l->loaded ? VQZ_OK : load(l, e);
    pthread_mutex_unlock(&lock);
    return s;
}
