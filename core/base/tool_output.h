/* SPDX-License-Identifier: MIT */
/*
 * tool_output.h - what a program writes to its standard error: all of it goes to a log
 * where there is much, and the last lines into the message of an error.
 */
#ifndef MAQET_BASE_TOOL_OUTPUT_H
#define MAQET_BASE_TOOL_OUTPUT_H

#include "core/base/text.h"

/* Zero-initialised is empty. */
struct maqet_tool_output {
    struct maqet_text beginning; /* of bounded size */
    struct maqet_text end;       /* what comes after it; only the last part is kept */
    uint64_t left_out;           /* bytes between the two */
    uint64_t lines;              /* line feeds in all of it */
};

void maqet_tool_output_add(struct maqet_tool_output *output, const char *bytes,
                           size_t count);
void maqet_tool_output_clear(struct maqet_tool_output *output);

/* Writes all of it to the file @log, which is replaced and readable by its owner only.
 * @argv is the command. Returns whether it could: the folder must be there, and be ours
 * alone. */
bool maqet_tool_output_log(const struct maqet_tool_output *output,
                           const char *const *argv, const char *log);

/*
 * What an error says of it, as the end of a sentence: ": it did not work", or
 * " (...):" and the last lines, where it is longer than a message should be. Then all of
 * it is written to the file @log (NULL: it is not), which is named. "" where nothing was
 * said. The caller frees.
 */
char *maqet_tool_output_text(const struct maqet_tool_output *output,
                             const char *const *argv, const char *log);

#endif
