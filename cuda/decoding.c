#include "cuda/latents.h"
#include <string.h>

/* Parses the heads, and brings the streams of all tiles into one block, words at even places. */
static vqz_status take_payloads(vqz_cu_decoding *d, const vqz_backend_payload *payload, void *queue, vqz_error *e) {
    vqz_cu_prior *p = d->prior;
    const vqz_model *m = p->model->m;
    size_t bytes = 0, at = 0;
    void *block;
    for (unsigned k = 0; k < p->tiles; k++)
        if (vqz_add(bytes, payload[k].size, &bytes) || vqz_add(bytes, 2, &bytes)) bytes = SIZE_MAX - 2;
    VQZ_TRY(vqz_cu_room_for(&p->up, bytes, "the streams of a batch", e));
    VQZ_TRY(vqz_cu_room_for(&p->streams, bytes, "the streams of a batch", e));
    VQZ_TRY(vqz_alloc(p->mem, &block, p->tiles, sizeof *d->hash, e));
    d->hash = block;
    VQZ_TRY(vqz_alloc(p->mem, &block, p->tiles, sizeof *d->result, e));
    d->result = block;
    for (unsigned k = 0; k < p->tiles; k++) {
        vqz_cu_tile *t = &p->tile[k];
        vqz_cu_result *r = &d->result[k];
        vqz_reader in = vqz_reader_of(payload[k].data, payload[k].size);
        vqz_latent_head h;
        r->status = vqz_latent_head_read(&h, m, &in, &r->error);
        const size_t left = vqz_reader_left(&in);
        if (r->status == VQZ_OK && h.words > left / 2)
            r->status = vqz_fail(&r->error, VQZ_ERR_CORRUPT, in.pos, "latent tile: %u words do not fit in %zu bytes", h.words, left);
        if (r->status == VQZ_OK && h.words < 2u * h.lanes)
            r->status = vqz_fail(&r->error, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "entropy-coded data: %u words cannot hold %u states", h.words, h.lanes);
        const bool good = r->status == VQZ_OK;       /* others go along as tiles without symbols */
        t->level = good ? h.level : 0;
        t->unit = good ? h.unit : 0;
        t->lanes = good ? h.lanes : 1;
        t->mask = good ? h.mask : 0;
        for (uint32_t i = 0; i < m->S; i++) t->bias[i] = good ? h.bias[i] : 0;
        t->nwords = good ? h.words : 0;
        t->nraw = good ? (uint32_t)(left - 2 * (size_t)h.words) : 0;
        t->words = (const uint8_t *)p->streams.p + at;
        t->raw = t->words + 2 * (size_t)t->nwords;
        d->hash[k] = good ? h.hash : 0;
        const size_t size = 2 * (size_t)t->nwords + t->nraw;
        if (size) memcpy((uint8_t *)p->up.p + at, payload[k].data + in.pos, size);
        at += (size + 1) & ~(size_t)1;
    }
    VQZ_TRY(vqz_cu_check(vqz_cu_upload(p->streams.p, p->up.p, at, queue), "the streams of a batch", e));
    return vqz_cu_prior_upload(p, queue, e);
}

static vqz_status queue_decoding(const void *prior, void *queue, vqz_error *e) {
    const vqz_cu_prior *p = prior;
    VQZ_TRY(vqz_cu_check(vqz_cu_decode_begin(&p->batch, queue), "decoding", e));
    VQZ_TRY(vqz_cu_check(vqz_cu_decode_steps(&p->batch, queue), "decoding", e));
    VQZ_TRY(vqz_cu_check(vqz_cu_decode_hyper(&p->batch, queue), "decoding", e));
    VQZ_TRY(vqz_cu_prior_hyper(p, queue, e));
    for (uint32_t i = 0; i < p->model->m->S; i++)
        for (unsigned pass = 0; pass < 2; pass++) {
            const vqz_cu_pass here = vqz_cu_prior_pass(p, i, pass, NULL);
            VQZ_TRY(vqz_cu_prior_predict(p, i, pass, NULL, queue, e));
            VQZ_TRY(vqz_cu_check(vqz_cu_decode_pass(&here, queue), "decoding", e));
        }
    VQZ_TRY(vqz_cu_check(vqz_cu_decode_end(&p->batch, queue), "decoding", e));
    return vqz_cu_check(vqz_cu_hash(&p->batch, queue), "hashing", e);
}

vqz_status vqz_cu_decode_start(vqz_cu_decoding *d, vqz_cu_prior *p, const vqz_backend_payload *payload, void *queue, vqz_error *e) {
    *d = (vqz_cu_decoding){.prior = p};
    VQZ_TRY(take_payloads(d, payload, queue, e));
    return vqz_cu_queue_graph(&p->decoder, queue_decoding, p, queue, e);
}

/* The words of vqz_rans_dec_init and vqz_rans_dec_finish. */
static vqz_status corrupt(uint32_t failed, vqz_error *e) {
    const char *what = failed & VQZ_CU_ENDED ? "it ended early or holds an impossible number"
                     : failed & VQZ_CU_RAW ? "raw bits are left over" : failed & VQZ_CU_WORDS ? "words are left over" : "a state is wrong";
    return failed ? vqz_fail(e, VQZ_ERR_CORRUPT, VQZ_NO_OFFSET, "entropy-coded data: %s", what) : VQZ_OK;
}

vqz_status vqz_cu_decode_finish(vqz_cu_decoding *d, bool verify, void *queue, vqz_error *e) {
    vqz_cu_prior *p = d->prior;
    VQZ_TRY(vqz_cu_check(vqz_cu_download(p->tile, p->batch.tile, p->tiles * sizeof *p->tile, queue), "tiles", e));
    VQZ_TRY(vqz_cu_check(vqz_cu_wait(queue), "decoding", e));
    for (unsigned k = 0; k < p->tiles; k++) {
        vqz_cu_result *r = &d->result[k];
        if (r->status == VQZ_OK) r->status = corrupt(p->tile[k].failed, &r->error);
        if (r->status == VQZ_OK && verify && p->tile[k].hash != d->hash[k])
            r->status = vqz_fail(&r->error, VQZ_ERR_HASH, 0, "latent tile: the decoded latents hash to %08x, the file says %08x", p->tile[k].hash, d->hash[k]);
    }
    return VQZ_OK;
}

void vqz_cu_decode_free(vqz_cu_decoding *d) {
    if (!d->prior) return;
    vqz_free(d->prior->mem, d->hash);
    vqz_free(d->prior->mem, d->result);
    *d = (vqz_cu_decoding){0};
}
