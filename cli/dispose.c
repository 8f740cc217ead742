/* --delete-source: a source goes when what was made of it stands on the disk, comes back from there and decodes to the hash that the encoder noted. */
#include "cli/run_task.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The pixels that the file decodes to; their hash has been held against that in the file. */
static vqz_status read_back(run *r, const task *t, uint64_t *hash, vqz_error *e) {
    task check = {.j = t->j, .o = t->o, .in.fd = -1, .done = t->done};
    vqz_error why = {.offset = NO_OFFSET};
    sink_open_memory(&check.out);
    vqz_status s = source_open(&check.in, t->j->out, &why);
    if (s == VQZ_OK) {
        (void)posix_fadvise(check.in.fd, 0, 0, POSIX_FADV_DONTNEED);     /* from the disk, where the system can do that */
        s = run_guarded(r, &check, task_verify, &why);
    }
    *hash = t->done->pixel_hash;
    source_close(&check.in);
    return s == VQZ_OK ? s : cli_fail(e, s, NO_OFFSET, "the source is kept: %s, read back: %.90s", path_tail(t->j->out), why.text);
}

/* The name must still be that of the file that was read. */
static vqz_status remove_source(const task *t, vqz_error *e) {
    struct stat now;
    if (lstat(t->j->in, &now) != 0) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "the source is kept: %s", strerror(errno));
    const stamp s = stamp_of(&now, t->stamp.made);
    if (!S_ISREG(now.st_mode) || now.st_dev != t->found.st_dev || now.st_ino != t->found.st_ino || !stamp_equal(&s, &t->stamp))
        return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "the source is kept: it %s", S_ISLNK(now.st_mode) ? "is a link" : "was changed");
    return unlink(t->j->in) == 0 ? VQZ_OK : cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "the source cannot be deleted: %s", strerror(errno));
}

vqz_status run_dispose(run *r, task *t, vqz_error *e) {
    outcome *d = t->done;
    uint64_t hash = 0;
    if (!t->found.st_mode || (d->kind == OUTCOME_DONE && t->out.name == NULL)) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "the source is kept: only files can be deleted, and made into");
    vqz_status s = d->kind == OUTCOME_CURRENT ? run_guarded(r, t, task_inspect, e) : VQZ_OK;
    if (s != VQZ_OK) return s;
    if (d->loss) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "the source is kept: %.150s", d->notes[0]);
    outcome kept = *d;
    s = read_back(r, t, &hash, e);
    if (s == VQZ_OK && t->o->config.settings.lossless && hash != kept.pixel_hash)
        s = cli_fail(e, VQZ_ERR_HASH, NO_OFFSET, "the source is kept: %s, read back, has other pixels", path_tail(t->j->out));
    if (s == VQZ_OK) s = remove_source(t, e);
    *d = kept;
    d->deleted = s == VQZ_OK;
    return s;
}
