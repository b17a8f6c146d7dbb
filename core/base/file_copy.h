/* SPDX-License-Identifier: MIT */
/*
 * file_copy.h - the content of a file in another one, with its holes.
 */
#ifndef MAQET_BASE_FILE_COPY_H
#define MAQET_BASE_FILE_COPY_H

#include <stdbool.h>

#include "core/base/error.h"

/* Called after each piece. */
typedef void maqet_file_copy_report(void *data, uint64_t done, uint64_t total);

/* Fills the empty file @to with the content of the regular file @from. *shared: the file system
 * lets both share their data, so nothing was moved. An interrupt is an error. @path is that
 * of @to, for messages. */
int maqet_file_copy(int from, int to, const char *path, maqet_file_copy_report *report,
                    void *data, bool *shared, struct maqet_error **err);

#endif
