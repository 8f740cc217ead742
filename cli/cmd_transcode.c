/* FFmpeg's libraries bring some 200 others, which every start of vqz would have to load: films are the work of a program of its own. */
#define _GNU_SOURCE              /* memrchr */
#include "cli/commands.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "vqz-transcode" beside this program, and nowhere else; the caller frees it. NULL and errno: it cannot be told. */
static char *program(void) {
    static const char name[] = "vqz-transcode";
    enum { MOST = 4096 };
    char *path = malloc(MOST + sizeof name);
    const ssize_t n = path ? readlink("/proc/self/exe", path, MOST) : -1;
    char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
    if (slash) {
        memcpy(slash + 1, name, sizeof name);
        return path;
    }
    free(path);
    return NULL;
}

int cmd_transcode(options *o) {
    char *path = program();
    if (path) execv(path, o->inputs - 2);        /* the words of the command line, "vqz transcode" before them */
    const int error = errno;
    if (path && error == ENOENT)
        fprintf(stderr, "vqz transcode: not part of this installation: there is no %s. It is built where libavcodec, libavfilter, libavformat and libswscale "
                        "of FFmpeg 5.1 or newer are found\n", path);
    else fprintf(stderr, "vqz transcode: cannot run %s: %s\n", path ? path : "vqz-transcode", strerror(error));
    free(path);
    return EXIT_FAILED;
}
