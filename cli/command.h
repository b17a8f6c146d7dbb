/* SPDX-License-Identifier: MIT */
/*
 * command.h - what a command of maqet is. Each is one const struct, and so is each action
 * of a command that has several: checking, --help, the man page and the shell completion
 * are made from it.
 */
#ifndef MAQET_CLI_COMMAND_H
#define MAQET_CLI_COMMAND_H

#include "cli/operands.h"
#include "cli/view.h"
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

/* All commands, in the order in which the help lists them; ends with NULL. */
extern const struct command *const commands[];

/* The options that every command takes. */
extern const struct command_option global_options[];

const struct command *command_find(const char *name, struct maqet_error **err);

/* The action of that name; NULL: the command has none. */
const struct command *command_action(const struct command *command, const char *name);

/* The command that this is an action of; NULL: it is a command. */
const struct command *command_group(const struct command *command);

/* "start" or "snapshot create"; the caller frees. */
char *command_title(const struct command *command);

/*
 * The row of an option that a command takes, of its own before a global one of the same
 * name, which it widens; a command with actions takes what any of them does. NULL: it takes
 * none of that name. Without a command (NULL) there are the global ones.
 */
const struct command_option *command_option(const struct command *command,
                                            const char *name);

/* An error about how a command (NULL: the program) was called; it ends with the way to
 * the help. Returns -1. */
int usage_error(const struct command *command, struct maqet_error **err,
                const char *format, ...) MAQET_PRINTF(3, 4);

/* Likewise for a word that is none of those that are known; it names the closest one. */
int usage_error_unknown(const struct command *command, const char *what, const char *word,
                        const struct maqet_strings *known, struct maqet_error **err);

#endif
