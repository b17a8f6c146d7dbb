/* SPDX-License-Identifier: MIT */
/*
 * complaint.h - what a program has written to its standard error. If it is long, a log gets
 * all of it, and the message the last lines.
 */
#ifndef MAQET_BASE_COMPLAINT_H
#define MAQET_BASE_COMPLAINT_H

#include "core/base/text.h"

struct maqet_complaint {
    struct maqet_text text;
    uint64_t left_out; /* bytes between the beginning and the end */
    uint64_t lines;    /* line feeds in all of it */
};

void maqet_complaint_add(struct maqet_complaint *complaint, const char *bytes,
                         size_t count);
void maqet_complaint_clear(struct maqet_complaint *complaint);

#define _cleanup_complaint_ _cleanup_(maqet_complaint_clear)

/* What an error says of it, as the end of a sentence: ": no such file", or if it is
 * longer " (...):" and the last lines, and where the log is. Then all of it is written to
 * the file @log, if it is not NULL. "" if there is none. The caller frees. */
char *maqet_complaint_text(const struct maqet_complaint *complaint,
                           const char *const *argv, const char *log);

/* The last 64 KiB of it. The caller frees. */
char *maqet_complaint_end(const struct maqet_complaint *complaint);

/* Writes the command and all of the complaint to a file. Returns whether it could. */
bool maqet_complaint_log(const struct maqet_complaint *complaint, const char *const *argv,
                         const char *path);

#endif
