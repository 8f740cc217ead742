/* The command line: one table of commands and one of options drive the parser, the help texts and the manual page. */
#ifndef VQZ_CLI_OPTIONS_H
#define VQZ_CLI_OPTIONS_H
#include "cli/glob.h"
#include "cli/image.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

typedef enum command_id {
    CMD_ENCODE,
    CMD_DECODE,
    CMD_INFO,
    CMD_VERIFY,
    CMD_COMPARE,
    CMD_TRANSCODE,
    CMD_RD,
    CMD_MANIFEST,
    CMD_MODELS,
    CMD_HELP,
    CMD_COUNT
} command_id;

typedef struct options {
    command_id command;
    image_config config;         /* config.model is set by model_load */
    uint64_t target_size;        /* 0: none */
    double target_psnr;          /* 0: none */
    const char *output;          /* NULL: beside the input */
    const char *model;           /* file name, or NULL */
    image_format format;
    enum { DEVICE_CPU, DEVICE_AUTO, DEVICE_CUDA } device;
    uint32_t gpu;                /* its number, or VQZ_DEVICE_ALL */
    bool strip, force, resume, json, stored_orientation, quiet, verbose, man, sandbox;
    char **inputs;
    int input_count;
    int completion;              /* index of a shell, and 1 */
    /* folders */
    uint32_t jobs;               /* files at a time; 0: not given */
    filter filters[64];
    size_t filter_count;
    const char *shard;           /* "I/N" or "auto"; NULL: every file */
    uint32_t share, shares;      /* what it says; shares 0: every file. Before that, shares is --shards */
    const char *manifest;        /* file name, or NULL */
    bool dry_run, delete_source, keep_going;
    /* rd: lists, or NULL */
    const char *codecs, *efforts, *metrics, *qualities[16];
    size_t quality_count;
} options;

typedef struct command {
    const char *name, *usage, *summary;
    const char *text;            /* paragraphs; each ends with a newline */
    const char *examples;        /* lines "COMMAND\n  what it does\n" */
    int min_inputs, max_inputs;
    int (*run)(options *o);
    bool own_words;              /* it reads its words itself: they are o->inputs */
} command;
extern const command commands[CMD_COUNT];

typedef struct option_row {
    int id;                      /* short letter, or a number above 255 */
    const char *name, *argument; /* argument NULL: a switch */
    unsigned commands;           /* bit per command_id */
    const char *help;
} option_row;
extern const option_row option_table[];
extern const int option_count;

typedef enum parse_result { PARSE_RUN, PARSE_HELP, PARSE_VERSION, PARSE_FAILED } parse_result;
/* Messages go to stderr. argv is permuted; o->inputs points into it. */
parse_result options_parse(options *o, int argc, char **argv);
/* options_folder.c: the options that are about folders; as option_apply. */
enum { OPT_FOLDER = 400, OPT_JOBS = OPT_FOLDER, OPT_INCLUDE, OPT_EXCLUDE, OPT_DRY_RUN, OPT_DELETE_SOURCE, OPT_SHARD, OPT_SHARDS, OPT_MANIFEST, OPT_KEEP_GOING };
const char *options_apply_folder(options *o, int id, const char *arg);
/* What they must keep among themselves. NULL, or what is wrong. */
const char *options_check_folder(options *o);
/* For commands that read their words themselves: the row of a name without dashes, or NULL; and what it does, as in options_parse. NULL, or what
 * was expected instead of `arg`. Rows from OPT_FILM on are the command's own. */
enum { OPT_FILM = 1000, OPT_FILM_FORMAT = OPT_FILM, OPT_FILM_CODEC, OPT_FILM_FILTERS, OPT_FILM_START, OPT_FILM_LENGTH, OPT_FILM_RATE, OPT_FILM_FRAMES,
       OPT_FILM_PIXELS, OPT_FILM_NO_SOUND, OPT_FILM_NO_SUBTITLES, OPT_FILM_COPY_TIMES, OPT_FILM_REPLACE };
const option_row *option_find(command_id c, const char *name);
const char *option_apply(options *o, int id, const char *arg);
/* The words that an option takes, one by one; NULL past the last one, and for options that take something else. */
const char *option_word(int id, uint32_t i);
/* Index in commands, or -1. */
int command_find(const char *name);
/* "12k" -> 12000, "1Mi" -> 1048576; false for anything else. */
bool parse_bytes(const char *text, uint64_t *value);

/* help.c */
void help_overview(FILE *to);
void help_command(FILE *to, command_id c);
void help_man(FILE *to);
/* Names from ffmpeg have one dash there: "-" or "--". */
const char *option_dashes(const option_row *row);

/* completion.c: a script that completes command lines of vqz, for one of these shells */
extern const char *const completion_shells[];
void completion_print(FILE *to, int shell);
#endif
