#include "cli/shard.h"
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static bool whole(const char **text, unsigned long *value) {
    char *end;
    if (**text < '0' || **text > '9') return false;
    *value = strtoul(*text, &end, 10);
    *text = end;
    return *value <= 1ul << 30;
}

bool shard_parse(const char *text, uint32_t *share, uint32_t *shares) {
    unsigned long i, n;
    if (!whole(&text, &i) || *text++ != '/' || !whole(&text, &n) || *text || i >= n || n > SHARES_MOST) return false;
    *share = (uint32_t)i;
    *shares = (uint32_t)n;
    return true;
}

/* A variable of the environment as a number. */
static bool variable(const char *name, unsigned long *value) {
    const char *text = getenv(name);
    return text && whole(&text, value) && !*text;
}

/* What one system says. NOTHING: it is not here. */
typedef enum { NOTHING, WHICH, BOTH, NONSENSE } said;

static said slurm(unsigned long *i, unsigned long *n) {
    unsigned long id, least, step, count;
    if (!getenv("SLURM_ARRAY_TASK_ID")) return NOTHING;
    if (!variable("SLURM_ARRAY_TASK_ID", &id) || !variable("SLURM_ARRAY_TASK_MIN", &least) || !variable("SLURM_ARRAY_TASK_STEP", &step) ||
        !variable("SLURM_ARRAY_TASK_COUNT", &count) || !step || id < least || (id - least) % step)
        return NONSENSE;
    *i = (id - least) / step;
    *n = count;
    return BOTH;
}

static said open_mpi(unsigned long *i, unsigned long *n) {
    if (!getenv("OMPI_COMM_WORLD_RANK")) return NOTHING;
    return variable("OMPI_COMM_WORLD_RANK", i) && variable("OMPI_COMM_WORLD_SIZE", n) ? BOTH : NONSENSE;
}

static said kubernetes(unsigned long *i, unsigned long *n) {
    *n = 0;
    if (!getenv("JOB_COMPLETION_INDEX")) return NOTHING;
    return variable("JOB_COMPLETION_INDEX", i) ? WHICH : NONSENSE;
}

static const char *choose_auto(options *o) {
    unsigned long found[3][2];
    const said says[3] = {slurm(&found[0][0], &found[0][1]), open_mpi(&found[1][0], &found[1][1]), kubernetes(&found[2][0], &found[2][1])};
    int which = -1;
    for (int k = 0; k < 3; k++) {
        if (says[k] == NOTHING) continue;
        if (which >= 0) return "--shard auto: two systems say which share this is (of SLURM_ARRAY_TASK_ID, OMPI_COMM_WORLD_RANK, JOB_COMPLETION_INDEX): use --shard I/N";
        which = k;
    }
    if (which < 0)
        return "--shard auto: nothing says which share this is: neither SLURM_ARRAY_TASK_ID nor OMPI_COMM_WORLD_RANK nor JOB_COMPLETION_INDEX is set";
    if (says[which] == NONSENSE)
        return which == 0   ? "--shard auto: SLURM_ARRAY_TASK_ID needs _MIN, _STEP and _COUNT beside it, and must fit them"
               : which == 1 ? "--shard auto: OMPI_COMM_WORLD_RANK and _SIZE are not both numbers"
                            : "--shard auto: JOB_COMPLETION_INDEX is not a number";
    const unsigned long i = found[which][0], n = says[which] == BOTH ? found[which][1] : o->shares;
    if (!n) return "--shard auto: JOB_COMPLETION_INDEX says which share this is, but not of how many: add --shards N";
    if (o->shares && n != o->shares) return "--shard auto: --shards is not the number that the environment gives";
    if (i >= n || n > SHARES_MOST) return "--shard auto: the environment gives a share that is not below the number of shares (an array with gaps, or a resubmitted part?)";
    o->share = (uint32_t)i;
    o->shares = (uint32_t)n;
    return NULL;
}

const char *shard_choose(options *o) {
    if (!o->shard) return o->shares ? "--shards goes with --shard auto" : NULL;
    if (strcmp(o->shard, "auto") == 0) return choose_auto(o);
    if (o->shares) return "--shards goes with --shard auto";
    shard_parse(o->shard, &o->share, &o->shares);
    return NULL;
}

bool shard_has(const options *o, const char *name) { return !o->shares || XXH64(name, strlen(name), 0) % o->shares == o->share; }
