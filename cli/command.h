/* SPDX-License-Identifier: MIT */
/*
 * command.h - what a command of maqet is. Each is one const struct, and so is each action
 * of a command that has several: checking, --help, the man page and the shell completion
 * are made from it.
 */
#ifndef MAQET_CLI_COMMAND_H
#define MAQET_CLI_COMMAND_H

#include "cli/operands.h"
#include "cli/table.h"
#include "core/base/error.h"

struct invocation;
struct machine_result;

enum option_type {
    OPTION_SWITCH, /* takes no value */
    OPTION_TEXT,
    OPTION_SECONDS, /* a number that is not negative; fractions are allowed */
    OPTION_CHOICE,  /* one of the words that choice() gives */
};

/* One row of an option table; a name of NULL ends the table. */
struct command_option {
    const char *name; /* "timeout", written as --timeout */
    char letter;      /* its short form; '\0': none */
    enum option_type type;
    const char *argument; /* what stands for the value in the help, "SECONDS" */
    const char *fallback; /* the value that holds when it is not given; NULL: none */
    const char *(*choice)(unsigned index); /* NULL after the last one */
    const char *help; /* a phrase without a full stop; NULL: not for people */
};

struct command_example {
    const char *command; /* NULL ends the list */
    const char *what;
};

enum { OPTIONS_MAX = 12, EXAMPLES_MAX = 4 }; /* of one command */

/*
 * A command, or one of its actions, which are told apart by a word: `maqet plugin list`,
 * `maqet checkpoint VM create NAME`. A command with actions has only the members up to
 * `no_machines`; its operands stand before the action's name.
 */
struct command {
    const char *name;        /* NULL ends a list of actions */
    const char *summary;     /* a phrase without a full stop */
    const char *description; /* paragraphs, a line feed between two; NULL: none */
    unsigned operands[OPERANDS_MAX + 1]; /* enum operand_kind and what is added to it */
    const struct command *actions;       /* NULL: it is one thing */
    bool no_machines; /* it has nothing to do with any, nor with the data folder */

    struct command_option options[OPTIONS_MAX + 1]; /* besides the global ones */
    struct command_example examples[EXAMPLES_MAX + 1];
    const struct view *view; /* how its result is shown; NULL: it has none */

    /* Returns the program's exit code, or -1 with an error. NULL: run_each, for each VM
     * that is named (cli/machines.h). */
    int (*run)(struct invocation *invocation, struct maqet_error **err);
    int (*run_each)(struct invocation *invocation, struct machine_result *machine,
                    struct maqet_error **err);
};

/* All commands, in the order in which the help lists them; ends with NULL. They are for
 * main() alone, which hands them on: a command knows no other one. */
extern const struct command *const all_commands[];

/* The options that every command takes. */
extern const struct command_option global_options[];

/* The action of that name; NULL: the command has none. */
const struct command *command_action(const struct command *command, const char *name);

/* The rows of all options that may stand in the command line of a command (NULL: of none):
 * its own, those of all its actions, and the global ones; NULL after the last one. */
const struct command_option *command_row(const struct command *command, size_t index);

/* The first row of an option of that name, so that one of a command's own comes before a
 * global one, which it widens. NULL: it takes none of that name. */
const struct command_option *command_option(const struct command *command,
                                            const char *name);

#endif
