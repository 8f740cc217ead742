#include "cli/commands.h"

int cmd_help(options *o) {
    if (o->man) {
        help_man(stdout);
        return EXIT_DONE;
    }
    if (o->completion) {
        completion_print(stdout, o->completion - 1);
        return EXIT_DONE;
    }
    if (o->input_count == 0) {
        help_overview(stdout);
        return EXIT_DONE;
    }
    int c = command_find(o->inputs[0]);
    if (c < 0) {
        fprintf(stderr, "vqz help: no command \"%s\"\n", o->inputs[0]);
        return EXIT_USAGE;
    }
    help_command(stdout, (command_id)c);
    return EXIT_DONE;
}
