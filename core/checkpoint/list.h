/* SPDX-License-Identifier: MIT */
/*
 * list.h - which checkpoints there are.
 */
#ifndef MAQET_CHECKPOINT_LIST_H
#define MAQET_CHECKPOINT_LIST_H

#include <json-c/json.h>

#include "core/base/context.h"
#include "core/base/error.h"

/* What is known of each, as a list of objects, the oldest first: name, date (s), method,
 * pause (ms), size (the length of the file), allocated (what it takes on the disk) and
 * memory (bytes), drives, machine, qemu. The caller puts it. */
json_object *maqet_checkpoint_list(const struct maqet_context *context, const char *vm,
                                   struct maqet_error **err);

#endif
