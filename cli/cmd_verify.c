#include "cli/commands.h"
#include "cli/progress.h"

static bool verify_one(const job *j, options *o, progress *p, vqz_error *e) {
    source in;
    image_reader *r;
    image_rows rows;
    vqz_status s = open_vqz(&in, &r, j->in, o, e);
    while (s == VQZ_OK) s = image_reader_next(r, &rows, e);
    image_reader_close(r);
    source_close(&in);
    if (s != VQZ_END) return false;
    report_result(p, "%s: good", j->in);
    return true;
}

int cmd_verify(options *o) {
    return run_on_files(o, "vqz", NULL, verify_one);
}
