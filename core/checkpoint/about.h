/* SPDX-License-Identifier: MIT */
/*
 * about.h - what the state of a checkpoint will fit: the machine as it runs.
 */
#ifndef MAQET_CHECKPOINT_ABOUT_H
#define MAQET_CHECKPOINT_ABOUT_H

#include <json-c/json.h>

#include "core/checkpoint/creatable.h"

/* What the state can be loaded into: the machine's type, the processor, QEMU's version
 * and command line, the drives. NULL on error; the caller puts it. */
json_object *maqet_about_describe(struct maqet_session *session, struct maqet_qmp *qmp,
                                  const struct maqet_making *making,
                                  struct maqet_error **err);

#endif
