/* SPDX-License-Identifier: MIT */
/*
 * interrupt.h - signals that ask us to end (SIGINT, SIGTERM, SIGHUP), in a command that
 * undoes what it has begun. The first one makes whatever waits fail, once, so that what
 * undoes the command can wait again. A later one ends the program at once, as SIGKILL does;
 * the next command recovers then. Without maqet_interrupt_catch() the first one does.
 */
#ifndef MAQET_BASE_INTERRUPT_H
#define MAQET_BASE_INTERRUPT_H

#include <stdbool.h>

#include "core/base/error.h"

/* Catches them, unless they are ignored. Returns 0, or -1 and errno. */
int maqet_interrupt_catch(void);

/* In a child that was forked: they end it again. Async-signal-safe. */
void maqet_interrupt_release(void);

/* For poll(2): readable from the moment that one has arrived until it is taken; -1: they
 * are not caught. */
int maqet_interrupt_fd(void);

/* Takes one that has arrived: an error, which has the signal's number. Returns 0 if there
 * is none, or it is taken already. With NULL, it is not taken, for one who reports it. */
int maqet_interrupt_check(struct maqet_error **err);

/* As if it had not been taken yet: for one who does not report the error. */
void maqet_interrupt_restore(void);

/* While @deferred, one that has arrived neither ends a wait nor is taken: for last steps, of
 * which half would be worse than none or all. The next wait after that notices it. */
void maqet_interrupt_defer(bool deferred);

/* The signal that has arrived, whether it is taken or not; 0: none. */
int maqet_interrupt_number(void);

/* Ends the program by that signal, if one has arrived, so that a shell notices. */
void maqet_interrupt_end(void);

#endif
