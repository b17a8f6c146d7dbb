/* SPDX-License-Identifier: MIT */
#include "core/qemu/migration_limits.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/qemu/migration.h"

/* The pause that precopy may cause, in ms, and the bytes per second that it may write:
 * only the disk limits them. */
enum { DOWNTIME_LIMIT = 20 };
static const int64_t BANDWIDTH = INT64_C(1) << 40;

/* While precopy is held: bytes per second that it may write, and bytes that are brought to the disk at a
 * time. It is held when not more than this part of the memory is left of its first pass, and not less
 * than some bytes, and not for longer than some ms. */
enum {
    HELD_BANDWIDTH = 1 << 20,
    HELD_STEP = 8 << 20,
    HELD_PART = 8,
    HELD_LEAST = 32 << 20
};
static const int64_t HELD_TIMEOUT = 60000;

/* ms between two calls of soon(), which may take long if the disk is busy. */
static const int64_t SOON_INTERVAL = 2000;

/* QEMU's own limits. */
enum { DEFAULT_DOWNTIME = 300, DEFAULT_BANDWIDTH = 128 << 20 };

/* ---- limits ---- */

static int
set(struct maqet_qmp *qmp, int64_t downtime, int64_t bandwidth, struct maqet_error **err)
{
    return maqet_migration_tell(
        qmp, "migrate-set-parameters",
        maqet_json_object("downtime-limit", json_object_new_int64(downtime),
                          "max-bandwidth", json_object_new_int64(bandwidth), NULL),
        err);
}

int
maqet_migration_set_limits(struct maqet_qmp *qmp, struct maqet_error **err)
{
    return set(qmp, DOWNTIME_LIMIT, BANDWIDTH, err);
}

void
maqet_migration_restore_limits(struct maqet_qmp *qmp, json_object *before)
{
    int64_t bandwidth = maqet_json_int(before, "max-bandwidth");

    if (bandwidth == BANDWIDTH || bandwidth == HELD_BANDWIDTH)
        set(qmp, DEFAULT_DOWNTIME, DEFAULT_BANDWIDTH, NULL);
    else
        set(qmp, maqet_json_int(before, "downtime-limit"), bandwidth, NULL);
}

/* ---- before the pause ---- */

static void
flush(const struct maqet_migration_save *save, struct maqet_migration_hold *hold)
{
    save->soon(save->data);
    hold->flushed = maqet_now();
}

static int
begin(struct maqet_qmp *qmp, struct maqet_migration_hold *hold, struct maqet_error **err)
{
    hold->state = MAQET_HOLD_NOW;
    hold->since = maqet_now();
    return set(qmp, DOWNTIME_LIMIT, HELD_BANDWIDTH, err);
}

/* In small parts: if QEMU is done nevertheless, the caller must notice that. */
static int
go_on(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
      struct maqet_migration_hold *hold, struct maqet_error **err)
{
    struct stat status;

    if (!hold->later_pass && maqet_now() - hold->since < HELD_TIMEOUT &&
        fstat(save->memory, &status) == 0 && hold->synced < status.st_size) {
        sync_file_range(save->memory, hold->synced, HELD_STEP,
                        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                            SYNC_FILE_RANGE_WAIT_AFTER);
        hold->synced += HELD_STEP;
        return 0;
    }
    flush(save, hold);
    hold->state = MAQET_HOLD_OVER;
    return maqet_migration_set_limits(qmp, err);
}

int
maqet_migration_approach(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
                         struct maqet_migration_hold *hold, struct maqet_error **err)
{
    if (hold->state == MAQET_HOLD_NOW)
        return go_on(qmp, save, hold, err);
    if (hold->later_pass || save->memory < 0)
        hold->state = MAQET_HOLD_OVER;
    if (hold->state == MAQET_HOLD_LATER && hold->first_pass &&
        hold->left <= hold->total / HELD_PART && hold->left >= HELD_LEAST)
        return begin(qmp, hold, err);
    if (hold->state == MAQET_HOLD_OVER && maqet_now() - hold->flushed >= SOON_INTERVAL)
        flush(save, hold);
    return 0;
}
