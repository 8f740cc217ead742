#include "cli/commands.h"
#include "cli/run.h"

static vqz_status verify_one(task *t, vqz_error *e) {
    image_reader *r;
    uint64_t frames = 0;
    vqz_status s = open_vqz(&r, &t->in, t->o, e);
    for (; s == VQZ_OK && (s = image_reader_go_on(r, e)) == VQZ_OK; frames++) {
        image_rows rows;
        while (s == VQZ_OK) s = image_reader_next(r, &rows, e);
        if (s == VQZ_END) s = VQZ_OK;
    }
    if (s == VQZ_END && r->moving) snprintf(t->done->result, sizeof t->done->result, "good, %llu frames", (unsigned long long)frames);
    else snprintf(t->done->result, sizeof t->done->result, "good");
    image_reader_close(r);
    return s == VQZ_END ? VQZ_OK : s;
}

int cmd_verify(options *o) {
    return run_on_files(o, "vqz", NULL, verify_one);
}
