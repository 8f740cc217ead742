/* vqz: the command-line program. It uses the public interface of the library only. */
#include "cli/commands.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void print_version(void) {
    printf("vqz %s\nkernels: %s; this machine and build have", vqz_version(), vqz_cpu_name(vqz_cpu_pick(VQZ_CPU_AUTO)));
    for (uint32_t cpu = VQZ_CPU_SCALAR; vqz_cpu_name(cpu); cpu++)
        if (vqz_cpu_pick(cpu)) printf(" %s", vqz_cpu_name(cpu));
    printf("\n");
}

/* Where one of the three is closed, the next file to be opened would get its number, and messages would go into it. Each is taken by what fails as a
 * closed one does. */
static bool hold_standard_files(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) return false;
    return true;
}

int main(int argc, char **argv) {
    options o;
    int code = EXIT_USAGE;
    if (!hold_standard_files()) return EXIT_FAILED;
    stream_catch_signals();
    switch (options_parse(&o, argc, argv)) {
    case PARSE_RUN: code = commands[o.command].run(&o); break;
    case PARSE_HELP:
        if (o.command == CMD_HELP && argc == 2 && argv[1][0] == '-') help_overview(stdout);
        else help_command(stdout, o.command);
        code = EXIT_DONE;
        break;
    case PARSE_VERSION:
        print_version();
        code = EXIT_DONE;
        break;
    case PARSE_FAILED: break;
    }
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_DONE) {
        fprintf(stderr, "vqz: cannot write to standard output: %s\n", strerror(errno));
        code = EXIT_FAILED;
    }
    return code;
}
