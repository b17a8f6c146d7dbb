/* SPDX-License-Identifier: MIT */
/*
 * call.h - a call of a plugin: its time limit, and the programs that it runs. These are
 * stopped in time; the plugin's own code has maqet_time_left() (maqet-plugin.h). If it does
 * not return some seconds later, or ends the program by itself, the program ends with an
 * error that names it.
 */
#ifndef MAQET_PLUGIN_CALL_H
#define MAQET_PLUGIN_CALL_H

#include "core/base/cleanup.h"
#include "core/base/context.h"
#include "core/base/process.h"

/* ms for callbacks that only compute, that may use a service, and that move data. */
#define MAQET_CALL_QUICK INT64_C(10000)
#define MAQET_CALL_SERVICE INT64_C(30000)
#define MAQET_CALL_LONG (INT64_C(4) * 3600 * 1000)

/* Called repeatedly while a program runs: its arguments, its progress in percent
 * (negative: not known), and ms since it began; and with NULL when it has ended. */
typedef void maqet_call_report(const void *about, const char *const *argv, double percent,
                               int64_t elapsed);

struct maqet_call {
    int64_t deadline; /* on the clock of maqet_now(); 0: no call is in progress */
    int64_t begun;
    int64_t limit;             /* ms, as the caller of the callback has said */
    const char *log;           /* gets the output of programs that is too long for a
                                * message; NULL: none */
    maqet_call_report *report; /* called with @about; NULL: no reports */
    const void *about;
    bool of_interface;  /* the plugin is an interface */
    const char *plugin; /* its name; NULL: it is not a plugin that calls */
    /* For an error that ends the program: */
    const struct maqet_context *context; /* NULL: it gets no error */
    const char *callback;
    const char *contact;    /* where its author is found; NULL: not known */
    const char *drive, *vm; /* their names; NULL: none */
    size_t reported;        /* bytes, see maqet_call_takes() */
    int mode;               /* of the image before the call; -1: not known */
    bool may_use_files;     /* it may use the files in the drive's folder */
    void *handle;           /* what the plugin has opened for the drive; NULL: nothing */
};

/* The call in progress. Its members are reset when it ends; it does not own what they
 * point to. */
struct maqet_call *maqet_call_current(void);

/* Plugins are called from one thread, so there is one call at a time. A nested call has no
 * later deadline than the outer one, which _end restores. */
struct maqet_call maqet_call_begin(int64_t limit);
void maqet_call_end(struct maqet_call *outer);

/* A call until the end of the block: `MAQET_CALL(MAQET_CALL_QUICK);` */
#define MAQET_CALL(limit) MAQET_CALL_NAMED(limit, __LINE__)
#define MAQET_CALL_NAMED(limit, line) MAQET_CALL_LINE(limit, line)
#define MAQET_CALL_LINE(limit, line)                                                     \
    __attribute__((__unused__,                                                           \
                   __cleanup__(maqet_call_end))) struct maqet_call outer_call_##line =   \
        maqet_call_begin(limit)

/* ms until the deadline; without a call, the limit of a long one. */
int64_t maqet_call_left(void);

/* ms since the call began. */
int64_t maqet_call_elapsed(void);

/* Whether a callback may report @bytes more (besides some for each report). The limit,
 * MAQET_CALL_REPORTS_MAX, is far above what any image or service has to say. */
bool maqet_call_takes(size_t bytes);
enum { MAQET_CALL_REPORTS_MAX = 64 * 1024 * 1024 };

/* Whether the callback has reported more than that. */
bool maqet_call_is_excessive(void);

/* A command of a plugin (maqet_command_new() in maqet-plugin.h). */
struct maqet_command {
    struct maqet_strings argv;
    struct maqet_strings files;       /* paths of maqet_command_file() */
    int *fds;                         /* of each */
    struct maqet_strings secrets;     /* key files for the program */
    struct maqet_strings environment; /* "NAME=VALUE", or "NAME" to be unset */
    void *input;                      /* NULL: none */
    size_t input_size;
    bool progress;       /* it prints its progress as qemu-img does */
    int *exit_status;    /* gets it; NULL: only 0 is success */
    char **error_output; /* gets it; may be NULL */
    const int *ruleset;  /* that confines it (core/base/landlock.h) */
};

/* Runs a command and frees it. *output (may be NULL) gets its standard output, of which
 * *size (may be NULL) gets the bytes; the caller frees. */
int maqet_command_finish(struct maqet_command *command, char **output, size_t *size,
                         struct maqet_error **err);

/* MAQET_ERROR_FAILED if a word of a command line of the plugin contains a secret: any user
 * of the host can read it. */
int maqet_command_check_secrets(const struct maqet_command *command, const char *plugin,
                                struct maqet_error **err);

/* MAQET_ERROR_PERMISSION if other users may access one of these key files. Missing ones,
 * and others than regular files (a pipe), are not checked. */
int maqet_secrets_check(const struct maqet_strings *paths, struct maqet_error **err);

#endif
