/* Setting and reporting errors below the public API. */
#ifndef VQZ_BASE_STATUS_H
#define VQZ_BASE_STATUS_H
#include "vqz/vqz.h"

#define VQZ_NO_OFFSET UINT64_MAX

/* Fills *e (may be NULL) and returns `status`, so that callers can write `return vqz_fail(...)`. */
vqz_status vqz_fail(vqz_error *e, vqz_status status, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define VQZ_TRY(call)                              \
    do {                                           \
        vqz_status vqz_try_ = (call);              \
        if (vqz_try_ != VQZ_OK) return vqz_try_;   \
    } while (0)
#endif
