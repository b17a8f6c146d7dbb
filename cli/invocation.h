/* SPDX-License-Identifier: MIT */
/*
 * invocation.h - one run of the program: its command line, sorted into a command, options
 * and operands; the context made from it; and the output it goes to.
 */
#ifndef MAQET_CLI_INVOCATION_H
#define MAQET_CLI_INVOCATION_H

#include "cli/command.h"
#include "cli/output.h"
#include "core/base/context.h"

/* An option as it was given: its row, and its value (NULL for a switch). */
struct given {
    const struct command_option *option;
    const char *value; /* a part of argv */
};

struct invocation {
    const struct command *const *commands; /* all that there are */
    const struct command *group;           /* the one that was named; NULL: none was */
    const struct command *command;         /* the same, or its action where it has some */
    struct given *given;                   /* in the order of the command line */
    size_t given_count;
    const struct command_option *awaiting; /* the last word, which lacks its value */
    struct maqet_strings operands;         /* without the action's name */
    struct maqet_context context;
    struct output output;
    int exit_code; /* the greatest of the errors that were shown already */
    int report_fd; /* of a worker of machines.h: where its parent listens; else -1 */
};

#define INVOCATION_INIT ((struct invocation){.commands = all_commands, .report_fd = -1})

/*
 * Sorts the command line. Options may stand anywhere, "--" ends them. Reading goes on
 * after a fault, so that --format and --help hold wherever they stand; *err is the first
 * one. An option that the action does not have is one, too.
 */
int invocation_parse(struct invocation *invocation, int argc, char **argv,
                     struct maqet_error **err);

void invocation_clear(struct invocation *invocation);

/* An error about the command line (NULL: that of the program), which ends with the way to
 * the help. Returns -1. */
int usage_error(const struct invocation *invocation, struct maqet_error **err,
                const char *format, ...) MAQET_PRINTF(3, 4);

/* Likewise for a word that is none of those that are known: it names the closest one, or
 * with @list all of them. */
int usage_error_unknown(const struct invocation *invocation, const char *what,
                        const char *word, const struct maqet_strings *known, bool list,
                        struct maqet_error **err);

/* The command of a name; NULL: there is none, which is an error. */
const struct command *invocation_find_command(const struct invocation *invocation,
                                              const char *name, struct maqet_error **err);

/* Shows the error of one operand, where the work goes on with the others. */
void invocation_show_error(struct invocation *invocation,
                           const struct maqet_error *error);

/* Whether the command takes an option of that name. */
bool invocation_knows(const struct invocation *invocation, const char *option);

/* What the options say. An action may ask for those of the others, too, which share its
 * functions and are never given; a name that no table has is a bug and aborts. */
bool invocation_has(const struct invocation *invocation, const char *option);

/* The last value given, or the fallback, or NULL. */
const char *invocation_text(const struct invocation *invocation, const char *option);

/* An OPTION_SECONDS in milliseconds. */
int64_t invocation_milliseconds(const struct invocation *invocation, const char *option);

/* All values of an option that may be repeated. */
void invocation_texts(const struct invocation *invocation, const char *option,
                      struct maqet_strings *values);

#endif
