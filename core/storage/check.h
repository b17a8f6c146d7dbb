/* SPDX-License-Identifier: MIT */
/*
 * check.h - checks the files of a drive for damage, by its plugin: quickly or thoroughly.
 */
#ifndef MAQET_STORAGE_CHECK_H
#define MAQET_STORAGE_CHECK_H

#include "core/storage/drive.h"

/* The result for one file. */
struct maqet_checked_file {
    char *path;
    bool written; /* it is the drive's own image, and the guest may write to it */
    struct maqet_strings damage; /* phrases that follow the path */
    bool counted;                /* the numbers are known */
    uint64_t errors;
    uint64_t leaks; /* clusters */
    uint64_t errors_fixed;
    uint64_t leaks_fixed;
};

/* Zero-initialised except for the drive. */
struct maqet_check_report {
    const struct maqet_drive *drive;
    struct maqet_checked_file *files;
    size_t count;
};

void maqet_check_report_clear(struct maqet_check_report *report);

#define _cleanup_check_report_ _cleanup_(maqet_check_report_clear)

/* Fills a report for its drive. MAQET_ERROR_UNSUPPORTED: the type cannot be checked. */
int maqet_drive_check(struct maqet_check_report *report, enum maqet_check_depth depth,
                      struct maqet_error **err);

/* Leaked clusters alone are not damage. */
bool maqet_checked_file_is_damaged(const struct maqet_checked_file *file);

/* "/images/base is damaged: it is marked as corrupt". The caller frees. */
char *maqet_checked_file_text(const struct maqet_checked_file *file);

#endif
