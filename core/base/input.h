/* SPDX-License-Identifier: MIT */
/*
 * input.h - what somebody may never write, so that waiting for it has a deadline, and ends with
 * an interrupt (core/base/interrupt.h).
 */
#ifndef MAQET_BASE_INPUT_H
#define MAQET_BASE_INPUT_H

#include "core/base/clock.h"
#include "core/base/error.h"

/* Waits until a descriptor has something to read, or its end. Returns 1, or 0 if the deadline
 * has passed, or -1 with an error after an interrupt. */
int maqet_input_wait(int fd, struct maqet_deadline deadline, struct maqet_error **err);

/* Reads a descriptor to its end, at most @limit bytes; @name is for messages. *data ends with
 * a NUL; the caller frees. */
int maqet_input_read(int fd, const char *name, size_t limit, char **data, size_t *length,
                     struct maqet_error **err);

#endif
