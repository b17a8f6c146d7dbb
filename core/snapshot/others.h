/* SPDX-License-Identifier: MIT */
/*
 * others.h - what the guest can write to besides the machine's drives: no snapshot holds
 * it, and a checkpoint only what is part of the devices' state.
 */
#ifndef MAQET_SNAPSHOT_OTHERS_H
#define MAQET_SNAPSHOT_OTHERS_H

#include "core/qemu/writables.h"
#include "core/snapshot/session.h"

/*
 * Finds them: QEMU is asked when it runs, since they may have been added by its monitor;
 * else the machine's `arguments` tell. What is in `arguments` has the same name either
 * way. What the guest writes to in vain (snapshot=on) is none of them.
 */
int maqet_others_find(struct maqet_session *session, struct maqet_writables *others,
                      struct maqet_error **err);

/* "'drive0' (disk, vm.yaml:7:3: data.img)". The caller frees. */
char *maqet_other_text(const struct maqet_writable *other);

#endif
