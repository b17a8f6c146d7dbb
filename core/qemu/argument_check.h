/* SPDX-License-Identifier: MIT */
/*
 * argument_check.h - checks the user's own arguments against the tables of qemu_options.h.
 */
#ifndef MAQET_QEMU_ARGUMENT_CHECK_H
#define MAQET_QEMU_ARGUMENT_CHECK_H

#include "core/base/context.h"
#include "core/base/error.h"

/* How QEMU is to run. */
struct maqet_qemu_manner {
    bool sandboxed, detached;
};

/* Refuses `arguments` (NULL: none; their form was checked) that cannot work with maqet, and
 * repeated ones. */
int maqet_arguments_check_allowed(json_object *list,
                                  const struct maqet_qemu_manner *manner,
                                  struct maqet_error **err);

/* Refuses an option that QEMU takes once, if one file gives it twice: QEMU would silently
 * use the last. Files that are merged may repeat an option. The list may be NULL, or
 * something else. */
int maqet_arguments_check_repeated(json_object *list, struct maqet_error **err);

/* Warns of those that are allowed, but may not do what is expected. */
void maqet_arguments_warn(json_object *list, const struct maqet_qemu_manner *manner,
                          const struct maqet_context *context);

#endif
