/* A plug-in of another interface; with VQZ_STRANGE, a library that is none. */
#include "codec/backend.h"

VQZ_API const vqz_backend *vqz_backend_get(void);
VQZ_API int vqz_strange(void);
#ifdef VQZ_STRANGE
int vqz_strange(void) { return 1; }
#else
const vqz_backend *vqz_backend_get(void) {
    static const vqz_backend table = {.abi = VQZ_BACKEND_ABI + 1, .version = vqz_version};
    return &table;
}
#endif
