/* The words of "vqz transcode": rows of the option table, with one dash or two, and options of FFmpeg's own. */
#include <libavutil/parseutils.h>
#include <string.h>
#include "cli/transcode/transcode.h"

static bool complain(const char *word, const char *why) {
    fprintf(stderr, "vqz transcode: %s: %s\n", word, why);
    return false;
}

/* One of the rows that are only ours. NULL, or what was expected instead of `value`. */
static const char *apply(film_args *a, int id, const char *value) {
    char *end;
    switch (id) {
    case OPT_FILM_CODEC: a->codec = value; break;
    case OPT_FILM_FILTERS: a->filters = value; break;
    case OPT_FILM_PIXELS: a->pixel_format = value; break;
    case OPT_FILM_START:
        if (av_parse_time(&a->start, value, 1) < 0 || a->start < 0) return "a time, such as 90, 1:30 or 1:30.5";
        break;
    case OPT_FILM_LENGTH:
        if (av_parse_time(&a->length, value, 1) < 0 || a->length <= 0) return "a time above 0, such as 90, 1:30 or 1:30.5";
        break;
    case OPT_FILM_RATE:
        if (av_parse_video_rate(&a->rate, value) < 0 || a->rate.num <= 0) return "a number of frames per second, such as 25, 29.97 or 30000/1001";
        break;
    case OPT_FILM_FRAMES:
        a->frames = strtoll(value, &end, 10);
        if (*end || end == value || a->frames < 1) return "a whole number from 1";
        break;
    case OPT_FILM_FORMAT: *(a->in ? &a->out_format : &a->in_format) = value; break;
    case OPT_FILM_NO_SOUND: a->no_sound = true; break;
    case OPT_FILM_NO_SUBTITLES: a->no_subtitles = true; break;
    case OPT_FILM_COPY_TIMES: a->copy_times = true; break;
    case OPT_FILM_REPLACE: break;
    }
    return NULL;
}

/* "crf:v" is "crf". */
static bool keep(film_args *a, const char *name, const char *value) {
    char key[64];
    const size_t n = strlen(name), kept = n > 2 && strcmp(name + n - 2, ":v") == 0 ? n - 2 : n;
    if (kept >= sizeof key) return false;
    snprintf(key, sizeof key, "%.*s", (int)kept, name);
    return av_dict_set(a->in ? &a->out_options : &a->in_options, key, value, 0) >= 0;
}

/* An option at words[*i]; its value may be the next word. */
static bool parse_option(film_args *a, char **words, int count, int *i) {
    char *word = words[*i], *name = word + (word[1] == '-' ? 2 : 1), *equals = strncmp(word, "--", 2) == 0 ? strchr(name, '=') : NULL;
    if (equals) *equals = 0;
    const option_row *row = option_find(CMD_TRANSCODE, strcmp(name, "q:v") == 0 ? "q" : name);
    const bool takes = !row || row->argument;
    const char *value = equals ? equals + 1 : !takes ? "" : *i + 1 < count ? words[++*i] : NULL;
    if (!value) return complain(word, row ? "a value is needed" : "no such option; one of FFmpeg's needs a value");
    if (!takes && equals) return complain(word, "takes no value");
    if (!row) return keep(a, name, value) || complain(word, "too long");
    if (row->id == 'q') a->quality_given = true;
    if (row->id == 'g') a->interval_given = true;
    const char *expected = row->id >= OPT_FILM ? apply(a, row->id, value) : option_apply(&a->o, row->id, value);
    if (!expected) return true;
    fprintf(stderr, "vqz transcode: %s %s: expected %s\n", word, value, expected);
    return false;
}

bool film_args_parse(film_args *a, const options *o, char **words, int count) {
    *a = (film_args){.o = *o, .start = AV_NOPTS_VALUE, .length = AV_NOPTS_VALUE, .rate = {0, 1}, .frames = INT64_MAX};
    for (int i = 0; i < count; i++) {
        if (words[i][0] == '-' && words[i][1]) {
            if (!parse_option(a, words, count, &i)) return false;
        } else if (!words[i][0]) {
            return complain("\"\"", "an empty file name");
        } else if (!a->in) {
            a->in = words[i];
        } else if (!a->out) {
            a->out = words[i];
        } else {
            return complain(words[i], "too many arguments: one IN, one OUT");
        }
    }
    if (!a->out) return complain(a->in ? a->in : "IN OUT", "IN and OUT are needed; \"vqz help transcode\" explains it");
    if (strcmp(a->in, "-") != 0 && strcmp(a->in, a->out) == 0) return complain(a->out, "is IN and OUT");
    return true;
}

void film_args_free(film_args *a) {
    av_dict_free(&a->in_options);
    av_dict_free(&a->out_options);
}
