/* The commands, and what they share. Each returns an exit code. */
#ifndef VQZ_CLI_COMMANDS_H
#define VQZ_CLI_COMMANDS_H
#include "cli/options.h"

int cmd_encode(options *o);
int cmd_decode(options *o);
int cmd_info(options *o);
int cmd_verify(options *o);
int cmd_compare(options *o);
int cmd_transcode(options *o);      /* of vqz: runs vqz-transcode, which has a cmd_transcode of its own */
int cmd_rd(options *o);
int cmd_manifest(options *o);
int cmd_models(options *o);
int cmd_help(options *o);

/* The model of --model FILE, or those built in: checking a model costs 0.1 s, and packing it some ms, so it is opened once for all files. Prints its own errors. */
typedef struct loaded_model {
    vqz_model *model;            /* of FILE, or the built-in one that was trained for --tune */
    vqz_model *other;            /* without FILE, for several files: the other built-in one */
    uint8_t *bytes;              /* of FILE; must outlive the model */
    size_t size;
} loaded_model;
bool model_load(loaded_model *m, options *o);   /* also sets o->config.model */
/* The same in two steps: the bytes of FILE without a look at them, then the model. Only the first prints its error. */
bool model_read(loaded_model *m, const options *o);
vqz_status model_open(loaded_model *m, options *o, vqz_error *e);
vqz_status model_open_other(loaded_model *m, options *o, vqz_error *e);    /* sets o->config.other */
void model_free(loaded_model *m);
/* Name of a loaded or built-in model with this id, or NULL; the text lives as long as *keep, which the caller unrefs. */
const char *model_name(const uint8_t id[VQZ_MODEL_ID_SIZE], const options *o, vqz_model **keep);
void print_model_id(FILE *to, const uint8_t id[VQZ_MODEL_ID_SIZE]);

/* A reader of a file that must be a .vqz; to be closed whatever the result. */
vqz_status open_vqz(image_reader **r, source *in, const options *o, vqz_error *e);
const char *layout_name(vqz_layout l);
#endif
