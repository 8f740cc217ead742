/* Which share of the files this process works on. */
#ifndef VQZ_CLI_SHARD_H
#define VQZ_CLI_SHARD_H
#include "cli/options.h"

enum { SHARES_MOST = 1000000 };

/* "1/4": share 1 of 0..3. */
bool shard_parse(const char *text, uint32_t *share, uint32_t *shares);
/* Sets o->share and o->shares from --shard and, where that is auto, the environment. NULL, or what is wrong. */
const char *shard_choose(options *o);
/* Whether a file of this name, relative to its folder, is in the share. */
bool shard_has(const options *o, const char *name);
#endif
