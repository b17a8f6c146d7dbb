/* SPDX-License-Identifier: MIT */
#include "core/machine/panic.h"

#include <fcntl.h>
#include <string.h>

#include "core/base/logfile.h"
#include "core/base/unstyled.h"
#include "core/machine/keeper.h"
#include "core/machine/store.h"

/* Bytes at the end of the log that are looked at. */
enum { TAIL = 8192 };

/* The last lines of the console's log, as plain text; "": there are none. The caller frees. */
static char *
last_lines(const struct maqet_context *context, const char *name)
{
    _cleanup_free_ char *folder = maqet_store_file(context, name, ".");
    _cleanup_close_ int dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_logfile_ struct maqet_logfile log = MAQET_LOGFILE_INIT;
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;
    struct maqet_unstyled unstyled = MAQET_UNSTYLED_INIT;
    char chunk[1024];

    if (dir_fd < 0 ||
        maqet_logfile_open_reader(dir_fd, MAQET_CONSOLE_LOG, &log, NULL) < 0)
        return maqet_strdup("");
    uint64_t position = log.end > TAIL ? log.end - TAIL : 0;
    for (size_t count;
         (count = maqet_logfile_read(&log, &position, chunk, sizeof(chunk))) > 0;)
        maqet_unstyled_add(&unstyled, chunk, count, &text);
    maqet_unstyled_end(&unstyled, &text);
    while (text.length > 0 && text.data[text.length - 1] == '\n')
        text.data[--text.length] = '\0';
    return maqet_strdup(
        text.length > 0 ? maqet_text_last_lines(text.data, text.length, NULL) : "");
}

struct maqet_error *
maqet_panic_notice(const struct maqet_context *context, const char *name)
{
    _cleanup_free_ char *lines = last_lines(context, name);
    struct maqet_error *notice = NULL;

    maqet_error_set(&notice, MAQET_ERROR_STATE,
                    "The kernel of the guest of VM '%s' has panicked. %s%s", name,
                    *lines ? "The last lines on its console:\n"
                           : "It has no console whose last lines could be shown",
                    lines);
    maqet_error_next(&notice, MAQET_NEXT_STOP_AND_START, name, NULL);
    return notice;
}
