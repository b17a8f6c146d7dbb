/* SPDX-License-Identifier: MIT */
#include "core/storage/check.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "core/storage/callback.h"

void
maqet_check_report_clear(struct maqet_check_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        free(report->files[i].path);
        maqet_strings_clear(&report->files[i].damage);
    }
    free(report->files);
    *report = (struct maqet_check_report){.drive = report->drive};
}

int
maqet_drive_check(struct maqet_check_report *report, enum maqet_check_depth depth,
                  struct maqet_error **err)
{
    const struct maqet_drive *drive = report->drive;

    maqet_check_report_clear(report);
    if (!drive->storage->plugin.check)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                 "the type %s cannot be checked for damage",
                                 drive->storage->plugin.name);
    if (depth != MAQET_CHECK_QUICK)
        unlink(drive->log); /* afterwards it has the output of this check only */
    int64_t limit = depth == MAQET_CHECK_QUICK ? MAQET_CALL_QUICK : MAQET_CALL_LONG;
    return MAQET_STORAGE_CALL(err, drive, limit, check, depth, report);
}

bool
maqet_checked_file_is_damaged(const struct maqet_checked_file *file)
{
    return file->damage.count > 0 || file->errors > 0;
}

char *
maqet_checked_file_text(const struct maqet_checked_file *file)
{
    struct maqet_text text = MAQET_TEXT_INIT;
    const char *before = ": ";

    maqet_text_appendf(&text, "%s is damaged", *file->path ? file->path : "its content");
    for (size_t i = 0; i < file->damage.count; i++, before = "; ")
        maqet_text_appendf(&text, "%s%s", before, file->damage.items[i]);
    if (file->errors > 0)
        maqet_text_appendf(&text, "%s%" PRIu64 " error%s", before, file->errors,
                           file->errors == 1 ? "" : "s");
    return maqet_text_take(&text);
}
