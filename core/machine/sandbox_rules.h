/* SPDX-License-Identifier: MIT */
/*
 * sandbox_rules.h - the confinement of a machine's QEMU: the options and rules that
 * follow from the keys `sandbox` and `run_as`, and from the machine's own files.
 */
#ifndef MAQET_MACHINE_SANDBOX_RULES_H
#define MAQET_MACHINE_SANDBOX_RULES_H

#include "core/machine/vm.h"
#include "core/qemu/confinement.h"

/* Adds QEMU's options for these keys. */
void maqet_sandbox_add_arguments(const struct maqet_vm *vm, struct maqet_args *args);

/* Whether QEMU may not run other programs. */
bool maqet_sandbox_denies_programs(const struct maqet_vm *vm);

/* Whether the user of `run_as` exists. */
int maqet_sandbox_find_user(const struct maqet_vm *vm, struct maqet_error **err);

/* The same, and QEMU may switch to it. */
int maqet_sandbox_check_user(const struct maqet_vm *vm, struct maqet_error **err);

/* Gets the rules for a start with this command line; the ruleset is -1 if nothing is
 * confined. In @dir_fd, the run folder, it creates QEMU's own folder, and lists for
 * people what QEMU may open (MAQET_RUN_RULES). *scratch gets the folder for QEMU's
 * temporary files, if it needs one, or NULL; the caller frees. */
int maqet_sandbox_confine(const struct maqet_vm *vm, const struct maqet_strings *argv,
                          int dir_fd, struct maqet_confinement *confinement,
                          char **scratch, struct maqet_error **err);

/* The same for a QEMU that has drives of the machine, but no guest (backup/apart.h): nothing
 * is created in the run folder. */
int maqet_sandbox_confine_apart(const struct maqet_vm *vm,
                                const struct maqet_strings *argv,
                                struct maqet_confinement *confinement,
                                struct maqet_error **err);

/* Gives QEMU's own folder to the user that it has switched to, so that it can remove its
 * PID file. It has written that file once it answers. */
int maqet_sandbox_hand_over(const struct maqet_vm *vm, int dir_fd,
                            struct maqet_error **err);

/* A hint for a QEMU that was denied a file: the rules, and how to add one. NULL: it is
 * not confined. The caller frees. */
char *maqet_sandbox_hint(int dir_fd);

/* What confines a QEMU that runs. */
struct maqet_confined {
    bool has_landlock;
    int landlock; /* the version of Landlock */
    bool seccomp; /* system calls are filtered */
    char *user;   /* the user that it runs as; NULL: it has no name */
};

/* Of the QEMU of a machine, with this PID. The caller frees the user. */
void maqet_sandbox_describe(const struct maqet_context *context, const char *name,
                            int pid, struct maqet_confined *confined);

#endif
