/* The coders that vqz rd can compare, and how they are run: one thread each, the programs that a user would run. */
#include "cli/hash.h"
#include "cli/rd.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FFMPEG_COLOURS "-sws_flags", "lanczos+accurate_rnd+full_chroma_int+full_chroma_inp", "-frames:v", "1"
#define AVIF_DECODE {"avifdec", "-j", "1", "--png-compress", "0", "%i", "%o"}

const rd_format rd_formats[] = {
    {.name = "vqz", .title = "vqz", .version = "--version", .suffix = ".vqz", .decoded = ".ppm",
     .encode = {"vqz", "encode", "--quiet", "-j", "1", "-q", "%q", "-e", "%e", "--tune", "%t", "%m", "%f", "-o", "-", "%i"},
     .decode = {"vqz", "decode", "--quiet", "-j", "1", "%m", "%f", "--format", "ppm", "-o", "-", "%i"},
     .qualities = "0,8,22,36,50,65,79,88,96,100", .native = {0, 100}, .step = 0.0625, .to_stdout = true},
    {.name = "jpeg", .title = "JPEG 4:2:0", .suffix = ".jpg", .decoded = ".ppm", .qualities = "3,8,15,28,45,65,82,92,96", .native = {0, 100}, .step = 1},
    {.name = "jpeg444", .title = "JPEG 4:4:4", .suffix = ".jpg", .decoded = ".ppm", .qualities = "3,8,20,45,75,90,96", .native = {0, 100}, .step = 1},
    {.name = "webp", .title = "WebP", .encoder = "cwebp", .decoder = "dwebp", .package = "webp", .version = "-version", .suffix = ".webp", .decoded = ".ppm",
     .encode = {"cwebp", "-quiet", "-m", "6", "-q", "%q", "%i", "-o", "%o"}, .decode = {"dwebp", "-quiet", "-ppm", "%i", "-o", "%o"},
     .qualities = "0,5,15,35,60,80,90,96", .native = {0, 100}, .step = 0.01},
    {.name = "avif", .title = "AVIF 4:4:4", .encoder = "avifenc", .decoder = "avifdec", .package = "libavif-bin", .version = "--version", .suffix = ".avif", .decoded = ".png",
     .encode = {"avifenc", "-s", "6", "-j", "1", "-y", "444", "--min", "%q", "--max", "%q", "%i", "%o"}, .decode = AVIF_DECODE,
     .qualities = "0,8,17,30,43,56,71,84", .native = {63, 0}, .step = 1, .takes_png = true},
    {.name = "avif420", .title = "AVIF 4:2:0", .encoder = "avifenc", .decoder = "avifdec", .package = "libavif-bin", .version = "--version", .suffix = ".avif", .decoded = ".png",
     .encode = {"avifenc", "-s", "6", "-j", "1", "-y", "420", "--min", "%q", "--max", "%q", "%i", "%o"}, .decode = AVIF_DECODE,
     .qualities = "0,8,17,30,43,56,71,84", .native = {63, 0}, .step = 1, .takes_png = true},
    {.name = "jxl", .title = "JPEG XL", .encoder = "cjxl", .decoder = "djxl", .package = "libjxl-tools", .version = "--version", .suffix = ".jxl", .decoded = ".ppm",
     .encode = {"cjxl", "--quiet", "--num_threads=0", "-e", "7", "-q", "%q", "%i", "%o"}, .decode = {"djxl", "--quiet", "--num_threads=0", "%i", "%o"},
     .qualities = "5,10,25,45,65,80,90,96", .native = {0, 100}, .step = 0.01, .least = 5},      /* below, cjxl 0.7 makes a distance that it refuses */
    {.name = "hevc", .title = "HEVC 4:4:4", .encoder = "ffmpeg", .decoder = "ffmpeg", .package = "ffmpeg", .version = "-version", .needs = "libx265", .suffix = ".hevc", .decoded = ".ppm",
     .encode = {"ffmpeg", "-nostdin", "-v", "error", "-y", "-i", "%i", FFMPEG_COLOURS, "-threads", "1", "-c:v", "libx265", "-preset", "slow", "-crf", "%q", "-pix_fmt", "yuv444p",
                "-x265-params", "log-level=none:pools=none:frame-threads=1:info=0", "-f", "hevc", "%o"},
     .decode = {"ffmpeg", "-nostdin", "-v", "error", "-y", "-threads", "1", "-i", "%i", FFMPEG_COLOURS, "-pix_fmt", "rgb24", "%o"},
     .qualities = "5,15,25,35,47,60,72,84", .native = {51, 0}, .step = 0.01},
    {0}};

double rd_native(const rd_format *f, double quality) {
    const double value = f->native[0] + (f->native[1] - f->native[0]) * quality / 100;
    return fmax(round(value / f->step) * f->step, f->least);
}

void rd_native_text(const rd_format *f, double quality, char text[24]) { snprintf(text, 24, "%.10g", rd_native(f, quality)); }

static bool lack(rd_absent *why, const char *format, const char *a, const char *b) {
    snprintf(why->why, sizeof why->why, format, a, b);
    return false;
}

/* What a program is: its bytes, and what it says of the libraries that it uses. */
static bool identify(XXH64_state_t *hash, const char *path, const char *version_word, char *version, size_t version_size, vqz_error *e) {
    uint64_t size, of_file;
    if (hash_file(path, &size, &of_file, e) != VQZ_OK) return false;
    XXH64_update(hash, &of_file, sizeof of_file);
    if (!version_word) return true;
    const char *const words[] = {path, version_word, NULL};
    child_result said;
    if (child_run(path, words, NULL, &said, e) != VQZ_OK) return false;
    XXH64_update(hash, said.text, strlen(said.text));
    snprintf(version, version_size, "%.*s", (int)strcspn(said.text, "\n"), said.text);
    return true;
}

/* What vqz itself makes depends on all of it, and on these options. */
static bool identify_self(rd_curve *c, XXH64_state_t *hash, const options *o, rd_absent *why) {
    const char *cpu = getenv("VQZ_CPU");
    uint64_t size, of_model = 0;
    vqz_error e;
    if (!(c->encoder = strdup(CHILD_SELF)) || !(c->decoder = strdup(CHILD_SELF))) return lack(why, "out of memory%s%s", "", "");
    if (o->model && hash_file(o->model, &size, &of_model, &e) != VQZ_OK) return lack(why, "%.120s%s", e.text, "");
    XXH64_update(hash, &of_model, sizeof of_model);
    XXH64_update(hash, &o->config.settings.tune, sizeof o->config.settings.tune);
    if (cpu) XXH64_update(hash, cpu, strlen(cpu));
    return identify(hash, CHILD_SELF, c->format->version, c->version, sizeof c->version, &e) || lack(why, "%.120s%s", e.text, "");
}

static bool find_programs(rd_curve *c, XXH64_state_t *hash, const options *o, rd_absent *why) {
    const rd_format *f = c->format;
    vqz_error e;
    if (!f->encode[0]) {         /* within this program, but not of its making */
        snprintf(c->version, sizeof c->version, "%s", rd_jpeg_version());
        XXH64_update(hash, c->version, strlen(c->version));
        return true;
    }
    if (!f->encoder) return identify_self(c, hash, o, why);
    if (!(c->encoder = child_find(f->encoder))) return lack(why, "program %s not found (Debian package %s)", f->encoder, f->package);
    if (!(c->decoder = child_find(f->decoder))) return lack(why, "program %s not found (Debian package %s)", f->decoder, f->package);
    char unused[8];
    if (!identify(hash, c->encoder, f->version, c->version, sizeof c->version, &e) || !identify(hash, c->decoder, NULL, unused, sizeof unused, &e)) return lack(why, "%.120s%s", e.text, "");
    return true;
}

/* Whether ffmpeg was built with an encoder. */
static bool has_encoder(const rd_curve *c, rd_absent *why) {
    char topic[40];
    const char *const words[] = {c->encoder, "-hide_banner", "-h", topic, NULL};
    child_result said;
    vqz_error e;
    snprintf(topic, sizeof topic, "encoder=%s", c->format->needs);
    if (child_run(c->encoder, words, NULL, &said, &e) != VQZ_OK) return lack(why, "%.120s%s", e.text, "");
    return strstr(said.text, "Encoder ") || lack(why, "this %s has no encoder %s", c->format->encoder, c->format->needs);
}

bool rd_curve_find(rd_curve *c, const options *o, rd_absent *why) {
    XXH64_state_t hash;
    XXH64_reset(&hash, 0);
    if (!find_programs(c, &hash, o, why) || (c->format->needs && !has_encoder(c, why))) return false;
    XXH64_update(&hash, c->name, strlen(c->name));
    for (const char *const *w = c->format->encode; *w; w++) XXH64_update(&hash, *w, strlen(*w) + 1);
    for (const char *const *w = c->format->decode; *w; w++) XXH64_update(&hash, *w, strlen(*w) + 1);
    c->identity = XXH64_digest(&hash);
    return true;
}
