#ifndef VQZ_CODEC_SETTINGS_H
#define VQZ_CODEC_SETTINGS_H
#include "base/status.h"
#include "codec/nn/nn.h"

/* The caller's settings (NULL: defaults), checked, completed where its struct is shorter. */
vqz_status vqz_settings_read(vqz_settings *to, const vqz_settings *from, vqz_error *e);
#endif
