/* SPDX-License-Identifier: MIT */
#include "core/storage/check.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "core/storage/callback.h"

/* ---- what plugins report (maqet-plugin.h) ---- */

/* Whether a file is the drive's own, and not one that the user names as its base. */
static bool
is_own(const struct maqet_drive *drive, const char *path)
{
    for (size_t i = 0; i < drive->chain.count; i++) {
        const struct maqet_node *node = &drive->chain.nodes[i];

        if (strcmp(node->file ? node->file : "", path) == 0)
            return node->creator != MAQET_NODE_DECLARED;
    }
    return !drive->path;
}

static struct maqet_checked_file *
file_of(struct maqet_check_report *report, const char *path)
{
    const struct maqet_drive *drive = report->drive;

    for (size_t i = 0; i < report->count; i++)
        if (strcmp(report->files[i].path, path) == 0)
            return &report->files[i];
    report->files =
        maqet_realloc(report->files, (report->count + 1) * sizeof(*report->files));
    struct maqet_checked_file *file = &report->files[report->count++];
    *file = (struct maqet_checked_file){
        .path = maqet_strdup(path),
        .written = !maqet_drive_readonly(drive) && is_own(drive, path),
    };
    return file;
}

void
maqet_check_damage(struct maqet_check_report *report, const char *path,
                   const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    maqet_strings_take(&file_of(report, path ? path : "")->damage,
                       maqet_vformat(format, arguments));
    va_end(arguments);
}

void
maqet_check_counts(struct maqet_check_report *report, const char *path, uint64_t errors,
                   uint64_t leaks, uint64_t errors_fixed, uint64_t leaks_fixed)
{
    struct maqet_checked_file *file = file_of(report, path ? path : "");

    file->counted = true;
    file->errors = errors;
    file->leaks = leaks;
    file->errors_fixed = errors_fixed;
    file->leaks_fixed = leaks_fixed;
}

/* ---- asking ---- */

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

bool
maqet_drive_can_be_checked(const struct maqet_drive *drive)
{
    return drive->storage->plugin.check != NULL;
}

int
maqet_drive_check(struct maqet_check_report *report, enum maqet_check_depth depth,
                  struct maqet_error **err)
{
    const struct maqet_drive *drive = report->drive;

    maqet_check_report_clear(report);
    if (depth != MAQET_CHECK_QUICK)
        unlink(drive->log); /* so that what is there afterwards is of this check */
    return maqet_storage_check(drive, depth, report, err);
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
