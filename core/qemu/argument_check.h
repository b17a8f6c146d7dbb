/* SPDX-License-Identifier: MIT */
/*
 * argument_check.h - the user's own arguments against the tables of qemu_options.h.
 */
#ifndef MAQET_QEMU_ARGUMENT_CHECK_H
#define MAQET_QEMU_ARGUMENT_CHECK_H

#include "core/base/context.h"
#include "core/base/error.h"

/* Under which circumstances QEMU is to run. */
struct maqet_qemu_manner {
    bool sandboxed, detached;
};

/* Whether QEMU may have these `arguments` (NULL: none), which are of the right form. */
int maqet_arguments_check_allowed(json_object *list,
                                  const struct maqet_qemu_manner *manner,
                                  struct maqet_error **err);

/*
 * Whether each file (by the places in the list, which may be NULL or no list) gives once
 * what QEMU takes once: it would use the last, and tell nobody. Files that were laid over
 * one another may well repeat an option.
 */
int maqet_arguments_check_repeated(json_object *list, struct maqet_error **err);

/* Warns of those that it may have: "vm.yaml:7:5: -x ...". */
void maqet_arguments_warn(json_object *list, const struct maqet_qemu_manner *manner,
                          const struct maqet_context *context);

#endif
