/* SPDX-License-Identifier: MIT */
/*
 * context.h - what one run of the program was told: where things are kept, and whom to
 * tell what happens. The core has no variables of its own; it gets this.
 */
#ifndef MAQET_BASE_CONTEXT_H
#define MAQET_BASE_CONTEXT_H

#include "core/base/error.h"

struct maqet_job_kind;
struct maqet_opened;

enum maqet_level { MAQET_LEVEL_WARNING, MAQET_LEVEL_INFO, MAQET_LEVEL_DEBUG };

struct maqet_context {
    char *data_dir;    /* definitions, below vms/ */
    char *runtime_dir; /* sockets, locks and logs of running machines */
    char *storage_dir; /* images with no `file`; NULL: /tmp */
    char *accel;       /* what `accel` is when a machine doesn't say; NULL: auto */
    struct maqet_strings plugin_dirs;
    int64_t lock_timeout; /* ms to wait for another maqet at the same machine */
    /* ms that a QEMU that runs has to answer all that one command asks; 0: ten seconds */
    int64_t answer_timeout;

    /* Called with each message for the user, without a line feed. NULL: nobody listens.
     */
    void (*message)(void *data, enum maqet_level level, const char *message);

    /* Called repeatedly with how far something is that has taken @elapsed ms; @percent is
     * negative where that is not known. Without @what it is over. NULL: nobody listens.
     */
    void (*progress)(void *data, const char *what, double percent, int64_t elapsed);

    /* Called with a harmless mistake of a plugin. NULL: nobody listens. */
    void (*misuse)(void *data, const char *message);

    /* Called with the name of each callback of a plugin before it is called, and with NULL
     * when it has returned. NULL: nobody listens. */
    void (*calling)(void *data, const char *callback);

    void *data; /* for all of them */

    /* A hint in the words of the program; the caller frees. NULL: hints are left out. */
    char *(*words)(const struct maqet_hint *hint);

    /* Recovers what an interrupted job has left of an opened, locked machine
     * (core/machine/opened.h). NULL: nothing can be done with such a machine. */
    int (*recover)(struct maqet_opened *machine, struct maqet_error **err);

    /* What may have been interrupted (core/kinds.h), ended by NULL; NULL: nothing. */
    const struct maqet_job_kind *const *job_kinds;
};

void maqet_context_clear(struct maqet_context *context);

void maqet_context_say(const struct maqet_context *context, enum maqet_level level,
                       const char *format, ...) MAQET_PRINTF(3, 4);

/* Says what an error is, with what can be done about it, where it is none to end with. */
void maqet_context_say_error(const struct maqet_context *context, enum maqet_level level,
                             const struct maqet_error *error);

/* A step in the program's words, for a text that is no error: what it is about, and NULL
 * at the end. "" where the program has none. The caller frees. */
char *maqet_context_next(const struct maqet_context *context, enum maqet_next next,
                         ...) MAQET_SENTINEL;

/* The hints of an error in the program's words, with a text between two. The caller
 * frees. */
char *maqet_context_steps(const struct maqet_context *context,
                          const struct maqet_error *error, const char *separator);

/* Tells of a plugin that does what it must not. Where nobody listens, a build with a
 * sanitizer, which is for developers, warns. */
void maqet_context_misuse(const struct maqet_context *context, const char *format, ...)
    MAQET_PRINTF(2, 3);

#endif
