/* SPDX-License-Identifier: MIT */
/*
 * migration_limits.h - how fast precopy writes the memory, and what is done before it may pause the
 * guest.
 */
#ifndef MAQET_QEMU_MIGRATION_LIMITS_H
#define MAQET_QEMU_MIGRATION_LIMITS_H

#include <sys/types.h>

#include "core/qemu/migration_save.h"

/*
 * QEMU flushes the images while the guest is paused, at the end of precopy. If the disk is busy with the
 * memory that was just written, that takes hundreds of milliseconds. So before the end of its first
 * pass, after which it may be done at any moment, precopy is held: QEMU hardly writes until all is on
 * the disk. Near the end it is slow, and is held again when nearly nothing is left.
 */
struct maqet_migration_hold {
    enum {
        MAQET_HOLD_LATER,
        MAQET_HOLD_NOW,
        MAQET_HOLD_AGAIN, /* soon */
        MAQET_HOLD_OVER
    } state;
    bool slow;
    int64_t since;   /* when it was held, by maqet_now() */
    off_t synced;    /* bytes of the memory's file */
    int64_t flushed; /* when soon() was called last */
    /* What QEMU told last. */
    bool first_pass, later_pass;
    uint64_t total, left; /* bytes of memory, and those of them that are to be written */
};

/* Sets the limits of precopy: a short pause, and only the disk limits what is written. */
int maqet_migration_set_limits(struct maqet_qmp *qmp, struct maqet_error **err);

/* Sets what was there before, by "query-migrate-parameters", or QEMU's own limits if that is what a
 * command has left that was killed. */
void maqet_migration_restore_limits(struct maqet_qmp *qmp, json_object *before);

/* Does a part of what shortens the pause: precopy may be held, and then brings a part of what was
 * written to the disk; and soon() is called now and then. It returns soon, since the guest may be paused at
 * any moment. While it is held, the caller comes again at once. */
int maqet_migration_approach(struct maqet_qmp *qmp,
                             const struct maqet_migration_save *save,
                             struct maqet_migration_hold *hold, struct maqet_error **err);

/* ms between two queries of the progress; NULL: of one that is never held. Changes of the state arrive as
 * events. */
int64_t maqet_migration_interval(const struct maqet_migration_hold *hold);

#endif
