#include "cli/commands.h"
#include "cli/hash.h"
#include "cli/run.h"

/* All frames, to VQZ_END or an error. */
static vqz_status read_pixels(outcome *done, image_reader *r, uint64_t *frames, vqz_error *e) {
    XXH64_state_t hash;
    vqz_status s = VQZ_OK;
    XXH64_reset(&hash, 0);
    for (*frames = 0; s == VQZ_OK && (s = image_reader_go_on(r, e)) == VQZ_OK; ++*frames) {
        image_rows rows;
        while (s == VQZ_OK && (s = image_reader_next(r, &rows, e)) == VQZ_OK) hash_rows(&hash, &rows, &r->info);
        if (s == VQZ_END) s = VQZ_OK;
    }
    done->pixel_hash = XXH64_digest(&hash);
    done->pixels = (double)r->info.width * r->info.height * (double)*frames;
    return s;
}

vqz_status task_verify(task *t, vqz_error *e) {
    image_reader *r = NULL;
    uint64_t frames = 0;
    vqz_status s = open_vqz(&r, &t->in, t->o, e);
    if (s == VQZ_OK) s = read_pixels(t->done, r, &frames, e);
    if (s == VQZ_END && r->moving) snprintf(t->done->result, sizeof t->done->result, "good, %llu frames", (unsigned long long)frames);
    else snprintf(t->done->result, sizeof t->done->result, "good");
    t->done->bytes_in = t->in.regular ? t->in.size : source_offset(&t->in);
    image_reader_close(r);
    return s == VQZ_END ? VQZ_OK : s;
}

vqz_status task_inspect(task *t, vqz_error *e) {
    image_reader *r = NULL;
    uint64_t frames = 0;
    vqz_status s = image_reader_open(&r, &t->in, &t->o->config, e);
    if (s == VQZ_OK) {
        s = read_pixels(t->done, r, &frames, e);
        t->done->loss = r->loss;
        snprintf(t->done->notes[0], sizeof t->done->notes[0], "%s", r->note);
    }
    image_reader_close(r);
    return s == VQZ_END ? VQZ_OK : s;
}

int cmd_verify(options *o) {
    return run_on_files(o, "vqz", NULL, task_verify);
}
