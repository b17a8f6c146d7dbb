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
 * time; it is held for some ms at most. */
enum { HELD_BANDWIDTH = 1 << 20, HELD_STEP = 8 << 20 };
static const int64_t HELD_TIMEOUT = 60000;

/* It is held when not more than so many bytes are left of its first pass, or this part of the memory; then
 * slow once so many bytes are left, and held again when not more than these last are. QEMU keeps to a
 * bandwidth in tenths of a second, so in one of them, it writes less than these last bytes if it is slow. A
 * command that was killed leaves a bandwidth that nobody else sets. */
enum {
    NEAR = 256 << 20,
    NEAR_PART = 8,
    SLOW_BANDWIDTH = (256 << 20) + 1,
    LAST = 48 << 20,
};

/* ms between two queries of the progress: usually, and while it is slow. */
static const int64_t QUERY_INTERVAL = 200, SLOW_INTERVAL = 20;

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

    if (bandwidth == BANDWIDTH || bandwidth == HELD_BANDWIDTH ||
        bandwidth == SLOW_BANDWIDTH)
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
    hold->synced = 0;
    return set(qmp, DOWNTIME_LIMIT, HELD_BANDWIDTH, err);
}

static int
end(struct maqet_qmp *qmp, struct maqet_migration_hold *hold, struct maqet_error **err)
{
    bool again = hold->first_pass && hold->left > LAST;

    hold->state = again ? MAQET_HOLD_AGAIN : MAQET_HOLD_OVER;
    hold->slow = again && hold->left <= NEAR;
    return set(qmp, DOWNTIME_LIMIT, hold->slow ? SLOW_BANDWIDTH : BANDWIDTH, err);
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
    return end(qmp, hold, err);
}

/* Whether it is to be held now. */
static bool
is_due(const struct maqet_migration_hold *hold)
{
    bool near = hold->left <= NEAR || hold->left <= hold->total / NEAR_PART;

    return hold->first_pass && hold->total > 0 &&
           ((hold->state == MAQET_HOLD_LATER && near) ||
            (hold->state == MAQET_HOLD_AGAIN && hold->left <= LAST));
}

int
maqet_migration_approach(struct maqet_qmp *qmp, const struct maqet_migration_save *save,
                         struct maqet_migration_hold *hold, struct maqet_error **err)
{
    if (hold->state == MAQET_HOLD_NOW)
        return go_on(qmp, save, hold, err);
    if (save->memory >= 0 && is_due(hold))
        return begin(qmp, hold, err);
    if (hold->state == MAQET_HOLD_AGAIN &&
        (hold->later_pass || (hold->left <= NEAR && !hold->slow)))
        return end(qmp, hold, err);
    if (hold->later_pass || save->memory < 0)
        hold->state = MAQET_HOLD_OVER;
    if (hold->state == MAQET_HOLD_OVER && maqet_now() - hold->flushed >= SOON_INTERVAL)
        flush(save, hold);
    return 0;
}

int64_t
maqet_migration_interval(const struct maqet_migration_hold *hold)
{
    switch (hold ? hold->state : MAQET_HOLD_OVER) {
    case MAQET_HOLD_NOW:
        return 0;
    case MAQET_HOLD_AGAIN:
        return SLOW_INTERVAL;
    case MAQET_HOLD_LATER:
    case MAQET_HOLD_OVER:
        break;
    }
    return QUERY_INTERVAL;
}
