#include "cli/options.h"
#include "cli/commands.h"
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BIT(c) (1u << (c))
enum {
    E = BIT(CMD_ENCODE), D = BIT(CMD_DECODE), I = BIT(CMD_INFO), V = BIT(CMD_VERIFY), C = BIT(CMD_COMPARE), T = BIT(CMD_TRANSCODE), R = BIT(CMD_RD), P = BIT(CMD_MANIFEST), M = BIT(CMD_MODELS),
    H = BIT(CMD_HELP), FILES = E | D | I | V | C | T | R, FILES_MANY = E | D | I | V | R, CODEC = E | D | V | C | T
};
enum {
    OPT_TUNE = 256, OPT_LOSSLESS, OPT_TARGET_SIZE, OPT_TARGET_PSNR, OPT_FORMAT, OPT_PNG_LEVEL, OPT_STRIP, OPT_STORED, OPT_PARTIAL, OPT_NO_VERIFY, OPT_PIXEL_HASH, OPT_TILE_SIZE,
    OPT_MATRIX, OPT_MODEL, OPT_CPU, OPT_MAX_PIXELS, OPT_MEMORY, OPT_JSON, OPT_QUIET, OPT_MAN, OPT_SANDBOX, OPT_RESUME, OPT_FPS, OPT_DEVICE, OPT_COMPLETION, OPT_RD_CODECS,
    OPT_RD_EFFORTS, OPT_RD_QUALITIES, OPT_RD_METRICS
};

const option_row option_table[] = {
    {'q', "quality", "Q", E | T, "0 (smallest) to 100 (best), in steps of 1/16; default 75"},
    {'e', "effort", "N", E | T, "0 (fastest) to 9 (best); default 4. Up to 4 the same file on every machine; 5 to 9: 1, 3, 6, 12, 24 rounds of search"},
    {OPT_TUNE, "tune", "NAME", E | T | R, "what to judge by, each with a model of its own: visual or psnr; default visual"},
    {OPT_LOSSLESS, "lossless", NULL, E | T, "keep every sample as it is, under transparent pixels too; 16-bit samples are reduced to 8 before"},
    {OPT_TARGET_SIZE, "target-size", "N", E, "best quality whose file has at most N bytes (50k, 1.5M, 64Ki)"},
    {OPT_TARGET_PSNR, "target-psnr", "X", E, "smallest file with a PSNR of at least X dB"},
    {'o', "output", "OUT", E | D | P, "file or folder to write, - for standard output; default: beside the input"},
    {'o', "output", "OUT", R, "folder for the report, made where needed; default: report"},
    {OPT_RD_CODECS, "codecs", "LIST", R, "of vqz, jpeg (4:2:0), jpeg444, webp, avif (4:4:4), avif420, jxl, hevc; default: vqz,jpeg,webp,avif,jxl,hevc"},
    {OPT_RD_EFFORTS, "efforts", "LIST", R, "of vqz, a curve for each; default 4"},
    {OPT_RD_QUALITIES, "qualities", "LIST", R, "0 (smallest) to 100 (best), translated to each coder's own numbers; CODEC=LIST is for that one. May be given again; default: about 8 for each coder"},
    {OPT_RD_METRICS, "metrics", "LIST", R, "beside psnr and msssim, which are always measured: ssimulacra2, butteraugli; default: those whose programs are installed"},
    {'f', "force", NULL, E | D, "without -o: replace files that exist"},
    {OPT_RESUME, "resume", NULL, E | D, "skip files whose output exists and is not older: goes on with a folder after an interruption"},
    {OPT_INCLUDE, "include", "GLOB", FILES_MANY, "in folders, take files that match; the last GLOB that matches decides. Where the first option of the two kinds is --include, only those"},
    {OPT_EXCLUDE, "exclude", "GLOB", FILES_MANY, "in folders, leave out files that match"},
    {OPT_JOBS, "jobs", "N", E | D | V | R, "files worked on at the same time, each in a process of its own; default one per core, with -j one"},
    {OPT_DRY_RUN, "dry-run", NULL, E | D, "say what would be done with each file, and do nothing"},
    {OPT_DELETE_SOURCE, "delete-source", NULL, E, "remove each source when its .vqz is on the disk, was read back, decoded and has the right hash (implies --pixel-hash)"},
    {OPT_SHARD, "shard", "I/N", E | D | V, "only share I of N (0/4 to 3/4) of the files, by a hash of their names; auto: as Slurm, Open MPI or Kubernetes say"},
    {OPT_SHARDS, "shards", "N", E | D | V, "with --shard auto: the number of shares, where the environment tells only which one this is"},
    {OPT_MANIFEST, "manifest", "FILE", E, "write a list of all files, sizes, hashes and errors; with --shard, one for each share: FILE.tsv becomes FILE.I-of-N.tsv"},
    {OPT_KEEP_GOING, "keep-going", NULL, E, "exit with 0 where files failed: the manifest says which"},
    {OPT_FORMAT, "format", "TYPE", D, "png, ppm, pgm, pnm, pam, y4m or nut; default: by the name of OUT; in a pipe png, of a sequence y4m, or nut where it has alpha"},
    {OPT_PNG_LEVEL, "png-level", "N", D, "zlib level of PNG files, 0 (fastest) to 9 (smallest); default 1"},
    {OPT_STORED, "stored-orientation", NULL, D, "leave the pixels as stored and keep the orientation in EXIF"},
    {OPT_STRIP, "strip", NULL, E | D, "drop ICC profile, EXIF and XMP; the orientation survives"},
    {OPT_FPS, "fps", "RATE", E, "frames per second of a sequence: 25, 29.97 or 30000/1001; default: what the y4m file says, else 25"},
    {OPT_PIXEL_HASH, "pixel-hash", NULL, E | T, "store a hash of the decoded pixels, which every decode then checks"},
    {OPT_TILE_SIZE, "tile-size", "N", E | T, "side of a tile: a multiple of 64 from 128 to 1024; default: by picture size"},
    {OPT_PARTIAL, "partial", NULL, D | C | T, "take what can be decoded from a truncated or damaged file"},
    {OPT_NO_VERIFY, "no-verify", NULL, D | C | T, "do not check the hashes of latents and pixels"},
    {OPT_MATRIX, "matrix", "NAME", E | D | C, "y4m colours: bt601, bt709 or auto (bt709 from 1280 columns or 577 rows); default auto"},
    {OPT_JSON, "json", NULL, E | D | V | I | C | M, "print JSON, one object per line, on standard output"},
    {OPT_MODEL, "model", "FILE", FILES | M, "use this model beside the built-in ones; encode uses it instead"},
    {'j', "threads", "N", CODEC, "threads; default one per core. Changes no byte of the result"},
    {OPT_CPU, "cpu", "NAME", CODEC, "kernels: auto or one that vqz --version lists; default $VQZ_CPU, else auto. Changes no byte up to effort 4"},
    {OPT_DEVICE, "device", "NAME", E | D | V | T, "cpu; cuda: all NVIDIA GPUs, or cuda:N for one; auto: the GPUs, and the processor for what they cannot do or fail at. "
                                              "Several files are worked on at once. Changes no byte; default cpu"},
    {OPT_MAX_PIXELS, "max-pixels", "N", FILES, "refuse larger pictures; default and limit 268435456"},
    {OPT_MEMORY, "memory", "N", FILES, "refuse to allocate more for one picture; default 4Gi"},
    {OPT_SANDBOX, "sandbox", NULL, E | D | V, "parse every file in a process of its own that can open nothing (Linux); an error where that is not possible"},
    {'v', "verbose", NULL, E | D | V | T | R, "a line for every file"},
    {OPT_QUIET, "quiet", NULL, E | D | V | T | R, "errors only"},
    {'g', "key-interval", "N", E | T, "of sequences: at most so many frames from one key frame to the next; default 1: every frame is one. With more, those in between refer to the frame before, and take less"},
    {OPT_FILM_CODEC, "c:v", "CODEC", T, "vqz, copy or one of FFmpeg's encoders; default: vqz, or, where IN has vqz already and OUT is no .vqz file, what FFmpeg chooses for OUT"},
    {OPT_FILM_FILTERS, "vf", "GRAPH", T, "filters of FFmpeg that frames go through, such as scale=640:-2,hflip"},
    {OPT_FILM_START, "ss", "TIME", T, "begin at this time: seconds, or hours:minutes:seconds"},
    {OPT_FILM_LENGTH, "t", "TIME", T, "so much of it"},
    {OPT_FILM_FRAMES, "frames:v", "N", T, "at most so many frames"},
    {OPT_FILM_RATE, "r", "RATE", T, "a constant rate: frames are repeated or left out; default: each frame at its own time"},
    {OPT_FILM_PIXELS, "pix_fmt", "NAME", T, "pixel format for the encoder; default: RGB where it can, else yuv420p where it can"},
    {OPT_FILM_FORMAT, "f", "FORMAT", T, "format of OUT; before IN, of IN"},
    {OPT_FILM_NO_SOUND, "an", NULL, T, "no sound"},
    {OPT_FILM_NO_SUBTITLES, "sn", NULL, T, "no subtitles"},
    {OPT_FILM_COPY_TIMES, "copyts", NULL, T, "keep times as they are; default: they begin with 0"},
    {OPT_FILM_REPLACE, "y", NULL, T, "OUT is replaced where it exists: it always is"},
    {OPT_MAN, "man", NULL, H, "print the manual page in roff"},
    {OPT_COMPLETION, "completion", "SHELL", H, "print the completion script for bash, zsh or fish"},
    {'h', "help", NULL, ~0u, "explain the command"},
};
const int option_count = sizeof option_table / sizeof *option_table;

const command commands[CMD_COUNT] = {
    [CMD_ENCODE] = {"encode", "[OPTION...] [-o OUT] IN...", "compress pictures to .vqz",
        "IN is a PNG, JPEG, PNM, y4m, WebP, TIFF, HEIC or AVIF file, - for standard input, or a folder, in which every such picture is found at any depth.\n"
        "Without -o, photo.png becomes photo.vqz beside it, and a file that exists is left alone unless -f is given. With -o and one IN, OUT is the file to write. "
        "With several INs or a folder, OUT is a folder: it is made where needed, and a folder's tree is mirrored in it. Files that -o names are replaced.\n"
        "Folders are kept up to date: a file found in one gets the time of its source, and notes size and time of the source, model and settings (chunk fROM). Where all that is as it was, "
        "a later run leaves the file alone, unless -f is given; so an interrupted run is finished by the same command. Names that begin with a dot are left out.\n"
        "--include and --exclude take patterns of names: * and ? do not match /, ** does, [a-z] is one character. A pattern without / names files and folders at any depth, one with / a path "
        "from the top of the folder, one that ends with / only folders; what names a folder takes all that is in it. The last pattern that matches a file decides.\n"
        "An error costs one file: it is named, the others are done, and the exit status is 1. --delete-source keeps sources that have more than a .vqz file does: 16 bits, CMYK, further "
        "pages or pictures, metadata that was left out; that is an error, too.\n"
        "--shard divides the files among machines, by a hash of each output's name; docs/scale.md has recipes. Shares count from 0.\n"
        "Links to files are read; links to folders are not entered in a folder. A name that -o gives as it stands may be a link, which is followed, or a device or pipe, which is "
        "written to as it is. Nothing else is written through a link: below an OUT folder a link to a folder is an error, and a link in the place of a file is replaced.\n"
        "ICC profile, EXIF and XMP are kept. Pixels are stored as they are; the EXIF orientation is also written into the header, and decoders turn the picture. "
        "Samples of more than 8 bits are reduced to 8, CMYK becomes RGB, of several pages or pictures in a file the first one is taken: a note says so. A WebP animation becomes a sequence. "
        "WebP, TIFF, HEIC and AVIF need libraries that this vqz may have been built without (libwebp, libtiff, libheif).\n"
        "Text, line art and flat drawings, also beside photos, are coded as pixels where that takes less and errs less.\n"
        "A y4m file of several frames becomes a sequence, and so do numbered files: IN is then their name with %d or %04d in the place of the number, which "
        "begins at 0 to 4, and -o names the sequence. In y4m, colours are those of --matrix.\n",
        "vqz encode photo.jpg\n  writes photo.vqz\nvqz encode -q 50 -o web photos\n  a folder, mirrored under web/; once more: what has changed since\n"
        "vqz encode --include '*.jpg' --exclude thumbs -o web photos\n  JPEG files outside folders called thumbs\n"
        "vqz encode --shard auto --keep-going --manifest lists/web.tsv -o web photos\n  a share of the files, as a job of Slurm\n"
        "vqz encode --target-size 100k -o small.vqz photo.png\n  at most 100,000 bytes\n"
        "pngtopnm photo.png | vqz encode - > photo.vqz\n  in a pipe\n"
        "vqz encode --fps 25 -o film.vqz f%03d.png\n  f000.png or f001.png and on: a sequence\n"
        "ffmpeg -i film.mp4 -f yuv4mpegpipe - | vqz encode -o film.vqz -\n  the frames of a film\n", 1, 1 << 30, cmd_encode},
    [CMD_DECODE] = {"decode", "[OPTION...] [-o OUT] IN...", "turn .vqz files into PNG, PNM, y4m or NUT",
        "IN is a .vqz file, - for standard input, or a folder, in which every .vqz file is found at any depth. OUT works as in vqz encode; the type of an output file "
        "follows from its name. Files found in a folder get the time of their .vqz; --include, --exclude, --jobs and --shard are as in vqz encode.\n"
        "The picture is turned upright and the orientation in its EXIF is reset to 1, so that no viewer turns it again. PNG keeps ICC profile, EXIF, XMP and CICP; the other types "
        "hold pixels only. The same file gives the same pixels on every machine.\n"
        "A sequence becomes numbered files where OUT has %d or %04d in the place of the number, which counts from 1; or one file of type y4m, PAM or PNM, with all "
        "frames one after the other; or NUT, which keeps RGB, alpha and the time of each frame, for FFmpeg. A damaged frame costs only its own numbered file, and the exit status is 1.\n",
        "vqz decode photo.vqz\n  writes photo.png\nvqz decode -o view photos\n  a folder, mirrored under view/\n"
        "vqz decode --format ppm -o - photo.vqz | pnmtojpeg > photo.jpg\n  in a pipe\n"
        "vqz decode -o f%03d.png film.vqz\n  writes f001.png and on\n"
        "vqz decode -o - film.vqz | ffplay -\n  shows a sequence\n", 1, 1 << 30, cmd_decode},
    [CMD_INFO] = {"info", "[OPTION...] FILE...", "show what .vqz files contain",
        "Reads headers only: size, layout, quality, tiles, model, metadata and the memory that decoding takes; of a sequence also how many frames, the unit of time and how long.\n",
        "vqz info photo.vqz\n  for people\nvqz info --json *.vqz\n  for programs\n", 1, 1 << 30, cmd_info},
    [CMD_VERIFY] = {"verify", "[OPTION...] FILE...", "decode .vqz files and check every checksum and hash",
        "Nothing is written. FILE may be a folder. The exit status is 0 only if every file is whole.\n",
        "vqz verify -v archive\n  a line for every file of a folder\n", 1, 1 << 30, cmd_verify},
    [CMD_COMPARE] = {"compare", "[OPTION...] A B", "measure how far two pictures are apart",
        "A and B are pictures of any type that vqz reads, .vqz included; both are turned upright first. PSNR is taken over red, green and blue together, MS-SSIM is the "
        "mean of the three (five scales; both sides must have 176 pixels). Transparent pictures are laid over mid gray. "
        "Where one of the two is a .vqz file, its size is put beside that of the other.\n",
        "vqz compare photo.png photo.vqz\n", 2, 2, cmd_compare},
    [CMD_TRANSCODE] = {"transcode", "[OPTION...] IN OUT [OPTION...]", "turn films into vqz and back, with FFmpeg's libraries",
        "IN is any film that FFmpeg reads, or a .vqz file; - is standard input. OUT is a .vqz file; a Matroska or QuickTime film, whose video is vqz unless -c:v says otherwise; "
        "or, from vqz or with -c:v, any film that FFmpeg writes. It is replaced where it exists.\n"
        "Options are written as ffmpeg has them, with one dash or two. Those not listed here go to FFmpeg: behind IN to the encoder or the format of OUT (-crf 18, -b:v 2M, -preset slow, "
        "-movflags +faststart), before IN to its format (-framerate 25, -f rawvideo). With one of FFmpeg's encoders -q:v is that encoder's scale.\n"
        "Sound, subtitles, chapters, attachments and titles are copied where OUT has a place for them; what is left out is said. A .vqz file holds pictures only, and of one frame it is a still.\n"
        "YUV becomes RGB of 8 bits once, in integers (spec/video.md); primaries and transfer are kept. Films that are stored turned are turned. Where the size changes on the way, frames are scaled to "
        "the first size.\n"
        "Ctrl-C finishes OUT with what has been done; a second one leaves nothing. The exit status is 1 then, and where frames were damaged or missing.\n",
        "vqz transcode film.mp4 film.vqz\n  the pictures of a film\nvqz transcode -q 60 film.mp4 film.mkv\n  with sound, subtitles and chapters\n"
        "vqz transcode film.vqz film.mp4 -c:v libx264 -crf 18\n  and back\nvqz transcode -ss 1:30 -t 10 film.mkv part.vqz -vf scale=640:-2\n  ten seconds, smaller\n"
        "vqz transcode film.vqz film.mov -c:v copy\n  packets as they are\n", 2, 2, cmd_transcode, true},
    [CMD_RD] = {"rd", "[OPTION...] IN...", "compare coders on your own pictures: a table, and a page with curves",
        "IN is a folder, in which every picture that vqz encode reads is found at any depth, or such a picture. Each picture is coded by each coder at each quality, to a real file, and decoded "
        "again. OUT/rd.csv gets sizes, PSNR over R, G and B, MS-SSIM, SSIMULACRA2 and butteraugli where their programs are installed, and processor time; OUT/index.html curves, "
        "BD-rates, every row and a slider over cuts of equal size. It is one file that needs no network.\n"
        "JPEG is within vqz (libjpeg-turbo). WebP, AVIF, JPEG XL and HEVC need cwebp and dwebp, avifenc and avifdec, cjxl and djxl, and an ffmpeg with libx265. What is not installed is left out and "
        "named; where --codecs or --metrics asks for it by name, the exit status is 1.\n"
        "Pictures are compared as 8-bit RGB, upright. More bits are reduced, gray and CMYK become RGB, what is transparent is shown over white, colour profiles are ignored: a note says so.\n"
        "Rows are kept in OUT/rows.tsv as they are measured. A later run takes those whose picture, program and settings are the same, so an interrupted one goes on. docs/rd.md explains "
        "what is measured, and its pitfalls.\n",
        "vqz rd photos\n  writes report/index.html and report/rd.csv\nvqz rd -o r --codecs vqz,jpeg,avif --efforts 1,4,7 photos\n  three curves of vqz beside two others\n"
        "vqz rd --qualities 30,60,90 --qualities webp=10,50 --metrics psnr photos\n  fewer points, faster\n", 1, 1 << 30, cmd_rd},
    [CMD_MANIFEST] = {"manifest", "merge -o OUT MANIFEST... | verify MANIFEST [FOLDER]", "put lists of what was made together, and hold files against them",
        "merge makes one manifest of those that all shares of a folder have written (vqz encode --shard --manifest). It is an error where a share is missing or there twice, where a file "
        "is missing or was made twice, or where shares saw different folders or had different settings.\n"
        "verify reads every file that a manifest lists, below FOLDER (the -o of vqz encode; default: here), and compares size and hash. The exit status is 0 only if all are as they "
        "were made and none had failed.\n",
        "vqz manifest merge -o all.tsv m.*-of-4.tsv\nvqz manifest verify all.tsv web\n", 0, 1 << 30, cmd_manifest},
    [CMD_MODELS] = {"models", "[OPTION...]", "list the models that this program can use",
        "A .vqz file names the model that made it and decodes with no other.\n", "vqz models\n", 0, 0, cmd_models},
    [CMD_HELP] = {"help", "[COMMAND]", "explain a command", "Without COMMAND: an overview.\n",
        "vqz help encode\n", 0, 1, cmd_help},
};

int command_find(const char *name) {
    for (int i = 0; i < CMD_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0) return i;
    return -1;
}

/* ---- values ---- */
bool parse_bytes(const char *text, uint64_t *value) {
    char *end;
    double v;
    errno = 0;
    if (*text < '0' || *text > '9' || text[1] == 'x' || text[1] == 'X') return false;
    v = strtod(text, &end);
    static const char letters[] = "kMG";
    const char *unit = *end ? strchr(letters, *end == 'K' ? 'k' : *end) : NULL;
    if (unit) {
        end++;
        double base = *end == 'i' ? 1024 : 1000;
        if (*end == 'i') end++;
        v *= pow(base, (double)(unit - letters + 1));
    }
    if (*end || errno || !(v >= 0) || v > 1e18) return false;
    *value = (uint64_t)v;
    return true;
}

static bool parse_real(const char *text, double low, double high, double *value) {
    char *end;
    *value = strtod(text, &end);
    return end != text && !*end && *value >= low && *value <= high;
}

static bool parse_int(const char *text, long low, long high, long *value) {
    char *end;
    errno = 0;
    *value = strtol(text, &end, 10);
    return end != text && !*end && !errno && *value >= low && *value <= high;
}

/* "25", "29.97", "30000/1001" as the time of a frame. */
static bool parse_rate(const char *text, vqz_timing *t) {
    char *end;
    uint64_t frames = 0, seconds = 1;
    bool point = false;
    if (*text < '0' || *text > '9') return false;
    for (; (*text >= '0' && *text <= '9') || (*text == '.' && !point); text++) {
        if (*text == '.') point = true;
        else frames = 10 * frames + (uint64_t)(*text - '0');
        if (*text != '.' && point) seconds *= 10;
        if (frames > VQZ_MAX_TIMEBASE || seconds > VQZ_MAX_TIMEBASE) return false;
    }
    if (*text == '/' && !point && text[1] >= '0' && text[1] <= '9') {
        errno = 0;
        seconds = strtoull(text + 1, &end, 10);
        text = errno ? text : end;
    }
    if (*text || !frames || !seconds || seconds > VQZ_MAX_TIMEBASE) return false;
    *t = (vqz_timing){(uint32_t)seconds, (uint32_t)frames, 0};
    return true;
}

static bool parse_name(const char *text, const char *const *names, unsigned *value) {
    for (unsigned i = 0; names[i]; i++)
        if (strcmp(text, names[i]) == 0) {
            *value = i;
            return true;
        }
    return false;
}

static const char *const matrices[] = {"auto", "bt601", "bt709", NULL}, *const tunes[] = {"visual", "psnr", NULL},   /* as vqz_tune */
    *const devices[] = {"cpu", "auto", "cuda", NULL};    /* as options.device */

const char *option_word(int id, uint32_t i) {
    switch (id) {
    case OPT_TUNE: return tunes[i];
    case OPT_MATRIX: return matrices[i];
    case OPT_DEVICE: return devices[i];
    case OPT_CPU: return vqz_cpu_name(i);
    case OPT_FORMAT: return image_format_name(i);
    case OPT_COMPLETION: return completion_shells[i];
    default: return NULL;
    }
}

static bool parse_device(const char *text, options *o) {
    unsigned which = DEVICE_CUDA;
    long number = 0;
    o->gpu = VQZ_DEVICE_ALL;
    if (!parse_name(text, devices, &which)) {
        if (strncmp(text, "cuda:", 5) != 0 || !parse_int(text + 5, 0, 1000, &number)) return false;
        o->gpu = (uint32_t)number;
    }
    o->device = which;
    return true;
}

static bool parse_cpu(const char *text, uint32_t *cpu) {
    const char *name;
    for (uint32_t i = 0; (name = vqz_cpu_name(i)); i++)
        if (strcmp(text, name) == 0) {
            *cpu = i;
            return true;
        }
    return false;
}

/* Stores one option; returns NULL, or what was expected instead. */
const char *option_apply(options *o, int id, const char *arg) {
    vqz_settings *s = &o->config.settings;
    double real;
    long whole;
    unsigned which;
    switch (id) {
    case 'q':
        if (!parse_real(arg, 0, 100, &real)) return "a number from 0 to 100";
        s->quality = (float)real;
        break;
    case 'g':
        if (!parse_int(arg, 1, 1000000, &whole)) return "a whole number from 1";
        s->key_interval = (uint32_t)whole;
        break;
    case 'e':
        if (!parse_int(arg, 0, 9, &whole)) return "a whole number from 0 to 9";
        s->effort = (int32_t)whole;
        break;
    case OPT_TUNE:
        if (!parse_name(arg, tunes, &which)) return "visual or psnr";
        s->tune = which;
        break;
    case OPT_LOSSLESS: s->lossless = 1; break;
    case OPT_TARGET_SIZE:
        if (!parse_bytes(arg, &o->target_size) || !o->target_size) return "a number of bytes, such as 20000, 50k or 1.5M";
        break;
    case OPT_TARGET_PSNR:
        if (!parse_real(arg, 1, 100, &o->target_psnr)) return "a number of dB from 1 to 100";
        break;
    case 'o': o->output = arg; break;
    case 'f': o->force = true; break;
    case OPT_FORMAT:
        o->format = image_format_of(arg);
        if (o->format == FORMAT_NONE) return "png, ppm, pgm, pnm, pam, y4m or nut";
        break;
    case OPT_FPS:
        if (!parse_rate(arg, &o->config.timing)) return "a number of frames per second, such as 25, 29.97 or 30000/1001";
        break;
    case OPT_PNG_LEVEL:
        if (!parse_int(arg, 0, 9, &whole)) return "a whole number from 0 to 9";
        o->config.png_level = (int)whole;
        break;
    case OPT_STRIP: o->strip = true; break;
    case OPT_STORED: o->stored_orientation = true; break;
    case OPT_PARTIAL: s->partial = 1; break;
    case OPT_NO_VERIFY: s->verify = 0; break;
    case OPT_PIXEL_HASH: s->pixel_hash = 1; break;
    case OPT_TILE_SIZE:
        if (!parse_int(arg, 128, 1024, &whole) || whole % 64) return "a multiple of 64 from 128 to 1024";
        s->tile_size = (uint32_t)whole;
        break;
    case OPT_MATRIX:
        if (!parse_name(arg, matrices, &which)) return "auto, bt601 or bt709";
        o->config.matrix = (video_matrix)which;
        break;
    case OPT_JSON: o->json = true; break;
    case OPT_MODEL: o->model = arg; break;
    case 'j':
        if (!parse_int(arg, 0, 1024, &whole)) return "a whole number from 0 (one per core) to 1024";
        s->threads = (uint32_t)whole;
        break;
    case OPT_CPU:
        if (!parse_cpu(arg, &s->cpu)) return "auto or a name that vqz --version lists";
        break;
    case OPT_MAX_PIXELS:
        if (!parse_bytes(arg, &s->max_pixels) || !s->max_pixels || s->max_pixels > VQZ_MAX_PIXELS) return "a number from 1 to 268435456";
        break;
    case OPT_MEMORY:
        if (!parse_bytes(arg, &s->max_memory) || !s->max_memory) return "a number of bytes, such as 512M or 4Gi";
        break;
    case 'v': o->verbose = true; break;
    case OPT_QUIET: o->quiet = true; break;
    case OPT_RESUME: o->resume = true; break;
    case OPT_SANDBOX: o->sandbox = true; break;
    case OPT_DEVICE:
        if (!parse_device(arg, o)) return "auto, cpu, cuda or cuda:N";
        break;
    case OPT_MAN: o->man = true; break;
    case OPT_COMPLETION:
        if (!parse_name(arg, completion_shells, &which)) return "bash, zsh or fish";
        o->completion = (int)which + 1;
        break;
    case OPT_RD_CODECS: o->codecs = arg; break;
    case OPT_RD_EFFORTS: o->efforts = arg; break;
    case OPT_RD_METRICS: o->metrics = arg; break;
    case OPT_RD_QUALITIES:
        if (o->quality_count == sizeof o->qualities / sizeof *o->qualities) return "at most 16 lists";
        o->qualities[o->quality_count++] = arg;
        break;
    default: return options_apply_folder(o, id, arg);
    }
    return NULL;
}

/* ---- parser ---- */
enum { TABLE_MAX = 64 };

/* The rows of the table that a command knows, in getopt's form. */
static void getopt_tables(command_id c, char *letters, struct option *longs) {
    char *p = letters;
    *p++ = ':';                  /* a missing argument is told from an unknown option */
    for (int i = 0; i < option_count; i++) {
        const option_row *row = &option_table[i];
        if (!(row->commands & BIT(c))) continue;
        if (row->id < 256) {
            *p++ = (char)row->id;
            if (row->argument) *p++ = ':';
        }
        *longs++ = (struct option){row->name, row->argument ? required_argument : no_argument, NULL, row->id};
    }
    *p = 0;
    *longs = (struct option){0};
}

const option_row *option_find(command_id c, const char *name) {
    for (int i = 0; i < option_count; i++) {
        const option_row *row = &option_table[i];
        const bool letter = row->id < 256 && name[0] == row->id && !name[1];
        if ((row->commands & BIT(c)) && (letter || strcmp(row->name, name) == 0)) return row;
    }
    return NULL;
}

/* id: one that getopt has found in the table */
static const option_row *row_of(int id) {
    const option_row *row = option_table;
    while (row->id != id) row++;
    return row;
}

static parse_result complain(command_id c) {
    fprintf(stderr, "vqz: \"vqz help %s\" explains it\n", commands[c].name);
    return PARSE_FAILED;
}

/* getopt's '?': an option that no command or only another one knows, or a switch that was given a value. */
static void complain_unknown(command_id c, const char *word) {
    const option_row *other = NULL;
    size_t n = strcspn(word, "=");
    for (int i = 0; i < option_count; i++) {
        const option_row *row = &option_table[i];
        if (strncmp(word, "--", 2) == 0 ? strlen(row->name) == n - 2 && strncmp(word + 2, row->name, n - 2) == 0 : optopt == row->id) other = row;
    }
    if (strncmp(word, "--", 2) != 0) fprintf(stderr, "vqz %s: no option -%c", commands[c].name, optopt);
    else if (other && (other->commands & BIT(c))) fprintf(stderr, "vqz %s: --%s takes no value", commands[c].name, other->name);
    else fprintf(stderr, "vqz %s: no option %.*s, or it is ambiguous", commands[c].name, (int)n, word);
    if (other && !(other->commands & BIT(c)))
        for (int i = 0; i < CMD_COUNT; i++)
            if (other->commands & BIT(i)) {
                fprintf(stderr, " (vqz %s has it)", commands[i].name);
                break;
            }
    fputc('\n', stderr);
}

static bool check_inputs(options *o) {
    const command *c = &commands[o->command];
    const char *folders;
    int stdins = 0;
    for (int i = 0; i < o->input_count; i++) {
        stdins += strcmp(o->inputs[i], "-") == 0;
        if (!o->inputs[i][0]) {
            fprintf(stderr, "vqz %s: an empty file name\n", c->name);
            return false;
        }
    }
    if (o->input_count < c->min_inputs) fprintf(stderr, "vqz %s: %s\n", c->name, c->min_inputs == 2 ? "two pictures are needed" : "which file?");
    else if (o->input_count > c->max_inputs) fprintf(stderr, "vqz %s: too many arguments: %s\n", c->name, o->inputs[c->max_inputs]);
    else if (stdins > 1) fprintf(stderr, "vqz %s: standard input can be read only once\n", c->name);
    else if (o->target_size && o->target_psnr > 0) fprintf(stderr, "vqz %s: --target-size and --target-psnr exclude each other\n", c->name);
    else if (o->config.settings.lossless && (o->target_size || o->target_psnr > 0)) fprintf(stderr, "vqz %s: --lossless has no size or PSNR to aim at\n", c->name);
    else if (o->device == DEVICE_CUDA && o->sandbox) fprintf(stderr, "vqz %s: --sandbox and --device cuda exclude each other: drivers open files\n", c->name);
    else if ((folders = options_check_folder(o))) fprintf(stderr, "vqz %s: %s\n", c->name, folders);
    else return true;
    return false;
}

parse_result options_parse(options *o, int argc, char **argv) {
    *o = (options){.config.png_level = 1};
    vqz_settings_init(&o->config.settings);
    if (argc < 2) {
        help_overview(stderr);
        return PARSE_FAILED;
    }
    int c = command_find(argv[1]);
    if (c < 0) {
        o->command = CMD_HELP;
        if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) return PARSE_VERSION;
        if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) return PARSE_HELP;
        fprintf(stderr, "vqz: no command \"%s\"; there are", argv[1]);
        for (int i = 0; i < CMD_COUNT; i++) fprintf(stderr, "%s %s", i ? "," : "", commands[i].name);
        fputc('\n', stderr);
        return PARSE_FAILED;
    }
    o->command = (command_id)c;
    const char *cpu = getenv("VQZ_CPU");
    if (cpu && *cpu && (CODEC & BIT(c))) {
        const char *expected = option_apply(o, OPT_CPU, cpu);
        if (expected) {
            fprintf(stderr, "vqz %s: VQZ_CPU=%s: expected %s\n", commands[c].name, cpu, expected);
            return PARSE_FAILED;
        }
    }
    if (commands[c].own_words) {
        o->inputs = argv + 2;
        o->input_count = argc - 2;
        return argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h")) ? PARSE_HELP : PARSE_RUN;
    }
    char letters[TABLE_MAX];
    struct option longs[TABLE_MAX];
    getopt_tables(o->command, letters, longs);
    argc--;
    argv++;
    opterr = 0;
    for (;;) {
        int at = optind, id = getopt_long(argc, argv, letters, longs, NULL);
        if (id == -1) break;
        if (id == 'h') return PARSE_HELP;
        if (id == ':') {
            fprintf(stderr, "vqz %s: %s needs a value\n", commands[c].name, argv[optind - 1]);
            return complain(o->command);
        }
        if (id == '?') {
            complain_unknown(o->command, argv[optind > at ? optind - 1 : at]);
            return complain(o->command);
        }
        const char *expected = option_apply(o, id, optarg);
        if (expected) {
            fprintf(stderr, "vqz %s: --%s %s: expected %s\n", commands[c].name, row_of(id)->name, optarg, expected);
            return PARSE_FAILED;
        }
    }
    o->inputs = argv + optind;
    o->input_count = argc - optind;
    return check_inputs(o) ? PARSE_RUN : complain(o->command);
}
