/* SPDX-License-Identifier: MIT */
/*
 * error.h - errors as values. maqet_error_set, _hint and _wrap are in maqet-plugin.h, since
 * plugins use them, too.
 */
#ifndef MAQET_BASE_ERROR_H
#define MAQET_BASE_ERROR_H

#include <maqet-plugin.h>

#include "core/base/next.h"
#include "core/base/text.h"

/* A step that the user can take. The core does not know the program's name, commands and
 * options, so the program has the words (struct maqet_context). */
struct maqet_hint {
    enum maqet_next next;
    struct maqet_strings operands; /* of MAQET_NEXT_WORDS: the words */
};

/* In the order in which they are shown. */
struct maqet_hints {
    struct maqet_hint *items;
    size_t count;
};

struct maqet_error {
    enum maqet_error_code code;
    char *message;
    char *remark; /* a line of its own below the message; NULL: none */
    struct maqet_hints hints;
    /* Where in a file it is; NULL and 0: nowhere. */
    char *file;
    unsigned line, column;
    struct maqet_error *also; /* a further mistake in the same input; NULL: none */
    bool refused;             /* QEMU, or the guest agent, has answered so to a command */
    bool silent; /* QEMU did not answer (core/qemu/silence.h): some can do without */
    int signal;  /* that interrupted us (core/base/interrupt.h); 0: none */
};

void maqet_error_free(struct maqet_error *error);
MAQET_CLEANUP(maqet_error, maqet_error_free, maqet_error_cleanup)

#define _cleanup_error_ _cleanup_(maqet_error_cleanup)

/* The code as a word, for JSON: "invalid". */
const char *maqet_error_code_name(enum maqet_error_code code);

/* The exit code of a program that ends with this error. */
int maqet_error_exit_code(enum maqet_error_code code);

int maqet_error_vset(struct maqet_error **err, enum maqet_error_code code,
                     const char *format, va_list arguments) MAQET_PRINTF(3, 0);

/* Sets an error from errno, which determines the code (EACCES: permission, ENOENT:
 * missing) and ends the message: "MESSAGE: No such file or directory". Returns -1. */
int maqet_error_errno(struct maqet_error **err, int number, const char *format, ...)
    MAQET_PRINTF(3, 4);

/* Adds a line below the message: a further fact, not a step. (In the message itself, text
 * after a line feed is marked as foreign, cli/output.h.) */
void maqet_error_remark(struct maqet_error **err, const char *format, ...)
    MAQET_PRINTF(2, 3);

/* Adds a step; its operands end with NULL. Returns -1. */
int maqet_error_next(struct maqet_error **err, enum maqet_next next, ...) MAQET_SENTINEL;
void maqet_error_next_about(struct maqet_error **err, enum maqet_next next,
                            const struct maqet_strings *operands);

/* Takes such steps out again. Returns whether there were any. */
bool maqet_error_drop_next(struct maqet_error *error, enum maqet_next next);

/* Adds a hint for a name that is not among @names: the closest one, and all of them. */
void maqet_error_hint_names(struct maqet_error **err, const char *name,
                            const struct maqet_strings *names);

/* Adds the hints of another error. */
void maqet_error_hints(struct maqet_error **err, const struct maqet_error *other);

/* Sets a copy of an error. Returns -1. */
int maqet_error_copy(struct maqet_error **err, const struct maqet_error *error);

/* Moves an error, which may be NULL, behind those in *err: a further mistake in the same input,
 * which the user can correct at the same time. Mistakes in one file are in the order of their
 * places; one that is there already is freed. *other becomes NULL. Returns -1 if there was an
 * error to move, otherwise 0. */
int maqet_error_add(struct maqet_error **err, struct maqet_error **other);

/* Moves an error into *err, or frees it if *err is set already or @err is NULL. Returns
 * -1. */
int maqet_error_move(struct maqet_error **err, struct maqet_error *error);

#endif
