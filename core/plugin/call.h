/* SPDX-License-Identifier: MIT */
/*
 * call.h - a call of a plugin: its time limit, and the programs that it runs. Nothing can
 * stop a plugin's own code, but what it runs is stopped in time, and it may ask
 * (maqet_time_left in maqet-plugin.h).
 */
#ifndef MAQET_PLUGIN_CALL_H
#define MAQET_PLUGIN_CALL_H

#include "core/base/cleanup.h"
#include "core/base/process.h"

/* ms for what only computes, for what may ask a service, and for what moves data. */
#define MAQET_CALL_QUICK INT64_C(10000)
#define MAQET_CALL_SERVICE INT64_C(30000)
#define MAQET_CALL_LONG (INT64_C(4) * 3600 * 1000)

/* Called now and then while a program runs: its arguments, how far it is in percent
 * (negative: it does not tell), and ms since it began; and with NULL when it has ended.
 */
typedef void maqet_call_sign(const void *about, const char *const *argv, double percent,
                             int64_t elapsed);

struct maqet_call {
    int64_t deadline; /* on the clock of maqet_now(); 0: no call is under way */
    int64_t begun;
    const char *log; /* the file for what a program says that a message can't hold */
    maqet_call_sign
        *sign; /* is told of programs that run, with @about; NULL: nobody is */
    const void *about;
    bool of_interface; /* the plugin is an interface */
};

/* The call that is under way, whose members last until it ends; what they point to stays
 * the caller's. */
struct maqet_call *maqet_call_current(void);

/* Plugins are called from one thread, so there is one call at a time. A call within a
 * call ends no later than the outer one, which goes on then. */
struct maqet_call maqet_call_begin(int64_t limit);
void maqet_call_end(struct maqet_call *outer);

/* For the block that it stands in: `MAQET_CALL(MAQET_CALL_QUICK);` */
#define MAQET_CALL(limit) MAQET_CALL_NAMED(limit, __LINE__)
#define MAQET_CALL_NAMED(limit, line) MAQET_CALL_LINE(limit, line)
#define MAQET_CALL_LINE(limit, line)                                                     \
    __attribute__((__unused__,                                                           \
                   __cleanup__(maqet_call_end))) struct maqet_call outer_call_##line =   \
        maqet_call_begin(limit)

/* ms that the call may still take, at most; without a call that of a long one. */
int64_t maqet_call_left(void);

/* ms since it began. */
int64_t maqet_call_elapsed(void);

/* The command that a plugin makes (maqet_command_new and the like in maqet-plugin.h). */
struct maqet_command {
    struct maqet_strings argv;
    struct maqet_strings files;   /* the paths of temporary files, as maqet_command_file
                                   * gave them */
    int *fds;                     /* of each */
    struct maqet_strings secrets; /* files with keys that the program is given */
};

/* Runs a command and frees it. @progress: it writes how far it is to its standard output,
 * as qemu-img does. *output (may be NULL) gets its standard output, to be freed by the
 * caller; and @exit_code (may be NULL) its exit code, of which each is a success then. */
int maqet_command_finish(struct maqet_command *command, bool progress, int *exit_code,
                         char **output, struct maqet_error **err);

/* MAQET_ERROR_PERMISSION: others than its owner may use one of these files, which hold
 * keys. One that is missing, or not a regular file (a pipe), is left to whoever opens it.
 */
int maqet_secrets_check(const struct maqet_strings *paths, struct maqet_error **err);

#endif
