/* SPDX-License-Identifier: MIT */
/*
 * call.h - the time limit of a plugin's callback. Nothing can stop a plugin's own code,
 * but what it runs is stopped in time, and it may ask (maqet_time_left in
 * maqet-plugin.h).
 */
#ifndef MAQET_PLUGIN_CALL_H
#define MAQET_PLUGIN_CALL_H

#include "core/base/cleanup.h"
#include "core/base/error.h"

/* ms for what only computes, for what may ask a service, and for what moves data. */
#define MAQET_CALL_QUICK INT64_C(10000)
#define MAQET_CALL_SERVICE INT64_C(30000)
#define MAQET_CALL_LONG (INT64_C(4) * 3600 * 1000)

/* Called now and then while a program runs that does not tell how far it is: its
 * arguments, and ms since it began; and with NULL when it has ended. */
typedef void maqet_call_sign(const void *about, const char *const *argv, int64_t elapsed);

/* The call that was under way when this one began; it goes on when this one ends. */
struct maqet_call {
    int64_t deadline;
    int64_t begun;
    const char *log;
    maqet_call_sign *sign;
    const void *about;
    bool of_interface;
};

/* Plugins are called from one thread, so there is one call at a time. A call within a
 * call ends no later than the outer one. */
struct maqet_call maqet_call_begin(int64_t limit);
void maqet_call_end(struct maqet_call *outer);

/* For the block that it stands in: `MAQET_CALL(MAQET_CALL_QUICK);` */
#define MAQET_CALL(limit) MAQET_CALL_NAMED(limit, __LINE__)
#define MAQET_CALL_NAMED(limit, line) MAQET_CALL_LINE(limit, line)
#define MAQET_CALL_LINE(limit, line)                                                     \
    __attribute__((__unused__,                                                           \
                   __cleanup__(maqet_call_end))) struct maqet_call outer_call_##line =   \
        maqet_call_begin(limit)

/* The file for what a program that it runs says, where a message can't hold it; it stays
 * the caller's, and counts until the call ends. NULL: there is none. */
void maqet_call_log_set(const char *log);
const char *maqet_call_log(void);

/* Who is told of programs that run, with @about, which stays the caller's, until the call
 * ends. */
void maqet_call_sign_set(maqet_call_sign *sign, const void *about);

/* Says that the plugin is an interface; it counts until the call ends. */
void maqet_call_of_interface_set(void);
bool maqet_call_is_of_interface(void);

/* Tells them, unless there is none. */
void maqet_call_give_sign(const char *const *argv, int64_t elapsed);

/* ms that the call may still take, at most; without a call that of a long one. */
int64_t maqet_call_left(void);

/* Whether it is time to show the user something of it again: a plugin may tell how far it
 * is for every block that it moves. */
bool maqet_call_is_shown(void);

/* ms since it began. */
int64_t maqet_call_elapsed(void);

#endif
