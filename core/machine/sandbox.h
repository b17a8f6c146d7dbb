/* SPDX-License-Identifier: MIT */
/*
 * sandbox.h - what a machine's QEMU is kept from: the keys `sandbox` and `run_as`. What
 * comes of them stands in sandbox_rules.h.
 */
#ifndef MAQET_MACHINE_SANDBOX_H
#define MAQET_MACHINE_SANDBOX_H

#include <json-c/json.h>

#include "core/base/error.h"

/* The key `sandbox`: on or off, or a mapping of what is to be different. */
struct maqet_sandbox {
    bool seccomp;               /* QEMU's own filter of system calls (-sandbox) */
    bool landlock;              /* it may open only what was looked at */
    struct maqet_strings read;  /* absolute paths that it may read, too */
    struct maqet_strings write; /* and read and write */
    const char *user; /* whom it becomes (`run_as`); the tree's; NULL: nobody else */
};

/* The switches of the mapping, which a definition's schema tells of. */
const struct maqet_option *maqet_sandbox_options(void);

/* Checks the keys in a definition's tree: their form, and nothing on the disk. */
int maqet_sandbox_check(json_object *tree, struct maqet_error **err);

/* Reads them from a tree that was checked. */
void maqet_sandbox_read(json_object *tree, struct maqet_sandbox *sandbox);
void maqet_sandbox_clear(struct maqet_sandbox *sandbox);

#define _cleanup_sandbox_ _cleanup_(maqet_sandbox_clear)

#endif
