#include "base/status.h"
#include <stdarg.h>
#include <stdio.h>

static const struct { const char *name, *text; } names[] = {
    [VQZ_OK] = {"VQZ_OK", "success"},
    [VQZ_AGAIN] = {"VQZ_AGAIN", "more input is needed"},
    [VQZ_END] = {"VQZ_END", "everything has been delivered"},
    [VQZ_ERR_ARGUMENT] = {"VQZ_ERR_ARGUMENT", "an argument is outside its documented range"},
    [VQZ_ERR_MEMORY] = {"VQZ_ERR_MEMORY", "out of memory"},
    [VQZ_ERR_LIMIT] = {"VQZ_ERR_LIMIT", "a pixel or memory limit would be exceeded"},
    [VQZ_ERR_SIGNATURE] = {"VQZ_ERR_SIGNATURE", "not a vqz file"},
    [VQZ_ERR_VERSION] = {"VQZ_ERR_VERSION", "written for a newer version of vqz"},
    [VQZ_ERR_TRUNCATED] = {"VQZ_ERR_TRUNCATED", "the file ends early"},
    [VQZ_ERR_CHECKSUM] = {"VQZ_ERR_CHECKSUM", "a checksum does not match"},
    [VQZ_ERR_CORRUPT] = {"VQZ_ERR_CORRUPT", "the file is damaged"},
    [VQZ_ERR_HASH] = {"VQZ_ERR_HASH", "the decoded data differ from the hash in the file"},
    [VQZ_ERR_MODEL_UNKNOWN] = {"VQZ_ERR_MODEL_UNKNOWN", "the file needs a model that is not available"},
    [VQZ_ERR_MODEL_INVALID] = {"VQZ_ERR_MODEL_INVALID", "the model file is invalid"},
    [VQZ_ERR_UNSUPPORTED] = {"VQZ_ERR_UNSUPPORTED", "not supported by this build"},
    [VQZ_ERR_INTERNAL] = {"VQZ_ERR_INTERNAL", "internal error"},
    [VQZ_ERR_DEVICE] = {"VQZ_ERR_DEVICE", "the GPU cannot do it"},
    [VQZ_ERR_REFERENCE] = {"VQZ_ERR_REFERENCE", "the frame that it refers to is not there"},
};
#define COUNT (sizeof names / sizeof *names)

const char *vqz_status_name(vqz_status s) { return (size_t)s < COUNT ? names[s].name : "VQZ_ERR_?"; }
const char *vqz_status_text(vqz_status s) { return (size_t)s < COUNT ? names[s].text : "unknown status"; }

const char *vqz_version(void) {
#define STR2(x) #x
#define STR(x) STR2(x)
    return STR(VQZ_VERSION_MAJOR) "." STR(VQZ_VERSION_MINOR) "." STR(VQZ_VERSION_PATCH);
}

vqz_status vqz_fail(vqz_error *e, vqz_status status, uint64_t offset, const char *format, ...) {
    if (!e) return status;
    e->status = status;
    e->offset = offset;
    va_list ap;
    va_start(ap, format);
    vsnprintf(e->text, sizeof e->text, format, ap);
    va_end(ap);
    return status;
}
