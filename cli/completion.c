/* Completion scripts, from the tables of options.c. */
#include "cli/options.h"
#include <string.h>

const char *const completion_shells[] = {"bash", "zsh", "fish", NULL};
enum { BASH, ZSH, FISH };

static bool takes_file(const option_row *row) { return strcmp(row->argument, "FILE") == 0 || strcmp(row->argument, "OUT") == 0; }

static bool of_command(const option_row *row, int c) { return row->commands >> c & 1; }

/* Text that stands in single quotes, with a backslash before these signs. */
static void quoted(FILE *to, const char *text, const char *escaped) {
    for (; *text; text++) {
        if (strchr(escaped, *text)) fputc('\\', to);
        if (*text == '\'') fputs("'\\''", to);
        else fputc(*text, to);
    }
}

static void words(FILE *to, int id) {
    const char *word;
    for (uint32_t i = 0; (word = option_word(id, i)); i++) fprintf(to, "%s%s", i ? " " : "", word);
}

static void command_names(FILE *to) {
    for (int c = 0; c < CMD_COUNT; c++) fprintf(to, "%s%s", c ? " " : "", commands[c].name);
}

/* ---- bash: without the package bash-completion ---- */
static void bash_pattern(FILE *to, const option_row *row) {
    if (row->id < 256) fprintf(to, "-%c | ", row->id);
    fprintf(to, "%s%s)", option_dashes(row), row->name);
}

static void bash_command(FILE *to, int c) {
    fprintf(to, "    %s)\n        options='", commands[c].name);
    for (int i = 0; i < option_count; i++)
        if (of_command(&option_table[i], c)) fprintf(to, "%s%s ", option_dashes(&option_table[i]), option_table[i].name);
    fputs("'\n        case $prev in\n", to);
    for (int i = 0; i < option_count; i++) {
        const option_row *row = &option_table[i];
        if (!of_command(row, c) || !row->argument || takes_file(row)) continue;
        fputs("        ", to);
        bash_pattern(to, row);
        fputs(" value=1 words='", to);
        words(to, row->id);
        fputs("' ;;\n", to);
    }
    fputs("        ", to);
    const char *between = "";
    for (int i = 0; i < option_count; i++) {
        const option_row *row = &option_table[i];
        if (!of_command(row, c) || !row->argument || !takes_file(row)) continue;
        fprintf(to, "%s%s%s", between, option_dashes(row), row->name);
        if (row->id < 256) fprintf(to, " | -%c", row->id);
        between = " | ";
    }
    fprintf(to, "%s) return ;;\n        esac\n        ;;\n", *between ? "" : "''");
}

static void bash(FILE *to) {
    fputs("# bash: completions of vqz, as `vqz help --completion bash` prints them. Where nothing is said, names of files are completed.\n"
          "_vqz() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} options='' words='' value=0\n"
          "    COMPREPLY=()\n"
          "    if [ \"$cur\" = = ]; then cur=''\n"                     /* --name=value comes in three words */
          "    elif [ \"$prev\" = = ]; then prev=${COMP_WORDS[COMP_CWORD - 2]}; fi\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W '", to);
    command_names(to);
    fputs(" --help --version' -- \"$cur\")\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n", to);
    for (int c = 0; c < CMD_COUNT; c++) bash_command(to, c);
    fprintf(to, "    esac\n    if [ \"${COMP_WORDS[1]}:$COMP_CWORD\" = '%s:2' ]; then options+=' ", commands[CMD_HELP].name);
    command_names(to);
    fputs("'; value=1 words=$options; fi\n"
          "    if [ $value = 1 ]; then\n        compopt +o default 2>/dev/null\n        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
          "    elif [[ $cur == -* ]]; then mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\"); fi\n"
          "}\ncomplete -o default -F _vqz vqz\n", to);
}

/* ---- zsh ---- */
static void zsh_option(FILE *to, const option_row *row) {
    const char *dashes = option_dashes(row);
    fputs("        ", to);
    if (row->id < 256) fprintf(to, "'(-%c %s%s)'{-%c,%s%s%s}'", row->id, dashes, row->name, row->id, dashes, row->name, row->argument ? "=" : "");
    else {
        fprintf(to, "'*%s", dashes);
        quoted(to, row->name, ":");
        if (row->argument && dashes[1]) fputc('=', to);
    }
    fputc('[', to);
    quoted(to, row->help, "[]\\");
    fputc(']', to);
    if (row->argument) {
        fprintf(to, ":%s:", row->argument);
        if (takes_file(row)) fputs("_files", to);
        else if (option_word(row->id, 0)) {
            fputc('(', to);
            words(to, row->id);
            fputc(')', to);
        }
    }
    fputs("' \\\n", to);
}

static void zsh(FILE *to) {
    fputs("#compdef vqz\n# zsh: completions of vqz, as `vqz help --completion zsh` prints them.\n_vqz() {\n    local -a commands=(\n", to);
    for (int c = 0; c < CMD_COUNT; c++) {
        fprintf(to, "        '%s:", commands[c].name);
        quoted(to, commands[c].summary, "");
        fputs("'\n", to);
    }
    fputs("    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n        return\n    fi\n"
          "    local command=$words[2]\n    shift words\n    (( CURRENT-- ))\n    case $command in\n", to);
    for (int c = 0; c < CMD_COUNT; c++) {
        fprintf(to, "    %s)\n        _arguments -s \\\n", commands[c].name);
        for (int i = 0; i < option_count; i++)
            if (of_command(&option_table[i], c)) zsh_option(to, &option_table[i]);
        fputs(c == CMD_HELP ? "        ':command:(" : "        '*:file:_files'", to);
        if (c == CMD_HELP) {
            command_names(to);
            fputs(")'", to);
        }
        fputs(" ;;\n", to);
    }
    fputs("    esac\n}\nif [ \"$funcstack[1]\" = _vqz ]; then _vqz \"$@\"; else compdef _vqz vqz; fi\n", to);
}

/* ---- fish ---- */
/* Text in single quotes: in fish, a backslash does it. */
static void fish_quoted(FILE *to, const char *text) {
    fputc('\'', to);
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\') fputc('\\', to);
        fputc(*text, to);
    }
    fputs("'\n", to);
}

static void fish_option(FILE *to, int c, const option_row *row) {
    fprintf(to, "complete -c vqz -n '__fish_seen_subcommand_from %s' ", commands[c].name);
    if (row->id < 256) fprintf(to, "-s %c ", row->id);
    fprintf(to, "-%c '%s' ", option_dashes(row)[1] ? 'l' : 'o', row->name);
    if (row->argument) fputs(takes_file(row) ? "-rF " : "-x ", to);
    if (row->argument && option_word(row->id, 0)) {
        fputs("-a '", to);
        words(to, row->id);
        fputs("' ", to);
    }
    fputs("-d ", to);
    fish_quoted(to, row->help);
}

static void fish(FILE *to) {
    fputs("# fish: completions of vqz, as `vqz help --completion fish` prints them.\n", to);
    for (int c = 0; c < CMD_COUNT; c++) {
        fprintf(to, "complete -c vqz -n __fish_use_subcommand -f -a %s -d ", commands[c].name);
        fish_quoted(to, commands[c].summary);
        for (int i = 0; i < option_count; i++)
            if (of_command(&option_table[i], c)) fish_option(to, c, &option_table[i]);
    }
    fprintf(to, "complete -c vqz -n '__fish_seen_subcommand_from %s' -f -a '", commands[CMD_HELP].name);
    command_names(to);
    fputs("'\n", to);
}

void completion_print(FILE *to, int shell) {
    if (shell == BASH) bash(to);
    else if (shell == ZSH) zsh(to);
    else fish(to);
}
