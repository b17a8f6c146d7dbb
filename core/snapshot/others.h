/* SPDX-License-Identifier: MIT */
/*
 * others.h - what the guest can write to besides the machine's drives: it is not in any
 * snapshot, and in a checkpoint only as far as it is part of the devices' state.
 */
#ifndef MAQET_SNAPSHOT_OTHERS_H
#define MAQET_SNAPSHOT_OTHERS_H

#include "core/qemu/writables.h"
#include "core/snapshot/session.h"

/*
 * Finds them: QEMU is asked if it runs, since they may have been added by its monitor, else
 * they are in the machine's `arguments`, where they have the same names. Those whose changes
 * QEMU discards (snapshot=on) are left out.
 */
int maqet_others_find(struct maqet_session *session, struct maqet_writables *others,
                      struct maqet_error **err);

/* "'drive0' (disk, vm.yaml:7:3: data.img)". The caller frees. */
char *maqet_other_text(const struct maqet_writable *other);

#endif
