/* SPDX-License-Identifier: MIT */
/*
 * actions.h - the actions that a plugin appends for a drive that QEMU has open
 * (maqet_actions_add in maqet-plugin.h): commands of the monitor with typed arguments.
 */
#ifndef MAQET_QEMU_ACTIONS_H
#define MAQET_QEMU_ACTIONS_H

#include "core/base/error.h"

struct maqet_actions *maqet_actions_new(void);
void maqet_actions_cleanup(struct maqet_actions **actions);

#define _cleanup_actions_ _cleanup_(maqet_actions_cleanup)

/* As maqet_args_fault(). */
const char *maqet_actions_fault(const struct maqet_actions *actions);

size_t maqet_actions_count(const struct maqet_actions *actions);
const char *maqet_actions_name(const struct maqet_actions *actions, size_t index);

/* What the action is told, as an object; the caller puts it. */
json_object *maqet_actions_arguments(const struct maqet_actions *actions, size_t index);

#endif
