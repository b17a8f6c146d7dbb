/* SPDX-License-Identifier: MIT */
/*
 * error.h - errors as values. How one is made stands in maqet-plugin.h (maqet_error_set,
 * _hint, _wrap), since plugins make them in the same way; here is how one is read.
 */
#ifndef MAQET_BASE_ERROR_H
#define MAQET_BASE_ERROR_H

#include <maqet-plugin.h>

#include "core/base/next.h"
#include "core/base/text.h"

/*
 * What can be done about an error. The library knows neither the name of the program that
 * uses it nor its commands and options: it says which step it means and what that is
 * about, and the program has the words (struct maqet_context).
 */
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
    bool silent; /* QEMU did not answer (core/qemu/silence.h): some can do without */
};

void maqet_error_free(struct maqet_error *error);
void maqet_error_cleanup(struct maqet_error **error);

#define _cleanup_error_ _cleanup_(maqet_error_cleanup)

/* The code as a word, for JSON: "invalid". */
const char *maqet_error_code_name(enum maqet_error_code code);

/* The exit code of a program that ends with this error. */
int maqet_error_exit_code(enum maqet_error_code code);

int maqet_error_vset(struct maqet_error **err, enum maqet_error_code code,
                     const char *format, va_list arguments) MAQET_PRINTF(3, 0);

/* Sets an error from errno: the code follows from it (EACCES: permission, ENOENT:
 * missing), and its text ends the message: "MESSAGE: No such file or directory". Returns
 * -1. */
int maqet_error_errno(struct maqet_error **err, int number, const char *format, ...)
    MAQET_PRINTF(3, 4);

/* Adds a line below the message: a further fact, while what the user can do is a hint.
 * (What follows a line feed in the message is marked as somebody else's words,
 * cli/output.h.) */
void maqet_error_remark(struct maqet_error **err, const char *format, ...)
    MAQET_PRINTF(2, 3);

/* Adds a step that the program has the words for: what it is about, and NULL at the end.
 * Returns -1. */
int maqet_error_next(struct maqet_error **err, enum maqet_next next, ...) MAQET_SENTINEL;

/* Likewise for operands of any number. */
void maqet_error_next_about(struct maqet_error **err, enum maqet_next next,
                            const struct maqet_strings *operands);

/* Adds a hint for a name that is none of @names: the closest one, and which there are. */
void maqet_error_hint_names(struct maqet_error **err, const char *name,
                            const struct maqet_strings *names);

/* Adds the hints of another error. */
void maqet_error_hints(struct maqet_error **err, const struct maqet_error *other);

/* Sets a copy of an error. Returns -1. */
int maqet_error_copy(struct maqet_error **err, const struct maqet_error *error);

/* Moves an error into *err (or drops it where nobody wants it). Returns -1. */
int maqet_error_move(struct maqet_error **err, struct maqet_error *error);

#endif
