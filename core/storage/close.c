/* SPDX-License-Identifier: MIT */
#include "core/storage/close.h"

#include "core/storage/callback.h"
#include "core/storage/entry.h"
#include "core/storage/handle.h"

static void
close_one(const struct maqet_drive *drive, void *value)
{
    MAQET_CALL(MAQET_CALL_SERVICE);

    maqet_drive_call_concerns(drive, false, "close");
    drive->storage->plugin.close(drive, value);
    maqet_drive_judge(drive, drive->storage->plugin.name, "close", 0, NULL);
}

void
maqet_drives_close(void)
{
    struct maqet_handle handle;

    while (maqet_handle_take(&handle)) {
        close_one(handle.drive, handle.value);
        if (handle.kept)
            maqet_drive_free(handle.drive);
        maqet_handle_clear(&handle);
    }
}
