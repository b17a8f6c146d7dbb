/* SPDX-License-Identifier: MIT */
/*
 * command.h - the description of a command, or of an action: one const struct, from which
 * the checks of the command line, --help, the manual and the shell completion are made.
 */
#ifndef MAQET_CLI_COMMAND_H
#define MAQET_CLI_COMMAND_H

#include "cli/operands.h"
#include "cli/table.h"
#include "core/base/error.h"
#include "core/base/text.h"

struct invocation;
struct machine_result;

enum option_type {
    OPTION_SWITCH, /* takes no value */
    OPTION_TEXT,
    OPTION_SECONDS, /* a number >= 0; fractions are allowed */
    OPTION_CHOICE,  /* one of the words that choice() returns */
};

/* One row of an option table. Without a name, it ends the table. */
struct command_option {
    const char *name; /* "timeout", written as --timeout */
    char letter;      /* of its short form; '\0': none */
    enum option_type type;
    const char *argument; /* the placeholder of the value in the help, "SECONDS" */
    const char *fallback; /* the default value; NULL: none */
    const char *(*choice)(unsigned index); /* NULL after the last one */
    const char *help;        /* a phrase without a full stop; NULL: hidden */
    enum operand_kind value; /* what the completion offers, unless @argument says it */
};

struct command_example {
    const char *command; /* NULL ends the list */
    const char *what;
};

enum { OPTIONS_MAX = 12, EXAMPLES_MAX = 4 }; /* of one command */

/* A command, or one of its actions: `maqet plugin list`, `maqet checkpoint VM create NAME`.
 * A command with actions has only the members up to `failure`; its operands precede
 * the action's name. */
struct command {
    const char *name;        /* NULL ends a list of actions */
    const char *summary;     /* a phrase without a full stop */
    const char *description; /* paragraphs, a line feed between two; NULL: none */
    unsigned operands[OPERANDS_MAX + 1]; /* enum operand_kind, with its flags */
    /* Pages for "SEE ALSO": names of commands, and others with their section, "ssh(1)",
     * separated by spaces. Each of them also refers to this one (cli/related.h). */
    const char *related;
    const struct command *actions; /* NULL: none */
    /* The action that is meant if a path with a '/' is where its name would be: `backup VM
     * /backups`. NULL: none. */
    const char *implied;
    bool no_machines;              /* it does not use the data folder */
    /* It stops, removes or discards something, so no misspelling is said to mean it. */
    bool discards;
    /* It is for VMs that run: --all, patterns and the completion leave out others; or for
     * VMs that do not run: the completion does. */
    bool only_running, only_stopped;
    int failure; /* the exit code of every error; 0: that of its error code */
    /* What a signal that asks it to end does, such as Ctrl-C: it makes the command undo what
     * it has begun (and @undone is said, unless the error says more), or it ends the program
     * at once, as nothing has been begun that could stay. */
    bool undoes, endable;
    const char *undone; /* a sentence without a full stop; NULL: none */
    /* What it shows, or a program that it runs, has the terminal: no line tells that the work
     * goes on. */
    bool fills_terminal;

    struct command_option options[OPTIONS_MAX + 1]; /* besides the global ones */
    struct command_example examples[EXAMPLES_MAX + 1];
    const struct view *view; /* how its result is shown; NULL: it has none */

    /* Returns the program's exit code, or -1 with an error. If it is NULL, run_each is
     * called for each VM that is named (cli/machines.h). */
    int (*run)(struct invocation *invocation, struct maqet_error **err);
    int (*run_each)(struct invocation *invocation, struct machine_result *machine,
                    struct maqet_error **err);
};

/* All commands, in the order in which the help lists them, ended by NULL. */
extern const struct command *const all_commands[];

/* The options of every command. */
extern const struct command_option global_options[];

/* The action of that name, or NULL. */
const struct command *command_action(const struct command *command, const char *name);

/* The action that the operands name: by the one after the command's own, as in `snapshot VM
 * create`, or else by the first one, as in `snapshot create VM`. So a VM may be called as an
 * action is. *index gets that operand; the number of operands: none names the action, as it is
 * implied. NULL: there is none. */
const struct command *command_named_action(const struct command *group,
                                           const struct maqet_strings *operands,
                                           size_t *index);

/* The rows of all options that may appear in the command line of a command: its own, those
 * of all its actions, and the global ones. Without a command, only the global ones. NULL
 * after the last one. */
const struct command_option *command_row(const struct command *command, size_t index);

/* The first row of an option of that name, or NULL. So a command's own row hides a global
 * one, whose choices it extends. */
const struct command_option *command_option(const struct command *command,
                                            const char *name);

#endif
