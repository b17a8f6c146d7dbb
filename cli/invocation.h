/* SPDX-License-Identifier: MIT */
/*
 * invocation.h - one run of the program: its command line, parsed into a command, options
 * and operands; the context; and the output.
 */
#ifndef MAQET_CLI_INVOCATION_H
#define MAQET_CLI_INVOCATION_H

#include "cli/command.h"
#include "cli/output.h"
#include "core/base/context.h"

/* An option of the command line. */
struct given {
    const char *name;  /* that of its row */
    const char *value; /* a part of argv; NULL for a switch */
};

struct invocation {
    const struct command *const *commands; /* all commands */
    const struct command *group;           /* the one that is named; NULL: none */
    const struct command *command;         /* the same, or the action that is named */
    struct given *given;                   /* in the order of the command line */
    size_t given_count;
    const struct command_option *awaiting; /* the last word, if its value is missing */
    struct maqet_strings operands;         /* without the action's name */
    struct maqet_context context;
    struct output output;
    int exit_code; /* the greatest of the errors that have been shown */
    mode_t umask;  /* with which maqet was started */
    int report_fd; /* in a worker of machines.h: the socket to its parent; else -1 */
};

#define INVOCATION_INIT ((struct invocation){.commands = all_commands, .report_fd = -1})

/* Parses the command line. Options may be anywhere, and "--" ends them. Parsing continues
 * after an error, so that --format and --help work anywhere; *err is the first one. An
 * option that the action does not have is an error. */
int invocation_parse(struct invocation *invocation, int argc, char **argv,
                     struct maqet_error **err);

void invocation_clear(struct invocation *invocation);

/* Sets an error about the command line with a hint at the help: that of the command, or
 * with NULL that of the program. Returns -1. */
int usage_error(const struct invocation *invocation, struct maqet_error **err,
                const char *format, ...) MAQET_PRINTF(3, 4);

/* The same for a word that is not one of @known: the error names the closest one. */
int usage_error_unknown(const struct invocation *invocation, const char *what,
                        const char *word, const struct maqet_strings *known,
                        struct maqet_error **err);

/* The command of that name, or that a word of other tools runs (cli/words.h), together with
 * *action (NULL: none). NULL with an error. */
const struct command *invocation_find_command(const struct invocation *invocation,
                                              const char *name, const char **action,
                                              struct maqet_error **err);

/* Adds to an error (NULL: none) what an interrupt has left undone, unless it says more. */
void invocation_note_undone(const struct invocation *invocation,
                            struct maqet_error *error);

/* Shows an error after which the work continues, and remembers its exit code. */
void invocation_show_error(struct invocation *invocation,
                           const struct maqet_error *error);

/* Whether the command has an option of that name. */
bool invocation_knows(const struct invocation *invocation, const char *option);

/* Whether an option is given. Actions share functions, so these may also ask for options
 * of the other actions, which are never given. A name that no table has aborts. */
bool invocation_has(const struct invocation *invocation, const char *option);

/* The last value that is given, the default, or NULL. */
const char *invocation_text(const struct invocation *invocation, const char *option);

/* The index of the last value that is one of the words; 0 if none is. */
unsigned invocation_choice(const struct invocation *invocation, const char *option,
                           const char *(*word)(unsigned index));

/* An OPTION_SECONDS in milliseconds. */
int64_t invocation_milliseconds(const struct invocation *invocation, const char *option);

/* All values of an option that may be repeated. */
void invocation_texts(const struct invocation *invocation, const char *option,
                      struct maqet_strings *values);

#endif
