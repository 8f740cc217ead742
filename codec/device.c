/* The plug-in, its GPUs, and who may use them when. */
#include "codec/device.h"
#include <dlfcn.h>
#include <string.h>

enum { MAX_GPUS = 16, MAX_MODELS = 16 };
/* At a time a frame is copied, one goes through networks, and one is entropy-coded; a fourth is got ready. */
enum { LANES = 4 };

typedef struct lane {
    void *open;                              /* NULL: not yet */
    bool busy;
} lane;

typedef struct gpu {
    vqz_device_info info;
    void *open;
    bool lost;
    lane lanes[LANES];
    pthread_mutex_t lock;                    /* for the models */
    unsigned nmodels;
    struct {
        uint8_t id[VQZ_MODEL_ID_SIZE];
        void *open;
    } models[MAX_MODELS];
} gpu;

struct vqz_device {
    atomic_uint refs;
    vqz_memory mem;
    vqz_device_kind kind;
    const vqz_backend *table;
    pthread_mutex_t lock;                    /* for what follows */
    pthread_cond_t given;
    vqz_error trouble;
    unsigned ngpus;
    gpu gpus[];
};

/* ---- opening ---------------------------------------------------------------------------------- */

/* Only from a place that the user, or who installed this, chooses: never by a search, and not from the present folder. NULL: *e says why. */
static const vqz_backend *load(const char *path, vqz_error *e) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *why = dlerror();
        vqz_fail(e, VQZ_ERR_DEVICE, VQZ_NO_OFFSET, "no plug-in for GPUs: %.150s", why ? why : path);
        return NULL;
    }
    union {                                  /* C has no cast between the two */
        void *object;
        vqz_backend_getter *get;
    } symbol = {dlsym(library, VQZ_BACKEND_SYMBOL)};
    const vqz_backend *table = symbol.object ? symbol.get() : NULL;
    if (table && table->abi == VQZ_BACKEND_ABI && strcmp(table->version(), vqz_version()) == 0) return table;
    vqz_fail(e, VQZ_ERR_DEVICE, VQZ_NO_OFFSET, "%.100s does not belong to vqz %s: it is of %s%.20s", path, vqz_version(), table ? "version " : "another program",
             !table ? "" : table->abi == VQZ_BACKEND_ABI ? table->version() : "with another interface");
    dlclose(library);
    return NULL;
}

static vqz_status open_gpus(vqz_device *d, uint32_t first, uint32_t count, vqz_error *e) {
    vqz_status s = VQZ_OK;
    for (uint32_t i = first; i < first + count; i++) {
        gpu *g = &d->gpus[d->ngpus];
        vqz_status one = d->table->device_open(&g->open, i, &g->info, e);
        if (one == VQZ_OK) pthread_mutex_init(&d->gpus[d->ngpus++].lock, NULL);
        else s = one;
    }
    if (d->ngpus || s == VQZ_OK) return VQZ_OK;          /* of many, some may be too old */
    if (e) e->status = VQZ_ERR_DEVICE;
    return VQZ_ERR_DEVICE;
}

vqz_status vqz_device_open(vqz_device **out, vqz_device_kind kind, uint32_t number, const char *library, vqz_error *error) {
    if (!out) return vqz_fail(error, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "vqz_device_open: NULL argument");
    *out = NULL;
    if (kind != VQZ_DEVICE_AUTO && kind != VQZ_DEVICE_CUDA) return vqz_fail(error, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "vqz_device_open: kind %d", (int)kind);
    if (!library) library = VQZ_PLUGIN_FOLDER "/libvqz_cuda.so";
    if (library[0] != '/') return vqz_fail(error, VQZ_ERR_ARGUMENT, VQZ_NO_OFFSET, "vqz_device_open: %.100s is no absolute path", library);
    uint32_t count;
    vqz_memory mem;
    void *p;
    const vqz_backend *table = load(library, error);
    if (!table) return VQZ_ERR_DEVICE;
    VQZ_TRY(table->devices(&count, error));
    if (number != VQZ_DEVICE_ALL && number >= count) return vqz_fail(error, VQZ_ERR_DEVICE, VQZ_NO_OFFSET, "GPU %u is asked for, there are %u, counted from 0", number, count);
    const uint32_t first = number == VQZ_DEVICE_ALL ? 0 : number, most = number != VQZ_DEVICE_ALL ? 1 : count < MAX_GPUS ? count : MAX_GPUS;
    vqz_memory_init(&mem, UINT64_MAX);
    VQZ_TRY(vqz_alloc(&mem, &p, 1, sizeof(vqz_device) + most * sizeof(gpu), error));
    vqz_device *d = p;
    d->mem = mem;
    d->kind = kind;
    d->table = table;
    atomic_init(&d->refs, 1);
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->given, NULL);
    vqz_status s = open_gpus(d, first, most, error);
    if (s == VQZ_OK) *out = d;
    else vqz_device_unref(d);
    return s;
}

void vqz_device_ref(vqz_device *d) { atomic_fetch_add(&d->refs, 1); }

void vqz_device_unref(vqz_device *d) {
    if (!d || atomic_fetch_sub(&d->refs, 1) > 1) return;
    for (unsigned i = 0; i < d->ngpus; i++) {
        gpu *g = &d->gpus[i];
        for (unsigned k = 0; k < LANES; k++)
            if (g->lanes[k].open) d->table->lane_close(g->lanes[k].open);
        for (unsigned k = 0; k < g->nmodels; k++) d->table->model_close(g->models[k].open);
        d->table->device_close(g->open);
        pthread_mutex_destroy(&g->lock);
    }
    pthread_cond_destroy(&d->given);
    pthread_mutex_destroy(&d->lock);
    vqz_memory mem = d->mem;
    vqz_free(&mem, d);
}

bool vqz_device_is_optional(const vqz_device *d) { return d->kind == VQZ_DEVICE_AUTO; }

vqz_status vqz_device_get_info(vqz_device *d, uint32_t index, vqz_device_info *info) {
    if (!d || !info) return VQZ_ERR_ARGUMENT;
    if (index >= d->ngpus) return VQZ_END;
    *info = d->gpus[index].info;
    pthread_mutex_lock(&d->lock);
    const bool lost = d->gpus[index].lost;
    pthread_mutex_unlock(&d->lock);
    return lost ? VQZ_ERR_DEVICE : VQZ_OK;
}

vqz_status vqz_device_trouble(vqz_device *d, vqz_error *error) {
    if (!d || !error) return VQZ_ERR_ARGUMENT;
    pthread_mutex_lock(&d->lock);
    *error = d->trouble;
    pthread_mutex_unlock(&d->lock);
    return error->status;
}

/* ---- turns ------------------------------------------------------------------------------------ */

static unsigned lanes_free(const gpu *g) {
    unsigned n = 0;
    for (unsigned i = 0; i < LANES; i++) n += !g->lanes[i].busy;
    return g->lost ? 0 : n;
}

/* With the lock held. NULL: all GPUs are lost. */
static gpu *wait_for_lane(vqz_device *d) {
    for (;;) {
        gpu *best = &d->gpus[0];
        bool alive = false;
        for (unsigned i = 0; i < d->ngpus; i++) {
            alive |= !d->gpus[i].lost;
            if (lanes_free(&d->gpus[i]) > lanes_free(best)) best = &d->gpus[i];
        }
        if (!alive) return NULL;
        if (lanes_free(best)) return best;
        pthread_cond_wait(&d->given, &d->lock);
    }
}

static vqz_status find_model(vqz_device *d, gpu *g, const vqz_model *m, void **open, vqz_error *e) {
    for (unsigned i = 0; i < g->nmodels; i++)
        if (memcmp(g->models[i].id, m->id, sizeof m->id) == 0) {
            *open = g->models[i].open;
            return VQZ_OK;
        }
    if (g->nmodels == MAX_MODELS) return vqz_fail(e, VQZ_ERR_LIMIT, VQZ_NO_OFFSET, "a GPU holds %d models at most", MAX_MODELS);
    VQZ_TRY(d->table->model_open(open, g->open, m->data, m->size, m->id, e));
    memcpy(g->models[g->nmodels].id, m->id, sizeof m->id);
    g->models[g->nmodels++].open = *open;
    return VQZ_OK;
}

vqz_status vqz_device_take(vqz_device *d, const vqz_model *m, vqz_device_turn *turn, vqz_error *e) {
    pthread_mutex_lock(&d->lock);
    gpu *g = wait_for_lane(d);
    if (!g) {
        const vqz_error why = d->trouble;
        pthread_mutex_unlock(&d->lock);
        return vqz_fail(e, VQZ_ERR_DEVICE, VQZ_NO_OFFSET, "no GPU is left: %.160s", why.text);
    }
    unsigned k = 0;
    while (g->lanes[k].busy) k++;
    g->lanes[k].busy = true;
    pthread_mutex_unlock(&d->lock);

    vqz_error why = {.offset = VQZ_NO_OFFSET};
    *turn = (vqz_device_turn){.table = d->table, .gpu = (unsigned)(g - d->gpus), .number = k};
    vqz_status s = g->lanes[k].open ? VQZ_OK : d->table->lane_open(&g->lanes[k].open, g->open, &why);
    turn->lane = g->lanes[k].open;
    pthread_mutex_lock(&g->lock);
    if (s == VQZ_OK) s = find_model(d, g, m, &turn->model, &why);
    pthread_mutex_unlock(&g->lock);
    if (s == VQZ_OK) return s;
    vqz_device_give(d, turn, s, &why);
    if (e) *e = why;
    return s;
}

void vqz_device_give(vqz_device *d, const vqz_device_turn *turn, vqz_status done, const vqz_error *why) {
    gpu *g = &d->gpus[turn->gpu];
    lane *l = &g->lanes[turn->number];
    if (done != VQZ_OK && l->open) {
        d->table->lane_close(l->open);
        l->open = NULL;
    }
    pthread_mutex_lock(&d->lock);
    l->busy = false;
    if (done == VQZ_ERR_DEVICE) g->lost = true;
    if (done != VQZ_OK && done != VQZ_ERR_CORRUPT && d->trouble.status == VQZ_OK) {
        d->trouble = *why;
        d->trouble.status = VQZ_ERR_DEVICE;
    }
    pthread_cond_broadcast(&d->given);
    pthread_mutex_unlock(&d->lock);
}
