/* SPDX-License-Identifier: MIT */
/*
 * sandbox_rules.h - how a machine's QEMU is kept from the rest of the host: the options and
 * rules that come of the keys `sandbox` and `run_as`, and of the machine's own files.
 */
#ifndef MAQET_MACHINE_SANDBOX_RULES_H
#define MAQET_MACHINE_SANDBOX_RULES_H

#include "core/machine/vm.h"
#include "core/qemu/confinement.h"

/* The keys `sandbox` and `run_as`. */
struct maqet_sandbox {
    bool seccomp;               /* QEMU's own filter of system calls (-sandbox) */
    bool landlock;              /* it may open only what was looked at */
    struct maqet_strings read;  /* absolute paths that it may read, too */
    struct maqet_strings write; /* and read and write */
    const char *user; /* whom it becomes (`run_as`); the tree's; NULL: nobody else */
};

/* Reads them from the tree of a definition. */
void maqet_sandbox_read(json_object *tree, struct maqet_sandbox *sandbox);
void maqet_sandbox_clear(struct maqet_sandbox *sandbox);

#define _cleanup_sandbox_ _cleanup_(maqet_sandbox_clear)

/* The options of QEMU's that come of the keys. */
void maqet_sandbox_add_arguments(const struct maqet_vm *vm, struct maqet_args *args);

/* Whether the user that QEMU is to become exists, and we may become him. */
int maqet_sandbox_check_user(const struct maqet_vm *vm, struct maqet_error **err);

/*
 * Gets the rules for a start with this command line; the ruleset is -1 where nothing is
 * confined. @dir_fd is the run folder, in which QEMU's own folder is made, and what may
 * be opened is written down for people (MAQET_RUN_RULES). @scratch is where QEMU's
 * temporary files go, if it has any; else NULL. The caller frees.
 */
int maqet_sandbox_confine(const struct maqet_vm *vm, const struct maqet_strings *argv,
                          int dir_fd, struct maqet_confinement *confinement,
                          char **scratch, struct maqet_error **err);

/* Gives QEMU its own folder, in which it can remove its PID file as the user that it has
 * become, once it has written that file: it answers. */
int maqet_sandbox_hand_over(const struct maqet_vm *vm, int dir_fd,
                            struct maqet_error **err);

/* What there is to be said where QEMU was denied a file: by which rules, and how to add
 * one. NULL: it is not confined. The caller frees. */
char *maqet_sandbox_hint(int dir_fd);

/* What confines a QEMU that runs. */
struct maqet_confined {
    bool has_landlock;
    int landlock; /* the version of Landlock by which it was confined */
    bool seccomp; /* system calls are filtered */
    char *user;   /* whom it runs as; NULL: the user has no name */
};

/* Of the QEMU of a machine, with this PID. The caller frees the user. */
void maqet_sandbox_describe(const struct maqet_context *context, const char *name,
                            int pid, struct maqet_confined *confined);

#endif
