/* SPDX-License-Identifier: MIT */
/*
 * mappable.h - whether the memory of a guest can be saved to a file of its own, which a load
 * maps (core/qemu/migration_split.h).
 */
#ifndef MAQET_CHECKPOINT_MAPPABLE_H
#define MAQET_CHECKPOINT_MAPPABLE_H

#include "core/checkpoint/request.h"
#include "core/machine/checkpoint_files.h"
#include "core/machine/opened.h"

struct maqet_mappable {
    char *block;     /* QEMU's name of the memory; NULL: it cannot */
    char *reason;    /* then, why */
    bool pages_vary; /* see struct maqet_split_plan */
};

void maqet_mappable_clear(struct maqet_mappable *mappable);

#define _cleanup_mappable_ _cleanup_(maqet_mappable_clear)

/* @about has the arguments and the size of the memory. -1 only if QEMU does not answer. */
int maqet_mappable_find(struct maqet_opened *machine, struct maqet_qmp *qmp,
                        const struct maqet_checkpoint_request *request,
                        const struct maqet_checkpoint *about,
                        struct maqet_mappable *mappable, struct maqet_error **err);

/* Whether that version of QEMU maps a file that it has opened only for reading. */
bool maqet_mappable_readonly(int version);

#endif
