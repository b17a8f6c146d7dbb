/* SPDX-License-Identifier: MIT */
/*
 * context.h - the folders, limits and callbacks of one run of the program. The core has no
 * global variables for them.
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
    char *storage_dir; /* images without a `file`; NULL: /tmp */
    char *accel;       /* for machines without `accel`; NULL: auto */
    struct maqet_strings plugin_dirs;
    int64_t lock_timeout; /* ms to wait for another maqet at the same machine */
    /* ms in which a running QEMU must answer all questions of one command; 0: 10 s */
    int64_t answer_timeout;

    /* Called with each message for the user, without a line feed. May be NULL. */
    void (*message)(void *data, enum maqet_level level, const char *message);

    /* Called repeatedly with the progress of something that has taken @elapsed ms;
     * @percent is negative if not known. @what is NULL when it is done. May be NULL. */
    void (*progress)(void *data, const char *what, double percent, int64_t elapsed);

    /* Called with a harmless mistake of a plugin. May be NULL. */
    void (*misuse)(void *data, const char *message);

    /* Called with the name of each callback of a plugin before it is called, and with NULL
     * when it has returned. May be NULL. */
    void (*calling)(void *data, const char *callback);

    /* Called with the error that ends the program at once, within a call of a plugin, and
     * perhaps in another thread. May be NULL. */
    void (*ending)(void *data, const struct maqet_error *error);

    void *data; /* for all of them */

    /* A hint in the words of the program; the caller frees. NULL: hints are left out. */
    char *(*words)(const struct maqet_hint *hint);

    /* Recovers an interrupted job of an opened, locked machine (core/machine/opened.h).
     * NULL: a machine with one is refused. */
    int (*recover)(struct maqet_opened *machine, struct maqet_error **err);

    /* Settles what a killed command without a job has left in the storage of an opened, locked
     * machine whose definition is loaded (core/machine/opened.h). A drive with which that fails gets
     * a fault. NULL: nothing is settled. */
    void (*settle)(struct maqet_opened *machine);

    /* The kinds of jobs (core/kinds.h), ended by NULL; NULL: none. */
    const struct maqet_job_kind *const *job_kinds;
};

void maqet_context_clear(struct maqet_context *context);

void maqet_context_say(const struct maqet_context *context, enum maqet_level level,
                       const char *format, ...) MAQET_PRINTF(3, 4);

/* Shows progress: @what is in progress, @done of @total (0: not known) since @begun, by
 * maqet_now(). It is drawn only after a second, so it may be called for every step. */
void maqet_context_progress(const struct maqet_context *context, const char *what,
                            uint64_t done, uint64_t total, int64_t begun);

/* Ends the display of progress. */
void maqet_context_progress_end(const struct maqet_context *context);

/* Says an error, with its hints, that ends nothing. */
void maqet_context_say_error(const struct maqet_context *context, enum maqet_level level,
                             const struct maqet_error *error);

/* A step in the program's words, for a text that is not an error; its operands end with
 * NULL. "" if the program has no words. The caller frees. */
char *maqet_context_next(const struct maqet_context *context, enum maqet_next next,
                         ...) MAQET_SENTINEL;

/* The hints of an error in the program's words, joined. The caller frees. */
char *maqet_context_steps(const struct maqet_context *context,
                          const struct maqet_error *error, const char *separator);

/* Reports a mistake of a plugin. Without a callback, a build with a sanitizer, which is
 * for developers, warns. */
void maqet_context_misuse(const struct maqet_context *context, const char *format, ...)
    MAQET_PRINTF(2, 3);

#endif
