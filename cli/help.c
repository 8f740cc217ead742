/* Help texts and the manual page, all from the tables of options.c. */
#include "cli/options.h"
#include <string.h>

enum { WIDTH = 80, COLUMN = 26 };

/* Words up to the next newline, filled into lines; returns what follows. */
static const char *paragraph(FILE *to, const char *text, int indent, int column) {
    while (*text && *text != '\n') {
        int n = (int)strcspn(text, " \n");
        if (column > indent && column + n + (column > indent) > WIDTH) {
            fprintf(to, "\n%*s", indent, "");
            column = indent;
        }
        column += fprintf(to, "%s%.*s", column > indent ? " " : "", n, text);
        text += n;
        while (*text == ' ') text++;
    }
    fputc('\n', to);
    return *text ? text + 1 : text;
}

const char *option_dashes(const option_row *row) { return row->id >= OPT_FILM ? "-" : "--"; }

static void option_line(FILE *to, const option_row *row) {
    int column = row->id < 256 ? fprintf(to, "  -%c, --%s", row->id, row->name) : fprintf(to, "      %s%s", option_dashes(row), row->name);
    if (row->argument) column += fprintf(to, " %s", row->argument);
    if (column >= COLUMN) {
        fputc('\n', to);
        column = 0;
    }
    fprintf(to, "%*s", COLUMN - column, "");
    paragraph(to, row->help, COLUMN, COLUMN);
}

void help_overview(FILE *to) {
    fprintf(to, "vqz %s: a learned image codec whose files decode to the same pixels on every machine\n\n",
            vqz_version());
    for (int i = 0; i < CMD_COUNT; i++) fprintf(to, "  vqz %-9s %s\n", commands[i].name, commands[i].summary);
    fprintf(to, "\n  vqz encode photo.jpg     writes photo.vqz\n  vqz decode photo.vqz     writes photo.png\n"
                "\n\"vqz help COMMAND\" lists the options of a command, \"vqz --version\" prints the version and the kernels in use.\n");
}

void help_command(FILE *to, command_id c) {
    const command *cmd = &commands[c];
    fprintf(to, "usage: vqz %s %s\n\n%s: %s\n", cmd->name, cmd->usage, cmd->name, cmd->summary);
    for (const char *p = cmd->text; *p;) {
        fputc('\n', to);
        p = paragraph(to, p, 0, 0);
    }
    fprintf(to, "\nOptions:\n");
    for (int i = 0; i < option_count; i++)
        if (option_table[i].commands >> c & 1) option_line(to, &option_table[i]);
    fprintf(to, "\nExamples:\n");
    for (const char *p = cmd->examples; *p; p += strcspn(p, "\n") + 1)
        fprintf(to, "  %s%.*s\n", *p == ' ' ? "    " : "", (int)strcspn(p, "\n") - (*p == ' ' ? 2 : 0),
                p + (*p == ' ' ? 2 : 0));
}

/* ---- manual page ---- */
static void roff(FILE *to, const char *text, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '-') fputs("\\-", to);
        else if (text[i] == '\\') fputs("\\e", to);
        else if ((text[i] == '.' || text[i] == '\'') && (i == 0 || text[i - 1] == '\n')) fprintf(to, "\\&%c", text[i]);
        else fputc(text[i], to);
    }
}

static void roff_text(FILE *to, const char *text) { roff(to, text, strlen(text)); }

static void man_option(FILE *to, const option_row *row) {
    fputs(".TP\n\\fB", to);
    if (row->id < 256) fprintf(to, "\\-%c\\fR, \\fB", row->id);
    roff_text(to, option_dashes(row));
    roff_text(to, row->name);
    fputs("\\fR", to);
    if (row->argument) fprintf(to, " \\fI%s\\fR", row->argument);
    fputc('\n', to);
    roff_text(to, row->help);
    fputs(".\n", to);
}

static void man_command(FILE *to, command_id c) {
    const command *cmd = &commands[c];
    fprintf(to, ".SS vqz %s ", cmd->name);
    roff_text(to, cmd->usage);
    fputc('\n', to);
    for (const char *p = cmd->text; *p; p += strcspn(p, "\n") + 1) {
        if (p != cmd->text) fputs(".PP\n", to);
        roff(to, p, strcspn(p, "\n"));
        fputc('\n', to);
    }
    for (int i = 0; i < option_count; i++)
        if (option_table[i].commands >> c & 1 && option_table[i].commands != ~0u) man_option(to, &option_table[i]);
}

void help_man(FILE *to) {
    fprintf(
        to,
        ".TH VQZ 1 \"\" \"vqz %s\" \"User Commands\"\n.SH NAME\nvqz \\- learned image codec, bit-exact on every machine\n.SH SYNOPSIS\n",
        vqz_version());
    for (int i = 0; i < CMD_COUNT; i++) {
        fprintf(to, "%s.B vqz %s\n", i ? ".br\n" : "", commands[i].name);
        roff_text(to, commands[i].usage);
        fputc('\n', to);
    }
    fputs(
        ".br\n.B vqz \\-\\-version\n.SH DESCRIPTION\n"
        "vqz compresses pictures with a small neural network in integer arithmetic. The same picture gives the same file, and the same file the same pixels, "
        "on every machine, processor and number of threads.\n.SH COMMANDS\n",
        to);
    for (int i = 0; i < CMD_COUNT; i++) man_command(to, (command_id)i);
    fputs(
        ".SH EXIT STATUS\n.TP\n0\nEverything was done.\n.TP\n1\nSome file failed; the others were done. Each failure is one line on standard error: "
        "\"vqz: FILE: at byte N: reason\".\n.TP\n2\nThe command line was not understood; nothing was done.\n"
        ".SH ENVIRONMENT\n.TP\nVQZ_CPU\nThe kernels to use where no \\-\\-cpu is given.\n"
        ".SH FILES\nOutputs are written under a temporary name (\\&.NAME.XXXXXX) in their folder, flushed to the disk and renamed when complete: "
        "a file under its final name is whole, also after a crash or a loss of power. Signals that end vqz remove the temporary file; SIGKILL and crashes leave it, and it can be deleted. "
        "After an interruption, the same command on a folder goes on where encoding ended; \\-\\-resume does so for other files and for decoding.\n"
        ".SH SANDBOX\nWith \\-\\-sandbox each file is parsed by a process of its own, which a seccomp filter holds to memory, threads and the files that are open already; vqz itself "
        "looks at no byte of the input and renames the output when that process has said that all went well. A process that tries anything else is ended, the file is reported as "
        "failed, and the next one is tried. It needs Linux 4.14; where there is no such filter nothing is done and the exit status is 1.\n"
        ".SH EXAMPLES\n",
        to);
    for (int i = 0; i < CMD_COUNT; i++)
        for (const char *p = commands[i].examples; *p; p += strcspn(p, "\n") + 1) {
            bool what = *p == ' ';
            fputs(what ? "" : ".TP\n.B ", to);
            roff(to, p + (what ? 2 : 0), strcspn(p, "\n") - (what ? 2 : 0));
            fputc('\n', to);
        }
}
