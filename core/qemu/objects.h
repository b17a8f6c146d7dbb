/* SPDX-License-Identifier: MIT */
/*
 * objects.h - what plugins append (maqet_args_blockdev and the like in maqet-plugin.h),
 * and how it is rendered for QEMU's command line: JSON for -object, -blockdev and
 * -device, and key=value with doubled commas for -fsdev, which takes no JSON.
 *
 * In JSON, a number in a dotted key is a place in a list, as in QEMU's own dotted keys:
 * "server.0.host", "server.1.host".
 */
#ifndef MAQET_QEMU_OBJECTS_H
#define MAQET_QEMU_OBJECTS_H

#include "core/base/error.h"

struct maqet_args *maqet_args_new(void);
void maqet_args_free(struct maqet_args *args);
void maqet_args_cleanup(struct maqet_args **args);

#define _cleanup_args_ _cleanup_(maqet_args_cleanup)

/*
 * What a plugin did wrong with its objects so far: the first fault, as a sentence that
 * names the object, or NULL. Faults are a key that is set twice or is malformed, a
 * malformed or overlong id, two objects of one kind with the same id, a text that JSON
 * can't carry (it is no UTF-8).
 */
const char *maqet_args_fault(const struct maqet_args *args);

/* Appends the objects to a command line, in the order in which they were appended. */
void maqet_args_render(const struct maqet_args *args, struct maqet_strings *argv);

#endif
