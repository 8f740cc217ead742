/* Options of work on folders, and what they must keep among themselves. */
#include "cli/options.h"
#include "cli/shard.h"
#include <stdlib.h>
#include <string.h>

static bool number(const char *text, unsigned long most, uint32_t *value) {
    char *end;
    const unsigned long v = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || !v || v > most) return false;
    *value = (uint32_t)v;
    return true;
}

const char *options_apply_folder(options *o, int id, const char *arg) {
    uint32_t share, shares;
    switch (id) {
    case OPT_JOBS: return number(arg, 1024, &o->jobs) ? NULL : "a whole number from 1 to 1024";
    case OPT_INCLUDE:
    case OPT_EXCLUDE:
        if (!*arg || strlen(arg) > 1000) return "a pattern of 1 to 1000 bytes";
        if (o->filter_count == sizeof o->filters / sizeof *o->filters) return "at most 64 patterns";
        o->filters[o->filter_count++] = (filter){arg, id == OPT_INCLUDE};
        break;
    case OPT_DRY_RUN: o->dry_run = true; break;
    case OPT_DELETE_SOURCE:
        o->delete_source = true;
        o->config.settings.pixel_hash = 1;
        break;
    case OPT_SHARD:
        o->shard = arg;
        return strcmp(arg, "auto") == 0 || shard_parse(arg, &share, &shares) ? NULL : "auto, or I/N with I from 0 to N - 1";
    case OPT_SHARDS: return number(arg, SHARES_MOST, &o->shares) ? NULL : "a whole number from 1 to 1000000";
    case OPT_MANIFEST:
        if (!*arg) return "a file name";
        o->manifest = arg;
        break;
    case OPT_KEEP_GOING: o->keep_going = true; break;
    }
    return NULL;
}

const char *options_check_folder(options *o) {
    const bool to_stdout = o->output && strcmp(o->output, "-") == 0;
    bool from_stdin = false;
    for (int i = 0; i < o->input_count; i++) from_stdin |= strcmp(o->inputs[i], "-") == 0;
    if (o->json && (o->command == CMD_ENCODE || o->command == CMD_DECODE) && (to_stdout || (from_stdin && !o->output)))
        return "--json and the picture cannot both go to standard output";
    if (o->delete_source && (to_stdout || from_stdin)) return "--delete-source is about files";
    if (o->delete_source && o->dry_run) return "--delete-source and --dry-run exclude each other";
    if (o->delete_source && o->manifest) return "a manifest lists sources, and --delete-source removes them: they exclude each other";
    if (o->manifest && (to_stdout || from_stdin)) return "--manifest is about files";
    if (o->manifest && o->dry_run) return "--manifest and --dry-run exclude each other";
    if (o->keep_going && !o->manifest) return "--keep-going needs --manifest: without one, errors would be lost";
    return shard_choose(o);
}
