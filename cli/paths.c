#include "cli/paths.h"
#include "cli/pattern.h"
#include "cli/progress.h"
#include "cli/shard.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct walk {
    job_list *list;
    const options *o;
    const char *input, *extension;
    const char *folder;          /* -o as a folder, or NULL */
} walk;

static bool is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The dot before a known extension, or NULL. */
static const char *known_extension(const char *path, const char *only) {
    static const char *const pictures[] = {"png", "jpg", "jpeg", "jpe", "jfif", "pnm",
                                           "ppm", "pgm", "pbm",  "pam", "y4m",  "webp",
                                           "tif", "tiff", "avif", "heic", "heif", "hif", NULL};
    const char *dot = strrchr(file_name(path), '.');
    if (!dot || dot == file_name(path)) return NULL;
    if (only) return strcasecmp(dot + 1, only) == 0 ? dot : NULL;
    for (size_t i = 0; pictures[i]; i++)
        if (strcasecmp(dot + 1, pictures[i]) == 0) return dot;
    return NULL;
}

static char *join(const char *folder, const char *name) {
    size_t n = strlen(folder), size = n + strlen(name) + 2;
    char *path = malloc(size);
    if (path) snprintf(path, size, "%s%s%s", folder, n && folder[n - 1] != '/' ? "/" : "", name);
    return path;
}

/* `path` with its known extension replaced, in `folder` where that is given. */
static char *output_name(const walk *w, const char *path) {
    const char *dot = known_extension(path, w->input);
    size_t stem = dot ? (size_t)(dot - path) : strlen(path), size = stem + strlen(w->extension) + 2;
    char *name = malloc(size);
    if (!name) return NULL;
    snprintf(name, size, "%.*s.%s", (int)stem, path, w->extension);
    if (!w->folder) return name;
    char *inside = join(w->folder, name);
    free(name);
    return inside;
}

static void no_memory(void) { fprintf(stderr, "vqz: out of memory\n"); }

/* Takes over both strings; NULL ones mean that memory ran out. */
static bool add_job(job_list *l, job j, bool has_output) {
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 64;
        job *bigger = realloc(l->jobs, capacity * sizeof *bigger);
        if (bigger) {
            l->jobs = bigger;
            l->capacity = capacity;
        }
    }
    if (l->count == l->capacity || !j.in || (has_output && !j.out)) {
        free(j.in);
        free(j.out);
        no_memory();
        return false;
    }
    l->jobs[l->count++] = j;
    return true;
}

const char *job_output_below(const job *j) {
    if (j->named) return file_name(j->out);
    return j->root ? j->out + j->root + (j->out[j->root] == '/') : j->out + j->below;
}

/* `relative`: the file's path below the folder that was given, which the output tree mirrors. */
static bool add_file(const walk *w, const char *path, const char *relative, const struct stat *found) {
    job j = {.in = strdup(path), .derived = w->o->output == NULL, .walked = found != NULL, .root = w->folder ? strlen(w->folder) : 0,
             .below = strlen(path) - strlen(relative)};
    struct stat st;
    if (w->extension) j.out = output_name(w, w->folder ? relative : path);
    w->list->seen++;
    /* the share follows from the name of what is made, so that two sources of one output meet */
    if (j.in && (j.out || !w->extension) && !shard_has(w->o, w->extension ? job_output_below(&j) : relative)) {
        free(j.in);
        free(j.out);
        return true;
    }
    if (!found && stat(path, &st) == 0 && S_ISREG(st.st_mode)) found = &st;
    j.size = found ? (uint64_t)found->st_size : 0;
    return add_job(w->list, j, w->extension != NULL);
}

static bool add_folder(const walk *w, const char *path, const char *relative);

static void cannot_open(const walk *w, const char *path) {
    vqz_error e;
    cli_fail(&e, VQZ_ERR_ARGUMENT, NO_OFFSET, "cannot open: %s", strerror(errno));
    report_error(path, &e);
    w->list->failed++;
}

/* An entry of a folder; false: out of memory. */
static bool add_entry(const walk *w, const char *path, const char *relative, const char *name) {
    const options *o = w->o;
    struct stat st;
    if (lstat(path, &st) != 0) {
        if (errno != ENOENT) cannot_open(w, path);           /* gone since the folder was read */
        return true;
    }
    if (S_ISDIR(st.st_mode)) return filters_prune(o->filters, o->filter_count, relative) || add_folder(w, path, relative);
    if (S_ISLNK(st.st_mode) && stat(path, &st) != 0) return true;
    if (!S_ISREG(st.st_mode)) return true;       /* a pipe could make us wait forever */
    if (!filters_take(o->filters, o->filter_count, relative)) return true;
    if (known_extension(name, w->input)) return add_file(w, path, relative, &st);
    w->list->others++;
    if (o->verbose && !o->quiet && !w->input) fprintf(stderr, "%s: left out: its name is none of a picture\n", path);
    return true;
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static bool add_folder(const walk *w, const char *path, const char *relative) {
    struct dirent **names;
    int count = scandir(path, &names, NULL, by_name);
    bool good = true;
    if (count < 0) {
        cannot_open(w, path);
        return true;
    }
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        if (good && name[0] != '.') { /* hidden ones are not the user's pictures; our temporary files are among them */
            char *inner = join(path, name), *below = join(relative, name);
            good = inner && below;
            if (!good) no_memory();
            good = good && add_entry(w, inner, below, name);
            free(inner);
            free(below);
        }
        free(names[i]);
    }
    free(names);
    return good;
}

static int by_output(const void *a, const void *b) {
    const job *p = *(job *const *)a, *q = *(job *const *)b;
    int order = strcmp(p->out, q->out);
    return order ? order : (p > q) - (p < q);
}

static bool mark_clashes(job_list *l) {
    job **sorted = malloc((l->count ? l->count : 1) * sizeof *sorted);
    if (!sorted) {
        no_memory();
        return false;
    }
    for (size_t i = 0; i < l->count; i++) sorted[i] = &l->jobs[i];
    qsort(sorted, l->count, sizeof *sorted, by_output);
    for (size_t i = 1; i < l->count; i++)
        if (strcmp(sorted[i]->out, sorted[i - 1]->out) == 0)
            sorted[i]->clash = sorted[i - 1]->clash ? sorted[i - 1]->clash : sorted[i - 1];
    free(sorted);
    return true;
}

static int usage(const options *o, const char *text) {
    fprintf(stderr, "vqz %s: %s\n", commands[o->command].name, text);
    return EXIT_USAGE;
}

/* An input and an output that the user named. */
static int add_named(walk *w, const char *in, const char *out) {
    const bool numbered = w->o->command == CMD_ENCODE ? pattern_first(in) >= 0 : w->o->command == CMD_DECODE && pattern_is(out);
    if (numbered && w->o->sandbox) return usage(w->o, "numbered files cannot be opened in a sandbox: use a .y4m or .pam file for all frames");
    w->list->seen++;
    if (!shard_has(w->o, file_name(w->extension ? out : in))) return EXIT_DONE;
    const job j = {.in = strdup(in), .out = w->extension ? strdup(out) : NULL, .named = true, .numbered = numbered};
    return add_job(w->list, j, w->extension != NULL) ? EXIT_DONE : EXIT_FAILED;
}

/* Standard input or output is one of the ends. */
static int add_pipe(walk *w, const char *in) {
    const options *o = w->o;
    const char *out = o->output ? o->output : "-";
    if (w->folder) return usage(o, "standard input has no name to use in a folder; give -o a file");
    if (w->extension && strcmp(out, "-") == 0 && isatty(STDOUT_FILENO))
        return usage(o, "standard output is a terminal; use -o FILE");
    return add_named(w, in, out);
}

static int add_input(walk *w, const char *in) {
    const options *o = w->o;
    const size_t before = w->list->seen;
    const int failed = w->list->failed;
    if (strcmp(in, "-") == 0 || (o->output && strcmp(o->output, "-") == 0)) return add_pipe(w, in);
    if (is_folder(in)) {
        if (!add_folder(w, in, "")) return EXIT_FAILED;
        if (w->list->seen == before && w->list->failed == failed) {
            fprintf(stderr, "vqz: %s: no %s in this folder%s\n", in, w->input ? ".vqz files" : "pictures", o->filter_count ? " that --include and --exclude let through" : "");
            w->list->failed++;
        }
        return EXIT_DONE;
    }
    if (w->extension && !o->output && o->command == CMD_ENCODE && pattern_first(in) >= 0) return usage(o, "numbered files become one file: name it with -o");
    if (w->folder || !o->output || !w->extension) return add_file(w, in, file_name(in), NULL) ? EXIT_DONE : EXIT_FAILED;
    return add_named(w, in, o->output);
}

int jobs_make(job_list *l, const options *o, const char *input, const char *extension) {
    *l = (job_list){0};
    walk w = {.list = l, .o = o, .input = input, .extension = extension};
    bool folder = o->input_count > 1;
    for (int i = 0; i < o->input_count; i++) folder |= is_folder(o->inputs[i]);
    if (o->output && extension) {
        size_t n = strlen(o->output);
        if (!n) return usage(o, "an empty output name");
        if (folder && strcmp(o->output, "-") == 0) return usage(o, "several files cannot go to standard output");
        folder |= o->output[n - 1] == '/' || is_folder(o->output);
        if (folder && !is_folder(o->output) && access(o->output, F_OK) == 0)
            return usage(o, "several files cannot go into one: -o must name a folder");
        if (folder) w.folder = o->output;
    }
    for (int i = 0; i < o->input_count; i++) {
        int code = add_input(&w, o->inputs[i]);
        if (code != EXIT_DONE) return code;
    }
    return extension && !mark_clashes(l) ? EXIT_FAILED : EXIT_DONE;
}

void jobs_free(job_list *l) {
    for (size_t i = 0; i < l->count; i++) {
        free(l->jobs[i].in);
        free(l->jobs[i].out);
    }
    free(l->jobs);
    *l = (job_list){0};
}

bool job_is_done(const job *j, const options *o) {
    struct stat in, out;
    return o->resume && !j->clash && j->out && stat(j->in, &in) == 0 && lstat(j->out, &out) == 0 && S_ISREG(out.st_mode) &&
           (out.st_mtim.tv_sec > in.st_mtim.tv_sec || (out.st_mtim.tv_sec == in.st_mtim.tv_sec && out.st_mtim.tv_nsec >= in.st_mtim.tv_nsec));
}

vqz_status job_open_input(const job *j, source *in, vqz_error *e) {
    const int first = j->numbered ? pattern_first(j->in) : -1;
    char *name = first < 0 ? strdup(j->in) : pattern_name(j->in, (uint64_t)first);
    vqz_status s = name ? source_open(in, name, e) : cli_fail(e, VQZ_ERR_MEMORY, NO_OFFSET, "out of memory");
    free(name);
    return s;
}

vqz_status job_check_output(const job *j, const options *o, bool outdated, vqz_error *e) {
    struct stat st;
    if (j->clash) return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "%s is already made from %s", path_tail(j->out), path_tail(j->clash->in));
    if (j->derived && !o->force && !outdated && lstat(j->out, &st) == 0)
        return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "%s exists; use -f to replace it or -o for another name", path_tail(j->out));
    return VQZ_OK;
}

vqz_status job_open_output(const job *j, const options *o, const source *in, sink *out, vqz_error *e) {
    if (j->numbered && o->command == CMD_DECODE) return VQZ_OK;      /* they are opened one after the other */
    vqz_status s = j->named ? sink_open(out, j->out, e) : sink_open_below(out, j->out, j->root, e);
    if (s != VQZ_OK || !sink_replaces(out, in)) return s;
    return cli_fail(e, VQZ_ERR_ARGUMENT, NO_OFFSET, "the output %s is the same file; use another name", path_tail(j->out));
}
