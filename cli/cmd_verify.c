#include "cli/commands.h"
#include "cli/run.h"

static vqz_status verify_one(task *t, vqz_error *e) {
    image_reader *r;
    image_rows rows;
    vqz_status s = open_vqz(&r, &t->in, t->o, e);
    while (s == VQZ_OK) s = image_reader_next(r, &rows, e);
    image_reader_close(r);
    if (s != VQZ_END) return s;
    snprintf(t->done->result, sizeof t->done->result, "good");
    return VQZ_OK;
}

int cmd_verify(options *o) {
    return run_on_files(o, "vqz", NULL, verify_one);
}
